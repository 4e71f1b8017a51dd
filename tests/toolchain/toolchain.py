"""What the tests of the guest toolchain share: running tools, compiling text, looking into modules."""
import os
import re
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("MW_BUILD_DIR", os.path.join(ROOT, "build"))
BIN = os.path.join(BUILD, "bin")
CC = os.path.join(BIN, "mpiwasm-cc")
CXX = os.path.join(BIN, "mpiwasm-c++")
MPIWASM = os.path.join(BIN, "mpiwasm")

# Open MPI as root, with more ranks than cores, without devices: as in script/env.sh.
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_btl_vader_single_copy_mechanism="none",
                   OMPI_MCA_btl="self,vader", OMPI_MCA_pml="ob1", HWLOC_HIDE_ERRORS="2")

HELLO = r"""
#include <mpi.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    printf("rank %d of %d\n", rank, size);
    MPI_Finalize();
    return 0;
}
"""


class Toolchain(unittest.TestCase):
    """A test with a directory of its own, in which all commands run."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="mpiwasm toolchain ")  # the space is on purpose
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return name

    def bytes(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def run_any(self, *command, environment=None, text=None):
        return subprocess.run(command, cwd=self.directory, env=dict(ENVIRONMENT, **(environment or {})), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, input=text, timeout=240, check=False)

    def run_ok(self, *command, environment=None, text=None, quiet=True):
        """Runs a command that must succeed, by default without a word on standard error; its output."""
        result = self.run_any(*command, environment=environment, text=text)
        told = f"{' '.join(command)}\n{result.stdout}{result.stderr}"
        self.assertEqual(result.returncode, 0, told)
        if quiet:
            self.assertEqual(result.stderr, "", told)
        return result.stdout

    def run_fails(self, *command, expect, environment=None, text=None):
        """Runs a command that must fail and say `expect` (a regular expression) on standard error."""
        result = self.run_any(*command, environment=environment, text=text)
        self.assertNotEqual(result.returncode, 0, f"{' '.join(command)} succeeded\n{result.stdout}")
        self.assertRegex(result.stderr, expect)
        return result

    def link(self, text, *options, compiler=CC, name="main.c", output="main.wasm"):
        self.write(name, text)
        self.run_ok(compiler, name, "-o", output, *options)
        return output

    def dump(self, module, *options):
        return self.run_ok("wasm-objdump", *options, module, quiet=False)

    def exports(self, module):
        section = re.search(r"^Export\[.*?(?=^\w)", self.dump(module, "-x"), re.M | re.S).group(0)
        return set(re.findall(r'-> "(\S+)"', section))

    def imports(self, module):
        return set(re.findall(r"<- (\w+\.\w+)", self.dump(module, "-x")))
