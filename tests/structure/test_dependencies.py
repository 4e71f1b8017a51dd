#!/usr/bin/env python3
"""Enforces the arrows between the rooms of src/ (docs/architecture.md) from the #include lines.

    base <- wasm <- compiler
    base <- abi  <- compiler, runtime
    runtime <- wasi, mpi <- cli

Compiler and runtime meet in abi/ only, libLLVM's headers are for compiler/ alone, a host MPI's for mpi/ alone.
usage: test_dependencies.py [SOURCE_ROOT]"""

import pathlib
import re
import sys
import tempfile

# What the files of each room may include, besides the room itself.
ALLOWED = {
    "base": set(),
    "abi": {"base"},
    "wasm": {"base"},
    "compiler": {"base", "abi", "wasm"},
    "runtime": {"base", "abi"},
    "wasi": {"base", "abi", "runtime"},
    "mpi": {"base", "abi", "runtime", "wasi"},
    "cli": {"base", "abi", "wasm", "runtime", "wasi"},
}

# Single headers beyond the rooms: (including path's prefix, header) -> why.
EXCEPTIONS = {
    ("cli/", "compiler/compiler.h"): "the plugin's interface, loaded with dlopen",
    ("cli/", "mpi/plugin.h"): "the plugin's interface, loaded with dlopen",
}

# Headers from outside that only one room may see.
FOREIGN = [
    (re.compile(r"llvm-c/|llvm/|lld/"), "compiler"),
    (re.compile(r"mpi\.h$|mpio\.h$|mpi-ext\.h$"), "mpi"),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
SUFFIXES = {".c", ".h", ".S", ".def", ".inc"}


def check(root):
    """Violations as text, and the number of #include lines seen."""
    source = root / "src"
    found, seen = [], 0
    for path in sorted(p for p in source.rglob("*") if p.suffix in SUFFIXES):
        name = path.relative_to(source).as_posix()
        room = name.split("/")[0]
        if room not in ALLOWED:
            found.append(f"src/{name}: the room {room} has no place in the order")
            continue
        for _, header in INCLUDE.findall(path.read_text(encoding="utf-8")):
            seen += 1
            for pattern, owner in FOREIGN:
                if pattern.search(header) and owner != room and not (source / header).exists():
                    found.append(f"src/{name}: {header} is for src/{owner} only")
            target = room_of(source, path, header)
            if target is None or target == room or target in ALLOWED[room]:
                continue
            if not any(name.startswith(prefix) and header == h for prefix, h in EXCEPTIONS):
                found.append(f"src/{name}: {header}: {room} must not depend on {target}")
    return found, seen


def room_of(source, path, header):
    """The room that a header belongs to; None for one from outside src/."""
    if (path.parent / header).exists():
        return (path.parent / header).resolve().relative_to(source.resolve()).parts[0]
    first = header.split("/")[0]
    return first if "/" in header and (source / first).is_dir() else None


def self_test():
    """The check finds what it is for."""
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        files = {
            "src/base/a.c": '#include "wasm/module.h"\n',
            "src/wasm/module.h": "#include <llvm-c/Core.h>\n",
            "src/compiler/b.c": '#include "runtime/r.h"\n#include <llvm-c/Core.h>\n',
            "src/runtime/r.h": '#include "../compiler/c.h"\n',
            "src/compiler/c.h": '#include "abi/abi.h"\n',
            "src/abi/abi.h": "#include <stdint.h>\n",
            "src/wasi/w.c": '#include <mpi.h>\n#include "runtime/r.h"\n',
            "src/cli/main.c": '#include "compiler/compiler.h"\n#include "compiler/c.h"\n',
            "src/attic/x.c": "\n",
        }
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        found = {f.split(":")[0] for f in check(root)[0]}
        expected = {"src/base/a.c", "src/wasm/module.h", "src/compiler/b.c", "src/runtime/r.h", "src/wasi/w.c",
                    "src/cli/main.c", "src/attic/x.c"}
        assert found == expected, found ^ expected


def main():
    self_test()
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
    found, seen = check(root)
    for violation in found:
        print(violation)
    print(f"{seen} includes, {len(found)} against the order of the rooms")
    return 1 if found or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
