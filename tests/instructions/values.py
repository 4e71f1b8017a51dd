"""Operands worth trying: the edges of each type, and some pseudo-random ones (the same in every run)."""

import random
from fractions import Fraction

from numeric import F32, F64, FORMAT, mask


def integers(n, few=False):
    edges = [0, 1, 2, -1, 1 << (n - 1), (1 << (n - 1)) - 1, (1 << (n - 1)) + 1, -2, n - 1, n, n + 1,
             mask(0x5555555555555555, n), mask(0xAAAAAAAAAAAAAAAA, n), 7, -7, 10, 1 << (n // 2), (1 << (n // 2)) - 1]
    if few:
        edges = edges[:12]
    else:
        source = random.Random(n)
        edges += [source.getrandbits(n) for _ in range(6)]
    return list(dict.fromkeys(mask(e, n) for e in edges))


def nans(f):
    quiet = 1 << (f.mantissa - 1)
    return [f.canonical_nan, f.canonical_nan | f.sign_bit, f.infinity | 1, f.infinity | f.sign_bit | quiet >> 1,
            f.infinity | quiet | 5, f.infinity | (1 << f.mantissa) - 1]


def floats(f, few=False):
    one = f.bias << f.mantissa
    ulp_half = (f.bias - f.mantissa - 1) << f.mantissa
    positive = [0, 1, f.infinity - 1, f.infinity, one, f.round(Fraction(1, 2)), f.round(Fraction(3, 2)),
                1 << f.mantissa, (1 << f.mantissa) - 1, f.round(Fraction(355, 113))]
    if not few:
        positive += [f.round(Fraction(5, 2)), one - 1, one + 1, ulp_half, f.round(Fraction(2) ** f.mantissa),
                     f.round(Fraction(2) ** f.mantissa - Fraction(1, 2)), f.round(Fraction(1, 2)) - 1,
                     f.round(Fraction(2) ** (f.mantissa + 1) + 1), f.round(Fraction(1, 10)), f.round(Fraction(7))]
        source = random.Random(f.width)
        positive += [source.getrandbits(f.width - 1) % f.infinity for _ in range(6)]
    out = []
    for p in positive:
        out += [p, p | f.sign_bit]
    return list(dict.fromkeys(out + (nans(f)[:4] if few else nans(f))))


def for_rounding(f):
    """For ceil, floor, trunc and nearest: around halves and around where all numbers are integers."""
    out = list(floats(f))
    for base in (0, 1, 2, 3, 4, 2 ** 22, 2 ** 23, 2 ** 51, 2 ** 52, 2 ** 31, 2 ** 32, 2 ** 63):
        for part in (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)):
            bits = f.round(base + part)
            for b in (bits - 1, bits, bits + 1):
                out += [b, b | f.sign_bit]
    return list(dict.fromkeys(out))


def for_truncation(f):
    """Around the bounds of the integer types, which conversions to integers test."""
    out = list(floats(f))
    for exponent in (7, 8, 15, 16, 31, 32, 63, 64):
        for delta in (Fraction(-1), Fraction(-1, 2), Fraction(0), Fraction(1, 2), Fraction(1)):
            bits = f.round(2 ** exponent + delta)
            for b in (bits - 1, bits, bits + 1):
                out += [b, b | f.sign_bit]
    return list(dict.fromkeys(out))


def for_conversion(n):
    """Integers whose conversion to floating point rounds: ties and their neighbours."""
    out = list(integers(n))
    for f in (F32, F64):
        for exponent in range(f.mantissa + 1, n):
            half = 1 << (exponent - f.mantissa - 1)
            for tie in ((1 << exponent) + half, (1 << exponent) + 3 * half, (1 << (exponent + 1)) - half):
                out += [tie - 1, tie, tie + 1, -tie]
    return list(dict.fromkeys(mask(x, n) for x in out))


def for_demotion():
    """binary64 numbers around those of binary32 and around the halves between them."""
    out = list(floats(F64))
    for bits in floats(F32):
        if F32.is_nan(bits) or F32.is_infinite(bits) or F32.sign(bits):
            continue
        here = F32.value(bits)
        above = F32.value(bits + 1) if bits + 1 < F32.infinity else Fraction(2) ** 128
        for v in (here, (here + above) / 2):
            b = F64.round(v)
            out += [x | s for x in (max(b - 1, 0), b, b + 1) for s in (0, F64.sign_bit)]
    return list(dict.fromkeys(out))


def of_letter(letter, few=False):
    if letter in 'iI':
        return integers({'i': 32, 'I': 64}[letter], few)
    return floats(FORMAT[letter], few)


def vectors(seed, count):
    source = random.Random(seed)
    return [source.getrandbits(128) for _ in range(count)]
