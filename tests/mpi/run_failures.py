#!/usr/bin/env python3
"""Jobs that end badly must end: at once, with the right exit code, and with a sentence that says what and where.
And callbacks that misbehave must harm nobody."""

import shutil
import sys
import time
from pathlib import Path

from jobs import arguments, fail, host_of

NONZERO = "non-zero"

# case, exit code, texts that standard error or output must contain. Exit codes are those of mpirun.
CASES = [
    ("abort", 7, []),
    ("trap", 134, ["rank 1", "out of bounds memory access", "0xfff00000", "main"]),
    ("unreachable", 134, ["rank 1", "unreachable"]),
    ("exit", NONZERO, []),
    ("code", 5, ["done"]),
    ("no-finalize", 0, ["done"]),
    ("bad-buffer", 134, ["rank 1", "MPI_Send: argument buf: 1 elements of 8 bytes at 0xf0000000"]),
    ("bad-handle", 134, ["MPI_Comm_rank: argument comm: 0x10001002 is not a valid communicator"]),
    ("host-error", NONZERO, []),
    ("before-init", 134, ["MPI_Comm_rank was called before MPI_Init"]),
    ("after-finalize", 134, ["MPI_Comm_size was called after MPI_Finalize"]),
    ("op-trap", 134, ["out of bounds memory access", "op_trap"]),
    ("op-exit", 21, []),
    ("op-hostile", 0, ["reduced: 1"]),
    ("op-type", 134, ["is not a function of type MPI_User_function"]),
    ("op-count", 0, ["refused: 1 1"]),
    ("partitions", 0, ["refused: all"]),
    ("handler-frees", 0, ["refused: 1"]),
    ("delete-frees", 0, ["inner changes refused: 1", "freed"]),
    ("file-escape", 0, ["opened 0, deleted 0, allowed 3"]),
    ("file-sequential", 0, ["refused 9, shared 0, value 1"]),
    ("long-double", 0, ["refused 4: 1 2 10 20, 10 20"]),
    ("accumulate-mixed", 0, ["refused 5, done 3: 1 2, 3 4"]),
    ("external32", 0, ["alike 1"]),
    ("window-end", 0, ["refused 14, memory 1 2 3 4"]),
    ("window-beyond", 134, ["rank 1", "MPI_Put: argument target_disp: 8 elements at displacement 1 do not lie in the window "
                            "of rank 0, which has 8 bytes"]),
    ("tools", 0, ["wrong 0, written 0", "after MPI_Finalize: wrong 0"]),
    ("query-waits", 0, ["inner wait refused: 1", "inner free refused: 1", "complete again refused: 1"]),
]
# Without MPI_Init a process that ends the job cannot tell Hydra so (MPI_Abort then is exit()): whether the launcher sees its exit
# code first, its closed connection (1) or the other ranks that it kills (9) is a race, for native programs too.
def raced(code):
    return (code, 1, 9)


# What only hosts with sessions can do, and what the others say.
SESSION_CASES = {
    "mpich": [
        ("session-again", 0, ["again: 8, keys 1"]),
        ("session-arguments", 0, ["refused: 11"]),
        ("session-left", 0, ["left: 2"]),
        ("session-over", raced(134), ["MPI_Comm_rank was called"]),
        ("session-worldless", raced(134), ["MPI_Comm_rank: argument comm: 0x101 is not a valid communicator"]),
        ("session-finalize", raced(134), ["MPI_Finalize was called before MPI_Init"]),
        ("session-trap", raced(134), ["rank 1", "out of bounds memory access"]),
        ("session-abort", raced(9), []),
        ("session-after", raced(134), ["MPI_Session_init was called after MPI_Finalize"]),
        ("session-in-finalize", raced(134), ["MPI_Session_init was called from a callback of MPI_Finalize"]),
        ("session-freed", raced(134), ["MPI_Session_finalize: argument session", "is not a valid session"]),
    ],
    "openmpi": [("session-left", 134, ["MPI_Session_init: this host's MPI 3.1 does not have it"])],
}
# Files that were opened although they lie outside.
ESCAPES = ["opened /", "opened .", "opened u", "opened  ("]
# Host frames in the report of a crash: none of these may appear.
CRASH = ["Segmentation fault", "Signal: ", "AddressSanitizer", "double free", "malloc():", "Assertion failed"]
SECONDS = 20


def grant(work):
    """Directories with ways out of them, as options of mpiwasm."""
    top = work / "grants"
    shutil.rmtree(top, ignore_errors=True)
    for name in ("data", "ro"):
        (top / name).mkdir(parents=True)
        (top / name / "file").write_text(name + "\n")
    (top / "secret").write_text("secret\n")
    (top / "data/link").symlink_to("../secret")
    (top / "data/up").symlink_to("..")
    (top / "data/dangling").symlink_to("../made")
    return ("-d", f"{top}/data::/data", "--dir-ro", f"{top}/ro::/ro")


def main():
    parser = arguments(__doc__)
    parser.add_argument("cases", nargs="*")
    args = parser.parse_args()

    host, work = host_of(args)
    module = work / "failures.wasm"
    message = host.compile_wasm([Path(__file__).parent / name for name in ("failures.c", "failures_sessions.c", "failures_tools.c")], module)
    if message:
        return fail(message)
    grants = grant(work)
    failures = 0
    cases = [case for case in CASES + SESSION_CASES.get(host.name, []) if not args.cases or case[0] in args.cases]
    for name, expected, texts in cases:
        start = time.monotonic()
        code, out, err = host.run_wasm(2, module, name, mpiwasm_args=grants, timeout=SECONDS)
        problems = [f"does not say {text!r}" for text in texts if text not in out + err]
        problems += [f"says {text!r}" for text in CRASH + ESCAPES if text in out + err]
        if code is None:
            problems.append(f"did not end within {SECONDS} s")
        elif not (code != 0 if expected == NONZERO else code in expected if isinstance(expected, tuple) else code == expected):
            problems.append(f"exit code {code}, not {expected}")
        if problems:
            failures += fail(f"{name}: {'; '.join(problems)}\n{out}{err}")
        else:
            print(f"ok {name} ({time.monotonic() - start:.1f} s)", flush=True)
    print(f"{args.host}: {len(cases)} cases, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
