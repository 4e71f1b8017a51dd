"""Atomic instructions (proposal "threads"), on private and on shared memories: values at all widths, alignment of the
sum of address and constant offset, both ends of memory. Threads that wait for one another are in tests/threads."""

import numeric
import values
import wasm
from cases_memory import DATA, OFFSETS, OUT_OF_BOUNDS, PAGE, page
from numeric import mask
from script import expected

UNALIGNED = 'unaligned atomic'
OPERATIONS = {
    'add': lambda old, x: old + x, 'sub': lambda old, x: old - x, 'and': lambda old, x: old & x,
    'or': lambda old, x: old | x, 'xor': lambda old, x: old ^ x, 'xchg': lambda old, x: x,
}


def accessed(instruction):
    """Bytes that an atomic access touches, from its name."""
    t, _, name = instruction.split('.', 2)
    digits = ''.join(c for c in name.replace('.', '_').split('_')[0] if c.isdigit())
    return int(digits or t[1:]) // 8


def memory_atomic(m, export, instruction, offset):
    """export(in, out): the operands come from in, a result goes to out."""
    params, result = wasm.SIGNATURES[instruction].split(':')
    natural = accessed(instruction).bit_length() - 1
    operands = b''.join(wasm.get(0) + wasm.mem(wasm.LOAD[letter], 16 * i) for i, letter in enumerate(params))
    code = operands + wasm.mem(instruction, offset, natural)
    m.func('ii:', wasm.get(1) + code + wasm.mem(wasm.STORE[result]) if result else code, export=export)


def outcome(address, offset, size):
    """The trap of an access, or None."""
    effective = address + offset
    return UNALIGNED if effective % size else OUT_OF_BOUNDS if effective + size > PAGE else None


def addresses(size, offset):
    effective = [DATA + i for i in range(9)] + [PAGE - size, PAGE - size - 1, PAGE - size + 1, PAGE - 8, PAGE, PAGE + 1]
    return [e - offset for e in effective if 0 <= e - offset < 1 << 32] + [0xFFFFFFFF, (1 << 32) - size, 0x80000000]


def apply(instruction, old, operands, size):
    """What is in memory afterwards, and the result."""
    name = instruction.split('.')
    if name[-1].startswith('load'):
        return old, old
    if name[-1].startswith('store'):
        return operands[0], None
    action = name[-1].split('_')[0]
    if action == 'cmpxchg':
        return operands[1] if mask(operands[0], 8 * size) == old else old, old
    return OPERATIONS[action](old, operands[0]), old


def accesses(script, shared):
    content = page()
    kind = 'shared' if shared else 'private'
    for group in ('load', 'store', 'add', 'sub', 'and', 'or', 'xor', 'xchg', 'cmpxchg'):
        m = wasm.Module()
        m.memory(1, 3, export='memory', shared=shared)
        m.data_active(wasm.i32(DATA), bytes(content[DATA:DATA + 256]))
        m.data_active(wasm.i32(PAGE - 64), bytes(content[PAGE - 64:]))
        model, later = bytearray(content), []
        for instruction in wasm.SIGNATURES:
            action = instruction.split('.')[-1].split('_')[0].rstrip('0123456789')
            if '.atomic.' in instruction and action == group:
                access(m, later, instruction)
                script.covers(instruction)
        script.module(f'atomic_{group}_{kind}', m)
        for check in later:
            check(script, model)


def access(m, later, instruction):
    params, result = wasm.SIGNATURES[instruction].split(':')
    size = accessed(instruction)
    source = iter(values.vectors(14, 4000))

    def check(export, address, offset, operands, matching):
        def run(script, model):
            trap, e = outcome(address, offset, size), address + offset
            args = list(operands)
            if trap is None and matching:  # a cmpxchg that finds what it expects, in the bits that it looks at
                old = int.from_bytes(model[e:e + size], 'little')
                args[0] = old | args[0] >> 8 * size << 8 * size
            args_of_run = [('i', address), *zip(params[1:], args)]
            if trap:
                script.run_trap(export, args_of_run, trap)
                script.memory(PAGE - 24, bytes(model[PAGE - 24:]))
                return
            old = int.from_bytes(model[e:e + size], 'little')
            new, value = apply(instruction, old, args, size)
            model[e:e + size] = mask(new, 8 * size).to_bytes(size, 'little')
            script.run(export, args_of_run, expected(result, value) if result else 'x')
            script.memory(e - 8, bytes(model[e - 8:e + size + 8]))
        return run

    for offset in OFFSETS:
        export = f'{instruction}/{offset:x}'
        memory_atomic(m, export, instruction, offset)
        for a in addresses(size, offset):
            for matching in (False, True) if 'cmpxchg' in instruction else (False,):
                operands = [mask(next(source), numeric.WIDTH[letter]) for letter in params[1:]]
                later.append(check(export, a, offset, operands, matching))


def waiting(script):
    """Nobody notifies here: what does not wait, or not for long."""
    for shared in (False, True):
        m = wasm.Module()
        m.memory(1, 1, export='memory', shared=shared)
        m.data_active(wasm.i32(DATA), bytes(range(1, 17)))
        for offset in (0, 4, 3, PAGE, (1 << 32) - 8):
            m.func('ii:i', wasm.get(0) + wasm.get(1) + wasm.mem('memory.atomic.notify', offset, 2),
                   export=f'notify/{offset}')
            for n, letter in ((32, 'i'), (64, 'I')):
                m.func(f'i{letter}I:i', wasm.get(0) + wasm.get(1) + wasm.get(2)
                       + wasm.mem(f'memory.atomic.wait{n}', offset, 2 if n == 32 else 3), export=f'wait{n}/{offset}')
        m.func(':i', wasm.i32(1) + wasm.op('atomic.fence', 0), export='fence')
        script.module('atomic_wait_' + ('shared' if shared else 'private'), m)
        script.call('fence', ':i', [], [1])
        for offset in (0, 4, 3, PAGE, (1 << 32) - 8):
            for a in (DATA, DATA + 4, DATA + 1, DATA + 2, PAGE - 4, PAGE - 8, PAGE, 8, 1, (1 << 32) - 8, (1 << 32) - 4):
                trap = outcome(a, offset, 4)
                for count in (0, 1, 0xFFFFFFFF):
                    if trap:
                        script.trap(f'notify/{offset}', 'ii:i', [a, count], trap)
                    else:
                        script.call(f'notify/{offset}', 'ii:i', [a, count], [0])
                for n, letter in ((4, 'i'), (8, 'I')):
                    wait(script, f'wait{8 * n}/{offset}', f'i{letter}I:i', a, offset, n, shared)
    script.covers('memory.atomic.notify', 'memory.atomic.wait32', 'memory.atomic.wait64', 'atomic.fence')


def wait(script, export, signature, address, offset, size, shared):
    e = address + offset
    trap = outcome(address, offset, size)
    if trap != UNALIGNED and not shared:
        trap = 'expected shared memory'
    content = bytes(DATA) + bytes(range(1, 17)) + bytes(PAGE)
    value = int.from_bytes(content[e:e + size], 'little')
    never = (1 << 64) - 1  # the timeout -1
    for expect, timeout, result in ((value, 0, 2), (value, 1000, 2), (value ^ 1, never, 1), (value ^ 1 << 31, 0, 1)):
        if trap:
            script.trap(export, signature, [address, expect, timeout], trap)
        else:
            script.call(export, signature, [address, expect, timeout], [result])


def generate(script):
    for shared in (False, True):
        accesses(script, shared)
    waiting(script)
