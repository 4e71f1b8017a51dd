"""Numbers: text to bits (specification 6.3.1, 6.3.2), and LEB128."""

import functools
import re

from .lexer import HEX, WatError

DEC = r"[0-9](?:_?[0-9])*"
INTEGER = re.compile(rf"([+-]?)(?:0x({HEX})|({DEC}))\Z")
NATURAL = re.compile(rf"(?:0x({HEX})|({DEC}))\Z")
FLOAT = re.compile(
    rf"([+-]?)(?:0x({HEX})(?:\.({HEX})?)?(?:[pP]([+-]?{DEC}))?"
    rf"|({DEC})(?:\.({DEC})?)?(?:[eE]([+-]?{DEC}))?|(inf)|(nan)(?::0x({HEX}))?)\Z")
# Bits of mantissa and exponent.
FORMATS = {32: (23, 8), 64: (52, 11)}


def natural(text, bits):
    match = NATURAL.match(text)
    if not match:
        raise WatError(f"unexpected token {text}")
    value = int(match[1].replace("_", ""), 16) if match[1] else int(match[2].replace("_", ""))
    if value >> bits:
        raise WatError("i32 constant out of range")
    return value


@functools.lru_cache(1 << 16)
def integer(text, bits):
    """A signed or unsigned integer of `bits` bits, as an unsigned one."""
    match = INTEGER.match(text)
    if not match:
        raise WatError(f"unexpected token {text}")
    value = int(match[2].replace("_", ""), 16) if match[2] else int(match[3].replace("_", ""))
    if match[1] == "-":
        value = -value
    if not -(1 << (bits - 1)) <= value < 1 << bits:
        raise WatError(f"constant out of range: {text} in {bits} bits")
    return value & ((1 << bits) - 1)


def round_ratio(numerator, denominator, width):
    """The bits of the positive float that is nearest to a ratio of positive integers, ties to even."""
    mantissa_bits, exponent_bits = FORMATS[width]
    bias = (1 << (exponent_bits - 1)) - 1
    # 2^exponent <= ratio < 2^(exponent + 1), then the unit in the last place, which subnormal numbers share.
    exponent = numerator.bit_length() - denominator.bit_length()
    if exponent >= 0:
        exponent -= numerator < denominator << exponent
    else:
        exponent -= numerator << -exponent < denominator
    unit = max(exponent, 1 - bias) - mantissa_bits
    if unit >= 0:
        denominator <<= unit
    else:
        numerator <<= -unit
    mantissa, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and mantissa & 1):
        mantissa += 1
    # A mantissa that was rounded up to the next power of two carries into the exponent, as it should.
    bits = mantissa + (max(exponent, 1 - bias) + bias - 1 << mantissa_bits)
    if bits >> mantissa_bits >= (1 << exponent_bits) - 1:
        raise WatError("constant out of range")
    return bits


@functools.lru_cache(1 << 16)
def float_bits(text, width):
    match = FLOAT.match(text)
    if not match:
        raise WatError(f"unexpected token {text}")
    sign, hexadecimal, hex_fraction, hex_exponent, decimal, fraction, exponent, infinity, nan, payload = match.groups()
    mantissa_bits, exponent_bits = FORMATS[width]
    top = ((1 << exponent_bits) - 1) << mantissa_bits
    if infinity:
        bits = top
    elif nan:
        bits = 1 << (mantissa_bits - 1) if payload is None else int(payload.replace("_", ""), 16)
        if not 0 < bits < 1 << mantissa_bits:
            raise WatError("constant out of range")
        bits |= top
    else:
        base, digits, after, power = 10, decimal, fraction, exponent
        if hexadecimal:
            base, digits, after, power = 16, hexadecimal, hex_fraction, hex_exponent
        after = (after or "").replace("_", "")
        value = int(digits.replace("_", "") + after, base)
        power = int((power or "0").replace("_", ""))
        bits = scale(value, base, len(after), power, width) if value else 0
    return bits | (1 << (width - 1) if sign == "-" else 0)


def scale(value, base, decimals, power, width):
    """value * base^-decimals * (10 or 2)^power, rounded."""
    radix = 10
    if base == 16:
        radix, power = 2, power - 4 * decimals
    else:
        power -= decimals
    # Far outside the range of numbers: spare the huge powers.
    magnitude = value.bit_length() + power * (1 if radix == 2 else 3)
    if power > 0 and magnitude > 5000:
        raise WatError("constant out of range")
    if power < 0 and magnitude < -5000:
        return 0
    return round_ratio(value * radix ** power, 1, width) if power >= 0 else round_ratio(value, radix ** -power, width)


def unsigned(value):
    if value < 128:
        return BYTES[value]
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value):
    out = bytearray()
    while not -64 <= value < 64:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value & 127)
    return bytes(out)


BYTES = [bytes([i]) for i in range(256)]
