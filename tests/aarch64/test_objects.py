"""Objects that the native `mpiwasm compile --target aarch64-linux-gnu` makes, run by a cross-build under qemu-user.
usage: test_objects.py (the cross-build's ctest sets the environment)"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

NATIVE, CROSS, ROOT = (pathlib.Path(os.environ[name]) for name in ("MW_NATIVE_BUILD", "MW_CROSS_BUILD", "MW_ARM64_ROOT"))
HERE = pathlib.Path(__file__).parent
MPIWASM = NATIVE / "bin" / "mpiwasm"

# What of an architecture's extensions compiled code can use, by clang's and LLVM's names. Others are for the operating
# system, or for instructions that only intrinsics reach.
EXTENSIONS = {
    "FEAT_AdvSIMD": "neon", "FEAT_CRC32": "crc", "FEAT_LSE": "lse", "FEAT_RDM": "rdm", "FEAT_FP16": "fullfp16",
    "FEAT_FHM": "fp16fml", "FEAT_DotProd": "dotprod", "FEAT_LRCPC": "rcpc", "FEAT_LRCPC2": "rcpc-immo",
    "FEAT_FCMA": "complxnum", "FEAT_JSCVT": "jsconv", "FEAT_FlagM": "flagm", "FEAT_FlagM2": "altnzcv",
    "FEAT_FRINTTS": "fptoint", "FEAT_BF16": "bf16", "FEAT_I8MM": "i8mm", "FEAT_SB": "sb", "FEAT_SVE": "sve",
    "FEAT_SVE2": "sve2", "FEAT_CSSC": "cssc", "FEAT_MOPS": "mops",
}
CPUS = ["cortex-a72", "thunderx2t99", "cortex-a76", "neoverse-n1", "neoverse-v1", "neoverse-n2", "neoverse-v2", "grace",
        "neoverse-n3", "neoverse-v3", "a64fx", "tsv110", "ampere1", "ampere1b"]


def run(*command, **options):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300, **options)


class Objects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.directory = pathlib.Path(cls.temporary.name)
        cls.wasm = cls.directory / "kernels.wasm"
        built = run(NATIVE / "bin" / "mpiwasm-cc", "-O2", HERE / "kernels.c", "-o", cls.wasm)
        assert built.returncode == 0, built.stderr
        here = run(MPIWASM, "--no-cache", cls.wasm)
        assert here.returncode == 0, here.stderr
        cls.expected = here.stdout

    def compile(self, cpu, wasm=None):
        path = self.directory / f"{cpu}.mwo"
        made = run(MPIWASM, "compile", "--target", "aarch64-linux-gnu", "--cpu", cpu, "-o", path, wasm or self.wasm)
        self.assertEqual(made.returncode, 0, made.stderr)
        return path

    def emulate(self, qemu_cpu, path):
        return run("qemu-aarch64-static", "-cpu", qemu_cpu, "-L", ROOT, CROSS / "bin" / "mpiwasm", "--allow-precompiled",
                   path)

    def disassembly(self, path):
        return run(os.environ["LLVM_OBJDUMP"], "-d", "--mattr=+all", path).stdout

    def test_results_are_those_of_the_native_host(self):
        for cpu in ("generic", "neoverse-n1"):
            ran = self.emulate(cpu.replace("generic", "cortex-a57"), self.compile(cpu))
            self.assertEqual((ran.returncode, ran.stdout), (0, self.expected), (cpu, ran.stderr))

    def test_scalable_vectors_of_all_lengths(self):
        path = self.compile("neoverse-v1")
        self.assertRegex(self.disassembly(path), r"\bz[0-9]+\.[bhsd]", "the loops are not vectorized for SVE")
        for length in (16, 32, 64, 256):
            ran = self.emulate(f"max,sve-default-vector-length={length}", path)
            self.assertEqual((ran.returncode, ran.stdout), (0, self.expected), (length, ran.stderr))

    def test_a_cpu_that_lacks_what_an_object_needs_refuses_it(self):
        for qemu_cpu, cpu, lacking in (("cortex-a57", "neoverse-n1", "lse, rdm, fullfp16, dotprod, rcpc"),
                                       ("neoverse-n1", "a64fx", "complxnum, sve")):
            ran = self.emulate(qemu_cpu, self.compile(cpu))
            self.assertEqual(ran.returncode, 126, ran.stderr)
            self.assertIn(f"was compiled for a CPU with {lacking}, which this host's CPU lacks", ran.stderr)

    def test_the_object_knows_what_the_cpu_has(self):
        empty = self.directory / "empty.wasm"
        empty.write_bytes(b"\0asm\1\0\0\0")
        for cpu in CPUS:
            listed = run("clang-22", "--target=aarch64-linux-gnu", f"-mcpu={cpu}", "--print-enabled-extensions")
            self.assertEqual(listed.returncode, 0, listed.stderr)
            wanted = {EXTENSIONS[e] for e in re.findall(r"\bFEAT_\w+", listed.stdout) if e in EXTENSIONS}
            required = re.search(rb"\+neon[+,\w.-]*", self.compile(cpu, empty).read_bytes()).group().decode()
            self.assertEqual({f.lstrip("+") for f in required.split(",")}, wanted, cpu)

    def test_atomics_need_no_library(self):
        """Before LSE an atomic instruction is a loop, not a call."""
        for cpu, instruction in (("generic", "ldaxr"), ("neoverse-n1", r"casal")):
            path = self.compile(cpu, CROSS / "tests" / "instructions" / "cases" / "atomic_cmpxchg_shared.wasm")
            self.assertRegex(self.disassembly(path), instruction)
            self.assertNotIn("__aarch64_", run(os.environ["LLVM_READOBJ"], "--symbols", "--dyn-symbols", path).stdout)


if __name__ == "__main__":
    sys.exit(unittest.main())
