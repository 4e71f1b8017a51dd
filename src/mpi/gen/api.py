"""Reads src/mpi/api: the table of MPI's functions and constants.

    MPI_Name   SINCE  STATUS  [large] [deprecated=V] [removed=V] [everywhere] [returns=TYPE] [anytime]  [-- REASON] [=> BODY]
        name   in|out|inout   KIND   [ATTRIBUTE ...]

STATUS   auto         the shim is generated
         manual       the shim is written in src/mpi
         guest        done inside the guest by BODY, a statement of C; no import
         unsupported  declared; a call fails with the function's name and REASON
everywhere   hosts need not have it: the plugin does it with what they have
anytime      may be called before MPI is initialized and after it has ended where the host has MPI 4
KIND     kind, kind(ARGUMENT, ...) or kind[LENGTH]; kinds.py lists the kinds.
         Arguments and lengths are expressions of parameters, integers, sum(array), last(array), array[index] and
         comm.size, comm.peers (ranks to send to: the remote group's, or the size), comm.rank,
         comm.indegree, comm.outdegree, comm.dimensions.
ATTRIBUTE
         in_place         MPI_IN_PLACE is allowed (in rooted collectives: at the root)
         input=COUNT      in place, the buffer also holds the input: COUNT elements
         at=root          significant at the root only
         at=local_leader  significant at that rank of the function's first communicator only
         null             the null handle is allowed
         reach=BOUND      of a new datatype: no size, bound or displacement in it is larger. Datatypes in BOUND stand for
                          their own reach, sum(array) and product(array) are of magnitudes, dot(a, b) sums products
         topology=KIND    must have one: cart, graph, dist_graph
         inter            must be an intercommunicator
         proc_null        MPI_PROC_NULL is allowed among the ranks
         split=begin|end  of a file: the call begins or ends a split collective access
         external         the host must be able to convert the datatype to external32
         random           of a file: not for one that was opened with MPI_MODE_SEQUENTIAL
         unless=no_op     not significant if the operation is MPI_NO_OP
"""

import ast
import re
from pathlib import Path

import kinds

STATUSES = ("auto", "manual", "guest", "unsupported")
DIRECTIONS = ("in", "out", "inout")
FUNCTIONS = ("sum", "last", "product", "dot")


class TableError(Exception):
    pass


def _expression(text):
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        raise TableError("not an expression: %r" % text) from None


def names(expression):
    """The parameters that an expression reads."""
    return [node.id for node in ast.walk(expression)
            if isinstance(node, ast.Name) and node.id not in ("comm",) + FUNCTIONS]


class Kind:
    """A kind with its arguments: `args` are expressions (for function(TYPE): the type's name), `length` is that
    of an array, or None."""

    PATTERN = re.compile(r"(\w+)(?:\((.*)\))?(?:\[(.*)\])?$")

    def __init__(self, text):
        match = self.PATTERN.match(text)
        if not match or match[1] not in kinds.ALL:
            raise TableError("unknown kind %r" % text)
        self.text = text
        self.name = match[1]
        self.args, self.callback = [], None
        if self.name == "function":
            self.callback = match[2]
        elif match[2]:
            call = _expression("f(%s)" % match[2])
            self.args = call.args
        self.length = _expression(match[3]) if match[3] else None

    def reads(self):
        return [name for e in self.args + ([self.length] if self.length else []) for name in names(e)]


class Parameter:
    ATTRIBUTES = {"in_place", "input", "at", "null", "proc_null", "inter", "topology", "reach", "split", "random", "external", "unless"}

    def __init__(self, line):
        try:
            self.name, self.direction, rest = line.split(None, 2)
        except ValueError:
            raise TableError("a parameter has a name, a direction and a kind: %r" % line.strip()) from None
        if self.direction not in DIRECTIONS:
            raise TableError("unknown direction %r" % self.direction)
        end = _end_of_kind(rest)
        self.kind = Kind(rest[:end])
        self.attributes = _attributes(rest[end:], self.ATTRIBUTES)
        for key in ("input", "reach"):
            if key in self.attributes:
                self.attributes[key] = _expression(self.attributes[key])

    def attribute_reads(self):
        return [name for e in self.attributes.values() if isinstance(e, ast.AST) for name in names(e)]

    def scalar_c(self, large):
        """C type of the value, or of an element, without pointers; None where there is none."""
        k = self.kind.name
        if k in kinds.SCALARS:
            return kinds.SCALARS[k].large if large else kinds.SCALARS[k].c
        return kinds.HANDLES.get(k) or kinds.STRUCTS.get(k)

    def is_pointer(self):
        k = self.kind.name
        if k in kinds.SCALARS or k in kinds.HANDLES:
            return self.direction != "in" or self.kind.length is not None
        return True

    def declaration(self, large, types=None):
        """The C declaration. `types` replaces names of types."""
        k, name = self.kind.name, self.name
        if k == "varargs":
            return "..."
        const = "const " if self.direction == "in" else ""
        c = self.scalar_c(large)
        if c:
            if self.kind.length is not None:
                return "%s%s %s[]" % (const, c, name)
            if k in kinds.STRUCTS:
                return "%s%s *%s" % (const, c, name)
            return "%s %s" % (c, name) if self.direction == "in" else "%s *%s" % (c, name)
        if k in kinds.BYTES:
            return "%svoid *%s" % (const, name)
        if k == "string":
            return "%schar *%s" % (const, name)
        if k == "range":
            return "int %s[][3]" % name
        if k == "function":
            callback = self.kind.callback
            if large and callback in LARGE_CALLBACKS:
                callback += "_c"
            return "%s *%s" % (callback, name)
        c = kinds.POINTERS[k]
        return c.replace("[]", "%s[]" % name) if "[]" in c else "%s%s" % (c, name)


# Callback types that have a large-count form of their own.
LARGE_CALLBACKS = {"MPI_User_function", "MPI_Datarep_conversion_function"}


def _end_of_kind(text):
    """Where the kind ends: at the first blank outside of brackets."""
    depth = 0
    for i, c in enumerate(text):
        if c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c.isspace() and depth == 0:
            return i
    return len(text)


def _attributes(text, allowed):
    result = {}
    for word in text.split():
        key, _, value = word.partition("=")
        if key not in allowed:
            raise TableError("unknown attribute %r" % word)
        if key in result:
            raise TableError("%r twice" % key)
        result[key] = value or True
    return result


class Function:
    """One function in one of its two forms; `base` is the name of the plain form."""

    ATTRIBUTES = {"large", "deprecated", "removed", "everywhere", "returns", "anytime"}

    def __init__(self, header, chapter):
        self.body = self.reason = None
        if " => " in header:
            header, self.body = (part.strip() for part in header.split(" => ", 1))
        elif " -- " in header:
            header, self.reason = (part.strip() for part in header.split(" -- ", 1))
        fields = header.split(None, 3)
        if len(fields) < 3:
            raise TableError("a function has a name, a version and a status: %r" % header)
        self.name = self.base = fields[0]
        self.since = tuple(int(n) for n in fields[1].split("."))
        self.status = fields[2]
        attributes = _attributes(fields[3] if len(fields) > 3 else "", self.ATTRIBUTES)
        self.has_large = attributes.get("large")
        self.deprecated = attributes.get("deprecated")
        self.removed = attributes.get("removed")
        self.everywhere = bool(attributes.get("everywhere"))
        self.returns = attributes.get("returns", "int")
        self.anytime = "anytime" in attributes
        self.chapter = chapter
        self.large = False
        self.params = []

    def check(self):
        if self.status not in STATUSES:
            raise TableError("unknown status %r" % self.status)
        if (self.status == "guest") != (self.body is not None):
            raise TableError("exactly the status `guest` has a body")
        if (self.status == "unsupported") != (self.reason is not None):
            raise TableError("exactly the status `unsupported` has a reason")
        if self.has_large not in (None, True):
            raise TableError("large=%s" % self.has_large)
        known = {p.name for p in self.params}
        if len(known) != len(self.params):
            raise TableError("two parameters of one name")
        for p in self.params:
            # In strings' lengths the standard's own constants occur as well.
            for name in p.kind.reads() + p.attribute_reads():
                if name not in known and not name.startswith("MPI_MAX_"):
                    raise TableError("%s: no parameter %r" % (p.name, name))

    def param(self, name):
        return next(p for p in self.params if p.name == name)

    def first(self, kind):
        """The first parameter of a kind, or None."""
        return next((p for p in self.params if p.kind.name == kind), None)

    def large_form(self):
        """The function's `_c` form (MPI 4.1, 2.5.8)."""
        form = Function.__new__(Function)
        form.__dict__.update(self.__dict__)
        form.name = self.name + "_c"
        form.base_since = self.since
        form.since = max(self.since, (4, 0))
        form.large = True
        form.deprecated = None
        # In these, what MPI_Type_get_contents writes gains an array of large counts.
        if self.name in LARGE_EXTRA:
            form.params = list(self.params)
            for after, line in LARGE_EXTRA[self.name]:
                at = next(i for i, p in enumerate(form.params) if p.name == after)
                form.params.insert(at + 1, Parameter(line))
        return form

    def prototype(self, name=None):
        params = ", ".join(p.declaration(self.large) for p in self.params) or "void"
        space = "" if self.returns.endswith("*") else " "
        return "%s%s%s(%s)" % (self.returns, space, name or self.name, params)


# The only large forms that have parameters of their own.
LARGE_EXTRA = {
    "MPI_Type_get_envelope": [("num_addresses", "    num_large_counts out count")],
    "MPI_Type_get_contents": [
        ("max_addresses", "    max_large_counts in count"),
        ("array_of_addresses", "    array_of_large_counts out count64[max_large_counts]"),
    ],
}


def parse(text, chapter, origin="table"):
    """The functions of one chapter's text, without their large forms."""
    functions = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if not line.strip() or line.startswith("#"):
                continue
            if line[0].isspace():
                if not functions:
                    raise TableError("a parameter before the first function")
                functions[-1].params.append(Parameter(line))
            else:
                functions.append(Function(line, chapter))
        except TableError as error:
            raise TableError("%s:%d: %s" % (origin, number, error)) from None
    for function in functions:
        try:
            function.check()
        except TableError as error:
            raise TableError("%s: %s: %s" % (origin, function.name, error)) from None
    return functions


# In the standard's order; a file that is not named here is not read, which a test finds.
CHAPTERS = (
    "point-to-point", "datatypes", "collectives", "communicators", "topologies", "environment", "info", "processes",
    "one-sided", "external", "files", "tools", "languages", "removed",
)


def directory():
    return Path(__file__).resolve().parent.parent / "api"


def load(path=None):
    """All functions, plain and large, sorted by chapter and name."""
    path = Path(path or directory())
    result = []
    for chapter in CHAPTERS:
        origin = path / (chapter + ".api")
        for function in parse(origin.read_text(), chapter, str(origin)):
            result.append(function)
            if function.has_large:
                result.append(function.large_form())
    seen = set()
    for function in result:
        if function.name in seen:
            raise TableError("%s is in the table twice" % function.name)
        seen.add(function.name)
    return result


class Constant:
    def __init__(self, name, type, value, group):
        self.name, self.type, self.value, self.group = name, type, value, group

    def is_int(self):
        return self.type == "int"


def parse_constants(text):
    result, group = [], ""
    for line in text.splitlines():
        if line.startswith("#"):
            group = line[1:].strip()
        elif line.strip():
            fields = line.split()
            result.append(Constant(fields[0], " ".join(fields[1:-1]), int(fields[-1]), group))
    return result


def load_constants(path=None):
    return parse_constants((Path(path or directory()) / "constants.api").read_text())
