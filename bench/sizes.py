#!/usr/bin/env python3
"""What compiling costs as modules grow: time, processor time and the compiler's largest memory.

The functions of a real module (the kernel hpcg of bench/kernels with its C and C++ library, without names and debugging
information) are copied until the module has the size asked for. Each copy is exported, so that none can be left out.
"""
import argparse
import os
import subprocess
import sys
import time

import kernels
from run import BUILD, Failure

WORK = os.path.join(BUILD, "bench", "sizes")
CUSTOM, FUNCTION, EXPORT, CODE, IMPORT = 0, 3, 7, 10, 2
LIMIT_S = 1800


def leb(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def read_leb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def sections(module):
    at = 8
    while at < len(module):
        kind = module[at]
        size, start = read_leb(module, at + 1)
        yield kind, module[start:start + size]
        at = start + size


def bodies_of(code):
    count, at = read_leb(code, 0)
    for _ in range(count):
        size, start = read_leb(code, at)
        yield code[at:start + size]
        at = start + size


def types_of(functions):
    count, at = read_leb(functions, 0)
    for _ in range(count):
        index, at = read_leb(functions, at)
        yield index


def imported_functions(imports):
    """How many there are. The kernels import functions only."""
    count, at = read_leb(imports, 0)
    for _ in range(count):
        for _ in range(2):
            length, at = read_leb(imports, at)
            at += length
        if imports[at] != 0:
            raise Failure("an import that is no function")
        _, at = read_leb(imports, at + 1)
    return count


def grow(module, size):
    """The module with its functions copied in turn until it has `size` bytes."""
    parts = [(kind, content) for kind, content in sections(module) if kind != CUSTOM]
    content = dict(parts)
    bodies, types = list(bodies_of(content[CODE])), list(types_of(content[FUNCTION]))
    exports, at = read_leb(content[EXPORT], 0)
    first = imported_functions(content[IMPORT]) + len(bodies)
    room = size - sum(len(c) for _, c in parts)
    copies = []
    while room > 0:
        copy = len(copies) % len(bodies)
        copies.append(copy)
        room -= len(bodies[copy])
    names = [b"copy %d" % i for i in range(len(copies))]
    content[FUNCTION] = leb(len(types) + len(copies)) + b"".join(map(leb, types)) + b"".join(leb(types[c]) for c in copies)
    content[CODE] = leb(len(bodies) + len(copies)) + b"".join(bodies) + b"".join(bodies[c] for c in copies)
    content[EXPORT] = leb(exports + len(copies)) + content[EXPORT][at:] + b"".join(
        leb(len(name)) + name + b"\0" + leb(first + i) for i, name in enumerate(names))
    return module[:8] + b"".join(bytes([kind]) + leb(len(content[kind])) + content[kind] for kind, _ in parts)


def compile_cost(path, level):
    """Elapsed seconds, processor seconds, largest memory in bytes of one compilation."""
    command = ["mpiwasm", "compile", f"-O{level}", "-o", os.path.join(WORK, "size.o"), path]
    start = time.monotonic()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        message = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failure(f"{' '.join(command)}: {message.strip()}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=float, metavar="MB", default=[0.5, 2, 8, 32, 50])
    parser.add_argument("--levels", default="03", help="levels of optimization, default: 03")
    args = parser.parse_args()
    os.makedirs(WORK, exist_ok=True)
    os.makedirs(kernels.WORK, exist_ok=True)
    try:
        made = kernels.build("hpcg", kernels.kernels()["hpcg"])["wasm"][1]
        with open(made, "rb") as f:
            module = f.read()
        print("| module | level | elapsed | processor time | each MB | largest memory |\n|---:|---|---:|---:|---:|---:|")
        for level in args.levels:
            for size in args.sizes:
                path = os.path.join(WORK, f"{size:g}MB.wasm")
                grown = grow(module, int(size * 1e6))
                with open(path, "wb") as f:
                    f.write(grown)
                elapsed, cpu, memory = compile_cost(path, level)
                print(f"| {len(grown) / 1e6:.2f} MB | `-O{level}` | {elapsed:.2f} s | {cpu:.2f} s | {cpu * 1e6 / len(grown):.2f} s "
                      f"| {memory / 1e6:.0f} MB |", flush=True)
    except Failure as failure:
        sys.exit(f"bench/sizes.py: {failure}")


if __name__ == "__main__":
    main()
