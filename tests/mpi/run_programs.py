#!/usr/bin/env python3
"""Runs the programs of tests/mpi/programs (or of another folder) natively and as Wasm on 1 to 4 ranks: exit codes, output and the files that
they leave in their directory must be equal."""

import shutil
import sys
from pathlib import Path

from jobs import arguments, fail, host_of, show_difference


def empty(directory):
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    return directory


def files_of(directory):
    """{name: bytes} of the files in a directory."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def main():
    parser = arguments(__doc__)
    parser.add_argument("--ranks", default="1,2,3,4")
    parser.add_argument("--folder", default="programs")
    parser.add_argument("--mpiwasm", help="another mpiwasm, such as that of a build with sanitizers")
    parser.add_argument("programs", nargs="*", help="names of programs (all)")
    args = parser.parse_args()

    host, work = host_of(args)
    host.mpiwasm = Path(args.mpiwasm).resolve() if args.mpiwasm else host.mpiwasm
    sources = sorted((Path(__file__).parent / args.folder).glob("*.c"))
    if args.programs:
        sources = [s for s in sources if s.stem in args.programs]
    failures = runs = 0
    for source in sources:
        native, wasm = work / source.stem, work / (source.stem + ".wasm")
        message = host.compile_native([source], native) or host.compile_wasm([source], wasm)
        if message:
            failures += fail(f"{source.stem}: does not compile\n{message}")
            continue
        for np in map(int, args.ranks.split(",")):
            runs += 1
            here, there = empty(work / "files-native"), empty(work / "files-wasm")
            native_code, native_out, native_err = host.run_native(np, native, cwd=here)
            code, out, err = host.run_wasm(np, wasm, mpiwasm_args=("-d", "."), cwd=there, timeout=300 if args.mpiwasm else 60)
            if native_code != 0:
                failures += fail(f"{source.stem} on {np} ranks: native exit code {native_code}\n{native_err}")
            elif code != native_code or out != native_out:
                failures += fail(f"{source.stem} on {np} ranks: exit code {code}\n{err}")
                show_difference(native_out, out)
            elif args.mpiwasm and "ERROR: " in err:  # what a sanitizer finds may not change the exit code
                failures += fail(f"{source.stem} on {np} ranks:\n{err}")
            elif files_of(here) != files_of(there):
                failures += fail(f"{source.stem} on {np} ranks: leaves other files: {sorted(files_of(there))}, natively "
                                 f"{sorted(files_of(here))}")
    print(f"{args.host}: {len(sources)} programs, {runs} jobs, {failures} failures")
    return 1 if failures or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
