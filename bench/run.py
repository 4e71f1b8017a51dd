#!/usr/bin/env python3
"""Run programs natively and as guests, interleaved, on each host MPI; compare their results and their speed.

A program prints what it has to say for itself:
    rate: 3.2 GFLOP/s              how fast it was; more is better
    value: NAME = 12.3 ns          something that it measured; less is better
    time: ..., wall clock time     not compared
All other lines, sorted, must be the same natively and as a guest, and so must the files that it writes.

Native builds use the same clang with -O3 -march=native -ffp-contract=off, and a heap that keeps its memory, as a guest
keeps its own.
"""
import argparse
import dataclasses
import filecmp
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import instructions
import sweep
import together

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("MW_BUILD_DIR", os.path.join(ROOT, "build"))
WORK = os.path.join(BUILD, "bench")
NATIVE_FLAGS = ["-O3", "-march=native", "-ffp-contract=off"]
GUEST_FLAGS = ["-O3"]
HOSTS = {"openmpi": "Open MPI", "mpich": "MPICH"}
KEEP_HEAP = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
MEMORY = "/dev/shm"
RUN_LIMIT_S = 300


class Failure(Exception):
    """A sentence for the user."""


@dataclasses.dataclass
class Program:
    """{dir} in an argument is the granted directory, as the program sees it."""
    name: str
    source: str
    arguments: tuple = ()
    files: tuple = ()        # written below the granted directory, compared byte by byte
    rounds: int = 0          # 0: as many as asked for
    noise: bool = False      # measured natively twice
    in_memory: bool = False  # its files are in a file system in memory, where there is one
    threads: bool = False    # one rank with threads, on all cores
    inputs: dict = dataclasses.field(default_factory=dict)  # file below the granted directory: its text


def programs():
    text = "".join(f"line {i} of {i * i} words or so\n" for i in range(2000))
    return [
        Program("hello", "examples/hello.c", rounds=1),
        Program("ring", "examples/ring.c", ("10",), rounds=1),
        Program("cpi", "mpich:examples/cpi.c", rounds=1),
        Program("io", "examples/io.c", ("{dir}/in",), files=("in.counts",), inputs={"in": text}, rounds=1),
        Program("heat", "examples/heat.c", ("600", "4000", "{dir}/heat.ppm"), files=("heat.ppm",)),
        Program("is", "examples/is.c", ("24", "60")),
        Program("cg", "examples/cg.c", ("64", "50", "6")),
        Program("calls", "bench/mpi_calls.c"),
        Program("sweep", "bench/mpi_sweep.c", noise=True),
        Program("transfers", "bench/io.c", ("{dir}",), noise=True, in_memory=True),
        Program("at_scale", "bench/mpi_scale.c", ("count", "3"), rounds=1),
        Program("threads", "bench/threads.c", threads=True),
        Program("wait", "bench/wait.c", rounds=1),
        Program("wait_threads", "bench/wait.c", rounds=1, threads=True),
        Program("empty", "bench/empty.c", rounds=1),
    ]


# Measurements of another kind, and the programs that they need.
OTHERS = {"start": ("cg", "hello", "empty"), "together": ("wait", "wait_threads"), "instructions": ("calls",),
          "scale": ("at_scale",)}


# ---- building -------------------------------------------------------------------------------------------------

def source_path(program):
    if not program.source.startswith("mpich:"):
        return os.path.join(ROOT, program.source)
    result = subprocess.run([os.path.join(ROOT, "script", "fetch-source"), "mpich"], stdout=subprocess.PIPE, text=True,
                            check=False, env=dict(os.environ, MW_BUILD_DIR=BUILD))
    if result.returncode:
        raise Failure("the source of MPICH cannot be had, so " + program.name + " cannot be built")
    return os.path.join(result.stdout.strip(), program.source.removeprefix("mpich:"))


def compile_one(command, output, environment=None):
    result = subprocess.run(command + ["-o", output, "-lm"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env=dict(os.environ, **(environment or {})), check=False)
    if result.returncode:
        raise Failure(" ".join(command) + ":\n" + result.stdout)
    return output


def build(program, hosts):
    """The program's executables: {"wasm": path, host: path, ...}."""
    source = source_path(program)
    own = ["-pthread"] if program.threads else []
    made = {"wasm": compile_one([os.path.join(BUILD, "bin", "mpiwasm-cc"), *GUEST_FLAGS, *own, source],
                                os.path.join(WORK, program.name + ".wasm"))}
    for host in hosts:
        made[host] = compile_one(["mpicc." + host, *NATIVE_FLAGS, *own, source], os.path.join(WORK, f"{program.name}.{host}"),
                                 {"OMPI_CC": "clang-22", "MPICH_CC": "clang-22"})
    return made


# ---- running --------------------------------------------------------------------------------------------------

def command_of(program, made, host, kind, ranks, directory):
    unit = "none" if program.threads else "core"
    bind = ["--bind-to" if host == "openmpi" else "-bind-to", unit] if ranks <= os.cpu_count() else []
    launch = ["mpirun." + host, *bind, "-np", "1" if program.threads else str(ranks)]
    if kind != "wasm":
        return launch + [made[host]] + [a.format(dir=directory) for a in program.arguments]
    grant = ["-d", directory] if any("{dir}" in a for a in program.arguments) else []
    guest = "/" + os.path.basename(directory)
    return launch + [os.path.join(BUILD, "bin", "mpiwasm"), *grant, made["wasm"],
                     *(a.format(dir=guest) for a in program.arguments)]


def run_once(program, made, host, kind, ranks):
    directory = os.path.join(WORK, "files", kind)
    if program.in_memory and os.access(MEMORY, os.W_OK):
        directory = os.path.join(MEMORY, "mpiwasm-bench", kind)
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    for name, text in program.inputs.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)
    command = command_of(program, made, host, kind, ranks, directory)
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=RUN_LIMIT_S,
                                env=dict(os.environ, **(KEEP_HEAP if kind != "wasm" else {})), check=False)
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(command)}: not done after {RUN_LIMIT_S} s") from None
    if result.returncode:
        raise Failure(f"{' '.join(command)}: exit code {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def read_output(text):
    """(rate, unit, {name: value}, the lines to compare)."""
    rate, unit, values, same = None, "", {}, []
    for line in text.splitlines():
        if match := re.match(r"rate: (\S+) (\S+)$", line):
            rate, unit = float(match[1]), match[2]
        elif match := re.match(r"value: (.+) = (\S+) ns$", line):
            values[match[1]] = float(match[2])
        elif not line.startswith(("time:", "wall clock time")):
            same.append(line)
    return rate, unit, values, sorted(same)


def compare(program, host, outputs):
    if outputs["native"] != outputs["wasm"]:
        raise Failure(f"{program.name} on {HOSTS[host]}: native and Wasm differ\n  native: "
                      + "\n          ".join(outputs["native"]) + "\n  Wasm:   " + "\n          ".join(outputs["wasm"]))
    for name in program.files:
        paths = [os.path.join(WORK, "files", kind, name) for kind in ("native", "wasm")]
        if not all(os.path.exists(p) for p in paths) or not filecmp.cmp(*paths, shallow=False):
            raise Failure(f"{program.name} on {HOSTS[host]}: the file {name} differs between native and Wasm")


def measure(program, made, host, ranks, rounds):
    """Rounds of native and Wasm in turns, which of them first alternating."""
    kinds = ["native", "wasm"] + ["again"] * program.noise
    result = {"program": program.name, "host": host, "ranks": ranks, "unit": "", "native": [], "wasm": [], "values": {}, "noise": program.noise}
    run_once(program, made, host, "wasm", ranks)  # fills the cache
    for number in range(program.rounds or rounds):
        outputs = {}
        for kind in kinds[number % len(kinds):] + kinds[:number % len(kinds)]:
            rate, unit, values, outputs[kind] = read_output(run_once(program, made, host, kind, ranks))
            if rate is not None and kind in result:
                result[kind].append(rate)
                result["unit"] = unit
            for name, value in values.items():
                result["values"].setdefault(name, {k: [] for k in kinds})[kind].append(value)
        compare(program, host, outputs)
    return result


def timed(command, environment=None):
    """(seconds, kilobytes resident at most) of a command that succeeds."""
    usage = os.path.join(WORK, "usage")
    if not os.path.exists(usage):
        compile_one(["cc", "-O2", os.path.join(ROOT, "bench", "usage.c")], usage)
    read, write = os.pipe()
    shell = f'exec "$@" 3>&{write}'
    result = subprocess.run(["sh", "-c", shell, "sh", usage, *command], stdout=subprocess.DEVNULL, text=True,
                            stderr=subprocess.PIPE, pass_fds=(write,), env=dict(os.environ, **(environment or {})),
                            check=False)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read().split()
    if result.returncode:
        raise Failure(f"{' '.join(command)}: exit code {result.returncode}\n{result.stderr}")
    return float(told[0]), int(told[1])


def measure_start(made, hosts, rounds):
    """Compiling cg with an empty cache; starting and ending programs whose code is cached, without a launcher."""
    mpiwasm = os.path.join(BUILD, "bin", "mpiwasm")
    result = {"compile_s": [], "start": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=WORK) as cache:
            result["compile_s"].append(timed([mpiwasm, "compile", made["cg"]["wasm"]], {"XDG_CACHE_HOME": cache})[0])
    for name, arguments in (("empty", ()), ("hello", ()), ("cg", ("2", "1", "1"))):
        for host in hosts:
            entry = {"program": name, "host": host}
            commands = {"native": [made[name][host]], "wasm": [mpiwasm, "--mpi", host, made[name]["wasm"]]}
            timed(commands["wasm"] + list(arguments))
            for _ in range(5 * rounds):
                for kind, command in commands.items():
                    seconds, kilobytes = timed(command + list(arguments))
                    entry.setdefault(kind + "_s", []).append(seconds)
                    entry.setdefault(kind + "_kb", []).append(kilobytes)
            result["start"].append(entry)
    return result


# ---- telling --------------------------------------------------------------------------------------------------

def table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def markdown(report):
    parts = []
    rated = [r for r in report["runs"] if r["native"]]
    if rated:
        rows = [("program", "host MPI", "native", "Wasm", "ratio of the best", "ratio of the medians")]
        for r in rated:
            best = [max(r[k]) for k in ("native", "wasm")]
            median = [statistics.median(r[k]) for k in ("native", "wasm")]
            rows.append((r["program"], HOSTS[r["host"]], f"{best[0]:.3g} {r['unit']}", f"{best[1]:.3g} {r['unit']}",
                         f"{best[1] / best[0]:.2f}", f"{median[1] / median[0]:.2f}"))
        parts.append(table(rows))
    called = [("call", "host MPI", "native ns", "Wasm ns", "added ns")]
    for r in report["runs"]:
        if r["noise"]:
            parts.append(f"{r['program']}, {HOSTS[r['host']]}, {r['ranks']} ranks:\n\n" + table(list(sweep.rows(r))))
        for name, v in r["values"].items() if not r["noise"] else ():
            native, wasm = min(v["native"]), min(v["wasm"])
            called.append((name, HOSTS[r["host"]], f"{native:.1f}", f"{wasm:.1f}", f"{wasm - native:+.1f}"))
    if len(called) > 1:
        parts.append(table(called))
    if report.get("start"):
        rows = [("start to end, cached", "host MPI", "native", "Wasm", "native memory", "Wasm memory")]
        for e in report["start"]["start"]:
            rows.append((e["program"], HOSTS[e["host"]],
                         *(f"{min(e[k + '_s']) * 1e3:.1f} ms" for k in ("native", "wasm")),
                         *(f"{min(e[k + '_kb']) / 1024:.1f} MB" for k in ("native", "wasm"))))
        parts.append(table(rows))
        parts.append(f"Compiling cg with an empty cache: {min(report['start']['compile_s']):.2f} s.")
    if report.get("together"):
        parts.append(table(list(together.rows(report["together"]))))
    if report.get("instructions"):
        parts.append(table(list(instructions.rows(report["instructions"], HOSTS))))
    for host, counts in report.get("scale", {}).items():
        parts.append(f"{HOSTS[host]}:\n\n" + table(list(instructions.scale_rows(counts))))
    checked = sorted({r["program"] for r in report["runs"]})
    if checked:
        parts.append(f"Same results natively and as Wasm: {', '.join(checked)}.")
    return "\n\n".join(parts)


def main():
    known = {p.name: p for p in programs()}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="PROGRAM", help=f"of {', '.join(known)}, {', '.join(OTHERS)} (default: all)")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hosts", default="openmpi,mpich", help="of openmpi, mpich")
    parser.add_argument("--json", metavar="FILE", help="write all measurements here")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables here too")
    options = parser.parse_args()
    hosts = options.hosts.split(",")
    names = options.names or [*known, *OTHERS]
    for name in names:
        if name not in known and name not in OTHERS:
            parser.error(f"no program {name}; there are {', '.join(known)}, {', '.join(OTHERS)}")
    for host in hosts:
        if host not in HOSTS:
            parser.error(f"no host MPI {host}; there are {', '.join(HOSTS)}")

    os.makedirs(WORK, exist_ok=True)
    report = {"runs": []}
    try:
        needed = [n for name in names for n in OTHERS.get(name, (name,))]
        made = {name: build(known[name], hosts) for name in dict.fromkeys(needed)}
        for name in names:
            for host in hosts if name in known else ():
                print(f"running {name} on {HOSTS[host]} ...", file=sys.stderr)
                report["runs"].append(measure(known[name], made[name], host, options.ranks, options.rounds))
        if "start" in names:
            print("measuring start-up ...", file=sys.stderr)
            report["start"] = measure_start(made, hosts, options.rounds)
        if "together" in names:
            print("starting many processes ...", file=sys.stderr)
            commands = {"native": [made["wait"][hosts[0]]],
                        "Wasm": [os.path.join(BUILD, "bin", "mpiwasm"), made["wait"]["wasm"]],
                        "Wasm, made for threads": [os.path.join(BUILD, "bin", "mpiwasm"), made["wait_threads"]["wasm"]]}
            report["together"] = together.measure(commands, options.rounds)
        if "instructions" in names:
            print("counting instructions ...", file=sys.stderr)
            report["instructions"] = instructions.measure(os.path.join(BUILD, "bin", "mpiwasm"), made["calls"], hosts)
        if "scale" in names:
            print("counting instructions at scale ...", file=sys.stderr)
            report["scale"] = {host: instructions.measure_scale(os.path.join(BUILD, "bin", "mpiwasm"), made["at_scale"], host,
                                                                options.ranks) for host in hosts}
    except Failure as failure:
        sys.exit(f"run.py: {failure}")
    text = markdown(report)
    print(text)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
