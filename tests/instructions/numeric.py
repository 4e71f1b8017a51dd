"""What the numeric instructions compute (specification 4.3), in exact arithmetic: integers, fractions, and one
rounding at the end. Values are unsigned bit patterns. A floating-point result that the specification leaves open
is one of CANONICAL and ARITHMETIC; a trap is raised as Trap."""

from fractions import Fraction
from math import isqrt


class Trap(Exception):
    pass


CANONICAL, ARITHMETIC = 'canonical NaN', 'arithmetic NaN'
WIDTH = {'i': 32, 'I': 64, 'f': 32, 'F': 64, 'V': 128}


def signed(bits, n):
    return bits - (bits >> (n - 1) << n)


def mask(value, n):
    return value & ((1 << n) - 1)


class Format:
    """An IEEE 754 binary format."""

    def __init__(self, width, mantissa):
        self.width, self.mantissa = width, mantissa
        self.exponent_mask = (1 << (width - 1 - mantissa)) - 1
        self.bias = self.exponent_mask >> 1
        self.sign_bit = 1 << (width - 1)
        self.infinity = self.exponent_mask << mantissa
        self.canonical_nan = self.infinity | 1 << (mantissa - 1)

    def is_nan(self, bits):
        return bits & ~self.sign_bit > self.infinity

    def is_infinite(self, bits):
        return bits & ~self.sign_bit == self.infinity

    def sign(self, bits):
        return bits & self.sign_bit

    def value(self, bits):
        """The exact value of a finite number."""
        exponent = bits >> self.mantissa & self.exponent_mask
        fraction = bits & ((1 << self.mantissa) - 1)
        assert exponent != self.exponent_mask
        if exponent:
            fraction |= 1 << self.mantissa
        scale = max(exponent, 1) - self.bias - self.mantissa
        magnitude = Fraction(fraction << scale) if scale >= 0 else Fraction(fraction, 1 << -scale)
        return -magnitude if bits & self.sign_bit else magnitude

    def round(self, value, zero_sign=0, sticky=False):
        """The nearest number, ties to even; `zero_sign` is the sign bit of an exact zero. With `sticky` the true
        magnitude is a little larger than `value`, which must then be no tie and no number itself below."""
        if value == 0:
            return zero_sign
        sign = self.sign_bit if value < 0 else 0
        value = abs(value)
        # Largest e with 2^e <= value, but not below the subnormals' exponent.
        e = value.numerator.bit_length() - value.denominator.bit_length()
        if (value.numerator << max(-e, 0)) < (value.denominator << max(e, 0)):
            e -= 1
        e = max(e, 1 - self.bias)
        ulp = e - self.mantissa
        scaled = value / (1 << ulp) if ulp >= 0 else value * (1 << -ulp)
        quotient, rest = divmod(scaled.numerator, scaled.denominator)
        twice = 2 * rest
        if twice > scaled.denominator or (twice == scaled.denominator and (quotient & 1 or sticky)):
            quotient += 1
        # The carry out of the significand is the next exponent.
        bits = quotient + ((e + self.bias - 1) << self.mantissa)
        return sign | min(bits, self.infinity)

    def nan(self, *operands):
        """The result of an operation that yields a NaN (specification 4.3.3, NaN propagation)."""
        for o in operands:
            if self.is_nan(o) and o & ~self.sign_bit != self.canonical_nan:
                return ARITHMETIC
        return CANONICAL


F32, F64 = Format(32, 23), Format(64, 52)
FORMAT = {'f': F32, 'F': F64, 32: F32, 64: F64}


def sqrt(f, a):
    if f.is_nan(a) or (a & f.sign_bit and a != f.sign_bit):
        return f.nan(a)
    if f.is_infinite(a) or a & ~f.sign_bit == 0:
        return a
    value = f.value(a)
    # Scale by an even power of two until the root has far more bits than the format; what isqrt cuts off
    # is then only a matter of more or less than half an ulp.
    shift = 2 * (f.width + f.bias + 8)
    root = isqrt((value.numerator << shift) // value.denominator)
    exact = Fraction(root * root, 1 << shift) == value
    return f.round(Fraction(root, 1 << shift // 2), sticky=not exact)


def _round_to_integral(f, a, how):
    if f.is_nan(a):
        return f.nan(a)
    if f.is_infinite(a):
        return a
    return f.round(Fraction(how(f.value(a))), zero_sign=f.sign(a))


def ceil(f, a):
    return _round_to_integral(f, a, lambda v: -(-v.numerator // v.denominator))


def floor(f, a):
    return _round_to_integral(f, a, lambda v: v.numerator // v.denominator)


def trunc(f, a):
    return _round_to_integral(f, a, lambda v: abs(v.numerator) // v.denominator * (-1 if v < 0 else 1))


def nearest(f, a):
    return _round_to_integral(f, a, round)  # Fraction rounds ties to even


def add(f, a, b):
    if f.is_nan(a) or f.is_nan(b):
        return f.nan(a, b)
    if f.is_infinite(a):
        return f.nan() if f.is_infinite(b) and f.sign(a) != f.sign(b) else a
    if f.is_infinite(b):
        return b
    return f.round(f.value(a) + f.value(b), zero_sign=f.sign(a) & f.sign(b))


def sub(f, a, b):
    return f.nan(a, b) if f.is_nan(b) else add(f, a, b ^ f.sign_bit)


def mul(f, a, b):
    if f.is_nan(a) or f.is_nan(b):
        return f.nan(a, b)
    sign = f.sign(a) ^ f.sign(b)
    if f.is_infinite(a) or f.is_infinite(b):
        return f.nan() if not (a & ~f.sign_bit and b & ~f.sign_bit) else sign | f.infinity
    return f.round(f.value(a) * f.value(b), zero_sign=sign)


def div(f, a, b):
    if f.is_nan(a) or f.is_nan(b):
        return f.nan(a, b)
    sign = f.sign(a) ^ f.sign(b)
    if f.is_infinite(a):
        return f.nan() if f.is_infinite(b) else sign | f.infinity
    if f.is_infinite(b):
        return sign
    if b & ~f.sign_bit == 0:
        return f.nan() if a & ~f.sign_bit == 0 else sign | f.infinity
    return f.round(f.value(a) / f.value(b), zero_sign=sign)


def _order(f, a):
    """A key that orders numbers, with -0 below +0."""
    return -(a & ~f.sign_bit) - 1 if a & f.sign_bit else a


def min_(f, a, b):
    return f.nan(a, b) if f.is_nan(a) or f.is_nan(b) else min(a, b, key=lambda x: _order(f, x))


def max_(f, a, b):
    return f.nan(a, b) if f.is_nan(a) or f.is_nan(b) else max(a, b, key=lambda x: _order(f, x))


def less(f, a, b):
    if f.is_nan(a) or f.is_nan(b):
        return False
    if a & ~f.sign_bit == 0 and b & ~f.sign_bit == 0:
        return False
    return _order(f, a) < _order(f, b)


def equal(f, a, b):
    if f.is_nan(a) or f.is_nan(b):
        return False
    return a == b or (a & ~f.sign_bit == 0 and b & ~f.sign_bit == 0)


def pmin(f, a, b):
    return b if less(f, b, a) else a


def pmax(f, a, b):
    return b if less(f, a, b) else a


FLOAT_UNARY = {
    'abs': lambda f, a: a & ~f.sign_bit,
    'neg': lambda f, a: a ^ f.sign_bit,
    'ceil': ceil, 'floor': floor, 'trunc': trunc, 'nearest': nearest, 'sqrt': sqrt,
}
FLOAT_BINARY = {
    'add': add, 'sub': sub, 'mul': mul, 'div': div, 'min': min_, 'max': max_, 'pmin': pmin, 'pmax': pmax,
    'copysign': lambda f, a, b: a & ~f.sign_bit | b & f.sign_bit,
}
FLOAT_COMPARE = {
    'eq': equal,
    'ne': lambda f, a, b: not equal(f, a, b),
    'lt': less,
    'gt': lambda f, a, b: less(f, b, a),
    'le': lambda f, a, b: less(f, a, b) or equal(f, a, b),
    'ge': lambda f, a, b: less(f, b, a) or equal(f, a, b),
}


def _quotient(a, b):
    return abs(a) // abs(b) * (-1 if (a < 0) != (b < 0) else 1)


def _div_s(n, a, b):
    if b == 0:
        raise Trap('integer divide by zero')
    q = _quotient(signed(a, n), signed(b, n))
    if q == 1 << (n - 1):
        raise Trap('integer overflow')
    return mask(q, n)


def _rem_s(n, a, b):
    if b == 0:
        raise Trap('integer divide by zero')
    a, b = signed(a, n), signed(b, n)
    return mask(a - b * _quotient(a, b), n)


def _divide_unsigned(take):
    def compute(n, a, b):
        if b == 0:
            raise Trap('integer divide by zero')
        return divmod(a, b)[take]
    return compute


def clamp(value, lo, hi):
    return max(lo, min(hi, value))


def saturate_signed(value, n):
    return mask(clamp(value, -(1 << (n - 1)), (1 << (n - 1)) - 1), n)


def saturate_unsigned(value, n):
    return clamp(value, 0, (1 << n) - 1)


def rotl(n, a, b):
    b %= n
    return mask(a << b | a >> (n - b), n)


INT_UNARY = {
    'clz': lambda n, a: n - a.bit_length(),
    'ctz': lambda n, a: (a & -a).bit_length() - 1 if a else n,
    'popcnt': lambda n, a: bin(a).count('1'),
    'extend8_s': lambda n, a: mask(signed(a & 0xFF, 8), n),
    'extend16_s': lambda n, a: mask(signed(a & 0xFFFF, 16), n),
    'extend32_s': lambda n, a: mask(signed(a & 0xFFFFFFFF, 32), n),
    'abs': lambda n, a: mask(abs(signed(a, n)), n),
    'neg': lambda n, a: mask(-a, n),
}
INT_BINARY = {
    'add': lambda n, a, b: mask(a + b, n),
    'sub': lambda n, a, b: mask(a - b, n),
    'mul': lambda n, a, b: mask(a * b, n),
    'div_s': _div_s,
    'div_u': _divide_unsigned(0),
    'rem_s': _rem_s,
    'rem_u': _divide_unsigned(1),
    'and': lambda n, a, b: a & b,
    'or': lambda n, a, b: a | b,
    'xor': lambda n, a, b: a ^ b,
    'shl': lambda n, a, b: mask(a << b % n, n),
    'shr_s': lambda n, a, b: mask(signed(a, n) >> b % n, n),
    'shr_u': lambda n, a, b: a >> b % n,
    'rotl': rotl,
    'rotr': lambda n, a, b: rotl(n, a, n - b % n),
    'min_s': lambda n, a, b: min(a, b, key=lambda x: signed(x, n)),
    'max_s': lambda n, a, b: max(a, b, key=lambda x: signed(x, n)),
    'min_u': lambda n, a, b: min(a, b),
    'max_u': lambda n, a, b: max(a, b),
    'add_sat_s': lambda n, a, b: saturate_signed(signed(a, n) + signed(b, n), n),
    'add_sat_u': lambda n, a, b: saturate_unsigned(a + b, n),
    'sub_sat_s': lambda n, a, b: saturate_signed(signed(a, n) - signed(b, n), n),
    'sub_sat_u': lambda n, a, b: saturate_unsigned(a - b, n),
    'avgr_u': lambda n, a, b: (a + b + 1) >> 1,
    'q15mulr_sat_s': lambda n, a, b: saturate_signed((signed(a, n) * signed(b, n) + 0x4000) >> 15, n),
}
INT_COMPARE = {
    'eq': lambda n, a, b: a == b,
    'ne': lambda n, a, b: a != b,
    'lt_s': lambda n, a, b: signed(a, n) < signed(b, n),
    'lt_u': lambda n, a, b: a < b,
    'gt_s': lambda n, a, b: signed(a, n) > signed(b, n),
    'gt_u': lambda n, a, b: a > b,
    'le_s': lambda n, a, b: signed(a, n) <= signed(b, n),
    'le_u': lambda n, a, b: a <= b,
    'ge_s': lambda n, a, b: signed(a, n) >= signed(b, n),
    'ge_u': lambda n, a, b: a >= b,
}


def truncate(f, a, n, is_signed):
    """iNN.trunc_fMM: the integer, or a trap."""
    if f.is_nan(a):
        raise Trap('invalid conversion to integer')
    lo, hi = (-(1 << (n - 1)), (1 << (n - 1)) - 1) if is_signed else (0, (1 << n) - 1)
    if f.is_infinite(a):
        raise Trap('integer overflow')
    v = f.value(a)
    i = abs(v.numerator) // v.denominator * (-1 if v < 0 else 1)
    if not lo <= i <= hi:
        raise Trap('integer overflow')
    return mask(i, n)


def truncate_saturating(f, a, n, is_signed):
    if f.is_nan(a):
        return 0
    lo, hi = (-(1 << (n - 1)), (1 << (n - 1)) - 1) if is_signed else (0, (1 << n) - 1)
    if f.is_infinite(a):
        return mask(lo if f.sign(a) else hi, n)
    v = f.value(a)
    return mask(clamp(abs(v.numerator) // v.denominator * (-1 if v < 0 else 1), lo, hi), n)


def convert(f, a, n, is_signed):
    return f.round(Fraction(signed(a, n) if is_signed else a))


def demote(a):
    if F64.is_nan(a):
        return F64.nan(a)
    sign = F32.sign_bit if F64.sign(a) else 0
    return sign | F32.infinity if F64.is_infinite(a) else F32.round(F64.value(a), zero_sign=sign)


def promote(a):
    if F32.is_nan(a):
        return F32.nan(a)
    sign = F64.sign_bit if F32.sign(a) else 0
    return sign | F64.infinity if F32.is_infinite(a) else F64.round(F32.value(a), zero_sign=sign)


def scalar(instruction):
    """The function from operands to the result of a scalar numeric instruction."""
    to, name = instruction.split('.')
    n = int(to[1:])
    source = next((p for p in name.split('_') if p in ('i32', 'i64', 'f32', 'f64')), None)
    if source:
        is_signed = name.endswith('_s')
        m = int(source[1:])
        if name.startswith('reinterpret'):
            return lambda a: a
        if name.startswith('wrap'):
            return lambda a: mask(a, n)
        if name.startswith('extend_'):
            return lambda a: mask(signed(a, m), n) if is_signed else a
        if name.startswith('trunc_sat'):
            return lambda a: truncate_saturating(FORMAT[m], a, n, is_signed)
        if name.startswith('trunc'):
            return lambda a: truncate(FORMAT[m], a, n, is_signed)
        if name.startswith('convert'):
            return lambda a: convert(FORMAT[n], a, m, is_signed)
        return {'demote': demote, 'promote': promote}[name.split('_')[0]]
    if to[0] == 'f':
        f = FORMAT[n]
        if name in FLOAT_UNARY:
            return lambda a: FLOAT_UNARY[name](f, a)
        if name in FLOAT_BINARY:
            return lambda a, b: FLOAT_BINARY[name](f, a, b)
        return lambda a, b: int(FLOAT_COMPARE[name](f, a, b))
    if name == 'eqz':
        return lambda a: int(a == 0)
    if name in INT_UNARY:
        return lambda a: INT_UNARY[name](n, a)
    if name in INT_BINARY:
        return lambda a, b: INT_BINARY[name](n, a, b)
    return lambda a, b: int(INT_COMPARE[name](n, a, b))
