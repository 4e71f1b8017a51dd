#!/usr/bin/env python3
"""The tests of LLVM's OpenMP runtime, unchanged, from the source that the library is built from.

    suite.py                      suite.list, as CI runs it
    suite.py --all [NAME ...]     all programs (whose path contains a NAME), but those that suite.exceptions names

A program's RUN lines say what is to be done; they run in a shell, with mpiwasm-cc -fopenmp as the compiler. What that makes is
here a script that runs the module below mpiwasm, so that lines which name the program itself work too.
"""
import argparse
import concurrent.futures
import fnmatch
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = Path(os.environ.get("MW_BUILD_DIR", ROOT / "build"))
FOLDERS = ("api", "atomic", "barrier", "critical", "env", "flush", "lock", "master", "misc_bugs", "parallel", "target",
           "tasking", "teams", "threadprivate", "transform", "worksharing")
LLVM = Path("/usr/lib/llvm-22/bin")

# Compiles: "$@" ends with what lit.cfg appends, which names the program behind -o.
COMPILER = """#!/bin/sh
name=
for word; do
    [ "$name" != -o ] || out=$word
    name=$word
done
set -e
"{compiler}" {options} "$@"
mv "$out" "$out.wasm"
printf '#!/bin/sh\\nexec "{mpiwasm}" {run} -d . "%s.wasm" "$@"\\n' "$out" >"$out"
chmod +x "$out"
"""


class Suite:
    def __init__(self, tests, scratch, run_options):
        self.tests, self.scratch = tests, scratch
        for name, compiler in (("cc", "mpiwasm-cc"), ("c++", "mpiwasm-c++")):
            path = scratch / name
            path.write_text(COMPILER.format(compiler=BUILD / "bin" / compiler, mpiwasm=BUILD / "bin/mpiwasm", run=run_options,
                                            options="-fopenmp -Wno-everything"))
            path.chmod(0o755)
        self.environment = dict(os.environ, XDG_CACHE_HOME=str(scratch / "cache"))
        self.environment.setdefault("OMP_NUM_THREADS", "4")

    def substitutions(self, source, program):
        """As in the suite's lit.cfg, in its order."""
        cc, cxx, flags = self.scratch / "cc", self.scratch / "c++", "-I %s" % self.tests
        for kind in ("", "irbuilder-", "c99-", "cxx-", "cxx20-"):
            yield "%%libomp-%scompile-and-run" % kind, "%%libomp-%scompile && %%libomp-run" % kind
        for kind, compiler in (("cxx-compile-c", "%s %s -std=c++17 -x c++ %%s -x none" % (cxx, flags)),
                               ("cxx-compile", "%s %s -std=c++17 %%s" % (cxx, flags)),
                               ("cxx20-compile", "%s %s -std=c++20 %%s" % (cxx, flags)),
                               ("compile", "%s %s %%s" % (cc, flags)),
                               ("irbuilder-compile", "%s %s -fopenmp-enable-irbuilder %%s" % (cc, flags)),
                               ("c99-compile", "%s %s -std=c99 %%s" % (cc, flags))):
            yield "%libomp-" + kind, compiler + " -o %t -lm"
        yield from (("%libomp-run", "%t"), ("%clangXX", str(cxx)), ("%clang", str(cc)), ("%openmp_flags", ""),
                    ("%flags-use-compiler-omp-h", flags), ("%flags", flags), ("%python", sys.executable),
                    ("%not", str(LLVM / "not")), ("FileCheck", str(LLVM / "FileCheck")), ("%sort-threads", "sort -n -s"),
                    ("%t", str(program)), ("%s", str(source)))

    def script(self, source, program):
        text = source.read_text(encoding="utf-8", errors="replace").replace("\\\n// RUN:", "")
        lines = [line.strip() for line in re.findall(r"RUN:(.*)", text)]
        joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
        for name, value in self.substitutions(source, program):
            joined = re.sub(re.escape(name) + r"(?![\w-])", lambda m, value=value: value, joined)
        return "set -eo pipefail\n" + joined if lines else None, bool(re.search(r"XFAIL:\s*true\b", text))

    def check(self, name, seconds=240):
        """None, or what went wrong."""
        directory = self.scratch / name.replace("/", "-")
        directory.mkdir(parents=True)
        script, fails = self.script(self.tests / name, directory / "program")
        if not script:
            return "no RUN line"
        process = subprocess.Popen(["bash", "-c", script], cwd=directory, env=self.environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                   start_new_session=True)
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return "no end after %d s\n%s" % (seconds, process.communicate()[0])
        if fails and not process.returncode:
            return "is expected to fail, and does not"
        return None if fails or not process.returncode else "status %d\n%s" % (process.returncode, output)


def table(path):
    """Lines `name: reason` or `name`, # comments."""
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, reason = line.split("#")[0].partition(":")
        if name.strip():
            yield name.strip(), reason.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--options", default="-O0", help="of mpiwasm")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    fetched = subprocess.run([ROOT / "script/fetch-source", "llvm-toolchain-19:openmp"], stdout=subprocess.PIPE, text=True,
                             check=True)
    tests = Path(fetched.stdout.strip()) / "runtime/test"
    exceptions = [name for name, _ in table(HERE / "suite.exceptions")]
    names = [name for name, _ in table(HERE / "suite.list")]
    if options.all:
        names = sorted(str(path.relative_to(tests)) for folder in FOLDERS for path in (tests / folder).rglob("*.c*")
                       if path.suffix in (".c", ".cpp") and "Inputs" not in path.parts)
        names = [name for name in names if not options.names or any(part in name for part in options.names)]
    failed = 0
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        suite = Suite(tests, Path(scratch), options.options)
        run = [name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in exceptions)]
        for name, problem in zip(run, pool.map(suite.check, run)):
            if problem:
                failed += 1
                print("%s: %s" % (name, problem[:3000]))
                sys.stdout.flush()
    print("%d of the tests of LLVM's OpenMP runtime passed, %d failed, %d left out" % (
        len(run) - failed, failed, len(names) - len(run)))
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
