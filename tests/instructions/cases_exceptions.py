"""Exceptions: the standard form (specification 2.4.10, 4.4.10) and the older one, which clang still makes."""

import wasm
from cases_control import EMPTY, I32_RESULT, block_type
from wasm import get, i32, i64, op, set_

CATCH, CATCH_REF, CATCH_ALL, CATCH_ALL_REF = range(4)
UNCAUGHT = 'unhandled exception'


def clause(kind, label, tag=None):
    return bytes([kind]) + (b'' if tag is None else wasm.uleb(tag)) + wasm.uleb(label)


def try_table(block, *clauses):
    return op('try_table', block, wasm.vec(clauses))


def if_equal(local, number, then):
    return get(local) + i32(number) + op('i32.eq') + op('if', EMPTY) + then + op('end')


class Cases:
    """A module with tags, functions that throw on demand, and tests."""

    def __init__(self, script):
        self.script, self.m, self.calls = script, wasm.Module(), []
        m = self.m
        m.memory(1, export='memory')
        self.none, self.number, self.all = m.tag(''), m.tag('i', export='number'), m.tag('iIfFV')
        # 0: returns; 1: throws `none`; 2: throws `number` of 1000 + the second argument.
        self.thrower = m.func('ii:i', if_equal(0, 1, op('throw', self.none)) + if_equal(
            0, 2, get(1) + i32(1000) + op('i32.add') + op('throw', self.number)) + get(1), '', 'thrower')

    def test(self, name, signature, body, cases, locals_='', covers=()):
        self.m.func(signature, body, locals_, name)
        self.calls += [(name, signature, args, results) for args, results in cases]
        self.script.covers(*covers)

    def finish(self, name):
        self.script.module(name, self.m)
        for function, signature, args, results in self.calls:
            if isinstance(results, str):
                self.script.trap(function, signature, args, results)
            else:
                self.script.call(function, signature, args, results)


def older(script):
    c = Cases(script)
    call = get(0) + get(1) + op('call', c.thrower)
    # Locals have in a handler the value that they had at the call.
    test = c.test
    test('try', 'ii:i', i32(5) + set_(2) + op('try', I32_RESULT) + call + i32(6) + set_(2) + get(0) + i32(3)
         + op('i32.sub') + get(1) + op('call', c.thrower) + op('i32.add') + op('catch', c.number) + get(2)
         + op('i32.add') + op('catch_all') + get(2) + op('end'),
         [((0, 7), (14,)), ((2, 7), (1012,)), ((1, 7), (5,)), ((4, 7), (6,)), ((5, 7), (1013,)), ((6, 8), (16,))], 'i',
         ['try', 'catch', 'catch_all'])
    test('throw', 'i:', op('try', EMPTY) + if_equal(0, 0, op('throw', c.none)) + get(0) + op('throw', c.number)
         + op('catch', c.none) + op('end'), [((0,), ()), ((1,), UNCAUGHT)], covers=['throw'])
    test('throw_direct', ':i', op('try', I32_RESULT) + i32(9) + op('throw', c.number) + op('catch', c.number)
         + op('end'), [((), (9,))])
    test('uncaught', 'ii:i', call, [((0, 3), (3,)), ((1, 3), UNCAUGHT), ((2, 3), UNCAUGHT)])
    test('catchless', 'ii:i', op('try', I32_RESULT) + call + op('end'), [((0, 3), (3,)), ((1, 3), UNCAUGHT)])
    # A throw in a handler goes to the try around, and so does what no handler takes.
    test('throw_in_catch', 'ii:i', op('try', I32_RESULT) + op('try', I32_RESULT) + call + op('catch', c.none) + i32(77)
         + op('throw', c.number) + op('end') + op('catch', c.number) + i32(1) + op('i32.add') + op('end'),
         [((0, 3), (3,)), ((1, 3), (78,)), ((2, 3), (1004,))])
    # rethrow: the label tells which of the exceptions that are being handled.
    both = (op('try', I32_RESULT) + op('try', I32_RESULT) + call + op('catch', c.number) + set_(2)
            + op('try', I32_RESULT) + op('throw', c.none) + op('catch', c.none) + get(1) + i32(10) + op('i32.lt_u')
            + op('if', EMPTY) + op('rethrow', 1) + op('else') + op('rethrow', 2) + op('end') + op('unreachable')
            + op('end') + op('end') + op('catch', c.number) + i32(1) + op('i32.add') + op('catch', c.none)
            + i32(55) + op('end'))
    test('rethrow', 'ii:i', both, [((0, 4), (4,)), ((2, 4), (55,)), ((2, 10), (1011,))], 'i', ['rethrow'])
    test('rethrow_uncaught', 'ii:i', op('try', I32_RESULT) + call + op('catch_all') + op('rethrow', 0) + op('end'),
         [((0, 4), (4,)), ((1, 4), UNCAUGHT)])
    # delegate: past the inner handler, to a block (which is to what is around it), to the caller.
    test('delegate', 'ii:i', op('try', I32_RESULT) + op('try', I32_RESULT) + op('try', I32_RESULT) + call
         + op('delegate', 1) + op('catch_all') + i32(1) + op('end') + op('catch_all') + i32(2) + op('end'),
         [((0, 4), (4,)), ((1, 4), (2,)), ((2, 4), (2,))], covers=['delegate'])
    test('delegate_block', 'ii:i', op('try', I32_RESULT) + op('block', I32_RESULT) + op('try', I32_RESULT) + call
         + op('delegate', 0) + op('end') + op('catch', c.number) + op('end'),
         [((0, 4), (4,)), ((1, 4), UNCAUGHT), ((2, 4), (1004,))])
    test('delegate_function', 'ii:i', op('try', I32_RESULT) + op('try', I32_RESULT) + call + op('delegate', 1)
         + op('catch_all') + i32(1) + op('end'), [((0, 4), (4,)), ((1, 4), UNCAUGHT)])
    test('delegate_catch', 'ii:i', op('try', I32_RESULT) + op('try', I32_RESULT) + op('throw', c.none)
         + op('catch', c.none) + op('try', I32_RESULT) + call + op('delegate', 0) + op('catch_all') + i32(1) + op('end')
         + op('catch_all') + i32(2) + op('end'), [((0, 4), (4,)), ((1, 4), (2,))])
    test('values', 'FV:iIfFV', op('try', block_type(c.m, ':iIfFV')) + i32(1) + i64(-2)
         + wasm.const('f', 0x40490FDB) + get(0) + get(1) + op('throw', c.all) + op('catch', c.all) + op('end'),
         [((0x4000000000000001, (128, [3 | 4 << 64])), (1, 2**64 - 2, 0x40490FDB, 0x4000000000000001, (128, [3 | 4 << 64])))])
    test('parameters', 'ii:i', get(1) + op('try', block_type(c.m, 'i:i')) + get(0) + get(1) + op('call', c.thrower)
         + op('i32.add') + op('catch_all') + i32(3) + op('end'), [((0, 4), (8,)), ((1, 4), (3,))])
    # A loop around a try and one in it; branches leave both parts.
    test('loop', 'i:i', op('loop', EMPTY) + op('try', EMPTY) + get(0) + i32(2) + op('i32.and') + get(0)
         + op('call', c.thrower) + set_(2) + op('br', 1) + op('catch', c.number) + get(1) + op('i32.add') + set_(1)
         + get(0) + i32(1) + op('i32.sub') + op('local.tee', 0) + i32(2) + op('i32.and') + op('br_if', 1) + op('end')
         + op('end') + get(1), [((3,), (1003 + 1002,)), ((2,), (1002,)), ((7,), (1007 + 1006,))], 'ii')
    test('dead', ':i', i32(1) + op('return') + op('try', EMPTY) + op('try', EMPTY) + op('delegate', 0)
         + op('catch', c.number) + op('drop') + op('catch_all') + op('rethrow', 0) + op('end'), [((), (1,))])
    test('no_throw', ':i', op('try', I32_RESULT) + i32(4) + op('catch', c.number) + op('catch_all')
         + op('try', EMPTY) + op('throw', c.none) + op('catch', c.none) + op('end') + i32(5) + op('end'),
         [((), (4,))])
    c.finish('exceptions_older')


def standard(script):
    c = Cases(script)
    call = get(0) + get(1) + op('call', c.thrower)
    test = c.test
    test('try_table', 'ii:i', i32(5) + set_(2) + op('block', EMPTY) + op('block', I32_RESULT)
         + try_table(I32_RESULT, clause(CATCH, 0, c.number), clause(CATCH_ALL, 1)) + call + i32(6) + set_(2) + get(0)
         + i32(3) + op('i32.sub') + get(1) + op('call', c.thrower) + op('i32.add') + op('end') + op('end') + get(2)
         + op('i32.add') + op('return') + op('end') + get(2),
         [((0, 7), (20,)), ((2, 7), (1012,)), ((1, 7), (5,)), ((4, 7), (6,)), ((5, 7), (1013,))], 'i', ['try_table'])
    # What is caught with its reference is thrown on, first in the same function, then to the caller.
    inner = c.m.func('ii:i', op('block', block_type(c.m, ':ix')) + try_table(
        EMPTY, clause(CATCH_REF, 0, c.number)) + call + op('return') + op('end') + op('unreachable') + op('end')
        + set_(2) + get(2) + op('throw_ref'), 'x')
    test('throw_ref', 'ii:i', op('block', EMPTY) + op('block', I32_RESULT) + try_table(
        EMPTY, clause(CATCH, 0, c.number), clause(CATCH_ALL, 1)) + get(0) + get(1) + op('call', inner) + op('return')
        + op('end') + op('unreachable') + op('end') + i32(1) + op('i32.add') + op('return') + op('end') + i32(44),
        [((0, 7), (7,)), ((1, 7), (44,)), ((2, 7), (1008,))], covers=['throw_ref'])
    test('throw_ref_null', ':', op('ref.null', b'\x69') + op('throw_ref'), [((), 'null exception reference')])
    test('throw_ref_uncaught', 'ii:i', get(0) + get(1) + op('call', inner),
         [((0, 7), (7,)), ((1, 7), UNCAUGHT), ((2, 7), UNCAUGHT)])
    test('catch_all_ref', 'ii:i', op('block', bytes([wasm.EXNREF])) + try_table(EMPTY, clause(CATCH_ALL_REF, 0)) + call
         + op('return') + op('end') + op('unreachable') + op('end') + op('ref.is_null'),
         [((0, 7), (7,)), ((1, 7), (0,))])
    # The first clause that fits, to the function's own label too, and none.
    test('order', 'ii:i', op('block', I32_RESULT) + try_table(
        I32_RESULT, clause(CATCH, 1, c.number), clause(CATCH, 0, c.number)) + call + op('end') + op('drop') + i32(1)
        + op('end'), [((0, 7), (1,)), ((2, 7), (1007,)), ((1, 7), UNCAUGHT)])
    test('to_loop', 'i:i', op('loop', EMPTY) + try_table(EMPTY, clause(CATCH_ALL, 0)) + get(0) + op('if', EMPTY)
         + get(0) + i32(1) + op('i32.sub') + set_(0) + get(1) + i32(3) + op('i32.add') + set_(1) + op('throw', c.none)
         + op('end') + op('end') + op('end') + get(1), [((0,), (0,)), ((5,), (15,))], 'i')
    test('values', 'FV:iIfFV', op('block', block_type(c.m, ':iIfFV')) + try_table(EMPTY, clause(CATCH, 0, c.all))
         + i32(1) + i64(-2) + wasm.const('f', 0x40490FDB) + get(0) + get(1) + op('throw', c.all) + op('end')
         + op('unreachable') + op('end'),
         [((0x4000000000000001, (128, [3 | 4 << 64])), (1, 2**64 - 2, 0x40490FDB, 0x4000000000000001, (128, [3 | 4 << 64])))])
    # Exceptions in a global, a table and another exception.
    m, cell = c.m, c.m.global_('x', op('ref.null', b'\x69'), True)
    table, carrier = m.table('x', 2), m.tag('xi')
    keep = m.func('ii:', op('block', block_type(m, ':x')) + try_table(EMPTY, clause(CATCH_ALL_REF, 0)) + call + op('drop')
           + op('return') + op('end') + op('unreachable') + op('end') + op('global.set', cell) + i32(1)
           + op('global.get', cell) + op('table.set', table))
    test('keep', 'ii:', get(0) + get(1) + op('call', keep), [((2, 9), ())])
    for name, read in (('global', op('global.get', cell)), ('table', i32(1) + op('table.get', table))):
        test(f'from_{name}', ':i', op('block', I32_RESULT) + try_table(EMPTY, clause(CATCH, 0, c.number)) + read
             + op('throw_ref') + op('end') + op('unreachable') + op('end'), [((), (1009,))])
    test('carried', 'i:i', op('block', I32_RESULT) + try_table(EMPTY, clause(CATCH, 0, c.number))
         + op('block', block_type(m, ':xi')) + try_table(EMPTY, clause(CATCH, 0, carrier)) + op('global.get', cell)
         + get(0) + op('throw', carrier) + op('end') + op('unreachable') + op('end') + op('drop') + op('throw_ref')
         + op('end') + op('unreachable') + op('end') + get(0) + op('i32.add'), [((5,), (1014,))])
    c.finish('exceptions_standard')


def instances(script):
    """Tags have an identity: an imported one is the exporter's, each instance has tags of its own."""
    m = wasm.Module()
    tag = m.tag('i', export='number')
    m.func('i:', get(0) + op('throw', tag), '', 'throw')
    # Calls a function of whoever put it into the table, with handlers around.
    m.table('R', 4, export='table')
    m.func('i:i', op('try', I32_RESULT) + i32(12) + get(0) + op('call_indirect', m.type('i:i'), 0)
           + op('catch', tag) + i32(5000) + op('i32.add') + op('end'), '', 'call')
    script.module('exceptions_a', m)
    script.register('a')

    # A module that knows no exceptions: they pass its frames.
    m = wasm.Module()
    throw = m.import_func('a', 'throw', 'i:')
    m.func('i:i', get(0) + op('call', throw) + i32(1), '', 'through')
    script.module('exceptions_b', m)
    script.register('b')

    m = wasm.Module()
    throw, through = m.import_func('a', 'throw', 'i:'), m.import_func('b', 'through', 'i:i')
    call = m.import_func('a', 'call', 'i:i')
    m.import_table('a', 'table', 'R', 4)
    theirs, ours = m.import_tag('a', 'number', 'i'), m.tag('i')
    calls = []

    def handled(name, body, results):
        m.func(':i', op('try', I32_RESULT) + body + op('catch', ours) + i32(100) + op('i32.add')
               + op('catch', theirs) + i32(200) + op('i32.add') + op('end'), '', name)
        calls.append((name, results))

    handled('theirs', i32(1) + op('call', throw) + i32(0), (201,))
    handled('ours', i32(1) + op('throw', ours), (101,))
    handled('through', i32(1) + op('call', through), (201,))
    f = m.func('i:i', get(0) + op('throw', theirs))
    g = m.func('i:i', get(0) + op('throw', ours))
    h = m.func('i:i', get(0) + op('call', through))
    m.elem_active(i32(0), [f, g, h])
    handled('there', i32(0) + op('call', call), (5012,))
    handled('and_back', i32(1) + op('call', call), (112,))
    handled('through_both', i32(2) + op('call', call), (5012,))
    script.module('exceptions_c', m)
    for name, results in calls:
        script.call(name, ':i', (), results)


def generate(script):
    older(script)
    standard(script)
    instances(script)
