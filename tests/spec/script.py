"""Scripts (.wast): text to a list of commands, values in the wire format of spec_server, patterns of results."""

import bisect
import dataclasses
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from wat import WatError, assemble, assemble_module, parse  # noqa: E402
from wat.body import HEAP_TYPES, LANES, head, is_identifier, lanes, unexpected  # noqa: E402
from wat.lexer import List  # noqa: E402
from wat.literals import float_bits, integer, natural  # noqa: E402

WIDTH = {"i32": 32, "i64": 64, "f32": 32, "f64": 64}
# The type of a reference as spec_server names it, which tells hierarchies apart: any other heap type is a function's.
HIERARCHY = {"extern": "externref", "noextern": "externref", "exn": "exnref", "noexn": "exnref",
             "func": "funcref", "nofunc": "funcref",
             **dict.fromkeys(("any", "eq", "i31", "struct", "array", "none"), "anyref")}


@dataclasses.dataclass
class Module:
    """The module of a command: fields as lists, or the strings of a binary or quoted one."""

    form: str  # "text", "binary" or "quote"
    name: str
    is_definition: bool
    items: list

    def binary(self):
        """May raise WatError."""
        if self.form == "text":
            return assemble_module(self.items)
        return b"".join(self.items) if self.form == "binary" else assemble(b"".join(self.items))


@dataclasses.dataclass
class Instance:
    """(module instance $name $definition)"""

    name: str
    definition: str


@dataclasses.dataclass
class Action:
    kind: str  # "invoke" or "get"
    module: str
    field: bytes
    arguments: list

    def __str__(self):
        return f"{self.kind} {self.field.decode(errors='replace')}({', '.join(self.arguments)})"


@dataclasses.dataclass
class Command:
    kind: str
    line: int
    of: object = None      # Module, Instance, Action, or what is the matter with the command
    text: str = ""         # what the assertion expects to be told, or the name of a thread or of what is registered
    patterns: list = ()    # results
    commands: list = ()    # of a thread
    shared: list = ()      # names of the modules that a thread shares


class Script:
    """Parses one file: `commands`. A command that cannot be read is one of the kind "unreadable"."""

    def __init__(self, text):
        self.newlines = [i for i, c in enumerate(text) if c == "\n"]
        items = parse(text)
        if items and not (head(items[0]) == "module" or head(items[0]) in READERS):
            items[:] = [List(["module", *items])]  # a file may be the fields of one module
            items[0].pos = 0
        self.commands = [self.command(item) for item in items]

    def line(self, pos):
        return bisect.bisect_left(self.newlines, pos) + 1

    def command(self, item):
        if item.__class__ is not List:
            return Command("unreadable", 0, f"unexpected token {item!r}")
        line = self.line(item.pos)
        try:
            if head(item) not in READERS:
                raise unexpected(item)
            return READERS[item[0]](self, item, line)
        except WatError as error:
            return Command("unreadable", line, error.message)
        except IndexError:
            return Command("unreadable", line, "the command ends early")

    def thread(self, item, line):
        shared = [part[1][1] for part in item[2:] if head(part) == "shared"]
        return Command("thread", line, text=item[1], shared=shared,
                       commands=[self.command(part) for part in item[2:] if head(part) != "shared"])


def name_at(item, i):
    return (item[i], i + 1) if i < len(item) and is_identifier(item[i]) else (None, i)


def module_of(item):
    """(module ...): a Module or an Instance."""
    if len(item) > 1 and item[1] == "instance":
        names = item[2:]
        return Instance(names[0] if len(names) > 1 else None, names[-1] if names else None)
    is_definition = len(item) > 1 and item[1] == "definition"
    name, i = name_at(item, 1 + is_definition)
    form = item[i] if i < len(item) and item[i] in ("binary", "quote") else "text"
    return Module(form, name, is_definition, item[i + (form != "text"):])


def action(item):
    kind = head(item)
    if kind not in ("invoke", "get"):
        raise unexpected(item)
    name, i = name_at(item, 1)
    return Action(kind, name, item[i], [value(argument) for argument in item[i + 1:]])


def hex_bits(bits, width):
    return f"{bits:0{width // 4}x}"


def constant(item):
    """A number or vector as type:digits."""
    kind = item[0].partition(".")[0]
    if kind == "v128":
        if len(item) != 2 + 128 // LANES[item[1]]:
            raise WatError("wrong number of lane literals")
        return "v128:" + lanes(item[1], item[2:]).hex()
    if len(item) != 2:
        raise unexpected(item)
    read = float_bits if kind[0] == "f" else integer
    return f"{kind}:{hex_bits(read(item[1], WIDTH[kind]), WIDTH[kind])}"


CONSTANTS = ("i32.const", "i64.const", "f32.const", "f64.const", "v128.const")


def hierarchy(heap_type):
    return HIERARCHY[heap_type] if heap_type in HEAP_TYPES else "funcref"


def value(item):
    """An argument in the wire format."""
    kind = head(item)
    if kind in CONSTANTS:
        return constant(item)
    if kind == "ref.null":
        return f"{hierarchy(item[1])}:null"
    if kind == "ref.extern":
        return f"externref:{natural(item[1], 32):x}"
    if kind == "ref.host":
        return f"anyref:{natural(item[1], 32):x}"
    raise unexpected(item)


# -- patterns of results: functions of a value in the wire format -----------------------------------------------------

# Quiet NaN with no further payload, and the sign.
QUIET_NAN = {32: (0x7FC00000, 0x80000000), 64: (0x7FF8000000000000, 0x8000000000000000)}


def nan_pattern(name, width):
    quiet, sign = QUIET_NAN[width]
    if name == "nan:canonical":
        return lambda bits: bits & ~sign == quiet
    return lambda bits: bits & quiet == quiet


def lane_pattern(text, shape):
    if text in ("nan:canonical", "nan:arithmetic"):
        return nan_pattern(text, LANES[shape])
    read = float_bits if shape[0] == "f" else integer
    wanted = read(text, LANES[shape])
    return lambda bits: bits == wanted


def vector_pattern(item):
    shape = item[1]
    size = LANES[shape] // 8
    patterns = [lane_pattern(text, shape) for text in item[2:]]
    if len(patterns) != 16 // size:
        raise WatError("wrong number of lane literals")

    def matches(got):
        kind, _, digits = got.partition(":")
        if kind != "v128":
            return False
        raw = bytes.fromhex(digits)
        return all(pattern(int.from_bytes(raw[i * size:(i + 1) * size], "little"))
                   for i, pattern in enumerate(patterns))
    return matches


def reference_pattern(item):
    kind = item[0]
    if kind == "ref.null":
        wanted = hierarchy(item[1]) if len(item) > 1 else None
        return lambda got: got.endswith(":null") and wanted in (None, got.partition(":")[0])
    if len(item) > 1:
        wanted = value(item)
        return lambda got: got == wanted
    if kind == "ref":
        return lambda got: "ref:" in got and not got.endswith(":null")
    wanted = hierarchy(kind[4:])
    return lambda got: got.startswith(wanted + ":") and not got.endswith(":null")


class Pattern:
    """Whether a result matches what a test expects."""

    def __init__(self, item):
        self.text = "(" + " ".join(map(str, item)) + ")"
        kind = item[0]
        if kind == "either":
            patterns = [Pattern(part) for part in item[1:]]
            self.matches = lambda got: any(pattern.matches(got) for pattern in patterns)
        elif kind == "v128.const":
            self.matches = vector_pattern(item)
        elif kind in ("f32.const", "f64.const") and item[1].startswith(("nan:c", "nan:a")):
            kind = kind[:3]
            pattern = nan_pattern(item[1], WIDTH[kind])
            self.matches = lambda got: got.startswith(kind) and pattern(int(got[4:], 16))
        elif kind in CONSTANTS:
            wanted = constant(item)
            self.matches = lambda got: got == wanted
        elif kind and kind.split(".")[0] == "ref":
            self.matches = reference_pattern(item)
        else:
            raise unexpected(item)


# -- commands ---------------------------------------------------------------------------------------------------------

def text_of(item):
    if item.__class__ is not bytes:
        raise unexpected(item)
    return item.decode(errors="replace")


def read_module(_script, item, line):
    return Command("module", line, module_of(item))


def read_register(_script, item, line):
    return Command("register", line, name_at(item, 2)[0], item[1])


def read_action(_script, item, line):
    return Command("action", line, action(item))


def read_assert_return(_script, item, line):
    return Command("assert_return", line, action(item[1]), patterns=[Pattern(part) for part in item[2:]])


def read_assert_return_nan(script, item, line):
    """assert_return_canonical_nan and assert_return_arithmetic_nan, from before version 1.1."""
    command = Command("assert_return", line, action(item[1]))
    name = "nan:canonical" if "canonical" in item[0] else "nan:arithmetic"
    command.patterns = [Pattern(["either", ["f32.const", name], ["f64.const", name]])]
    return command


def read_assert_exception(_script, item, line):
    return Command("assert_exception", line, action(item[1]))


def read_assert_trap(_script, item, line):
    kind = head(item[1])
    what = module_of(item[1]) if kind == "module" else action(item[1])
    text = text_of(item[2]) if len(item) > 2 else ""  # Binaryen's tests leave it out
    return Command("assert_uninstantiable" if kind == "module" else item[0], line, what, text)


def read_assertion_on_module(_script, item, line):
    if head(item[1]) != "module":
        raise unexpected(item[1])
    return Command(item[0], line, module_of(item[1]), text_of(item[2]))


def read_wait(_script, item, line):
    return Command("wait", line, text=item[1])


READERS = {
    "module": read_module, "register": read_register, "invoke": read_action, "get": read_action,
    "assert_return": read_assert_return, "assert_return_canonical_nan": read_assert_return_nan,
    "assert_return_arithmetic_nan": read_assert_return_nan, "assert_return_nan": read_assert_return_nan,
    "assert_exception": read_assert_exception,
    "assert_trap": read_assert_trap, "assert_exhaustion": read_assert_trap,
    **dict.fromkeys(("assert_malformed", "assert_invalid", "assert_unlinkable", "assert_malformed_custom",
                     "assert_invalid_custom"), read_assertion_on_module),
    "thread": Script.thread, "wait": read_wait,
}
