"""pthreads.c natively and as a guest (mpiwasm-cc -pthread): the same output. And how a guest ends when a thread traps. With the
host's C++ compiler also cxxthreads.cpp, without and with exceptions.

usage: test_pthreads.py BUILD_DIR CC [CXX]"""

import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SAME = ("queue", "barriers", "keys", "memory", "output", "many", "locks", "cancel", "jumps", "first", "exit", "attributes", "c11")


def run(command, directory):
    result = subprocess.run([str(word) for word in command], cwd=directory, stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=240, check=False)
    return result.returncode, sorted(result.stdout.splitlines()), result.stderr


def check(what, result, wanted):
    if result == wanted:
        return 0
    print(f"{what}: {result}\nwanted: {wanted}")
    return 1


def check_cxx(build, compiler, directory):
    failed = 0
    native, guest = (pathlib.Path(directory) / name for name in ("native-cxx", "guest-cxx.wasm"))
    for options in ([], ["-fexceptions", "-DEXCEPTIONS"]):
        for command in ([compiler, "-o", native], [build / "bin" / "mpiwasm-c++", "-o", guest]):
            subprocess.run([*command, "-pthread", "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", *options,
                            HERE / "cxxthreads.cpp"], check=True, timeout=240)
        failed += check(" ".join(["C++", *options]), run([build / "bin" / "mpiwasm", guest], directory),
                        run([native], directory))
    return failed


def main():
    build, compiler = pathlib.Path(sys.argv[1]), sys.argv[2]
    mpiwasm = build / "bin" / "mpiwasm"
    with tempfile.TemporaryDirectory() as directory:
        native, guest = (pathlib.Path(directory) / name for name in ("native", "guest.wasm"))
        for command in ([compiler, "-o", native], [build / "bin" / "mpiwasm-cc", "-o", guest]):
            subprocess.run([*command, "-pthread", "-O2", "-Wall", "-Wextra", "-Werror", HERE / "pthreads.c"], check=True,
                           timeout=240)
        failed = 0
        for what in SAME:
            failed += check(what, run([mpiwasm, "-d", f"{directory}::/tmp", guest, what], directory),
                            run([native, what], directory))
        failed += check("limit", run([mpiwasm, "--max-threads", "3", guest, "limit"], directory), (0, ["limited"], ""))
        code, out, err = run([mpiwasm, guest, "trap"], directory)
        told = "trap in thread 1: out of bounds memory access" in err and "trap_now" in err
        failed += check("trap", (code, out, told), (134, [], True))
        failed += sum(check_cxx(build, cxx, directory) for cxx in sys.argv[3:])
    print(f"{len(SAME) + 2} programs with threads, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
