"""Relaxed vector instructions (specification 2.4.3): the operands on which the choices differ."""

import random
from fractions import Fraction

import cases_simd
import numeric
import relaxed
import simd
import values
import wasm
from cases_simd import pack
from numeric import FORMAT


def instructions():
    return [i for i in wasm.SIGNATURES if '.relaxed_' in i]


def multiply_add(f):
    """a, b and c: every pair of edges with an edge, and with the negated rounded product, the rest of which is what
    one rounding keeps; and some of ordinary size."""
    edges, source = values.floats(f, few=True), random.Random(12)
    triples = [(a, b, source.choice(edges)) for a in edges for b in edges]
    ordinary = [f.round(Fraction(source.randrange(1, 1 << 60))) - (source.randrange(30, 60) << f.mantissa) for _ in range(60)]
    for a, b in [(a, b) for a, b, _ in triples] + list(zip(ordinary, ordinary[1:])):
        product = numeric.mul(f, a, b)
        if isinstance(product, int):
            triples += [(a, b, product ^ f.sign_bit), (a ^ f.sign_bit, b, product)]
    return list(zip(*(pack([t[i] for t in triples], f.width) for i in range(3))))


def bytes_in_pairs():
    """For the dot products: all pairs of edges twice in neighbouring lanes, so that sums of two and of four overflow."""
    edges = [0, 1, 2, 0x7F, 0x80, 0x81, 0xFF, 0x40, 0xC0]
    pairs = [(a, b) for a in edges for b in edges]
    quads = [pair for pair in pairs for _ in range(4)] + [pair for pair in pairs for _ in range(2)]
    return list(zip(*(pack([q[i] for q in quads], 8) for i in range(2))))


def operands(instruction):
    shape, name = instruction.split('.')
    params = wasm.SIGNATURES[instruction].split(':')[0]
    width = int(simd.SHAPE.match(shape).group(2))
    if name.endswith('madd'):
        return multiply_add(FORMAT[width])
    if 'dot' in name:
        pairs = bytes_in_pairs() + list(zip(values.vectors(13, 24), values.vectors(14, 24)))
        thirds = values.vectors(15, len(pairs) - 2) + [0, (1 << 128) - 1]
        return pairs if params == 'VV' else [(a, b, c) for (a, b), c in zip(pairs, thirds)]
    if name == 'relaxed_laneselect':
        ones = (1 << width) - 1
        masks = [0, ones, 1, 1 << (width - 1), ones >> 1, ones - 1, ones >> 4, ones ^ ones >> 4]
        vectors = pack(masks, width) + pack(masks[3:] + masks[:3], width) + values.vectors(16, 16)
        return list(zip(values.vectors(17, len(vectors)), values.vectors(18, len(vectors)), vectors))
    return cases_simd.operands(instruction.replace('relaxed_trunc', 'trunc_sat').replace('relaxed_', '')
                               .replace('q15mulr_s', 'q15mulr_sat_s'))


def generate(script):
    m, later = wasm.Module(), []
    m.memory(1, export='memory')
    for i in instructions():
        cases_simd.emit(script, m, later, i, relaxed.compute, operands(i))
    script.module('simd_relaxed', m)
    for check in later:
        check()
