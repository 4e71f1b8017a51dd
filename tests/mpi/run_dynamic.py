#!/usr/bin/env python3
"""Dynamic processes: programs that start others and connect to each other, natively and as Wasm with the same output; and
what guests are not allowed.

A host MPI that cannot start processes natively (Debian's MPICH 4.0 with UCX) must say the same to a guest.
"""

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from jobs import JOB_ENVIRONMENT, arguments, fail, host_of, show_difference

HERE = Path(__file__).parent / "dynamic"

# Open MPI connects processes of different jobs by TCP only; on this machine that needs no network.
ENVIRONMENT = {"OMPI_MCA_btl": "self,vader,tcp", "OMPI_MCA_btl_tcp_if_include": "lo"}
SECONDS, ATTEMPTS = 40, 4

# case, options, ranks (0: without a launcher, since MPICH's may lose what a process says before it ends the job), exit code, text
OPTION = "mpiwasm's option --allow-spawn was not given"
CASES = [
    ("spawn", (), 0, 134, "MPI_Comm_spawn: " + OPTION),
    ("open", (), 0, 134, "MPI_Open_port: " + OPTION),
    ("accept", (), 0, 134, "MPI_Comm_accept: " + OPTION),
    ("connect", (), 0, 134, "MPI_Comm_connect: " + OPTION),
    ("publish", (), 0, 134, "MPI_Publish_name: " + OPTION),
    ("lookup", (), 0, 134, "MPI_Lookup_name: " + OPTION),
    ("join", ("--allow-spawn",), 0, 134, "MPI_Comm_join: not supported: a guest has no sockets"),
    ("files", ("--allow-spawn",), 1, 0, "right 20, other 0"),
    ("arguments", ("--allow-spawn",), 1, 0, "right 15, other 0"),
    ("ports", ("--allow-spawn",), 1, 0, "right 83, other 0"),
    ("names", ("--allow-spawn",), 1, 0, "right 40, other 0"),
    ("everywhere", ("--allow-spawn",), 2, 0, "right 4, other 0"),
]
CHILD = "FROM_INFO 0, GIVEN 1, 64 MB 0, arguments 1"


def patient(run, *args, **options):
    """What a job gives, of the first attempt that ends: Open MPI 4.1 at times loses a process that connects while another
    one leaves, natively too."""
    for _ in range(ATTEMPTS):
        result = run(*args, env=ENVIRONMENT, timeout=SECONDS, **options)
        if result[0] is not None:
            break
    return result


def compare(host, work, ranks):
    """Failures, jobs, and whether the host starts processes at all."""
    failures = jobs = 0
    starts = False
    for name, ways in (("processes", ("one", "alone", "several", "plain")), ("ports", ("",))):
        native, wasm = work / "native" / name, work / "wasm" / (name + ".wasm")
        message = host.compile_native([HERE / (name + ".c")], native) or host.compile_wasm([HERE / (name + ".c")], wasm)
        if message:
            failures += fail(f"{name}: does not compile\n{message}")
            continue
        for np, way in itertools.product(ranks, ways):
            jobs += 1
            code, native_out, err = patient(host.run_native, np, "./" + name, way, cwd=native.parent)
            if code != 0:
                failures += fail(f"{name} {way} on {np} ranks: native exit code {code}\n{native_out}{err}")
                continue
            starts = starts or " started" in native_out
            code, out, err = patient(host.run_wasm, np, wasm.name, way, mpiwasm_args=("--allow-spawn", "-d", "."),
                                     cwd=wasm.parent)
            if code != 0 or out != native_out:
                failures += fail(f"{name} {way} on {np} ranks: exit code {code}\n{err}")
                show_difference(native_out, out)
    return failures, jobs, starts


def prepare(host, work):
    """A directory with a module, and with files around it that are none."""
    top = work / "rights"
    shutil.rmtree(top, ignore_errors=True)
    granted = top / "granted"
    granted.mkdir(parents=True)
    message = host.compile_wasm([HERE / "rights.c"], granted / "rights.wasm")
    if message:
        sys.exit(message)
    shutil.copy(granted / "rights.wasm", top / "outside.wasm")
    shutil.copy(host.mpiwasm, granted / "native")
    subprocess.run([host.mpiwasm, "compile", "-O0", "-o", granted / "object.mwo", granted / "rights.wasm"], check=True)
    (granted / "text").write_text("no module\n")
    (granted / "link").symlink_to("../outside.wasm")
    (granted / "up").symlink_to("..")
    (granted / "proc").symlink_to("/proc/self/exe")
    os.mkfifo(granted / "fifo")
    return granted


def alone(host, directory, *words):
    result = subprocess.run([host.mpiwasm, "run", "--mpi", host.name, *words], cwd=directory, capture_output=True, text=True,
                            timeout=SECONDS, env={**os.environ, **JOB_ENVIRONMENT, **ENVIRONMENT})
    return result.returncode, result.stdout, result.stderr


def check_object(host, granted):
    """A started process runs modules only: native code that a guest wrote would be out of the sandbox."""
    words = f"--allow-precompiled,--dir,{granted}%3A%3A.,--,object.mwo"
    for text in (words, words.partition(",")[2]):
        result = subprocess.run([host.mpiwasm, "spawned", text], capture_output=True, text=True, timeout=SECONDS)
        if result.returncode == 0 or "native code" not in result.stderr:
            return fail(f"object.mwo: exit code {result.returncode}: {result.stderr}")
    return 0


def main():
    parser = arguments(__doc__)
    parser.add_argument("--ranks", default="1,2,3")
    args = parser.parse_args()
    host, work = host_of(args)
    for name in ("native", "wasm"):
        (work / name).mkdir(exist_ok=True)
    failures, jobs, starts = compare(host, work, list(map(int, args.ranks.split(","))))

    granted = prepare(host, work)
    failures += check_object(host, granted)
    cases = list(CASES)
    if starts:
        cases.append(("info", ("--allow-spawn", "--env", "GIVEN=a=b,c", "--max-memory", "32M"), 1, 0, CHILD))
    for case, options, np, expected, text in cases:
        jobs += 1
        options = (*options, "-d", ".")
        if np:
            code, out, err = patient(host.run_wasm, np, "rights.wasm", case, mpiwasm_args=options, cwd=granted)
        else:
            code, out, err = alone(host, granted, *options, "rights.wasm", case)
        if code != expected or text not in out + err:
            failures += fail(f"{case}: exit code {code}, expected {expected} and '{text}'\n{out}{err}")
    print(f"{args.host}: {jobs} jobs, {failures} failures" + ("" if starts else "; it starts no processes, natively"))
    return 1 if failures or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
