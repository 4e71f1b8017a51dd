#!/usr/bin/env python3
"""test_hostile.py [-m64]: runs hostile.wasm on each host MPI: wrong arguments end as MPI errors or traps, never as a crash of the host.

A trap ends the guest; the run then goes on with the next case. MW_EMBEDDER names another mpiwasm than the build's, such
as one with sanitizers (script/sanitize address).
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ["MW_BUILD_DIR"])
MPIWASM = os.environ.get("MW_EMBEDDER", str(BUILD / "bin/mpiwasm"))
FLAGS = sys.argv[1:]
OUT = BUILD / ("mpi-hostile" + "".join(FLAGS))
FILES = OUT / "files"
SECONDS = 240  # for all the cases up to the next trap; a case that hangs shows as one that takes longer

# Traps of the guest's own: free() in its library follows whatever pointer MPI_Free_mem is given.
MANY_TRAPS = 40


def run(host, start):
    """Exit status and standard error of the cases from `start` on; None as the status if they don't end."""
    command = [MPIWASM, "run", "--mpi", host, "--allow-spawn", "-d", ".", str(OUT / "hostile.wasm"), str(start)]
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                       XDG_CACHE_HOME=str(OUT / "cache"))
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
                               cwd=str(FILES))
    try:
        _, text = process.communicate(timeout=SECONDS)
        return process.returncode, text
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return None, process.communicate()[1]


def check(host):
    start = traps = failures = 0
    while True:
        status, text = run(host, start)
        lines = text.splitlines()
        cases = [i for i, line in enumerate(lines) if line.startswith("case ")]
        done = [line for line in lines if line.startswith("done ")]
        if status == 0 and done:
            break
        where = lines[cases[-1]] if cases else "before the first case"
        said = "\n    ".join(lines[cases[-1] + 1:][:12] if cases else lines[-12:])
        traps += 1
        if status != 134 or "trap: " not in said:
            failures += 1
            print("%s: %s: %s\n    %s" % (host, where, "no end" if status is None else "exit status %d" % status, said))
        if not cases or failures > 5 or traps > MANY_TRAPS:
            print("%s: given up after %d traps and %d failures" % (host, traps, failures))
            return False
        start = int(lines[cases[-1]].split()[1]) + 1
    print("%s: %s cases, %d traps, %d failures" % (host, done[0].split()[1], traps, failures))
    return failures == 0


def main():
    FILES.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, str(HERE / "generate.py"), str(OUT / "calls.h")], check=True)
    subprocess.run([str(BUILD / "bin/mpiwasm-cc"), *FLAGS, "-O1", "-I", str(OUT), str(HERE / "hostile.c"), "-o",
                    str(OUT / "hostile.wasm")], check=True, timeout=120)
    hosts = [h for h in ("openmpi", "mpich") if (BUILD / ("lib/mpiwasm/libmpiwasm-%s.so" % h)).exists()]
    if not hosts:
        sys.exit("no plugin is built")
    sys.exit(not all([check(host) for host in hosts]))


if __name__ == "__main__":
    main()
