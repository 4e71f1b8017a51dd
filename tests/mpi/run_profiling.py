#!/usr/bin/env python3
"""The profiling interface: a tool in C that defines MPI functions over those with P, linked in as an object and as a
static library before or behind the program, must see the same calls natively and as Wasm. Without it nothing is seen."""

import subprocess
import sys
from pathlib import Path

from jobs import arguments, fail, host_of, show_difference

HERE = Path(__file__).parent / "profiling"


def main():
    host, work = host_of(arguments(__doc__).parse_args())
    outputs = {}
    failures = 0
    for kind, compile_, archiver in (("native", host.compile_native, "ar"), ("wasm", host.compile_wasm, "llvm-ar-22")):
        tool, program = work / f"tool-{kind}.o", work / f"program-{kind}.o"
        library = work / f"libtool-{kind}.a"
        message = compile_([HERE / "tool.c"], tool, ["-c"]) or compile_([HERE / "program.c"], program, ["-c"])
        if message:
            return fail(f"{kind}: does not compile\n{message}")
        library.unlink(missing_ok=True)
        subprocess.run([archiver, "rcs", library, tool], check=True)
        for name, parts in (("no tool", [program]), ("object", [tool, program]), ("object behind", [program, tool]),
                            ("library", [program, library]), ("library before", ["-u", "MPI_Init", library, program])):
            binary = work / f"{name.replace(' ', '-')}-{kind}"
            message = compile_(parts, binary)
            if message:
                failures += fail(f"{kind}, {name}: does not link\n{message}")
                continue
            for np in (1, 3):
                run = host.run_native if kind == "native" else host.run_wasm
                code, out, err = run(np, binary)
                if code != 0:
                    failures += fail(f"{kind}, {name} on {np} ranks: exit code {code}\n{err}")
                outputs[kind, name, np] = out
                if (name == "no tool") == ("tool:" in out):
                    failures += fail(f"{kind}, {name} on {np} ranks: {out}")
                if out != outputs["native", name, np] or name != "no tool" and out != outputs["native", "object", np]:
                    failures += fail(f"{kind}, {name} on {np} ranks:")
                    show_difference(outputs["native", "object", np], out)
    if outputs["native", "object", 3] != ("tool: starts\nprogram: 3\n"
                                          "tool: 3 ranks: 16 sends of 204 bytes, 15 receives, 15 waits, 3 reductions\n"):
        failures += fail(outputs["native", "object", 3])
    print(f"{host.name}: {len(outputs)} runs, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
