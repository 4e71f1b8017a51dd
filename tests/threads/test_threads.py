"""Guests with threads: what program.c prints and how the process ends, and what modules that start threads must have."""

import fcntl
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wat import assemble  # noqa: E402

BUILD = os.environ["MW_BUILD_DIR"]
PROGRAM = os.environ["MW_PROGRAM"]
MPIWASM = os.path.join(BUILD, "bin", "mpiwasm")


# A cache of this run's own, shared by its tests.
CACHE = tempfile.TemporaryDirectory()
os.environ["MPIWASM_CACHE_DIR"] = os.path.join(CACHE.name, "cache")


def run(*arguments, **keywords):
    return subprocess.run([MPIWASM, *arguments], capture_output=True, text=True, timeout=120, **keywords)


class Program(unittest.TestCase):
    def good(self, what, said, *options):
        for level in ("-O0", "-O3"):
            done = run(level, *options, PROGRAM, what)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, said, ""), (what, level))

    def test_atomics_thread_local_variables_and_a_mutex(self):
        self.good("counters", "counted\n")

    def test_many_threads_one_after_the_other_and_at_once(self):
        self.good("many", "many\n")

    def test_memory_grows_under_all_threads(self):
        self.good("growth", "grown\n")

    def test_growth_stops_at_the_limit(self):
        self.good("growth", "grown\n", "--max-memory", "4M")

    def test_no_more_threads_than_allowed(self):
        self.good("limit", "limited\n", "--max-threads", "3")
        self.assertEqual(run("--max-threads", "0", PROGRAM, "counters").returncode, 3)

    def test_a_trap_in_a_thread_ends_the_process(self):
        for _ in range(5):
            done = run(PROGRAM, "trap")
            self.assertEqual(done.returncode, 134, done.stderr)
            self.assertRegex(done.stderr, r"^mpiwasm: trap in thread [123]: out of bounds memory access at address "
                                          r"0xffff0000\nmpiwasm:   #0 trap_now ")
        done = run(PROGRAM, "overflow")
        self.assertEqual(done.returncode, 134, done.stderr)
        self.assertRegex(done.stderr, r"^mpiwasm: trap in thread [123]: call stack exhausted: too many calls .*--stack-size")

    def test_of_many_traps_one_is_told(self):
        for _ in range(10):
            done = run(PROGRAM, "traps")
            self.assertEqual(done.returncode, 134)
            self.assertEqual(done.stderr.count("trap in thread"), 1, done.stderr)

    def test_exit_in_a_thread(self):
        for what, code in (("exit", 42), ("exit-0", 0)):
            for _ in range(5):
                done = run(PROGRAM, what)
                self.assertEqual((done.returncode, done.stderr), (code, ""))

    def test_return_of_the_first_thread_ends_the_others(self):
        self.good("return", "returned\n")

    def test_streams_get_their_flags_back_under_a_thread_that_waits(self):
        ours, theirs = socket.socketpair()
        done = subprocess.run([MPIWASM, PROGRAM, "flags"], stdin=theirs, stdout=theirs, timeout=60, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(fcntl.fcntl(theirs, fcntl.F_GETFL) & os.O_NONBLOCK, 0)
        ours.close()
        theirs.close()


class Modules(unittest.TestCase):
    # Each of four threads throws and catches so often that exceptions are collected while others run; a fifth does not
    # catch.
    EXCEPTIONS = """(module (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
      (import "env" "memory" (memory 1 2 shared))
      (tag $t (param i32))
      (func $thrower (param i32) (throw $t (local.get 0)))
      (func (export "wasi_thread_start") (param $id i32) (param $mode i32) (local $i i32)
        (if (local.get $mode) (then (throw $t (i32.const 5))))
        (loop $again
          (block $caught (result i32)
            (try_table (catch $t $caught) (call $thrower (local.get $i)))
            (unreachable))
          (if (i32.ne (local.get $i)) (then (unreachable)))
          (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20000))))
        (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
        (drop (memory.atomic.notify (i32.const 0) (i32.const -1))))
      (func (export "_start") (local $i i32) (local $seen i32)
        (loop $more
          (if (i32.le_s (call $spawn (i32.const 0)) (i32.const 0)) (then (unreachable)))
          (br_if $more (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))
        (loop $wait
          (local.set $seen (i32.atomic.load (i32.const 0)))
          (drop (memory.atomic.wait32 (i32.const 0) (local.get $seen) (i64.const 10000000)))
          (br_if $wait (i32.ne (local.get $seen) (i32.const 4))))
        (drop (call $spawn (i32.const 1)))
        (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const -1)))))"""

    def test_exceptions_in_threads(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "a.wasm")
            pathlib.Path(path).write_bytes(assemble(self.EXCEPTIONS))
            done = run("--no-cache", path)
            self.assertEqual(done.returncode, 134, done.stderr)
            self.assertRegex(done.stderr, r"^mpiwasm: trap in thread 5: unhandled exception")

    def test_inspect_knows_that_the_memory_will_be_made(self):
        done = run("inspect", PROGRAM)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("env.memory: shared memory of 2 to 512 pages   (made for the process)", done.stdout)

    def refused(self, text, said, *options):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "a.wasm")
            pathlib.Path(path).write_bytes(assemble(text))
            done = run("--no-cache", *options, path)
            self.assertEqual(done.returncode, 126, done.stderr)
            self.assertIn(said, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    SPAWN = '(import "wasi" "thread-spawn" (func (param i32) (result i32)))'
    MEMORY = '(import "env" "memory" (memory 1 2 shared))'
    START = '(func (export "_start"))'
    BODY = '(func (export "wasi_thread_start") (param i32 i32))'

    def test_what_a_module_that_starts_threads_needs(self):
        for parts, said in (
                ((self.SPAWN, self.MEMORY, self.START), "no function wasi_thread_start (i32, i32) -> ()"),
                ((self.SPAWN, self.MEMORY, self.START, '(func (export "wasi_thread_start") (param i32))'),
                 "no function wasi_thread_start (i32, i32) -> ()"),
                ((self.SPAWN, self.START, self.BODY, "(memory 1 2 shared)"), "is not an imported, shared one"),
                ((self.SPAWN, self.START, self.BODY), "is not an imported, shared one"),
                (('(import "wasi" "thread-spawn" (func (param i64) (result i32)))', self.MEMORY, self.START, self.BODY),
                 "wasi.thread-spawn is (i32) -> i32 here")):
            self.refused("(module " + " ".join(parts) + ")", said)

    def test_memory_that_is_imported_is_made_within_the_limits(self):
        self.refused(f'(module (import "env" "memory" (memory 17 20 shared)) {self.START})',
                     "begins with 1088 KiB, more than the 1024 KiB", "--max-memory", "1M")


if __name__ == "__main__":
    unittest.main()
