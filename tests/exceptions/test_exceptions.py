"""Exceptions from outside: random programs, what a try costs, memory, traps, and hostile sizes.

usage: test_exceptions.py; WASM_CALL, MPIWASM and LLVM_OBJDUMP name the programs"""

import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import random_module  # noqa: E402
from wat import assemble  # noqa: E402

SEEDS = 6


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def wasm(self, module, name="module"):
        path = self.directory / f"{name}.wasm"
        path.write_bytes(assemble(module) if isinstance(module, str) else module)
        return path

    def call(self, wasm, function, *args, options=("-O3",), timeout=120):
        result = subprocess.run([os.environ["WASM_CALL"], *options, wasm, function, *map(str, args)], timeout=timeout,
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.strip()

    def run_program(self, module, *options):
        result = subprocess.run([os.environ["MPIWASM"], "run", *options, self.wasm(module)], capture_output=True,
                                text=True, timeout=120, check=False)
        return result.returncode, result.stderr

    def compile_seconds(self, module):
        wasm = self.wasm(module)
        begin = time.monotonic()
        self.call_nothing(wasm)
        return time.monotonic() - begin

    def call_nothing(self, wasm):
        subprocess.run([os.environ["WASM_CALL"], "-O3", "-o", self.directory / "object.so", wasm], check=True,
                       timeout=300)


class Semantics(Case):
    def test_random_programs(self):
        for older in (True, False):
            for seed in range(SEEDS):
                text, expected = random_module.make(seed, older)
                wasm = self.wasm(text)
                for level in ("-O0", "-O3"):
                    with self.subTest(older=older, seed=seed, level=level):
                        self.assertEqual(int(self.call(wasm, "mix", options=(level,))) & 0xFFFFFFFF, expected)

    def test_locals_in_memory(self):
        # More locals times edges than phis are made for.
        n, calls = 20000, 4000
        steps = " ".join(f"(local.set {1 + i * 7 % n} (call $f (local.get {1 + i * 3 % n}) (local.get 0)))"
                         for i in range(calls))
        text = (f"(module (tag $t (param i32)) (func $f (param i32 i32) (result i32) (if (i32.eq (local.get 0) "
                f"(i32.const {calls // 2})) (then (throw $t (local.get 1)))) (i32.add (local.get 0) (i32.const 1)))"
                f'(func (export "f") (param i32) (result i32) (local {"i32 " * n}) '
                f"(try (result i32) (do {steps} (i32.const 0)) (catch $t (i32.add (local.get 8)))))"
                f'(func (export "first") (result i32) (local i32) (local.set 0 (i32.const 5)) (try (result i32) (do '
                f"(local.set 0 (call $f (local.get 0) (i32.const 1))) (call $f (i32.const {calls // 2}) (i32.const 70)))"
                f"(catch $t (i32.add (local.get 0))))))")
        wasm = self.wasm(text)
        # Each step adds one to a local: none reaches the number at which f throws.
        self.assertEqual(self.call(wasm, "f", 9), "0")
        self.assertEqual(self.call(wasm, "first"), "76")

    def test_facts_of_the_body_end_with_it(self):
        # The body's access at p proves that p + 16 does not wrap; the handler may be there without it.
        text = """(module (memory 1) (tag $t)
          (func $throw (throw $t))
          (func (export "f") (param $p i32) (result i32)
            (try (result i32)
              (do (call $throw) (i32.load (local.get $p)))
              (catch $t (i32.load (i32.add (local.get $p) (i32.const 16)))))))"""
        wasm = self.wasm(text)
        self.assertEqual(self.call(wasm, "f", -8), "0")
        self.assertEqual(self.call(wasm, "f", 65536 - 16), "trap: out of bounds memory access")


class Traps(Case):
    def test_uncaught(self):
        text = """(module (memory (export "memory") 1) (tag $t (export "boom") (param i32 i64))
          (func $inner (throw $t (i32.const 1) (i64.const 2)))
          (func $outer (call $inner))
          (func $main (try (do (call $outer)) (catch_all (rethrow 0))))
          (export "_start" (func $main)))"""
        code, error = self.run_program(text)
        self.assertEqual(code, 134, error)
        self.assertIn('trap: unhandled exception: "boom" (i32, i64)\n', error)
        # The frames of the throw, although a handler in between threw it again; each once.
        functions = re.findall(r"#\d+ \S+ \(function (\d+)", error)
        self.assertEqual(functions, ["0", "1", "2"], error)

    def test_traps_are_not_caught(self):
        text = """(module (func (export "f") (result i32)
          (try (result i32) (do (i32.div_u (i32.const 1) (i32.const 0))) (catch_all (i32.const 1))))
          (func $deep (call $deep))
          (func (export "g") (result i32)
          (try (result i32) (do (call $deep) (i32.const 0)) (catch_all (i32.const 1)))))"""
        wasm = self.wasm(text)
        self.assertEqual(self.call(wasm, "f"), "trap: integer divide by zero")
        self.assertEqual(self.call(wasm, "g", options=("-O3", "-strict")), "trap: call stack exhausted")

    def test_at_the_end_of_the_stack(self):
        # Throws, caught at once, ever closer to the end of the stack.
        text = """(module (tag $t) (func $throw (throw $t))
          (func $deep (export "f") (result i32) (try (do (call $throw)) (catch $t))
            (i32.add (call $deep) (i32.const 1))))"""
        self.assertEqual(self.call(self.wasm(text), "f"), "trap: call stack exhausted")

    def test_through_many_frames(self):
        text = """(module (tag $t (param i32))
          (func $down (param i32) (result i32) (if (i32.eqz (local.get 0)) (then (throw $t (i32.const 33))))
            (i32.add (call $down (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
          (func (export "f") (param i32) (result i32)
            (try (result i32) (do (call $down (local.get 0))) (catch $t))))"""
        wasm = self.wasm(text)
        for depth in (1, 1000, 100000):
            self.assertEqual(self.call(wasm, "f", depth), "33")


class Memory(Case):
    def peak(self, module, expected, timeout=120):
        """Peak memory in MiB of a process that calls f, which must give `expected`."""
        wasm = self.wasm(module)
        subprocess.run([os.environ["WASM_CALL"], "-O3", "-o", self.directory / "object.so", wasm], check=True)
        reader = ("import os, resource, subprocess, sys\n"
                  "r = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
                  "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, r.stdout.strip())")
        result = subprocess.run([sys.executable, "-c", reader, os.environ["WASM_CALL"], "-O0", wasm, "f"],
                                capture_output=True, text=True, timeout=timeout, check=True)
        peak, _, value = result.stdout.strip().partition(" ")
        self.assertEqual(value, expected)
        return int(peak)

    FRAME = """(module (tag $t (param i32)) (tag $link (param exnref i32)) (global $g (mut exnref) (ref.null exn))
      (table $all 256 exnref)
      (func $catch (param $n i32) (result exnref)
        (block $h (result i32 exnref) (try_table (catch_ref $t $h) (throw $t (local.get $n))) (unreachable))
        (return))
      (func $value (param exnref) (result i32)
        (block $h (result i32) (try_table (catch $t $h) (throw_ref (local.get 0))) (unreachable)))
      (func $make (param $n i32) (result exnref)
        (block $h (result exnref) (try_table (catch_all_ref $h) (call $throw (local.get $n))) (unreachable)))
      (func $throw (param i32) (throw $t (local.get 0)))
      %s)"""

    def test_a_million_throws(self):
        nothing = self.peak('(module (func (export "f") (result i32) (i32.const 1)))', "1")
        older = """(module (tag $t (param i32)) (func $throw (param i32) (throw $t (local.get 0)))
          (func (export "f") (result i32) (local $i i32) (local $sum i32)
            (loop $l (try (do (call $throw (local.get $i))) (catch $t (local.set $sum (i32.add (local.get $sum)))))
              (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000))))
            (local.get $sum)))"""
        total = sum(range(1000000)) & 0xFFFFFFFF
        self.assertLess(self.peak(older, str(total)), nothing + 16)
        # The same with each exception in a global until the next comes.
        standard = self.FRAME.replace("(return)", "") % """(func (export "f") (result i32) (local $i i32)
            (loop $l (global.set $g (call $make (local.get $i)))
              (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000))))
            (call $value (global.get $g)))"""
        standard = re.sub(r"\(func \$catch .*?\n\s*\)\n", "", standard, flags=re.S)
        self.assertLess(self.peak(standard, "999999"), nothing + 16)

    def test_references_keep_their_exceptions(self):
        # 256 in a table, one of them replaced at each step; one in ten thousand is followed back through a chain.
        module = re.sub(r"\(func \$catch .*?\(return\)\)\n", "", self.FRAME, flags=re.S) % """
          (func $linked (param $e exnref) (param $n i32) (result exnref)
            (block $h (result exnref) (try_table (catch_all_ref $h) (throw $link (local.get $e) (local.get $n)))
              (unreachable)))
          (func (export "f") (result i32) (local $i i32) (local $wrong i32) (local $x i32)
            (loop $fill (table.set $all (local.get $i) (call $make (local.get $i)))
              (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 256))))
            (global.set $g (call $linked (call $make (i32.const 77)) (i32.const 0)))
            (local.set $i (i32.const 0))
            (loop $l
              (local.set $x (i32.and (i32.mul (local.get $i) (i32.const 167)) (i32.const 255)))
              (local.set $wrong (i32.or (local.get $wrong) (i32.xor (i32.and (call $value (table.get $all (local.get $x)))
                (i32.const 255)) (local.get $x))))
              (table.set $all (local.get $x) (call $make (i32.or (i32.shl (local.get $i) (i32.const 8)) (local.get $x))))
              (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100000))))
            (i32.add (local.get $wrong) (call $value
              (block $h (result exnref) (block $h2 (result exnref i32) (try_table (catch $link $h2)
                (throw_ref (global.get $g))) (unreachable)) (drop)))))"""
        self.assertLess(self.peak(module, "77"), 120)

    def test_too_many(self):
        module = re.sub(r"\(func \$catch .*?\(return\)\)\n", "", self.FRAME, flags=re.S) % """
          (func (export "f") (result i32)
            (loop $l (global.set $g (block $h (result exnref)
              (try_table (catch_all_ref $h) (throw $link (global.get $g) (i32.const 0))) (unreachable)))
              (br $l)) (unreachable))"""
        self.assertLess(self.peak(module, "trap: trap raised by a host function"), 250)


class Cost(Case):
    LOOP = """(loop $l (local.set $x (i64.xor (i64.mul (local.get $x) (i64.const 6364136223846793005))
        (i64.shr_u (local.get $x) (i64.const 33)))) (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"""

    def instructions(self, wasm, function):
        """The loop with the multiplication: what lies between the target of a jump back and the jump."""
        self.call_nothing(wasm)
        text = subprocess.run([os.environ["LLVM_OBJDUMP"], "-d", "--no-show-raw-insn", self.directory / "object.so"],
                              capture_output=True, text=True, check=True).stdout
        body = text[text.index(f"<{function}>:"):].split("\n\n")[0].splitlines()[1:]
        lines = [(int(m[1], 16), m[2], m[3]) for m in (re.match(r"\s*([0-9a-f]+):\s+(\S+)\s*(.*)", l) for l in body) if m]
        loops = [(int(operands.split()[0], 16), at) for at, name, operands in lines
                 if name.startswith(("j", "b")) and re.match(r"0x[0-9a-f]+ <", operands)
                 and lines[0][0] <= int(operands.split()[0], 16) < at]
        found = [[name for at, name, _ in lines if begin <= at <= end] for begin, end in loops]
        return min((names for names in found if any("mul" in name for name in names)), key=len)

    def test_no_instruction_in_a_loop(self):
        plain = f'(func $plain (export "plain") (param $n i32) (param $x i64) (result i64) {self.LOOP} (local.get $x))'
        handled = (f'(func $handled (export "handled") (param $n i32) (param $x i64) (result i64) (try (do (call $f) '
                   f"{self.LOOP} (call $f)) (catch_all (local.set $x (i64.const 1)))) (local.get $x))")
        wasm = self.wasm(f"(module (tag $t) (func $f (throw $t)) {plain} {handled})")
        self.assertEqual(self.instructions(wasm, "wasm-function[2].f2"), self.instructions(wasm, "wasm-function[1].f1"))


class Hostile(Case):
    def assert_linear(self, make, n):
        small = min(self.compile_seconds(make(n)) for _ in range(2))
        large = self.compile_seconds(make(4 * n))
        self.assertLess(large, 10 * small + 2, f"{n}: {small:.2f} s, {4 * n}: {large:.2f} s")

    @staticmethod
    def binary(code):
        def leb(v):
            out = bytearray()
            while v > 127:
                out.append(v & 127 | 128)
                v >>= 7
            return bytes(out) + bytes([v])

        def section(kind, body):
            return bytes([kind]) + leb(len(body)) + body

        code = b"\1\x14\x7f" + code + b"\x0b"  # 20 locals
        return (b"\0asm\1\0\0\0" + section(1, b"\1\x60\0\0") + section(3, b"\2\0\0") + section(13, b"\1\0\0")
                + section(7, b"\1\1f\0\1") + section(10, b"\2\4\0\x08\0\x0b" + leb(len(code)) + code))

    def test_nested_tries(self):
        # try ... call ... catch ... end, one within the other; then standard tries that all go to one label.
        self.assert_linear(lambda n: self.binary(b"\x06\x40" * n + b"\x10\0" + b"\x07\0\x0b" * n), 1000)
        self.assert_linear(lambda n: self.binary(b"\x02\x40" + b"\x1f\x40\1\2\0" * n + b"\x10\0" + b"\x0b" * (n + 1)), 1000)

    def test_nested_delegates(self):
        self.assert_linear(lambda n: self.binary(b"\x06\x40" * n + b"\x10\0" + b"\x18\0" * n), 1000)

    def test_many_tries(self):
        self.assert_linear(lambda n: self.binary(b"\x06\x40\x10\0\x07\0\x10\0\x19\x0b" * n), 1000)

    def test_many_clauses(self):
        def clauses(n):
            vector = bytes([n & 127 | 128, n >> 7 & 127 | 128, n >> 14])
            return self.binary(b"\x02\x40\x1f\x40" + vector + b"\0\0\0" * n + b"\x10\0\x0b\x0b")
        self.assert_linear(clauses, 2000)

    def test_many_calls(self):
        self.assert_linear(lambda n: self.binary(b"\x06\x40" + b"\x10\0\x41\1\x21\0" * n + b"\x19\x0b"), 2000)

    def test_branches_out_of_tries(self):
        def table(n):
            vector = bytes([n & 127 | 128, n >> 7 & 127 | 128, n >> 14])
            labels = b"".join(bytes([i & 127 | 128, i >> 7]) for i in range(n))
            return self.binary(b"\x06\x40\x10\0" * n + b"\x20\0\x0e" + vector + labels + b"\0" + b"\x19\x0b" * n)
        self.assert_linear(table, 500)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    unittest.main()
