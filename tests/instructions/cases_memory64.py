"""64-bit memories and tables: every access with every kind of constant offset, at indices around each boundary that code or
reservation has, among them sums that would wrap to a place inside of the memory; bulk instructions between memories
of both kinds; calls and table instructions with 64-bit indices."""

import cases_atomic
import numeric
import simd
import values
import wasm
from cases_memory import DATA, OUT_OF_BOUNDS, PAGE, accessed, loaded, page
from numeric import mask

TWO64 = 1 << 64
MAX_PAGES = 3 << 16  # 12 GiB: the reservation's limit (abi.h), where the host has as much memory
LIMIT = MAX_PAGES * PAGE
OFFSETS = (0, 1, 61, PAGE - 8, 1 << 31, (1 << 32) - 16, (1 << 32) - 1, 1 << 32, (1 << 32) + 5, LIMIT, 1 << 47, 1 << 63,
           TWO64 - PAGE, TWO64 - 1)
BOUNDARIES = (PAGE, 1 << 31, 1 << 32, LIMIT, LIMIT + (1 << 32), LIMIT + (1 << 32) + PAGE, 1 << 44, 1 << 46, 1 << 47,
              1 << 48, 1 << 63, TWO64 - PAGE)
UNDEFINED, TABLE_BOUNDS = 'undefined element', 'out of bounds table access'


def addresses(size, offset):
    """(address, whether the access is in bounds)"""
    out = {}
    for effective in (DATA, DATA + 1, DATA + 67, PAGE - size):
        out[mask(effective - offset, 64)] = effective >= offset
    for boundary in BOUNDARIES:
        for a in (boundary - size, boundary - 1, boundary, boundary + 1):
            out.setdefault(a, a + offset + size <= PAGE)
            out.setdefault(mask(a - offset, 64), mask(a - offset, 64) + offset + size <= PAGE)
    for a in (PAGE - size + 1, TWO64 - size, TWO64 - 1):
        out.setdefault(a, a + offset + size <= PAGE)
    return out.items()


def new_module(content, memory):
    """The memory under test is a 64-bit one with this index; a 32-bit memory lies before it."""
    m = wasm.Module()
    if memory:
        m.memory(1)
    m.memory(1, MAX_PAGES, is64=True)
    m.data_active(wasm.i64(DATA), bytes(content[DATA:DATA + 256]), memory)
    m.data_active(wasm.i64(PAGE - 64), bytes(content[PAGE - 64:]), memory)
    m.func('I:V', wasm.get(0) + wasm.mem('v128.load', memory=memory), export='peek')
    return m


def gets(signature):
    return b''.join(wasm.get(i) for i in range(signature.index(':')))


def loads(script, memory):
    content, later = page(), []
    m = new_module(content, memory)
    vector = values.vectors(12, 1)[0]
    for instruction in [i for i in wasm.SIGNATURES if '.load' in i and 'atomic' not in i]:
        params, result = wasm.SIGNATURES[instruction].split(':')
        signature = 'I' + params[1:] + ':' + result
        size, by_lane = accessed(instruction), instruction.endswith('_lane')
        for lane in (0, 16 // size - 1) if by_lane else (None,):
            for offset in OFFSETS:
                export = f'{instruction}/{offset:x}' + (f'/lane{lane}' if by_lane else '')
                m.func(signature, gets(signature) + wasm.mem(instruction, offset, 0, lane, memory), export=export)
                for a, fits in addresses(size, offset):
                    args = [a] + ([vector] if by_lane else [])
                    if not fits:
                        later.append(('trap', export, signature, args, OUT_OF_BOUNDS))
                    else:
                        e = a + offset
                        later.append(('call', export, signature, args,
                                      [loaded(instruction, content[e:e + size], vector, lane)]))
    script.module(f'memory64_load{memory}', m)
    for verb, *rest in later:
        getattr(script, verb)(*rest)


def stores(script, memory):
    content, later = page(), []
    m = new_module(content, memory)
    operands = iter(values.vectors(14, 4000))
    model = bytearray(content)
    for instruction in [i for i in wasm.SIGNATURES if '.store' in i and 'atomic' not in i]:
        letter = wasm.SIGNATURES[instruction][1]
        size, by_lane = accessed(instruction), instruction.endswith('_lane')
        for lane in (0, 16 // size - 1) if by_lane else (None,):
            for offset in OFFSETS:
                export = f'{instruction}/{offset:x}' + (f'/lane{lane}' if by_lane else '')
                code = wasm.get(0) + wasm.get(1) + wasm.mem(instruction, offset, 0, lane, memory)
                m.func(f'I{letter}:', code, export=export)
                for a, fits in addresses(size, offset):
                    later.append((export, letter, a, offset, fits, size, lane))
    script.module(f'memory64_store{memory}', m)
    for export, letter, a, offset, fits, size, lane in later:
        if not fits:
            script.trap(export, f'I{letter}:', [a, 0], OUT_OF_BOUNDS)
            continue
        bits, e = mask(next(operands), numeric.WIDTH[letter]), a + offset
        part = simd.lanes(bits, 8 * size)[lane] if lane is not None else mask(bits, 8 * size)
        model[e:e + size] = part.to_bytes(size, 'little')
        script.call(export, f'I{letter}:', [a, bits], [])
        at = min(e, PAGE - 16)
        script.call('peek', 'I:V', [at], [int.from_bytes(model[at:at + 16], 'little')])


def atomics(script, memory):
    m, later = new_module(page(), memory), []
    for instruction in [i for i in wasm.SIGNATURES if 'atomic' in i and 'fence' not in i and 'memory' not in i]:
        params, result = wasm.SIGNATURES[instruction].split(':')
        signature = 'I' + params[1:] + ':' + result
        size = cases_atomic.accessed(instruction)
        for offset in OFFSETS:
            export = f'{instruction}/{offset:x}'
            m.func(signature, gets(signature) + wasm.mem(instruction, offset, size.bit_length() - 1, None, memory),
                   export=export)
            for a, fits in addresses(size, offset):
                if not fits and (a + offset) % size == 0:
                    later.append((export, signature, [a] + [0] * (len(params) - 1), OUT_OF_BOUNDS))
    script.module(f'memory64_atomic{memory}', m)
    for check in later:
        script.trap(*check)


def sums(script):
    """Indices that the program adds up: what was compared with the limit serves for others near it."""
    content = page()
    m = new_module(content, 0)
    cases = {'up': (0, 8), 'down': (8, 0), 'far': (0, (1 << 32) - 1), 'farther': (0, 1 << 32), 'wraps': (0, TWO64 - 8),
             'up64': (1 << 32, (1 << 32) + 8)}
    for name, (first, second) in cases.items():
        code = b''.join(wasm.get(0) + wasm.i64(c) + wasm.op('i64.add') + wasm.mem('i64.load8_u') for c in (first, second))
        m.func('I:I', code + wasm.op('i64.add'), export=name)
    script.module('memory64_sums', m)
    for name, pair in cases.items():
        for a in (DATA, DATA + 8, PAGE - 9, PAGE - 8, PAGE - 1, PAGE, 0, 7, 8, mask(-8, 64), mask(-1, 64), 1 << 32, LIMIT,
                  LIMIT - 8, LIMIT + 1, mask(-(1 << 32), 64), 1 << 63, mask(-(1 << 32) - 8, 64)):
            effective = [mask(a + c, 64) for c in pair]
            if max(effective) < PAGE:
                script.call(name, 'I:I', [a], [sum(content[e] for e in effective)])
            else:
                script.trap(name, 'I:I', [a], OUT_OF_BOUNDS)


def walks(script):
    """Loops over an array: what they read, and that a walk out of the memory traps, wherever it begins and however long
    its steps are."""
    content = page()
    steps = (8, -8, 1, PAGE, -PAGE, 1 << 33, 3 << 40, 1 << 62)
    m = new_module(content, 0)
    for step in steps:
        step_code = wasm.get(0) + wasm.i64(step) + wasm.op('i64.add') + wasm.set_(0)
        count = wasm.get(1) + wasm.i64(-1) + wasm.op('i64.add') + wasm.op('local.tee', 1)
        test = wasm.i64(0) + wasm.op('i64.ne') + wasm.op('br_if', 0) + wasm.op('end')
        read = wasm.get(2) + wasm.get(0) + wasm.mem('i64.load8_u', 5) + wasm.op('i64.add') + wasm.set_(2)
        m.func('II:I', wasm.op('loop', b'\x40') + read + step_code + count + test + wasm.get(2), 'I', export=f'sum{step}')
        write = wasm.get(0) + wasm.get(1) + wasm.mem('i64.store8', 5)
        m.func('II:', wasm.op('loop', b'\x40') + write + step_code + count + test, export=f'fill{step}')
        # The address is a sum of an array's and a multiple of a counter.
        at = wasm.get(0) + wasm.get(2) + wasm.i64(step) + wasm.op('i64.mul') + wasm.op('i64.add')
        up = wasm.get(2) + wasm.i64(1) + wasm.op('i64.add') + wasm.op('local.tee', 2)
        m.func('II:I', wasm.op('loop', b'\x40') + wasm.get(3) + at + wasm.mem('i64.load8_u', 5) + wasm.op('i64.add')
               + wasm.set_(3) + up + wasm.get(1) + wasm.op('i64.lt_u') + wasm.op('br_if', 0) + wasm.op('end')
               + wasm.get(3), 'II', export=f'index{step}')
    m.func('II:', wasm.get(0) + wasm.get(1) + wasm.mem('i64.store8'), export='poke')
    script.module('memory64_walks', m)
    starts = (0, DATA, PAGE - 200, PAGE - 6, PAGE - 5, PAGE, 1 << 32, LIMIT - 8, LIMIT, LIMIT + 1, 1 << 46, 1 << 63,
              mask(-6, 64), mask(-5, 64), mask(-64, 64))
    model = bytearray(content)
    for step in steps:
        for start in starts:
            for n in (1, 2, 7, 100):
                walk = [mask(start + i * step, 64) + 5 for i in range(n)]
                if max(walk) < PAGE:
                    total = [sum(model[a] for a in walk)]
                    script.call(f'sum{step}', 'II:I', [start, n], total)
                    script.call(f'index{step}', 'II:I', [start, n], total)
                    script.call(f'fill{step}', 'II:', [start, n], [])
                    for i, a in enumerate(walk):
                        model[a] = mask(n - i, 8)
                else:
                    script.trap(f'sum{step}', 'II:I', [start, n], OUT_OF_BOUNDS)
                    script.trap(f'index{step}', 'II:I', [start, n], OUT_OF_BOUNDS)
                    script.trap(f'fill{step}', 'II:', [start, n], OUT_OF_BOUNDS)
                    # Of what a vectorized loop stores before it traps, a vector may be missing.
                    for a in walk[:next(i for i, a in enumerate(walk) if a >= PAGE)]:
                        script.call('poke', 'II:', [a, 0x5A], [])
                        model[a] = 0x5A
                at = min(max(0, start), PAGE - 16) if start < PAGE else 0
                script.call('peek', 'I:V', [at], [int.from_bytes(model[at:at + 16], 'little')])
            # More iterations than there are addresses, and more than the code without comparisons is made for.
            for n in ((1 << 32) - 1, 1 << 32, (1 << 32) + 1, 1 << 40, (1 << 40) + 2, 1 << 62, 0):
                script.trap(f'sum{step}', 'II:I', [start, n], OUT_OF_BOUNDS)
                if n:
                    script.trap(f'index{step}', 'II:I', [start, n], OUT_OF_BOUNDS)


def gathers(script):
    """x[column[i]]: the array's address alone is compared, before the loop."""
    content, columns = page(), 40960
    m = new_module(content, 0)
    m.func('II:', wasm.get(0) + wasm.get(1) + wasm.mem('i64.store32'), export='poke')
    for width, extend in (('s', 'i64.extend_i32_s'), ('u', 'i64.extend_i32_u')):
        # for (i = from; i < to; i++) sum += x[column[i]], i an i32
        column = (wasm.i64(columns) + wasm.get(1) + wasm.op('i64.extend_i32_s') + wasm.i64(2) + wasm.op('i64.shl')
                  + wasm.op('i64.add') + wasm.mem('i32.load'))
        x = (wasm.get(0) + column + wasm.op(extend) + wasm.i64(3) + wasm.op('i64.shl') + wasm.op('i64.add')
             + wasm.mem('i64.load8_u'))
        m.func('Iii:I', wasm.op('loop', b'\x40') + wasm.get(3) + x + wasm.op('i64.add') + wasm.set_(3)
               + wasm.get(1) + wasm.i32(1) + wasm.op('i32.add') + wasm.op('local.tee', 1) + wasm.get(2)
               + wasm.op('i32.lt_s') + wasm.op('br_if', 0) + wasm.op('end') + wasm.get(3), 'I', export='gather_' + width)
    script.module('memory64_gathers', m)
    sets = ([0, 1, 2, 3, 5, 8, 13, 21, 34, 55], [0, 1, -1, 2], [3, 1 << 31], [3, (1 << 31) - 1], [-1, -1, -1], [7, 8191, 8190],
            [7, 8192], [mask(-(1 << 31), 32)] * 3)
    for values_ in sets:
        for i, c in enumerate(values_):
            script.call('poke', 'II:', [columns + 4 * i, mask(c, 64)], [])
        for x in (0, 8, 16, DATA, PAGE - 8, PAGE, 1 << 34, (1 << 34) + 8, LIMIT, LIMIT + 1, 1 << 46, 1 << 63,
                  mask(-8, 64), mask(-56, 64), mask(-(1 << 34), 64), mask(-(1 << 35) + 8, 64)):
            for width in 'su':
                index = [numeric.signed(mask(c, 32), 32) if width == 's' else mask(c, 32) for c in values_]
                at = [mask(x + 8 * c, 64) for c in index]
                args = [x, 0, len(values_)]
                known = dict(enumerate(content))
                for i, c in enumerate(values_):
                    known.update(enumerate(mask(c, 32).to_bytes(4, 'little'), columns + 4 * i))
                if max(at) < PAGE:
                    script.call('gather_' + width, 'Iii:I', args, [sum(known[a] for a in at)])
                else:
                    script.trap('gather_' + width, 'Iii:I', args, OUT_OF_BOUNDS)
    # Bounds of the loop that are no indices of the array of columns.
    for low, high in ((-(1 << 31), 0), (-10241, 5), (1 << 30, (1 << 30) + 1), ((1 << 31) - 2, (1 << 31) - 1)):
        for width in 'su':
            script.trap('gather_' + width, 'Iii:I', [0, mask(low, 32), mask(high, 32)], OUT_OF_BOUNDS)


def bulk(script):
    m = wasm.Module()
    m.memory(1, 1)
    m.memory(1, MAX_PAGES, is64=True)
    m.data_active(wasm.i32(100), bytes(range(1, 101)))
    m.data_active(wasm.i64(200), bytes(range(101, 201)), 1)
    m.data_passive(bytes(range(50)))
    three = wasm.get(0) + wasm.get(1) + wasm.get(2)
    m.func('Iii:', three + wasm.op('memory.init', 2, 1), export='init')
    m.func('IiI:', three + wasm.op('memory.fill', 1), export='fill')
    m.func('III:', three + wasm.op('memory.copy', 1, 1), export='copy')
    m.func('Iii:', three + wasm.op('memory.copy', 1, 0), export='copy64from32')
    m.func('iIi:', three + wasm.op('memory.copy', 0, 1), export='copy32from64')
    m.func('I:I', wasm.get(0) + wasm.mem('i64.load', memory=1), export='peek64')
    m.func('i:I', wasm.get(0) + wasm.mem('i64.load'), export='peek32')
    m.func(':I', wasm.op('memory.size', 1), export='size')
    m.func('I:I', wasm.get(0) + wasm.op('memory.grow', 1), export='grow')
    script.module('memory64_bulk', m)

    def peek(export, letter, at, content):
        script.call(export, f'{letter}:I', [at], [int.from_bytes(bytes(content), 'little')])

    script.call('init', 'Iii:', [PAGE - 8, 10, 8], [])
    peek('peek64', 'I', PAGE - 8, range(10, 18))
    for args in ([PAGE - 8, 10, 9], [PAGE - 8, 43, 8], [1 << 32, 0, 1], [TWO64 - 1, 0, 2], [0, 0xFFFFFFFF, 2], [PAGE + 1, 0, 0]):
        script.trap('init', 'Iii:', args, OUT_OF_BOUNDS)
    script.call('fill', 'IiI:', [1000, 0x1AB, 8], [])
    peek('peek64', 'I', 1000, [0xAB] * 8)
    for args in ([1000, 1, PAGE - 999], [0, 1, 1 << 32], [1 << 32, 1, 0], [1, 1, TWO64 - 1], [TWO64 - 1, 1, 1],
                 [TWO64 - 1, 1, 2], [1 << 63, 1, 1 << 63]):
        script.trap('fill', 'IiI:', args, OUT_OF_BOUNDS)
    script.call('copy', 'III:', [204, 200, 20], [])
    peek('peek64', 'I', 204, range(101, 109))
    for args in ([0, 1, PAGE], [1, 0, PAGE], [1 << 32, 0, 0], [0, 1 << 32, 0], [1, 0, TWO64 - 1], [0, 1, TWO64 - 1],
                 [TWO64 - 8, 0, 8], [0, TWO64 - 8, 8], [TWO64 - 8, 0, 16], [0, TWO64 - 8, 16]):
        script.trap('copy', 'III:', args, OUT_OF_BOUNDS)
    script.call('copy64from32', 'Iii:', [3000, 100, 8], [])
    peek('peek64', 'I', 3000, range(1, 9))
    script.call('copy32from64', 'iIi:', [4000, 3001, 7], [])
    peek('peek32', 'i', 4000, [*range(2, 9), 0])
    for args in ([1 << 32, 0, 1], [0, PAGE - 1, 2], [PAGE - 1, 0, 2], [0, 0, 0xFFFFFFFF], [TWO64 - 1, 0, 1]):
        script.trap('copy64from32', 'Iii:', args, OUT_OF_BOUNDS)
    for args in ([0, 1 << 32, 1], [0, PAGE - 1, 2], [PAGE - 1, 0, 2], [0, 0, 0xFFFFFFFF], [0, TWO64 - 1, 1]):
        script.trap('copy32from64', 'iIi:', args, OUT_OF_BOUNDS)
    script.call('size', ':I', [], [1])
    for n in (TWO64 - 1, 1 << 63, 1 << 48, MAX_PAGES):
        script.call('grow', 'I:I', [n], [TWO64 - 1])
    script.call('grow', 'I:I', [2], [1])
    script.call('size', ':I', [], [3])
    peek('peek64', 'I', 3 * PAGE - 8, [0] * 8)
    script.trap('peek64', 'I:I', [3 * PAGE - 7], OUT_OF_BOUNDS)


def tables(script):
    m = wasm.Module()
    m.memory(1)
    m.table('R', 4, 20, is64=True)
    m.table('r', 4, 20, is64=True)
    m.table('r', 4, 20)
    f = m.func(':I', wasm.i64(77))
    m.elem_active(wasm.i64(2), [f])
    m.elem_passive('r', [wasm.op('ref.null', b'\x6f')] * 3)
    three = wasm.get(0) + wasm.get(1) + wasm.get(2)
    m.func('I:I', wasm.get(0) + wasm.op('call_indirect', m.type(':I'), 0), export='call')
    m.func('I:r', wasm.get(0) + wasm.op('table.get', 1), export='get')
    m.func('Ir:', wasm.get(0) + wasm.get(1) + wasm.op('table.set', 1), export='set')
    m.func(':I', wasm.op('table.size', 1), export='size')
    m.func('rI:I', wasm.get(0) + wasm.get(1) + wasm.op('table.grow', 1), export='grow')
    m.func('IrI:', three + wasm.op('table.fill', 1), export='fill')
    m.func('III:', three + wasm.op('table.copy', 1, 1), export='copy')
    m.func('Iii:', three + wasm.op('table.copy', 1, 2), export='copy64from32')
    m.func('iIi:', three + wasm.op('table.copy', 2, 1), export='copy32from64')
    m.func('Iii:', three + wasm.op('table.init', 1, 1), export='init')
    script.module('table64', m)
    wrong = (4, 1 << 32, (1 << 32) + 2, 1 << 61, (1 << 61) + 2, 1 << 63, TWO64 - 1)
    script.call('call', 'I:I', [2], [77])
    script.trap('call', 'I:I', [3], 'uninitialized element')
    for i in wrong:
        script.trap('call', 'I:I', [i], UNDEFINED)
        script.trap('get', 'I:r', [i], TABLE_BOUNDS)
        script.trap('set', 'Ir:', [i, None], TABLE_BOUNDS)
        script.trap('fill', 'IrI:', [i, None, 1], TABLE_BOUNDS)
        script.trap('fill', 'IrI:', [1, None, i], TABLE_BOUNDS)
        script.trap('copy', 'III:', [i, 0, 1], TABLE_BOUNDS)
        script.trap('copy', 'III:', [0, i, 1], TABLE_BOUNDS)
        script.trap('copy', 'III:', [1, 1, i], TABLE_BOUNDS)
        script.trap('copy64from32', 'Iii:', [i, 0, 1], TABLE_BOUNDS)
        script.trap('copy32from64', 'iIi:', [0, i, 1], TABLE_BOUNDS)
        script.trap('init', 'Iii:', [i, 0, 1], TABLE_BOUNDS)
    script.call('set', 'Ir:', [3, 5], [])
    script.call('get', 'I:r', [3], [5])
    script.call('copy', 'III:', [0, 3, 1], [])
    script.call('get', 'I:r', [0], [5])
    script.call('copy32from64', 'iIi:', [1, 3, 1], [])
    script.call('copy64from32', 'Iii:', [2, 1, 1], [])
    script.call('get', 'I:r', [2], [5])
    script.call('init', 'Iii:', [1, 0, 3], [])
    script.call('get', 'I:r', [3], [None])
    for n in (17, 1 << 32, 1 << 61, TWO64 - 1):
        script.call('grow', 'rI:I', [None, n], [TWO64 - 1])
    script.call('grow', 'rI:I', [9, 2], [4])
    script.call('size', ':I', [], [6])
    script.call('get', 'I:r', [5], [9])
    script.call('fill', 'IrI:', [0, 8, 6], [])
    script.call('get', 'I:r', [0], [8])


def generate(script):
    for memory in (0, 1):
        loads(script, memory)
        stores(script, memory)
    atomics(script, 1)
    sums(script)
    walks(script)
    gathers(script)
    bulk(script)
    tables(script)
