#!/usr/bin/env python3
"""Tests the assembler: against wabt's wat2wasm where that reads the text, else against bytes written down from the
specification; and that malformed text is refused."""

import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
from wat import WatError, assemble  # noqa: E402
from wat.instructions import NONE, TABLE, natural_alignment  # noqa: E402
from wat.lexer import parse  # noqa: E402
from wat.literals import float_bits, integer, signed, unsigned  # noqa: E402

# What wabt 1.0.32 cannot read or writes in a draft's encoding.
UNKNOWN_TO_WABT = {"throw_ref", "call_ref", "return_call_ref", "ref.eq", "ref.as_non_null", "br_on_null",
                   "br_on_non_null", "i16x8.relaxed_dot_i8x16_i7x16_s", "i32x4.relaxed_dot_i8x16_i7x16_add_s",
                   *(name for name, (encoding, _) in TABLE.items() if encoding[0] == 0xFB)}

IMMEDIATES = {
    NONE: [""], "tag": ["$tag"], "label": ["0", "1", "$outer"], "labels": ["0 1 $outer 0", "1"], "func": ["$f"],
    "call_indirect": ["(type $t)", "$table2 (param i32) (result i64)", ""],
    "select": ["", "(result i32)"], "local": ["0", "$local", "3"], "global": ["$g", "0"], "table": ["0", "$table2"],
    "memory": [""], "i32": ["-1", "0x8000_0000", "4294967295", "63", "64", "-64", "-65", "-0x80000000", "+7"],
    "i64": ["-1", "0xffff_ffff_ffff_ffff", "-0x8000000000000000", "1_000_000"],
    "f32": ["0", "-0.0", "1e10", "0x1.fp-3", "nan:0x200000", "-inf", "nan", "1.1", "0x1p-149", "16777217",
            "0x1.fffffefffffffffff8p127", "1.00000017881393421514957253748434595763683319091796875"],
    "f64": ["0x1.921fb54442d18p+2", "1e-320", "-nan:0x8000000000001", "9007199254740993", "0x1.00000000000008p0"],
    "heaptype": ["func", "extern"], "memory_init": ["$d"], "data": ["$d"], "memory_memory": [""],
    "table_init": ["$e", "$table2 $e"], "elem": ["$e"], "table_table": ["", "$table2 0"],
    "memarg": ["", "offset=8", "offset=0xffffffff", "align=1", "offset=1 align=1"],
    "memarg_lane": ["0", "offset=8 0", "offset=1 align=1 0"], "lane": ["1"],
    "v128": ["i32x4 1 -2 3 0xffffffff", "i8x16" + " 1 -1" * 8, "f64x2 nan 1.5", "i16x8 0 1 2 3 4 5 6 -32768",
             "i64x2 -1 0x7fffffffffffffff", "f32x4 1 2 -inf nan:0x1"],
    "shuffle": [" ".join(map(str, range(16, 32)))], "fence": [""],
}

MODULE = """(module (type $t (func (param i32) (result i64))) (import "m" "f" (func $f)) (tag $tag (param i32))
(table 1 funcref) (table $table2 1 funcref) (memory 1 2 shared) (global $g (mut i32) (i32.const 0))
(elem $e func $f) (data $d "x") (func (param i32 i64) (local f32) (local $local f64)
block $outer block {} {} end end))"""

# Whole modules that wabt can read.
MODULES = [
    "(module)", "(module $name (start 0) (func))",
    '(func $a (export "a") (export "b\\n\\u{20ac}\\00") (import "m" "\\"n") (param i32)) (export "c" (func $a))',
    '(import "m" "t" (table $t 1 2 externref)) (import "m" "m" (memory 1)) (import "m" "g" (global (mut f32)))',
    '(import "m" "e" (tag $e (param i32 i64))) (tag (export "e2"))',
    '(table funcref (elem 0 0)) (func) (table $x externref (elem (ref.null extern)))',
    '(memory (data "abc" "\\ff\\t\\r\\n\\\'\\"\\\\")) (memory 1)',
    "(memory 1) (data (i32.const 3) \"x\") (data \"y\" \"z\")",
    '(table $t 4 funcref) (table $u 4 funcref) (func $f) (elem (i32.const 0) $f 0)'
    '(elem (table $u) (i32.const 1) func $f) (elem declare func $f) (elem func 0)'
    '(elem (table 0) (offset i32.const 1) funcref (ref.func $f) (item ref.null func))'
    '(elem funcref (ref.null func)) (elem declare externref (ref.null extern)) (elem (table $u) (i32.const 0) externref)',
    "(memory i64 1 5) (memory $n (export \"m\") 2) (data (memory $n) (i32.const 1) \"q\")",
    "(func (param $x i32) (param f32 f64) (result i32) (local $y i64) (local i64 i32) local.get $y drop local.get $x)",
    "(func (result i32) (if (result i32) (i32.const 1) (then (i32.const 2)) (else (i32.const 3))))",
    "(func i32.const 1 if $l br $l else $l nop end $l)", "(func (if (i32.eqz (i32.const 0)) (then)))",
    "(func (block $a (loop $b (br_table $a $b 0 (i32.const 1)))) (block $a (block $a (br $a)) (br $a)))",
    "(func (block (param i32) (drop)) (i32.const 1)) (func (block (result i32 i64) unreachable) drop drop)",
    "(tag $e (param i32)) (func (try (do (throw $e (i32.const 1))) (catch $e (drop)) (catch_all (rethrow 0))))",
    "(tag $e) (func try nop catch $e catch_all rethrow 0 end try $l try nop delegate $l catch_all end)",
    "(func $f (block $l (try (do) (delegate $l))) (return_call $f))",
    "(func (;(; nested ;);) nop ;; rest\n(;x;) nop)", "(func $quoted\\name (call $quoted\\name))",
    "(global i32 (i32.add (i32.const 1) (i32.const 2))) (global f32 (f32.const nan:0x1))"
    "(global v128 (v128.const i64x2 1 2))",
    "(type $a (func (param $x i32) (param i64) (result f32 f64))) (func (type $a) unreachable)"
    "(func (type $a) (param $p i32) (param i64) (result f32) (result f64) unreachable)",
    '(memory 0) (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop 0)) (data "")',
]

# What wabt cannot read: text, and the sections behind the magic number and version.
ENCODED = [
    # (ref null func) is its short form; indices of types are signed numbers.
    ("(type (func (param (ref 0) (ref null 0) (ref null func) (ref extern) exnref nullfuncref)))",
     "01 0d 01 60 06 64 00 63 00 70 64 6f 69 73 00"),
    ("(rec (type (func)) (type $b (sub (struct (field $x i8) (field (mut i64) i16)))))"
     "(type (sub final $b (struct (field i8 (mut i64) i16)))) (type (array (mut (ref null $b))))",
     "01 1f 03 4e 02 60 00 00 50 00 5f 03 78 00 7e 01 77 00 4f 01 01 5f 03 78 00 7e 01 77 00 5e 63 01 01"),
    ("(func (block $l (try_table $m (catch $e $l) (catch_ref 0 1) (catch_all 0) (catch_all_ref $l) (br $m)))) (tag $e)",
     "01 04 01 60 00 00 03 02 01 00 0d 03 01 00 00"
     "0a 17 01 15 00 02 40 1f 40 04 00 00 00 01 00 01 02 00 03 00 0c 00 0b 0b 0b"),
    ("(table 0 funcref) (elem func)"
     "(func table.get table.set table.size table.grow table.fill table.copy table.init 0)",
     "01 04 01 60 00 00 03 02 01 00 04 04 01 70 00 00 09 04 01 01 00 00"
     "0a 19 01 17 00 25 00 26 00 fc 10 00 fc 0f 00 fc 11 00 fc 0e 00 00 fc 0c 00 00 0b"),
    ("(func $f (param (ref null $t)) local.get 0 call_ref $t local.get 0 return_call_ref 0) (type $t (func))",
     "01 09 02 60 00 00 60 01 63 00 00 03 02 01 01 0a 0c 01 0a 00 20 00 14 00 20 00 15 00 0b"),
    ("(table 1 2 (ref func) (ref.func 0)) (table i64 3 funcref) (func)",
     "01 04 01 60 00 00 03 02 01 00 04 0e 02 40 00 64 70 01 01 02 d2 00 0b 70 04 03 0a 04 01 02 00 0b"),
    ("(table i64 funcref (elem $f)) (memory i64 (data \"a\")) (func $f)",
     "01 04 01 60 00 00 03 02 01 00 04 05 01 70 05 01 01 05 04 01 05 01 01"
     "09 07 01 00 42 00 0b 01 00 0a 04 01 02 00 0b 0b 07 01 00 42 00 0b 01 61"),
    ("(memory 0)(memory $m 0)(func i32.load $m offset=1 v128.load8_lane 1 2 v128.load8_lane 1 align=1 2"
     " memory.copy $m 0"
     " memory.init $m 0 memory.size 1) (data)",
     "01 04 01 60 00 00 03 02 01 00 05 05 02 00 00 00 00 0c 01 01 0a 1e 01 1c 00 28 42 01 01 fd 54 40 01 00 02"
     "fd 54 40 01 00 02 fc 0a 01 00 fc 08 00 01 3f 01 0b 0b 03 01 01 00"),
    ("(func ref.test (ref 0) ref.cast (ref null any) br_on_cast 0 anyref (ref i31) struct.get 1 $y array.new_fixed 0 2"
     " ref.null $s br_on_null 0 ref.as_non_null) (type (func)) (type $s (struct (field $x i32) (field $y i32)))",
     "01 0a 02 60 00 00 5f 02 7f 00 7f 00 03 02 01 00 0a 1d 01 1b 00 fb 14 00 fb 17 6e fb 18 01 00 6e 6c fb 02 01 01"
     "fb 08 00 02 d0 01 d5 00 d4 0b"),
]

MALFORMED = [
    "(func", "(func))", "(module) (module)", "(func nop1)", "(func \"x\")", "(func (nop) drop nop())", "(func $)",
    "(func $a) (func $a)", "(func (param $x i32) (local $x i32))", "(type $t (func)) (type $t (func))",
    "(func (call $f))",
    "(func (local.get $x))", "(func (br $l))", "(func block $a end $b)", "(func block)", "(func end)",
    "(func else end)",
    "(func if else else end)", "(func (block end))", "(func (i32.const 4294967296) drop)",
    "(func (i32.const -2147483649) drop)",
    "(func (i32.const 1_) drop)", "(func (i32.const 0x) drop)", "(func (i32.const 1.0) drop)",
    "(func (f32.const 0x1p128) drop)",
    "(func (f32.const nan:0x0) drop)", "(func (f32.const nan:0x800000) drop)", "(func (f64.const 1e309) drop)",
    "(func (f32.const 0x1.ffffffp127) drop)", "(func (f32.const 340282356779733661637539395458142568448) drop)",
    "(func i32.load align=3 drop)", "(func i32.load align=0 drop)", "(func i32.load offset=-1 drop)",
    "(func) (memory 1) (import \"m\" \"f\" (func))",
    "(func (param i32) (type 0))", "(type (func)) (func (type 0) (param i32))", "(func (result i32) (param i32))",
    "(func (block (param $x i32)))", "(start 0) (start 0) (func)", '(data "\\zz")', '(data "\\u{d800}")',
    '(data "a\nb")',
    '(import "\\ff" "" (func))', "(memory)", "(memory 1 2 3)", "(table 1)", "(table funcref)", "(global i32 i32)",
    "(global)",
    "(func (v128.const i32x4 1 2 3) drop)", "(func (v128.const i8x16" + " 256" * 16 + ") drop)",
    "(func i8x16.shuffle 1 2)",
    "(func (i8x16.extract_lane_s 256))", "(func (i8x16.extract_lane_s -1))", "(; (; ;)", "(@) (func)", "(@a",
    "(func (@ x))",
    "(func) \x01", "(func $\"\")", "(func nop\"x\")", "(func (i32.const 1)(i32.const 2)(i32.add (i32.const 3) nop))",
    "(elem func) (elem (table 0) func)", "(func (if (i32.const 1)))", "(func (if (then) (then)))",
    "(func (try (catch_all)))",
    "(export \"a\")", "(export \"a\" (func))", "(type)", "(type (sub))", "(type (func) (func))", "(rec (func))",
    "(foo)", "nop",
    "(func try_table catch 0 0 end)", "(func delegate 0)", "(func try catch_all catch 0 end)",
]


def wat2wasm(text, directory):
    wat, wasm = directory / "t.wat", directory / "t.wasm"
    wat.write_text(text, encoding="utf-8")
    subprocess.run(["wat2wasm", "--enable-all", "--no-check", wat, "-o", wasm], check=True, timeout=60)
    return wasm.read_bytes()


class Wat(unittest.TestCase):
    def compare(self, text):
        with tempfile.TemporaryDirectory() as directory:
            self.assertEqual(assemble(text).hex(), wat2wasm(text, pathlib.Path(directory)).hex(), text)

    def test_instructions(self):
        """All of them in one module, then, where that differs, one by one for a message."""
        lines = [f"{name} {immediates}" for name, (_, kind) in TABLE.items() if name not in UNKNOWN_TO_WABT
                 for immediates in IMMEDIATES[kind] if (name, immediates) != ("ref.func", "0")]
        self.assertGreater(len(lines), 800)
        text = MODULE.format("\n".join(lines), "")
        with tempfile.TemporaryDirectory() as directory:
            if assemble(text) != wat2wasm(text, pathlib.Path(directory)):
                for line in lines:
                    self.compare(MODULE.format(line, ""))
                self.fail("only the whole differs")

    def test_modules(self):
        for text in MODULES:
            with self.subTest(text):
                self.compare(text)

    def test_encoded(self):
        for text, expected in ENCODED:
            with self.subTest(text):
                self.assertEqual(assemble(text)[8:].hex(" "), bytes.fromhex(expected).hex(" "))

    def test_unknown_to_wabt(self):
        """What no other tool of ours can check: codes at the ends of runs, from the specification's index."""
        for name, code in {"throw_ref": "0a", "call_ref": "14", "return_call_ref": "15", "ref.eq": "d3",
                           "ref.as_non_null": "d4", "br_on_null": "d5", "br_on_non_null": "d6", "i31.get_u": "fb1e",
                           "array.init_elem": "fb13", "ref.cast": "fb16", "array.len": "fb0f",
    "br_on_cast_fail": "fb19",
                           "i16x8.relaxed_dot_i8x16_i7x16_s": "fd9202",
                           "i32x4.relaxed_dot_i8x16_i7x16_add_s": "fd9302"}.items():
            self.assertEqual(TABLE[name][0].hex(), code, name)

    def test_malformed(self):
        for text in MALFORMED:
            with self.subTest(text):
                self.assertRaises(WatError, assemble, text)

    def test_lexer(self):
        self.assertEqual(parse('(a "b\\u{41}\\7f"(@x ("") , x"y")$"z" 0$x)'), [["a", b"bA\x7f", "$z", "0$x"]])
        self.assertEqual(parse("(;a;)b;;c\n(d(;(;;);)e)"), ["b", ["d", "e"]])
        self.assertRaises(WatError, parse, b"\xff")

    def test_numbers(self):
        generator = random.Random(1)
        for _ in range(2000):
            (value,) = struct.unpack("<d", generator.randbytes(8))
            if value == value and abs(value) != float("inf"):
                bits = struct.unpack("<Q", struct.pack("<d", value))[0]
                for text in (repr(value), value.hex()):
                    self.assertEqual(float_bits(text, 64), bits, text)
        for _ in range(2000):
            bits = generator.getrandbits(32)
            (value,) = struct.unpack("<f", struct.pack("<I", bits))
            if value == value and abs(value) != float("inf"):
                self.assertEqual(float_bits(repr(value), 32), bits)
                self.assertEqual(float_bits(value.hex(), 32), bits)
        # Halfway between two neighbours: to even; a bit more: up.
        self.assertEqual(float_bits("0x1.000001p0", 32), 0x3F800000)
        self.assertEqual(float_bits("0x1.00000100000000000001p0", 32), 0x3F800001)
        self.assertEqual(float_bits("0x0.0000008p-126", 32) & 1, 0)
        self.assertEqual(float_bits("0x1.fffffep-127", 32), 0x00800000)  # rounds up to the smallest normal number
        self.assertEqual(float_bits("-1e-1000000", 64), 1 << 63)
        self.assertEqual(integer("-0x80", 8), 0x80)
        for value in (0, 1, 63, 64, 127, 128, 300, 2**31, 2**64 - 1):
            self.assertEqual(self.read_leb(unsigned(value)), value)

    @staticmethod
    def read_leb(data):
        return sum((byte & 127) << 7 * i for i, byte in enumerate(data))

    def test_signed(self):
        self.assertEqual([signed(v).hex() for v in (0, 63, 64, -1, -64, -65, 128)],
                         ["00", "3f", "c000", "7f", "40", "bf7f", "8001"])

    def test_alignment(self):
        self.assertEqual([natural_alignment(name) for name in (
            "i32.load8_s", "i64.load", "v128.load8x8_s", "v128.load32_zero", "v128.store64_lane", "v128.load",
            "i64.atomic.rmw16.add_u", "memory.atomic.wait64", "memory.atomic.notify", "i32.atomic.rmw.xor")],
            [0, 3, 3, 2, 3, 4, 1, 3, 2, 2])

    def test_command(self):
        with tempfile.TemporaryDirectory() as directory:
            command = [sys.executable, pathlib.Path(__file__).parent, "-", "-o", pathlib.Path(directory) / "a.wasm"]
            done = subprocess.run(command, input=b"(func)", check=False)
            self.assertEqual(done.returncode, 0)
            self.assertEqual((pathlib.Path(directory) / "a.wasm").read_bytes(), assemble("(func)"))
            done = subprocess.run(command, input=b"(func\n(nonsense))", capture_output=True, text=False, check=False)
            self.assertEqual((done.returncode, done.stderr), (1, b"-:2: unknown operator nonsense\n"))


if __name__ == "__main__":
    unittest.main()
