"""Modules of extreme shapes: each function takes a size and gives the bytes of a module about that large, in which one
thing grows and the rest stays small."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "instructions"))
from wasm import EMPTY, Module, const, get, i32, op, set_, sleb, uleb  # noqa: E402

BLOCK = bytes([EMPTY])
SHAPES = {}


def shape(size, *levels):
    """Registers a shape: the size at which it is tested, and the -O levels worth a look."""
    def register(function):
        SHAPES[function.__name__] = (function, size, levels or (0, 3))
        return function
    return register


def one(signature, body, locals_="", memory=True):
    m = Module()
    if memory:
        m.memory(1)
    m.func(signature, body, locals_, export="f")
    return m.encode()


def many_locals(count):
    """One function with `count` locals of i32, as one run."""
    return uleb(1) + uleb(count) + b"\x7f"


def raw_function(signature, code, m=None):
    """A function whose local declarations are given in `code`; for counts that a list of locals cannot hold."""
    m = m or Module()
    m.funcs.append((m.type(signature), uleb(len(code)) + code))
    m.nfuncs += 1
    return m


@shape(20000)
def straight_line(n):
    """One long body of additions and multiplications without control flow."""
    step = get(0) + get(1) + op("i32.mul") + i32(12345) + op("i32.add") + set_(0)
    step += get(1) + get(0) + op("i32.xor") + i32(7) + op("i32.rotl") + set_(1)
    return one("ii:i", step * n + get(0))


@shape(20000)
def loads_and_stores(n):
    return one("i:i", b"".join(get(0) + get(0) + op("i32.load", 2, 4 * (i % 9000)) + op("i32.store", 2, 4 * (i * 7 % 9000))
                               for i in range(n)) + get(0))


@shape(20000)
def calls_of_imports(n):
    m = Module()
    f = m.import_func("env", "f", "ii:i")
    m.func("i:i", (get(0) + get(0) + op("call", f) + set_(0)) * n + get(0), export="f")
    return m.encode()


@shape(20000)
def tiny_functions(n):
    m = Module()
    body = b"\0" + op("end")
    m.type(":")
    m.funcs = [(0, uleb(len(body)) + body)] * n
    m.nfuncs = n
    return m.encode()


@shape(30000)
def nested_blocks(n):
    return one("i:i", (op("block", BLOCK) + get(0) + op("br_if", 0)) * n + op("end") * n + get(0))


@shape(10000)
def nested_loops(n):
    return one("i:i", op("loop", BLOCK) * n + op("end") * n + get(0))


@shape(2000)
def loops_that_set_locals(n):
    """Loops one after another, each of which sets many of the function's locals: phis for all of them."""
    loop = op("loop", BLOCK) + b"".join(get(i) + i32(i) + op("i32.add") + set_(i) for i in range(1, 40))
    loop += get(0) + i32(1) + op("i32.sub") + op("local.tee", 0) + op("br_if", 0) + op("end")
    return one("i:i", loop * n + get(7), "i" * 40)


@shape(200)
def loops_with_many_inductions(n):
    """Loops one after another, each of which steps 40 locals by different amounts and stores them."""
    loop = op("loop", BLOCK)
    loop += b"".join(get(i) + get(i) + op("i32.store", 2, 4 * i) + get(i) + i32(i * i + 1) + op("i32.add") + set_(i)
                     for i in range(1, 40))
    loop += get(0) + i32(1) + op("i32.sub") + op("local.tee", 0) + op("br_if", 0) + op("end")
    return one("i:i", loop * n + get(7), "i" * 40)


@shape(3000)
def ifs_that_set_locals(n):
    code = b"".join(get(i % 200) + op("if", BLOCK) + get((i * 7 + 1) % 200) + i32(i) + op("i32.add") + set_(i * 3 % 200) +
                    op("end") for i in range(4 * n))
    return one("i:i", code + get(7), "i" * 200)


@shape(2000)
def array_loops(n):
    """Small loops that the vectorizer takes, one after another."""
    loop = i32(0) + set_(1) + op("loop", BLOCK)
    loop += get(1) + get(1) + op("f64.load", 3, 8192) + get(1) + op("f64.load", 3, 16384) + op("f64.add")
    loop += op("f64.store", 3, 0) + get(1) + i32(8) + op("i32.add") + op("local.tee", 1) + get(0)
    loop += op("i32.lt_u") + op("br_if", 0) + op("end")
    return one("i:i", loop * n + get(1), "i")


@shape(50000)
def switch_of_many_cases(n):
    """A br_table of n entries to 1,000 labels."""
    labels = min(1000, n)
    table = get(0) + op("br_table", uleb(n - 1), *(i * 7919 % labels for i in range(n)))
    after = b"".join(op("end") + get(1) + i32(i) + op("i32.add") + set_(1) for i in range(labels))
    return one("i:i", op("block", BLOCK) * labels + table + after + get(1), "i")


@shape(500)
def many_switches(n):
    """Switches of 100 cases one after another, each to 100 blocks that set locals."""
    code = b""
    for _ in range(n):
        code += op("block", BLOCK) * 100 + get(0) + op("br_table", uleb(99), *range(100))
        code += b"".join(op("end") + get(1 + i % 9) + i32(i) + op("i32.add") + set_(1 + i % 9) for i in range(100))
    return one("i:i", code + get(1), "i" * 9)


@shape(50000)
def deep_expression(n):
    return one("i:i", get(0) * n + op("i32.add") * (n - 1), memory=False)


@shape(50000)
def deep_unary(n):
    return one("i:i", get(0) + (op("i32.clz") + op("i32.popcnt")) * n, memory=False)


@shape(300)
def calls_with_many_arguments(n):
    m = Module()
    m.func("i" * 1000 + ":i", get(999))
    m.func("i:i", (get(0) * 1000 + op("call", 0) + set_(0)) * n + get(0), export="f")
    return m.encode()


@shape(10000)
def vector_constants(n):
    code = b"".join(get(1) + const("V", (i + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC834 % (1 << 128)) + op("i32x4.mul") +
                    set_(1) for i in range(n))
    return one("i:i", code + get(1) + op("i32x4.extract_lane", b"\0"), "V")


@shape(10000)
def shuffles(n):
    code = b"".join(get(1) + get(1) + op("i8x16.shuffle", bytes((i * 7 + k * 3) % 32 for k in range(16))) + set_(1)
                    for i in range(n))
    return one("i:i", code + get(1) + op("i32x4.extract_lane", b"\0"), "V")


@shape(10000)
def divisions(n):
    return one("ii:i", (get(0) + get(1) + op("i32.div_s") + set_(0)) * n + get(0))


@shape(10000)
def conversions(n):
    return one("iF:i", (get(1) + op("i32.trunc_f64_s") + get(0) + op("i32.add") + op("local.tee", 0) +
                        op("f64.convert_i32_u") + set_(1)) * n + get(0))


@shape(50000)
def globals_(n):
    """Many globals, and functions that use some."""
    m = Module()
    for i in range(n):
        m.globals.append(b"\x7f\1" + i32(i & 63) + op("end"))
    for k in range(200):
        m.func("i:i", b"".join(get(0) + op("global.set", (k * 50 + j) % n) + op("global.get", (k * 37 + j) % n) + set_(0)
                               for j in range(50)) + get(0))
    return m.encode()


@shape(50000)
def constant_expressions(n):
    """Long constant expressions in globals."""
    m = Module()
    m.global_("i", i32(1) + (i32(3) + op("i32.add")) * n)
    return m.encode()


@shape(20000)
def data_segments(n):
    m = Module()
    m.memory(1)
    for i in range(n):
        m.data_active(i32(i % 60000), b"x")
    return m.encode()


@shape(20000)
def element_segments(n):
    m = Module()
    m.table("R", 10)
    m.func(":", b"")
    for i in range(n):
        m.elem_active(i32(i % 10), [0])
    return m.encode()


@shape(200000)
def one_element_segment(n):
    m = Module()
    m.table("R", n)
    m.func(":", b"")
    m.elems.append(b"\0" + i32(0) + op("end") + uleb(n) + b"\0" * n)
    return m.encode()


@shape(2000)
def types(n):
    """Different types, each used by an indirect call."""
    m = Module()
    m.table("R", 10)
    numbers = []
    for i in range(n):
        signature = "".join("iIfF"[(i >> 2 * k) & 3] for k in range(8)) + ":"
        encoded = b"\x60" + uleb(8) + bytes({"i": 0x7F, "I": 0x7E, "f": 0x7D, "F": 0x7C}[c] for c in signature[:8]) + b"\0"
        numbers.append((len(m.types), signature))
        m.types.append(encoded)
    code = b"".join(b"".join(const(c, 0) for c in s[:8]) + get(0) + op("call_indirect", t, 0) for t, s in numbers)
    body = b"\0" + code + get(0) + op("end")
    m.funcs.append((m.type("i:i"), uleb(len(body)) + body))
    m.nfuncs += 1
    return m.encode()


@shape(50000)
def exports(n):
    m = Module()
    m.func(":", b"")
    for i in range(n):
        m.export(f"export {i}", 0, 0)
    return m.encode()


@shape(50000)
def imports(n):
    m = Module()
    t = m.type(":")
    for i in range(n):
        field = f"f{i}".encode()
        m.imports.append(b"\3env" + uleb(len(field)) + field + b"\0" + uleb(t))
    m.nfuncs = n
    return m.encode()


@shape(40000)
def locals_and_branches(n):
    """Very many locals and branches."""
    code = many_locals(n)
    code += b"".join(get(i * 7 % n) + set_(1 + i * 19 % n) + get(i * 3 % n) + op("br_if", 0) for i in range(n // 4))
    return raw_function("i:", code + op("end")).encode()


@shape(5000)
def selects(n):
    return one("iii:i", (get(0) + get(1) + get(2) + op("select") + op("local.tee", 0) + get(1) + op("i32.lt_s") +
                         set_(2)) * n + get(0))


@shape(3000)
def conditions_on_one_value(n):
    """Branches on comparisons of the same few values."""
    code = b"".join(get(0) + i32(i) + op("i32.lt_s") + op("if", BLOCK) + get(1) + get(0) + op("i32.add") + set_(1) +
                    op("else") + get(1) + i32(1) + op("i32.sub") + set_(1) + op("end") for i in range(n))
    return one("i:i", code + get(1), "i")


@shape(3000)
def early_returns(n):
    code = b"".join(get(0) + i32(i) + op("i32.eq") + op("if", BLOCK) + i32(i * 3) + op("return") + op("end")
                    for i in range(n))
    return one("i:i", code + get(0))


@shape(3000)
def bulk_operations(n):
    return one("i:", (get(0) + get(0) + get(0) + op("memory.copy", 0, 0) + get(0) + i32(3) + get(0) +
                      op("memory.fill", 0)) * n)


@shape(1000)
def many_results(n):
    """Calls of a function with 100 results."""
    m = Module()
    m.func("i:" + "i" * 100, get(0) * 100)
    m.func("i:i", (get(0) + op("call", 0) + op("i32.add") * 99 + set_(0)) * (n // 10) + get(0), export="f")
    return m.encode()


@shape(1000)
def calls_of_small_functions(n):
    """Functions that consist of calls of a function that may be inlined, with as much in it as that may have."""
    m = Module()
    m.memory(1)
    small = m.func("i:i", get(0) + (get(0) + op("i32.div_s")) * 2 + op("i32.load", 2, 0) * 15, export="small")
    for _ in range(n):
        m.func("i:i", get(0) + op("call", small) * 5)
    return m.encode()


if __name__ == "__main__":
    function, default, _ = SHAPES[sys.argv[1]]
    sys.stdout.buffer.write(function(int(sys.argv[2]) if len(sys.argv) > 2 else default))
