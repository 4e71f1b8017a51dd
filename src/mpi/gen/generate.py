#!/usr/bin/env python3
"""Generates everything that follows from the table of MPI's API.

    generate.py --out DIR WHAT...

WHAT: header     mpi.h                        for guests
      stubs      mpi_stubs.c                  the guests' library
      constants  guest_constants.h            the guest ABI's constants, for the host side
      shims      shims.h shims-N.c imports.c host_check.c legacy_shims.c
      matrix     support-matrix.md            for people; docs/ has a copy that a test compares
      functions  functions.tsv                name, status, version of each; for tests
"""

import argparse
import sys
from pathlib import Path

import api
import guest
import legacy
import matrix
import shims


def outputs(what, functions, constants):
    """(file name, text) of everything that `what` names."""
    if what == "header":
        yield "mpi.h", guest.header(functions, constants)
    elif what == "stubs":
        yield "mpi_stubs.c", guest.stubs(functions)
    elif what == "constants":
        yield "guest_constants.h", guest.host_constants(constants)
    elif what == "shims":
        yield from shims.files(functions)
        yield "legacy_shims.c", legacy.source(functions)
    elif what == "matrix":
        yield "support-matrix.md", matrix.matrix(functions)
    elif what == "functions":
        yield "functions.tsv", matrix.listing(functions)


WHATS = ("header", "stubs", "constants", "shims", "matrix", "functions")


def main():
    parser = argparse.ArgumentParser(description="Generates what follows from the table of MPI's API.")
    parser.add_argument("--out", type=Path, required=True, help="directory to write to")
    parser.add_argument("what", nargs="+", choices=WHATS)
    options = parser.parse_args()
    try:
        functions, constants = api.load(), api.load_constants()
        options.out.mkdir(parents=True, exist_ok=True)
        for what in options.what:
            for name, text in outputs(what, functions, constants):
                path = options.out / name
                # Unchanged files keep their time, so that editing the table recompiles only what it changes.
                if not path.exists() or path.read_text() != text:
                    path.write_text(text)
    except api.TableError as error:
        sys.exit("generate.py: %s" % error)


if __name__ == "__main__":
    main()
