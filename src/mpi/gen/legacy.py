"""The ABI of the paper's artifact: modules that import MPI from `env`, with constants and a status of their own.

Each function becomes a wrapper of the shim for the standard ABI: it translates the values that differ on the way in, lets
the shim check and do everything, and translates results on the way out. What the artifact's ABI cannot say (counts and
offsets of 64 bits, files, tools, sessions) has no wrapper; importing it fails at link time with its name.
"""

import kinds
from guest import BANNER, wrap
from shims import shim_type, signature

CHAPTERS = ("point-to-point", "datatypes", "collectives", "communicators", "topologies", "environment", "info",
            "one-sided", "external", "removed")

# Conversions of src/mpi/legacy.h for values passed and for values at a place in the guest's memory.
HANDLES = ("comm", "type", "op", "info")
ENUMS = ("recv_tag", "thread_level", "split_type")
RESULTS = ("comparison", "thread_level")


# Their callbacks are given statuses.
LEFT_OUT = ("MPI_Grequest_start", "MPI_Grequest_complete")


class NotLegacy(Exception):
    pass


class Wrapper:
    def __init__(self, function):
        self.f = function
        self.before, self.arguments = [], []
        self.after, self.always = [], []  # after success; in any case
        self.blocks = False
        for p in function.params:
            self.arguments.append(self.convert(p))

    def convert(self, p):
        k, name = p.kind.name, p.name
        if p.scalar_c(False) in ("MPI_Count", "MPI_Offset") or k in ("file", "session", "f08_status", "f_status", "varargs"):
            raise NotLegacy
        if k == "status":
            return self.status(p)
        if p.kind.length is not None:
            return self.array(p)
        if k in HANDLES:
            if p.direction == "in":
                return "mw_legacy_in_%s(%s)" % (k, name)
            return self.place(p, k)
        if p.direction == "in":
            if k in ENUMS:
                return "mw_legacy_in_%s(%s)" % (k, name)
            if name == "win_keyval":
                return "mw_legacy_in_win_keyval(%s)" % name
            return name
        if k in RESULTS:
            return self.place(p, k)
        return name

    def place(self, p, k):
        back = "mw_legacy_place_out_%s(instance, %s);" % (k, p.name)
        if p.direction == "inout":
            self.before.append("mw_legacy_place_in_%s(instance, %s);" % (k, p.name))
            self.always.append(back)
        else:
            self.after.append(back)
        return p.name

    def array(self, p):
        """Handles in arrays get a translated copy; other elements are the same in both."""
        k = p.kind.name
        if k == "type" and p.direction == "in":
            self.blocks = True
            self.before.append("mw_guest_ptr std_%s = mw_legacy_types(&blocks, %s, %s);" % (
                p.name, p.name, self.length(p)))
            return "std_" + p.name
        if k == "type":
            self.after.append("mw_legacy_types_out(instance, %s, %s);" % (p.name, self.length(p)))
        elif k in HANDLES and k != "info":
            raise NotLegacy
        return p.name

    def length(self, p):
        import ast
        node = p.kind.length
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute):
            return "mw_legacy_%s(%s)" % (node.attr, self.f.first("comm").name)
        raise NotLegacy

    def status(self, p):
        self.blocks = True
        count = self.length(p) if p.kind.length is not None else "1"
        self.before.append("mw_guest_ptr std_%s = mw_legacy_statuses(&blocks, %s, %s, %s);" % (
            p.name, p.name, count, "true" if p.direction != "out" else "false"))
        if p.direction != "in":
            self.always.append("mw_legacy_statuses_out(instance, std_%s, %s, %s);" % (p.name, p.name, count))
        return "std_" + p.name

    def text(self):
        f = self.f
        params = "".join(", %s %s" % (shim_type(p, False), p.name) for p in f.params)
        result = kinds.SHIM.get(f.returns, "int32_t")
        head = wrap("static %s legacy_%s(mw_instance *instance%s)" % (result, f.name, params), width=110)
        call = "mw_%s(%s)" % (f.name, ", ".join(["instance"] + self.arguments))
        if f.returns != "int":
            if self.before or self.after or self.always:
                raise NotLegacy
            return "%s\n{\n%s\n}\n" % (head, wrap("    return %s;" % call, width=110))
        body = []
        if self.blocks:
            body.append("mw_legacy_blocks blocks = {instance, 0, {{{0}, 0, false}}};")
        body += self.before
        if not (self.blocks or self.after or self.always):
            body.append("return mw_legacy_error(%s);" % call)
        else:
            body.append("int32_t error = %s;" % call)
            body += ["if (!error) {"] + ["    " + line for line in self.after] + ["}"] if self.after else []
            body += self.always
            if self.blocks:
                body.append("mw_legacy_blocks_end(&blocks);")
            body.append("return mw_legacy_error(error);")
        return "%s\n{\n%s\n}\n" % (head, "\n".join(wrap("    " + line, width=110) for line in body))


def wrappers(functions):
    """(function, text) for all that the artifact's ABI can express."""
    for f in functions:
        if f.large or f.name in LEFT_OUT or f.chapter not in CHAPTERS or f.status not in ("auto", "manual") or f.since > (3, 1):
            continue
        try:
            yield f, Wrapper(f).text()
        except NotLegacy:
            pass


def source(functions):
    made = list(wrappers(functions))
    out = [BANNER, '#include "mpi/legacy.h"\n#include "shims.h"\n']
    out += [text for _, text in made]
    rows = {f.name: '{"%s", "%s", (mw_code_ptr)legacy_%s}' % (f.name, signature(f), f.name) for f, _ in made}
    # What its C++ modules import beside MPI (legacy.c).
    rows["__cxa_allocate_exception"] = '{"__cxa_allocate_exception", "i:i", (mw_code_ptr)mw_legacy_allocate_exception}'
    rows["__cxa_throw"] = '{"__cxa_throw", "iii:", (mw_code_ptr)mw_legacy_throw}'
    rows["gethostname"] = '{"gethostname", "ii:i", (mw_code_ptr)mw_legacy_gethostname}'
    out.append("/* Sorted by name, as mw_host_module asks. */\nconst mw_host_func mw_legacy_funcs[] = {")
    out += ["    %s," % rows[name] for name in sorted(rows)]
    out.append("};\nconst uint32_t mw_legacy_nfuncs = sizeof mw_legacy_funcs / sizeof mw_legacy_funcs[0];")
    return "\n".join(out) + "\n"
