#!/usr/bin/env python3
"""Runs specification tests (.wast) through decoder, validator, compiler and runtime.

tests/wat assembles the modules, spec_server runs them. An assertion on the text format is skipped, since the product
reads binaries only; all else passes or fails, but for what a list of skips names. Exit status: 0 all passed, 1
something failed, 2 usage, 77 there was nothing to run.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from script import Instance, Script, WatError, assemble_module, parse  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
TIMEOUT_S = 120
TEXT_FORMAT = "text format: the product reads binaries only"


def parse_skips(path):
    """{file name: {line, "unreadable", or None for the whole file: reason}} from lines of FILE[:WHAT,...] REASON."""
    skips = collections.defaultdict(dict)
    for text in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        if text.strip() and not text.startswith("#"):
            where, reason = text.split(None, 1)
            name, _, lines = where.partition(":")
            for line in lines.split(",") if lines else [None]:
                skips[name][int(line) if line and line.isdigit() else line] = reason
    return skips


class ServerDied(Exception):
    pass


class Server:
    """spec_server as a process; asks one question at a time."""

    def __init__(self, options, directory):
        command = [options.server, options.plugin, str(directory), str(options.opt)]
        command += [word for word in ("strict", "keep") if getattr(options, word)]
        self.errors = tempfile.TemporaryFile()
        self.received = b""
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)

    def send(self, words):
        try:
            self.process.stdin.write((" ".join(words) + "\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            self.died("closed its input")

    def answer(self):
        while b"\n" not in self.received:
            ready, _, _ = select.select([self.process.stdout], [], [], TIMEOUT_S)
            if not ready:
                self.process.kill()
                self.died(f"gave no answer in {TIMEOUT_S} s")
            received = os.read(self.process.stdout.fileno(), 1 << 16)
            if not received:
                self.died("ended")
            self.received += received
        line, _, self.received = self.received.partition(b"\n")
        return line.decode().split()

    def ask(self, *words):
        self.send(words)
        return self.answer()

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


def wire_name(name):
    return "x" + name.hex()


def same_wording(expected, got):
    return got.startswith(expected) or expected.startswith(got)


def message_of(answer):
    return bytes.fromhex(answer[4]).decode(errors="replace") if len(answer) > 4 else ""


def describe(answer):
    if answer[0] == "trap":
        return f"trapped with '{bytes.fromhex(answer[2]).decode()}'"
    if answer[0] == "err":
        return f"{answer[1]} failed: {answer[2]}: {message_of(answer)}"
    return " ".join(answer)


class Failure(Exception):
    """The command did not do what the test expects."""


class Unreadable(Failure):
    """Its text cannot be read."""


class Skip(Exception):
    """The command cannot be run; says why."""


class Scope:
    """What a script, or a thread's part of it, sees by name: instances and threads as numbers, definitions as files."""

    def __init__(self, linker):
        self.linker = linker
        self.instances, self.definitions, self.threads = {}, {}, {}


class Recorder:
    """Takes the requests of a thread: they are sent together, and their answers judged when the thread has ended."""

    def __init__(self):
        self.requests, self.judges = [], []

    def ask(self, request, judge):
        self.requests.append(request)
        self.judges.append(judge)

    def wait(self, request, judges):
        self.requests.append(request)
        self.judges += judges

    def start(self, requests):
        self.requests += requests


class Live:
    """Sends requests and judges the answers at once."""

    def __init__(self, server):
        self.server = server

    def ask(self, request, judge):
        judge(self.server.ask(*request))

    def wait(self, request, judges):
        self.server.send(request)
        for judge in judges:
            judge(self.server.answer())

    def start(self, requests):
        for request in requests:
            self.server.send(request)


class File:
    """One .wast file: its commands in order against one server. A command is a request and a judgement of the answer;
    those of a thread are sent together, and judged when it is waited for."""

    def __init__(self, path, options):
        self.path, self.options = path, options
        self.passed = 0
        self.failures = []
        self.skipped = collections.Counter()
        self.wording = []
        self.unreadable = False  # whether there was a command that could not be read and was to be skipped then
        self.refused = {}  # instance number -> why it is not there
        self.numbers = collections.Counter()

    def run(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="mpiwasm-spec."))
        try:
            self.run_in(directory)
        except ServerDied as death:  # at its start, or again at the next one
            self.failures.append(f"{self.path}: {death}")
        finally:
            if self.options.keep:
                print(f"{self.path}: modules are kept in {directory}")
            else:
                shutil.rmtree(directory, ignore_errors=True)
        return self

    def run_in(self, directory):
        self.skips = {}
        for name, skips in self.options.skips.items():
            if self.path.as_posix().endswith("/" + name):
                self.skips |= skips
        if None in self.skips:
            self.skipped[self.skips[None]] += 1
            return
        try:
            commands = Script(self.path.read_text(encoding="utf-8")).commands
        except (WatError, UnicodeDecodeError) as error:
            self.failures.append(f"{self.path}: is no script: {error}")
            return
        if self.path.name.endswith(".fail.wast"):
            # The file's one module must be refused.
            commands = [dataclasses.replace(command, kind="assert_refused") for command in commands]
        self.directory = directory
        self.start_server()
        try:
            for command in commands:
                self.one(command)
        finally:
            self.server.close()
        if self.unreadable:
            del self.skips["unreadable"]
        for line in self.skips:
            self.failures.append(f"{self.path}:{line}: there is no command to skip")

    def next(self, kind):
        """A number for a further instance, linker, thread or file; from 1."""
        self.numbers[kind] += 1
        return str(self.numbers[kind])

    def write(self, binary):
        path = self.directory / f"module{self.next('file')}.wasm"
        path.write_bytes(binary)
        return str(path)

    def start_server(self):
        self.server = Server(self.options, self.directory)
        self.channel = Live(self.server)
        self.scope = self.new_scope(self.channel)

    def new_scope(self, channel):
        """A scope with a linker of its own that offers "spectest"."""
        def judge(answer):
            if answer != ["ok"]:
                raise ServerDied(f"spectest does not load: {describe(answer)}")
        scope = Scope(self.next("linker"))
        for module in parse((HERE / "spectest.wat").read_text(encoding="utf-8")):
            number = self.next("instance")
            channel.ask(("load", number, scope.linker, self.write(assemble_module(module[1:]))), judge)
            channel.ask(("register", number, scope.linker, wire_name(b"spectest")), judge)
        return scope

    # -- one command ------------------------------------------------------------------------------------------

    def one(self, command):
        try:
            self.run_command(command, self.scope, self.channel)
        except ServerDied as death:
            self.fail(command, str(death))
            self.server.close()
            self.start_server()

    def run_command(self, command, scope, channel):
        try:
            if command.line in self.skips:
                self.skip(command, scope, self.skips.pop(command.line))
            if command.kind == "thread":
                self.start_thread(command, scope, channel)
            elif command.kind == "wait":
                self.wait_thread(command, scope, channel)
            else:
                request, judge = getattr(self, "do_" + command.kind)(command, scope)
                channel.ask(request, lambda answer: self.judged(command, judge, answer))
        except Unreadable as failure:
            if "unreadable" in self.skips:
                self.unreadable = True
                self.refuse(command, scope, self.skips["unreadable"])
                self.skipped[self.skips["unreadable"]] += 1
            else:
                self.fail(command, str(failure))
        except Skip as skip:
            self.skipped[str(skip)] += 1
        except Failure as failure:
            self.fail(command, str(failure))

    def judged(self, command, judge, answer):
        try:
            judge(answer)
            self.passed += 1
        except Skip as skip:
            self.skipped[str(skip)] += 1
        except Failure as failure:
            self.fail(command, str(failure))

    def start_thread(self, command, scope, channel):
        recorder = Recorder()
        inner = self.new_scope(recorder)
        inner.instances = {name: self.instance(name, scope) for name in command.shared}
        for part in command.commands:
            self.run_command(part, inner, recorder)
        number = self.next("thread")
        scope.threads[command.text] = number, recorder.judges + [self.expect_ok]  # the end's answer
        channel.start([("thread", number), *recorder.requests, ("end",)])

    def wait_thread(self, command, scope, channel):
        if command.text not in scope.threads:
            raise Failure("there is no such thread")
        number, judges = scope.threads.pop(command.text)
        channel.wait(("wait", number), judges)

    def skip(self, command, scope, reason):
        """Skips a command and, with a module, all that use it."""
        self.refuse(command, scope, reason)
        raise Skip(reason)

    def refuse(self, command, scope, reason):
        if command.kind == "module" and not isinstance(command.of, Instance):
            number = self.next("instance")
            self.refused[number] = reason
            scope.instances[None] = scope.instances[command.of.name] = number

    def fail(self, command, why):
        self.failures.append(f"{self.path}:{command.line}: {command.kind}: {why}")

    # -- modules ----------------------------------------------------------------------------------------------

    def binary(self, module):
        try:
            return self.write(module.binary())
        except WatError as error:
            raise Unreadable(f"the assembler refuses it: {error.message}") from None

    @staticmethod
    def definition(instance, scope):
        if instance.definition not in scope.definitions:
            raise Failure("there is no such definition")
        return scope.definitions[instance.definition]

    def load(self, path, name, scope):
        number = self.next("instance")
        scope.instances[None] = scope.instances[name] = number
        return number, ("load", number, scope.linker, path)

    def do_module(self, command, scope):
        module = command.of
        if isinstance(module, Instance):
            path = self.definition(module, scope)
        else:
            scope.instances[None] = scope.instances[module.name] = "0"
            path = scope.definitions[None] = scope.definitions[module.name] = self.binary(module)
            if module.is_definition:
                return ("check", path), self.unless_unsupported(self.expect_ok)
        number, request = self.load(path, module.name, scope)

        def judge(answer):
            try:
                self.unless_unsupported(self.expect_ok)(answer)
            except Skip as skip:
                self.refused[number] = str(skip)  # what uses the module is skipped with it
                raise
        return request, judge

    @staticmethod
    def expect_ok(answer):
        if answer[0] != "ok":
            raise Failure(describe(answer))

    def instance(self, name, scope):
        return scope.instances.get(name, "0")

    def using(self, number, judge):
        """`judge` of a request that uses an instance."""
        def judge_use(answer):
            if number in self.refused:
                raise Skip(self.refused[number])
            if answer[:2] == ["err", "instance"]:
                raise Failure("the module of this command could not be loaded")
            judge(answer)
        return judge_use

    def do_register(self, command, scope):
        number = self.instance(command.of, scope)
        return ("register", number, scope.linker, wire_name(command.text)), self.using(number, self.expect_ok)

    def act(self, action, scope, judge):
        number = self.instance(action.module, scope)
        return (action.kind, number, wire_name(action.field), *action.arguments), self.using(number, judge)

    def do_action(self, command, scope):
        return self.act(command.of, scope, self.expect_ok)

    def do_assert_return(self, command, scope):
        def judge(answer):
            self.expect_ok(answer)
            got, wanted = answer[1:], command.patterns
            if len(got) != len(wanted) or not all(pattern.matches(value) for pattern, value in zip(wanted, got)):
                raise Failure(f"{command.of} gave {' '.join(got) or 'nothing'}, expected "
                              f"{' '.join(pattern.text for pattern in wanted) or 'nothing'}")
        return self.act(command.of, scope, judge)

    @staticmethod
    def expect_trap(text):
        def judge(answer):
            if answer[0] != "trap":
                raise Failure(f"{describe(answer)}, expected the trap '{text}'")
            if not same_wording(text, bytes.fromhex(answer[2]).decode()):
                raise Failure(f"{describe(answer)}, expected '{text}'")
        return judge

    def do_assert_trap(self, command, scope):
        return self.act(command.of, scope, self.expect_trap(command.text))

    do_assert_exhaustion = do_assert_trap

    def do_assert_exception(self, command, scope):
        return self.act(command.of, scope, self.expect_trap("unhandled exception"))

    def load_aside(self, command, scope):
        """The request to load a module that is not to become the current one."""
        module = command.of
        if isinstance(module, Instance):
            path = self.definition(module, scope)
        else:
            path = self.binary(module)
        return ("load", self.next("instance"), scope.linker, path)

    def do_assert_uninstantiable(self, command, scope):
        return self.load_aside(command, scope), self.unless_unsupported(self.expect_trap(command.text))

    def unless_unsupported(self, judge):
        def judge_supported(answer):
            if answer[0] == "err" and answer[2] == "MW_ERR_UNSUPPORTED" and not self.options.must_run:
                raise Skip(message_of(answer).split(", in function")[0])
            judge(answer)
        return judge_supported

    def expect_refusal(self, command, stages, errors):
        def judge(answer):
            if answer[0] != "err" or answer[1] not in stages or answer[2] not in errors:
                raise Failure(f"{describe(answer)}, expected '{command.text}'")
            if stages != ("instantiate",) and answer[3] == "-1":
                raise Failure(f"'{message_of(answer)}' comes without an offset")
            if not same_wording(command.text, message_of(answer)):
                self.wording.append(f"{self.path}:{command.line}: '{message_of(answer)}' for '{command.text}'")
        return judge

    def do_assert_malformed(self, command, _scope):
        if command.of.form != "binary":
            try:
                command.of.binary()
            except WatError:
                raise Skip(TEXT_FORMAT) from None
            raise Failure("the tests' own assembler accepts it")
        # Instructions are decoded while they are validated, so that an earlier invalid one may come first.
        return ("check", self.binary(command.of)), self.unless_unsupported(
            self.expect_refusal(command, ("decode", "validate"), ("MW_ERR_MALFORMED", "MW_ERR_INVALID")))

    def do_assert_invalid(self, command, _scope):
        return ("check", self.binary(command.of)), self.unless_unsupported(
            self.expect_refusal(command, ("decode", "validate"), ("MW_ERR_INVALID", "MW_ERR_MALFORMED")))

    def do_assert_refused(self, command, scope):
        try:
            return self.do_assert_invalid(command, scope)
        except Unreadable:
            raise Skip(TEXT_FORMAT) from None

    def do_assert_malformed_custom(self, _command, _scope):
        raise Skip("annotations of the text format: the product reads binaries only")

    do_assert_invalid_custom = do_assert_malformed_custom

    def do_assert_unlinkable(self, command, scope):
        return self.load_aside(command, scope), self.unless_unsupported(
            self.expect_refusal(command, ("instantiate",), ("MW_ERR_LINK",)))

    def do_unreadable(self, command, _scope):
        raise Unreadable(command.of)


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
    parser.add_argument("--strict-traps", dest="strict", action="store_true", help="compile with --strict-traps")
    parser.add_argument("--skip", metavar="FILE", action="append", default=[],
                        help="list of commands to skip, each with its reason")
    parser.add_argument("--must-run", action="store_true", help="a module that is refused as unsupported has failed")
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
        options.skip.append(HERE / "binaryen.skip")
    if not options.strict:
        options.skip.append(HERE / "not-strict.skip")
    options.skips = {}
    for path in options.skip:
        for name, skips in parse_skips(path).items():
            options.skips[name] = options.skips.get(name, {}) | skips
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
            sys.stdout.flush()
    for reason, count in skipped.most_common():
        print(f"skipped {count}: {reason}")
    print(f"spec: {len(paths)} files, {passed} passed, {failed} failed, {sum(skipped.values())} skipped, "
          f"{worded} refused with another wording")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
