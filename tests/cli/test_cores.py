"""Ranks that the launcher binds to cores compile on all cores of the launcher, and are bound again afterwards."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

MPIWASM = os.path.join(os.environ["MW_BUILD_DIR"], "bin", "mpiwasm")
# More ranks than cores may be, on a machine with one.
BINDING = {
    "openmpi": ["mpirun.openmpi", "--bind-to", "core:overload-allowed"],
    "mpich": ["mpirun.mpich", "-bind-to", "core"],
}
ENV = {
    **os.environ,
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}
# Exits with the number of cores that it may use.
MODULE = """
(module
  (import "mpiwasm" "processors" (func $processors (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (call $exit (call $processors))))
"""


class Cores(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.module = os.path.join(self.dir, "a.wasm")
        with open(os.path.join(self.dir, "a.wat"), "w") as f:
            f.write(MODULE)
        subprocess.run(["wat2wasm", f.name, "-o", self.module], check=True)

    def job(self, *command):
        """Exit code, and all that was said."""
        run = subprocess.run(command, capture_output=True, text=True, env=ENV, cwd=self.dir, timeout=60)
        return run.returncode, run.stdout + run.stderr

    def compile(self, *options):
        """The command of one rank, on a cache of its own."""
        return [MPIWASM, "-v", "--cache-dir", tempfile.mkdtemp(dir=self.dir), *options, self.module]

    def bound_to(self, launcher):
        """How many cores a rank has."""
        code, said = self.job(*launcher, "-np", "1", sys.executable, "-c",
                              "import os; raise SystemExit(len(os.sched_getaffinity(0)))")
        self.assertGreater(code, 0, said)
        return code

    def test_ranks_compile_on_the_launchers_cores(self):
        cores = sorted(os.sched_getaffinity(0))
        for host, launcher in BINDING.items():
            bound = self.bound_to(launcher)
            for job, threads in (([*launcher, "-np", "2"], len(cores)),
                                 (["taskset", "-c", str(cores[0]), *launcher, "-np", "1"], 1)):
                with self.subTest(host=host, job=job):
                    code, said = self.job(*job, *self.compile())
                    self.assertRegex(said, rf"compiled '.*' in .* threads: {threads}\n")
                    self.assertEqual(code, min(bound, threads), said)

    def test_a_limit_stays_one(self):
        for host, launcher in BINDING.items():
            with self.subTest(host=host):
                _, said = self.job(*launcher, "-np", "2", *self.compile("-j", "1"))
                self.assertRegex(said, r"compiled '.*' in .* threads: 1\n")

    def test_what_a_script_below_the_launcher_chose_stays(self):
        core = str(min(os.sched_getaffinity(0)))
        for host, launcher in BINDING.items():
            with self.subTest(host=host):
                _, said = self.job(*launcher, "-np", "1", "taskset", "-c", core, "sh", "-c", '"$@"; true', "sh", *self.compile())
                self.assertRegex(said, r"compiled '.*' in .* threads: 1\n")

    def test_without_a_launcher(self):
        cores = sorted(os.sched_getaffinity(0))
        for command, threads in (([], len(cores)), (["taskset", "-c", str(cores[0])], 1)):
            code, said = self.job(*command, *self.compile())
            self.assertRegex(said, rf"compiled '.*' in .* threads: {threads}\n")
            self.assertEqual(code, threads)


if __name__ == "__main__":
    sys.exit(unittest.main())
