"""The compiler from outside: what compiled code computes, and what the object looks like."""

import os
import re
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from random_wat import Function  # noqa: E402

WASM_CALL = os.environ["WASM_CALL"]
OBJDUMP = os.environ["LLVM_OBJDUMP"]
READOBJ = os.environ["LLVM_READOBJ"]

TRIAD = """(module (memory (export "memory") 1)
  (func $triad (export "triad") (param $a i32) (param $b i32) (param $c i32) (param $n i32) (param $s f64)
    (loop
      (f64.store (local.get $a) (f64.add (f64.load (local.get $b)) (f64.mul (local.get $s) (f64.load (local.get $c)))))
      (local.set $a (i32.add (local.get $a) (i32.const 8)))
      (local.set $b (i32.add (local.get $b) (i32.const 8)))
      (local.set $c (i32.add (local.get $c) (i32.const 8)))
      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"""


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def wasm(self, text, name="module", flags=()):
        with open(self.path(name + ".wat"), "w") as f:
            f.write(text)
        subprocess.run(["wat2wasm", "--debug-names", *flags, self.path(name + ".wat"), "-o", self.path(name + ".wasm")], check=True,
                       timeout=60)
        return self.path(name + ".wasm")

    def run_tool(self, *args):
        return subprocess.run([WASM_CALL, *map(str, args)], capture_output=True, text=True, timeout=120)

    def compile(self, wasm, *options):
        out = self.path("object.so")
        result = self.run_tool(*options, "-o", out, wasm)
        self.assertEqual(result.returncode, 0, result.stderr)
        return out

    def call(self, wasm, function, *args, options=()):
        result = self.run_tool(*options, wasm, function, *args)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.split("\n")[:-1]

    def disassembly(self, path, function):
        result = subprocess.run([OBJDUMP, "-d", "--no-show-raw-insn", path], capture_output=True, text=True, timeout=60,
                                check=True)
        start = result.stdout.index(f"<{function}>:")
        end = result.stdout.find("\n\n", start)
        return result.stdout[start:end if end > 0 else None]


class Semantics(Case):
    def test_random_control_flow(self):
        functions = [Function(seed) for seed in range(150)]
        body = "\n".join(f.module_function(f"f{i}") for i, f in enumerate(functions))
        # One call per process would be slow: a driver mixes the results of all functions.
        calls = "\n".join(
            f"(i64.store offset={8 * i} (i32.const 8192) (i64.extend_i32_u (call {i} (i32.const {1 + i}) (i32.const 77))))"
            f"(memory.fill (i32.const 0) (i32.const 0) (i32.const 4096))"
            for i in range(len(functions)))
        get = '(func (export "get") (param i32) (result i32) (call $all) (i32.load (i32.add (i32.const 8192) (i32.shl (local.get 0) (i32.const 3)))))'
        mix = ('(func (export "mix") (result i32) (local i32 i32) (call $all) (loop (local.set 1 (i32.add (i32.mul '
               '(local.get 1) (i32.const 31)) (i32.load (i32.add (i32.const 8192) (local.get 0))))) (br_if 0 (i32.lt_u '
               f'(local.tee 0 (i32.add (local.get 0) (i32.const 8))) (i32.const {8 * len(functions)})))) (local.get 1))')
        wasm = self.wasm(f'(module (memory 1)\n{body}\n(func $all {calls})\n{get}\n{mix})')
        expected = [f.run(1 + i, 77) for i, f in enumerate(functions)]
        mixed = 0
        for v in expected:
            mixed = (mixed * 31 + v) & 0xFFFFFFFF
        for level in range(4):
            got = int(self.call(wasm, "mix", options=[f"-O{level}"])[0]) & 0xFFFFFFFF
            if got != mixed:
                wrong = [i for i, v in enumerate(expected)
                         if int(self.call(wasm, "get", i, options=[f"-O{level}"])[0]) & 0xFFFFFFFF != v]
                self.fail(f"-O{level}: functions {wrong}")

    def test_very_many_locals(self):
        # Beyond what phis can hold: locals live in memory.
        n = 40000
        steps = " ".join(f"(local.set {1 + i * 19 % n} (i32.add (local.get {1 + i * 7 % n}) (local.get 0)))"
                         f"(br_if 0 (i32.eq (local.get {1 + i * 3 % n}) (i32.const -1)))" for i in range(2000))
        wasm = self.wasm(f'(module (func (export "f") (param i32) (result i32) (local {"i32 " * n})'
                         f"(block {steps}) (i32.add (local.get 1) (local.get {1 + 1999 * 19 % n}))))")
        locals_ = [3] + [0] * n
        for i in range(2000):
            locals_[1 + i * 19 % n] = (locals_[1 + i * 7 % n] + 3) & 0xFFFFFFFF
        expected = (locals_[1] + locals_[1 + 1999 * 19 % n]) & 0xFFFFFFFF
        for level in (0, 3):
            self.assertEqual(int(self.call(wasm, "f", 3, options=[f"-O{level}"])[0]) & 0xFFFFFFFF, expected)

    def test_deep_nesting(self):
        # By hand: wat2wasm recurses on nesting, the compiler must not.
        n = 20000

        def leb(v):
            out = bytearray()
            while v > 127:
                out.append(v & 127 | 128)
                v >>= 7
            return bytes(out) + bytes([v])

        def section(kind, body):
            return bytes([kind]) + leb(len(body)) + body

        code = b"\0" + b"\x02\x40" * n + b"\x20\0\x0d" + leb(n - 1) + b"\x0b" * n + b"\x41\x07\x0b"
        with open(self.path("deep.wasm"), "wb") as f:
            f.write(b"\0asm\1\0\0\0" + section(1, b"\1\x60\1\x7f\1\x7f") + section(3, b"\1\0") +
                    section(7, b"\1\1f\0\0") + section(10, b"\1" + leb(len(code)) + code))
        for level in (0, 3):
            self.assertEqual(self.call(self.path("deep.wasm"), "f", 1, options=[f"-O{level}"]), ["7"])

    def test_several_results_and_block_parameters(self):
        wasm = self.wasm("""(module
          (func $pair (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
          (func (export "many") (param i32) (result i32 i64 f32 f64 i32 i64)
            (local.get 0) (i64.const 2) (f32.const 3) (f64.const 4) (i32.const 5) (i64.const 6))
          (func (export "sum") (param i32) (result i32)
            (i32.const 0) (local.get 0)
            (loop (param i32 i32) (result i32)
              (local.set 0) (local.get 0) (i32.add)
              (local.get 0) (i32.const 1) (i32.sub) (local.tee 0)
              (if (param i32) (result i32 i32) (then (local.get 0)) (else (i32.const 0)))
              (br_if 0 (local.get 0)) (drop)))
          (func (export "swap") (param i32) (result i64 i32) (call $pair (local.get 0) (i64.const 9))))""")
        self.assertEqual(self.call(wasm, "many", 1), ["1", "2", "3", "4", "5", "6"])
        self.assertEqual(self.call(wasm, "sum", 10), ["55"])
        self.assertEqual(self.call(wasm, "swap", 4), ["9", "4"])

    def test_traps(self):
        wasm = self.wasm("""(module (memory 1 1) (table 2 3 funcref) (type $v (func))
          (func $f (param i32)) (elem (i32.const 0) $f)
          (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
          (func (export "rem") (param i32 i32) (result i32) (i32.rem_s (local.get 0) (local.get 1)))
          (func (export "trunc") (param f64) (result i32) (i32.trunc_f64_u (local.get 0)))
          (func (export "load") (param i32) (result i32) (i32.load offset=4 (local.get 0)))
          (func (export "far") (param i32) (result i32) (i32.load offset=0xffffffff (local.get 0)))
          (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
          (func (export "indirect") (param i32) (call_indirect (type $v) (local.get 0)))
          (func (export "get") (param i32) (drop (table.get 0 (local.get 0))))
          (func $down (export "down") (param i32) (result i32) (i32.add (call $down (local.get 0)) (i32.const 1)))
          (func (export "unreachable") (unreachable)))""")
        for call, expected in [
            (("div", 1, 0), "trap: integer divide by zero"),
            (("div", -2147483648, -1), "trap: integer overflow"),
            (("rem", -2147483648, -1), "0"),
            (("trunc", -0.9), "0"),
            (("trunc", -1.0), "trap: integer overflow"),
            (("trunc", "nan"), "trap: invalid conversion to integer"),
            (("load", 65528), "0"),
            (("load", 65529), "trap: out of bounds memory access"),
            (("far", -1), "trap: out of bounds memory access"),
            (("fill", 65535, 2), "trap: out of bounds memory access"),
            (("fill", 65537, 0), "trap: out of bounds memory access"),
            (("indirect", 0), "trap: indirect call type mismatch"),
            (("indirect", 1), "trap: uninitialized element"),
            (("indirect", 2), "trap: undefined element"),
            (("get", 2), "trap: out of bounds table access"),
            (("down", 1), "trap: call stack exhausted"),
            (("unreachable",), "trap: unreachable"),
        ]:
            for level in (0, 3):
                with self.subTest(call=call, level=level):
                    options = [f"-O{level}", "-strict"] if call[0] == "get" else [f"-O{level}"]
                    self.assertEqual(self.call(wasm, *call, options=options), [expected])

    def test_interpreter(self):
        # A loop around a large br_table, from whose every case LLVM is to jump to the next one.
        for n in (7, 12, 40):
            cases = "".join(
                f"end ;; {i}\n (local.set 1 (i32.{'add' if i % 2 else 'xor'} (i32.mul (local.get 1) (i32.const {2 * i + 3}))"
                f" (i32.add (local.get 0) (i32.const {i})))) br {n - i}\n" for i in range(n))
            wasm = self.wasm(f"""(module (memory (export "memory") 1) (data (i32.const 0) "{"".join(
                f"{chr(92)}{(i * 7 + i // n) % n + 100:02x}" for i in range(500))}\ff")
              (func $run (export "run") (param i32 i32 i32) (result i32)
                loop {"block " * (n + 1)}
                  (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                  (br_table {" ".join(map(str, range(n)))} {n} (i32.sub (i32.load8_u (local.get 0)) (local.get 2)))
                {cases}end end
                (i32.add (local.get 1) (local.get 0))))""")
            program = [(i * 7 + i // n) % n for i in range(500)] + [155]
            for first, wrong in ((0, False), (250, False), (10, True)):
                at, value = first, 9
                while not wrong or at < first:
                    at += 1
                    case = program[at]
                    if case >= n:
                        break
                    value = value * (2 * case + 3)
                    value = (value + at + case if case % 2 else value ^ (at + case)) & 0xFFFFFFFF
                at += wrong  # by another base all indices are out of range, some of them negative
                for level in range(4):
                    got = self.call(wasm, "run", first, 9, 120 if wrong and n < 20 else 200 if wrong else 100, options=[f"-O{level}"])
                    self.assertEqual(int(got[0]) & 0xFFFFFFFF, value + at & 0xFFFFFFFF, (n, first, level))
            symbols = subprocess.run(["nm", self.compile(wasm)], capture_output=True, text=True, timeout=60, check=True).stdout
            self.assertEqual(int(re.search(r"(\w+) t run\.f\d", symbols)[1], 16) % 64, 0, symbols)
            if os.uname().machine == "x86_64":
                jumps = re.findall(r"jmpq?\s+\*%r", self.disassembly(self.compile(wasm), "run.f0"))
                self.assertGreaterEqual(len(jumps), n)

    def test_dropped_access_keeps_the_guest_in(self):
        # An access that LLVM may drop must not let a loop step its index beyond 4 GiB: the store wraps to 0.
        wasm = self.wasm("""(module (memory 1)
          (func (export "f") (param $p i32) (result i32) (local $n i32)
            (local.set $n (i32.const 0x30000))
            (loop
              (drop (i32.load (local.get $p)))
              (if (i32.eq (local.get $n) (i32.const 1)) (then (i32.store (local.get $p) (i32.const 5))))
              (local.set $p (i32.add (local.get $p) (i32.const 0x10000)))
              (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (i32.load (i32.const 0))))""")
        # n = 0x30000 steps of 64 KiB are three times round; the last is at -64 KiB: a trap, or a wrap if kept out.
        self.assertEqual(self.call(wasm, "f", 0), ["trap: out of bounds memory access"])
        self.assertEqual(self.call(wasm, "f", 0x10000), ["5"])


class Objects(Case):
    def test_no_undefined_symbols_one_export(self):
        for triple in ("x86_64-linux-gnu", "aarch64-linux-gnu"):
            # A CPU without vector rounding or FMA, and bulk memory: every library routine that LLVM may want.
            wasm = self.wasm("""(module (memory 1)
              (func (export "f") (param f64 f32 i32) (result f64)
                (memory.copy (local.get 2) (i32.const 9) (local.get 2)) (memory.fill (local.get 2) (i32.const 1) (local.get 2))
                (f64.add (f64.nearest (f64.ceil (f64.floor (f64.trunc (local.get 0)))))
                         (f64.promote_f32 (f32.nearest (f32.ceil (f32.floor (f32.trunc (f32.sqrt (local.get 1)))))))))
              (func (export "v") (param i32)
                (v128.store (local.get 0) (f64x2.nearest (f64x2.ceil (f64x2.sqrt (v128.load (local.get 0))))))))""")
            path = self.compile(wasm, "-triple", triple)
            symbols = subprocess.run([READOBJ, "--dyn-syms", path], capture_output=True, text=True, check=True).stdout
            names = [line.split()[1] for line in symbols.splitlines() if line.strip().startswith("Name:") and "(0)" not in line]
            self.assertEqual(names, ["mw_code_descriptor_v1"])
            with open(path, "rb") as f:
                machine = struct.unpack_from("<H", f.read(20), 18)[0]
            self.assertEqual(machine, {"x86_64-linux-gnu": 62, "aarch64-linux-gnu": 183}[triple])

    def test_same_object_whatever_the_threads(self):
        body = "\n".join(Function(seed).module_function(f"f{seed}") for seed in range(200))
        wasm = self.wasm(f"(module (memory 1)\n{body})")
        objects = []
        for threads in (1, 3, 3):
            with open(self.compile(wasm, "-O1", "-threads", threads), "rb") as f:
                objects.append(f.read())
        self.assertTrue(objects[0] == objects[1] == objects[2], "objects differ")

    def test_stub_of_an_import_is_left_out(self):
        wasm = self.wasm("""(module (import "a" "b" (func $import (param i32 i64) (result i32)))
          (func $stub (param i32 i64) (result i32) (call $import (local.get 0) (local.get 1)))
          (func $swaps (param i32 i32 i64) (result i32) (call $import (local.get 1) (local.get 2)))
          (func $adds (param i32 i64) (result i32) (i32.add (i32.const 1) (call $import (local.get 0) (local.get 1))))
          (func $user (export "user") (param i32 i64) (result i32)
            (i32.add (call $stub (local.get 0) (local.get 1)) (call $stub (i32.const 2) (i64.const 3))))
          (func $other (export "other") (param i32 i64) (result i32)
            (i32.add (call $swaps (i32.const 5) (local.get 0) (local.get 1)) (call $adds (local.get 0) (local.get 1)))))""")
        code = self.disassembly(self.compile(wasm, "-O0", "-triple", "x86_64-linux-gnu"), "user.f4")
        self.assertNotIn("stub", code)
        self.assertEqual(len(re.findall(r"\bcall\w*\s+\*", code)), 2, code)
        code = self.disassembly(self.compile(wasm, "-O0", "-triple", "x86_64-linux-gnu"), "other.f5")
        self.assertRegex(code, r"<swaps\.f2>")
        self.assertRegex(code, r"<adds\.f3>")

    def test_scalar_loop_is_vectorized_to_full_width(self):
        path = self.compile(self.wasm(TRIAD), "-triple", "x86_64-linux-gnu", "-cpu", "x86-64-v3")
        code = self.disassembly(path, "triad.f0")
        self.assertRegex(code, r"vmulpd.*%ymm")
        self.assertNotIn("vfmadd", code, "no contraction unless asked for")
        path = self.compile(self.wasm(TRIAD), "-triple", "x86_64-linux-gnu", "-cpu", "x86-64-v3", "-fma")
        self.assertRegex(self.disassembly(path, "triad.f0"), r"vfmadd\w+.*%ymm")

    def test_loop_over_arrays_needs_one_condition_also_in_shared_memory(self):
        body = """(func $add (export "add") (param $q i32) (param $n i32) (local $p i32)
          (local.set $p (i32.load (i32.const 0)))
          (loop $next
            (f64.store (local.get $q) (f64.add (f64.add (f64.load (i32.add (local.get $p) (i32.const -8))) (f64.load (local.get $p)))
                                               (f64.load (i32.add (local.get $p) (i32.const 800)))))
            (local.set $p (i32.add (local.get $p) (i32.const 8)))
            (local.set $q (i32.add (local.get $q) (i32.const 8)))
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))"""
        compares = []
        for memory in ("1", "1 1 shared"):
            wasm = self.wasm(f"(module (memory {memory}) {body})", flags=["--enable-threads"])
            path = self.compile(wasm, "-triple", "x86_64-linux-gnu", "-cpu", "x86-64-v3")
            code = self.disassembly(path, "add.f0")
            self.assertRegex(code, r"vaddpd.*%ymm")
            compares.append(len(re.findall(r"\bcmp", code)))
        self.assertEqual(compares[0], compares[1])

    @unittest.skipUnless(os.uname().machine == "x86_64", "looks at x86-64 instructions")
    def test_square_root_that_may_not_be_needed_has_a_branch_around_it(self):
        wasm = self.wasm("""(module
          (func $choice (export "choice") (param f64) (result f64)
            (select (f64.const 7) (f64.sqrt (local.get 0)) (f64.le (local.get 0) (f64.const 0.5))))
          (func $plain (export "plain") (param f64 f64) (result f64)
            (select (local.get 1) (local.get 0) (f64.le (local.get 0) (f64.const 0.5)))))""")
        code = self.compile(wasm, "-O3")
        self.assertRegex(self.disassembly(code, "choice.f0"), r"\tj[a-z]+\s[^@]*sqrtsd")
        self.assertNotRegex(self.disassembly(code, "plain.f1"), r"\tj[a-z]+\s")
        for x, root in (("0.25", "7"), ("0.5", "7"), ("2.25", "1.5"), ("-1", "7"), ("nan", "nan")):
            for level in (0, 3):
                self.assertEqual(self.call(wasm, "choice", x, options=[f"-O{level}"])[0].lstrip("-"), root)

    @unittest.skipUnless(os.uname().machine == "x86_64", "looks at x86-64 instructions")
    def test_scalar_conversion_begins_with_the_conversion(self):
        functions = []
        for x in ("f32", "f64"):
            for to in ("i32", "i64"):
                functions.append(f"""(func ${to}_{x} (export "{to}_{x}") (param {x}) (result {to})
                  ({to}.trunc_sat_{x}_s (local.get 0)))""")
            functions.append(f"""(func $back_{x} (export "back_{x}") (param {x}) (result {x})
              ({x}.convert_i32_s (i32.trunc_sat_{x}_s (local.get 0))))""")
            functions.append(f"""(func $both_{x} (export "both_{x}") (param {x}) (result i32 {x})
              (local i32) (local.tee 1 (i32.trunc_sat_{x}_s (local.get 0))) ({x}.convert_i32_s (local.get 1)))""")
        wasm = self.wasm(f"(module {' '.join(functions)})")
        code = self.compile(wasm, "-O3", "-triple", "x86_64-linux-gnu", "-cpu", "x86-64-v3")
        for name, index in (("i32_f32", 0), ("i64_f32", 1), ("i32_f64", 4), ("i64_f64", 5)):
            self.assertRegex(self.disassembly(code, f"{name}.f{index}"), r"cvtts[sd]2si\s+%xmm[01],")
        for name, index in (("back_f32", 2), ("back_f64", 6)):
            self.assertRegex(self.disassembly(code, f"{name}.f{index}"), r"vcvttp[sd]2dq\s+%xmm[01],")
        # What does not fit is behind a branch: up to the first return there is no choice.
        usual = self.disassembly(code, "back_f64.f6").split("\tret")[0]
        self.assertRegex(usual, r"\tj[a-z]+\s")
        self.assertNotRegex(usual, r"cmov|blend|vcmp")

        def single(number):
            return struct.unpack("f", struct.pack("f", number))[0]

        values = [0.75, -0.75, 3.5, -3.5, 2.0**31, 2.0**31 - 128, -(2.0**31), -(2.0**31) - 256, 2.0**63, 2.0**62, -(2.0**63), 1e30,
                  -1e30]
        for x in ("f32", "f64"):
            for value in values + [2.0**31 - 0.5, -(2.0**31) - 0.5, -(2.0**31) - 1] * (x == "f64"):
                i32, i64 = (int(max(-(2.0**(n - 1)), min(value, 2.0**(n - 1)))) for n in (32, 64))
                i32, i64 = min(i32, 2**31 - 1), min(i64, 2**63 - 1)
                back = single(i32) if x == "f32" else float(i32)
                for level in (0, 3):
                    for name, expected in (("i32", [i32]), ("i64", [i64]), ("back", [back]), ("both", [i32, back])):
                        said = self.call(wasm, f"{name}_{x}", repr(value), options=[f"-O{level}"])
                        self.assertEqual(len(said), len(expected))
                        for a, b in zip(said, expected): # nine digits tell a float
                            self.assertEqual(int(a) if isinstance(b, int) else single(float(a)) if x == "f32" else float(a), b,
                                             (name, x, value, level))
            for value, fits in (("nan", (0, 0)), ("inf", (2**31 - 1, 2**63 - 1)), ("-inf", (-(2**31), -(2**63)))):
                self.assertEqual([self.call(wasm, f"i{n}_{x}", value)[0] for n in (32, 64)], [str(n) for n in fits])
                back = float(self.call(wasm, f"back_{x}", value)[0])
                self.assertEqual(single(back) if x == "f32" else back, single(fits[0]) if x == "f32" else fits[0])

    def test_bounds_of_the_guest_s_own_stay(self):
        """A conversion of what the guest brought into a smaller range itself, as in `trunc_sat`'s own way."""
        functions = []
        for x, bound in (("f32", "1.5e9"), ("f64", "1.5e9")):
            clamp = f"""
              (local.set 0 (select (local.get 0) ({x}.const 0) ({x}.eq (local.get 0) (local.get 0))))
              (local.set 0 (select (local.get 0) ({x}.const -2147483648) ({x}.gt (local.get 0) ({x}.const -2147483648))))
              (local.set 0 (select (local.get 0) ({x}.const {bound}) ({x}.lt (local.get 0) ({x}.const {bound}))))"""
            functions.append(f"""(func (export "{x}") (param {x}) (result i32) {clamp} (i32.trunc_{x}_s (local.get 0)))
              (func (export "back_{x}") (param {x}) (result {x}) {clamp} ({x}.convert_i32_s (i32.trunc_{x}_s (local.get 0))))""")
        wasm = self.wasm(f"(module {' '.join(functions)})")
        for x in ("f32", "f64"):
            for value, expected in (("-7.9", -7), ("1.2e9", 1200000000), ("1.6e9", 1500000000), ("1e30", 1500000000),
                                    ("-1e30", -(2**31)), ("nan", 0)):
                for level in (0, 3):
                    self.assertEqual(self.call(wasm, x, value, options=[f"-O{level}"]), [str(expected)], (x, value, level))
                    back, = self.call(wasm, "back_" + x, value, options=[f"-O{level}"])
                    self.assertAlmostEqual(float(back), expected, delta=abs(expected) * 1e-8)

    @unittest.skipUnless(os.uname().machine == "x86_64", "looks at x86-64 instructions")
    def test_locals_of_many_loops_do_not_keep_functions_slow(self):
        """Locals that every loop sets before it reads them hold nothing at its header, however many loops there are."""
        loops = []
        for i in range(40):
            moved = "\n".join(f"(local.set {k} (i32.add (local.get {k - 1}) (i32.const {k * 8})))" for k in range(4, 24))
            loops.append(f"""(local.set 1 (i32.const 0))
              (loop $outer
                (if (i32.and (local.get 0) (local.get 1)) (then
                (local.set 3 (i32.mul (local.get 1) (i32.const {8 * i + 512})))
                {moved}
                (local.set 2 (i32.const 0))
                (loop $inner
                  (f64.store (local.get {4 + i % 20}) (f64.mul (f64.load offset={i * 8 + 8192} (local.get {4 + i % 20})) (f64.const 2.5)))
                  (local.set {4 + i % 20} (i32.add (local.get {4 + i % 20}) (i32.const 8)))
                  (br_if $inner (i32.ne (local.get 0) (local.tee 2 (i32.add (local.get 2) (i32.const 1))))))))
                (br_if $outer (i32.ne (local.get 0) (local.tee 1 (i32.add (local.get 1) (i32.const 1))))))""")
        wasm = self.wasm(f"(module (memory 16) (func $loops (param i32) {'(local i32)' * 23} {' '.join(loops)}))")
        code = self.compile(wasm, "-O3", "-triple", "x86_64-linux-gnu", "-cpu", "x86-64-v3")
        self.assertIn("vmulpd", self.disassembly(code, "loops.f0"))

    def test_stencils_leave_few_iterations_to_scalars(self):
        """An iteration that uses what the one before has loaded: no more than two vectors at a time."""
        wasm = self.wasm("""(module (memory 16)
          (func $row (param i32 i32 i32) (local f64 f64)
            (local.set 3 (f64.load offset=8 (local.get 0)))
            (loop $columns
              (local.set 4 (f64.load offset=16 (local.get 0)))
              (f64.store (local.get 1) (f64.add (f64.add (f64.load (local.get 0)) (local.get 4)) (f64.mul (local.get 3) (f64.const 0.25))))
              (local.set 3 (local.get 4))
              (local.set 0 (i32.add (local.get 0) (i32.const 8)))
              (local.set 1 (i32.add (local.get 1) (i32.const 8)))
              (br_if $columns (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))))""")
        code = self.compile(wasm, "-O3", "-triple", "x86_64-linux-gnu", "-cpu", "x86-64-v3")
        stores = re.findall(r"vmovup[sd]\s+%ymm\d+, ", self.disassembly(code, "row.f0"))
        self.assertEqual(len(stores), 2, self.disassembly(code, "row.f0"))

    def test_sums_of_scalars_are_not_fused(self):
        """Where fusing is allowed: a loop that waits for one sum after the other is slower by it, one with more work is not."""
        loop = """(loop $next
              (local.set 2 (f64.{0} {1}))
              (local.set 0 (i32.add (local.get 0) (i32.const 8)))
              (br_if $next (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
            (local.get 2)"""
        product = "(f64.mul (f64.load (local.get 0)) (f64.load offset=4096 (local.get 0)))"
        bodies = {"plus": loop.format("add", "(local.get 2) " + product), "swapped": loop.format("add", product + " (local.get 2)"),
                  "minus": loop.format("sub", "(local.get 2) " + product), "no_sum": loop.format("sub", product + " (local.get 2)")}
        functions = "".join(f'(func ${name} (export "{name}") (param i32 i32) (result f64) (local f64) {body})'
                            for name, body in bodies.items())
        path = self.compile(self.wasm(f"(module (memory 1) {functions})"), "-fma", "-triple", "x86_64-linux-gnu", "-cpu", "x86-64-v3")
        for index, name in enumerate(bodies):
            self.assertEqual("vfm" in self.disassembly(path, f"{name}.f{index}"), name == "no_sum", name)

    def test_small_functions_are_inlined(self):
        """Where they are called, and where a table has few of a type; what was inlined is vectorized. Others are called."""
        wasm = self.wasm("""(module (memory 1)
          (type $binary (func (param f64 f64) (result f64)))
          (table 3 3 funcref) (elem (i32.const 1) $add $larger)
          (func $add (type $binary) (f64.add (local.get 0) (local.get 1)))
          (func $larger (type $binary) (if (f64.gt (local.get 0) (local.get 1)) (then (return (local.get 0)))) (local.get 1))
          (func $looping (param f64 f64) (result f64) (loop) (f64.add (local.get 0) (local.get 1)))
          (func $direct (export "direct") (param i32 i32)
            (loop $next
              (f64.store (local.get 0) (call $add (f64.load (local.get 0)) (f64.const 3)))
              (local.set 0 (i32.add (local.get 0) (i32.const 8)))
              (br_if $next (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))
          (func $by_table (export "by_table") (param f64 f64 i32) (result f64)
            (call_indirect (type $binary) (local.get 0) (local.get 1) (local.get 2)))
          (func $called (export "called") (param f64) (result f64) (call $looping (local.get 0) (local.get 0))))""")
        for level, inlined in (("-O1", False), ("-O2", True), ("-O3", True)):
            path = self.compile(wasm, level, "-triple", "x86_64-linux-gnu", "-cpu", "x86-64-v3")
            direct = self.disassembly(path, "direct.f3")
            self.assertEqual("vaddpd" in direct, inlined)
            self.assertEqual("<add.f0>" in direct, not inlined)
            self.assertEqual("vaddsd" in self.disassembly(path, "by_table.f4"), inlined)
            self.assertIn("<looping.f2>", self.disassembly(path, "called.f5"))

    def test_neighbours_share_an_index(self):
        # p[0], p[1], p[2] through pointer arithmetic: one index register, three displacements.
        wasm = self.wasm("""(module (memory 1)
          (func $sum (export "sum") (param i32) (result f64)
            (f64.add (f64.add (f64.load (local.get 0)) (f64.load (i32.add (local.get 0) (i32.const 8))))
                     (f64.load (i32.add (local.get 0) (i32.const 16))))))""")
        code = self.disassembly(self.compile(wasm, "-triple", "x86_64-linux-gnu", "-cpu", "x86-64-v3"), "sum.f0")
        self.assertNotIn("lea", code)
        self.assertNotRegex(code, r"addl\s")

    def test_relaxed_instructions_become_the_hosts_when_fast(self):
        operations = {"madd": ("f64x2.relaxed_madd", 3), "swizzle": ("i8x16.relaxed_swizzle", 2),
                      "min": ("f32x4.relaxed_min", 2), "trunc": ("i32x4.relaxed_trunc_f32x4_s", 1),
                      "q15": ("i16x8.relaxed_q15mulr_s", 2), "select": ("i32x4.relaxed_laneselect", 3)}
        functions = []
        for name, (instruction, n) in operations.items():
            loads = " ".join(f"(v128.load offset={4096 * k} (local.get $p))" for k in range(n))
            functions.append(f"""(func ${name} (export "{name}") (param $p i32) (param $n i32)
              (loop (v128.store offset=16384 (local.get $p) ({instruction} {loads}))
                (local.set $p (i32.add (local.get $p) (i32.const 16)))
                (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))""")
        wasm = self.wasm(f"(module (memory 1) {' '.join(functions)})", flags=["--enable-relaxed-simd"])
        machines = {
            ("x86_64-linux-gnu", "x86-64-v3"): {
                "madd": "vfmadd", "swizzle": "vpshufb", "min": "vminps", "trunc": "vcvttps2dq", "q15": "vpmulhrsw",
                "select": "vblendvps"},
            ("aarch64-linux-gnu", "neoverse-n1"): {"madd": "fmla"},
        }
        for (triple, cpu), mnemonics in machines.items():
            for fast in (False, True):
                path = self.compile(wasm, "-triple", triple, "-cpu", cpu, *(["-relaxed"] if fast else []))
                for name, mnemonic in mnemonics.items():
                    code = self.disassembly(path, f"{name}.f{list(operations).index(name)}")
                    arithmetic = [line.split()[1] for line in code.splitlines()[1:]
                                  if re.search(r"[xyz]mm|\bv\d", line) and not re.search("mov|broadcast|ld|st", line)]
                    if fast:
                        self.assertTrue(arithmetic, code)
                        self.assertTrue(all(a.startswith(mnemonic) for a in arithmetic), (cpu, code))
                    elif name == "madd":
                        self.assertNotIn(mnemonic, code)
                    else:
                        self.assertFalse(all(a.startswith(mnemonic) for a in arithmetic), (cpu, code))

    def test_unknown_names_are_refused(self):
        wasm = self.wasm(TRIAD)
        for options, word in ((["-cpu", "pentium9"], "pentium9"), (["-triple", "vax-dec-ultrix"], "vax")):
            result = self.run_tool(*options, "-o", self.path("x.so"), wasm)
            self.assertEqual(result.returncode, 1)
            self.assertIn(word, result.stderr)
            self.assertFalse(os.path.exists(self.path("x.so")))

    def test_features_can_be_switched_off(self):
        wasm = self.wasm("""(module (memory 1) (func (export "f") (param i32) (local v128)
          (local.set 1 (v128.load (local.get 0)))
          (local.set 1 (i8x16.swizzle (local.get 1) (v128.load offset=16 (local.get 0))))
          (local.set 1 (i16x8.q15mulr_sat_s (local.get 1) (v128.load offset=32 (local.get 0))))
          (local.set 1 (i16x8.narrow_i32x4_u (local.get 1) (v128.load offset=48 (local.get 0))))
          (v128.store (local.get 0) (i32x4.dot_i16x8_s (local.get 1) (local.get 1)))))""")
        path = self.compile(wasm, "-features", "-ssse3", "-triple", "x86_64-linux-gnu", "-cpu", "x86-64-v3")
        with open(path, "rb") as f:
            required = f.read()
        self.assertIn(b"+sse3", required)
        for feature in (b"+ssse3", b"+sse4.1", b"+avx"):
            self.assertNotIn(feature, required)

    def test_output_that_cannot_be_written(self):
        path = self.path("nonexistent/x.so")
        result = self.run_tool("-o", path, self.wasm(TRIAD))
        self.assertEqual(result.returncode, 1)
        self.assertIn(path, result.stderr)

    def test_nothing_is_left_behind(self):
        self.compile(self.wasm(TRIAD))
        self.assertEqual(sorted(os.listdir(self.directory.name)), ["module.wasm", "module.wat", "object.so"])

    def test_line_table_tells_module_offsets(self):
        wasm = self.wasm('(module (func $boom (export "boom") nop nop unreachable))')
        with open(wasm, "rb") as f:
            offset = f.read().index(b"\x01\x01\x00\x0b") + 2
        path = self.compile(wasm)
        lines = subprocess.run([OBJDUMP, "-d", "-l", path], capture_output=True, text=True, check=True).stdout
        self.assertIn(f"wasm:{offset}", lines)


if __name__ == "__main__":
    unittest.main()
