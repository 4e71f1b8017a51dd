"""Vector instructions that do not touch memory (specification 2.4.3)."""

import random

import numeric
import simd
import values
import wasm
from cases_numeric import from_memory, spread, with_constants
from numeric import FORMAT
from script import expected

NCONST = 32


def instructions():
    return [i for i, s in wasm.SIGNATURES.items() if wasm.OPCODES[i][0] == 0xFD and s != ':V'
            and not i.startswith(('v128.load', 'v128.store')) and '.relaxed_' not in i]


def shuffles():
    source = random.Random(7)
    return [list(range(16)), list(range(16, 32)), list(range(15, -1, -1)), [0] * 16, [31] * 16,
            [x for i in range(8) for x in (i, 16 + i)], [x for i in range(8, 16) for x in (i, 16 + i)],
            list(range(5, 21)), [i if i % 2 else 16 + i for i in range(16)],
            [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11], [8, 9, 10, 11, 12, 13, 14, 15] * 2,
            [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30]] + [
            [source.randrange(32) for _ in range(16)] for _ in range(6)]


def variants(instruction):
    """The immediates to test an instruction with."""
    if instruction == 'i8x16.shuffle':
        return shuffles()
    if 'extract_lane' in instruction or 'replace_lane' in instruction:
        count = int(simd.SHAPE.match(instruction).group(3))
        return [[lane] for lane in range(count)]
    return [[]]


def pack(items, width):
    """Vectors whose lanes are the items, in order; the last one is filled up from the beginning."""
    count = 128 // width
    items = items + items[:-len(items) % count]
    return [simd.join(items[i:i + count], width) for i in range(0, len(items), count)]


def lane_values(instruction):
    """Kind and width of the operands' lanes, and edges for them."""
    shape, name = instruction.split('.')
    inner = simd.SHAPE.search(name)
    match = inner or simd.SHAPE.match(shape)
    if not match:
        return 'i', 64, values.integers(64)
    kind, width = match.group(1), int(match.group(2))
    if kind == 'i':
        return kind, width, values.for_conversion(width) if name.startswith('convert') else values.integers(width)
    f = FORMAT[width]
    if name.startswith('trunc_sat'):
        return kind, width, values.for_truncation(f)
    if name.startswith('demote'):
        return kind, width, values.for_demotion()
    if name in ('ceil', 'floor', 'trunc', 'nearest'):
        return kind, width, values.for_rounding(f)
    return kind, width, values.floats(f)


def operands(instruction):
    shape, name = instruction.split('.')
    params = wasm.SIGNATURES[instruction].split(':')[0]
    kind, width, edges = lane_values(instruction)
    if params == 'V':
        special = [0, (1 << 128) - 1, 1, 1 << 127, simd.join([1] * (128 // width), width),
                   simd.join([1] * (128 // width - 1) + [0], width)] if kind == 'i' else []
        # Shifted by one lane too, so that each value meets both halves of the vector.
        return [(v,) for v in special + pack(edges, width) + pack(edges[1:] + edges[:1], width)
                + pack(edges[128 // width // 2:], width) + (values.vectors(1, 8) if kind == 'i' else [])]
    if params == 'VV' and name == 'swizzle':
        indices = [simd.join(list(range(16)), 8), simd.join(list(range(15, -1, -1)), 8),
                   simd.join([0, 15, 16, 17, 31, 32, 127, 128, 143, 144, 240, 255, 3, 129, 18, 1], 8), 0,
                   (1 << 128) - 1, simd.join([16] * 16, 8)] + values.vectors(3, 8)
        indices += [v & int('0F' * 16, 16) for v in values.vectors(4, 4)]
        return [(v, i) for v in values.vectors(2, 3) for i in indices]
    if params in ('VV', 'VVV') and kind == 'f':
        pairs = [(a, b) for b in edges for a in edges]
        return list(zip(pack([a for a, _ in pairs], width), pack([b for _, b in pairs], width)))
    if params in ('VV', 'VVV'):
        pairs = [(a, b) for b in edges for a in edges]
        some = list(zip(pack([a for a, _ in pairs], width), pack([b for _, b in pairs], width)))
        some += list(zip(values.vectors(5, 12), values.vectors(6, 12)))
        return some if params == 'VV' else [(a, b, c) for (a, b), c in
                                            zip(some, values.vectors(8, len(some) - 2) + [0, (1 << 128) - 1])]
    if params == 'Vi':
        scalars = values.integers(32) if 'replace' in name else \
            [0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 0x80000000, 0xFFFFFFFF]
        vectors = pack(edges, width) + values.vectors(9, 3)
        return [(v, s) for v in vectors for s in scalars]
    scalars = values.of_letter(params[-1])
    return [(v, s) for v in values.vectors(9, 2) for s in scalars] if len(params) == 2 else [(s,) for s in scalars]


def emit(script, m, later, instruction, compute_of=simd.compute, given=None):
    """`given`: operands, instead of those that this file has for the instruction."""
    params, result = wasm.SIGNATURES[instruction].split(':')
    for number, immediates in enumerate(variants(instruction)):
        compute = compute_of(instruction, immediates)
        code = wasm.op(instruction, bytes(immediates))
        export = instruction + (f'/{number}' if immediates else '')
        cases = given or operands(instruction)
        if immediates:
            cases = spread(cases, 24)
        done = [(args, compute(*args)) for args in cases]
        from_memory(m, export, params, result, code)
        for args, value in done:
            later.append(lambda e=export, t=list(zip(params, args)), v=value: script.run(e, t, expected(result, v)))
        few = spread(done, NCONST // (4 if immediates else 1))
        with_constants(m, export + '/const', [args for args, _ in few], params, result, code)
        pattern = ','.join(expected(result, v) for _, v in few)
        later.append(lambda e=export, p=pattern: script.run(e + '/const', [], p))
        if len(params) == 2 and not immediates:
            for k, right in enumerate(spread(list(dict.fromkeys(args[1] for args, _ in done)), 8)):
                from_memory(m, f'{export}/right{k}', params[0], result, wasm.const(params[1], right) + code)
                for left in spread(list(dict.fromkeys(args[0] for args, _ in done)), 6):
                    later.append(lambda k=k, a=left, v=compute(left, right): script.run(
                        f'{instruction}/right{k}', [(params[0], a)], expected(result, v)))
    script.covers(instruction)


def generate(script):
    groups = {}
    for i in instructions():
        groups.setdefault(i.split('.')[0], []).append(i)
    for group, members in groups.items():
        m, later = wasm.Module(), []
        m.memory(1, export='memory')
        if group == 'v128':
            bits = values.vectors(10, 8) + [0, (1 << 128) - 1]
            with_constants(m, 'v128.const', [(b,) for b in bits], 'V', 'V', b'')
            later.append(lambda: script.run('v128.const', [], ','.join(expected('V', b) for b in bits)))
            script.covers('v128.const')
        for i in members:
            emit(script, m, later, i)
        script.module('simd_' + group, m)
        for check in later:
            check()
    calls(script)


def calls(script):
    """v128 as parameter, result, local, global and block result, mixed with other types."""
    m = wasm.Module()
    m.memory(1, export='memory')
    m.func('iVFV:VVf', wasm.get(3) + wasm.get(1) + wasm.get(2) + wasm.op('f32.demote_f64'), export='swap')
    swap = 0
    m.func('V:V', wasm.i32(1) + wasm.get(0) + wasm.const('F', 0x3FF0000000000000) + wasm.get(0)
           + wasm.op('v128.not') + wasm.op('call', swap) + wasm.op('drop') + wasm.op('i32x4.sub'), export='call')
    g = m.global_('V', wasm.const('V', 5), mutable=True)
    m.func('V:V', wasm.op('global.get', g) + wasm.get(0) + wasm.op('global.set', g), export='exchange')
    m.func('Vi:V', wasm.get(1) + wasm.op('if', bytes([wasm.V128])) + wasm.get(0) + wasm.op('else') + wasm.get(2)
           + wasm.op('end'), locals_='V', export='choose')
    m.func('VVi:V', wasm.get(0) + wasm.get(1) + wasm.get(2) + wasm.op('select'), export='select')
    m.func('VVi:V', wasm.get(0) + wasm.get(1) + wasm.get(2) + wasm.op('select_t', b'\1' + bytes([wasm.V128])),
           export='select_t')

    def through_memory(function, export, signature):
        """Node cannot pass vectors, so they go through memory there and here."""
        params, results = signature.split(':')
        body = b''
        for i, letter in enumerate(params):
            body += wasm.get(0) + wasm.mem(wasm.LOAD[letter], 16 * i)
        body += wasm.op('call', function)
        for i in reversed(range(len(results))):
            body += wasm.set_(2 + i)
        for i, letter in enumerate(results):
            body += wasm.get(1) + wasm.get(2 + i) + wasm.mem(wasm.STORE[letter], 16 * i)
        m.func('ii:', body, results, export='via_' + export)

    for function, (export, signature) in enumerate((
            ('swap', 'iVFV:VVf'), ('call', 'V:V'), ('exchange', 'V:V'), ('choose', 'Vi:V'), ('select', 'VVi:V'),
            ('select_t', 'VVi:V'))):
        through_memory(function, export, signature)
    script.module('simd_calls', m)
    a, b = values.vectors(11, 2)
    one = numeric.F64.round(1)
    script.run('via_swap', [('i', 3), ('V', a), ('F', one), ('V', b)],
               ','.join((expected('V', b), expected('V', a), expected('f', numeric.F32.round(1)))))
    script.run('via_call', [('V', a)], expected('V', simd.compute('i32x4.sub')(~a & (1 << 128) - 1, a)))
    script.run('via_exchange', [('V', a)], expected('V', 5))
    script.run('via_exchange', [('V', b)], expected('V', a))
    script.run('via_exchange', [('V', a)], expected('V', b))
    script.run('via_choose', [('V', a), ('i', 1)], expected('V', a))
    script.run('via_choose', [('V', a), ('i', 0)], expected('V', 0))
    script.call('swap', 'iVFV:VVf', (3, a, one, b), (b, a, numeric.F32.round(1)))
    script.call('exchange', 'V:V', (b,), (a,))
    script.call('choose', 'Vi:V', (b, 1), (b,))
    for select in ('via_select', 'via_select_t'):
        script.run(select, [('V', a), ('V', b), ('i', 0x100)], expected('V', a))
        script.run(select, [('V', a), ('V', b), ('i', 0)], expected('V', b))
