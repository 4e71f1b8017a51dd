#!/usr/bin/env python3
"""Writes the modules and the script of the instruction tests into a directory (see README.md).

    generate.py OPCODES_DEF DIRECTORY

Fails if an instruction of OPCODES_DEF has no test or stands there under another encoding or signature than in the
specification."""

import os
import re
import sys

import cases_atomic
import cases_control
import cases_exceptions
import cases_memory
import cases_memory64
import cases_numeric
import cases_relaxed
import cases_simd
import wasm
from script import Script

ROW = re.compile(r'^MW_OP\((\w+),\s*"([^"]+)",\s*(\w+),\s*(\w+),\s*\w+,\s*(NULL|"[^"]*"),')


def rows(path):
    """name, (prefix or None, code), signature or None of each row of opcodes.def."""
    with open(path) as file:
        for line in file:
            match = ROW.match(line)
            if match:
                enumerator, text, prefix, code, signature = match.groups()
                name = 'select_t' if enumerator == 'SELECT_T' else text
                yield (name, (int(prefix, 0) or None, int(code, 0)),
                       None if signature == 'NULL' else signature.strip('"'))
            elif line.startswith('MW_OP('):
                raise SystemExit(f'{path}: cannot read {line.strip()}')


def check(path, covered):
    problems, count = [], 0
    for name, encoding, signature in rows(path):
        count += 1
        if name not in covered:
            problems.append(f'{name}: has no test')
        elif wasm.OPCODES[name] != encoding:
            problems.append(f'{name}: encoded as {encoding}, not {wasm.OPCODES[name]}')
        elif name in wasm.SIGNATURES and signature != wasm.SIGNATURES[name]:
            problems.append(f'{name}: signature {signature}, not {wasm.SIGNATURES[name]}')
    if not count:
        problems.append('no instruction found')
    if problems:
        raise SystemExit('\n'.join(f'{path}: {p}' for p in problems))
    return count


def main():
    opcodes, directory = sys.argv[1:]
    os.makedirs(directory, exist_ok=True)
    script, relaxed = Script(directory, 'script.txt'), Script(directory, 'relaxed.txt')
    for cases in (cases_numeric, cases_simd, cases_memory, cases_memory64, cases_atomic, cases_control,
                  cases_exceptions):
        cases.generate(script)
    cases_relaxed.generate(relaxed)
    count = check(opcodes, script.covered | relaxed.covered)
    relaxed.lines.insert(0, f'instructions {len(relaxed.covered)}')
    script.lines.insert(0, f'instructions {count - len(relaxed.covered)}')
    script.write()
    relaxed.write()
    print(f'{count} instructions, {script.checks + relaxed.checks} checks')


if __name__ == '__main__':
    main()
