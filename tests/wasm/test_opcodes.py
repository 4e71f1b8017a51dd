#!/usr/bin/env python3
"""Holds opcodes.def against the table of the tests' assembler, which was written down independently and is held
against wabt by its own tests: each instruction, written as text with the operands and results of its row, is valid,
and the reader sees exactly that row in the binary. usage: test_opcodes.py COMMAND..."""

import collections
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
from wat import assemble  # noqa: E402
from wat.instructions import TABLE, natural_alignment  # noqa: E402
from wat.literals import unsigned  # noqa: E402

Row = collections.namedtuple("Row", "op name prefix code imm signature align feature")
TYPES = {"i": "i32", "I": "i64", "f": "f32", "F": "f64", "V": "v128"}

# Instructions whose types depend on the context: the whole body. Those in a second position are there only to make
# the body valid.
CONTEXTUAL = {
    "unreachable": "unreachable",
    "block": "(block)",
    "loop": "(loop)",
    "if": "(if (i32.const 0) (then))",
    "else": "(if (i32.const 0) (then) (else nop))",
    "end": "(block)",
    "br": "br 0",
    "br_if": "(br_if 0 (i32.const 0))",
    "br_table": "(br_table 0 0 0 (i32.const 0))",
    "return": "return",
    "call": "(call $imported)",
    "call_indirect": "(call_indirect (type $empty) (i32.const 0))",
    "return_call": "(return_call $imported)",
    "return_call_indirect": "(return_call_indirect (type $empty) (i32.const 0))",
    "call_ref": "(call_ref $empty (ref.func $imported))",
    "return_call_ref": "(return_call_ref $empty (ref.func $imported))",
    "drop": "(drop (i32.const 0))",
    "select": "(drop (select (i32.const 0) (i32.const 0) (i32.const 0)))",
    "select_t": "(drop (select (result i32) (i32.const 0) (i32.const 0) (i32.const 0)))",
    "local.get": "(drop (local.get $local))",
    "local.set": "(local.set $local (i32.const 0))",
    "local.tee": "(drop (local.tee $local (i32.const 0)))",
    "global.get": "(drop (global.get 0))",
    "global.set": "(global.set 0 (i32.const 0))",
    "table.get": "(drop (table.get 0 (i32.const 0)))",
    "table.set": "(table.set 0 (i32.const 0) (ref.null func))",
    "table.grow": "(drop (table.grow 0 (ref.null func) (i32.const 0)))",
    "table.fill": "(table.fill 0 (i32.const 0) (ref.null func) (i32.const 0))",
    "table.size": "(drop (table.size 0))",
    "table.copy": "(table.copy 0 0 (i32.const 0) (i32.const 0) (i32.const 0))",
    "table.init": "(table.init 0 0 (i32.const 0) (i32.const 0) (i32.const 0))",
    "memory.size": "(drop (memory.size))",
    "memory.grow": "(drop (memory.grow (i32.const 0)))",
    "memory.fill": "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))",
    "memory.copy": "(memory.copy (i32.const 0) (i32.const 0) (i32.const 0))",
    "memory.init": "(memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0))",
    "try": "(try (do))",
    "catch": "(try (do) (catch $tag))",
    "throw": "throw $tag",
    "rethrow": "(try (do) (catch_all rethrow 0))",
    "throw_ref": "(throw_ref (ref.null exn))",
    "delegate": "(try (do) (delegate 0))",
    "catch_all": "(try (do) (catch_all))",
    "try_table": "(try_table (catch $tag 0))",
    "ref.null": "(drop (ref.null extern))",
    "ref.is_null": "(drop (ref.is_null (ref.null func)))",
    "ref.func": "(drop (ref.func $imported))",
    "ref.as_non_null": "(drop (ref.as_non_null (ref.null func)))",
    "br_on_null": "(drop (br_on_null 0 (ref.null func)))",
    "br_on_non_null": "(drop (block (result (ref func)) (br_on_non_null 0 (ref.null func)) unreachable))",
}

# Immediates as text, where there are any.
IMMEDIATES = {
    "i32.const": "-1", "i64.const": "-1", "f32.const": "-0x1p-149", "f64.const": "nan:0x8000000000001",
    "v128.const": "i32x4 1 2 3 4", "i8x16.shuffle": " ".join(map(str, range(16, 32))),
    "data.drop": "0", "elem.drop": "0",
}


def body(row, name):
    if row.signature == "-":
        return f"(func (local $local i32) {CONTEXTUAL[name]})"
    parameters, results = (list(map(TYPES.get, part)) for part in row.signature.split(":"))
    immediate = IMMEDIATES.get(row.name, "")
    if re.search("_lane(?!select)", row.name):
        immediate = "1"
    operands = " ".join(f"local.get {i}" for i in range(len(parameters)))
    return f"(func (param {' '.join(parameters)}) (result {' '.join(results)}) {operands} {row.name} {immediate})"


# Instructions that the assembler's table leaves to its grammar.
STRUCTURED = {"block", "loop", "if", "else", "end", "try", "catch", "catch_all", "delegate", "try_table"}


def compare_tables(rows):
    """Encodings and alignments of the two tables."""
    bad = 0
    for row in rows:
        if row.name in STRUCTURED:
            continue
        encoding, kind = TABLE[row.name]
        ours = bytes([row.prefix]) + unsigned(row.code) if row.prefix else bytes([row.code])
        if ours != (encoding if row.code != 0x1C or row.prefix else b"\x1c"):
            bad += 1
            print(f"{row.name}: {ours.hex()} here, {encoding.hex()} in the assembler")
        if kind.startswith("memarg") and natural_alignment(row.name) != row.align:
            bad += 1
            print(f"{row.name}: accesses 2^{row.align} bytes here, 2^{natural_alignment(row.name)} in the assembler")
    return bad


def main():
    operators = sys.argv[1:]
    output = subprocess.run(operators, capture_output=True, text=True, check=True, timeout=60).stdout
    rows = [Row(int(f[0]), f[1], *map(int, f[2:5]), f[5], *map(int, f[6:])) for f in map(str.split, output.splitlines())]
    names = [r.name if r.code != 0x1C or r.prefix else "select_t" for r in rows]
    assert len(set(names)) == len(names), "a name occurs twice"
    assert len({(r.prefix, r.code) for r in rows}) == len(rows), "an encoding occurs twice"
    assert sum(r.prefix == 0xFD for r in rows) == 256, "the vector instructions are 256"
    text = "\n".join(
        ['(module (type $empty (func)) (import "m" "f" (func $imported)) (table 1 funcref) (memory 1)',
         "(tag $tag)",
         "(global (mut i32) (i32.const 0)) (elem func $imported) (data \"x\")",
         *map(body, rows, names), ")"])
    with tempfile.TemporaryDirectory() as directory:
        wasm = pathlib.Path(directory) / "all.wasm"
        wasm.write_bytes(assemble(text))
        output = subprocess.run([*operators, wasm], capture_output=True, text=True, check=True, timeout=60).stdout
    functions = output.splitlines()
    assert len(functions) == len(rows), (len(functions), len(rows))
    bad = compare_tables(rows)
    for row, name, function in zip(rows, names, functions):
        seen = [tuple(map(int, f.split(":"))) for f in function.split()]
        # The assembler writes the natural alignment where none is given.
        wanted = (row.op, row.align, 0) if len(max(seen, key=len)) > 1 else (row.op,)
        if wanted not in seen:
            bad += 1
            print(f"{name}: the reader sees {function}")
    print(f"{len(rows)} instructions, {bad} differ")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
