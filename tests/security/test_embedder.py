"""Attacks on what is around the compiled code: the cache, imports, names, the stack; through the command as users run it."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "instructions")]
from wasm import Module, get, i32, op, uleb  # noqa: E402

BUILD = pathlib.Path(os.environ["MW_BUILD_DIR"])
MPIWASM = BUILD / "bin/mpiwasm"
TRAP = 134
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def exits(code):
    """A program that ends with this exit code."""
    m = Module()
    exit_ = m.import_func("wasi_snapshot_preview1", "proc_exit", "i:")
    m.memory(1, export="memory")
    m.func(":", i32(code) + op("call", exit_), export="_start")
    return m.encode()


def custom(name, content):
    name = uleb(len(name)) + name
    return b"\0" + uleb(len(name + content)) + name + content


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)
        self.cache = self.directory / "cache"

    def write(self, name, data):
        (self.directory / name).write_bytes(data)
        return self.directory / name

    def run_it(self, *arguments, **environment):
        return subprocess.run([MPIWASM, *arguments], capture_output=True, text=True, errors="replace", timeout=300,
                              env={**ENVIRONMENT, "MPIWASM_CACHE_DIR": str(self.cache), **environment})


class Cache(Case):
    def objects(self):
        return sorted(self.cache.glob("*.so"))

    def two_objects(self):
        """Two programs, which exit with 3 and 4, and their objects in the cache."""
        a, b = self.write("a.wasm", exits(3)), self.write("b.wasm", exits(4))
        self.assertEqual(self.run_it(a).returncode, 3)
        [of_a] = self.objects()
        self.assertEqual(self.run_it(b).returncode, 4)
        [of_b] = [o for o in self.objects() if o != of_a]
        return a, of_a, b, of_b

    def test_object_under_the_key_of_another(self):
        a, of_a, b, of_b = self.two_objects()
        shutil.copy(of_a, of_b)
        self.assertEqual(self.run_it(b).returncode, 4)
        self.assertEqual(self.run_it(a).returncode, 3)

    def test_damaged_objects(self):
        a, of_a, _, _ = self.two_objects()
        whole = of_a.read_bytes()
        for damaged in (b"", whole[:100], whole[:len(whole) // 2], whole[:-1], b"\x7fELF" + bytes(len(whole)),
                        b"#!/bin/sh\n", os.urandom(5000)):
            with self.subTest(size=len(damaged)):
                of_a.unlink()
                of_a.write_bytes(damaged)
                self.assertEqual(self.run_it(a).returncode, 3)

    def test_object_of_another_version(self):
        a, of_a, _, _ = self.two_objects()
        whole = of_a.read_bytes()
        at = whole.index(b"OAWM")  # MW_ABI_MAGIC, and behind it the version
        of_a.unlink()
        of_a.write_bytes(whole[:at + 4] + b"\x7f" + whole[at + 5:])
        self.assertEqual(self.run_it(a).returncode, 3)

    def test_directory_that_others_can_write(self):
        a = self.write("a.wasm", exits(3))
        real = self.directory / "everybody"
        real.mkdir()
        real.chmod(0o777)
        self.cache.symlink_to(real)
        run = self.run_it(a)
        self.assertEqual(run.returncode, 3)
        self.assertRegex(run.stderr, "can be written by others")
        self.assertEqual(list(real.iterdir()), [])

    @unittest.skipUnless(os.geteuid() == 0, "only root can give a file to another user")
    def test_directory_of_another_user(self):
        a = self.write("a.wasm", exits(3))
        self.cache.mkdir(0o700)
        os.chown(self.cache, 12345, -1)
        run = self.run_it(a)
        self.assertEqual(run.returncode, 3)
        self.assertRegex(run.stderr, "belongs to another user")
        self.assertEqual(list(self.cache.iterdir()), [])


class Imports(Case):
    # wasmtime CVE-2022-23636, wasmer and others: what is imported as one kind and used as another.
    def test_imports_of_another_kind(self):
        wasi = ("wasi_snapshot_preview1", "fd_write")
        for what, add in {
            "other parameters": lambda m: m.import_func(*wasi, "i:i"),
            "wider parameters": lambda m: m.import_func(*wasi, "iIii:i"),
            "no result": lambda m: m.import_func(*wasi, "iiii:"),
            "a table": lambda m: m.import_table(*wasi, "R", 1),
            "a memory": lambda m: m.import_memory(*wasi, 1),
            "a global": lambda m: m.import_global(*wasi, "i"),
            "a mutable global": lambda m: m.import_global(*wasi, "I", True),
            "a name with a NUL": lambda m: m.import_func(wasi[0], "fd_write\0", "iiii:i"),
        }.items():
            with self.subTest(what):
                m = Module()
                add(m)
                if m.nmemories == 0:
                    m.memory(1, export="memory")
                m.func(":", b"", export="_start")
                run = self.run_it(self.write("m.wasm", m.encode()))
                self.assertEqual(run.returncode, 126, run.stderr)
                said = [line for line in run.stderr.splitlines() if line.startswith("mpiwasm:")]
                self.assertEqual(len(said), 1, run.stderr)
                self.assertIn("fd_write", said[0])


class Names(Case):
    # Path traversal through names (wasmtime's and WAMR's caches and dumps), and names that drive a terminal.
    def test_names_that_are_paths_or_huge(self):
        for what, name in {"path": b"../../../../tmp/x", "NULs": b"a\0b\0/etc/passwd", "terminal": b"\x1b]0;x\x07\x1b[2J",
                           "10 MB": b"/" * (10 << 20), "format": b"%s%n%s%n", "quotes": b'"; .section x\n.byte "'}.items():
            with self.subTest(what):
                m = Module()
                m.memory(1, export="memory")
                m.func(":", op("unreachable"))
                m.func(":", op("call", 0), export="_start")
                entry = uleb(0) + uleb(len(name)) + name
                module_name = uleb(len(name)) + name
                names = b"\0" + uleb(len(module_name)) + module_name + b"\1" + uleb(len(entry) + 1) + uleb(1) + entry
                path = self.write("m.wasm", m.encode() + custom(b"name", names))
                before = sorted(self.directory.rglob("*"))
                for level in ("-O0", "-O3"):
                    run = self.run_it(level, path)
                    self.assertEqual(run.returncode, TRAP, run.stderr[:500])
                    self.assertIn("unreachable", run.stderr)
                    self.assertLess(len(run.stderr), 10000)
                    self.assertNotRegex(run.stderr, "[\x00-\x08\x0b-\x1f\x7f]")
                inspected = subprocess.run([MPIWASM, "inspect", path], capture_output=True, timeout=100, env=ENVIRONMENT)
                self.assertEqual(inspected.returncode, 0)
                self.assertNotRegex(inspected.stdout, b"[\x00-\x08\x0b-\x1f\x7f]")
                outside = [p for p in sorted(self.directory.rglob("*")) if p not in before and self.cache not in
                           (p, *p.parents)]
                self.assertEqual(outside, [])


class Stack(Case):
    def recursion(self, depth):
        m = Module()
        m.memory(1, export="memory")
        m.func("i:i", get(0) + op("if", b"\x7f") + get(0) + i32(1) + op("i32.sub") + op("call", 0) + i32(3) + op("i32.mul") +
               op("else") + i32(1) + op("end"))
        m.func(":", i32(depth) + op("call", 0) + op("drop"), export="_start")
        return self.write(f"{depth}.wasm", m.encode())

    def test_stack_size_is_what_was_asked_for(self):
        for depth, size, fits in ((1000, "256K", True), (100_000, "256K", False), (100_000, "64M", True),
                                  (10_000_000, "64M", False), (10_000_000, "2G", True)):
            with self.subTest(depth=depth, size=size):
                run = self.run_it("-O0", "--stack-size", size, self.recursion(depth))
                self.assertEqual(run.returncode, 0 if fits else TRAP, run.stderr[:500])
                if not fits:
                    self.assertIn("call stack exhausted", run.stderr)

    def test_exhaustion_in_an_operation_of_mpi(self):
        """A user's operation recurses without end, small frames and large: MPI's frames lie below."""
        for name, frame in (("small", 0), ("large", 100_000)):
            source = self.directory / f"{name}.c"
            source.write_text("#include <mpi.h>\n#include <stdio.h>\n"
                              "static int deep(volatile char *p, int n)\n"
                              f"{{\n    volatile char frame[{frame} + 1];\n    frame[0] = (char)n;\n"
                              "    return deep(frame, n + 1) + *p;\n}\n"
                              "static void op(void *in, void *out, int *n, MPI_Datatype *t)\n"
                              "{\n    (void)in, (void)t;\n    *(int *)out = deep(out, *n);\n}\n"
                              "int main(int argc, char **argv)\n{\n    int in = 1, out = 2;\n    MPI_Op o;\n"
                              "    MPI_Init(&argc, &argv);\n    MPI_Op_create(op, 1, &o);\n"
                              "    MPI_Reduce_local(&in, &out, 1, MPI_INT, o);\n    printf(\"%d\\n\", out);\n"
                              "    MPI_Finalize();\n    return 0;\n}\n", encoding="ascii")
            wasm = source.with_suffix(".wasm")
            subprocess.run([BUILD / "bin/mpiwasm-cc", "-O0", "-Wno-infinite-recursion", "-Wl,-z,stack-size=268435456", source, "-o",
                            wasm], check=True, timeout=300, env=ENVIRONMENT)
            for host in ("openmpi", "mpich"):
                with self.subTest(frame=frame, host=host):
                    run = self.run_it("--mpi", host, wasm)
                    self.assertNotEqual(run.returncode, 0)
                    self.assertGreater(run.returncode, 0, "a signal ended the embedder")
                    self.assertRegex(run.stderr, "call stack exhausted|out of bounds memory access")


if __name__ == "__main__":
    unittest.main()
