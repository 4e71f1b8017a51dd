"""Traps tell function, file and line, also of calls that the guest's compiler inlined."""
import os
import re
import shutil
import unittest

from debugging import MPIWASM, Debugging, marked_lines

FRAME = re.compile(r"^mpiwasm:(?: rank \d+:)? +#(\d+) (.+?) \((inlined|function \d+(?:, offset 0x[0-9a-f]+)?)\)"
                   r"(?: at (\S+):(\d+))?$", re.M)
MPIRUNS = [name for name in ("mpirun.openmpi", "mpirun.mpich") if shutil.which(name)]


def frames(text):
    """(function without its parameters, how, file, line) of each frame."""
    return [(re.sub(r"\(.*\).*|^double ", "", name), how, file, line and int(line))
            for _, name, how, file, line in FRAME.findall(text)]


class Traps(Debugging):
    def check(self, program, text, functions, inlined):
        """`functions`: name and the mark of the line, from the inside out."""
        lines = marked_lines(program)
        seen = frames(text)
        self.assertGreaterEqual(len(seen), len(functions), text)
        for (name, how, file, line), (function, mark) in zip(seen, functions):
            self.assertEqual((name, line), (function, lines[mark]), text)
            self.assertTrue(file.endswith(program), text)
            self.assertEqual(how == "inlined", function in inlined, text)
            if how != "inlined":
                self.assertRegex(how, r"^function \d+, offset 0x[0-9a-f]+$")

    CXX = [("mesh::Field::at", "trap"), ("mesh::average<double>", "average"), ("smooth", "smooth"), ("main", "main")]
    C = [("set", "set"), ("fill", "fill"), ("work", "work"), ("main", "main")]

    def outcomes(self, program):
        """Texts of the trap in a job of one rank without and of two ranks with each host MPI's launcher."""
        for level, extra in (("-O0", ()), ("-O3", ()), ("-O3", ("-gdwarf-5",))):
            module = self.build(program, level, "-g", *extra)
            for opt in ("-O0", "-O3"):
                result = self.run_any(MPIWASM, "run", opt, module, "0")
                self.assertNotEqual(result.returncode, 0)
                yield level, result.stderr
            for mpirun in MPIRUNS:
                # Into a file: launchers may lose what a rank says before it ends the job.
                result = self.run_any(mpirun, "-np", "2", "sh", "-c", 'exec "$0" run "$1" 1 2>>"$2"', MPIWASM, module,
                                      self.path("said"))
                self.assertNotEqual(result.returncode, 0)
                with open(self.path("said"), encoding="utf-8") as said:
                    yield level, said.read()
                os.remove(self.path("said"))

    def test_cxx(self):
        for level, text in self.outcomes("trap.cc"):
            self.check("trap.cc", text, self.CXX, {name for name, _ in self.CXX[:2]} if level == "-O3" else ())

    def test_c(self):
        for level, text in self.outcomes("trap.c"):
            self.check("trap.c", text, self.C, {name for name, _ in self.C[:2]} if level == "-O3" else ())

    def test_wrong_calls(self):
        """Calls of a function of another type, of null, of no function: the sentence says who calls what and as what, and the
        caller is the innermost frame."""
        lines = marked_lines("wrong_call.c")
        for level in ("-O0", "-O3"):
            module = self.build("wrong_call.c", level, "-g", "-Wno-bad-function-cast")
            for opt in ("-O0", "-O3"):
                as_it = r" as a function of type \(i32\) -> i32"
                for which, trap in (
                        ("2", r"indirect call type mismatch: 'apply' calls 'half', which is of type \(f64\) -> f64," + as_it),
                        ("3", "uninitialized element: 'apply' calls a null function pointer" + as_it),
                        ("4", rf"undefined element: 'apply' calls element 100000{as_it}, but its table of functions has \d+")):
                    result = self.run_any(MPIWASM, "run", opt, module, which)
                    self.assertRegex(result.stderr, rf"trap: {trap}\n")
                    self.assertEqual([(name, line) for name, _, _, line in frames(result.stderr)[:2]],
                                     [("apply", lines["call"]), ("main", lines["main"])], result.stderr)

    def test_inlined_by_the_compiler(self):
        """A function that the guest's compiler called is one of the module, inlined or not."""
        program = "quotient.c"
        functions = [("quotient", "quotient"), ("sum", "sum"), ("work", "work"), ("main", "main")]
        for level in ("-O0", "-O3"):
            module = self.build(program, level, "-g")
            for opt in ("-O0", "-O3"):
                self.assertEqual(self.run_any(MPIWASM, "run", opt, module, "1").returncode, 0)
                result = self.run_any(MPIWASM, "run", opt, module, "0")
                self.assertIn("trap: integer divide by zero\n", result.stderr)
                self.check(program, result.stderr, functions, {"sum"} if level == "-O3" else ())

    def test_without_dwarf(self):
        """The module's offset stays."""
        module = self.build("trap.c", "-O3", "-Wl,--strip-debug")
        result = self.run_any(MPIWASM, "run", module, "0")
        self.assertRegex(result.stderr, r"#0 work \(function \d+, offset 0x[0-9a-f]+\)\n")
        self.assertNotIn(" at trap.c", result.stderr)
        self.assertNotIn("inlined", result.stderr)


if __name__ == "__main__":
    unittest.main()
