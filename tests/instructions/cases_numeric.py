"""Scalar numeric instructions (specification 2.4.1): each with operands that the compiler cannot know, with
constants, and with one constant operand, which all take different paths through LLVM."""

import numeric
import values
import wasm
from numeric import FORMAT, Trap
from script import OUT, expected

NCONST = 96   # cases in which all operands are constants
NRIGHT = 10   # constant right operands


def instructions():
    return [i for i in wasm.SIGNATURES
            if wasm.OPCODES[i][0] not in (0xFD, 0xFE) and '.load' not in i and '.store' not in i]


def operands(instruction):
    name = instruction.split('.')[1]
    params = wasm.SIGNATURES[instruction].split(':')[0]
    if len(params) == 2:
        left = right = values.of_letter(params[0])
        return [(a, b) for b in right for a in left]
    if name.startswith('trunc_'):
        return [(a,) for a in values.for_truncation(FORMAT[params])]
    if name.startswith('convert'):
        return [(a,) for a in values.for_conversion(numeric.WIDTH[params])]
    if name.startswith('demote'):
        return [(a,) for a in values.for_demotion()]
    if params in 'fF':
        return [(a,) for a in values.for_rounding(FORMAT[params])]
    return [(a,) for a in values.integers(numeric.WIDTH[params]) + [1 << i for i in range(numeric.WIDTH[params])]]


def outcome(compute, args):
    try:
        return compute(*args), None
    except Trap as trap:
        return None, str(trap)


def spread(items, count):
    """About `count` of the items, from all parts of the list."""
    return items if len(items) <= count else [items[i * len(items) // count] for i in range(count)]


def from_memory(m, export, params, result, code):
    """export(in, out): the operands come from in, the result goes to out."""
    body = wasm.get(1)
    for i, letter in enumerate(params):
        body += wasm.get(0) + wasm.mem(wasm.LOAD[letter], 16 * i)
    m.func('ii:', body + code + wasm.mem(wasm.STORE[result]), export=export)


def with_constants(m, export, cases, params, result, code):
    """export(in, out): results of all cases, one after the other."""
    body, size = b'', numeric.WIDTH[result] // 8
    for k, args in enumerate(cases):
        body += wasm.get(1) + b''.join(wasm.const(l, a) for l, a in zip(params, args))
        body += code + wasm.mem(wasm.STORE[result], k * size)
    m.func('ii:', body, export=export)


def emit(script, m, later, instruction):
    """Adds the functions of one instruction to `m`, and to `later` what calls them."""
    params, result = wasm.SIGNATURES[instruction].split(':')
    compute, code = numeric.scalar(instruction), wasm.op(instruction)
    cases = operands(instruction)
    from_memory(m, instruction, params, result, code)
    good, trapping = [], []
    for args in cases:
        value, trap = outcome(compute, args)
        typed = list(zip(params, args))
        if trap:
            trapping.append((args, trap))
            later.append(lambda t=typed, trap=trap: script.run_trap(instruction, t, trap))
        else:
            good.append((args, value))
            later.append(lambda t=typed, v=value: script.run(instruction, t, expected(result, v)))

    few = spread(good, NCONST)
    with_constants(m, instruction + '/const', [args for args, _ in few], params, result, code)
    pattern = ','.join(expected(result, v) for _, v in few)
    later.append(lambda: script.run(instruction + '/const', [], pattern))
    for k, (args, trap) in enumerate(spread(trapping, 6)):
        with_constants(m, f'{instruction}/trap{k}', [args], params, result, code)
        later.append(lambda k=k, trap=trap: script.run_trap(f'{instruction}/trap{k}', [], trap))

    if len(params) == 2:
        for k, right in enumerate(spread(list(dict.fromkeys(b for _, b in cases)), NRIGHT)):
            export = f'{instruction}/right{k}'
            from_memory(m, export, params[0], result, wasm.const(params[1], right) + code)
            for left in spread([a for a, b in cases if b == right], 12):
                value, trap = outcome(compute, (left, right))
                typed = [(params[0], left)]
                if trap:
                    later.append(lambda e=export, t=typed, trap=trap: script.run_trap(e, t, trap))
                else:
                    later.append(lambda e=export, t=typed, v=value: script.run(e, t, expected(result, v)))
    script.covers(instruction)


def constants(script):
    """t.const: bits arrive as they are, NaN payloads included."""
    m, checks = wasm.Module(), []
    m.memory(1, export='memory')
    for letter, instruction in (('i', 'i32.const'), ('I', 'i64.const'), ('f', 'f32.const'), ('F', 'f64.const')):
        bits = values.of_letter(letter)
        with_constants(m, instruction, [(b,) for b in bits], letter, letter, b'')
        checks.append((instruction, ','.join(expected(letter, b) for b in bits)))
        script.covers(instruction)
    script.module('constants', m)
    for instruction, pattern in checks:
        script.run(instruction, [], pattern)


def generate(script):
    constants(script)
    groups = {}
    for i in instructions():
        groups.setdefault(i.split('.')[0], []).append(i)
    for group, members in groups.items():
        m, later = wasm.Module(), []
        m.memory(1, export='memory')
        for i in members:
            emit(script, m, later, i)
        script.module('numeric_' + group, m)
        for check in later:
            check()
    assert NCONST * 8 + OUT < 65536
