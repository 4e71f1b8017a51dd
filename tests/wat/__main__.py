"""python3 tests/wat FILE.wat -o FILE.wasm: assembles one module; "-" is standard input or output."""

import argparse
import pathlib
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
from wat import WatError, assemble  # noqa: E402


def main():
    parser = argparse.ArgumentParser(prog="wat", description="WebAssembly text to binary")
    parser.add_argument("input", metavar="FILE.wat")
    parser.add_argument("-o", "--output", default="-", metavar="FILE.wasm")
    options = parser.parse_args()
    text = sys.stdin.buffer.read() if options.input == "-" else pathlib.Path(options.input).read_bytes()
    try:
        binary = assemble(text)
    except WatError as error:
        line = text[:len(text.decode(errors="replace")[:error.pos or 0].encode())].count(b"\n") + 1
        sys.exit(f"{options.input}:{line}: {error.message}")
    if options.output == "-":
        sys.stdout.buffer.write(binary)
    else:
        pathlib.Path(options.output).write_bytes(binary)


if __name__ == "__main__":
    main()
