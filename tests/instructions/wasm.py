"""Encodes WebAssembly modules. The instruction table is written from the specification's appendix and shares
nothing with src/wasm/opcodes.def, so that a wrong line there cannot hide; Node checks this one (README.md)."""

import struct

I32, I64, F32, F64, V128, FUNCREF, EXTERNREF, EXNREF = 0x7F, 0x7E, 0x7D, 0x7C, 0x7B, 0x70, 0x6F, 0x69
LETTER = {'i': I32, 'I': I64, 'f': F32, 'F': F64, 'V': V128, 'R': FUNCREF, 'r': EXTERNREF, 'x': EXNREF}
EMPTY = 0x40  # block type without parameters and results

# name -> (prefix or None, code)
OPCODES = {}
# name -> "params:results" in the letters above; only instructions whose type does not depend on context
SIGNATURES = {}


def _range(prefix, first, names):
    for i, name in enumerate(names.split()):
        if name != '-':
            OPCODES[name] = (prefix, first + i)


def _define():
    _range(None, 0x00, 'unreachable nop block loop if else')
    _range(None, 0x06, 'try catch throw rethrow throw_ref')
    _range(None, 0x18, 'delegate catch_all')
    _range(None, 0x1F, 'try_table')
    _range(None, 0x0B, 'end br br_if br_table return call call_indirect')
    _range(None, 0x1A, 'drop select select_t')
    _range(None, 0x20, 'local.get local.set local.tee global.get global.set table.get table.set')
    _range(None, 0x28, 'i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u '
                       'i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u '
                       'i32.store i64.store f32.store f64.store i32.store8 i32.store16 '
                       'i64.store8 i64.store16 i64.store32 memory.size memory.grow '
                       'i32.const i64.const f32.const f64.const')
    compare = 'eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u'.split()
    fcompare = 'eq ne lt gt le ge'.split()
    arith = ('clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr').split()
    farith = 'abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign'.split()
    code = 0x45
    for t, letter, names in (('i32', 'i', compare), ('i64', 'I', compare), ('f32', 'f', fcompare),
                             ('f64', 'F', fcompare)):
        for n in names:
            OPCODES[f'{t}.{n}'] = (None, code)
            SIGNATURES[f'{t}.{n}'] = (letter if n == 'eqz' else letter * 2) + ':i'
            code += 1
    for t, letter, names in (('i32', 'i', arith), ('i64', 'I', arith), ('f32', 'f', farith), ('f64', 'F', farith)):
        for n in names:
            OPCODES[f'{t}.{n}'] = (None, code)
            unary = n in ('clz', 'ctz', 'popcnt', 'abs', 'neg', 'ceil', 'floor', 'trunc', 'nearest', 'sqrt')
            SIGNATURES[f'{t}.{n}'] = (letter if unary else letter * 2) + ':' + letter
            code += 1
    letter_of = {'i32': 'i', 'i64': 'I', 'f32': 'f', 'f64': 'F'}
    conversions = ('i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u '
                   'i64.extend_i32_s i64.extend_i32_u i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s '
                   'i64.trunc_f64_u f32.convert_i32_s f32.convert_i32_u f32.convert_i64_s f32.convert_i64_u '
                   'f32.demote_f64 f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u '
                   'f64.promote_f32 i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 '
                   'f64.reinterpret_i64')
    saturating = ('i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u '
                  'i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u')
    extensions = 'i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s'
    _range(None, 0xA7, conversions)
    _range(None, 0xC0, extensions)
    _range(0xFC, 0, saturating)
    for name in (conversions + ' ' + saturating).split():
        to, op = name.split('.')
        source = next(p for p in op.split('_') if p in letter_of)
        SIGNATURES[name] = letter_of[source] + ':' + letter_of[to]
    for name in extensions.split():
        SIGNATURES[name] = letter_of[name[:3]] + ':' + letter_of[name[:3]]
    _range(0xFE, 0, 'memory.atomic.notify memory.atomic.wait32 memory.atomic.wait64 atomic.fence')
    SIGNATURES.update({'memory.atomic.notify': 'ii:i', 'memory.atomic.wait32': 'iiI:i',
                       'memory.atomic.wait64': 'iII:i', 'atomic.fence': ':'})
    code = 0x10
    for action in 'load store add sub and or xor xchg cmpxchg'.split():
        for t, n in (('i32', ''), ('i64', ''), ('i32', 8), ('i32', 16), ('i64', 8), ('i64', 16), ('i64', 32)):
            letter = letter_of[t]
            if action in ('load', 'store'):
                name = f'{t}.atomic.{action}{n}' + ('_u' if n and action == 'load' else '')
                SIGNATURES[name] = f'i{letter}:' if action == 'store' else f'i:{letter}'
            else:
                name = f'{t}.atomic.rmw{n}.{action}' + ('_u' if n else '')
                SIGNATURES[name] = f'i{letter * (2 if action == "cmpxchg" else 1)}:{letter}'
            OPCODES[name] = (0xFE, code)
            code += 1
    _range(None, 0x12, 'return_call return_call_indirect call_ref return_call_ref')
    _range(None, 0xD0, 'ref.null ref.is_null ref.func - ref.as_non_null br_on_null br_on_non_null')
    _range(0xFC, 8, 'memory.init data.drop memory.copy memory.fill table.init elem.drop table.copy table.grow '
                    'table.size table.fill')
    _define_simd()


def _define_simd():
    def one(code, name, signature):
        OPCODES[name] = (0xFD, code)
        SIGNATURES[name] = signature

    def row(code, shape, names, signature):
        for i, n in enumerate(names.split()):
            if n != '-':
                one(code + i, f'{shape}.{n}', signature)

    row(0x00, 'v128', 'load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u load8_splat '
                      'load16_splat load32_splat load64_splat', 'i:V')
    one(0x0B, 'v128.store', 'iV:')
    one(0x0C, 'v128.const', ':V')
    one(0x0D, 'i8x16.shuffle', 'VV:V')
    one(0x0E, 'i8x16.swizzle', 'VV:V')
    for i, (shape, letter) in enumerate((('i8x16', 'i'), ('i16x8', 'i'), ('i32x4', 'i'), ('i64x2', 'I'),
                                         ('f32x4', 'f'), ('f64x2', 'F'))):
        one(0x0F + i, f'{shape}.splat', f'{letter}:V')
    code = 0x15
    for shape, letter in (('i8x16', 'i'), ('i16x8', 'i'), ('i32x4', 'i'), ('i64x2', 'I'), ('f32x4', 'f'),
                          ('f64x2', 'F')):
        for suffix in ('_s', '_u') if shape in ('i8x16', 'i16x8') else ('',):
            one(code, f'{shape}.extract_lane{suffix}', f'V:{letter}')
            code += 1
        one(code, f'{shape}.replace_lane', f'V{letter}:V')
        code += 1
    for code, shape in ((0x23, 'i8x16'), (0x2D, 'i16x8'), (0x37, 'i32x4')):
        row(code, shape, 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u', 'VV:V')
    row(0x41, 'f32x4', 'eq ne lt gt le ge', 'VV:V')
    row(0x47, 'f64x2', 'eq ne lt gt le ge', 'VV:V')
    one(0x4D, 'v128.not', 'V:V')
    row(0x4E, 'v128', 'and andnot or xor', 'VV:V')
    one(0x52, 'v128.bitselect', 'VVV:V')
    one(0x53, 'v128.any_true', 'V:i')
    row(0x54, 'v128', 'load8_lane load16_lane load32_lane load64_lane', 'iV:V')
    row(0x58, 'v128', 'store8_lane store16_lane store32_lane store64_lane', 'iV:')
    row(0x5C, 'v128', 'load32_zero load64_zero', 'i:V')
    one(0x5E, 'f32x4.demote_f64x2_zero', 'V:V')
    one(0x5F, 'f64x2.promote_low_f32x4', 'V:V')
    row(0x67, 'f32x4', 'ceil floor trunc nearest', 'V:V')
    for code, name in ((0x74, 'ceil'), (0x75, 'floor'), (0x7A, 'trunc'), (0x94, 'nearest')):
        one(code, f'f64x2.{name}', 'V:V')
    row(0x7C, 'i16x8', 'extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u', 'V:V')
    row(0x7E, 'i32x4', 'extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u', 'V:V')
    one(0x62, 'i8x16.popcnt', 'V:V')
    one(0x82, 'i16x8.q15mulr_sat_s', 'VV:V')
    for base, shape, half in ((0x60, 'i8x16', None), (0x80, 'i16x8', 'i8x16'), (0xA0, 'i32x4', 'i16x8'),
                              (0xC0, 'i64x2', 'i32x4')):
        row(base, shape, 'abs neg', 'V:V')
        row(base + 3, shape, 'all_true bitmask', 'V:i')
        row(base + 0x0B, shape, 'shl shr_s shr_u', 'Vi:V')
        row(base + 0x0E, shape, 'add', 'VV:V')
        row(base + 0x11, shape, 'sub', 'VV:V')
        if shape in ('i8x16', 'i16x8'):
            wide = {'i8x16': 'i16x8', 'i16x8': 'i32x4'}[shape]
            row(base + 5, shape, f'narrow_{wide}_s narrow_{wide}_u', 'VV:V')
            row(base + 0x0F, shape, 'add_sat_s add_sat_u', 'VV:V')
            row(base + 0x12, shape, 'sub_sat_s sub_sat_u', 'VV:V')
            one(base + 0x1B, f'{shape}.avgr_u', 'VV:V')
        if shape != 'i64x2':
            row(base + 0x16, shape, 'min_s min_u max_s max_u', 'VV:V')
        if half:
            one(base + 0x15, f'{shape}.mul', 'VV:V')
            row(base + 7, shape, f'extend_low_{half}_s extend_high_{half}_s extend_low_{half}_u '
                                 f'extend_high_{half}_u', 'V:V')
            row(base + 0x1C, shape, f'extmul_low_{half}_s extmul_high_{half}_s extmul_low_{half}_u '
                                    f'extmul_high_{half}_u', 'VV:V')
    one(0xBA, 'i32x4.dot_i16x8_s', 'VV:V')
    row(0xD6, 'i64x2', 'eq ne lt_s gt_s le_s ge_s', 'VV:V')
    for base, shape in ((0xE0, 'f32x4'), (0xEC, 'f64x2')):
        row(base, shape, 'abs neg - sqrt', 'V:V')
        row(base + 4, shape, 'add sub mul div min max pmin pmax', 'VV:V')
    row(0xF8, 'i32x4', 'trunc_sat_f32x4_s trunc_sat_f32x4_u', 'V:V')
    row(0xFA, 'f32x4', 'convert_i32x4_s convert_i32x4_u', 'V:V')
    row(0xFC, 'i32x4', 'trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero', 'V:V')
    row(0xFE, 'f64x2', 'convert_low_i32x4_s convert_low_i32x4_u', 'V:V')
    one(0x100, 'i8x16.relaxed_swizzle', 'VV:V')
    row(0x101, 'i32x4', 'relaxed_trunc_f32x4_s relaxed_trunc_f32x4_u relaxed_trunc_f64x2_s_zero '
                        'relaxed_trunc_f64x2_u_zero', 'V:V')
    row(0x105, 'f32x4', 'relaxed_madd relaxed_nmadd', 'VVV:V')
    row(0x107, 'f64x2', 'relaxed_madd relaxed_nmadd', 'VVV:V')
    for i, shape in enumerate(('i8x16', 'i16x8', 'i32x4', 'i64x2')):
        one(0x109 + i, f'{shape}.relaxed_laneselect', 'VVV:V')
    row(0x10D, 'f32x4', 'relaxed_min relaxed_max', 'VV:V')
    row(0x10F, 'f64x2', 'relaxed_min relaxed_max', 'VV:V')
    row(0x111, 'i16x8', 'relaxed_q15mulr_s relaxed_dot_i8x16_i7x16_s', 'VV:V')
    one(0x113, 'i32x4.relaxed_dot_i8x16_i7x16_add_s', 'VVV:V')


_define()
for _t, _l in (('i32', 'i'), ('i64', 'I'), ('f32', 'f'), ('f64', 'F')):
    for _n in OPCODES:
        if _n.startswith(_t + '.load'):
            SIGNATURES[_n] = 'i:' + _l
        elif _n.startswith(_t + '.store'):
            SIGNATURES[_n] = 'i' + _l + ':'


def uleb(n):
    out = bytearray()
    while True:
        byte = n & 0x7F
        n >>= 7
        if not n:
            out.append(byte)
            return bytes(out)
        out.append(byte | 0x80)


def sleb(n):
    out = bytearray()
    while True:
        byte = n & 0x7F
        n >>= 7
        if (n == 0 and not byte & 0x40) or (n == -1 and byte & 0x40):
            out.append(byte)
            return bytes(out)
        out.append(byte | 0x80)


def vec(items):
    items = list(items)
    return uleb(len(items)) + b''.join(items)


def ref(heap_type, null=False):
    """A reference type in its long form; an integer is a type index."""
    return (b'\x63' if null else b'\x64') + (sleb(heap_type) if isinstance(heap_type, int) else heap_type)


def name(s):
    return vec(bytes([b]) for b in s.encode())


def op(instruction, *immediates):
    """One instruction. Integers become unsigned LEB128; bytes are taken as they are."""
    prefix, code = OPCODES[instruction]
    out = bytes([code]) if prefix is None else bytes([prefix]) + uleb(code)
    for i in immediates:
        out += i if isinstance(i, bytes) else uleb(i)
    return out


def const(letter, bits):
    """Pushes a constant, given as its unsigned bits."""
    if letter == 'i':
        return op('i32.const', sleb(bits - (bits >> 31 << 32)))
    if letter == 'I':
        return op('i64.const', sleb(bits - (bits >> 63 << 64)))
    if letter == 'f':
        return op('f32.const', struct.pack('<I', bits))
    if letter == 'F':
        return op('f64.const', struct.pack('<Q', bits))
    if letter == 'V':
        return op('v128.const', bits.to_bytes(16, 'little'))
    raise ValueError(letter)


def i32(n):
    return const('i', n & 0xFFFFFFFF)


def i64(n):
    return const('I', n & 0xFFFFFFFFFFFFFFFF)


def get(i):
    return op('local.get', i)


def set_(i):
    return op('local.set', i)


def mem(instruction, offset=0, align=0, lane=None, memory=0):
    flags = (align | 0x40, memory) if memory else (align,)
    return op(instruction, *flags, offset, *(() if lane is None else (bytes([lane]),)))


LOAD = {'i': 'i32.load', 'I': 'i64.load', 'f': 'f32.load', 'F': 'f64.load', 'V': 'v128.load'}
STORE = {'i': 'i32.store', 'I': 'i64.store', 'f': 'f32.store', 'F': 'f64.store', 'V': 'v128.store'}


class Module:
    """A module under construction. Imports must come before definitions of the same kind."""

    def __init__(self):
        self.types, self.imports, self.funcs, self.tables = [], [], [], []
        self.memories, self.globals, self.exports, self.tags = [], [], [], []
        self.elems, self.datas = [], []
        self.nfuncs = self.ntables = self.nmemories = self.nglobals = self.ntags = 0
        self.start = None

    def type(self, signature):
        params, results = signature.split(':')
        encoded = (b'\x60' + vec(bytes([LETTER[c]]) for c in params) + vec(bytes([LETTER[c]]) for c in results))
        if encoded not in self.types:
            self.types.append(encoded)
        return self.types.index(encoded)

    def export(self, export, kind, index):
        if export is not None:
            self.exports.append(name(export) + bytes([kind]) + uleb(index))
        return index

    def import_func(self, module, field, signature):
        self.imports.append(name(module) + name(field) + b'\0' + uleb(self.type(signature)))
        self.nfuncs += 1
        return self.nfuncs - 1

    def import_global(self, module, field, letter, mutable=False):
        self.imports.append(name(module) + name(field) + bytes([3, LETTER[letter], mutable]))
        self.nglobals += 1
        return self.nglobals - 1

    def import_table(self, module, field, letter, lo, hi=None):
        self.imports.append(name(module) + name(field) + bytes([1, LETTER[letter]]) + limits(lo, hi))
        self.ntables += 1
        return self.ntables - 1

    def import_memory(self, module, field, lo, hi=None):
        self.imports.append(name(module) + name(field) + b'\2' + limits(lo, hi))
        self.nmemories += 1
        return self.nmemories - 1

    def import_tag(self, module, field, params):
        self.imports.append(name(module) + name(field) + b'\4\0' + uleb(self.type(params + ':')))
        self.ntags += 1
        return self.ntags - 1

    def tag(self, params, export=None):
        self.tags.append(b'\0' + uleb(self.type(params + ':')))
        self.ntags += 1
        return self.export(export, 4, self.ntags - 1)

    def func(self, signature, body, locals_='', export=None):
        """`body` without the final end; `locals_` are letters."""
        code = vec(b'\1' + bytes([LETTER[c]]) for c in locals_) + body + op('end')
        self.funcs.append((self.type(signature), uleb(len(code)) + code))
        self.nfuncs += 1
        return self.export(export, 0, self.nfuncs - 1)

    def table(self, letter, lo, hi=None, export=None, is64=False):
        self.tables.append(bytes([LETTER[letter]]) + limits(lo, hi, is64=is64))
        self.ntables += 1
        return self.export(export, 1, self.ntables - 1)

    def memory(self, lo, hi=None, export=None, shared=False, is64=False):
        self.memories.append(limits(lo, hi, shared, is64))
        self.nmemories += 1
        return self.export(export, 2, self.nmemories - 1)

    def global_(self, letter, init, mutable=False, export=None):
        self.globals.append(bytes([LETTER[letter], mutable]) + init + op('end'))
        self.nglobals += 1
        return self.export(export, 3, self.nglobals - 1)

    def elem_active(self, offset, funcs, table=0):
        self.elems.append(b'\2' + uleb(table) + offset + op('end') + b'\0' + vec(uleb(f) for f in funcs))
        return len(self.elems) - 1

    def elem_passive(self, letter, exprs):
        """`exprs`: constant expressions without end."""
        self.elems.append(b'\5' + bytes([LETTER[letter]]) + vec(e + op('end') for e in exprs))
        return len(self.elems) - 1

    def elem_declare(self, funcs):
        self.elems.append(b'\3\0' + vec(uleb(f) for f in funcs))
        return len(self.elems) - 1

    def data_active(self, offset, content, memory=0):
        self.datas.append((b'\2' + uleb(memory) if memory else b'\0') + offset + op('end') + uleb(len(content)) + content)
        return len(self.datas) - 1

    def data_passive(self, content):
        self.datas.append(b'\1' + uleb(len(content)) + content)
        return len(self.datas) - 1

    def encode(self):
        out = b'\0asm\1\0\0\0'

        def section(number, content):
            return bytes([number]) + uleb(len(content)) + content

        for number, items in ((1, self.types), (2, self.imports), (3, [uleb(t) for t, _ in self.funcs]),
                              (4, self.tables), (5, self.memories), (13, self.tags), (6, self.globals),
                              (7, self.exports)):
            if items:
                out += section(number, vec(items))
        if self.start is not None:
            out += section(8, uleb(self.start))
        if self.elems:
            out += section(9, vec(self.elems))
        if self.datas:
            out += section(12, uleb(len(self.datas)))
        if self.funcs:
            out += section(10, vec(code for _, code in self.funcs))
        if self.datas:
            out += section(11, vec(self.datas))
        return out


def limits(lo, hi=None, shared=False, is64=False):
    return bytes([(hi is not None) | 2 * shared | 4 * is64]) + uleb(lo) + (b'' if hi is None else uleb(hi))
