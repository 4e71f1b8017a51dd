#!/usr/bin/env python3
"""Runs specification tests (.wast) through decoder, validator, compiler and runtime.

wast2json (wabt) converts each file to binary modules and a list of commands; spec_server runs them. A file that
wabt cannot convert, and an assertion on the text format, is skipped with its reason; everything else passes or
fails. Exit status: 0 all passed, 1 something failed, 2 usage, 77 there was nothing to run.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

# Bits of src/wasm/features.h that version 2.0 has, and those that a file may ask for: by a directory of that name in
# its path, as the proposals' tests are laid out, or by a first line ";; features: NAME...".
FEATURES_2_0 = 0x7F
EXTRA_FEATURES = {"extended-const": 0x80, "multi-memory": 0x400, "memory64": 0x800, "threads": 0x2000}

TIMEOUT_S = 120


def parse_features(path):
    names = {part for part in path.parts if part in EXTRA_FEATURES}
    with open(path, encoding="utf-8", errors="replace") as file:
        match = re.match(r";; features:(.*)", file.readline())
    if match:
        names |= set(match.group(1).split())
    mask = FEATURES_2_0
    for name in names:
        mask |= EXTRA_FEATURES[name]
    return sorted(names), mask


# Proposals' tests that a later version of the specification has overtaken: (feature, command, text) -> why.
OVERTAKEN = {
    ("extended-const", "assert_invalid", "unknown global"):
        "refuses a constant expression that reads an earlier global of the module, which version 3.0 allows",
}


def parse_skips(path):
    """{file name: {line, or None for the whole file: reason}} from lines of FILE[:LINE,...] REASON."""
    skips = collections.defaultdict(dict)
    for text in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        if text.strip() and not text.startswith("#"):
            where, reason = text.split(None, 1)
            name, _, lines = where.partition(":")
            for line in lines.split(",") if lines else [None]:
                skips[name][line and int(line)] = reason
    return skips


class ServerDied(Exception):
    pass


class Server:
    """spec_server as a process; asks one question at a time."""

    def __init__(self, options, directory):
        command = [options.server, options.plugin, str(directory), str(options.opt)]
        if options.keep:
            command.append("keep")
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)

    def ask(self, *words):
        try:
            self.process.stdin.write((" ".join(words) + "\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            self.died("closed its input")
        ready, _, _ = select.select([self.process.stdout], [], [], TIMEOUT_S)
        if not ready:
            self.process.kill()
            self.died(f"gave no answer in {TIMEOUT_S} s")
        line = self.process.stdout.readline().decode()
        if not line.endswith("\n"):
            self.died("ended")
        return line.split()

    def died(self, how):
        status = self.process.wait()
        self.errors.seek(0)
        tail = self.errors.read().decode(errors="replace").strip().splitlines()[-3:]
        raise ServerDied(f"spec_server {how} (status {status}): {' | '.join(tail)}")

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def hex_text(text):
    return text.encode().hex()


WIDTH = {"i8": 8, "i16": 16, "i32": 32, "f32": 32, "i64": 64, "f64": 64}


def encode_bits(text, width):
    return f"{int(text) & ((1 << width) - 1):0{width // 4}x}"


def encode_argument(value):
    kind = value["type"]
    if kind == "v128":
        width = WIDTH[value["lane_type"]]
        return "v128:" + b"".join(
            (int(lane) & ((1 << width) - 1)).to_bytes(width // 8, "little") for lane in value["value"]).hex()
    if kind in ("externref", "funcref"):
        text = value["value"]
        return f"{kind}:{text if text == 'null' else format(int(text), 'x')}"
    return f"{kind}:{encode_bits(value['value'], WIDTH[kind])}"


# Sign and exponent with the quiet bit, then the rest of the payload.
QUIET_NAN = {32: (0x7FC00000, 0x80000000), 64: (0x7FF8000000000000, 0x8000000000000000)}


def bits_match(expected, got, width):
    """`expected` as wast2json writes it: a decimal number or a NaN pattern (nan:canonical, nan:arithmetic)."""
    quiet, sign = QUIET_NAN.get(width, (0, 0))
    if expected == "nan:canonical":
        return got & ~sign == quiet
    if expected == "nan:arithmetic":
        return got & quiet == quiet
    return got == int(expected) & ((1 << width) - 1)


def value_matches(expected, got):
    got_kind, digits = got.split(":")
    kind = expected["type"]
    if kind != got_kind:
        return False
    if kind == "v128":
        width = WIDTH[expected["lane_type"]]
        raw, size = bytes.fromhex(digits), width // 8
        lanes = [int.from_bytes(raw[i:i + size], "little") for i in range(0, 16, size)]
        return all(bits_match(e, g, width) for e, g in zip(expected["value"], lanes))
    if kind in ("externref", "funcref"):
        if "value" not in expected:
            return digits != "null"
        if expected["value"] == "null":
            return digits == "null"
        return digits != "null" and int(digits, 16) == int(expected["value"])
    return bits_match(expected["value"], int(digits, 16), WIDTH[kind])


def same_wording(expected, got):
    return got.startswith(expected) or expected.startswith(got)


class Failure(Exception):
    """The command did not do what the test expects."""


class Skip(Exception):
    """The command cannot be run; says why."""


class File:
    """One .wast file: its commands in order against one server."""

    def __init__(self, path, options):
        self.path, self.options = path, options
        self.passed = 0
        self.failures = []
        self.skipped = collections.Counter()
        self.wording = []
        self.ids = {}          # instances by name; None in place of one that is not there
        self.unsupported = {}  # why, by name and, for the current module, by None
        self.next_id = 0
        self.conversion_error = None

    def run(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="mpiwasm-spec."))
        try:
            self.run_in(directory)
        finally:
            if self.options.keep:
                print(f"{self.path}: modules are kept in {directory}")
            else:
                shutil.rmtree(directory, ignore_errors=True)
        return self

    def run_in(self, directory):
        self.extra, self.features = parse_features(self.path)
        self.skips = dict(self.options.skips.get(self.path.name, {}))
        if None in self.skips:
            self.skipped[self.skips[None]] += 1
            return
        converted = subprocess.run(
            ["wast2json", *(f"--enable-{name}" for name in self.extra), str(self.path), "-o", "test.json"],
            cwd=directory, capture_output=True, text=True, errors="replace", timeout=300, check=False)
        if converted.returncode != 0:
            self.conversion_error = converted.stderr.strip().partition("\n")[0]
            if self.options.must_convert:
                self.failures.append(f"{self.path}: wast2json: {self.conversion_error}")
            else:
                self.skipped["wast2json cannot convert the file"] += 1
            return
        self.directory = directory
        text = (directory / "test.json").read_text(encoding="utf-8")
        # wabt 1.0.32 leaves out the commas between the results of an action that must trap.
        commands = json.loads(text.replace('"}{"', '"}, {"'))["commands"]
        self.server = self.start_server()
        try:
            for command in commands:
                self.one(command)
        finally:
            self.server.close()
        for line in self.skips:
            self.failures.append(f"{self.path}:{line}: there is no command to skip")

    def start_server(self):
        server = Server(self.options, self.directory)
        subprocess.run(["wat2wasm", str(HERE / "spectest.wat"), "-o", str(self.directory / "spectest.wasm")],
                       check=True, timeout=60)
        if not self.options.check_only:
            answer = server.ask("load", "0", str(self.directory / "spectest.wasm"), f"{self.features:x}")
            if answer != ["ok"] or server.ask("register", "0", hex_text("spectest")) != ["ok"]:
                raise ServerDied(f"spectest does not load: {describe(answer)}")
        self.next_id = 1
        self.ids = {}
        self.unsupported = {}
        return server

    def one(self, command):
        kind = command["type"]
        try:
            if command["line"] in self.skips:
                self.skip(command, self.skips.pop(command["line"]))
            getattr(self, "do_" + kind)(command)
            self.passed += 1
        except Skip as skip:
            self.skipped[str(skip)] += 1
        except Failure as failure:
            self.fail(command, str(failure))
        except ServerDied as death:
            self.fail(command, str(death))
            self.server.close()
            self.server = self.start_server()

    def skip(self, command, reason):
        """Skips a command and, with a module, all that use it."""
        if command["type"] == "module":
            for name in (None, command.get("name")):
                self.ids[name] = None
                self.unsupported[name] = reason
        raise Skip(reason)

    def fail(self, command, why):
        self.failures.append(f"{self.path}:{command['line']}: {command['type']}: {why}")

    # -- commands ---------------------------------------------------------------------------------------------

    def module_path(self, command):
        name = command["filename"]
        if not name.endswith(".wasm"):
            raise Skip("text format: the product reads binaries only")
        return str(self.directory / name)

    def load(self, command):
        path = self.module_path(command)
        if self.options.check_only:
            return self.server.ask("check", path, f"{self.features:x}")
        return self.server.ask("load", str(self.next_id), path, f"{self.features:x}")

    def do_module(self, command):
        names = [None] + ([command["name"]] if "name" in command else [])
        for name in names:
            self.ids[name] = None
            self.unsupported.pop(name, None)
        answer = self.load(command)
        if answer[0] == "err" and answer[2] == "MW_ERR_UNSUPPORTED":
            # A test of a proposal that is not implemented; what uses the module is skipped with it.
            self.skip(command, bytes.fromhex(answer[4]).decode(errors="replace").split(", in function")[0])
        if answer[0] != "ok":
            raise Failure(describe(answer))
        for name in names:
            self.ids[name] = str(self.next_id)
        self.next_id += 1

    def instance(self, command, key):
        if self.options.check_only:
            raise Skip("--check-only: modules are not run")
        name = command.get(key)
        if name in self.unsupported:
            raise Skip(self.unsupported[name])
        instance = self.ids.get(name)
        if instance is None:
            raise Failure("the module of this command could not be loaded")
        return instance

    def do_register(self, command):
        answer = self.server.ask("register", self.instance(command, "name"), hex_text(command["as"]))
        if answer != ["ok"]:
            raise Failure(describe(answer))

    def act(self, action):
        instance = self.instance(action, "module")
        arguments = [encode_argument(a) for a in action.get("args", [])]
        return self.server.ask(action["type"], instance, hex_text(action["field"]), *arguments)

    def do_action(self, command):
        answer = self.act(command["action"])
        if answer[0] != "ok":
            raise Failure(describe(answer))

    def do_assert_return(self, command):
        answer = self.act(command["action"])
        expected = command["expected"]
        if answer[0] != "ok":
            raise Failure(describe(answer))
        if len(answer) - 1 != len(expected) or not all(map(value_matches, expected, answer[1:])):
            raise Failure(f"{describe_action(command['action'])} gave {answer[1:]}, expected {json.dumps(expected)}")

    def expect_trap(self, answer, text):
        if answer[0] != "trap":
            raise Failure(f"{describe(answer)}, expected the trap '{text}'")
        got = bytes.fromhex(answer[2]).decode()
        if not same_wording(text, got):
            raise Failure(f"trapped with '{got}', expected '{text}'")

    def do_assert_trap(self, command):
        self.expect_trap(self.act(command["action"]), command["text"])

    do_assert_exhaustion = do_assert_trap

    def expect_refusal(self, command, answer, stages, errors):
        if answer[0] != "err" or answer[1] not in stages or answer[2] not in errors:
            raise Failure(f"{describe(answer)}, expected '{command['text']}'")
        message = bytes.fromhex(answer[4]).decode(errors="replace") if len(answer) > 4 else ""
        if stages != ("instantiate",) and answer[3] == "-1":
            raise Failure(f"'{message}' comes without an offset")
        if not same_wording(command["text"], message):
            self.wording.append(f"{self.path}:{command['line']}: '{message}' for '{command['text']}'")

    def do_assert_malformed(self, command):
        answer = self.server.ask("check", self.module_path(command), f"{self.features:x}")
        # Instructions are decoded while they are validated, so that an earlier invalid one may come first.
        self.expect_refusal(command, answer, ("decode", "validate"),
                            ("MW_ERR_MALFORMED", "MW_ERR_UNSUPPORTED", "MW_ERR_INVALID"))

    def do_assert_invalid(self, command):
        answer = self.server.ask("check", self.module_path(command), f"{self.features:x}")
        for feature in self.extra:
            if answer == ["ok"] and (feature, command["type"], command["text"]) in OVERTAKEN:
                raise Skip(OVERTAKEN[feature, command["type"], command["text"]])
        self.expect_refusal(command, answer, ("decode", "validate"),
                            ("MW_ERR_INVALID", "MW_ERR_UNSUPPORTED", "MW_ERR_MALFORMED"))

    def do_assert_unlinkable(self, command):
        if self.options.check_only:
            raise Skip("--check-only: modules are not run")
        self.expect_refusal(command, self.load(command), ("instantiate",), ("MW_ERR_LINK",))

    def do_assert_uninstantiable(self, command):
        if self.options.check_only:
            raise Skip("--check-only: modules are not run")
        self.expect_trap(self.load(command), command["text"])


def describe(answer):
    if answer[0] == "trap":
        return f"trapped with '{bytes.fromhex(answer[2]).decode()}'"
    if answer[0] == "err":
        message = bytes.fromhex(answer[4]).decode(errors="replace") if len(answer) > 4 else ""
        return f"{answer[1]} failed: {answer[2]}: {message}"
    return " ".join(answer)


def describe_action(action):
    arguments = ", ".join(str(a.get("value", a["type"])) for a in action.get("args", []))
    return f"{action['type']} {action['field']}({arguments})"


def binaryen(build):
    """The folder of specification tests in Binaryen's source package."""
    fetched = subprocess.run([HERE.parents[1] / "script" / "fetch-source", "binaryen"], text=True, check=False,
                             env={**os.environ, "MW_BUILD_DIR": str(build)}, stdout=subprocess.PIPE, timeout=900)
    if fetched.returncode != 0:
        print("script/spec: skipped: Binaryen's source package could not be fetched")
        sys.exit(77)
    return pathlib.Path(fetched.stdout.split()[-1]) / "test" / "spec"


def main():
    parser = argparse.ArgumentParser(prog="script/spec", description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", metavar="DIR|FILE", help="directories (searched for .wast) and files; "
                        "default: tests/spec/own, and the tests in Debian's source package of Binaryen")
    parser.add_argument("--build", default="build", help="build directory (default: build)")
    parser.add_argument("-O", dest="opt", type=int, default=1, choices=range(4),
                        help="optimization level of the compiler (default: 1, for speed)")
    parser.add_argument("-j", dest="jobs", type=int, default=len(os.sched_getaffinity(0)), help="files run at once")
    parser.add_argument("--check-only", action="store_true", help="decode and validate only")
    parser.add_argument("--skip", metavar="FILE", help="list of commands to skip, each with its reason")
    parser.add_argument("--must-convert", action="store_true", help="a file that wast2json cannot convert has failed")
    parser.add_argument("--keep", action="store_true", help="keep modules, IR and objects")
    parser.add_argument("--wording", action="store_true", help="list refusals with another reason than expected")
    parser.add_argument("-v", "--verbose", action="store_true", help="list every file")
    options = parser.parse_args()

    build = pathlib.Path(options.build).resolve()
    options.server = str(build / "bin" / "spec_server")
    options.plugin = str(build / "lib" / "mpiwasm" / "libmpiwasm-compiler.so")
    for needed in (options.server, options.plugin):
        if not os.path.exists(needed):
            sys.exit(f"script/spec: {needed} is missing: build the project, or give --build")
    if not options.paths:
        options.paths = [HERE / "own", binaryen(build)]
        options.skip = HERE / "binaryen.skip"
    options.skips = parse_skips(options.skip) if options.skip else {}
    paths = []
    for path in map(pathlib.Path, options.paths):
        if not path.exists():
            sys.exit(f"script/spec: {path} does not exist")
        paths += sorted(path.rglob("*.wast")) if path.is_dir() else [path]
    if not paths:
        print("script/spec: there are no .wast files here")
        return 77
    return run(paths, options)


def run(paths, options):
    skipped = collections.Counter()
    passed = failed = worded = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for file in pool.map(lambda path: File(path.resolve(), options).run(), paths):
            passed += file.passed
            failed += len(file.failures)
            worded += len(file.wording)
            skipped += file.skipped
            if options.verbose or file.failures:
                print(f"{file.path.name}: {file.passed} passed, {len(file.failures)} failed, "
                      f"{sum(file.skipped.values())} skipped")
            for failure in file.failures:
                print("  FAILED " + failure)
            for line in file.wording if options.wording else []:
                print("  WORDING " + line)
            if file.conversion_error:
                print(f"{file.path.name}: not converted: {file.conversion_error}")
            sys.stdout.flush()
    for reason, count in skipped.most_common():
        print(f"skipped {count}: {reason}")
    print(f"spec: {len(paths)} files, {passed} passed, {failed} failed, {sum(skipped.values())} skipped, "
          f"{worded} refused with another wording")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
