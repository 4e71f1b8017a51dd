"""Instructions that a call of MPI takes natively and as a guest, counted by valgrind's callgrind: the same numbers
whatever else the machine does.

bench/mpi_calls.c with the argument `count` runs each of its batches, functions named op_..., twice: with 10 calls, so that
all is bound and touched, and with CALLS. Callgrind writes its counts after each batch. What the second batch took,
divided by its calls, is split by the object that the functions are in: the guest's code, MPIWasm's, the host MPI's."""
import collections
import glob
import os
import re
import shutil
import subprocess
import tempfile

CALLS = 1000
CALLS_AT_SCALE = 10
CPU = "x86-64-v3"  # valgrind knows no AVX-512


def parse(path):
    """{(object, function): instructions} of a callgrind file, each function's own."""
    names = {"ob": {}, "fn": {}}
    costs = collections.Counter()
    current = {"ob": "", "fn": ""}
    called = False
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            match = re.match(r"(c?)(ob|fn)=\((\d+)\)(?: (.*))?$", line)
            if match:
                if match[4] is not None:
                    names[match[2]][match[3]] = match[4]
                if not match[1]:
                    current[match[2]] = names[match[2]][match[3]]
            elif line.startswith("calls="):
                called = True  # the next line is the callee's cost
            elif re.match(r"[0-9+*-]", line):
                if not called:
                    costs[current["ob"], current["fn"]] += int(line.split()[1])
                called = False
    return costs


def kind_of(obj, program):
    """Whose code an object is."""
    name = os.path.basename(obj)
    if name.startswith("libmpiwasm") or name == "mpiwasm":
        return "mpiwasm"
    if obj == program or "/mpiwasm/" in obj or re.match(r"[0-9a-f]{64}\.so$", name):
        return "program"
    return "host"


def count(command, program, calls_made=CALLS, launcher=(), ranks=1):
    """{call: {(kind, function): instructions for each call}}, of rank 0."""
    directory = tempfile.mkdtemp()
    command = [*command, "count", str(calls_made)]
    others = [":", "-np", str(ranks - 1), *command] if ranks > 1 else []
    try:
        result = subprocess.run([*launcher, "valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}/out",
                                 "--dump-after=op_*", "--zero-before=op_*",  # the other way round, it dumps nothing
                                 *command, *others],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if result.returncode:
            raise RuntimeError(f"valgrind {' '.join(command)}: exit code {result.returncode}\n{result.stderr[-2000:]}")
        calls = re.findall(r"^counted: (.*)$", result.stdout, re.MULTILINE)
        dumps = sorted((p for p in glob.glob(f"{directory}/out.*")), key=lambda p: int(p.rsplit(".", 1)[1]))
        if len(dumps) != 2 * len(calls):
            raise RuntimeError(f"valgrind {' '.join(command)}: {len(dumps)} dumps of {len(calls)} calls")
        counts = {}
        for call, dump in zip(calls, dumps[1::2]):
            counts[call] = collections.Counter()
            for (obj, function), cost in parse(dump).items():
                kind = kind_of(obj, program)
                function = re.sub(r"\.f\d+$|'\d+$", "", function) if kind != "host" else ""
                counts[call][kind, function] += cost / calls_made
        return counts
    finally:
        shutil.rmtree(directory)


def measure(mpiwasm, made, hosts):
    """[{host, call, native: {program, host}, wasm: {program, mpiwasm, host}, functions: {function: instructions}}]"""
    results = []
    subprocess.run([mpiwasm, "compile", "--cpu", CPU, made["wasm"]], check=True)  # not beneath valgrind
    for host in hosts:
        native = count([made[host]], made[host])
        wasm = count([mpiwasm, "--cpu", CPU, "--mpi", host, made["wasm"]], made["wasm"])
        for call, counts in wasm.items():
            entry = {"host": host, "call": call, "functions": {}}
            for name, side in (("native", native[call]), ("wasm", counts)):
                entry[name] = collections.Counter()
                for (kind, function), cost in side.items():
                    entry[name][kind] += cost
                    if kind == "mpiwasm" and cost >= 0.5:
                        entry["functions"][function] = cost
            results.append(entry)
    return results


def measure_scale(mpiwasm, made, host, ranks):
    """{call: {size of the communicator: instructions in MPIWasm for each call}}"""
    subprocess.run([mpiwasm, "compile", "--cpu", CPU, made["wasm"]], check=True)
    counts = count([mpiwasm, "--cpu", CPU, "--mpi", host, made["wasm"]], made["wasm"], CALLS_AT_SCALE,
                   ["mpirun." + host, "-np", "1"], ranks)
    results = {}
    for name, costs in counts.items():
        call, size = name.rsplit(", ", 1)
        results.setdefault(call, {})[int(size)] = sum(c for (kind, _), c in costs.items() if kind == "mpiwasm")
    return results


def fit(costs):
    """Least squares: instructions = a + b * size."""
    n, x, y = len(costs), sum(costs), sum(costs.values())
    slope = (n * sum(s * c for s, c in costs.items()) - x * y) / (n * sum(s * s for s in costs) - x * x)
    return y / n - slope * x / n, slope


def scale_rows(results):
    sizes = sorted({size for costs in results.values() for size in costs})
    yield ("instructions in MPIWasm, ranks:", *map(str, sizes), "fitted")
    for call, costs in results.items():
        constant, slope = fit(costs)
        yield (call, *(f"{costs[s]:.0f}" for s in sizes), f"{constant:.0f} + {slope:.1f} P")


def rows(results, host_names):
    """Of the table: what the guest's code and MPIWasm's take beyond the native program's."""
    yield ("call", "host MPI", "native: program + MPI", "Wasm: guest + MPIWasm + MPI", "added", "in MPIWasm")
    for r in results:
        native, wasm = r["native"], r["wasm"]
        functions = sorted(r["functions"].items(), key=lambda item: -item[1])
        yield (r["call"], host_names[r["host"]], f"{native['program']:.0f} + {native['host']:.0f}",
               f"{wasm['program']:.0f} + {wasm['mpiwasm']:.0f} + {wasm['host']:.0f}",
               f"{sum(wasm.values()) - sum(native.values()):+.0f}",
               ", ".join(f"{function} {cost:.0f}" for function, cost in functions))
