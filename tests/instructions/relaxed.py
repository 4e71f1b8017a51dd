"""What the relaxed vector instructions may compute (specification 4.3.6 and "Relaxed Operations"): where the choice
is the implementation's, a lane is a Choice of results, that of the deterministic profile first. An implementation
takes the same place of every choice of an instruction."""

import numeric
import simd
from numeric import FORMAT, mask, saturate_signed, signed
from simd import lanes


class Choice(tuple):
    """The results that a lane may have."""


def compute(instruction, immediates=()):
    shape, name = instruction.split('.')
    kind, width = simd.SHAPE.match(shape).group(1), int(simd.SHAPE.match(shape).group(2))
    if name == 'relaxed_swizzle':
        return _swizzle
    if name.startswith('relaxed_trunc'):
        return _truncate(instruction)
    if name in ('relaxed_madd', 'relaxed_nmadd'):
        return _multiply_add(FORMAT[width], name == 'relaxed_nmadd')
    if name == 'relaxed_laneselect':
        return lambda a, b, m: (width, [_select(width, *of_lane)
                                        for of_lane in zip(lanes(a, width), lanes(b, width), lanes(m, width))])
    if name in ('relaxed_min', 'relaxed_max'):
        return lambda a, b: (width, [_minimum(FORMAT[width], name[8:], x, y)
                                     for x, y in zip(lanes(a, width), lanes(b, width))])
    if name == 'relaxed_q15mulr_s':
        return lambda a, b: (16, [Choice((0x7FFF, 0x8000)) if x == y == 0x8000 else
                                  numeric.INT_BINARY['q15mulr_sat_s'](16, x, y)
                                  for x, y in zip(lanes(a, 16), lanes(b, 16))])
    return {'relaxed_dot_i8x16_i7x16_s': _dot, 'relaxed_dot_i8x16_i7x16_add_s': _dot_add}[name]


def _swizzle(a, b):
    v = lanes(a, 8)
    return 8, [v[i] if i < 16 else Choice((0, v[i % 16])) if i < 128 else 0 for i in lanes(b, 8)]


def _truncate(instruction):
    saturating = simd.compute(instruction.replace('relaxed_trunc', 'trunc_sat'))
    is_signed = '_s' in instruction
    f = FORMAT[32 if 'f32x4' in instruction else 64]
    lo, hi = (-1 << 31, 1 << 31) if is_signed else (0, 1 << 32)

    def in_range(x):
        return not f.is_nan(x) and not f.is_infinite(x) and lo <= int(f.value(x)) < hi  # int() truncates

    def truncate(v):
        width, out = saturating(v)
        return width, [Choice((o, 1 << 31 if is_signed else 0xFFFFFFFF)) if i < 128 // f.width and
                       not in_range(lanes(v, f.width)[i]) else o for i, o in enumerate(out)]
    return truncate


def fma(f, a, b, c):
    """a * b + c, rounded once."""
    product = numeric.mul(f, a, b)
    if product in (numeric.CANONICAL, numeric.ARITHMETIC) or f.is_nan(c):
        return f.nan(a, b, c)
    infinite = f.is_infinite(a) or f.is_infinite(b)
    if infinite or f.is_infinite(c):
        return numeric.add(f, product if infinite else 0, c)
    value = f.value(a) * f.value(b)
    zero_sign = f.sign(a) ^ f.sign(b) if value == 0 else f.sign_bit
    return f.round(value + f.value(c), zero_sign=zero_sign & f.sign(c) if f.value(c) == 0 else 0)


def multiply_then_add(f, a, b, c):
    """a * b + c, rounded twice."""
    product = numeric.mul(f, a, b)
    if product in (numeric.CANONICAL, numeric.ARITHMETIC) or f.is_nan(c):
        return f.nan(a, b, c)
    return numeric.add(f, product, c)


def _multiply_add(f, negated):
    flip = f.sign_bit if negated else 0
    return lambda a, b, c: (f.width, [Choice((multiply_then_add(f, x ^ flip, y, z), fma(f, x ^ flip, y, z)))
                                      for x, y, z in zip(lanes(a, f.width), lanes(b, f.width), lanes(c, f.width))])


def _select(width, a, b, m):
    whole = a if m >> (width - 1) else b
    return Choice((a & m | b & mask(~m, width), whole))


def _minimum(f, name, a, b):
    ordinary = numeric.FLOAT_BINARY[name](f, a, b)
    if f.is_nan(a):
        return Choice((ordinary, a, b, b))
    if f.is_nan(b):
        return Choice((ordinary, a, b, a))
    if not (a | b) & ~f.sign_bit and a != b:
        return Choice((ordinary, a, b, f.sign_bit if name == 'min' else 0))
    return ordinary


def _products(a, b):
    """Sums of two products each: of signed and signed, of signed and unsigned bytes."""
    signed_a, b = [signed(x, 8) for x in lanes(a, 8)], lanes(b, 8)
    for right in ([signed(x, 8) for x in b], b):
        products = [x * y for x, y in zip(signed_a, right)]
        yield [x + y for x, y in zip(products[::2], products[1::2])]


def _dot(a, b):
    return 16, [Choice(saturate_signed(s, 16) for s in sums) for sums in zip(*_products(a, b))]


def _dot_add(a, b, c):
    """The proposal allows the sums of two to be saturated or not (specification: saturated)."""
    sums = list(_products(a, b))
    pairs = [[signed(saturate_signed(x, 16), 16) for x in s] for s in sums] + sums
    return 32, [Choice(mask(p[2 * i] + p[2 * i + 1] + z, 32) for p in pairs) for i, z in enumerate(lanes(c, 32))]
