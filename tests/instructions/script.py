"""The test script: modules, and what calling into them must give. run.c and node.mjs execute it; README.md
describes its lines."""

import os

from numeric import ARITHMETIC, CANONICAL, WIDTH
from relaxed import Choice

IN, OUT = 64, 4096  # addresses in the guest's memory of operands and results


def little(bits, nbytes):
    return bits.to_bytes(nbytes, 'little').hex()


def pattern(width, lanes):
    """The expected bytes of lanes of `width` bits, each a number, a class of NaNs, or a choice of these."""
    nbytes = width // 8

    def item(lane):
        if isinstance(lane, Choice):
            return '|'.join(map(item, lane)) if len(set(lane)) > 1 else item(lane[0])
        if lane is CANONICAL:
            return f'c{nbytes}'
        return f'a{nbytes}' if lane is ARITHMETIC else 'x' + little(lane, nbytes)

    return ','.join(map(item, lanes))


def expected(letter, result):
    """`result` of letter's type: bits, a class of NaNs, or (width, lanes)."""
    if isinstance(result, tuple):
        return pattern(*result)
    return pattern(WIDTH[letter], [result])


TYPE = {'i': 'i32', 'I': 'i64', 'f': 'f32', 'F': 'f64', 'V': 'v128', 'R': 'funcref', 'r': 'externref'}


def value(letter, x):
    """An argument or an expected result: bits, a class of NaNs, (width, lanes); for references None, 'any' (not
    null) or the number that stands for a host object."""
    if letter in 'Rr':
        return f'{TYPE[letter]}:{"null" if x is None else x}'
    return f'{TYPE[letter]}:{expected(letter, x)}'


class Script:
    def __init__(self, directory, file):
        self.directory, self.file = directory, file
        self.lines = []
        self.covered = {}
        self.checks = 0

    def module(self, name, module):
        """Instantiates `module`; the lines that follow are about it."""
        with open(os.path.join(self.directory, name + '.wasm'), 'wb') as file:
            file.write(module.encode())
        self.lines.append(f'module {name}.wasm')

    def register(self, name):
        """Offers the current instance's exports to later modules."""
        self.lines.append(f'register {name}')

    def covers(self, *instructions):
        for i in instructions:
            self.covered[i] = self.covered.get(i, 0) + 1

    def run(self, function, operands, expect):
        """Writes `operands`, (letter, bits) each, 16 bytes apart to IN, calls function(IN, OUT) and expects the
        pattern at OUT."""
        self.lines.append(f'run {function} {self._operands(operands)} -> {expect}')
        self.checks += 1

    def run_trap(self, function, operands, trap):
        self.lines.append(f'runtrap {function} {self._operands(operands)} -> {trap}')
        self.checks += 1

    def call(self, function, signature, args, results):
        """Calls function(args...) with values and expects values."""
        params, returns = signature.split(':')
        line = [f'call {function}'] + [value(l, a) for l, a in zip(params, args, strict=True)] + ['->']
        self.lines.append(' '.join(line + [value(l, r) for l, r in zip(returns, results, strict=True)]))
        self.checks += 1

    def trap(self, function, signature, args, trap):
        params, _ = signature.split(':')
        line = [f'trap {function}'] + [value(l, a) for l, a in zip(params, args, strict=True)] + ['->', trap]
        self.lines.append(' '.join(line))
        self.checks += 1

    def memory(self, address, content):
        """Expects `content` in the memory of the current instance."""
        self.lines.append(f'memory {address} -> x{content.hex()}')
        self.checks += 1

    def write(self):
        with open(os.path.join(self.directory, self.file), 'w') as file:
            file.write('\n'.join(self.lines) + '\n')

    @staticmethod
    def _operands(operands):
        out = ''.join(little(bits, WIDTH[letter] // 8).ljust(32, '0') for letter, bits in operands)
        return 'x' + (out or '00')
