#!/usr/bin/env python3
"""MPICH's own test programs, unchanged: what passes natively on a host MPI must pass as Wasm.

    mpich_suite.py [--host NAME] [DIRECTORY | DIRECTORY/PROGRAM ...]          mpich_suite.list, as CI runs it
    mpich_suite.py --all [--resume [--again]] [--host NAME] [DIRECTORY ...]   the suite's own test lists
    mpich_suite.py --table                                                    docs/mpich-suite.md from the last --all

Each program is built with the host's mpicc and with mpiwasm-cc and run with both. Success is what the suite's test
lists say, mostly "No Errors" on rank 0 and nothing else. A program of the lists runs with at most --max-ranks ranks,
or, if it does not pass natively with those, with 4 or as many as the lists say. What passes natively must pass as Wasm,
except as mpich_suite.exceptions says, with the reason.

Results of --all lie in the build directory; --resume runs only what they lack or what failed, --again what did not pass
natively, too.
"""

import argparse
import concurrent.futures
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import mpich_lists
import mpich_table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = Path(os.environ.get("MW_BUILD_DIR", ROOT / "build"))
OUT = BUILD / "mpich-suite"

HOSTS = {
    "openmpi": ["mpirun.openmpi", "--allow-run-as-root", "--oversubscribe", "--mca", "mpi_yield_when_idle", "1",
                "--mca", "btl_vader_single_copy_mechanism", "none"],
    "mpich": ["mpirun.mpich"],
}

# Open MPI connects processes of different jobs by TCP only, and tests do not start more than the job has slots.
SPAWNS = {"openmpi": ["--host", "localhost:16", "--mca", "btl", "self,vader,tcp", "--mca", "btl_tcp_if_include", "lo"]}

# What MPICH's configure would find out.
CONFIG = """\
#define HAVE_STDARG_H 1
#define HAVE_STDINT_H 1
#define HAVE_STDLIB_H 1
#define HAVE_STRING_H 1
#define HAVE_STRINGS_H 1
#define HAVE_INTTYPES_H 1
#define HAVE_UNISTD_H 1
#define HAVE_SYS_TIME_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_USLEEP 1
#define HAVE_STRDUP 1
#define HAVE_LONG_LONG 1
#define HAVE_LONG_DOUBLE 1
#define HAVE__BOOL 1
#define HAVE_FLOAT__COMPLEX 1
#define HAVE_DOUBLE__COMPLEX 1
#define HAVE_LONG_DOUBLE__COMPLEX 1
#define HAVE_MPI_WIN_CREATE 1
#define HAVE_MPI_IO 1
#define HAVE_MPI_SPAWN 1
#define STDC_HEADERS 1
#define SIZEOF_SHORT __SIZEOF_SHORT__
#define SIZEOF_INT __SIZEOF_INT__
#define SIZEOF_LONG __SIZEOF_LONG__
#define SIZEOF_LONG_LONG __SIZEOF_LONG_LONG__
#define SIZEOF_VOID_P __SIZEOF_POINTER__
#define SIZEOF_MPI_OFFSET 8
#define POINTERINT_t intptr_t
#ifdef MTEST_USE_THREAD
#define HAVE_PTHREAD_H 1
#define HAVE_PTHREAD_BARRIER_INIT 1
#define THREAD_PACKAGE_NAME THREAD_PACKAGE_POSIX
#else
#define THREAD_PACKAGE_NAME THREAD_PACKAGE_NONE
#endif
"""

# What programs of guests are made with.
GUEST = [BUILD / "bin/mpiwasm-cc", BUILD / "share/mpiwasm/sysroot/include/wasm32-wasip1/mpi.h"]

def run(command, timeout=60, **options):
    """Exit status and output; 124 after `timeout` seconds. Kills what it started, and only that."""
    process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True, **options)
    try:
        output, _ = process.communicate(timeout=timeout)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 15)
        try:
            output, _ = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            output, _ = process.communicate()
        return 124, output + "\n(no end after %d s)" % timeout


def listed():
    for line in (HERE / "mpich_suite.list").read_text().splitlines():
        fields = line.split("#")[0].split()
        if fields:
            yield mpich_lists.Test(fields[0], int(fields[1]), ["arg=" + f for f in fields[2:]])


@contextlib.contextmanager
def locked(path):
    """One thread or process at a time builds what is named so."""
    with open(str(path) + ".lock", "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def newer(target, *sources):
    return target.exists() and all(target.stat().st_mtime >= s.stat().st_mtime for s in sources)


def good(test, code, output):
    """What the suite's runtests takes for success."""
    if code == 124:
        return False
    if test.result in ("TestErrFatal", "TestStatus"):
        return code != 0
    lines = [line.strip().lower() for line in output.splitlines() if line.strip()]
    said = "no errors" in lines and all(line in ("no errors", "test passed") for line in lines)
    return said and (code != 0) == (test.result == "TestStatusNoErrors")


class Suite:
    def __init__(self, path):
        self.path = path
        self.makefiles = mpich_lists.Makefiles(path)
        self.helpers, self.lock = {}, threading.Lock()
        OUT.mkdir(parents=True, exist_ok=True)
        include = OUT / "include"
        include.mkdir(exist_ok=True)
        for name, text in ((include / "mpitestconf.h", CONFIG), (OUT / "dtpoolsconf.h", CONFIG)):
            if not name.exists() or name.read_text() != text:
                name.write_text(text)
        self.config = include / "mpitestconf.h"
        self.flags = ["-w", "-O1", "-I", include, "-I", path / "include", "-I", path / "dtpools/include"]
        self.support = [path / "util/mtest.c", path / "util/mtest_common.c", path / "util/dtypes.c"]
        self.support += sorted((path / "dtpools/src").glob("*.c"))

    def compiler(self, kind, threads):
        if kind == "wasm": # what gcc, the hosts' compiler, only warns of
            lenient = ["-Wno-incompatible-function-pointer-types", "-Wno-incompatible-pointer-types", "-Wno-int-conversion"]
            return [BUILD / "bin/mpiwasm-cc"] + lenient + (["-pthread"] if threads else [])
        # Open MPI has what MPI 3.0 removed, but declares it only on demand; the suite's datatype pools use it.
        omitted = ["-DOMPI_OMIT_MPI1_COMPAT_DECLS=0"] if kind == "openmpi" else []
        return ["mpicc." + kind] + omitted + (["-pthread"] if threads else [])

    def compile(self, kind, threads, source, target, flags=()):
        """The compiler's message, or None."""
        if newer(target, source, self.config, *(GUEST if kind == "wasm" else [])):
            return None
        flags = list(flags) + (["-DMTEST_USE_THREAD"] if threads else [])
        code, output = run(self.compiler(kind, threads) + self.flags + flags + ["-c", source, "-o", target], 600)
        return output or "no message" if code else None

    def objects(self, kind, threads):
        """The suite's own helpers, compiled once for each kind of build."""
        name = kind + ("-threads" if threads else "")
        with self.lock, locked(OUT / name):
            if name in self.helpers:
                return self.helpers[name]
            directory = OUT / name
            directory.mkdir(exist_ok=True)
            result = []
            sources = self.support + [self.path / "util" / ("mtest_thread.c" if threads else "mtest_single.c")]
            for source in sources:
                target = directory / (source.stem + ".o")
                message = self.compile(kind, threads, source, target)
                if message:
                    sys.exit("mpich_suite: %s: %s" % (source, message))
                result.append(target)
            self.helpers[name] = result
            return result

    def build(self, program, kind):
        """The program's path, or None and the compiler's message."""
        sources, flags, threads = self.makefiles.program(program)
        objects = list(self.objects(kind, threads))
        directory = OUT / kind / program.rpartition("/")[0]
        directory.mkdir(parents=True, exist_ok=True)
        target = directory / (program.rpartition("/")[2] + (".wasm" if kind == "wasm" else ""))
        with locked(target):
            if newer(target, *sources, *objects):
                return target, ""
            return self.link(kind, threads, sources, flags, objects, target)

    def link(self, kind, threads, sources, flags, objects, target):
        own = []
        for source in sources:
            if not source.exists():
                return None, "%s is not there" % source.name
            own.append(target.with_name("%s-%s.o" % (target.stem, source.stem)))
            message = self.compile(kind, threads, source, own[-1], flags)
            if message:
                return None, message
        code, output = run(self.compiler(kind, threads) + own + objects + ["-lm", "-o", target], 600)
        for path in own:
            path.unlink()
        return (None, output) if code else (target, "")

    def execute(self, test, ranks, kind, host, seconds):
        """Whether the test passes, and its output."""
        program, message = self.build(test.program, kind)
        if not program:
            return False, message
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                           XDG_CACHE_HOME=str(OUT / "cache"), **test.env)
        if test.result:
            environment["MPIEXEC_TIMEOUT"] = str(min(test.seconds, seconds))
            seconds += 30
        # Files that it leaves must not be there when the other kind runs.
        directory = OUT / "run" / host / kind / test.program
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        os.link(program, directory / program.name)  # tests open themselves by argv[0]
        spawns = test.directory == "spawn"
        command = HOSTS[host] + (SPAWNS.get(host, []) if spawns else []) + test.mpiexec + ["-np", ranks]
        if kind == "wasm":
            command += [BUILD / "bin/mpiwasm", "run"] + (["--allow-spawn"] if spawns else [])
            command += ["-d", ".", "-d", "/tmp"]  # one test writes there
        code, output = run(command + ["./" + program.name] + test.args, seconds, env=environment, cwd=directory)
        shutil.rmtree(directory, ignore_errors=True)
        return good(test, code, output), "exit status %d\n%s" % (code, output)

    def check(self, test, host, max_ranks, factor):
        """The verdict: pass, fail, or native where the native build does not pass."""
        seconds = test.seconds * factor
        for ranks in sorted({min(test.ranks, max_ranks), min(test.ranks, max(max_ranks, 4)), test.ranks}):
            start = time.monotonic()
            passed, output = self.execute(test, ranks, host, host, seconds)
            native = time.monotonic() - start
            if passed or native > seconds:
                break
        verdict = "pass"
        if not passed:
            verdict = "native"
        else:
            passed, output = self.execute(test, ranks, "wasm", host, seconds + 5 * native)
            if not passed:
                verdict = "fail"
        return {"host": host, "test": test.name, "directory": test.directory, "ranks": ranks, "verdict": verdict,
                "seconds": round(time.monotonic() - start, 1), "output": "" if passed else output.strip()[:3000]}


class Results:
    """One line of JSON for each test and host; later lines win."""

    def __init__(self, path, resume, again):
        self.path, self.lock = path, threading.Lock()
        self.over = ("pass",) if again else ("pass", "native")
        self.known = mpich_table.read(path)
        if not resume and path.exists():
            path.unlink()
            self.known = {}

    def done(self, test, host):
        result = self.known.get((host, test.name))
        return result if result and result["verdict"] in self.over else None

    def add(self, result):
        with self.lock, open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")


def selected(test, chosen):
    return not chosen or any(test.program == c or test.program.startswith(c + "/") for c in chosen)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--all", action="store_true", help="the suite's own test lists")
    parser.add_argument("--resume", action="store_true", help="with --all: only what has no result, or failed")
    parser.add_argument("--again", action="store_true", help="with --all --resume: also what does not pass natively")
    parser.add_argument("--table", action="store_true", help="write docs/mpich-suite.md from the results of --all")
    parser.add_argument("--host", choices=sorted(HOSTS), action="append", help="host MPI (default: all that are there)")
    parser.add_argument("--jobs", type=int, help="tests at a time (default: 2, with --all 1)")
    parser.add_argument("--max-ranks", type=int, default=4)
    parser.add_argument("--time", type=float, default=1.0, help="factor for all time limits")
    parser.add_argument("--memory", type=float, default=2.0, help="leave out tests that need more than these GB")
    parser.add_argument("--verbose", action="store_true", help="outputs of tests that do not pass natively, too")
    parser.add_argument("tests", nargs="*", help="only these: directory/program or a directory")
    options = parser.parse_args()

    exceptions = mpich_table.Exceptions(HERE / "mpich_suite.exceptions")
    code, output = run([ROOT / "script/fetch-source", "mpich"], timeout=600)
    if code:
        sys.exit("mpich_suite: " + output)
    suite = Suite(Path(output.split()[-1]) / "test/mpi")
    chosen = [t for t in (mpich_lists.everything(suite.path) if options.all or options.table else listed())
              if selected(t, options.tests) and t.memory <= options.memory]
    if options.table:
        return mpich_table.write(OUT / "results.jsonl", exceptions, ROOT / "docs/mpich-suite.md", chosen)
    if not chosen:
        sys.exit("mpich_suite: no such test")

    hosts = options.host or [h for h in HOSTS if (BUILD / ("lib/mpiwasm/libmpiwasm-%s.so" % h)).exists()]
    results = Results(OUT / ("results.jsonl" if options.all else "list.jsonl"), options.resume or options.tests,
                      options.again)
    failed = 0

    def check(job):
        host, test = job
        known = results.done(test, host) if options.all and options.resume else None
        if known:
            return known
        result = suite.check(test, host, options.max_ranks, options.time)
        results.add(result)
        return result

    with concurrent.futures.ThreadPoolExecutor(options.jobs or (1 if options.all else 2)) as pool:
        for host in hosts:
            counts = dict.fromkeys(("pass", "fail", "excepted", "native"), 0)
            for test, result in zip(chosen, pool.map(check, [(host, t) for t in chosen])):
                verdict = result["verdict"]
                if verdict == "fail" and exceptions.reason(result):
                    verdict = "excepted"
                counts[verdict] += 1
                if verdict == "fail" or verdict == "native" and (options.verbose or not options.all):
                    print("%s %s: %s\n    %s" % (verdict, host, test.name,
                                                 result["output"][:1500].replace("\n", "\n    ")))
                sys.stdout.flush()
            print("%s: %d of MPICH's tests passed, %d failed, %d failed as expected, %d do not pass natively" % (
                host, counts["pass"], counts["fail"], counts["excepted"], counts["native"]))
            # In the committed list every test passes natively; one that does not has lost its meaning.
            failed += counts["fail"] + (0 if options.all else counts["native"] + counts["excepted"])
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
