"""What the tests of debugging share: tools, running them, finding lines of the programs by their comments."""
import os
import re
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("MW_BUILD_DIR", os.path.join(ROOT, "build"))
BIN = os.path.join(BUILD, "bin")
CC, CXX, MPIWASM = (os.path.join(BIN, name) for name in ("mpiwasm-cc", "mpiwasm-c++", "mpiwasm"))
LLVM = os.environ.get("MW_LLVM_BINDIR", "/usr/lib/llvm-22/bin")
PROGRAMS = os.path.join(HERE, "programs")

# Open MPI as root, with more ranks than cores, without devices: as in script/env.sh.
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_btl_vader_single_copy_mechanism="none",
                   OMPI_MCA_btl="self,vader", OMPI_MCA_pml="ob1", HWLOC_HIDE_ERRORS="2")


class Debugging(unittest.TestCase):
    """A test with a directory of its own, in which all commands run, and in it a code cache of its own."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="mpiwasm-debug-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.environment = dict(ENVIRONMENT, MPIWASM_CACHE_DIR=os.path.join(self.directory, "cache"))

    def path(self, name):
        return os.path.join(self.directory, name)

    def run_any(self, *command, text=None):
        return subprocess.run(command, cwd=self.directory, env=self.environment, text=True, input=text,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240, check=False)

    def run_ok(self, *command, text=None):
        result = self.run_any(*command, text=text)
        self.assertEqual(result.returncode, 0, f"{' '.join(command)}\n{result.stdout}{result.stderr}")
        return result.stdout

    def build(self, program, *options, output="program.wasm"):
        """Compiles a program of programs/ and gives the module's path."""
        compiler = CXX if program.endswith(".cc") else CC
        self.run_ok(compiler, os.path.join(PROGRAMS, program), "-o", output, *options)
        return self.path(output)


def marked_lines(program):
    """Lines of a program that end with a comment of one word, by that word."""
    lines = {}
    with open(os.path.join(PROGRAMS, program), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            mark = re.search(r"// (\w+)$", line.rstrip())
            if mark:
                lines[mark.group(1)] = number
    return lines


def symbolize_module(test, module, addresses):
    """What LLVM says of addresses in a module: for each a list of (function, file, line), from the inside out."""
    text = test.run_ok(os.path.join(LLVM, "llvm-symbolizer"), f"--obj={module}", "--functions=short", "--inlining",
                       text="\n".join(addresses) + "\n")
    places = []
    for block in text.strip("\n").split("\n\n"):
        lines = block.split("\n")
        frames = []
        for function, where in zip(lines[::2], lines[1::2]):
            file, line, _ = where.rsplit(":", 2)
            frames.append((function, os.path.basename(file), int(line)))
        places.append(frames)
    return places
