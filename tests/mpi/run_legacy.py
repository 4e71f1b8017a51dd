#!/usr/bin/env python3
"""A module of the paper's artifact's ABI (tests/mpi/legacy) on 1 to 4 ranks: it says what the same program says natively."""

import sys
from pathlib import Path

from jobs import arguments, fail, host_of, show_difference


def main():
    parser = arguments(__doc__)
    parser.add_argument("--ranks", default="1,2,3,4")
    args = parser.parse_args()

    host, work = host_of(args)
    here = Path(__file__).parent / "legacy"
    native, wasm = work / "program", work / "program.wasm"
    message = host.compile_native([here / "program.c"], native)
    # The guest's mpi.h is the one beside the program.
    message = message or host.compile_wasm([here / "program.c"], wasm, ["-I", here])
    if message:
        return fail(message)
    failures = 0
    for np in map(int, args.ranks.split(",")):
        native_code, native_out, native_err = host.run_native(np, native)
        code, out, err = host.run_wasm(np, wasm)
        if native_code != 0 or code != 0:
            failures += fail(f"{np} ranks: exit codes {native_code} natively and {code}\n{native_err}\n{err}")
        elif sorted(out.splitlines()) != sorted(native_out.splitlines()):
            failures += fail(f"{np} ranks say something else")
            show_difference(native_out, out)
    code, out, err = host.run_wasm(1, wasm, "throw")
    text = "a C++ exception was thrown in a module built without exceptions"
    if code != 134 or text not in err:
        failures += fail(f"a throw: exit code {code}, not 134 with {text!r}\n{err}")
    print(f"{args.host}: {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
