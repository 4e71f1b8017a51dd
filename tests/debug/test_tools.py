"""gdb and perf on compiled modules: the sessions of docs/debugging.md."""
import re
import shutil
import unittest

from debugging import MPIWASM, Debugging, marked_lines

SETUP = ("set pagination off", "set debuginfod enabled off", "set breakpoint pending on", "set width 0")


class Gdb(Debugging):
    def setUp(self):
        super().setUp()
        if not shutil.which("gdb"):
            self.skipTest("gdb is not installed")
        tried = self.run_any("gdb", "-batch", "-nx", "-ex", "run", "--args", "true")
        if "exited normally" not in tried.stdout:
            self.skipTest("gdb cannot trace processes here: " + tried.stderr.strip().splitlines()[-1])

    def gdb(self, *commands, program, options=()):
        words = [word for command in (*SETUP, *commands) for word in ("-ex", command)]
        return self.run_any("gdb", "-batch", "-nx", *words, "--args", MPIWASM, "run", *options, *program).stdout

    def test_break_and_step(self):
        line = marked_lines("trap.c")
        module = self.build("trap.c", "-O0", "-g")
        text = self.gdb("break trap.c:fill", "run", "backtrace", "next", "next", "step", "next", "next", "finish", "delete",
                        f"break trap.c:{line['main']}", "continue", program=(module, "0"), options=("-O0",))
        self.assertRegex(text, r"hit Breakpoint 1[^\n]* fill \(\) at \S*trap\.c:\d+")
        self.assertRegex(text, rf"#0 [^\n]*fill \(\)[^\n]*\n#1 [^\n]* work \(\) at \S*trap\.c:{line['work']}\n"
                               r"#2 [^\n]* main \(\) at \S*trap\.c:\d+\n")
        self.assertRegex(text, rf"\n{line['fill']}\t +set\(at \+ i, i\); // fill\n")
        self.assertRegex(text, rf"\nset \(\) at \S*trap\.c:\d+\n(?:[^\n]*\n)+{line['set']}\t +\*at = value; // set\n")
        self.assertRegex(text, rf"hit Breakpoint 2[^\n]* main \(\) at \S*trap\.c:{line['main']}\n")

    def test_stops_at_the_trap(self):
        line = marked_lines("trap.c")
        module = self.build("trap.c", "-O3", "-g")
        text = self.gdb("run", "backtrace", "info symbol $pc", program=(module, "0"))
        self.assertIn("received signal SIGSEGV", text)
        for number, name, mark in ((0, "set", "set"), (1, "fill", "fill"), (2, "work", "work"), (3, "main", "main")):
            self.assertRegex(text, rf"\n#{number} [^\n]*{name} \(\) at \S*trap\.c:{line[mark]}\n")
        self.assertRegex(text, r"\nwork\.f\d+ ")

    def test_cxx(self):
        line = marked_lines("trap.cc")
        module = self.build("trap.cc", "-O0", "-g")
        text = self.gdb("break mesh::Field::at", "run", "backtrace 3", program=(module, "0"), options=("-O0",))
        self.assertRegex(text, rf"\n#0 [^\n]*mesh::Field::at \(\) at \S*trap\.cc:\d+\n"
                               rf"#1 [^\n]*mesh::average<double> \(\) at \S*trap\.cc:{line['average']}\n"
                               rf"#2 [^\n]*smooth \(\) at \S*trap\.cc:{line['smooth']}\n")

    def test_names_without_dwarf(self):
        module = self.build("trap.c", "-O0", "-Wl,--strip-debug")
        self.run_ok(MPIWASM, "compile", "-O0", "-o", "program.so", module)
        symbol = re.search(r" t (fill\.f\d+)$", self.run_ok("nm", "program.so"), re.M).group(1)
        text = self.gdb(f"break {symbol}", "run", "backtrace 2", program=(module, "0"), options=("-O0",))
        self.assertRegex(text, rf"\n#0 [^\n]*{re.escape(symbol)} \(\) at program\.wasm:\d+\n#1 [^\n]*work\.f\d+ \(\)")


class Perf(Debugging):
    def record(self, module, *arguments):
        if not shutil.which("perf"):
            self.skipTest("perf is not installed")
        result = self.run_any("perf", "record", "-e", "cpu-clock", "-o", "perf.data", "true")
        if result.returncode:
            self.skipTest("perf cannot sample here: " + result.stderr.strip().splitlines()[-1])
        self.run_ok(MPIWASM, "compile", module)
        self.run_ok("perf", "record", "-e", "cpu-clock", "-F", "199", "-o", "perf.data", MPIWASM, "run", module, *arguments)

    def test_report(self):
        line = marked_lines("hot.cc")
        module = self.build("hot.cc", "-O3", "-g")
        self.record(module, "600")
        report = ("perf", "report", "-i", "perf.data", "--stdio", "--percent-limit", "5")
        functions = self.run_ok(*report, "--sort", "symbol")
        self.assertRegex(functions, r"\d\.\d+% +\[\.\] heat::Grid::relax\(int\)\.f\d+")
        lines = self.run_ok(*report, "--sort", "srcline")
        self.assertRegex(lines, rf"\d\.\d+% +hot\.cc:({line['average']}|{line['relax']})\b")


if __name__ == "__main__":
    unittest.main()
