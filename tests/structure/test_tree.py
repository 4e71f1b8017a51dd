#!/usr/bin/env python3
"""Habits of the tree: generated files are not committed, files stay readable, scripts can be run.
usage: test_tree.py SOURCE_ROOT"""

import pathlib
import re
import subprocess
import sys

MAX_LINES = 1100
# Tables may be as long as what they list, documents too.
LONG_FILES = re.compile(r"\.(def|tsv|txt|md|api|table)$|^src/mpi/api/|^tests/.*\.(tsv|txt)$")
# Build products, and the outputs of tools that the build runs.
GENERATED = re.compile(r"\.(o|so|a|wasm|wast\.json|pyc|log)$|(^|/)(build[^/]*|out|__pycache__)/")
MARKER = re.compile(r"^.{0,8}(generated|do not edit)\b.*\b(by|edit)\b", re.IGNORECASE)
KEPT_FOR_PEOPLE = {"docs/support-matrix.md", "docs/mpi-support.md"}


def tracked(root):
    output = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, check=False, timeout=60)
    return [name for name in output.stdout.decode().split("\0") if name] if output.returncode == 0 else None


def main():
    root = pathlib.Path(sys.argv[1])
    names = tracked(root)
    if names is None:
        print("skipped: not a git checkout, so it is not known which files are committed")
        return 77
    found = []
    for name in names:
        path = root / name
        if not path.is_file():
            continue
        if GENERATED.search(name):
            found.append(f"{name}: a generated file is committed")
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        lines = text.splitlines()
        if name not in KEPT_FOR_PEOPLE and any(MARKER.match(line) for line in lines[:3]):
            found.append(f"{name}: says that it is generated")
        if len(lines) > MAX_LINES and not LONG_FILES.search(name):
            found.append(f"{name}: {len(lines)} lines; more than {MAX_LINES} hold more than one concern")
        if text.startswith("#!") and name.startswith(("script/", ".ci/")) and not path.stat().st_mode & 0o100:
            found.append(f"{name}: has an interpreter line but cannot be executed")
    for line in found:
        print(line)
    print(f"{len(names)} files, {len(found)} against the habits of the tree")
    return 1 if found or not names else 0


if __name__ == "__main__":
    sys.exit(main())
