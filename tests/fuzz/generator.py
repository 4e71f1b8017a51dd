"""Random modules of what Binaryen's generator makes seldom: loops over arrays, vectors, addresses at the ends of
memory, br_table, several results, bulk operations, tables, calls.

Results must not depend on what the specification leaves open, the bits of NaNs. Memory therefore has a region of
integers, one of f32 and one of f64 (engine.c compares NaNs there as one), and an expression's type tells whether such
bits may be in it: x (f32x4) and d (f64x2) beside V, a vector of known bits. All loops end; no function is called
before it is defined, so that all recursion ends too.
"""

import os
import random
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "instructions"))
import wasm  # noqa: E402
from wasm import OPCODES, SIGNATURES, const, get, i32, op, set_, sleb, uleb  # noqa: E402

# Byte ranges of memory; the rest of its two pages is never written by floats either.
INTS, FLOATS, DOUBLES = 0, 0x4000, 0x8000
REGION_BYTES = 0x4000
REGIONS = [(FLOATS, FLOATS + REGION_BYTES, 4), (DOUBLES, DOUBLES + REGION_BYTES, 8)]
PAGES, MAX_PAGES = 2, 4
TABLE_SIZE = 12

WASM_TYPE = {"x": "V", "d": "V"}  # the others are their own


def wasm_types(types):
    return "".join(WASM_TYPE.get(t, t) for t in types)


def block_type(m, params, results):
    if not params and not results:
        return b"\x40"
    if not params and len(results) == 1:
        return bytes([wasm.LETTER[wasm_types(results)]])
    return sleb(m.type(wasm_types(params) + ":" + wasm_types(results)))


def lane_count(shape):
    return int(shape.split("x")[1])


def _typed_signatures():
    """(result type, parameter types, name, lanes or None) of every instruction without effects or context."""
    rows = []
    for name, signature in SIGNATURES.items():
        if ".load" in name or ".store" in name or name == "v128.const" or "atomic" in name:
            continue
        if "relaxed" in name:  # engines differ, as they may
            continue
        params, result = signature.split(":")
        shape, operation = name.split(".")
        lanes = None
        if shape in ("f32x4", "f64x2"):
            own = "x" if shape == "f32x4" else "d"
            params = params.replace("V", own)
            compares = operation in ("eq", "ne", "lt", "gt", "le", "ge")
            result = "V" if compares else result.replace("V", own)
            if operation.startswith("convert"):
                params = "V"
            elif operation == "demote_f64x2_zero":
                params = "d"
            elif operation == "promote_low_f32x4":
                params = "x"
        elif "trunc_sat_f32x4" in operation:
            params = "x"
        elif "trunc_sat_f64x2" in operation:
            params = "d"
        if "_lane" in operation:
            lanes = (1, lane_count(shape))
        elif operation == "shuffle":
            lanes = (16, 32)
        rows.append((result, params, name, lanes))
    return rows


BY_RESULT = {}
for _row in _typed_signatures():
    BY_RESULT.setdefault(_row[0], []).append(_row)

ATOMICS = {t: [(n, s.split(":")[0][1:]) for n, s in SIGNATURES.items() if ".atomic." in n and s.startswith("i") and
               s.endswith(":" + t) and not n.startswith("memory")] for t in "iI"}

# Bits of these operands reach the result as they are: a NaN's must be known.
KEEPS_BITS = {"i32.reinterpret_f32": "f", "i64.reinterpret_f64": "F", "f32.copysign": "f", "f64.copysign": "F"}
INTERESTING = [0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000,
               0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
FLOATS32 = [0, 0x80000000, 0x3F800000, 0xBF800000, 0x7F800000, 0xFF800000, 0x7FC00000, 0x00000001, 0x007FFFFF,
            0x7F7FFFFF, 0x4F000000, 0xCF000000, 0x4F800000, 0x5F000000, 0x3F000000, 0x4B000000, 0x3EFFFFFF]
FLOATS64 = [0, 1 << 63, 0x3FF0000000000000, 0xBFF0000000000000, 0x7FF0000000000000, 0xFFF0000000000000,
            0x7FF8000000000000, 1, 0x000FFFFFFFFFFFFF, 0x7FEFFFFFFFFFFFFF, 0x41E0000000000000, 0xC1E0000000000000,
            0x41F0000000000000, 0x43E0000000000000, 0xC3E0000000000000, 0x43F0000000000000, 0x3FE0000000000000,
            0x4330000000000000, 0x36A0000000000000, 0x47EFFFFFE0000000]


def natural_alignment(name):
    """Of an atomic instruction: the logarithm of its width in bytes."""
    digits = [d for d in ("8", "16", "32", "64") if d in name.split(".", 1)[1]]
    return {"8": 0, "16": 1, "32": 2, "64": 3}[digits[0] if digits else name[1:3]]


def random_bits(r, t):
    if t == "f":
        if r.random() < 0.5:
            return r.choice(FLOATS32)
        return struct.unpack("<I", struct.pack("<f", r.choice([r.uniform(-4, 4), r.uniform(-1e9, 1e9)])))[0]
    if t == "F":
        if r.random() < 0.5:
            return r.choice(FLOATS64)
        return struct.unpack("<Q", struct.pack("<d", r.choice([r.uniform(-4, 4), r.uniform(-1e19, 1e19)])))[0]
    if t in "Vxd":
        lane, width = {"x": ("f", 32), "d": ("F", 64)}.get(t, ("i", 32))
        return sum(random_bits(r, lane) << k for k in range(0, 128, width))
    bits = 32 if t == "i" else 64
    v = r.choice(INTERESTING)
    kind = r.random()
    if kind < 0.2:
        v = r.getrandbits(bits)
    elif kind < 0.3:
        v = -v
    elif kind < 0.4 and bits == 64:
        v = v << 32 | r.choice(INTERESTING)
    return v & (1 << bits) - 1


class Body:
    """A function under construction. locals: types, parameters first; those in `reserved` are counters."""

    def __init__(self, module, r, params, results):
        self.m, self.r = module, r
        self.params, self.results = params, results
        self.locals = list(params)
        self.reserved = set()
        self.labels = [results]  # result types of branches to each open construct, outermost first
        self.loop_depth = 0
        self.budget = r.choice([10, 30, 80, 200])

    def local(self, t, reserve=False):
        self.locals.append(t)
        if reserve:
            self.reserved.add(len(self.locals) - 1)
        return len(self.locals) - 1

    def pick_local(self, t, write=False):
        found = [i for i, u in enumerate(self.locals) if u == t and not (write and i in self.reserved)]
        return self.r.choice(found) if found else self.local(t)

    # ---- Expressions ------------------------------------------------------------------------------------------

    def expr(self, t, depth=4):
        r = self.r
        self.budget -= 1
        if depth <= 0 or self.budget < 0 or r.random() < 0.12:
            return self.leaf(t)
        kind = r.random()
        if kind < 0.08:
            return self.load(t, depth)
        if kind < 0.14:
            return self.expr(t, depth - 1) + self.expr(t, depth - 1) + self.expr("i", depth - 2) + op("select")
        if kind < 0.17:
            return self.expr(t, depth - 1) + op("local.tee", self.pick_local(t, write=True))
        if kind < 0.21:
            return self.if_(t, depth)
        if kind < 0.24:
            return self.call(t, depth)
        if t == "V" and r.random() < 0.15:
            return self.clean(r.choice("xd"), depth)
        if t in "fF" and r.random() < 0.1:
            return self.clean(t, depth)
        result, params, name, lanes = r.choice(BY_RESULT[t])
        code = b""
        for n, p in enumerate(params):
            known = KEEPS_BITS.get(name) == p and (n == 1 or len(params) == 1)
            code += self.clean(p, depth - 1) if known else self.expr(p, depth - 1)
        extra = b"" if lanes is None else bytes(r.randrange(lanes[1]) for _ in range(lanes[0]))
        return code + op(name, extra)

    def leaf(self, t):
        if self.r.random() < 0.45:
            return const(WASM_TYPE.get(t, t), random_bits(self.r, t))
        if self.r.random() < 0.15:
            found = [i for i, (u, _) in enumerate(self.m.global_types) if u == t]
            if found:
                return op("global.get", self.r.choice(found))
        return get(self.pick_local(t))

    def clean(self, t, depth):
        """A value whose NaNs are replaced by zero; the type V for vectors."""
        temporary = self.local(t)
        code = self.expr(t, depth - 1) + op("local.tee", temporary)
        again = get(temporary) + get(temporary)
        if t in "xd":
            return code + again + op("f32x4.eq" if t == "x" else "f64x2.eq") + op("v128.and")
        name = "f32" if t == "f" else "f64"
        return code + const(t, 0) + again + op(name + ".eq") + op("select")

    def if_(self, t, depth):
        condition = self.expr("i", depth - 1)
        self.labels.append(t)
        code = condition + op("if", block_type(self.m, "", t)) + self.expr(t, depth - 1)
        code += op("else") + self.expr(t, depth - 1) + op("end")
        self.labels.pop()
        return code

    def call(self, t, depth):
        found = [(i, p) for i, p, q in self.m.callees if q == t]
        if not found or self.loop_depth > 1 or depth < 2:
            return self.leaf(t)
        index, params = self.r.choice(found)
        code = b"".join(self.expr(p, depth - 2) for p in params)
        if self.r.random() < 0.4 and index in self.m.in_table:
            return code + i32(self.m.in_table[index]) + op("call_indirect",
                                                           self.m.type(wasm_types(params) + ":" + wasm_types(t)), 0)
        return code + op("call", index)

    # ---- Memory -----------------------------------------------------------------------------------------------

    def address(self, region, depth, width=16):
        """An address inside a region, aligned to 8 for floats (a NaN is compared where it was stored), and an offset."""
        mask = REGION_BYTES // 2 - 1 & (-width if region != INTS else -1)
        offset = self.r.choice([0, 0, 8, 16, 64, 1024]) + region
        if self.r.random() < 0.2:
            return self.expr("i", depth - 1) + i32(mask) + op("i32.and") + i32(offset) + op("i32.add"), 0
        return self.expr("i", depth - 1) + i32(mask) + op("i32.and"), offset

    def wild_address(self, depth):
        """An address near an end of memory or anywhere, and any offset."""
        r = self.r
        end = PAGES * 0x10000
        offset = r.choice([0, 0, 1, 8, 0xFFFF, 0x10000, end - 16, end - 1, end, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
        base = r.choice([end - offset - r.randrange(40), end - r.randrange(40), -r.randrange(40), -offset, 0])
        code = i32(base)
        if r.random() < 0.7:
            code += self.expr("i", depth - 1) + i32(r.choice([1, 7, 15, 31])) + op("i32.and") + op("i32.add")
        return code, offset

    def atomic(self, t, depth):
        """An atomic load or read-modify-write: of an aligned address mostly, as it traps on others."""
        name, operands = self.r.choice(ATOMICS[t])
        code, offset = self.address(INTS, depth)
        if self.r.random() < 0.95:
            code += i32(-8) + op("i32.and")
        code += b"".join(self.expr(o, depth - 1) for o in operands)
        return code + op(name, natural_alignment(name), offset)

    def load(self, t, depth):
        r = self.r
        if t in "iI" and r.random() < 0.1:
            return self.atomic(t, depth)
        if t == "x" or t == "f":
            code, offset = self.address(FLOATS, depth)
            names = ["f32.load"] if t == "f" else ["v128.load", "v128.load32_splat", "v128.load32_zero"]
        elif t == "d" or t == "F":
            code, offset = self.address(DOUBLES, depth)
            names = ["f64.load"] if t == "F" else ["v128.load", "v128.load64_splat", "v128.load64_zero"]
        else:
            wild = r.random() < self.m.wildness
            code, offset = self.wild_address(depth) if wild else self.address(INTS, depth)
            prefix = {"i": "i32.load", "I": "i64.load", "V": "v128.load"}[t]
            names = [n for n in OPCODES if n.startswith(prefix)]
        name = r.choice(names)
        if name.endswith("_lane"):
            lanes = 128 // int(name[len("v128.load"):-len("_lane")])
            return code + self.expr("V", depth - 1) + op(name, 0, offset, bytes([r.randrange(lanes)]))
        return code + op(name, 0, offset)

    def store(self):
        r = self.r
        t = r.choice("iiiIIfFVxd")
        if t in "fx":
            code, offset = self.address(FLOATS, 3)
            name = "f32.store" if t == "f" else "v128.store"
        elif t in "Fd":
            code, offset = self.address(DOUBLES, 3)
            name = "f64.store" if t == "F" else "v128.store"
        else:
            wild = r.random() < self.m.wildness
            if wild:  # floats' regions must stay clear of other bits' traces: the ends of memory are outside
                code, offset = self.wild_address(3)
            else:
                code, offset = self.address(INTS, 3)
            prefix = {"i": "i32.store", "I": "i64.store", "V": "v128.store"}[t]
            name = r.choice([n for n in OPCODES if n.startswith(prefix)])
        code += self.expr(t, 4)
        if name.endswith("_lane"):
            lanes = 128 // int(name[len("v128.store"):-len("_lane")])
            return code + op(name, 0, offset, bytes([r.randrange(lanes)]))
        return code + op(name, 0, offset)

    # ---- Statements -------------------------------------------------------------------------------------------

    def statements(self, depth):
        code = b""
        for _ in range(self.r.randrange(1, 5)):
            if self.budget < 0:
                break
            code += self.statement(depth)
        return code

    def statement(self, depth):
        r = self.r
        simple = [self.assign, self.assign, self.store, self.store, self.set_global, self.log, self.bulk, self.tables,
                  self.call_small, self.call_small]
        nested = [self.block, self.loop, self.loop, self.switch, self.if_statement, self.many_values]
        return r.choice(simple)() if depth <= 0 or r.random() < 0.6 else r.choice(nested)(depth - 1)

    def assign(self):
        t = self.r.choice("iiIIfFVxd")
        return self.expr(t, 5) + set_(self.pick_local(t, write=True))

    def call_small(self):
        """By its index, or by one of its type's entries in the table that nothing writes, now and then any."""
        if not self.m.small or self.loop_depth > 1:
            return b""
        index, params, results = self.r.choice(self.m.small)
        same = [k for k, (_, p, q) in enumerate(self.m.small) if (p, q) == (params, results)]
        code = b"".join(self.expr(p, 3) for p in params)
        if self.r.random() < 0.4:
            code += op("call", index)
        else:
            entry = i32(self.r.choice(same)) + i32(self.r.choice(same)) + self.expr("i", 2) + op("select")
            code += entry if self.r.random() < 0.97 else self.small(15)
            code += op("call_indirect", self.m.type(wasm_types(params) + ":" + wasm_types(results)), 2)
        return code + b"".join(set_(self.pick_local(q, write=True)) for q in reversed(results))

    def set_global(self):
        index, (t, _) = self.r.choice(list(enumerate(self.m.global_types)))
        return self.expr(t, 4) + op("global.set", index)

    def log(self):
        t = self.r.choice("iIfF")
        if self.loop_depth > 1:
            return b""
        if self.r.random() < 0.3:
            return self.expr("i", 3) + self.expr("I", 3) + op("call", self.m.mix) + set_(self.pick_local("i", write=True))
        return self.expr(t, 3) + op("call", self.m.logs[t])

    def small(self, limit):
        if self.r.random() < 0.05:
            return self.expr("i", 2)
        return self.expr("i", 2) + i32(limit) + op("i32.and")

    def bulk(self):
        r = self.r
        where = lambda: self.expr("i", 2) + i32(0x1FFF) + op("i32.and")  # noqa: E731
        kind = r.randrange(4)
        if kind == 0:
            return where() + where() + self.small(0xFF) + op("memory.copy", 0, 0)
        if kind == 1:
            return where() + self.expr("i", 2) + self.small(0xFF) + op("memory.fill", 0)
        if kind == 2:
            return where() + self.small(15) + self.small(15) + op("memory.init", r.randrange(2) + 1, 0)
        if r.random() < 0.2:
            return op("data.drop", r.randrange(2) + 1)
        return self.small(3) + op("memory.grow", 0) + set_(self.pick_local("i", write=True))

    def tables(self):
        r = self.r
        t = r.randrange(2)
        index = lambda: self.small(7)  # noqa: E731
        kind = r.randrange(8)
        some = op("ref.null", b"\x70") if r.random() < 0.3 else op("ref.func", r.choice(self.m.referable))
        if kind == 0:
            return index() + index() + self.small(3) + op("table.copy", t, r.randrange(2))
        if kind == 1:
            return index() + some + self.small(3) + op("table.fill", t)
        if kind == 2:
            return index() + self.small(3) + self.small(3) + op("table.init", 1, t)
        if kind == 3:
            return some + self.small(3) + op("table.grow", t) + set_(self.pick_local("i", write=True))
        if kind == 4:
            return op("table.size", t) + set_(self.pick_local("i", write=True))
        if kind == 5:
            return index() + some + op("table.set", t)
        if kind == 6:
            return index() + op("table.get", t) + op("ref.is_null") + set_(self.pick_local("i", write=True))
        if self.loop_depth > 1 or not self.m.nullary:
            return b""
        # Entries of table 1 are of this type, of another or null.
        return index() + op("call_indirect", self.m.type(":i"), 1) + set_(self.pick_local("i", write=True))

    def branch_out(self):
        """A conditional branch to a label without results, if there is one."""
        empty = [d for d, results in enumerate(reversed(self.labels)) if results == ""]
        return self.expr("i", 3) + op("br_if", self.r.choice(empty)) if empty else b""

    def block(self, depth):
        self.labels.append("")
        code = op("block", b"\x40") + self.statements(depth) + self.branch_out() + self.statements(depth) + op("end")
        self.labels.pop()
        return code

    def if_statement(self, depth):
        condition = self.expr("i", 4)
        self.labels.append("")
        code = condition + op("if", b"\x40") + self.statements(depth)
        if self.r.random() < 0.6:
            code += op("else") + self.statements(depth)
        self.labels.pop()
        return code + op("end")

    def switch(self, depth):
        n = self.r.randrange(1, 6)
        inner = len(self.labels)
        self.labels += [""] * n
        empty = [d for d, results in enumerate(reversed(self.labels)) if results == ""]
        targets = [self.r.choice(empty) for _ in range(self.r.choice([1, 3, 5, 20]))]
        code = op("block", b"\x40") * n + self.expr("i", 3)
        if self.r.random() < 0.8:
            code += i32(7) + op("i32.and")
        code += op("br_table", uleb(len(targets) - 1), *targets)
        for _ in range(n):
            code += op("end")
            self.labels.pop()
            code += self.statements(depth - 1)
        assert len(self.labels) == inner
        return code

    def many_values(self, depth):
        r = self.r
        params = "".join(r.choice("iIfFVxd") for _ in range(r.randrange(3)))
        results = "".join(r.choice("iIfFVxd") for _ in range(r.randrange(1, 5)))
        code = b"".join(self.expr(p, 3) for p in params)
        self.labels.append(results)
        code += op("block", block_type(self.m, params, results))
        code += b"".join(set_(self.pick_local(p, write=True)) for p in reversed(params))
        code += b"".join(self.expr(q, 3) for q in results)
        code += self.expr("i", 2) + op("br_if", 0) + op("drop") * len(results)
        code += self.statements(depth) if depth > 0 else b""
        code += b"".join(self.expr(q, 3) for q in results) + op("end")
        self.labels.pop()
        return code + b"".join(set_(self.pick_local(q, write=True)) for q in reversed(results))

    def loop(self, depth):
        if self.loop_depth >= 2:
            return self.assign()
        counter = self.local("i", reserve=True)
        n = self.r.choice([1, 2, 3, 5, 9, 17] if self.loop_depth == 0 else [1, 2, 5])
        self.loop_depth += 1
        code = i32(n) + set_(counter) + op("block", b"\x40")
        self.labels.append("")
        code += op("loop", b"\x40")
        self.labels.append("loop")  # no branch of others goes there: all loops end
        code += self.statements(depth) + get(counter) + i32(1) + op("i32.sub")
        code += op("local.tee", counter) + op("br_if", 0) + op("end") + op("end")
        self.labels.pop()
        self.labels.pop()
        self.loop_depth -= 1
        return code

    def finish(self, code, export):
        code += b"".join(self.expr(t, 4) for t in self.results)
        locals_ = wasm_types(self.locals[len(self.params):])
        return self.m.func(wasm_types(self.params) + ":" + wasm_types(self.results), code, locals_, export=export)


class Small(Body):
    """A function without calls and loops, small enough to be inlined, most of the time."""

    TYPES = [("i", "i"), ("F", "F"), ("iI", "I"), ("ff", "f"), ("xd", "i"), ("I", ""), ("F", "iI")]

    def __init__(self, module, r):
        super().__init__(module, r, *r.choice(self.TYPES))
        self.budget = r.choice([4, 8, 12])

    def call(self, t, depth):
        return self.leaf(t)

    def make(self):
        code = b""
        for _ in range(self.r.randrange(3)):
            code += self.r.choice([self.assign, self.store, self.set_global])()
        if self.r.random() < 0.4:  # an early return
            code += b"".join(self.leaf(t) for t in self.results)
            code += self.expr("i", 2) + op("br_if", 0) + op("drop") * len(self.results)
        if self.r.random() < 0.3:
            self.labels.append("")
            code += self.expr("i", 2) + op("if", b"\x40") + self.assign() + op("end")
            self.labels.pop()
        return self.finish(code, None)


class Kernel(Body):
    """A loop over arrays, as compilers make them for C: what the vectorizer sees."""

    WIDTH = {"i": [("i32.load", "i32.store", 4), ("i32.load8_u", "i32.store8", 1), ("i32.load8_s", "i32.store8", 1),
                   ("i32.load16_s", "i32.store16", 2), ("i32.load16_u", "i32.store16", 2)],
             "I": [("i64.load", "i64.store", 8), ("i64.load32_s", "i64.store32", 4), ("i64.load8_u", "i64.store8", 1)],
             "f": [("f32.load", "f32.store", 4)], "F": [("f64.load", "f64.store", 8)]}
    REGION = {"i": INTS, "I": INTS, "f": FLOATS, "F": DOUBLES}

    def __init__(self, module, r):
        super().__init__(module, r, "i", "i")
        self.t = r.choice("iIfF")
        self.load_, self.store_, self.width = r.choice(self.WIDTH[self.t])
        self.i = self.local("i", reserve=True)
        self.n = self.local("i", reserve=True)
        self.accumulators = [self.local(r.choice([self.t, "i", self.t])) for _ in range(r.randrange(3))]
        self.reserved.update(self.accumulators)

    def scaled(self, index, offset):
        """base + index * width, as C makes it: shift and add, or multiply."""
        shift = self.width.bit_length() - 1
        code = index + (i32(shift) + op("i32.shl") if self.r.random() < 0.7 else i32(self.width) + op("i32.mul"))
        if self.r.random() < 0.4:
            return code + i32(self.REGION[self.t] + offset) + op("i32.add"), 0
        return code, self.REGION[self.t] + offset

    def element(self):
        r = self.r
        start = r.randrange(0, 24) * self.width + r.choice([0, 0, 0x400, 0x800])
        index = get(self.i)
        kind = r.random()
        if kind < 0.1:
            index = get(self.n) + get(self.i) + op("i32.sub")
        elif kind < 0.2:
            index += i32(r.choice([2, 3])) + op("i32.mul")
        elif kind < 0.3:  # gathered
            index = get(self.i) + i32(2) + op("i32.shl") + op("i32.load", 0, INTS + 0x2000) + i32(0xFF) + op("i32.and")
        elif kind < 0.4:
            index += i32(r.choice([1, 2, 0xFFFFFFFF])) + op("i32.add")
            start += self.width
        elif kind < 0.45:
            index = self.invariant("i") + i32(63) + op("i32.and")
        return index, start

    def invariant(self, t):
        if t == "i" and self.r.random() < 0.5:
            return get(0)
        return const(t, random_bits(self.r, t))

    def value(self, depth):
        r, t = self.r, self.t
        if depth <= 0 or r.random() < 0.2:
            if r.random() < 0.6:
                address, offset = self.scaled(*self.element())
                return address + op(self.load_, 0, offset)
            same = [a for a in self.accumulators if self.locals[a] == t]
            if same and r.random() < 0.2:
                return get(r.choice(same))
            if r.random() < 0.3 and t != "i":
                return get(self.i) + op({"I": "i64.extend_i32_u", "f": "f32.convert_i32_s",
                                         "F": "f64.convert_i32_u"}[t])
            return get(self.i) if t == "i" and r.random() < 0.3 else self.invariant(t)
        name = {"i": "i32", "I": "i64", "f": "f32", "F": "f64"}[t]
        if r.random() < 0.2:
            return self.value(depth - 1) + self.value(depth - 1) + self.condition(depth - 1) + op("select")
        if t in "iI":
            which = r.choice("add sub mul and or xor shl shr_s shr_u rotl clz ctz popcnt extend8_s extend16_s "
                             "add sub mul div_u rem_s".split())
            code = self.value(depth - 1)
            if which in ("clz", "ctz", "popcnt") or which.startswith("extend"):
                return code + op(f"{name}.{which}")
            second = self.value(depth - 1)
            if which in ("div_u", "rem_s") and r.random() < 0.8:
                second += const(t, 1) + op(f"{name}.or")
            return code + second + op(f"{name}.{which}")
        which = r.choice("add sub mul div min max abs neg sqrt ceil floor trunc nearest add mul".split())
        code = self.value(depth - 1)
        if which in ("abs", "neg", "sqrt", "ceil", "floor", "trunc", "nearest"):
            return code + op(f"{name}.{which}")
        return code + self.value(depth - 1) + op(f"{name}.{which}")

    def condition(self, depth):
        name = {"i": "i32", "I": "i64", "f": "f32", "F": "f64"}[self.t]
        which = self.r.choice("eq ne lt_s lt_u gt_s ge_u".split() if self.t in "iI" else "eq ne lt gt le ge".split())
        return self.value(depth) + self.value(depth) + op(f"{name}.{which}")

    def put(self):
        index, start = self.element()
        address, offset = self.scaled(index, start)
        return address + self.value(self.r.randrange(1, 4)) + op(self.store_, 0, offset)

    def accumulate(self):
        r = self.r
        a = r.choice(self.accumulators)
        if self.locals[a] != self.t:
            step = r.choice([i32(1), self.condition(1)])
            return get(a) + step + op("i32.add") + set_(a)
        name = {"i": "i32", "I": "i64", "f": "f32", "F": "f64"}[self.t]
        which = r.choice("add mul xor and or sub" .split() if self.t in "iI" else "add mul min max sub".split())
        return get(a) + self.value(2) + op(f"{name}.{which}") + set_(a)

    def step(self):
        r = self.r
        kind = r.random()
        if self.accumulators and kind < 0.3:
            return self.accumulate()
        if kind < 0.45:
            return self.condition(1) + op("if", b"\x40") + (self.accumulate() if self.accumulators and
                                                            r.random() < 0.5 else self.put()) + op("end")
        if kind < 0.5:
            return self.condition(1) + op("br_if", 1)  # leaves the loop early
        return self.put()

    def nest(self, depth):
        """The loop, or a short loop around it."""
        r = self.r
        if depth:
            counter = self.local("i", reserve=True)
            return (i32(r.choice([1, 2, 5])) + set_(counter) + op("loop", b"\x40") + self.nest(depth - 1) + get(counter) +
                    i32(1) + op("i32.sub") + op("local.tee", counter) + op("br_if", 0) + op("end"))
        step = r.choice([1, 1, 1, 2, 4])
        body = b"".join(self.step() for _ in range(r.randrange(1, 4)))
        down = r.random() < 0.2
        code = (get(self.n) if down else i32(0)) + set_(self.i) + op("block", b"\x40") + op("loop", b"\x40")
        if down:
            code += get(self.i) + i32(0) + op("i32.le_s") + op("br_if", 1)
            code += get(self.i) + i32(step) + op("i32.sub") + set_(self.i) + body + op("br", 0)
        elif r.random() < 0.5:
            code += get(self.i) + get(self.n) + op(r.choice(["i32.ge_s", "i32.ge_u"])) + op("br_if", 1) + body
            code += get(self.i) + i32(step) + op("i32.add") + set_(self.i) + op("br", 0)
        else:
            code += body + get(self.i) + i32(step) + op("i32.add") + op("local.tee", self.i) + get(self.n)
            code += op(r.choice(["i32.lt_s", "i32.lt_u"])) + op("br_if", 0)
        return code + op("end") + op("end")

    def make(self, export):
        limit = self.r.choice([7, 63, 127, 255])
        code = get(0) + i32(limit) + op("i32.and") + set_(self.n)
        for a in self.accumulators:
            code += const(self.locals[a], random_bits(self.r, self.locals[a])) + set_(a)
        code += self.nest(self.r.choice([0, 0, 0, 1]))
        # Accumulators are looked at: floats through memory, where their NaNs are as one.
        for a in self.accumulators:
            t = self.locals[a]
            plain = {"i": "i32.store", "I": "i64.store", "f": "f32.store", "F": "f64.store"}[t]
            code += i32(self.REGION[t] + 0x3000 + 16 * a) + get(a) + op(plain, 0, 0)
        locals_ = wasm_types(self.locals[1:])
        return self.m.func("i:i", code + get(self.i), locals_, export=export)


class Module(wasm.Module):
    def __init__(self, r):
        super().__init__()
        self.r = r
        self.wildness = r.choice([0, 0, 0.05, 0.3])
        self.logs = {t: self.import_func("fuzzing-support", f"log-{n}", f"{t}:")
                     for t, n in (("i", "i32"), ("I", "i64"), ("f", "f32"), ("F", "f64"))}
        self.mix = self.import_func("fuzzing-support", "mix", "iI:i")
        self.memory(PAGES, MAX_PAGES, export="memory")
        self.table("R", TABLE_SIZE, 20)
        self.table("R", TABLE_SIZE, 20)
        self.table("R", TABLE_SIZE, 20)
        self.global_types = []
        for t in "iiIIfFVxd":
            exported = f"g{len(self.global_types)}" if t in "iIfF" else None
            self.global_(WASM_TYPE.get(t, t), const(WASM_TYPE.get(t, t), random_bits(r, t)), mutable=True, export=exported)
            self.global_types.append((t, exported))
        self.callees = []   # (index, parameters, result)
        self.small = []     # the same, in the order of table 2
        self.nullary = []   # of type :i
        self.in_table = {}  # function -> entry of table 0, which only they fill
        self.referable = []


def floats(r, t, count):
    return b"".join(random_bits(r, t).to_bytes(4 if t == "f" else 8, "little") for _ in range(count))


def module(seed):
    """The bytes of module `seed`."""
    r = random.Random(seed)
    m = Module(r)
    for k in range(r.randrange(1, 3)):  # small functions that the others call
        body = Body(m, r, "", "i")
        body.budget = 15
        m.nullary.append(body.finish(b"", None))
    for k in range(r.randrange(TABLE_SIZE)):
        body = Small(m, r)
        m.small.append((body.make(), body.params, body.results))
    m.referable = m.nullary + [m.mix]
    kind = r.random()
    for k in range(r.randrange(1, 6)):
        if r.random() < (0.9 if kind < 0.4 else 0.2):
            Kernel(m, r).make(f"kernel{k}")
            continue
        params = "".join(r.choice("iIfF") for _ in range(r.randrange(4)))
        results = "".join(r.choice("iIfF") for _ in range(r.choice([0, 1, 1, 1, 2, 4])))
        body = Body(m, r, params, results)
        index = body.finish(body.statements(3), f"f{k}")
        if len(results) == 1:
            m.callees.append((index, params, results))
            if len(m.in_table) < TABLE_SIZE // 2:
                m.in_table[index] = len(m.in_table)
    if r.random() < 0.5:  # the kernels of the vectorizer in vectors
        for k in range(2):
            body = Body(m, r, "iIfF", r.choice(["i", "I", "f", "F"]))
            body.finish(b"".join(body.store() + body.assign() for _ in range(4)), f"v{k}")
    if m.in_table:
        m.elem_active(i32(0), list(m.in_table))
    else:
        m.elem_active(i32(0), [m.mix])
    if m.small:
        m.elem_active(i32(0), [index for index, _, _ in m.small], table=2)
    m.elem_passive("R", [op("ref.func", f) for f in m.referable] + [op("ref.null", b"\x70")])
    m.elem_active(i32(0), [r.choice(m.referable) for _ in range(6)], table=1)
    m.elem_declare(m.referable)
    m.data_active(i32(INTS), r.randbytes(1024) + bytes(random_bits(r, "i") & 0xFF for _ in range(1024)))
    m.data_passive(r.randbytes(24))
    m.data_passive(r.randbytes(8))
    m.data_active(i32(INTS + 0x2000), r.randbytes(2048))
    m.data_active(i32(FLOATS), floats(r, "f", 512))
    m.data_active(i32(DOUBLES), floats(r, "F", 512))
    return m.encode()


if __name__ == "__main__":
    sys.stdout.buffer.write(module(int(sys.argv[1])))
