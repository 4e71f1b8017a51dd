#!/usr/bin/env python3
"""Looks at the symbols that the libraries define for others.

What is ours carries mw_, so that nothing of the host's process is hijacked: wasm_ belongs to the wasm-c-api, and an
MPI_ or PMPI_ in a host library would stand in for the host MPI's own. A plugin shows its entry and nothing else.
usage: test_symbols.py LIBRARY..."""

import pathlib
import re
import subprocess
import sys

# Beyond mw_: BLAKE3's C sources, linked in as they are, and what the linker itself defines.
ALLOWED = re.compile(r"mw_|_?blake3_|_init$|_fini$|_edata$|_end$|__bss_start$")
FORBIDDEN = re.compile(r"wasm_|P?MPI_", re.IGNORECASE)


CORE = "libmpiwasm.so"


def exported(library):
    output = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True,
                            timeout=60).stdout
    return [line.split()[-1].split("@")[0] for line in output.splitlines()]


def main():
    bad = 0
    for library in map(pathlib.Path, sys.argv[1:]):
        if not library.exists():
            print(f"{library} is not built")
            bad += 1
            continue
        names = exported(library)
        if library.name != CORE and len(names) != 1:
            print(f"{library.name}: a plugin exports its entry alone, not {names}")
            bad += 1
        for name in names:
            if FORBIDDEN.match(name) or not ALLOWED.match(name):
                print(f"{library.name}: {name} is exported under a name that is not ours")
                bad += 1
        print(f"{library.name}: {len(names)} symbols")
    return 1 if bad or len(sys.argv) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
