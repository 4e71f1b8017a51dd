"""Mistakes for which other engines had to publish advisories, each as a guest that would show it here.

The comment of each test names where the mistake was made. None of these guests may read or write outside its memory,
take a value for another, or end the process.
"""

import struct
import unittest

from guests import VARIANTS, Attack, bits
from generator import natural_alignment
from wasm import EMPTY, OPCODES, Module, const, get, i32, i64, op, set_, uleb

SIZE = 0x10000
CONTENT = bytes((k * 37 + (k >> 8) * 11 + 5) & 0xFF for k in range(SIZE))
BLOCK = bytes([EMPTY])
FUNCREF, EXTERNREF = b"\x70", b"\x6f"


def width_of(name):
    """Bytes that a load or store accesses."""
    if ".atomic." in name:
        return 1 << natural_alignment(name)
    operation = name.split(".")[1].removesuffix("_lane").removesuffix("_zero").removesuffix("_splat")
    for digits, width in (("8x8", 8), ("16x4", 8), ("32x2", 8), ("64", 8), ("32", 4), ("16", 2), ("8", 1)):
        if operation.removesuffix("_s").removesuffix("_u").endswith(digits):
            return width
    return {"i32": 4, "f32": 4, "i64": 8, "f64": 8, "v128": 16}[name.split(".")[0]]


# A vector to the sum of its halves; local 2 of the functions that use it is a vector.
HALVES = set_(2) + get(2) + op("i64x2.extract_lane", b"\0") + get(2) + op("i64x2.extract_lane", b"\1") + op("i64.add")
ATOMICS = [n for n in OPCODES if ".atomic." in n and not n.startswith("memory")]
ACCESSES = [n for n in OPCODES if (".load" in n or ".store" in n) and n not in ATOMICS]

# Ways in which the i32 x of the parameter may reach an address: its register then has other upper halves, or the
# compiler knows another form of it. (name, code that pushes x)
PRODUCERS = [
    ("parameter", get(0)),
    ("wrap", get(0) + op("i64.extend_i32_u") + i64(0x5555555500000000) + op("i64.or") + op("i32.wrap_i64")),
    ("sign", get(0) + op("i64.extend_i32_s") + op("i32.wrap_i64")),
    ("arithmetic", get(0) + i32(0x7FFFFFFF) + op("i32.add") + i32(0x80000001) + op("i32.add")),
    ("difference", get(0) + i32(-16) + op("i32.sub") + i32(16) + op("i32.sub")),
    ("shift", get(0) + i32(3) + op("i32.rotl") + i32(3) + op("i32.rotr")),
    ("product", get(0) + i32(-1) + op("i32.mul") + i32(-1) + op("i32.mul")),
    ("lane", get(0) + op("i32x4.splat") + op("i32x4.extract_lane", b"\2")),
    ("narrow lane", get(0) + op("i64.extend_i32_u") + i64(-1 << 32) + op("i64.or") + op("i64x2.splat") +
     op("i32x4.extract_lane", b"\2")),
    ("float", get(0) + op("f32.reinterpret_i32") + op("i32.reinterpret_f32")),
    ("host", get(0) + op("call", 0)),
    ("select", get(0) + i32(0) + get(0) + i32(-2) + op("i32.ne") + op("select")),
    ("loop", get(0) + set_(3) + op("loop", b"\x7f") + get(3) + get(0) + get(3) + op("i32.ne") + op("br_if", 0) + op("end")),
    ("global", get(0) + op("global.set", 0) + op("global.get", 0)),
]


NUMBER = {"i32": i32, "i64": i64}


def atomic_access(name, offset):
    """The access and what its result needs to be an i64; those that read and write leave memory as it is, except xchg."""
    push = NUMBER[name[:3]]
    if ".store" in name:
        return push(-1) + op(name, natural_alignment(name), offset)
    operands = b""
    if "cmpxchg" in name:
        operands = push(0x123456) + push(0)
    elif ".rmw" in name:
        operands = push(-1 if ".and" in name or ".xchg" in name else 0)
    return operands + op(name, natural_alignment(name), offset) + (op("i64.extend_i32_u") if name[:3] == "i32" else b"")


def access_module(producer, offset, names):
    """Function k(x, y): access k at x + offset; for loads the bits (of a vector, the sum of its halves: no byte is
    unused) as i64, for stores byte y of memory then."""
    m = Module()
    m.import_func("fuzzing-support", "dirty", "i:i")
    m.memory(1, 1, export="memory")
    m.global_("i", i32(0), mutable=True)
    for k, name in enumerate(names):
        lane = bytes([0]) if name.endswith("_lane") else b""
        code = producer
        if ".atomic." in name:
            code += atomic_access(name, offset) + (get(1) + op("i64.load8_u", 0, 0) if ".store" in name else b"")
        elif ".load" in name:
            code += (const("V", 0) if lane else b"") + op(name, 0, offset, lane)
            prefix = name.split(".")[0]
            code += {"i32": op("i64.extend_i32_u"), "i64": b"", "f32": op("i32.reinterpret_f32") + op("i64.extend_i32_u"),
                     "f64": op("i64.reinterpret_f64"), "v128": HALVES}[prefix]
        else:
            value = {"i": i32(-1), "I": i64(-1), "f": const("f", 0xFFFFFFFF), "F": const("F", (1 << 64) - 1),
                     "V": const("V", (1 << 128) - 1)}[{"i32": "i", "i64": "I", "f32": "f", "f64": "F", "v128": "V"}
                                                      [name.split(".")[0]]]
            code += value + op(name, 0, offset, lane) + get(1) + op("i64.load8_u", 0, 0)
        m.func("ii:I", code, "Vi", export=f"f{k}")
    m.data_active(i32(0), CONTENT)
    return m.encode()


def loaded(name, at):
    """What a load of CONTENT gives, as access_module returns it."""
    width = width_of(name)
    raw = CONTENT[at:at + width]
    n = int.from_bytes(raw, "little")
    if ".atomic." in name:
        return n
    prefix, operation = name.split(".")
    if prefix != "v128":
        if operation.endswith("_s") and n >> (8 * width - 1):
            n -= 1 << 8 * width
        return n & (0xFFFFFFFF if prefix in ("i32", "f32") else (1 << 64) - 1)
    if "x" in operation:  # the low four, two or one of the lanes, widened
        lane = int(operation.removeprefix("load").split("x")[0]) // 8
        out = b""
        for k in range(0, 8, lane):
            v = int.from_bytes(raw[k:k + lane], "little", signed=operation.endswith("_s"))
            out += (v & ((1 << 16 * lane) - 1)).to_bytes(2 * lane, "little")
        raw = out
    if operation.endswith("_splat"):
        raw = raw * (16 // width)
    return int.from_bytes(raw[:8], "little") + int.from_bytes(raw[8:], "little") & (1 << 64) - 1


class Addresses(Attack):
    # Cranelift CVE-2023-26489: (x << c) + y computed in 64 bits reached 34 bits of address. CVE-2021-32629: an i32 that was
    # spilled came back sign-extended. wasm3, WAMR and V8: offsets added in 32 bits.
    INDICES = [0, 1, SIZE - 16, SIZE - 1, SIZE, 0x7FFFFFFF, 0x80000000, 0xFFFF0000, 0xFFFFFFF8, 0xFFFFFFFF]

    def accesses(self, producers, offset, indices):
        for label, producer in producers:
            names = ACCESSES + ATOMICS
            module = access_module(producer, offset, names)
            expected = []
            for k, name in enumerate(names):
                for x in indices:
                    at, width = x + offset, width_of(name)
                    fits = at + width <= SIZE
                    call = (f"f{k}", "I", bits(x), bits(at + width - 1 if fits else 0))
                    value = 0xFF if ".store" in name or not fits else loaded(name, at)
                    line = f"ok I:{value:x}" if fits else "trap memory"
                    if name in ATOMICS and at % width:  # which of the two is looked at first is nobody's business
                        line = ("trap unaligned", "trap memory") if not fits else "trap unaligned"
                    expected.append((call, line))
            with self.subTest(producer=label, offset=offset):
                self.check(module, *expected)

    def test_registers_with_dirty_upper_halves(self):
        self.accesses(PRODUCERS, 8, [0, SIZE - 24, SIZE - 8, 0x80000000, 0xFFFFFFF8])

    def test_offsets(self):
        for offset in (0, 1, SIZE - 16, SIZE - 1, SIZE, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF):
            self.accesses(PRODUCERS[:1], offset, self.INDICES)

    # Cranelift CVE-2023-26489: address modes with a scaled index.
    def test_scaled_indices(self):
        m = Module()
        m.memory(1, 1)
        expected = []
        for shift in range(5):
            for offset in (0, 0xFFFFFFF8):
                name = f"s{shift}.{offset}"
                m.func("ii:i", get(0) + i32(shift) + op("i32.shl") + get(1) + op("i32.add") +
                       op("i32.load", 0, offset), export=name)
                m.func("ii:i", get(1) + get(0) + i32(1 << shift) + op("i32.mul") + op("i32.add") +
                       op("i32.load", 0, offset), export=name + "m")
                for x, y in ((0x80000000, 0), (0xFFFFFFFF, 16), (0x40000000, 4), (0x20000001, 0xFFFFFFF0), (1, 64)):
                    at = ((x << shift) + y & 0xFFFFFFFF) + offset
                    line = f"ok i:{int.from_bytes(CONTENT[at:at + 4], 'little'):x}" if at + 4 <= SIZE else "trap memory"
                    expected += [((n, "i", bits(x), bits(y)), line) for n in (name, name + "m")]
        m.data_active(i32(0), CONTENT)
        self.check(m.encode(), *expected)

    # The host's and LLVM's way of passing i32: the upper half of a parameter's register is not the callee's to trust.
    def test_dirty_parameter_of_a_callback(self):
        m = Module()
        dirty = m.import_func("fuzzing-support", "back", "ii:i")
        m.memory(1, 1)
        m.table("R", 2, export="__indirect_function_table")
        load = m.func("i:i", get(0) + op("i32.load", 0, 0))
        m.func("i:i", i32(1) + get(0) + op("call", dirty), export="f")
        m.elem_active(i32(1), [load])
        m.data_active(i32(0), CONTENT)
        self.check(m.encode(), (("f", "i", bits(8)), f"ok i:{int.from_bytes(CONTENT[8:12], 'little'):x}"),
                   (("f", "i", bits(0x7FFFFFFF)), "trap memory"), (("f", "i", bits(-4)), "trap memory"))

    # What stays in the register between accesses: the second must not lean on the first's 64-bit sum.
    def test_addresses_that_wrap_in_loops(self):
        m = Module()
        m.memory(1, 1, export="memory")
        step = get(0) + get(1) + op("i32.store8", 0, 0) + get(0) + get(2) + op("i32.add") + set_(0)
        m.func("iii:i", op("loop", BLOCK) + step + get(1) + i32(1) + op("i32.sub") + op("local.tee", 1) +
               op("br_if", 0) + op("end") + get(0), export="f")
        self.check(m.encode(), (("f", "i", bits(0), bits(16), bits(SIZE)), "trap memory"),
                   (("f", "i", bits(100), bits(200), bits(-1)), "trap memory"),
                   (("f", "i", bits(SIZE - 1), bits(5), bits(0x80000000)), "trap memory"),
                   (("f", "i", bits(SIZE - 1), bits(SIZE), bits(-1)), f"ok i:{0xFFFFFFFF:x}"))


class LastBytes(Attack):
    # Cranelift GHSA-xm67-587q-r2vw (f64x2.splat), CVE-2022-31104: an SSE instruction with a memory operand read 16 bytes
    # where the guest loads 4 or 8. Past the last page that is a fault, or another's data.
    def test_operands_from_the_end_of_memory(self):
        m = Module()
        m.memory(1, 1)
        expected = []
        value = {4: struct.unpack("<f", CONTENT[-4:])[0], 8: struct.unpack("<d", CONTENT[-8:])[0]}
        self.assertTrue(all(abs(v) < 1e300 for v in value.values()))

        def add(name, params, result, code, line, *arguments):
            m.func(params + ":" + result, code, "iV"[len(params) - 1:], export=name)
            expected.append(((name, result, *arguments), line))

        for t, letter, width in (("f32", "f", 4), ("f64", "F", 8)):
            load = get(0) + op(f"{t}.load", 0, 0)
            at = bits(SIZE - width)
            n = int.from_bytes(CONTENT[-width:], "little")
            sign = 1 << 8 * width - 1
            one = 0x3F800000 if width == 4 else 0x3FF0000000000000
            for name in ("abs", "neg"):
                want = n & ~sign if name == "abs" else n ^ sign
                add(f"{t}.{name}", "i", letter, load + op(f"{t}.{name}"), f"ok {letter}:{want:x}", at)
            for name in ("ceil", "floor", "trunc", "nearest", "sqrt", "add", "mul", "div", "min", "max"):
                second = b"" if name in ("ceil", "floor", "trunc", "nearest", "sqrt") else load
                # Twice: with the operand in memory, and from a register; both must say the same.
                direct = load + second + op(f"{t}.{name}")
                m.func(f"{letter}:{letter}", get(0) + (get(0) if second else b"") + op(f"{t}.{name}"))
                kept = load + op("call", m.nfuncs - 1)
                reinterpret = op("i32.reinterpret_f32") if t == "f32" else op("i64.reinterpret_f64")
                equal = direct + reinterpret + kept + reinterpret + op("i32.eq" if t == "f32" else "i64.eq")
                add(f"{t}.{name}", "i", "i", equal, "ok i:1", at)
            add(f"{t}.copysign", f"{letter}i", letter, get(0) + get(1) + op(f"{t}.load", 0, 0) + op(f"{t}.copysign"),
                f"ok {letter}:{one & ~sign | n & sign:x}", bits(one, letter), at)
            add(f"{t}.copysign of it", f"{letter}i", letter, get(1) + op(f"{t}.load", 0, 0) + get(0) + op(f"{t}.copysign"),
                f"ok {letter}:{n | sign:x}", bits(one | sign, letter), at)
            shape = "f32x4" if width == 4 else "f64x2"
            integer, extract = ("i", "i32x4") if width == 4 else ("I", "i64x2")
            last = bytes([16 // width - 1])
            add(f"{shape}.splat", "i", integer, load + op(f"{shape}.splat") + op(f"{extract}.extract_lane", last),
                f"ok {integer}:{n:x}", at)
            add(f"{shape}.replace_lane", "i", integer, const("V", 0) + load + op(f"{shape}.replace_lane", last) +
                op(f"{extract}.extract_lane", last), f"ok {integer}:{n:x}", at)
        for name in ACCESSES:
            if name.startswith("v128.load"):
                lane = bytes([0]) if name.endswith("_lane") else b""
                code = get(0) + (const("V", 0) if lane else b"") + op(name, 0, 0, lane)
                at = SIZE - width_of(name)
                add(name, "i", "I", code + HALVES, f"ok I:{loaded(name, at):x}", bits(at))
                add(name + " past", "i", "I", code + HALVES, "trap memory", bits(at + 1))
        m.data_active(i32(0), CONTENT)
        self.check(m.encode(), *expected)


def i8(v):
    return [b for b in v.to_bytes(16, "little")]


class Vectors(Attack):
    A = 0x0F1E2D3C4B5A69788796A5B4C3D2E1F0
    B = 0x80FF7F0110203040FEDCBA9876543210

    def vectors(self, cases):
        """(name, code that leaves a vector, expected value): both halves are compared; operands come from locals and
        as constants."""
        m = Module()
        m.memory(1)
        expected = []
        for k, (name, code, want) in enumerate(cases):
            for half in (0, 1):
                export = f"{k} {name} {half}"
                m.func("i:I", const("V", self.A) + set_(1) + const("V", self.B) + set_(2) + code +
                       op("i64x2.extract_lane", bytes([half])), "VV", export=export)
                for n in (0, 1, 7, 8, 15, 16, 31, 32, 33, 63, 64, 128, 255, 256, -1, 0x80000000):
                    value = want(n & 0xFFFFFFFF) if callable(want) else want
                    expected.append(((export, "I", bits(n)), f"ok I:{value >> 64 * half & (1 << 64) - 1:x}"))
        self.check(m.encode(), *expected)

    @staticmethod
    def lanes(v, width):
        return [v >> k & (1 << width) - 1 for k in range(0, 128, width)]

    @staticmethod
    def join(lanes, width):
        return sum((x & (1 << width) - 1) << width * k for k, x in enumerate(lanes))

    # Cranelift CVE-2022-31104 and SpiderMonkey bug 1687672: amounts beyond the lane's width, where x86 does not wrap.
    def test_shift_amounts(self):
        cases = []
        for shape, width in (("i8x16", 8), ("i16x8", 16), ("i32x4", 32), ("i64x2", 64)):
            def shifted(kind, width=width):
                def want(n):
                    n %= width
                    out = []
                    for x in self.lanes(self.A, width):
                        signed = x - (x >> width - 1 << width)
                        out.append({"shl": x << n, "shr_u": x >> n, "shr_s": signed >> n}[kind])
                    return self.join(out, width)
                return want
            for kind in ("shl", "shr_s", "shr_u"):
                cases.append((f"{shape}.{kind}", get(1) + get(0) + op(f"{shape}.{kind}"), shifted(kind)))
                for amount in (width - 1, width, width + 1, 255, -1):
                    cases.append((f"{shape}.{kind} {amount}", get(1) + i32(amount) + op(f"{shape}.{kind}"),
                                  shifted(kind)(amount & 0xFFFFFFFF)))
        # LLVM 22 at -O0, with GFNI: an amount that is found to be zero late. Our own fuzzer's find.
        zero = i32(0) + op("v128.load64_zero", 0, 0) + op("i16x8.extract_lane_s", b"\7")
        for kind in ("shl", "shr_s", "shr_u"):
            cases.append((f"{kind} by a zero lane", get(1) + zero + op(f"i8x16.{kind}"), self.A))
            cases.append((f"{kind} of the other", get(2) + zero + op(f"i8x16.{kind}"), self.B))
        self.vectors(cases)

    # Cranelift CVE-2022-31104: i8x16.swizzle with indices past 15, and with constants.
    def test_swizzle_and_shuffle(self):
        def swizzle(a, s):
            return self.join([i8(a)[x] if x < 16 else 0 for x in i8(s)], 8)
        selectors = [0, (1 << 128) - 1, 0x0F0E0D0C0B0A09080706050403020100, 0x10 * (((1 << 128) - 1) // 255),
                     0x8F7F1F0F7E00FF10112233445566778899 & (1 << 128) - 1]
        cases = [("splat", get(1) + get(0) + op("i8x16.splat") + op("i8x16.swizzle"),
                  lambda n: swizzle(self.A, (n & 255) * (((1 << 128) - 1) // 255)))]
        for s in selectors:
            cases.append(("constant", get(1) + const("V", s) + op("i8x16.swizzle"), swizzle(self.A, s)))
            cases.append(("both constant", const("V", self.B) + const("V", s) + op("i8x16.swizzle"), swizzle(self.B, s)))
            cases.append(("itself", const("V", s) + const("V", s) + op("i8x16.swizzle"), swizzle(s, s)))
        both = i8(self.A) + i8(self.B)
        for pattern in ([0] * 16, list(range(16)), list(range(16, 32)), [31 - k for k in range(16)],
                        [k // 2 + 16 * (k % 2) for k in range(16)], [(k * 7 + 3) % 32 for k in range(16)],
                        [k + 1 for k in range(16)], [0, 1, 2, 3, 20, 21, 22, 23, 8, 9, 10, 11, 28, 29, 30, 31]):
            cases.append((f"shuffle {pattern}", get(1) + get(2) + op("i8x16.shuffle", bytes(pattern)),
                          self.join([both[x] for x in pattern], 8)))
        self.vectors(cases)

    # Cranelift CVE-2023-27477: i8x16.select (bitselect whose mask comes from a comparison) took whole lanes.
    def test_select_by_masks(self):
        mask = self.join([255 if a > b else 0 for a, b in zip(i8(self.A), i8(self.B), strict=True)], 8)
        def bitselect(a, b, c):
            return a & c | b & ~c
        self.vectors([
            ("comparison", get(1) + get(2) + get(1) + get(2) + op("i8x16.gt_u") + op("v128.bitselect"),
             bitselect(self.A, self.B, mask)),
            ("shifted comparison", get(1) + get(2) + get(1) + get(2) + op("i8x16.gt_u") + i32(1) + op("i64x2.shr_u") +
             op("v128.bitselect"), bitselect(self.A, self.B, self.join([x >> 1 for x in self.lanes(mask, 64)], 64))),
            ("any mask", get(1) + get(2) + const("V", 0x5A) + op("v128.bitselect"), bitselect(self.A, self.B, 0x5A)),
            ("select", get(1) + get(2) + get(0) + op("select"), lambda n: self.A if n else self.B),
        ])

    # V8 and Cranelift on x86: conversions and extremes that the machine instruction gets otherwise.
    def test_lanes_that_machines_get_otherwise(self):
        self.vectors([
            ("i64x2.abs", const("V", 1 << 127 | 1 << 63) + op("i64x2.abs"), 1 << 127 | 1 << 63),
            ("trunc_sat_u", const("V", 0xC00000007F800000FF800000FFC00000) + op("i32x4.trunc_sat_f32x4_u"), 0xFFFFFFFF << 64),
            ("trunc_sat_s", const("V", 0xCF0000004F000000FF8000007FC00000) + op("i32x4.trunc_sat_f32x4_s"),
             0x800000007FFFFFFF8000000000000000),
            ("q15mulr", const("V", self.join([0x8000] * 8, 16)) + const("V", self.join([0x8000] * 8, 16)) +
             op("i16x8.q15mulr_sat_s"), self.join([0x7FFF] * 8, 16)),
            ("extmul", const("V", self.join([0x80] * 16, 8)) + const("V", self.join([0x80] * 16, 8)) +
             op("i16x8.extmul_high_i8x16_s"), self.join([0x4000] * 8, 16)),
            ("convert_u", const("V", self.join([0xFFFFFFFF] * 4, 32)) + op("f64x2.convert_low_i32x4_u"),
             0x41EFFFFFFFE0000041EFFFFFFFE00000),
        ])


class References(Attack):
    # wasmtime CVE-2022-24791, CVE-2024-30266 and others: references in select, tables and globals.
    def test_select_with_references(self):
        m = Module()
        m.table("R", 4)
        m.table("r", 4)
        f = m.func(":i", i32(11))
        g = m.func(":i", i32(22))
        m.elem_declare([f, g])
        t = m.type(":i")
        m.func("i:i", i32(0) + op("ref.func", f) + op("ref.func", g) + get(0) + op("select_t", 1, FUNCREF) +
               op("table.set", 0) + i32(0) + op("call_indirect", t, 0), export="func")
        m.func("ir:i", op("ref.null", EXTERNREF) + get(1) + get(0) + op("select_t", 1, EXTERNREF) + op("ref.is_null"),
               export="extern")
        m.func("i:i", i32(0) + op("ref.null", FUNCREF) + op("ref.func", g) + get(0) + op("select_t", 1, FUNCREF) +
               op("table.set", 0) + i32(0) + op("call_indirect", t, 0), export="null")
        self.check(m.encode(), (("func", "i", bits(1)), "ok i:b"), (("func", "i", bits(0)), "ok i:16"),
                   (("func", "i", bits(1 << 31)), "ok i:b"), (("extern", "i", bits(1), "r:0"), "ok i:1"),
                   (("null", "i", bits(0)), "ok i:16"), (("null", "i", bits(1)), "trap signature"))

    # V8 (crbug 1177593 and others): a table that grows while the arguments of an indirect call are computed.
    def test_table_grows_during_call_indirect(self):
        m = Module()
        m.table("R", 2, 100000)
        f = m.func("i:i", get(0) + i32(100) + op("i32.add"))
        g = m.func("i:i", op("ref.func", f) + get(0) + op("table.grow", 0) + op("drop") + i32(5))
        m.elem_declare([f])
        m.elem_active(i32(0), [f])
        t = m.type("i:i")
        m.func("ii:i", get(0) + op("call", g) + get(1) + op("call_indirect", t, 0), export="argument")
        m.func("ii:i", i32(1) + get(0) + op("call", g) + op("drop") + get(1) + op("call_indirect", t, 0), export="before")
        m.func("ii:i", get(1) + op("table.get", 0) + get(0) + op("call", g) + op("drop") + op("ref.is_null"),
               export="get")
        self.check(m.encode(),
                   (("argument", "i", bits(50000), bits(50001)), "ok i:69"),
                   (("argument", "i", bits(10), bits(60000)), "trap table"),
                   (("before", "i", bits(1000), bits(1001)), "ok i:65"),
                   (("before", "i", bits(200000), bits(2)), "ok i:65"),
                   (("before", "i", bits(200000), bits(1002)), "trap table"),
                   (("before", "i", bits(0), bits(-1)), "trap table"), (("before", "i", bits(0), bits(1)), "trap signature"),
                   (("get", "i", bits(1), bits(0)), "ok i:0"))

    # WAMR and wasmtime (CVE-2023-30624: trampolines of types): a call through a table checks the type, not its number.
    def test_types_that_look_alike(self):
        m = Module()
        m.table("R", 8)
        made = [m.func(s, code) for s, code in (
            ("i:i", get(0)), ("I:I", get(0)), ("i:", b""), (":i", i32(1)), ("f:f", get(0)), ("ii:i", get(0)),
            ("i:ii", get(0) + get(0)))]
        m.elem_active(i32(0), made)
        names = ["i:i", "I:I", "i:", ":i", "f:f", "ii:i", "i:ii"]
        expected = []
        for k, s in enumerate(names):
            params, results = s.split(":")
            code = b"".join(const(c, 0) for c in params) + get(0) + op("call_indirect", m.type(s), 0) + op("drop") * len(results)
            m.func("i:", code, export=s)
            expected += [((s, "", bits(j)), "ok" if j == k else "trap signature") for j in range(len(names))]
        self.check(m.encode(), *expected)


class Growth(Attack):
    # V8 (crbug 1170176), JavaScriptCore CVE-2021-30734: base or size of a memory kept over a call that grows it.
    def test_memory_grows_during_a_host_call(self):
        m = Module()
        grow = m.import_func("fuzzing-support", "grow", "i:i")
        m.memory(1, 3, export="memory")
        m.func("i:i", get(0) + i32(7) + op("i32.store", 0, 0) + i32(1) + op("call", grow) + op("drop") + i32(SIZE + 16) +
               i32(9) + op("i32.store", 0, 0) + get(0) + op("i32.load", 0, 0) + i32(SIZE + 16) + op("i32.load", 0, 0) +
               op("i32.add") + op("memory.size", 0) + op("i32.add"), export="f")
        m.func("i:i", op("memory.size", 0) + i32(1) + op("call", grow) + op("i32.sub") + op("memory.size", 0) + op("i32.add"),
               export="size")
        m.func("i:i", i32(1) + op("call", grow) + op("drop") + i32(SIZE) + i32(0xAB) + i32(SIZE) + op("memory.fill", 0) +
               i32(SIZE) + get(0) + op("i32.add") + op("i32.load8_u", 0, 0), export="fill")
        expected = [(("size", "i", bits(0)), "ok i:2"), (("size", "i", bits(0)), "ok i:3"),
                    (("size", "i", bits(0)), f"ok i:{3 - (-1 & 0xFFFFFFFF) + 3 & 0xFFFFFFFF:x}"),
                    (("fill", "i", bits(3)), "ok i:ab"), (("fill", "i", bits(3 * SIZE)), "trap memory")]
        self.check(m.encode(), *expected)
        self.check(m.encode(), (("f", "i", bits(0)), f"ok i:{7 + 9 + 2:x}"),
                   (("f", "i", bits(SIZE + 16)), f"ok i:{9 + 9 + 3:x}"))

    def test_growth_that_overflows(self):
        m = Module()
        m.memory(1, None, export="memory")
        m.table("R", 1)
        m.func("i:i", get(0) + op("memory.grow", 0), export="memory")
        m.exports = [e for e in m.exports if e[0] == 6 and e[7] == 0]
        m.func("i:i", op("ref.null", FUNCREF) + get(0) + op("table.grow", 0), export="table")
        self.check(m.encode(), *[((name, "i", bits(n)), "ok i:ffffffff") for name in ("memory", "table")
                                 for n in (0xFFFFFFFF, 0x80000000, 0x10000)
                                 if not (name == "table" and n == 0x10000)])


class Segments(Attack):
    # wasm3 and WAMR (CVE-2023-52284 and others): offset + size computed in 32 bits.
    def test_bulk_ranges_that_wrap(self):
        m = Module()
        m.memory(1, 1)
        m.table("R", 10)
        f = m.func(":", b"")
        m.elem_passive("R", [op("ref.func", f)] * 4)
        m.data_passive(b"abcdefgh")
        operations = {"memory.init": op("memory.init", 0, 0), "memory.copy": op("memory.copy", 0, 0),
                      "memory.fill": op("memory.fill", 0), "table.init": op("table.init", 0, 0),
                      "table.copy": op("table.copy", 0, 0)}
        expected = []
        for name, code in operations.items():
            m.func("iii:", get(0) + get(1) + get(2) + code, export=name)
            limits = (SIZE, 256 if name == "memory.fill" else 8 if name == "memory.init" else SIZE)
            if name.startswith("table"):
                limits = (10, 4 if name == "table.init" else 10)
            bad = "trap table" if name.startswith("table") else "trap memory"
            top = 0xFFFFFFFF
            for a, b, n in ((top, 0, 1), (top, 0, 2), (0, top, 2), (0, 0, top), (1, 1, top), (2, 2, 0x80000000),
                            (limits[0], 0, 0), (limits[0] + 1, 0, 0), (limits[0] - 1, 0, 2), (0, 0, limits[0] + 1)):
                fits = a + n <= limits[0] and (name == "memory.fill" or b + n <= limits[1])
                expected.append(((name, "", bits(a), bits(b), bits(n)), "ok" if fits else bad))
        self.check(m.encode(), *expected)

    def start(self, m):
        m.func("i:", b"", export="f")
        return m.encode()

    def test_active_segments_that_wrap(self):
        for offset, content in ((0xFFFFFFFF, b"xx"), (0xFFFFFFFF, b"x"), (0xFFFFFFF0, b"x" * 17), (SIZE, b"x"),
                                (SIZE - 1, b"xx"), (SIZE + 1, b""), (0x80000000, b"x")):
            m = Module()
            m.memory(1, 1)
            m.data_active(i32(offset), content)
            with self.subTest(offset=offset, size=len(content)):
                self.check(self.start(m), (("f", "", bits(0)), "start trap memory"))
        for offset, count in ((0xFFFFFFFF, 2), (10, 1), (11, 0), (9, 2), (0x80000000, 1)):
            m = Module()
            m.table("R", 10)
            f = m.func(":", b"")
            m.elem_active(i32(offset), [f] * count)
            with self.subTest(offset=offset, count=count):
                self.check(self.start(m), (("f", "", bits(0)), "start trap table"))

    # wasmtime CVE-2021-39219 and others: what a dropped segment still gives.
    def test_dropped_segments(self):
        m = Module()
        m.memory(1, 1)
        m.table("R", 10)
        f = m.func(":", b"")
        m.elem_passive("R", [op("ref.func", f)] * 4)
        m.data_passive(b"abcdefgh")
        m.func("i:", op("data.drop", 0) + op("elem.drop", 0) + i32(0) + i32(0) + get(0) + op("memory.init", 0, 0),
               export="memory")
        m.func("i:", op("data.drop", 0) + op("elem.drop", 0) + i32(0) + i32(0) + get(0) + op("table.init", 0, 0),
               export="table")
        self.check(m.encode(), (("memory", "", bits(0)), "ok"), (("table", "", bits(0)), "ok"),
                   (("memory", "", bits(1)), "trap memory"), (("table", "", bits(1)), "trap table"))


class Switches(Attack):
    def test_br_table_of_a_million_entries(self):
        n = 1_000_000
        m = Module()
        table = op("br_table", uleb(n), *([k % 3 for k in range(n)] + [3]))
        m.func("i:i", op("block", BLOCK) * 4 + get(0) + table + op("end") + i32(10) + op("return") + op("end") + i32(11) +
               op("return") + op("end") + i32(12) + op("return") + op("end") + i32(13), export="f")
        self.check(m.encode(), *[(("f", "i", bits(k)), f"ok i:{10 + (k % 3 if 0 <= k < n else 3):x}")
                                 for k in (0, 1, 2, 500_000, n - 1, n, n + 1, -1, 1 << 31)])


class Stacks(Attack):
    # WAMR and wasm3: a guest's recursion ran over the host's stack.
    def recursion(self, frame):
        """A module whose functions recurse without end in several ways, with small or large frames."""
        m = Module()
        back = m.import_func("fuzzing-support", "back", "ii:i")
        m.table("R", 4, export="__indirect_function_table")
        m.memory(1, 1)
        used = b"".join(get(1 + k) + get(0) + op("i32.add") + set_(1 + k) for k in range(frame))
        keep = b"".join(get(1 + k) + op("i32.xor") for k in range(frame))
        t = m.type("i:i")
        touch = get(0) + op("i32.load", 0, 0) + op("drop")
        direct = m.nfuncs
        m.func("i:i", used + get(0) + op("call", direct) + keep + touch, "i" * frame, export="direct")
        m.func("i:i", used + get(0) + i32(1) + op("call_indirect", t, 0) + keep, "i" * frame, export="indirect")
        m.func("i:i", used + i32(2) + get(0) + op("call", back) + keep, "i" * frame, export="callback")
        m.elem_active(i32(0), [direct, direct + 1, direct + 2])
        return m

    def test_recursion_without_end(self):
        for frame in (0, 8, 3000):
            with self.subTest(frame=frame):
                self.check(self.recursion(frame).encode(),
                           *[((n, "i", bits(0)), "trap stack") for n in ("direct", "indirect")])

    # Where frames of a host library lie between they are not skipped: the process ends, and says why.
    def test_recursion_through_a_callback(self):
        for frame in (0, 3000):
            for variant in VARIANTS:
                answer = self.answer(self.recursion(frame).encode(), [("callback", "i", bits(0))], variant)
                self.assertIn(answer, (["died status 134"], ["trap stack", "end"]))

    def test_in_the_start_function(self):
        m = Module()
        m.memory(1, 1)
        m.func(":", op("call", 0) + i32(0) + op("i32.load", 0, 0) + op("drop"))
        m.func("i:", b"", export="f")
        m.start = 0
        self.check(m.encode(), (("f", "", bits(0)), "start trap stack"))


if __name__ == "__main__":
    unittest.main()
