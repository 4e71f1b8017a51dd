"""MPI from several threads of a rank (mpi_program.c): conversations side by side, user functions on the thread that
calls MPI, and how a job ends when a thread traps or exits.

usage: test_mpi.py HOST MPICC BUILD_DIR CLANG WASM_LD"""

import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "mpi"))
from jobs import Host, fail  # noqa: E402


def build(clang, wasm_ld, sysroot, directory):
    flags = ["--target=wasm32-wasip1", f"--sysroot={sysroot}", "-matomics", "-mbulk-memory"]
    c_flags = ["-O2", "-ffreestanding", "-pthread", "-Wall", "-Wextra"]
    objects = []
    for source in ("guest.c", "mpi_program.c", "start.s"):
        objects.append(directory / (source + ".o"))
        subprocess.run([clang, *flags, *(c_flags if source.endswith(".c") else []), "-c", HERE / source, "-o",
                        objects[-1]], check=True, timeout=120)
    module = directory / "program.wasm"
    subprocess.run([wasm_ld, "--shared-memory", "--import-memory", "--export-memory", "--max-memory=33554432",
                    "-z", "stack-size=65536", *objects, "-o", module], check=True, timeout=120)
    return module


def main():
    name, mpicc, build_dir, clang, wasm_ld = sys.argv[1:]
    host = Host(name, mpicc, build_dir)
    with tempfile.TemporaryDirectory() as directory:
        module = build(clang, wasm_ld, host.build / "share" / "mpiwasm" / "sysroot", pathlib.Path(directory))
        for what, ranks in (("multiple", 2), ("multiple", 3), ("single", 2)):
            code, out, err = host.run_wasm(ranks, module, what, timeout=120)
            if (code, out) != (0, "talked\n"):
                return fail(f"{what} on {ranks} ranks: {code}\n{out}{err}")
        for what, wanted in (("trap", 134), ("exit", 7)):
            code, out, err = host.run_wasm(2, module, what)
            told = err.count("rank 1: trap in thread 1: unreachable")
            if code != wanted or told != (what == "trap"):
                return fail(f"{what}: {code}\n{out}{err}")
    print("threads talk, trap and exit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
