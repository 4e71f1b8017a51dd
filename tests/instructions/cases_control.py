"""Control, parametric, variable, reference and table instructions (specification 2.4.4 to 2.4.8)."""

import wasm
from numeric import F32, F64
from wasm import get, i32, i64, op, set_

M1 = 0xFFFFFFFF  # i32 -1
I32_RESULT = bytes([wasm.I32])
EMPTY = bytes([wasm.EMPTY])


def block_type(m, signature):
    """A block type that is a type index (signed LEB128)."""
    return wasm.sleb(m.type(signature))


def control(script):
    m, calls = wasm.Module(), []
    m.memory(1, export='memory')

    def test(name, signature, body, cases, locals_='', covers=()):
        m.func(signature, body, locals_, name)
        for args, results in cases:
            calls.append((name, signature, args, results))
        script.covers(*covers)

    test('unreachable', ':', op('unreachable'), [((), 'unreachable')], covers=['unreachable'])
    test('unreachable_if', 'i:i', get(0) + op('if', EMPTY) + op('unreachable') + op('end') + i32(3),
         [((0,), (3,)), ((1,), 'unreachable')])
    # What follows an unreachable instruction is typed but never runs.
    test('dead', ':i', i32(9) + op('return') + op('drop') + op('f32.add') + op('drop') + op('i64.load', 0, 0)
         + op('block', EMPTY) + op('br', 0) + op('end') + op('unreachable'), [((), (9,))])
    test('nop', 'i:i', op('nop') + get(0) + op('nop') + i32(1) + op('nop') + op('i32.add'), [((41,), (42,))],
         covers=['nop'])
    test('block', ':i', op('block', I32_RESULT) + op('block', EMPTY) + op('end') + i32(5) + op('end'), [((), (5,))],
         covers=['block', 'end'])
    test('block_br', 'i:i', op('block', I32_RESULT) + i32(1) + get(0) + op('br_if', 0) + op('drop') + i32(2)
         + op('end'), [((0,), (2,)), ((5,), (1,)), ((0x80000000,), (1,))], covers=['br_if'])
    # br past several blocks takes the innermost values and drops what lies below.
    test('br', 'i:i', op('block', I32_RESULT) + i32(10) + op('block', EMPTY) + i32(20) + i32(30) + get(0) + op('br', 1)
         + op('end') + op('end') + i32(1) + op('i32.add'), [((6,), (7,))], covers=['br'])
    # Two values through a block's parameters and results.
    test('block_values', 'ii:ii', get(0) + get(1) + op('block', block_type(m, 'ii:ii')) + set_(2) + set_(3) + get(2)
         + get(3) + op('end'), [((1, 2), (2, 1))], 'ii')
    test('loop', 'i:i', op('loop', EMPTY) + get(0) + op('if', EMPTY) + get(1) + get(0) + op('i32.add') + set_(1)
         + get(0) + i32(1) + op('i32.sub') + set_(0) + op('br', 1) + op('end') + op('end') + get(1),
         [((0,), (0,)), ((1,), (1,)), ((100,), (5050,))], 'i', ['loop'])
    # A loop whose parameters are its state: Fibonacci numbers.
    test('loop_values', 'i:I', i64(0) + i64(1) + op('loop', block_type(m, 'II:II')) + set_(1) + set_(2) + get(1)
         + get(1) + get(2) + op('i64.add') + get(0) + i32(1) + op('i32.sub') + op('local.tee', 0) + op('br_if', 0)
         + op('end') + op('drop'), [((1,), (1,)), ((10,), (55,)), ((90,), (2880067194370816120,))], 'II')
    # Locals that are swapped by the loop: parallel, not sequential, assignment at its head.
    test('loop_swap', 'iii:i', op('loop', EMPTY) + get(1) + get(2) + set_(1) + set_(2) + get(0) + i32(1)
         + op('i32.sub') + op('local.tee', 0) + op('br_if', 0) + op('end') + get(1) + i32(100) + op('i32.mul')
         + get(2) + op('i32.add'), [((1, 7, 8), (807,)), ((2, 7, 8), (708,)), ((5, 7, 8), (807,))])
    test('if', 'i:i', i32(1) + set_(1) + get(0) + op('if', EMPTY) + i32(2) + set_(1) + op('end') + get(1),
         [((0,), (1,)), ((1,), (2,)), ((M1,), (2,)), ((256,), (2,))], 'i', ['if'])
    test('else', 'i:I', get(0) + op('if', bytes([wasm.I64])) + i64(11) + op('else') + i64(22) + op('end'),
         [((0,), (22,)), ((7,), (11,))], covers=['else'])
    test('if_values', 'ii:i', get(0) + i32(3) + get(1) + op('if', block_type(m, 'ii:i')) + op('i32.add') + op('else')
         + op('i32.sub') + op('end'), [((10, 1), (13,)), ((10, 0), (7,))])
    # `if` with parameters and without `else` passes them on.
    test('if_through', 'ii:i', get(0) + get(1) + op('if', block_type(m, 'i:i')) + i32(1) + op('i32.add') + op('end'),
         [((10, 1), (11,)), ((10, 0), (10,))])
    test('br_table', 'i:i', op('block', EMPTY) + op('block', EMPTY) + op('block', EMPTY) + get(0)
         + op('br_table', wasm.vec([b'\0', b'\1', b'\0']), 2) + op('end') + i32(10) + op('return') + op('end') + i32(11)
         + op('return') + op('end') + i32(12),
         [((0,), (10,)), ((1,), (11,)), ((2,), (10,)), ((3,), (12,)), ((M1,), (12,)), ((0x80000000,), (12,))],
         covers=['br_table', 'return'])
    test('br_table_value', 'i:i', op('block', I32_RESULT) + op('block', I32_RESULT) + i32(40) + get(0)
         + op('br_table', wasm.vec([b'\0', b'\1']), 0) + op('end') + i32(1) + op('i32.add') + op('end'),
         [((0,), (41,)), ((1,), (40,)), ((2,), (41,)), ((M1,), (41,))])
    test('br_table_empty', 'i:i', op('block', I32_RESULT) + i32(4) + get(0) + op('br_table', wasm.vec([]), 0)
         + op('end'), [((0,), (4,)), ((77,), (4,))])
    test('br_table_loop', 'i:i', op('loop', EMPTY) + get(1) + i32(1) + op('i32.add') + set_(1) + op('block', EMPTY)
         + get(1) + get(0) + op('i32.ge_u') + op('br_table', wasm.vec([b'\1']), 0) + op('end') + op('end') + get(1),
         [((3,), (3,)), ((0,), (1,))], 'i')
    many = 600
    test('br_table_large', 'i:i', op('block', EMPTY) * 3 + get(0)
         + op('br_table', wasm.vec(wasm.uleb(k % 3) for k in range(many)), 1) + op('end') + i32(0) + op('return')
         + op('end') + i32(1) + op('return') + op('end') + i32(2),
         [((k,), (k % 3 if k < many else 1,)) for k in (0, 1, 2, 255, 256, 257, 599, 600, 601, M1)])
    test('return_values', 'i:iIfF', get(0) + op('if', EMPTY) + i32(99) + i32(1) + i64(2) + wasm.const('f', F32.round(3))
         + wasm.const('F', F64.round(4)) + op('return') + op('end') + i32(5) + i64(6) + wasm.const('f', F32.round(7))
         + wasm.const('F', F64.round(8)),
         [((1,), (1, 2, F32.round(3), F64.round(4))), ((0,), (5, 6, F32.round(7), F64.round(8)))])
    test('drop', 'i:i', get(0) + i64(3) + op('drop') + wasm.const('f', 5) + op('drop'), [((8,), (8,))],
         covers=['drop'])
    for letter, a, b in (('i', 1, M1), ('I', 1 << 63, 2), ('f', 0x7FA00001, 5), ('F', 0x7FF4000000000001, 1 << 63)):
        for select in (op('select'), op('select_t', b'\1' + bytes([wasm.LETTER[letter]]))):
            name = f'select_{letter}{len(select)}'
            # Through memory: a signalling NaN does not survive every embedder's numbers.
            test(name, f'i:{"i" if letter in "if" else "I"}', wasm.const(letter, a) + wasm.const(letter, b) + get(0)
                 + select + {'f': op('i32.reinterpret_f32'), 'F': op('i64.reinterpret_f64')}.get(letter, b''),
                 [((0,), (b,)), ((1,), (a,)), ((0x10000,), (a,))])
    script.covers('select', 'select_t')
    # Both operands of a select are evaluated.
    test('select_traps', 'ii:i', i32(5) + i32(1) + get(0) + op('i32.div_u') + get(1) + op('select'),
         [((1, 1), (5,)), ((0, 1), 'integer divide by zero')])
    script.module('control', m)
    run_calls(script, calls)


def run_calls(script, calls):
    for name, signature, args, results in calls:
        if isinstance(results, str):
            script.trap(name, signature, args, results)
        else:
            script.call(name, signature, args, results)


def functions(script):
    m = wasm.Module()
    swap = m.func('iI:Ii', get(1) + get(0), export='swap')
    m.func('iI:iI', get(0) + get(1) + op('call', swap) + set_(2) + set_(3) + get(2) + get(3), 'iI'[0] + 'I',
           export='call_swap')
    factorial = m.nfuncs
    m.func('I:I', get(0) + op('i64.eqz') + op('if', bytes([wasm.I64])) + i64(1) + op('else') + get(0) + get(0) + i64(1)
           + op('i64.sub') + op('call', factorial) + op('i64.mul') + op('end'), export='factorial')
    m.func('i:i', get(0) + op('i32.eqz') + op('if', I32_RESULT) + i32(1) + op('else') + get(0) + i32(1) + op('i32.sub')
           + op('call', m.nfuncs + 1) + op('end'), export='even')
    m.func('i:i', get(0) + op('i32.eqz') + op('if', I32_RESULT) + i32(0) + op('else') + get(0) + i32(1) + op('i32.sub')
           + op('call', m.nfuncs - 1) + op('end'), export='odd')
    # Not a tail call, nor one that an accumulator would make one.
    m.func('i:i', get(0) + i32(1) + op('i32.add') + op('call', m.nfuncs) + get(0) + op('i32.rotl'), export='endless')
    # More parameters and results than registers.
    many = 24
    m.func('i' * many + 'F' * many + ':F', b''.join(get(k) + (op('i32.add') if k else b'') for k in range(many))
           + op('f64.convert_i32_s') + b''.join(get(many + k) + wasm.const('F', F64.round(k + 1)) + op('f64.mul')
                                                + op('f64.add') for k in range(many)), export='many_params')
    m.func('i:' + 'iF' * many, b''.join(get(0) + i32(k) + op('i32.add') + wasm.const('F', F64.round(k))
                                        for k in range(many)), export='many_results')
    sum_results = b''.join(op('drop') + set_(1 + k) for k in range(many))
    m.func('i:i', get(0) + op('call', m.nfuncs - 1) + sum_results
           + b''.join(get(1 + k) + (op('i32.add') if k else b'') for k in range(many)), 'i' * many, 'sum_many_results')
    table = m.table('R', 10)
    add = m.func('ii:i', get(0) + get(1) + op('i32.add'))
    sub = m.func('ii:i', get(0) + get(1) + op('i32.sub'))
    wide = m.func('I:I', get(0) + i64(1) + op('i64.add'))
    m.elem_active(i32(1), [add, sub, wide, swap], table)
    m.func('iii:i', get(1) + get(2) + get(0) + op('call_indirect', m.type('ii:i'), table), export='indirect')
    m.func('iI:I', get(1) + get(0) + op('call_indirect', m.type('I:I'), table), export='indirect_wide')
    m.func('ii:i', get(0) + get(1) + i32(2) + op('call_indirect', m.type('ii:i'), table), export='indirect_const')
    m.func('iiI:iI', get(1) + get(2) + get(0) + op('call_indirect', m.type('iI:Ii'), table) + set_(1) + set_(2) + get(1)
           + get(2), export='indirect_values')
    # An equal type under another index is the same type.
    m.types.append(m.types[m.type('ii:i')])
    m.func('iii:i', get(1) + get(2) + get(0) + op('call_indirect', len(m.types) - 1, table), export='indirect_equal')
    other = m.table('R', 2)
    m.elem_active(i32(0), [sub], other)
    m.func('iii:i', get(1) + get(2) + get(0) + op('call_indirect', m.type('ii:i'), other), export='indirect_other')
    m.export('add', 0, add)
    m.export('table', 1, table)
    counter = m.global_('i', i32(7), mutable=True, export='counter')
    m.func(':i', op('global.get', counter), export='get_counter')
    script.module('functions', m)
    script.covers('call', 'call_indirect')
    script.call('call_swap', 'iI:iI', (5, 6), (5, 6))
    script.call('swap', 'iI:Ii', (5, 6), (6, 5))
    script.call('factorial', 'I:I', (20,), (2432902008176640000,))
    script.call('even', 'i:i', (1000,), (1,))
    script.call('odd', 'i:i', (77,), (1,))
    script.trap('endless', 'i:i', (0,), 'call stack exhausted')
    script.call('even', 'i:i', (3,), (0,))  # the instance goes on after a trap
    script.call('many_params', 'i' * many + 'F' * many + ':F', [1] * many + [F64.round(1)] * many,
                [F64.round(many + many * (many + 1) // 2)])
    script.call('many_results', 'i:' + 'iF' * many, (100,),
                [x for k in range(many) for x in (100 + k, F64.round(k))])
    script.call('sum_many_results', 'i:i', (0,), (many * (many - 1) // 2,))
    for function in ('indirect', 'indirect_equal'):
        script.call(function, 'iii:i', (1, 7, 5), (12,))
        script.call(function, 'iii:i', (2, 7, 5), (2,))
        script.trap(function, 'iii:i', (3, 7, 5), 'indirect call type mismatch')
        script.trap(function, 'iii:i', (0, 7, 5), 'uninitialized element')
        script.trap(function, 'iii:i', (9, 7, 5), 'uninitialized element')
        script.trap(function, 'iii:i', (10, 7, 5), 'undefined element')
        script.trap(function, 'iii:i', (M1, 7, 5), 'undefined element')
        script.trap(function, 'iii:i', (0x80000001, 7, 5), 'undefined element')
    script.call('indirect_wide', 'iI:I', (3, (1 << 64) - 1), (0,))
    script.trap('indirect_wide', 'iI:I', (1, 0), 'indirect call type mismatch')
    script.call('indirect_const', 'ii:i', (9, 4), (5,))
    script.call('indirect_values', 'iiI:iI', (4, 8, 9), (8, 9))
    script.call('indirect_other', 'iii:i', (0, 9, 4), (5,))
    script.trap('indirect_other', 'iii:i', (1, 9, 4), 'uninitialized element')
    script.trap('indirect_other', 'iii:i', (2, 9, 4), 'undefined element')

    # The same through imports: the callee runs with its own instance.
    script.register('other')
    m = wasm.Module()
    imported = m.import_func('other', 'get_counter', ':i')
    add = m.import_func('other', 'add', 'ii:i')
    many_results = m.import_func('other', 'many_results', 'i:' + 'iF' * many)
    table = m.import_table('other', 'table', 'R', 10)
    theirs = m.import_global('other', 'counter', 'i', True)
    own = m.global_('i', i32(1000), mutable=True)
    m.memory(1, export='memory')
    m.func(':i', op('call', imported) + op('global.get', own) + op('i32.add'), export='call_imported')
    m.func('ii:i', get(0) + get(1) + op('call', add), export='add')
    m.func('iii:i', get(1) + get(2) + get(0) + op('call_indirect', m.type('ii:i'), table), export='indirect')
    m.func(':i', op('global.get', theirs), export='get_theirs')
    m.func('i:', get(0) + op('global.set', theirs), export='set_theirs')
    m.func('i:i', get(0) + op('call', many_results) + b''.join(op('drop') + set_(1 + k) for k in range(many))
           + b''.join(get(1 + k) + (op('i32.add') if k else b'') for k in range(many)), 'i' * many, 'sum_many_results')
    script.module('functions_imported', m)
    script.call('call_imported', ':i', (), (1007,))
    script.call('add', 'ii:i', (3, 4), (7,))
    script.call('indirect', 'iii:i', (2, 30, 4), (26,))
    script.trap('indirect', 'iii:i', (10, 30, 4), 'undefined element')
    script.call('set_theirs', 'i:', (50,), ())
    script.call('get_theirs', ':i', (), (50,))
    script.call('call_imported', ':i', (), (1050,))
    script.call('sum_many_results', 'i:i', (1,), (many + many * (many - 1) // 2,))


def variables(script):
    m, calls = wasm.Module(), []
    values = {'i': (0x80000001, 0x12345678), 'I': (1 << 63 | 1, 0x123456789ABCDEF), 'f': (F32.round(-3), F32.round(7)),
              'F': (F64.round(-3), F64.round(7))}
    for letter, (a, b) in values.items():
        g = m.global_(letter, wasm.const(letter, a), mutable=True)
        fixed = m.global_(letter, wasm.const(letter, b))
        same = f'{letter}:{letter}'
        m.func(':' + letter, op('global.get', g), export='get_' + letter)
        m.func(':' + letter, op('global.get', fixed), export='fixed_' + letter)
        m.func(same, op('global.get', g) + get(0) + op('global.set', g), export='exchange_' + letter)
        m.func(':' + letter, get(0), letter, export='zero_' + letter)  # locals start at zero
        m.func(same, get(0) + set_(1) + get(1), letter, export='local_' + letter)
        m.func(f'{letter}:{letter}{letter}', get(0) + op('local.tee', 1) + get(1), letter, export='tee_' + letter)
        # Each read of a local is the value at that time.
        m.func(f'{letter}:{letter}{letter}', get(0) + wasm.const(letter, b) + set_(0) + get(0), export='old_' + letter)
        calls += [('get_' + letter, ':' + letter, (), (a,)), ('fixed_' + letter, ':' + letter, (), (b,)),
                  ('exchange_' + letter, same, (b,), (a,)), ('exchange_' + letter, same, (a,), (b,)),
                  ('get_' + letter, ':' + letter, (), (a,)), ('zero_' + letter, ':' + letter, (), (0,)),
                  ('local_' + letter, same, (b,), (b,)), ('tee_' + letter, f'{letter}:{letter}{letter}', (a,), (a, a)),
                  ('old_' + letter, f'{letter}:{letter}{letter}', (a,), (a, b))]
    # A local assigned in one arm only.
    m.func('ii:i', get(0) + op('if', EMPTY) + i32(5) + set_(1) + op('end') + get(1), export='one_arm')
    calls += [('one_arm', 'ii:i', (0, 9), (9,)), ('one_arm', 'ii:i', (1, 9), (5,))]
    # Globals around a call that changes them.
    g = m.global_('i', i32(1), mutable=True)
    bump = m.func(':', op('global.get', g) + i32(10) + op('i32.mul') + op('global.set', g))
    m.func(':i', op('global.get', g) + op('call', bump) + op('global.get', g) + op('i32.add'), export='around_call')
    calls += [('around_call', ':i', (), (11,)), ('around_call', ':i', (), (110,))]
    # A function with very many locals.
    many = 3000
    body = b''.join(get(0) + i32(k) + op('i32.add') + set_(1 + k) for k in range(many))
    body += op('loop', EMPTY) + get(1) + get(many) + op('i32.add') + set_(1) + get(0) + i32(1) + op('i32.sub')
    body += op('local.tee', 0) + op('br_if', 0) + op('end') + get(1)
    m.func('i:i', body, 'i' * many, 'many_locals')
    calls.append(('many_locals', 'i:i', (3,), (3 + 3 * (many - 1 + 3),)))
    script.module('variables', m)
    run_calls(script, calls)
    script.covers('local.get', 'local.set', 'local.tee', 'global.get', 'global.set')


def references(script):
    m, calls = wasm.Module(), []

    def test(name, signature, body, cases, locals_=''):
        m.func(signature, body, locals_, name)
        for args, results in cases:
            calls.append((name, signature, args, results))

    answer = m.func(':i', i32(42), export='answer')
    m.elem_declare([answer])
    null = {'R': op('ref.null', bytes([wasm.FUNCREF])), 'r': op('ref.null', bytes([wasm.EXTERNREF]))}
    for letter in 'Rr':
        test('null_' + letter, ':' + letter, null[letter], [((), (None,))])
        test('null_is_null_' + letter, ':i', null[letter] + op('ref.is_null'), [((), (1,))])
        test('zero_' + letter, ':' + letter, get(0), [((), (None,))], letter)
    test('is_null_r', 'r:i', get(0) + op('ref.is_null'), [((None,), (1,)), ((5,), (0,))])
    test('func', ':R', op('ref.func', answer), [((), ('any',))])
    test('func_is_null', ':i', op('ref.func', answer) + op('ref.is_null'), [((), (0,))])
    test('through_r', 'ir:r', get(1) + set_(2) + get(0) + op('if', bytes([wasm.EXTERNREF])) + get(2) + op('else')
         + null['r'] + op('end'), [((1, 8), (8,)), ((0, 8), (None,))], 'r')
    test('select_r', 'rri:r', get(0) + get(1) + get(2) + op('select_t', b'\1' + bytes([wasm.EXTERNREF])),
         [((3, 4, 1), (3,)), ((3, 4, 0), (4,)), ((None, 4, 1), (None,))])
    g = m.global_('r', null['r'], mutable=True)
    test('exchange_r', 'r:r', op('global.get', g) + get(0) + op('global.set', g),
         [((11,), (None,)), ((12,), (11,)), ((None,), (12,))])
    f = m.global_('R', op('ref.func', answer))
    test('global_func', ':i', op('global.get', f) + op('ref.is_null'), [((), (0,))])
    # call_ref by way of a table.
    t = m.table('R', 1)
    test('call_func', ':i', i32(0) + op('ref.func', answer) + op('table.set', t) + i32(0)
         + op('call_indirect', m.type(':i'), t), [((), (42,))])
    script.module('references', m)
    run_calls(script, calls)
    script.covers('ref.null', 'ref.is_null', 'ref.func')


def typed_references(script):
    m, calls = wasm.Module(), []
    t = m.type('i:i')
    double = m.func('i:i', get(0) + get(0) + op('i32.add'))
    square = m.func('i:i', get(0) + get(0) + op('i32.mul'))
    m.elem_declare([double, square])
    # A reference by number: 0 null, else a function.
    choice = m.nfuncs
    m.types.append(b'\x60' + wasm.vec([I32_RESULT]) + wasm.vec([wasm.ref(t, True)]))
    m.funcs.append((len(m.types) - 1, (lambda code: wasm.uleb(len(code)) + code)(
        wasm.vec([]) + get(0) + op('if', wasm.ref(t, True)) + op('ref.func', double) + op('ref.func', square) + get(0)
        + i32(1) + op('i32.eq') + op('select_t', b'\1' + wasm.ref(t)) + op('else') + op('ref.null', wasm.sleb(t))
        + op('end') + op('end'))))
    m.nfuncs += 1

    def test(name, signature, body, cases):
        m.func(signature, body, '', name)
        for args, results in cases:
            calls.append((name, signature, args, results))
        script.covers(name)

    chosen = get(0) + op('call', choice)
    test('call_ref', 'i:i', i32(9) + chosen + op('call_ref', t),
         [((0,), 'null function reference'), ((1,), (18,)), ((2,), (81,))])
    test('ref.as_non_null', 'i:i', i32(9) + chosen + op('ref.as_non_null') + op('call_ref', t),
         [((0,), 'null reference'), ((1,), (18,)), ((2,), (81,))])
    # The operands below the reference go along in both directions.
    test('br_on_null', 'i:i', op('block', I32_RESULT) + i32(9) + chosen + op('br_on_null', 0) + op('call_ref', t)
         + i32(1) + op('i32.add') + op('end'), [((0,), (9,)), ((1,), (19,)), ((2,), (82,))])
    both = len(m.types)
    m.types.append(b'\x60\0' + wasm.vec([I32_RESULT, wasm.ref(t)]))
    test('br_on_non_null', 'i:i', op('block', wasm.sleb(both)) + i32(9) + chosen + op('br_on_non_null', 0)
         + op('return') + op('end') + op('call_ref', t), [((0,), (9,)), ((1,), (18,)), ((2,), (81,))])
    m.func('i:i', i32(9) + chosen + op('br_on_null', 0) + op('call_ref', t), export='return_on_null')
    calls += [('return_on_null', 'i:i', (0,), (9,)), ('return_on_null', 'i:i', (1,), (18,))]
    script.module('typed_references', m)
    run_calls(script, calls)


def tail_calls(script):
    """Chains that no stack would hold, through every kind of tail call, with parameters and results of all kinds."""
    long = 300000
    many = 20
    m = wasm.Module()
    table = m.table('R', 4, export='table')
    # (count, kind of call, what to give back) -> what the last of the chain makes of it; the two of a pair have
    # parameters of different number and kind, so that neither's fit in the other's place.
    short, wide = 'iii:iFi', 'iii' + 'iIfFV' * (many // 5) + ':iFi'
    first = m.nfuncs
    more = [(c, k) for k, c in enumerate('iIfFV' * (many // 5))]

    def kinds(callee, arguments):
        """The tail call that parameter 1 asks for: 0 direct, 1 through the table, 2 by reference."""
        index, signature = callee - first, wide if callee == first + 1 else short
        return (get(1) + op('i32.eqz') + op('if', EMPTY) + arguments + op('return_call', callee) + op('end')
                + get(1) + i32(1) + op('i32.eq') + op('if', EMPTY) + arguments + i32(index)
                + op('return_call_indirect', m.type(signature), table) + op('end')
                + arguments + op('ref.func', callee) + op('return_call_ref', m.type(signature)))

    down = get(0) + i32(1) + op('i32.sub') + get(1) + get(2)
    extra = b''.join({'i': get(0) + i32(k) + op('i32.add'), 'I': get(0) + op('i64.extend_i32_u') + i64(k) + op('i64.add'),
                      'f': wasm.const('f', F32.round(k)), 'F': wasm.const('F', F64.round(k)),
                      'V': get(0) + op('i32x4.splat')}[c] for c, k in more)
    m.func(short, get(0) + op('i32.eqz') + op('if', EMPTY) + get(2) + wasm.const('F', F64.round(1)) + i32(1)
           + op('return') + op('end') + kinds(first + 1, down + extra), export='short')
    # All of what came must be right: the ints are added up, the others compared.
    check = b''
    for c, k in more:
        p = get(3 + k)
        check += {'i': p + i32(k) + op('i32.sub') + get(0) + i32(1) + op('i32.add') + op('i32.ne'),
                  'I': p + i64(k) + op('i64.sub') + get(0) + i32(1) + op('i32.add') + op('i64.extend_i32_u')
                  + op('i64.ne'),
                  'f': p + wasm.const('f', F32.round(k)) + op('f32.ne'),
                  'F': p + wasm.const('F', F64.round(k)) + op('f64.ne'),
                  'V': p + get(0) + i32(1) + op('i32.add') + op('i32x4.splat') + op('i32x4.ne') + op('v128.any_true')
                  }[c] + op('if', EMPTY) + i32(k) + wasm.const('F', F64.round(-1)) + i32(2) + op('return') + op('end')
    m.func(wide, check + get(0) + op('i32.eqz') + op('if', EMPTY) + get(2) + wasm.const('F', F64.round(2)) + i32(3)
           + op('return') + op('end') + kinds(first, down), export='wide')
    m.elem_active(i32(0), [first, first + 1], table)
    # Two results in registers, and none; a callee that makes no tail call itself.
    leaf = m.func('ii:iI', get(1) + get(0) + op('i64.extend_i32_s'))
    m.func('ii:iI', get(0) + op('i32.eqz') + op('if', EMPTY) + get(0) + get(1) + op('return_call', leaf) + op('end')
           + get(0) + i32(1) + op('i32.sub') + get(1) + op('return_call', m.nfuncs), export='to_leaf')
    g = m.global_('i', i32(0), mutable=True, export='counter')
    m.func('i:', op('global.get', g) + i32(1) + op('i32.add') + op('global.set', g) + get(0) + i32(1) + op('i32.sub')
           + op('local.tee', 0) + op('if', EMPTY) + get(0) + op('return_call', m.nfuncs) + op('end'), export='count')
    m.func('i:i', get(0) + op('call', m.nfuncs - 1) + op('global.get', g), export='counted')
    # A trap at the end, with a dynamic index.
    m.func('ii:iI', get(0) + get(1) + get(1) + op('return_call_indirect', m.type('ii:iI'), table), export='bad')
    script.module('tail_calls', m)
    script.covers('return_call', 'return_call_indirect', 'return_call_ref')
    for kind in (0, 1, 2):
        for n in (0, 1, 2, 7, long):
            script.call('short', short, (n, kind, 77),
                        (77, F64.round(1), 1) if n % 2 == 0 else (77, F64.round(2), 3))
    script.call('to_leaf', 'ii:iI', (long, 5), (5, 0))
    script.call('to_leaf', 'ii:iI', (0, 5), (5, 0))
    script.call('counted', 'i:i', (long,), (long,))
    script.trap('bad', 'ii:iI', (0, 0), 'indirect call type mismatch')
    script.trap('bad', 'ii:iI', (0, 3), 'uninitialized element')
    script.trap('bad', 'ii:iI', (0, 4), 'undefined element')

    # Between two instances, there and back.
    script.register('other')
    m = wasm.Module()
    theirs = m.import_func('other', 'short', short)
    table = m.import_table('other', 'table', 'R', 4)
    mine = m.func('iii:iFi', get(0) + op('i32.eqz') + op('if', EMPTY) + get(2) + wasm.const('F', F64.round(9)) + i32(9)
                  + op('return') + op('end') + get(1) + op('if', EMPTY) + get(0) + i32(1) + op('i32.sub') + get(1)
                  + get(2) + i32(3) + op('return_call_indirect', m.type(short), table) + op('end')
                  + get(0) + i32(1) + op('i32.sub') + get(1) + get(2) + op('return_call', theirs), export='mine')
    script.module('tail_calls_imported', m)
    script.call('mine', short, (1001, 0, 5), (5, F64.round(1), 1))
    script.call('mine', short, (1000, 0, 5), (5, F64.round(2), 3))
    script.trap('mine', short, (1000, 1, 5), 'uninitialized element')


def tables(script):
    oob = 'out of bounds table access'
    m = wasm.Module()
    m.table('r', 3, 10, export='refs')
    other = m.table('r', 5)
    funcs = m.table('R', 8)
    f = [m.func(':i', i32(100 + k)) for k in range(5)]
    passive = m.elem_passive('R', [op('ref.func', k) for k in f] + [op('ref.null', bytes([wasm.FUNCREF]))])
    active = m.elem_active(i32(1), [f[0]], funcs)
    three = get(0) + get(1) + get(2)
    m.func('i:r', get(0) + op('table.get', 0), export='get')
    m.func('ir:', get(0) + get(1) + op('table.set', 0), export='set')
    m.func(':i', op('table.size', 0), export='size')
    m.func('ri:i', get(0) + get(1) + op('table.grow', 0), export='grow')
    m.func('iri:', three + op('table.fill', 0), export='fill')
    m.func('iii:', three + op('table.copy', 0, 0), export='copy')
    m.func('iii:', three + op('table.copy', other, 0), export='copy_to_other')
    m.func('i:r', get(0) + op('table.get', other), export='get_other')
    m.func('iii:', three + op('table.init', passive, funcs), export='init')
    m.func('iii:', three + op('table.init', active, funcs), export='init_active')
    m.func(':', op('elem.drop', passive), export='drop')
    m.func('i:i', get(0) + op('call_indirect', m.type(':i'), funcs), export='call')
    m.func('i:i', get(0) + op('table.get', funcs) + op('ref.is_null'), export='is_null')
    m.func('ri:ii', get(0) + get(1) + op('table.grow', 0) + op('table.size', 0), export='grow_size')
    script.module('tables', m)
    script.covers('table.get', 'table.set', 'table.size', 'table.grow', 'table.fill', 'table.copy', 'table.init',
                  'elem.drop')
    refs, others = [None] * 3, [None] * 5

    def show():
        for k, r in enumerate(refs):
            script.call('get', 'i:r', (k,), (r,))
        for k in (len(refs), 1 << 31, M1):
            script.trap('get', 'i:r', (k,), oob)
        script.call('size', ':i', (), (len(refs),))

    show()
    for k in (0, 2):
        script.call('set', 'ir:', (k, 20 + k), ())
        refs[k] = 20 + k
    for k in (3, M1):
        script.trap('set', 'ir:', (k, 1), oob)
    show()
    script.call('grow', 'ri:i', (None, 0), (3,))
    script.call('grow', 'ri:i', (7, 2), (3,))
    refs += [7, 7]
    show()
    script.call('grow', 'ri:i', (7, 6), (M1,))
    script.call('grow', 'ri:i', (7, M1), (M1,))
    script.call('grow_size', 'ri:ii', (8, 5), (5, 10))
    refs += [8] * 5
    script.call('grow', 'ri:i', (7, 1), (M1,))
    show()
    for d, r, n in ((1, 30, 2), (9, 31, 1), (10, 32, 0), (4, None, 3), (9, 33, 2), (11, 1, 0), (M1, 1, 1), (1, 1, M1)):
        if d + n > 10:
            script.trap('fill', 'iri:', (d, r, n), oob)
        else:
            script.call('fill', 'iri:', (d, r, n), ())
            refs[d:d + n] = [r] * n
    show()
    for d, s, n in ((0, 5, 5), (1, 0, 5), (0, 2, 6), (10, 0, 0), (0, 10, 0), (11, 0, 0), (0, 11, 0), (6, 0, 5),
                    (0, 6, 5), (M1, 0, 1), (0, M1, 1), (1, 2, M1)):
        if max(d, s) + n > 10:
            script.trap('copy', 'iii:', (d, s, n), oob)
        else:
            script.call('copy', 'iii:', (d, s, n), ())
            refs[d:d + n] = list(refs[s:s + n])
        show()
    for d, s, n in ((0, 0, 3), (2, 8, 2), (3, 0, 3), (0, 8, 3)):
        if d + n > 5 or s + n > 10:
            script.trap('copy_to_other', 'iii:', (d, s, n), oob)
        else:
            script.call('copy_to_other', 'iii:', (d, s, n), ())
            others[d:d + n] = refs[s:s + n]
        for k, r in enumerate(others):
            script.call('get_other', 'i:r', (k,), (r,))

    contents = [None, 0] + [None] * 6  # of funcs: indices into f
    segment = [0, 1, 2, 3, 4, None]

    def init(function, d, s, n, source):
        if d + n > 8 or s + n > len(source):
            script.trap(function, 'iii:', (d, s, n), oob)
        else:
            script.call(function, 'iii:', (d, s, n), ())
            contents[d:d + n] = source[s:s + n]
        for k, index in enumerate(contents):
            script.call('is_null', 'i:i', (k,), (int(index is None),))
            if index is None:
                script.trap('call', 'i:i', (k,), 'uninitialized element')
            else:
                script.call('call', 'i:i', (k,), (100 + index,))

    for d, s, n in ((2, 0, 3), (7, 4, 1), (8, 6, 0), (0, 5, 1), (3, 3, 3), (8, 0, 1), (0, 6, 1), (9, 0, 0), (0, 7, 0),
                    (M1, 0, 1), (0, M1, 1), (0, 1, M1)):
        init('init', d, s, n, segment)
    init('init_active', 0, 0, 0, [])
    init('init_active', 0, 0, 1, [])
    script.call('drop', ':', (), ())
    script.call('drop', ':', (), ())
    init('init', 0, 0, 0, [])
    init('init', 0, 0, 1, [])


def generate(script):
    control(script)
    functions(script)
    variables(script)
    references(script)
    typed_references(script)
    tail_calls(script)
    tables(script)
