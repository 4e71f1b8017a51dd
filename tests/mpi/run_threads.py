#!/usr/bin/env python3
"""Runs threads/threads.c natively and as Wasm: threads of a rank use MPI at the same time."""

import sys
from pathlib import Path

from jobs import arguments, fail, host_of

HERE = Path(__file__).parent
SOURCE = HERE / "threads/threads.c"


def main():
    parser = arguments(__doc__)
    parser.add_argument("--ranks", default="1,2,3")
    parser.add_argument("--rounds", default="20")
    parser.add_argument("--mpiwasm", help="another mpiwasm, such as that of a build with sanitizers")
    parser.add_argument("--wasm-only", action="store_true", help="do not run the native program")
    args = parser.parse_args()
    host, work = host_of(args)
    if args.mpiwasm:
        host.mpiwasm = Path(args.mpiwasm).resolve()
    native, wasm = work / "threads", work / "threads.wasm"
    message = host.compile_native([SOURCE], native, ["-pthread"]) or host.compile_wasm(
        [SOURCE], wasm, ["-pthread"])
    if message:
        return fail(message)
    windows = ["windows"] if host.name == "mpich" else []
    failures = 0
    for np in args.ranks.split(","):
        rounds = int(args.rounds)
        wanted = "%d rounds, 0 errors: %d handled, %d copied, %d deleted, %d queried, combined 1\n" % (
            rounds, 4 * rounds, 4 * rounds, 8 * rounds, 4 * rounds)
        for name in ("native", "wasm")[args.wasm_only:]:
            if name == "native":
                code, out, err = host.run_native(np, native, rounds, *windows, timeout=300)
            else:
                code, out, err = host.run_wasm(np, wasm, rounds, *windows, timeout=300)
            if (code, out) != (0, wanted):
                failures += fail(f"{name} on {np} ranks: exit code {code}\n{out}{err}")
            elif args.mpiwasm:
                print(err)
    print(f"{host.name}: {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
