"""What a user reads, and the exit code, when something is wrong: one clear sentence each."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = os.environ["MW_BUILD_DIR"]
about_the_native_compiler = unittest.skipIf(os.environ.get("MW_CROSS") == "TRUE", "a cross-build's tests use another compiler")
MPIWASM = os.path.join(BUILD, "bin", "mpiwasm")
CC = os.path.join(BUILD, "bin", "mpiwasm-cc")
MPIRUN = {"openmpi": "mpirun.openmpi", "mpich": "mpirun.mpich"}
ENV = {
    **os.environ,
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1",
}


class Errors(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.env = {**ENV, "MPIWASM_CACHE_DIR": os.path.join(self.dir, "cache")}

    def path(self, name):
        return os.path.join(self.dir, name)

    def wat(self, text, name="a", *options):
        with open(self.path(name + ".wat"), "w") as f:
            f.write(text)
        subprocess.run(["wat2wasm", *options, self.path(name + ".wat"), "-o", self.path(name + ".wasm")], check=True)
        return self.path(name + ".wasm")

    def cc(self, text, name="a"):
        with open(self.path(name + ".c"), "w") as f:
            f.write(text)
        subprocess.run([CC, "-O1", self.path(name + ".c"), "-o", self.path(name + ".wasm")], check=True)
        return self.path(name + ".wasm")

    def run_cmd(self, *command, env=None, timeout=60):
        return subprocess.run(command, capture_output=True, text=True, env={**self.env, **(env or {})}, cwd=self.dir,
                              timeout=timeout)

    def refused(self, code, pattern, *command, lines=1, **kw):
        """`command` exits with `code` and says `lines` lines, each matching `pattern`."""
        run = self.run_cmd(*command, **kw)
        self.assertEqual(run.returncode, code, run.stderr)
        said = [line for line in run.stderr.splitlines() if line.startswith("mpiwasm:")]
        self.assertEqual(len(said), lines, run.stderr)
        for line in said:
            self.assertRegex(line, pattern)
        return run

    START = '(module (memory (export "memory") 1) (func (export "_start")))'

    def test_disabled_features(self):
        module = self.wat('(module (func (export "_start") (drop (i32.extend8_s (i32.const 1)))))')
        refused = r"refused \(.*the module uses sign-ext: not enabled"
        self.refused(126, refused, MPIWASM, "--disable", "sign-ext", module)
        self.refused(1, refused, MPIWASM, "inspect", "--disable=simd128,sign-ext", module)
        self.refused(1, refused, MPIWASM, "compile", "--disable", "sign-ext", "-o", self.path("o"), module)
        self.assertEqual(self.run_cmd(MPIWASM, "--disable", "simd128", "--disable", "atomics", module).returncode, 0)
        # What is compiled already is refused too.
        self.refused(126, refused, MPIWASM, "--disable", "sign-ext", module)
        self.assertEqual(self.run_cmd(MPIWASM, module).returncode, 0)
        self.assertEqual(self.run_cmd(MPIWASM, "compile", "-o", self.path("o"), module).returncode, 0)
        self.refused(126, refused, MPIWASM, "--allow-precompiled", "--disable", "sign-ext", self.path("o"))
        self.assertIn("features:   sign-ext\n", self.run_cmd(MPIWASM, "inspect", module).stdout)

    def test_file_that_is_not_there(self):
        self.refused(127, r"cannot read 'none.wasm': No such file", MPIWASM, "none.wasm")

    def test_not_a_wasm_file(self):
        with open(self.path("x.wasm"), "w") as f:
            f.write("#!/bin/sh\n")
        self.refused(126, r"'x.wasm' is not a WebAssembly module", MPIWASM, "x.wasm")
        open(self.path("empty.wasm"), "w").close()
        self.refused(126, r"is not a WebAssembly module", MPIWASM, "empty.wasm")
        self.refused(127, r"not a regular file", MPIWASM, self.dir)

    def test_truncated_and_invalid_modules_name_the_offset(self):
        good = self.wat('(module (func (export "_start") (drop (i32.const 5))))')
        with open(good, "rb") as f:
            data = f.read()
        with open(self.path("short.wasm"), "wb") as f:
            f.write(data[:-3])
        self.refused(126, r"'short.wasm' is refused \(malformed module\) at byte 0x[0-9a-f]+: ", MPIWASM, "short.wasm")
        with open(self.path("bad.wasm"), "wb") as f:
            f.write(data.replace(b"\x41\x05\x1a", b"\x41\x05\x92"))
        self.refused(126, r"'bad.wasm' is refused \(invalid module\) at byte 0x[0-9a-f]+: type mismatch", MPIWASM,
                     "bad.wasm")
        self.refused(1, r"'bad.wasm' is refused", MPIWASM, "compile", "bad.wasm")
        self.refused(1, r"'bad.wasm' is refused", MPIWASM, "inspect", "bad.wasm")

    def test_all_missing_imports_are_listed_at_once(self):
        module = self.wat('(module (import "env" "foo" (func (param i32))) (import "env" "bar" (func (result f64)))'
                          ' (import "wasi_snapshot_preview1" "fd_read" (func (param i32)))'
                          ' (func (export "_start")))')
        run = self.refused(126, r"foo.*bar.*fd_read", MPIWASM, module)
        self.assertIn("env", run.stderr)
        inspected = self.run_cmd(MPIWASM, "inspect", module)
        self.assertEqual(inspected.returncode, 1)
        self.assertEqual(inspected.stdout.count("MISSING"), 3)
        self.assertIn("cannot run it: imports are missing", inspected.stdout)

    def test_library_without_start(self):
        self.refused(126, r"exports no function _start", MPIWASM, self.wat('(module (func (export "f")))'))

    def test_directory_that_does_not_exist(self):
        module = self.wat(self.START)
        self.refused(2, r"cannot grant the directory 'nowhere': No such file", MPIWASM, "-d", "nowhere", module)
        run = self.run_cmd(MPIWASM, "-d", "nowhere::/x", module)
        self.assertNotEqual(run.returncode, 0)
        self.assertRegex(run.stderr, r"mpiwasm: .*'?nowhere'?.*No such file")

    def test_more_memory_than_there_is(self):
        module = self.wat('(module (memory (export "memory") 2000) (func (export "_start")))')
        self.refused(126, r"memory", "bash", "-c", f"ulimit -v 6000000; {MPIWASM} {module}")
        self.refused(126, r"memory begins with 128000 KiB, more than the 1024 KiB", MPIWASM, "--max-memory", "1M", module)
        grow = self.wat('(module (memory (export "memory") 1) (func (export "_start")'
                        ' (if (i32.ne (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable))))', "grow")
        self.assertEqual(self.run_cmd(MPIWASM, "--max-memory", "1M", grow).returncode, 0)

    def test_limits_hold_for_all_memories_and_all_tables_together(self):
        two = self.wat('(module (memory 10) (memory 10) (func (export "_start")'
                       ' (if (i32.ne (memory.grow 1 (i32.const 5)) (i32.const -1)) (then (unreachable)))))', "two",
                       "--enable-multi-memory")
        self.assertEqual(self.run_cmd(MPIWASM, "--max-memory", "1536K", two).returncode, 0)
        self.refused(126, r"memory begins with 640 KiB, more than the 384 KiB", MPIWASM, "--max-memory", "1M", two)
        tables = self.wat('(module (table 10 funcref) (table $t 10 funcref) (func (export "_start")'
                          ' (if (i32.ne (table.grow $t (ref.null func) (i32.const 5)) (i32.const -1))'
                          ' (then (unreachable)))))', "tables")
        self.assertEqual(self.run_cmd(MPIWASM, "--max-table", "24", tables).returncode, 0)
        self.refused(126, r"a table of 10 elements, more than the 9 that", MPIWASM, "--max-table", "19", tables)
        self.refused(2, r"--max-table: '0' is not a number", MPIWASM, "--max-table", "0", tables)
        with open(self.path("many.wasm"), "wb") as f:
            f.write(b"\0asm\1\0\0\0\5\xcb\1\x65" + 101 * b"\0\0")
        self.refused(126, r"the module has 101 memories; the limit is 100", MPIWASM, "many.wasm")

    def test_64_bit_memory_with_this_hosts_functions(self):
        module = self.wat('(module (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))'
                          ' (memory (export "memory") i64 1) (func (export "_start")))', "wide", "--enable-memory64")
        self.refused(126, r"the module has a 64-bit memory, so pointers and sizes are i64: .*random_get", MPIWASM, module)
        module = self.wat('(module (import "mpi_abi_1" "MPI_Init" (func (param i32 i32) (result i32)))'
                          ' (memory (export "memory") i64 1) (func (export "_start")))', "wide", "--enable-memory64")
        self.refused(126, r"the module has a 64-bit memory, so pointers and sizes are i64: .*MPI_Init", MPIWASM, module)

    def test_cache_that_cannot_be_written(self):
        module = self.wat(self.START)
        with open(self.path("plain"), "w"):
            pass
        self.refused(0, r"running without a cache: .*plain", MPIWASM, "--cache-dir", self.path("plain"), module)
        shared = self.path("shared")
        os.mkdir(shared)
        os.chmod(shared, 0o777)
        self.refused(0, r"running without a cache: .*shared", MPIWASM, "--cache-dir", shared, module)
        self.assertEqual(os.listdir(shared), [])

    @about_the_native_compiler
    def test_precompiled_object_for_another_cpu(self):
        module = self.wat(self.START)
        made = self.run_cmd(MPIWASM, "compile", "--cpu", "sapphirerapids", "-o", "a.mwo", module)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.refused(2, r"--allow-precompiled", MPIWASM, "a.mwo")
        self.refused(126, r"amx|this CPU lacks|feature", MPIWASM, "--allow-precompiled", "a.mwo")
        made = self.run_cmd(MPIWASM, "compile", module, "-o", "b.mwo")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual(self.run_cmd(MPIWASM, "--allow-precompiled", "b.mwo").returncode, 0)
        with open(self.path("b.mwo"), "rb") as f:
            data = f.read()
        with open(self.path("c.mwo"), "wb") as f:
            f.write(data[: len(data) // 2])
        self.refused(126, r"c.mwo", MPIWASM, "--allow-precompiled", "c.mwo")

    @about_the_native_compiler
    def test_unknown_cpu_and_target(self):
        module = self.wat(self.START)
        self.refused(2, r"pentium9", MPIWASM, "compile", "--cpu", "pentium9", "-o", "x.mwo", module)
        self.refused(2, r"vax", MPIWASM, "compile", "--target", "vax-dec-ultrix", "-o", "x.mwo", module)
        self.assertFalse(os.path.exists(self.path("x.mwo")))

    def test_wrong_command_lines(self):
        module = self.wat(self.START)
        for pattern, *args in [
            (r"no option '--frobnicate'", "--frobnicate", module),
            (r"--dir needs an argument", "-d"),
            (r"'12q' is not a size", "--stack-size", "12q", module),
            (r"'9' is not a number from 0 to 3", "-O", "9", module),
            (r"'sometimes' is neither fast nor off", "--fp-contract", "sometimes", module),
            (r"--disable: there is no feature 'simd'; there are mutable-globals, .*simd128", "--disable", "atomics,simd", module),
            (r"'quick' is neither fast nor deterministic", "--relaxed-simd", "quick", module),
            (r"usage", "inspect"),
            (r"'cache frob' is not known", "cache", "frob"),
            (r"no environment variable 'MW_NONE'", "--env", "MW_NONE", module),
        ]:
            self.refused(2, pattern, MPIWASM, *args)

    def test_trap_says_what_where_and_the_call_stack(self):
        module = self.wat('(module (memory 1) (func $inner (result i32) (i32.load (i32.const -4)))'
                          ' (func $outer (drop (call $inner)) (unreachable))'
                          ' (func (export "_start") (call $outer)))')
        with open(self.path("a.wat")) as f:
            subprocess.run(["wat2wasm", "--debug-names", "-", "-o", module], input=f.read(), text=True, check=True)
        run = self.run_cmd(MPIWASM, "--strict-traps", module)
        self.assertEqual(run.returncode, 134, run.stderr)
        self.assertRegex(run.stderr, r"trap: out of bounds memory access.*0xfffffffc")
        self.assertRegex(run.stderr, r"inner.*0x[0-9a-f]+")

    def test_trap_behind_tail_calls_shows_who_is_still_there(self):
        many = " ".join(["i32"] * 12)
        module = self.wat(f'(module (func $last (param {many}) (i32.store8 (i32.const 0) (i32.const 0))'
                          ' (unreachable) (return_call $last ' + "(i32.const 0)" * 12 + '))'
                          ' (func $middle (return_call $last ' + "(i32.const 0)" * 12 + '))'
                          ' (func $caller (call $middle) (call $caller))'
                          ' (memory 1) (func (export "_start") (call $caller)))', "a", "--enable-tail-call",
                          "--debug-names")
        run = self.run_cmd(MPIWASM, module)
        self.assertEqual(run.returncode, 134, run.stderr)
        self.assertRegex(run.stderr, r"trap: unreachable\n")
        names = re.findall(r"#\d+ (\S+) \(function", run.stderr)
        self.assertEqual(names[:2], ["last", "caller"], run.stderr)  # each once, and middle is gone
        self.assertEqual(len(names), 3, run.stderr)

    def test_stack_overflow_is_a_trap(self):
        module = self.wat('(module (func $f (param i32) (result i32)'
                          ' (i32.rotl (call $f (i32.add (local.get 0) (i32.const 1))) (local.get 0)))'
                          ' (func (export "_start") (drop (call $f (i32.const 0)))))')
        run = self.run_cmd(MPIWASM, module)
        self.assertEqual(run.returncode, 134, run.stderr)
        self.assertIn("call stack exhausted", run.stderr)

    def test_exit_codes_pass_through(self):
        for code in (0, 1, 77, 255):
            module = self.cc("#include <stdlib.h>\nint main(void) { exit(%d); }" % code, f"e{code}")
            self.assertEqual(self.run_cmd(MPIWASM, module).returncode, code)

    def test_launcher_of_one_mpi_with_the_others_plugin(self):
        module = self.cc("#include <mpi.h>\nint main(int c, char **v) { MPI_Init(&c, &v); MPI_Finalize(); }")
        for launcher, other in (("openmpi", "mpich"), ("mpich", "openmpi")):
            run = self.run_cmd(MPIRUN[launcher], "-np", "2", MPIWASM, "--mpi", other, module)
            self.assertNotEqual(run.returncode, 0)
            self.assertRegex(run.stderr + run.stdout, "every process would be rank 0 of 1")
            run = self.run_cmd(MPIRUN[launcher], "-np", "2", MPIWASM, "--mpi", "elsewhere", module)
            self.assertNotEqual(run.returncode, 0)
            self.assertRegex(run.stderr + run.stdout, "rank 1: there is no plugin for the host MPI 'elsewhere'")

    def test_plugin_of_a_name_of_its_own_below_any_launcher(self):
        module = self.cc("#include <mpi.h>\nint main(int c, char **v) { int n; MPI_Init(&c, &v); "
                         "MPI_Comm_size(MPI_COMM_WORLD, &n); MPI_Finalize(); return n != 2; }")
        plugins = os.path.join(BUILD, "lib", "mpiwasm")
        os.mkdir(self.path("plugins"))
        os.symlink(f"{plugins}/libmpiwasm-compiler.so", self.path("plugins/libmpiwasm-compiler.so"))
        for host, launcher in MPIRUN.items():
            os.symlink(f"{plugins}/libmpiwasm-{host}.so", self.path(f"plugins/libmpiwasm-{host}5.so"))
            run = self.run_cmd(launcher, "-np", "2", "env", f"MPIWASM_PLUGIN_DIR={self.path('plugins')}", MPIWASM, "--mpi",
                               f"{host}5", module)
            self.assertEqual(run.returncode, 0, run.stderr)

    def test_a_rank_that_aborts_traps_or_exits_ends_the_job(self):
        module = self.cc("""
            #include <mpi.h>
            #include <stdlib.h>
            #include <string.h>
            int main(int c, char **v)
            {
                int rank;
                MPI_Init(&c, &v);
                MPI_Comm_rank(MPI_COMM_WORLD, &rank);
                if (rank == 1 && !strcmp(v[1], "abort"))
                    MPI_Abort(MPI_COMM_WORLD, 42);
                if (rank == 1 && !strcmp(v[1], "trap"))
                    __builtin_trap();
                if (rank == 1 && !strcmp(v[1], "exit"))
                    exit(9);
                MPI_Barrier(MPI_COMM_WORLD);
                MPI_Finalize();
                return 0;
            }""")
        for mpirun in MPIRUN.values():
            for how, code in (("abort", 42), ("trap", 134), ("exit", 9)):
                with self.subTest(mpirun=mpirun, how=how):
                    run = self.run_cmd(mpirun, "-np", "3", MPIWASM, module, how)
                    self.assertEqual(run.returncode, code, run.stdout + run.stderr)
                    if how == "trap":
                        self.assertRegex(run.stderr + run.stdout, r"mpiwasm: rank 1: trap: unreachable")
            self.assertEqual(self.run_cmd(mpirun, "-np", "3", MPIWASM, module, "none").returncode, 0)

    def test_four_ranks_on_an_empty_cache_compile_once(self):
        module = self.cc("#include <mpi.h>\nint main(int c, char **v) { MPI_Init(&c, &v); MPI_Finalize(); }")
        for name, mpirun in MPIRUN.items():
            with self.subTest(mpirun=mpirun):
                run = self.run_cmd(mpirun, "-np", "4", MPIWASM, "-v", "--cache-dir", self.path("c-" + name), module)
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertEqual(len(re.findall(r"compiled '", run.stderr + run.stdout)), 1)
                listed = self.run_cmd(MPIWASM, "cache", "--cache-dir", self.path("c-" + name), "list")
                self.assertEqual(len(listed.stdout.splitlines()), 1)
        cleared = self.run_cmd(MPIWASM, "cache", "--cache-dir", self.path("c-mpich"), "clear")
        self.assertRegex(cleared.stdout, r"removed 1 objects")

    def test_damaged_cache_entries_are_replaced(self):
        module = self.wat(self.START)
        self.assertEqual(self.run_cmd(MPIWASM, module).returncode, 0)
        where = self.run_cmd(MPIWASM, "compile", module).stdout.split()[0]
        size = os.path.getsize(where)
        with open(where, "rb") as f:
            whole = f.read()
        half = whole[:size // 2]
        # A page of zeros and a single bit, anywhere in what is loaded.
        code = whole.index(b"\x0f\x0b") if b"\x0f\x0b" in whole else size // 4
        pages = [whole[:at] + bytes(64) + whole[at + 64:] for at in (64, 4096, code - code % 64)]
        bits = [whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1:] for at in (700, code, size - 20)]
        for damage in (b"", b"garbage", half, whole[:-1], *pages, *bits):
            self.assertNotEqual(damage, whole)
            with open(where, "wb") as f:
                f.write(damage)
            self.assertEqual(self.run_cmd(MPIWASM, module).returncode, 0)
            self.assertEqual(os.path.getsize(where), size)


if __name__ == "__main__":
    sys.exit(unittest.main())
