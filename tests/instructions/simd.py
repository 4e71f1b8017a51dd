"""What the vector instructions compute (specification 4.3.6, 4.4.3). A vector is a list of lanes; lane() and
join() convert from and to 128-bit integers. A lane of a result may be a class of NaNs (numeric.py)."""

import re

import numeric
from numeric import FORMAT, mask, signed

SHAPE = re.compile(r'([if])(8|16|32|64)x(\d+)')


def lanes(v, width):
    return [v >> i & ((1 << width) - 1) for i in range(0, 128, width)]


def join(items, width):
    v = 0
    for i, x in enumerate(items):
        v |= x << (i * width)
    return v


def compute(instruction, immediates=()):
    """A function from operands (bits) to (width, lanes) for a vector result or to an integer for a scalar one."""
    shape, name = instruction.split('.')
    if shape == 'v128':
        return _bitwise(name)
    kind, width, count = SHAPE.fullmatch(shape).groups()
    width, count = int(width), int(count)
    inner = SHAPE.search(name)
    if inner:
        return _between_shapes(name, kind, width, *(inner.group(1), int(inner.group(2))))
    if name == 'splat':
        return lambda a: (width, [mask(a, width)] * count)
    if name.startswith('extract_lane'):
        to = max(width, 32)
        if name.endswith('_s'):
            return lambda v: mask(signed(lanes(v, width)[immediates[0]], width), to)
        return lambda v: lanes(v, width)[immediates[0]]
    if name == 'replace_lane':
        def replace(v, a):
            out = lanes(v, width)
            out[immediates[0]] = mask(a, width)
            return width, out
        return replace
    if name == 'shuffle':
        return lambda a, b: (8, [(lanes(a, 8) + lanes(b, 8))[i] for i in immediates])
    if name == 'swizzle':
        return lambda a, b: (8, [lanes(a, 8)[i] if i < 16 else 0 for i in lanes(b, 8)])
    if name == 'all_true':
        return lambda v: int(all(lanes(v, width)))
    if name == 'bitmask':
        return lambda v: sum((x >> (width - 1)) << i for i, x in enumerate(lanes(v, width)))
    if name in ('shl', 'shr_s', 'shr_u'):
        return lambda v, b: (width, [numeric.INT_BINARY[name](width, x, b) for x in lanes(v, width)])
    return _lanewise(kind, width, name)


def _lanewise(kind, width, name):
    if kind == 'f':
        unary, binary, compare, f = numeric.FLOAT_UNARY, numeric.FLOAT_BINARY, numeric.FLOAT_COMPARE, FORMAT[width]
    else:
        unary, binary, compare, f = numeric.INT_UNARY, numeric.INT_BINARY, numeric.INT_COMPARE, width
    if name in unary:
        return lambda v: (width, [unary[name](f, x) for x in lanes(v, width)])
    if name in binary:
        return lambda v, w: (width, [binary[name](f, x, y) for x, y in zip(lanes(v, width), lanes(w, width))])
    ones = (1 << width) - 1
    return lambda v, w: (width, [ones if compare[name](f, x, y) else 0
                                 for x, y in zip(lanes(v, width), lanes(w, width))])


def _bitwise(name):
    return {
        'not': lambda a: (128, [mask(~a, 128)]),
        'and': lambda a, b: (128, [a & b]),
        'andnot': lambda a, b: (128, [a & ~b]),
        'or': lambda a, b: (128, [a | b]),
        'xor': lambda a, b: (128, [a ^ b]),
        'bitselect': lambda a, b, c: (128, [a & c | b & mask(~c, 128)]),
        'any_true': lambda a: int(a != 0),
    }[name]


def _between_shapes(name, kind, width, from_kind, from_width):
    is_signed = '_s' in name.replace('_sat', '').replace('_splat', '')

    def value(x):
        return signed(x, from_width) if is_signed else x

    def half(v):
        all_ = lanes(v, from_width)
        return all_[len(all_) // 2:] if 'high' in name else all_[:len(all_) // 2]

    if name.startswith('narrow'):
        saturate = numeric.saturate_signed if is_signed else numeric.saturate_unsigned
        return lambda a, b: (width, [saturate(signed(x, from_width), width)
                                     for x in lanes(a, from_width) + lanes(b, from_width)])
    if name.startswith('extend_'):
        return lambda a: (width, [mask(value(x), width) for x in half(a)])
    if name.startswith('extmul'):
        return lambda a, b: (width, [mask(value(x) * value(y), width) for x, y in zip(half(a), half(b))])
    if name.startswith('extadd'):
        return lambda a: (width, [mask(value(x) + value(y), width)
                                  for x, y in zip(lanes(a, from_width)[::2], lanes(a, from_width)[1::2])])
    if name.startswith('dot'):
        def dot(a, b):
            products = [value(x) * value(y) for x, y in zip(lanes(a, from_width), lanes(b, from_width))]
            return width, [mask(p + q, width) for p, q in zip(products[::2], products[1::2])]
        return dot
    if name.startswith('trunc_sat'):
        def truncate(v):
            out = [numeric.truncate_saturating(FORMAT[from_width], x, width, is_signed)
                   for x in lanes(v, from_width)]
            return width, out + [0] * (128 // width - len(out))
        return truncate
    if name.startswith('convert'):
        return lambda v: (width, [numeric.convert(FORMAT[width], x, from_width, is_signed)
                                  for x in lanes(v, from_width)[:128 // width]])
    if name.startswith('demote'):
        return lambda v: (32, [numeric.demote(x) for x in lanes(v, 64)] + [0, 0])
    assert name.startswith('promote'), name
    return lambda v: (64, [numeric.promote(x) for x in lanes(v, 32)[:2]])
