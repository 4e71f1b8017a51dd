#!/usr/bin/env python3
"""Kernels of bench/kernels, natively and as guests, interleaved: a table of their speed relative to native code.

A kernel prints the least processor time of its steps. Each round runs every build of a kernel once, in turns; what
counts is the least and the median over the rounds. Columns are native time / time: above 1 is faster than native.

  native    the better of clang and gcc, -O3 -march=native -ffp-contract=off
  generic   the better of both, -O3 for any x86-64 (what packages and containers ship), -ffp-contract=off
  wasm      mpiwasm-cc -O3
  simd128   mpiwasm-cc -O3 -msimd128 with clang's vectorizers and unrolling on: what other toolchains ship
  fma       mpiwasm-cc -O3, run with --fp-contract=fast; relative to clang -O3 -march=native -ffp-contract=fast

A compiler may fuse in spite of -ffp-contract=off (gcc 12 does: its vfmaddsub). The code of all native builds that must not is looked
at. One with fused instructions counts for nothing but a footnote; in its place the same compiler's without them (FMA_OFF) does.

Native runs keep their heap (no mmap for large blocks), as a guest keeps its own.

--levels shows instead what the levels of optimization cost and bring: for each of -O0 to -O3 the time to compile the
modules of all kernels (C library included), one after the other, and the geometric mean of their speed.

--pointers shows what 64-bit pointers (mpiwasm-cc -m64) cost: the time of each kernel in C, and of examples/cg.c on one rank,
with them and without.

--openmp shows the kernels with loops in parallel, built with -fopenmp natively and as guests: elapsed time of a step with one and
with two threads.
"""
import argparse
import glob
import json
import math
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time

from run import BUILD, KEEP_HEAP, ROOT, Failure

WORK = os.path.join(BUILD, "bench", "kernels")
SOURCES = os.path.join(ROOT, "bench", "kernels")
LIMIT_S = 300
# Column: builds of which the faster one counts, and the column that it is relative to.
COLUMNS = {
    "native": (("clang", "gcc"), "native"),
    "generic": (("clang-generic", "gcc-generic"), "native"),
    "wasm": (("wasm",), "native"),
    "simd128": (("simd128",), "native"),
    "native-fma": (("clang-fma",), "native-fma"),
    "fma": (("fma",), "native-fma"),
}
SHOWN = ("generic", "wasm", "simd128", "fma")
FUSED = re.compile(r"\b(vfn?m(add|sub|addsub|subadd)\d+[ps][sdh]|fn?m(add|sub)|fml[as])\s")
FMA_OFF = ["-mno-fma", "-mno-avx512f"]
FOREIGN = ["-msimd128", "-fvectorize", "-fslp-vectorize", "-funroll-loops"]


def kernels():
    return {os.path.splitext(name)[0]: os.path.join(SOURCES, name)
            for name in sorted(os.listdir(SOURCES)) if name.endswith((".c", ".cc"))}


def run(command, environment=None):
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=LIMIT_S,
                                env=dict(os.environ, **(environment or {})), check=False)
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(command)}: more than {LIMIT_S} s") from None
    if result.returncode:
        raise Failure(f"{' '.join(command)}: {result.stderr.strip() or result.returncode}")
    return result.stdout


def fused_instructions(program):
    code = run(["llvm-objdump-22", "-d", "--no-show-raw-insn", program])
    return len(FUSED.findall(code))


def build_native(kind, command, source, commands):
    """Builds and notes the command; also of the same without fused instructions, if there are some that should not be."""
    output = os.path.join(WORK, f"{os.path.splitext(os.path.basename(source))[0]}-{kind}")
    run(command + [source, "-o", output, "-lm"])
    commands[kind] = [output]
    if "-ffp-contract=off" not in command or not fused_instructions(output):
        return
    commands[f"{kind}-fused"] = commands.pop(kind)
    output += "-strict"
    run(command + FMA_OFF + [source, "-o", output, "-lm"])
    if not fused_instructions(output):
        commands[kind] = [output]


def build(name, source):
    """The command of each build. A kind that cannot be had without fused instructions is missing, and there is one KIND-fused."""
    cxx = source.endswith(".cc")
    clang, gcc, guest = ("clang++-22", "g++", "mpiwasm-c++") if cxx else ("clang-22", "gcc", "mpiwasm-cc")
    strict = "-ffp-contract=off"
    native = {
        "clang": [clang, "-O3", "-march=native", strict],
        "gcc": [gcc, "-O3", "-march=native", strict],
        "clang-generic": [clang, "-O3", strict],
        "gcc-generic": [gcc, "-O3", strict],
        "clang-fma": [clang, "-O3", "-march=native", "-ffp-contract=fast"],
    }
    commands = {}
    for kind, command in native.items():
        build_native(kind, command, source, commands)
    for kind, flags in (("wasm", []), ("simd128", FOREIGN)):
        output = os.path.join(WORK, f"{name}-{kind}.wasm")
        run([guest, "-O3", *flags, source, "-o", output, "-lm"])
        commands[kind] = ["mpiwasm", output]
    commands["fma"] = ["mpiwasm", "--fp-contract=fast", commands["wasm"][1]]
    return commands


def measure(name, commands, rounds):
    """Least times of each build's rounds, in nanoseconds."""
    times = {kind: [] for kind in commands}
    sums = {}
    for _ in range(rounds):
        for kind, command in commands.items():
            text = run(command, KEEP_HEAP)
            least = re.search(r"^least: (\d+) ns$", text, re.M)
            checksum = re.search(r"^checksum: (.+)$", text, re.M)
            if not least or not checksum:
                raise Failure(f"{name}, {kind}: cannot read what it printed: {text!r}")
            times[kind].append(int(least[1]))
            sums[kind] = checksum[1]
    strict = {kind: value for kind, value in sums.items() if not re.search("fma|fused", str(kind))}
    if len(set(strict.values())) != 1:
        raise Failure(f"{name}: results differ: {strict}")
    return times


def ratios(times, reduce):
    best = {column: min(reduce(times[kind]) for kind in kinds if kind in times) for column, (kinds, _) in COLUMNS.items()}
    return {column: best[COLUMNS[column][1]] / best[column] for column in SHOWN}


def geomean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def table(results):
    lines = ["| kernel | native, ms | by | " + " | ".join(SHOWN) + " |", "|---|---:|---|" + "---:|" * len(SHOWN)]
    least = {name: ratios(times, min) for name, times in results.items()}
    median = {name: ratios(times, statistics.median) for name, times in results.items()}
    notes = []
    for name, times in results.items():
        kind = min((k for k in COLUMNS["native"][0] if k in times), key=lambda k: min(times[k]))
        cells = " | ".join(f"{least[name][c]:.2f} ({median[name][c]:.2f})" for c in SHOWN)
        mark = ""
        for fused in (k for k in times if k.endswith("-fused")):
            strict = fused.removesuffix("-fused")
            mark = "*"
            notes.append(f"\\* *{name}*: {strict} fuses multiplications with additions in spite of `-ffp-contract=off`: "
                         f"{min(times[fused]) / 1e6:.3f} ms. With `{' '.join(FMA_OFF)}` it does not"
                         f"{f': {min(times[strict]) / 1e6:.3f} ms' if strict in times else ' either'}.")
        lines.append(f"| {name}{mark} | {min(times[kind]) / 1e6:.3f} | {kind} | {cells} |")
    cells = " | ".join(f"**{geomean(r[c] for r in least.values()):.2f}** ({geomean(r[c] for r in median.values()):.2f})"
                       for c in SHOWN)
    lines.append(f"| geometric mean | | | {cells} |")
    return "\n".join(lines + [""] * bool(notes) + notes)


def compile_cost(modules, level):
    """Elapsed and processor seconds of compiling all the modules."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    for module in modules:
        run(["mpiwasm", "compile", f"-O{level}", "-o", os.path.join(WORK, "level.o"), module])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def levels(names, known, rounds):
    modules = {}
    times = {}
    for name in names:
        commands = build(name, known[name])
        modules[name] = commands["wasm"][1]
        kinds = {kind: commands[kind] for kind in COLUMNS["native"][0] if kind in commands}
        kinds.update({level: ["mpiwasm", f"-O{level}", modules[name]] for level in range(4)})
        times[name] = measure(name, kinds, rounds)
    lines = ["| level | compiling, elapsed | processor time | speed, native = 1 |", "|---|---:|---:|---:|"]
    for level in range(4):
        costs = [compile_cost(modules.values(), level) for _ in range(3)]
        speed = geomean(min(min(t[kind]) for kind in COLUMNS["native"][0] if kind in t) / min(t[level]) for t in times.values())
        lines.append(f"| `-O{level}` | {min(c[0] for c in costs):.2f} s | {min(c[1] for c in costs):.2f} s | {speed:.2f} |")
    size = sum(os.path.getsize(module) for module in modules.values())
    return "\n".join(lines) + f"\n\n{len(modules)} modules, {size / 1e6:.2f} MB."


def pointers(names, known, rounds):
    sources = {name: (known[name], (), r"^least: (\d+) ns$", r"^checksum: (.+)$") for name in names
               if known[name].endswith(".c")}
    if "cg" in names or len(names) == len(known) - 1:
        sources["cg"] = (os.path.join(ROOT, "examples", "cg.c"), ("64", "20", "6"), r"^time: ([\d.]+) s", r"^check: (.+)$")
    lines = ["| kernel | 64-bit pointers, time relative to 32-bit ones: least (median) |", "|---|---:|"]
    for name, (source, arguments, time_of, result_of) in sources.items():
        modules = {bits: os.path.join(WORK, f"{name}-m{bits}.wasm") for bits in (32, 64)}
        for bits, module in modules.items():
            run(["mpiwasm-cc", f"-m{bits}", "-O3", source, "-o", module, "-lm"])
        times, results = {32: [], 64: []}, set()
        for _ in range(rounds):
            for bits, module in modules.items():
                text = run(["mpiwasm", module, *arguments])
                times[bits].append(float(re.search(time_of, text, re.M)[1]))
                results.add(re.search(result_of, text, re.M)[1])
        if len(results) != 1:
            raise Failure(f"{name}: results differ: {results}")
        least, median = (reduce(times[64]) / reduce(times[32]) for reduce in (min, statistics.median))
        lines.append(f"| {name} | {least:.2f} ({median:.2f}) |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def openmp_builds(name, source):
    """Of clang with what runtime there is, in whichever version; none if there is none."""
    output = os.path.join(WORK, f"{name}-openmp")
    native = ["-O3", "-march=native", "-ffp-contract=off", "-fopenmp", source, "-lm"]
    commands = {}
    for folder in ["", *sorted(glob.glob("/usr/lib/llvm-*/lib"), reverse=True)]:
        try:
            run(["clang-22", *native, *([f"-L{folder}"] if folder else []), "-o", f"{output}-clang"])
            commands["clang"] = [f"{output}-clang"]
            break
        except Failure:
            continue
    run(["gcc", *native, "-o", f"{output}-gcc"])
    commands["gcc"] = [f"{output}-gcc"]
    run(["mpiwasm-cc", "-O3", "-fopenmp", source, "-lm", "-o", f"{output}.wasm"])
    commands["wasm"] = ["mpiwasm", f"{output}.wasm"]
    return commands


def openmp(names, known, rounds):
    lines = ["| kernel | threads | native, ms | by | wasm, ms | native / wasm |", "|---|---:|---:|---|---:|---:|"]
    for name in names:
        with open(known[name]) as f:
            if "#pragma omp" not in f.read():
                continue
        commands = openmp_builds(name, known[name])
        for threads in (1, 2):
            times = measure(name, {kind: ["env", f"OMP_NUM_THREADS={threads}", *command]
                                   for kind, command in commands.items()}, rounds)
            kind = min((k for k in times if k != "wasm"), key=lambda k: min(times[k]))
            least, median = (reduce(times[kind]) / reduce(times["wasm"]) for reduce in (min, statistics.median))
            lines.append(f"| {name} | {threads} | {min(times[kind]) / 1e6:.3f} | {kind} | {min(times['wasm']) / 1e6:.3f} | "
                         f"{least:.2f} ({median:.2f}) |")
            print(lines[-1], flush=True)
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="KERNEL", help="default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--levels", action="store_true", help="levels of optimization instead of kinds of builds")
    parser.add_argument("--pointers", action="store_true", help="64-bit pointers against 32-bit ones instead")
    parser.add_argument("--openmp", action="store_true", help="threads: kernels with OpenMP instead")
    parser.add_argument("--json", help="write all times here")
    parser.add_argument("--markdown", help="write the table here")
    args = parser.parse_args()
    known = kernels()
    unknown = [name for name in args.names if name not in known and not (args.pointers and name == "cg")]
    if unknown or args.rounds < 1:
        parser.error(f"no kernel {unknown[0]}; there are {', '.join(known)}" if unknown else "no rounds")
    os.makedirs(WORK, exist_ok=True)
    results = {}
    try:
        if args.levels:
            print(levels(args.names or known, known, args.rounds))
            return
        if args.pointers:
            print("\n" + pointers(args.names or list(known), {**known, "cg": ""}, args.rounds))
            return
        if args.openmp:
            print("\n" + openmp(args.names or known, known, args.rounds))
            return
        for name in args.names or known:
            results[name] = measure(name, build(name, known[name]), args.rounds)
            print(table({name: results[name]}).splitlines()[2], flush=True)
    except Failure as failure:
        sys.exit(f"bench/kernels.py: {failure}")
    text = table(results)
    print("\n" + text)
    if args.markdown:
        with open(args.markdown, "w") as f:
            f.write(text + "\n")
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"machine": platform.platform(), "times_ns": results}, f, indent=1)


if __name__ == "__main__":
    main()
