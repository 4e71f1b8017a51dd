#!/usr/bin/env python3
"""MPICH's own test programs, unchanged: what passes natively on a host MPI must pass as Wasm.

    mpich_suite.py [--all] [--host NAME] [--jobs N] [DIRECTORY/PROGRAM ...]

mpich_suite.list names the programs, with ranks and arguments. Each is built with the host's mpicc and with mpiwasm-cc
and run with both; MPICH's tests say "No Errors" on rank 0 and nothing else. --all takes the suite's own test lists
instead (with at most MAX_RANKS ranks), for finding out what else works.
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = Path(os.environ.get("MW_BUILD_DIR", ROOT / "build"))
OUT = BUILD / "mpich-suite"
MAX_RANKS = 4
DIRECTORIES = ("pt2pt", "coll", "comm", "datatype", "group", "topo", "attr", "init", "info", "errhan", "rma", "io")

HOSTS = {
    "openmpi": ["mpirun.openmpi", "--allow-run-as-root", "--oversubscribe", "--mca", "mpi_yield_when_idle", "1",
                "--mca", "btl_vader_single_copy_mechanism", "none", "-np"],
    "mpich": ["mpirun.mpich", "-np"],
}

# What MPICH's configure would find out. Nothing of it chooses what a test does, only what it may include.
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
#define STDC_HEADERS 1
#define SIZEOF_SHORT __SIZEOF_SHORT__
#define SIZEOF_INT __SIZEOF_INT__
#define SIZEOF_LONG __SIZEOF_LONG__
#define SIZEOF_LONG_LONG __SIZEOF_LONG_LONG__
#define SIZEOF_VOID_P __SIZEOF_POINTER__
#define SIZEOF_MPI_OFFSET 8
#define POINTERINT_t intptr_t
#define THREAD_PACKAGE_NAME THREAD_PACKAGE_NONE
"""


def run(command, timeout=60, **options):
    """Exit status and output; 124 after `timeout` seconds. Kills what it started, and only that."""
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace", start_new_session=True, **options)
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


class Test:
    def __init__(self, program, ranks, args):
        self.program, self.ranks, self.args = program, ranks, args

    def __str__(self):
        return " ".join([self.program, str(self.ranks)] + self.args)


def listed():
    for line in (HERE / "mpich_suite.list").read_text().splitlines():
        fields = line.split("#")[0].split()
        if fields:
            yield Test(fields[0], int(fields[1]), fields[2:])


def everything(suite):
    seen = set()
    for directory in DIRECTORIES:
        for name in ("testlist", "testlist.in"):
            path = suite / directory / name
            if not path.exists():
                continue
            for line in path.read_text().splitlines():
                fields = line.split("#")[0].split()
                if len(fields) < 2 or not fields[1].isdigit() or "xfail" in line or "mem=" in line:
                    continue
                args = [f[4:] for f in fields[2:] if f.startswith("arg=")]
                test = Test("%s/%s" % (directory, fields[0]), min(int(fields[1]), MAX_RANKS), args)
                if str(test) not in seen and (suite / (test.program + ".c")).exists():
                    seen.add(str(test))
                    yield test


def newer(target, *sources):
    return target.exists() and all(target.stat().st_mtime >= s.stat().st_mtime for s in sources)


class Suite:
    def __init__(self, path):
        self.path = path
        OUT.mkdir(parents=True, exist_ok=True)
        include = OUT / "include"
        include.mkdir(exist_ok=True)
        for name, text in ((include / "mpitestconf.h", CONFIG), (OUT / "dtpoolsconf.h", CONFIG)):
            if not name.exists() or name.read_text() != text:
                name.write_text(text)
        self.flags = ["-w", "-O1", "-I", include, "-I", path / "include", "-I", path / "dtpools/include"]
        self.support = [path / "util/mtest.c", path / "util/mtest_common.c", path / "util/dtypes.c",
                        path / "util/mtest_single.c"]
        self.support += sorted((path / "dtpools/src").glob("*.c"))

    def compiler(self, kind):
        if kind == "wasm":
            return [BUILD / "bin/mpiwasm-cc"]
        # Open MPI has what MPI 3.0 removed, but declares it only on demand; the suite's datatype pools use it.
        return ["mpicc." + kind] + (["-DOMPI_OMIT_MPI1_COMPAT_DECLS=0"] if kind == "openmpi" else [])

    def objects(self, kind):
        """The suite's own helpers, compiled once for each kind of build."""
        directory = OUT / kind
        directory.mkdir(exist_ok=True)
        result = []
        for source in self.support:
            target = directory / (source.stem + ".o")
            # The guest's header is a part of the compiler.
            if not newer(target, source, *([BUILD / "bin/mpiwasm-cc"] if kind == "wasm" else [])):
                code, output = run(self.compiler(kind) + self.flags + ["-c", source, "-o", target])
                if code:
                    sys.exit("mpich_suite: %s: %s" % (source, output))
            result.append(target)
        return result

    def build(self, program, kind):
        """The program's path, or None and the compiler's message."""
        source = self.path / (program + ".c")
        target = OUT / kind / (program.replace("/", "-") + (".wasm" if kind == "wasm" else ""))
        objects = [OUT / kind / (s.stem + ".o") for s in self.support]
        if not newer(target, source, *objects):
            code, output = run(self.compiler(kind) + self.flags + [source] + objects + ["-lm", "-o", target])
            if code:
                return None, output
        return target, ""

    def execute(self, test, kind, host):
        """Whether the test passes, and its output."""
        program, message = self.build(test.program, kind)
        if not program:
            return False, message
        command = HOSTS[host] + [test.ranks]
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                           XDG_CACHE_HOME=str(OUT / "cache"))
        if kind == "wasm":
            command = command + [BUILD / "bin/mpiwasm", "run", "-d", "."]
        code, output = run(command + [program] + test.args, env=environment, cwd=OUT)
        return code == 0 and output.strip() == "No Errors", "exit status %d\n%s" % (code, output)

    def check(self, test, host):
        """(verdict, message): pass, fail, or skip where the native build does not pass."""
        good, native = self.execute(test, host, host)
        if not good:
            return "skip", native
        good, output = self.execute(test, "wasm", host)
        return ("pass", "") if good else ("fail", output)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--all", action="store_true", help="the suite's own test lists")
    parser.add_argument("--host", choices=sorted(HOSTS), action="append", help="host MPI (default: all that are there)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="outputs of skipped tests, too")
    parser.add_argument("tests", nargs="*", help="only these: directory/program or a directory")
    options = parser.parse_args()

    code, output = run([ROOT / "script/fetch-source", "mpich"], timeout=600)
    if code:
        sys.exit("mpich_suite: " + output)
    suite = Suite(Path(output.split()[-1]) / "test/mpi")
    chosen = list(everything(suite.path) if options.all else listed())
    if options.tests:
        chosen = [t for t in chosen if t.program in options.tests or t.program.split("/")[0] in options.tests]
    if not chosen:
        sys.exit("mpich_suite: no such test")

    hosts = options.host or [h for h in HOSTS if (BUILD / ("lib/mpiwasm/libmpiwasm-%s.so" % h)).exists()]
    failed = 0
    for kind in hosts + ["wasm"]:
        suite.objects(kind)
    for host in hosts:
        counts = {"pass": 0, "fail": 0, "skip": 0}
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for test, (verdict, message) in zip(chosen, pool.map(lambda t: suite.check(t, host), chosen)):
                counts[verdict] += 1
                if verdict == "fail" or verdict == "skip" and (options.verbose or not options.all):
                    print("%s %s: %s\n    %s" % (verdict, host, test, message.strip()[:1500].replace("\n", "\n    ")))
                sys.stdout.flush()
        print("%s: %d of MPICH's tests passed, %d failed, %d do not pass natively" % (
            host, counts["pass"], counts["fail"], counts["skip"]))
        # In the committed list every test passes natively; one that does not has lost its meaning.
        failed += counts["fail"] + (0 if options.all else counts["skip"])
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
