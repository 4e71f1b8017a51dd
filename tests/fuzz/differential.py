#!/usr/bin/env python3
"""Random modules, run by this project's engine and by Node's: results, calls of imports, memories, globals and traps
must agree.

    differential.py --build BUILD --count N [--seed S]     modules S to S + N - 1, from both generators
    differential.py --build BUILD --seconds T [--seed S]   as many as that time allows
    differential.py --build BUILD --check MODULE...        these modules (a failing one, or one that wasm-reduce tries)

Modules come in turns from generator.py and from Binaryen (wasm-opt -ttf). Each runs at -O0, at -O3 (vectorized) and
at one more level, CPU or kind of traps. A module that fails is kept in --keep with what differed. To make it small:

    wasm-reduce BAD.wasm '--command=differential.py --build BUILD --check test.wasm' -t test.wasm -w small.wasm

Without --strict-traps the engine may drop a load whose value is unused, although it would trap. So where Node traps
on memory, this engine may go on, and after such a trap the state is not compared; nothing else may differ.
"""

import argparse
import hashlib
import os
import pathlib
import random
import select
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import generator  # noqa: E402

TIMEOUT_S = 150
NODE_TIMEOUT_S = 20
LETTER = {0x7F: "i", 0x7E: "I", 0x7D: "f", 0x7C: "F", 0x7B: "V", 0x70: "R", 0x6F: "r"}
CALLABLE, COMPARABLE = set("iIfFRr"), set("iIfFRr")
# What wasm-opt may use; this engine has them all.
TTF_FEATURES = ["simd", "multivalue", "bulk-memory", "sign-ext", "nontrapping-float-to-int", "mutable-globals",
                "extended-const"]
VARIANTS = ["O0,strict", "O1", "O1,strict", "O2", "O3,strict", "O3,cpu=x86-64", "O3,cpu=x86-64-v2",
            "O3,cpu=x86-64-v3", "O3,cpu=x86-64-v4"]


class Broken(Exception):
    pass


def node_command(node):
    """Node 18's quick compiler (Debian 12) stores wrong bytes in some of these modules, its optimizing one does not."""
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    old = int(version.lstrip("v").split(".")[0]) < 20
    return [node] + ["--no-liftoff"] * old + [HERE / "engine.mjs"]


# ---- What a module exports --------------------------------------------------------------------------------------

class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def uleb(self):
        value = shift = 0
        while True:
            b = self.byte()
            value |= (b & 0x7F) << shift
            shift += 7
            if b < 0x80:
                return value

    def take(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def valtype(self):
        code = self.byte()
        if code in (0x63, 0x64):  # (ref null? type)
            self.uleb()
            return "R"
        return LETTER.get(code, "?")

    def types(self):
        return "".join(self.valtype() for _ in range(self.uleb()))

    def limits(self):
        if self.byte() & 1:
            self.uleb()
        self.uleb()


class Exports:
    """functions: [(name, parameters, results)], memory: name or None, globals: [(name, type)]."""

    def __init__(self, data):
        self.functions, self.memory, self.globals, self.imports = [], None, [], []
        types, functypes, globaltypes, exports = [], [], [], []
        r = Reader(data, 8)
        while r.at < len(data):
            section, size = r.byte(), r.uleb()
            end = r.at + size
            if section == 1:
                for _ in range(r.uleb()):
                    if r.byte() != 0x60:
                        raise Broken("a type that is no function's")
                    types.append((r.types(), r.types()))
            elif section == 2:
                self.read_imports(r, functypes, globaltypes)
            elif section == 3:
                functypes += [r.uleb() for _ in range(r.uleb())]
            elif section == 6:
                globaltypes += self.read_globals(r, data[:end])
            elif section == 7:
                exports = [(r.take(r.uleb()), r.byte(), r.uleb()) for _ in range(r.uleb())]
            r.at = end
        for name, kind, index in exports:
            if kind == 0:
                self.functions.append((name, *types[functypes[index]]))
            elif kind == 2 and self.memory is None:
                self.memory = name
            elif kind == 3 and index < len(globaltypes):
                self.globals.append((name, globaltypes[index]))

    def read_imports(self, r, functypes, globaltypes):
        for _ in range(r.uleb()):
            self.imports.append(r.take(r.uleb()) + b"." + r.take(r.uleb()))
            kind = r.byte()
            if kind == 0:
                functypes.append(r.uleb())
            elif kind == 1:
                r.valtype()
                r.limits()
            elif kind == 2:
                r.limits()
            elif kind == 3:
                globaltypes.append(r.valtype())
                r.byte()
            else:
                r.uleb()
                r.uleb()

    @staticmethod
    def read_globals(r, data):
        """Types, as far as the initializers are constants."""
        found = []
        for _ in range(r.uleb()):
            found.append(r.valtype())
            r.byte()
            code = r.byte()
            if code in (0x41, 0x42, 0x23, 0xD2, 0xD0):
                r.uleb()
            elif code in (0x43, 0x44):
                r.take(4 if code == 0x43 else 8)
            elif code == 0xFD:
                r.take(17)
            if r.byte() != 0x0B:
                return found
        return found


def script_of(data, floats):
    """The script for a module. Arguments depend on the name of the export only, so that a part of a module, which
    wasm-reduce tries, is called as the whole was."""
    e = Exports(data)
    usable = [f for f in e.functions if set(f[1] + f[2]) <= CALLABLE]
    lines = []
    if e.memory is not None:
        lines.append(f"memory {e.memory.hex()}")
    lines += [f"floats {a} {b} {w}" for a, b, w in floats]
    lines += [f"global {n.hex()} {t}" for n, t in e.globals if t in COMPARABLE]
    limit = [f for f in usable if f[0] == b"hangLimitInitializer"]
    usable = [f for f in usable if f[0] not in (b"hangLimitInitializer", b"hashMemory")]
    lines += [f"callable {n.hex()} {p or '-'}" for n, p, _ in usable]
    for name, params, results in usable:
        r = random.Random(hashlib.sha256(name).digest())
        for _ in range(2):
            lines += [f"call {n.hex()} {q or '-'}" for n, _, q in limit]
            args = [f"{t}:{generator.random_bits(r, t):x}" if t in "iIfF" else f"{t}:0" for t in params]
            lines.append(" ".join(["call", name.hex(), results or "-", *args]))
    return "\n".join(lines) + "\n"


# ---- Engines ----------------------------------------------------------------------------------------------------

class Engine:
    def __init__(self, command, timeout):
        self.command, self.timeout, self.process, self.asked = command, timeout, None, 0

    def ask(self, *words):
        """The lines of the answer; the last one is "end" if all went well."""
        self.asked += 1
        if self.process is not None and self.asked % 500 == 0:
            self.close()
        if self.process is None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
            self.rest = b""
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        lines, deadline = [], time.monotonic() + self.timeout
        while True:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            more = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not more:
                self.close()
                return lines + ["timeout" if not ready else "died"]
            *complete, self.rest = (self.rest + more).split(b"\n")
            lines += [line.decode(errors="replace") for line in complete]
            if lines and (lines[-1] == "end" or lines[-1].startswith("died")):
                return lines

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None


def split_calls(lines):
    """[(logs, line)]: a call's (or the start's) log lines and what it did."""
    calls, logs = [], []
    for line in lines:
        if line.startswith("log"):
            logs.append(line)
        else:
            calls.append((logs, line))
            logs = []
    return calls


def is_memory_trap(line):
    return line.startswith(("trap memory", "start trap memory"))


def difference(node, own, strict):
    """A sentence about the first difference, or None."""
    theirs, ours = split_calls(node), split_calls(own)
    for k in range(max(len(theirs), len(ours))):
        if k >= len(theirs) or k >= len(ours):
            return f"call {k}: one engine has ended"
        (their_logs, their), (our_logs, our) = theirs[k], ours[k]
        if their.startswith(("trap stack", "start trap stack")) or our.startswith(("trap stack", "start trap stack")):
            return None  # how deep a recursion goes is the engine's own
        if is_memory_trap(their) and not strict and not our.startswith(("died", "timeout", "broken")):
            if our_logs[:len(their_logs)] != their_logs:
                return f"call {k}: imports were called otherwise before the trap: {their_logs} {our_logs}"
            if their.startswith("start"):
                return None
            continue
        if their_logs != our_logs:
            return f"call {k}: imports were called otherwise: {their_logs} {our_logs}"
        if their != our:
            return f"call {k}: Node: {their!r}, here: {our!r}"
    return None


# ---- Modules ----------------------------------------------------------------------------------------------------

def from_binaryen(options, seed, path, work):
    r = random.Random(seed)
    raw = work / "random"
    raw.write_bytes(r.randbytes(r.choice([200, 800, 1500, 4000])))
    features = ["--mvp-features"] + [f"--enable-{f}" for f in TTF_FEATURES]
    if r.random() < 0.3:
        features += ["--enable-threads"]
    if r.random() < 0.3:
        features += ["--enable-exception-handling"]
    if r.random() < 0.3:
        features += ["--no-fuzz-oob"]
    levels = r.choice([[], [], ["-O1"], ["-O3"], ["--flatten", "--vacuum"]])
    made = subprocess.run([options.wasm_opt, "-ttf", "--denan", *features, *levels, raw, "-o", path],
                          capture_output=True, timeout=120, check=False)
    return made.returncode == 0


def make(options, seed, path, work):
    """Writes module `seed`; False if there is none."""
    if seed % 2 == 0:
        path.write_bytes(generator.module(seed))
        return True
    return from_binaryen(options, seed, path, work)


def usable_variants():
    flags = pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    lacks = [("x86-64-v4", "avx512vl"), ("x86-64-v3", "avx2"), ("x86-64-v2", "sse4_2"), ("x86-64", "sse2")]
    missing = {cpu for cpu, flag in lacks if flag not in flags}
    return [v for v in VARIANTS if v.partition("cpu=")[2] not in missing]


class Campaign:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.own = Engine([options.engine], TIMEOUT_S)
        self.node = Engine(node_command(options.node), NODE_TIMEOUT_S)
        self.variants = usable_variants()
        self.modules = self.calls = self.traps = self.failures = 0
        self.skipped = {}

    def skip(self, why):
        self.skipped[why] = self.skipped.get(why, 0) + 1

    def compare(self, path, variants, floats):
        """None, or what differed with which variant."""
        script = self.work / "script"
        script.write_text(script_of(path.read_bytes(), floats), encoding="ascii")
        node = self.node.ask(path, script)
        if node[-1] != "end":
            return self.skip(f"Node: {node[-1]}")
        if node[0].startswith(("refused", "start failed")):
            return self.skip("Node refuses it")
        # The two reset at the same calls: where this engine goes on after what is a trap to Node, it starts anew.
        results = [line for line in node if not line.startswith("log")]
        resets = [f"reset={k}" for k, line in enumerate(results) if is_memory_trap(line)]
        for variant in variants:
            own = self.own.ask(path, script, ",".join([variant, *resets]))
            why = difference(node, own, "strict" in variant)
            if why:
                return f"{variant}: {why}"
        self.calls += len(results) - 1
        self.traps += sum(line.startswith("trap") for line in results)
        return None

    def module(self, seed):
        path = self.work / f"{seed}.wasm"
        if not make(self.options, seed, path, self.work):
            self.skip("wasm-opt makes none")
            return
        r = random.Random(seed)
        variants = ["O0", "O3", r.choice(self.variants)]
        why = self.compare(path, variants, generator.REGIONS if seed % 2 == 0 else [])
        self.modules += 1
        if why:
            self.failures += 1
            print(f"module {seed}: {why}"[:2000], flush=True)
            if self.options.keep:
                shutil.copy(path, self.options.keep)
        path.unlink()

    def check(self, path):
        data = path.read_bytes()
        own = b"fuzzing-support.mix" in Exports(data).imports or b"kernel" in data
        why = self.compare(path, self.options.variant or ["O0", "O3", *self.variants],
                           generator.REGIONS if own else [])
        self.modules += 1
        self.failures += bool(why)
        print(f"{path}: {why or 'the engines agree'}"[:2000])

    def summary(self):
        skipped = "".join(f", {n} skipped ({why})" for why, n in sorted(self.skipped.items()))
        return (f"{self.modules} modules, {self.calls} calls, {self.traps} of them trapped, "
                f"{self.failures} failures{skipped}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="build directory")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, help="how many modules")
    parser.add_argument("--seconds", type=float, help="how long")
    parser.add_argument("--keep", type=pathlib.Path, help="directory for modules that fail")
    parser.add_argument("--variant", action="append", help="with --check: only this, for example O3,strict")
    parser.add_argument("--node", default=shutil.which("node") or "nodejs")
    parser.add_argument("--wasm-opt", default="wasm-opt")
    parser.add_argument("--check", type=pathlib.Path, nargs="+", metavar="MODULE")
    options = parser.parse_args()
    options.engine = options.build / "tests/fuzz/differential-engine"
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        campaign = Campaign(options, pathlib.Path(work))
        start = time.monotonic()
        for path in options.check or []:
            campaign.check(path)
        seed = options.seed
        while not options.check:
            if options.count is not None and seed >= options.seed + options.count:
                break
            if options.seconds is not None and time.monotonic() - start > options.seconds:
                break
            if options.count is None and options.seconds is None:
                parser.error("--count, --seconds or --check is needed")
            campaign.module(seed)
            seed += 1
        campaign.own.close()
        campaign.node.close()
        print(campaign.summary())
    return 1 if campaign.failures else 0


if __name__ == "__main__":
    sys.exit(main())
