#!/usr/bin/env python3
"""The generated mpi.h and stub library, with the guest's compiler and linker but without a sysroot."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "src/mpi/gen"))

import api  # noqa: E402
import shims  # noqa: E402

CLANG = os.environ.get("MW_GUEST_CLANG", "clang-22")
TARGET = ["--target=wasm32-unknown-unknown", "-ffreestanding"]
TARGET64 = ["--target=wasm64-unknown-unknown", "-ffreestanding"]
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120)


def leb128(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def signatures(path):
    """module.name of each import of a module, all of which are functions, and its type as the host spells it."""
    data = path.read_bytes()
    at, types, result = 8, [], {}

    def vector(at):
        n, at = leb128(data, at)
        return data[at:at + n], at + n

    while at < len(data):
        section = data[at]
        size, at = leb128(data, at + 1)
        n, p = leb128(data, at)
        for _ in range(n if section in (1, 2) else 0):
            if section == 1:
                assert data[p] == 0x60, "not a function type"
                params, p = vector(p + 1)
                results, p = vector(p)
                types.append(":".join("".join({0x7F: "i", 0x7E: "I", 0x7C: "F"}[t] for t in v) for v in (params, results)))
            else:
                module, p = vector(p)
                name, p = vector(p)
                assert data[p] == 0, "not a function"
                index, p = leb128(data, p + 1)
                result["%s.%s" % (module.decode(), name.decode())] = types[index]
        at += size
    return result


def imports(path):
    return sorted(signatures(path))


class Guest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.dir = Path(cls.scratch.name)
        made = run(sys.executable, ROOT / "src/mpi/gen/generate.py", "--out", cls.dir, "header", "stubs")
        assert made.returncode == 0, made.stderr
        for target, name in ((TARGET, "mpi_stubs.o"), (TARGET64, "mpi_stubs_64.o")):
            built = run(CLANG, *target, *STRICT, "-O2", "-ffunction-sections", "-I", cls.dir, "-c",
                        cls.dir / "mpi_stubs.c", "-o", cls.dir / name)
            assert built.returncode == 0, built.stderr

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def link(self, source, *options, target=TARGET, stubs="mpi_stubs.o"):
        (self.dir / "program.c").write_text("#include <mpi.h>\n" + source)
        program = self.dir / "program.wasm"
        result = run(CLANG, *target, "-O1", "-I", self.dir, "-nostdlib", "--no-wasm-opt", "-Wl,--no-entry,--export=run",
                     *options,
                     self.dir / "program.c", self.dir / stubs, "-o", program)
        return result, program

    def test_header_compiles(self):
        for options in (["-std=c89", "-Wno-long-long"], ["-std=c99"], ["-std=c11"], ["-x", "c++", "-std=c++17"],
                        ["-std=c11", "--target=wasm64-unknown-unknown"]):
            result = run(CLANG, *TARGET, *STRICT, "-I", self.dir, *options, "-fsyntax-only", HERE / "abi.c")
            self.assertEqual((result.returncode, result.stderr), (0, ""), options)

    def test_only_what_is_called_is_imported(self):
        result, program = self.link(
            "int run(void) { int r; MPI_Comm_rank(MPI_COMM_WORLD, &r);"
            " return MPI_Send(&r, 1, MPI_INT, 0, 0, MPI_COMM_WORLD) + PMPI_Barrier(MPI_COMM_WORLD); }")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(imports(program), ["mpi_abi_1.MPI_Barrier", "mpi_abi_1.MPI_Comm_rank", "mpi_abi_1.MPI_Send"])

    def test_functions_of_the_guest_need_no_host(self):
        result, program = self.link(
            "int run(MPI_Status *s) { int v, w; MPI_Aint a; MPI_Get_version(&v, &w); MPI_Get_address(s, &a);"
            " MPI_Pcontrol(1, 2.0); MPI_Status_set_error(s, 3);"
            " return v + (int)MPI_Aint_diff(a, 1) + MPI_Comm_c2f(MPI_Comm_f2c(4)); }")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(imports(program), [])

    def test_profiling_interface(self):
        # A tool defines MPI_Send and calls PMPI_Send (MPI 4.1, 15.2.1).
        result, program = self.link(
            "int calls;"
            "int MPI_Send(const void *b, int n, MPI_Datatype t, int d, int g, MPI_Comm c)"
            "{ calls++; return PMPI_Send(b, n, t, d, g, c); }"
            "int run(void) { MPI_Send(0, 0, MPI_INT, 0, 0, MPI_COMM_WORLD); return calls; }")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(imports(program), ["mpi_abi_1.MPI_Send"])

    def test_what_is_not_mpi_fails_at_link_time(self):
        result, _ = self.link("int MPI_Sned(void); int run(void) { return MPI_Sned(); }")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("undefined symbol: MPI_Sned", result.stderr)

    def test_all_functions_link_with_the_types_that_the_host_offers(self):
        functions = api.load()
        uses = "".join("(void *)%s,(void *)P%s," % (f.name, f.name) for f in functions)
        for bits, target, stubs in ((32, TARGET, "mpi_stubs.o"), (64, TARGET64, "mpi_stubs_64.o")):
            result, program = self.link("void *all[] = {%s 0}; void *run(int i) { return all[i]; }" % uses, target=target,
                                        stubs=stubs)
            self.assertEqual(result.returncode, 0, result.stderr)
            # The stub library's types are clang's; those of the host's import table are the generator's.
            self.assertEqual(signatures(program), {"mpi_abi_1." + f.name: shims.signature(f, bits)
                                                   for f in functions if f.status != "guest"})


if __name__ == "__main__":
    unittest.main()
