"""Compiles MPI programs natively and to Wasm and runs both as jobs of one host MPI."""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

# Open MPI: as root in containers, more ranks than cores, and then without spinning; one-sided communication without
# reading other processes' memory, which containers forbid.
JOB_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "OMPI_MCA_btl_base_warn_component_unused": "0",
    "OMPI_MCA_osc": "sm,pt2pt",
}


class Host:
    """A host MPI, known by its compiler wrapper; its mpirun lies beside it with the same suffix."""

    def __init__(self, name, mpicc, build, wasm_flags=()):
        self.name = name
        self.wasm_flags = wasm_flags
        self.mpicc = Path(mpicc)
        self.mpirun = self.mpicc.with_name(self.mpicc.name.replace("mpicc", "mpirun"))
        self.build = Path(build)
        self.mpiwasm = self.build / "bin" / "mpiwasm"
        self.mpiwasm_cc = self.build / "bin" / "mpiwasm-cc"

    def compile_native(self, sources, output, flags=()):
        return _compile([self.mpicc, "-O1", "-w", *flags, *sources, "-o", output, "-lm"])

    def compile_wasm(self, sources, output, flags=()):
        return _compile([self.mpiwasm_cc, *self.wasm_flags, "-O1", "-w", *flags, *sources, "-o", output, "-lm"])

    def run_native(self, np, program, *args, **options):
        return self._run(np, [program, *args], **options)

    def run_wasm(self, np, module, *args, mpiwasm_args=(), **options):
        return self._run(np, [self.mpiwasm, "run", *mpiwasm_args, module, *args], **options)

    def _run(self, np, command, timeout=60, cwd=None, env=()):
        """Returns (exit code, stdout, stderr); the code is None after a timeout."""
        job = [str(word) for word in [self.mpirun, "-np", np, *command]]
        environment = {**os.environ, **JOB_ENVIRONMENT, **dict(env)}
        process = subprocess.Popen(job, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   cwd=cwd, env=environment, start_new_session=True)
        try:
            out, err = process.communicate(timeout=timeout)
            code = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            out, err = process.communicate()
            code = None
        return code, out.decode(errors="replace"), err.decode(errors="replace")


def arguments(description):
    """A parser of what CMake passes to every script that runs jobs; host_of takes what it gives."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", required=True, help="name of the host MPI")
    parser.add_argument("--mpicc", required=True)
    parser.add_argument("--build", required=True, help="build tree of MPIWasm")
    parser.add_argument("--work", required=True, help="directory for what is compiled here")
    parser.add_argument("-m64", action="store_true", help="guests with 64-bit pointers")
    return parser


def host_of(args):
    """The host and the directory, which is made."""
    work = Path(args.work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    return Host(args.host, args.mpicc, args.build, ["-m64"] if args.m64 else []), work


def _compile(command):
    """Returns the compiler's messages, or None if it succeeded."""
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300)
    return None if result.returncode == 0 else result.stdout + result.stderr


def mpirun_noise(text):
    """Removes what mpirun adds when a rank fails: it names programs and process ids."""
    return re.sub(r"^(-{20,}|={20,}|Primary job|mpirun|.*MPI_ABORT was invoked).*$", "", text, flags=re.M)


def fail(message):
    print("FAIL", message, flush=True)
    return 1


def show_difference(native, wasm):
    import difflib
    lines = list(difflib.unified_diff(native.splitlines(), wasm.splitlines(), "native", "wasm", lineterm="", n=1))
    print("\n".join(lines[:40]))
    sys.stdout.flush()
