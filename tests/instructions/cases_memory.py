"""Loads, stores and the bulk memory instructions (specification 2.4.7), with every kind of constant offset, at
both ends of memory, unaligned, and across the end."""

import random

import numeric
import simd
import values
import wasm
from cases_numeric import from_memory
from numeric import mask, signed
from script import expected

PAGE = 65536
DATA = 8192           # where the tests' data lies, clear of operands and results
OUT_OF_BOUNDS = 'out of bounds memory access'
OFFSETS = (0, 1, 4, 61, DATA, PAGE - 8, PAGE, 1 << 31, (1 << 32) - 16, (1 << 32) - 1)


def accessed(instruction):
    """Bytes that a load or store touches."""
    name = instruction.split('.')[1].replace('load', '').replace('store', '')
    digits = ''.join(c for c in name.split('_')[0] if c.isdigit() or c == 'x')
    if 'x' in digits:
        return 8
    if digits:
        return int(digits) // 8
    return numeric.WIDTH[wasm.SIGNATURES[instruction].replace('i:', '', 1)[-1]
                         if 'load' in instruction else wasm.SIGNATURES[instruction][1]] // 8


def loaded(instruction, content, vector=0, lane=0):
    """The result of a load of the bytes `content`; `vector` and `lane` for load_lane."""
    x = int.from_bytes(content, 'little')
    t, name = instruction.split('.')
    n = 8 * len(content)
    if t != 'v128':
        return mask(signed(x, n), numeric.WIDTH[wasm.SIGNATURES[instruction][-1]]) if name.endswith('_s') else x
    if name.endswith('_splat'):
        return n, [x] * (128 // n)
    if name.endswith('_lane'):
        out = simd.lanes(vector, n)
        out[lane] = x
        return n, out
    if 'x' in name:
        width = int(name[4:].split('x')[0])
        parts = [x >> i & ((1 << width) - 1) for i in range(0, 64, width)]
        return 2 * width, [mask(signed(p, width), 2 * width) if name.endswith('_s') else p for p in parts]
    return x


def page():
    source = random.Random(99)
    content = bytearray(PAGE)
    content[DATA:DATA + 256] = source.randbytes(256)
    content[DATA + 64:DATA + 96] = b'\xff\x7f\x80\x00' * 8  # signs
    content[DATA + 96:DATA + 104] = (0x7FF0000000000001).to_bytes(8, 'little')  # signalling NaNs
    content[DATA + 104:DATA + 112] = (0x7F800001FF800001).to_bytes(8, 'little')
    content[PAGE - 64:] = source.randbytes(64)
    return content


def new_module(content):
    m = wasm.Module()
    m.memory(1, 3, export='memory')
    m.data_active(wasm.i32(DATA), bytes(content[DATA:DATA + 256]))
    m.data_active(wasm.i32(PAGE - 64), bytes(content[PAGE - 64:]))
    return m


def addresses(size, offset):
    """Guest addresses (operands) to try with a constant offset."""
    out = []
    for effective in (DATA, DATA + 1, DATA + 3, DATA + 64, DATA + 65, DATA + 67, DATA + 96, DATA + 104, PAGE - size,
                      PAGE - size - 1, PAGE - size + 1, PAGE - 1, PAGE, PAGE + 1):
        if 0 <= effective - offset < 1 << 32:
            out.append(effective - offset)
    # p + offset is a 33-bit sum: it never wraps.
    return list(dict.fromkeys(out + [0xFFFFFFFF, 0xFFFFFFFF - size + 1, 0x80000000, 0xFFFF0000]))


def loads(script):
    content = page()
    for group in ('i32', 'i64', 'f32', 'f64', 'v128'):
        m, later = new_module(content), []
        for instruction in [i for i in wasm.SIGNATURES if i.startswith(group + '.load')]:
            load(script, m, later, instruction, content)
            script.covers(instruction)
        script.module('load_' + group, m)
        for check in later:
            check()


def load(script, m, later, instruction, content):
    params, result = wasm.SIGNATURES[instruction].split(':')
    size = accessed(instruction)
    by_lane = instruction.endswith('_lane')
    natural = size.bit_length() - 1
    vector = values.vectors(12, 1)[0]
    for lane in range(16 // size) if by_lane else (None,):
        for offset in OFFSETS if lane in (None, 1) else OFFSETS[:2]:
            for align in (0, natural) if offset == 1 and natural else (0,):
                export = f'{instruction}/{offset:x}' + (f'/lane{lane}' if by_lane else '') + (
                    f'/align{align}' if align else '')
                from_memory(m, export, params, result, wasm.mem(instruction, offset, align, lane))
                for a in addresses(size, offset):
                    args = [('i', a)] + ([('V', vector)] if by_lane else [])
                    e = a + offset
                    if e + size > PAGE:
                        later.append(lambda x=export, t=args: script.run_trap(x, t, OUT_OF_BOUNDS))
                    else:
                        r = expected(result, loaded(instruction, content[e:e + size], vector, lane))
                        later.append(lambda x=export, t=args, r=r: script.run(x, t, r))
    # Constant addresses, as those of a program's global variables.
    for a, offset in ((DATA + 5, 0), (5, DATA), (PAGE - size, 0), (PAGE - size + 1, 0), (PAGE - 1, 2)):
        export = f'{instruction}/at{a}+{offset}'
        code = wasm.get(1) + wasm.i32(a) + (wasm.const('V', vector) if by_lane else b'')
        m.func('ii:', code + wasm.mem(instruction, offset, 0, 0 if by_lane else None) + wasm.mem(wasm.STORE[result]),
               export=export)
        e = a + offset
        if e + size > PAGE:
            later.append(lambda x=export: script.run_trap(x, [], OUT_OF_BOUNDS))
        else:
            r = expected(result, loaded(instruction, content[e:e + size], vector, 0))
            later.append(lambda x=export, r=r: script.run(x, [], r))


def stores(script):
    content = page()
    for group in ('i32', 'i64', 'f32', 'f64', 'v128'):
        m, later = new_module(content), []
        for instruction in [i for i in wasm.SIGNATURES if i.startswith(group + '.store')]:
            store(script, m, later, instruction)
            script.covers(instruction)
        script.module('store_' + group, m)
        model = bytearray(content)
        for check in later:
            check(model)


def store(script, m, later, instruction):
    letter = wasm.SIGNATURES[instruction][1]
    size = accessed(instruction)
    by_lane = instruction.endswith('_lane')
    operands = iter(values.vectors(13, 1000))

    def check(export, address, offset, bits, lane):
        def run(model):
            args, e = [('i', address), (letter, bits)], address + offset
            if e + size > PAGE:
                script.run_trap(export, args, OUT_OF_BOUNDS)
                script.memory(PAGE - 24, bytes(model[PAGE - 24:]))  # nothing was stored
            else:
                part = simd.lanes(bits, 8 * size)[lane] if by_lane else mask(bits, 8 * size)
                model[e:e + size] = part.to_bytes(size, 'little')
                script.run(export, args, 'x')
                script.memory(e - 8, bytes(model[e - 8:e + size + 8]))
        return run

    for lane in range(16 // size) if by_lane else (None,):
        for offset in OFFSETS if lane in (None, 1) else OFFSETS[:2]:
            export = f'{instruction}/{offset:x}' + (f'/lane{lane}' if by_lane else '')
            body = wasm.get(0) + wasm.mem('i32.load') + wasm.get(0) + wasm.mem(wasm.LOAD[letter], 16)
            m.func('ii:', body + wasm.mem(instruction, offset, 0, lane), export=export)
            for a in addresses(size, offset):
                later.append(check(export, a, offset, mask(next(operands), numeric.WIDTH[letter]), lane))


def size_and_grow(script):
    m = wasm.Module()
    m.memory(1, 4, export='memory')
    m.func(':i', wasm.op('memory.size', 0), export='size')
    m.func('i:i', wasm.get(0) + wasm.op('memory.grow', 0), export='grow')
    m.func('i:i', wasm.get(0) + wasm.mem('i32.load'), export='load')
    m.func('ii:', wasm.get(0) + wasm.get(1) + wasm.mem('i32.store'), export='store')
    # The size after a growth, and a value stored before and loaded behind it, in one function.
    m.func('i:ii', wasm.i32(16) + wasm.i32(77) + wasm.mem('i32.store') + wasm.get(0) + wasm.op('memory.grow', 0)
           + wasm.op('drop') + wasm.op('memory.size', 0) + wasm.i32(16) + wasm.mem('i32.load'), export='both')
    script.module('memory_grow', m)
    script.call('size', ':i', [], [1])
    script.trap('load', 'i:i', [65536], OUT_OF_BOUNDS)
    script.trap('load', 'i:i', [65533], OUT_OF_BOUNDS)
    script.call('grow', 'i:i', [0], [1])
    script.call('grow', 'i:i', [1], [1])
    script.call('size', ':i', [], [2])
    script.call('load', 'i:i', [65533], [0])
    script.call('store', 'ii:', [131068, 0x12345678], [])
    script.call('load', 'i:i', [131068], [0x12345678])
    script.trap('load', 'i:i', [131069], OUT_OF_BOUNDS)
    script.call('grow', 'i:i', [3], [0xFFFFFFFF])
    script.call('grow', 'i:i', [0x80000000], [0xFFFFFFFF])
    script.call('grow', 'i:i', [0xFFFFFFFF], [0xFFFFFFFF])
    script.call('both', 'i:ii', [1], [3, 77])
    script.call('grow', 'i:i', [1], [3])
    script.call('grow', 'i:i', [1], [0xFFFFFFFF])
    script.call('size', ':i', [], [4])
    script.call('load', 'i:i', [4 * PAGE - 4], [0])
    script.covers('memory.size', 'memory.grow')
    # Without a declared maximum.
    m = wasm.Module()
    m.memory(0, export='memory')
    m.func(':i', wasm.op('memory.size', 0), export='size')
    m.func('i:i', wasm.get(0) + wasm.op('memory.grow', 0), export='grow')
    m.func('i:i', wasm.get(0) + wasm.mem('i32.load8_u'), export='load')
    script.module('memory_empty', m)
    script.call('size', ':i', [], [0])
    script.trap('load', 'i:i', [0], OUT_OF_BOUNDS)
    script.call('grow', 'i:i', [65537], [0xFFFFFFFF])
    script.call('grow', 'i:i', [1], [0])
    script.call('load', 'i:i', [65535], [0])


def bulk(script):
    segment = bytes(range(1, 101))
    m = wasm.Module()
    m.memory(1, export='memory')
    m.data_active(wasm.i32(1000), segment)
    m.data_passive(segment)
    m.data_passive(b'')
    three = wasm.get(0) + wasm.get(1) + wasm.get(2)
    m.func('iii:', three + wasm.op('memory.fill', 0), export='fill')
    m.func('iii:', three + wasm.op('memory.copy', 0, 0), export='copy')
    m.func('iii:', three + wasm.op('memory.init', 1, 0), export='init')
    m.func('iii:', three + wasm.op('memory.init', 0, 0), export='init_active')
    m.func(':', wasm.op('data.drop', 1), export='drop')
    lengths = (0, 1, 2, 3, 4, 8, 15, 16, 31, 64, 100)
    for n in lengths:  # constant lengths are expanded in place
        two = wasm.get(0) + wasm.get(1)
        m.func('ii:', two + wasm.i32(n) + wasm.op('memory.copy', 0, 0), export=f'copy{n}')
        m.func('ii:', two + wasm.i32(n) + wasm.op('memory.fill', 0), export=f'fill{n}')
    script.module('memory_bulk', m)
    model = bytearray(PAGE)
    model[1000:1100] = segment

    def fill(export, d, v, n, args):
        if d + n > PAGE:
            script.trap(export, 'i' * len(args) + ':', args, OUT_OF_BOUNDS)
        else:
            model[d:d + n] = bytes([v & 255]) * n
            script.call(export, 'i' * len(args) + ':', args, [])
        show(d, n)

    def copy(export, d, s, n, args, source=model):
        if d + n > PAGE or s + n > len(source):
            script.trap(export, 'i' * len(args) + ':', args, OUT_OF_BOUNDS)
        else:
            model[d:d + n] = bytes(source[s:s + n])
            script.call(export, 'i' * len(args) + ':', args, [])
        show(d, n)

    def show(d, n):
        lo = max(0, min(d, PAGE) - 8)
        hi = min(PAGE, lo + min(n, 300) + 16)
        script.memory(lo, bytes(model[lo:hi]))
        script.memory(PAGE - 16, bytes(model[PAGE - 16:]))

    for d, v, n in ((2000, 0x1AB, 10), (2005, 0, 3), (PAGE - 4, 0x55, 4), (PAGE - 4, 0x66, 5), (PAGE, 1, 0),
                    (PAGE, 1, 1), (PAGE + 1, 1, 0), (0xFFFFFFFF, 1, 0), (0xFFFFFFFF, 7, 1), (1, 2, 0xFFFFFFFF),
                    (0xFFFFFFF0, 3, 0x20), (3000, 0xFF, 5000), (2000, 4, 0)):
        fill('fill', d, v, n, [d, v, n])
    for d, s, n in ((4000, 1000, 50), (1010, 1000, 60), (1000, 1007, 60), (1000, 1000, 100), (PAGE - 20, 1000, 20),
                    (PAGE - 19, 1000, 20), (2000, PAGE - 19, 20), (PAGE, 0, 0), (0, PAGE, 0), (PAGE + 1, 0, 0),
                    (0, PAGE + 1, 0), (0xFFFFFFFF, 0, 2), (0, 0xFFFFFFFF, 2), (0, 1, 0xFFFFFFFF), (5000, 3000, 3000),
                    (3001, 3000, 4000), (3000, 3001, 4000)):
        copy('copy', d, s, n, [d, s, n])
    for n in lengths:
        copy(f'copy{n}', 6000 + n, 1000, n, [6000 + n, 1000])
        copy(f'copy{n}', 1001, 1000, n, [1001, 1000])
        copy(f'copy{n}', 1000, 1003, n, [1000, 1003])
        copy(f'copy{n}', PAGE - n + 1, 1000, n, [PAGE - n + 1, 1000])
        copy(f'copy{n}', 1000, PAGE - n + 1, n, [1000, PAGE - n + 1])
        fill(f'fill{n}', 7000 + n, 0x80 + n, n, [7000 + n, 0x80 + n])
        fill(f'fill{n}', PAGE - n + 1, 1, n, [PAGE - n + 1, 1])
    for d, s, n in ((100, 0, 100), (300, 99, 1), (300, 100, 0), (300, 101, 0), (300, 99, 2), (PAGE - 10, 0, 10),
                    (PAGE - 9, 0, 10), (PAGE, 0, 0), (PAGE + 1, 0, 0), (0xFFFFFFFF, 0, 1), (0, 0xFFFFFFFF, 1),
                    (0, 1, 0xFFFFFFFF)):
        copy('init', d, s, n, [d, s, n], segment)
    copy('init_active', 0, 0, 0, [0, 0, 0], b'')  # an active segment is dropped after instantiation
    copy('init_active', 0, 0, 1, [0, 0, 1], b'')
    script.call('drop', ':', [], [])
    script.call('drop', ':', [], [])
    copy('init', 0, 0, 0, [0, 0, 0], b'')
    copy('init', 0, 0, 1, [0, 0, 1], b'')
    script.covers('memory.fill', 'memory.copy', 'memory.init', 'data.drop')


class Sums:
    """Functions f(p, mask) that load from p plus constants, in branches and loops: what a compiler may conclude
    from one access for another must hold where sums wrap and where the first access was not executed."""

    CONSTANTS = (-65536, -40000, -64, -9, -8, -4, -1, 0, 0, 1, 4, 8, 16, 100, 32767, 65535, 65536, 70000)
    OFFSETS = (0, 0, 0, 0, 1, 8, 1000, 65535, (1 << 32) - 8)
    POINTERS = (0, 4, 8, 9, 16, 64, 100, 40000, 65530, PAGE, 70000, 2 * PAGE - 1, 2 * PAGE - 8, (1 << 32) - 1,
                (1 << 32) - 4, (1 << 32) - 8, (1 << 32) - 16, (1 << 32) - 70000, (1 << 32) - PAGE, 1 << 31)

    def __init__(self, seed, content):
        self.source = random.Random(seed)
        self.content = content
        self.program = self.block(2)

    def block(self, depth):
        return [self.statement(depth) for _ in range(self.source.randrange(1, 5))]

    def statement(self, depth):
        pick = self.source.choice
        kind = self.source.random()
        if depth == 0 or kind < 0.6:
            return 'load', pick(self.CONSTANTS), pick(self.CONSTANTS) if kind < 0.2 else 0, pick(self.OFFSETS)
        if kind < 0.8:
            return 'if', 1 << self.source.randrange(3), self.block(depth - 1), self.block(depth - 1)
        if kind < 0.9:
            return 'skip', 1 << self.source.randrange(3), self.block(depth - 1), self.block(depth - 1)
        return 'loop', self.source.randrange(1, 4), pick((-16, -1, 1, 8, 16, 4096, 65536)), self.block(depth - 1)

    def emit(self, program, depth=0):
        """Locals: 0 p, 1 mask, 2 the result, 3.. counters of loops."""
        code = b''
        for s in program:
            if s[0] == 'load':
                code += wasm.get(2) + wasm.i32(31) + wasm.op('i32.mul') + wasm.get(0)
                for c in s[1:3]:
                    code += wasm.i32(c) + wasm.op('i32.add') if c else b''
                code += wasm.mem('i32.load8_u', s[3]) + wasm.op('i32.add') + wasm.set_(2)
            elif s[0] == 'if':
                code += wasm.get(1) + wasm.i32(s[1]) + wasm.op('i32.and') + wasm.op('if', b'\x40')
                code += self.emit(s[2], depth) + wasm.op('else') + self.emit(s[3], depth) + wasm.op('end')
            elif s[0] == 'skip':
                code += wasm.op('block', b'\x40') + self.emit(s[2], depth) + wasm.get(1) + wasm.i32(s[1])
                code += wasm.op('i32.and') + wasm.op('br_if', 0) + self.emit(s[3], depth) + wasm.op('end')
            else:
                counter = 3 + depth
                # A count that is not known when compiling, so that LLVM unrolls with a remainder.
                code += wasm.i32(s[1]) + wasm.get(1) + wasm.op('i32.add') + wasm.set_(counter)
                code += wasm.op('loop', b'\x40') + self.emit(s[3], depth + 1)
                code += wasm.get(0) + wasm.i32(s[2]) + wasm.op('i32.add') + wasm.set_(0) + wasm.get(counter)
                code += wasm.i32(-1) + wasm.op('i32.add') + wasm.op('local.tee', counter) + wasm.op('br_if', 0)
                code += wasm.op('end')
        return code

    def evaluate(self, program, state, bits):
        """`state` is [p, result]; IndexError is the trap."""
        for s in program:
            if s[0] == 'load':
                state[1] = mask(state[1] * 31 + self.content[mask(state[0] + s[1] + s[2], 32) + s[3]], 32)
            elif s[0] == 'if':
                self.evaluate(s[2] if bits & s[1] else s[3], state, bits)
            elif s[0] == 'skip':
                self.evaluate(s[2], state, bits)
                if not bits & s[1]:
                    self.evaluate(s[3], state, bits)
            else:
                for _ in range(s[1] + bits):
                    self.evaluate(s[3], state, bits)
                    state[0] = mask(state[0] + s[2], 32)


def sums(script):
    content = random.Random(5).randbytes(2 * PAGE)
    m = wasm.Module()
    m.memory(2, 2, export='memory')
    m.data_active(wasm.i32(0), content)
    tests = [Sums(seed, content) for seed in range(150)]
    for k, t in enumerate(tests):
        m.func('ii:i', t.emit(t.program) + wasm.get(2), 'iiii', f'sum{k}')
    script.module('memory_sums', m)
    for k, t in enumerate(tests):
        for pointer in t.POINTERS:
            for bits in range(8):
                state = [pointer, 0]
                try:
                    t.evaluate(t.program, state, bits)
                    script.call(f'sum{k}', 'ii:i', (pointer, bits), (state[1],))
                except IndexError:
                    script.trap(f'sum{k}', 'ii:i', (pointer, bits), OUT_OF_BOUNDS)


def generate(script):
    sums(script)
    loads(script)
    stores(script)
    size_and_grow(script)
    bulk(script)
