"""The host side: one shim per function, the import table, and checks against the host's own prototypes.

A shim converts its arguments in the order of src/mpi/convert.h, calls the host and converts the results. What is not
significant in a call (MPI 4.1, 2.4 and the rooted collectives of chapter 6) is neither read nor checked: a
parameter is significant if it is no buffer's, or if one of its buffers is.
"""

import ast

import kinds
from api import names
from guest import BANNER, wrap

# Kinds of ints that are converted by mw_in_KIND and mw_out_KIND of convert.h.
IN_ENUMS = ("order", "split_type", "typeclass", "thread_level", "lock_type", "assert", "whence")
OUT_ENUMS = ("rank", "comparison", "topology", "combiner", "thread_level", "tag")
IN_PLACE_INTS = ("int", "logical", "length", "count")  # written by the host into guest memory
PLAIN_HANDLES = ("group", "errhandler", "info")
NULLS = {"comm": "MPI_COMM_NULL", "group": "MPI_GROUP_NULL", "type": "MPI_DATATYPE_NULL", "info": "MPI_INFO_NULL",
         "message": "MPI_MESSAGE_NULL", "request": "MPI_REQUEST_NULL", "persistent": "MPI_REQUEST_NULL"}  # of results
NEW_OBJECTS = ("comm", "group", "type", "info")
HAS_SLOT = ("comm", "win", "file", "type")
# Arrays that differ in the large-count forms: the host's element (mw_large_...) and the conversion.
LARGE_ARRAYS = {"count": ("int", "mw_in_large_counts"), "shift": ("int", "mw_in_large_shifts"),
                "bytes": ("aint", "mw_in_large_bytes"), "displ": ("displ", "mw_in_large_displs")}


class CannotGenerate(Exception):
    """The row needs a conversion that shims.py does not have; the row cannot be `auto`."""


# ---- Prototypes -------------------------------------------------------------------------------------------------


def shim_type(param, large):
    """The C type in which a shim receives a parameter."""
    if param.is_pointer():
        return "mw_guest_ptr"
    c = param.scalar_c(large)
    k = param.kind.name
    if k in kinds.HANDLES:
        return "mw_guest_word" if k.startswith("t_") else "mw_guest_" + ("request" if k == "persistent" else k)
    return kinds.SHIM.get(c, "int32_t")


def prototype(function):
    params = "".join(", %s %s" % (shim_type(p, function.large), p.name) for p in function.params)
    return "%s mw_%s(mw_instance *instance%s)" % (kinds.SHIM.get(function.returns, "int32_t"), function.name, params)


def signature(function, bits=32):
    """As in runtime/host_module.h, for guests whose pointers have so many bits."""
    letters = [kinds.wasm_type("void *" if p.is_pointer() else p.scalar_c(function.large), bits) for p in function.params]
    return "%s:%s" % ("".join(letters), kinds.wasm_type(function.returns, bits))


def guarded(version, text):
    """`text`, for hosts that implement that version of the standard."""
    if version <= (3, 1):
        return text
    return "#if MW_HOST_MPI >= %d\n%s#endif\n" % (version[0] * 10 + version[1], text)


# ---- One shim ---------------------------------------------------------------------------------------------------


class Shim:
    def __init__(self, function):
        self.f = function
        self.params = function.params
        self.decls, self.code, self.results = [], [], []
        self.arguments = {}  # parameter name -> the host call's argument
        self.values = {}     # parameter name -> C expression of its value in lengths and counts
        self.comm = function.first("comm")
        self.comm = self.comm if self.comm and self.comm.direction == "in" else None
        self.root = function.first("root")
        self.win = function.first("win")
        self.request = next((p for p in self.params
                             if p.kind.name in ("request", "persistent") and p.direction == "out"), None)
        # A new object: where its handle goes is checked first, and holds the null handle after any failure. Hosts look at
        # the address of a result before ranks and arrays.
        self.new = next((p for p in self.params if p.direction == "out" and p.kind.length is None
                         and p.kind.name in NEW_OBJECTS), None)
        self.in_place = next((p for p in self.params if "in_place" in p.attributes), None)
        self.arena = any(self.needs_arena(p) for p in self.params)
        self.conditions = {p.name: self.significance(p) for p in self.params}

    @staticmethod
    def needs_arena(p):
        k = p.kind
        return p.direction in ("in", "inout") and (k.name == "string" or k.length is not None)

    # -- significance --

    def buffer_condition(self, p):
        """When a buffer is significant, as a set of requirements; the empty set is always."""
        needs = set()
        if "unless" in p.attributes:
            needs.add("op.value != MW_GUEST_NO_OP")
        if p.attributes.get("at") == "root":
            needs.add("role == MW_ROLE_ROOT")
        elif self.root:
            other = any(q.attributes.get("at") == "root" for q in self.params)
            needs.add("member" if other else "role != MW_ROLE_NONE")
        return needs

    def significance(self, p):
        """The C condition under which a parameter is significant, or None for always."""
        if p.attributes.get("at") == "local_leader":
            return "host_%s->rank == local_leader" % self.comm.name
        if p.kind.name == "buffer":
            return self.join(self.buffer_condition(p))
        if p.kind.name == "op" and self.root:
            return "role != MW_ROLE_NONE"
        users = [q for q in self.params if q.kind.name == "buffer" and p.name in q.kind.reads()]
        if not users or any(p.name in q.kind.reads() for q in self.params if q not in users):
            return None
        needs = []
        for q in users:
            need = self.buffer_condition(q)
            if q is self.in_place:
                need = need | {"!in_place"}
            needs.append(need)
        if len(needs) == 1:
            return self.join(needs[0])
        common = set.intersection(*needs)
        if self.root and not common:
            return "role != MW_ROLE_NONE"
        return self.join(common)

    @staticmethod
    def join(needs):
        # Most telling first, and the same text for the same set.
        return " && ".join(sorted(needs, key=lambda n: (n != "member", n))) or None

    # -- text --

    def attempt(self, expression):
        """A statement that leaves the shim if a conversion fails."""
        if self.arena or self.new:
            return "if ((error = %s))\n    goto out;" % expression
        return "MW_TRY(%s);" % expression

    def check(self, p, function, *args):
        """Converts argument `p` by `function`, if it is significant."""
        text = self.attempt('%s(&call, %s"%s", %s)' % (
            function[0] if isinstance(function, tuple) else function,
            "&arena, " if isinstance(function, tuple) else "", p.name, ", ".join((p.name,) + args)))
        self.when(self.conditions[p.name], text)

    def when(self, condition, statement):
        """Adds a statement that runs under a condition (None: always); neighbours share their `if`."""
        if self.code and condition and self.code[-1][0] == condition:
            self.code[-1][1].append(statement)
        else:
            self.code.append((condition, [statement]))

    def always(self, statement):
        self.when(None, statement)

    def conversions(self):
        """The statements of all conversions."""
        for condition, statements in self.code:
            text = "\n".join(statements)
            if condition is None:
                yield text
            else:
                yield "if (%s) {\n    %s\n}" % (condition, text.replace("\n", "\n    "))

    def expression(self, node):
        """A length or count as a C expression of 64 bits."""
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.Name):
            if node.id.startswith("MPI_"):
                return "MW_GUEST_" + node.id[len("MPI_"):]
            return self.values.get(node.id, node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "comm":
            if node.attr == "dimensions":
                return "dimensions"
            field = {"peers": "remote_size"}.get(node.attr, node.attr)
            return "host_%s->%s" % (self.comm.name, field)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            return "mw_product(%s, %s)" % (self.expression(node.left), self.expression(node.right))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return "(int64_t)%s + %s" % (self.expression(node.left), self.expression(node.right))
        if isinstance(node, ast.Subscript):
            return "%s[%s]" % (self.expression(node.value), self.expression(node.slice))
        if isinstance(node, ast.Call) and node.func.id in ("sum", "last"):
            array = self.f.param(node.args[0].id)
            length = self.expression(array.kind.length)
            if node.func.id == "sum":
                return "mw_%ssum(host_%s, %s)" % (self.large(), array.name, length)
            return "(%s > 0 ? host_%s[%s - 1] : 0)" % (length, array.name, length)
        raise CannotGenerate("expression " + ast.dump(node))

    def large(self):
        """What the names of functions on arrays of large counts have more."""
        return "large_" if self.f.large else ""

    # -- arguments --

    def generate(self):
        self.prepare()
        order = (
            ("comm", "win", "file"), ("root",), HAS_SLOT + PLAIN_HANDLES, ("op",),
        )
        done = set()
        for group in order:
            for p in self.params:
                if p.kind.name in group and p.direction == "in" and p.kind.length is None and p.name not in done:
                    self.handle(p) if p.kind.name != "root" else self.scalar(p)
                    done.add(p.name)
            if group == ("root",):
                self.roles()
        if self.new:
            self.decls.append("mw_guest_word *out_%s = NULL;" % self.new.name)
            self.check(self.new, "mw_out_word", "&out_" + self.new.name)
        steps = (
            lambda p: p.kind.name in kinds.SCALARS and p.kind.name != "target_disp" and p.direction == "in"
            and p.kind.length is None and self.scalar(p),
            lambda p: self.needs_arena(p) and self.array(p),
            lambda p: p.kind.name == "status" and p.direction == "in" and self.status_in(p),
            lambda p: p.kind.name in ("buffer", "region") and self.buffer(p),
            lambda p: p.kind.name == "target_disp" and self.target_disp(p),
            lambda p: p.kind.name == "address" and self.address(p),
            self.reach,
            lambda p: p.direction != "in" and p.kind.name not in ("buffer", "region") and self.out(p),
        )
        for step in steps:
            for p in self.params:
                if p.name not in done and step(p):
                    done.add(p.name)
        for p in self.params:
            if "split" in p.attributes:
                self.split(p)
        left = [p for p in self.params if p.name not in done]
        if left:
            raise CannotGenerate("%s %s %s" % (left[0].name, left[0].direction, left[0].kind.text))
        return self.text()

    def prepare(self):
        if not any(p.direction == "in" and p.kind.name in kinds.HANDLES and not p.attributes.get("null")
                   for p in self.params) and self.f.returns == "int":
            self.always(self.attempt("mw_in_%s(&call)" % ("any_time" if self.f.anytime else "running")))
        if any("comm.dimensions" in p.kind.text for p in self.params):
            self.decls.append("int dimensions = 0;")

    def roles(self):
        """After communicator and root: the role of this process and whether it passed MPI_IN_PLACE."""
        comm = self.comm and "host_%s" % self.comm.name
        if any("member" in (c or "") for c in self.conditions.values()):
            self.always("member = role == MW_ROLE_LEAF || (role == MW_ROLE_ROOT && !%s->inter);" % comm)
            self.decls.append("bool member; /* a rank whose data is sent or received, and not the root of the other group */")
        if self.in_place:
            allowed = "role == MW_ROLE_ROOT && " if self.root else ""
            self.decls.append("bool in_place;")
            self.always("in_place = mw_is_in_place(%s) && %s!%s->inter;" % (self.in_place.name, allowed, comm))
        if any("comm.indegree" in p.kind.text for p in self.params):
            self.always(self.attempt('mw_in_topology(&call, "%s", %s)' % (self.comm.name, comm)))
        if any("comm.dimensions" in p.kind.text for p in self.params):
            self.always(self.attempt("mw_result(MPI_Cartdim_get(%s->host, &dimensions))" % comm))

    def handle(self, p):
        k, host = p.kind.name, "host_" + p.name
        condition = self.conditions[p.name]
        if k in HAS_SLOT:
            null = {"type": "MPI_BYTE"}.get(k, NULLS.get(k))
            self.decls.append("const mw_%s_slot *%s%s;" % (k, host, " = NULL" if condition else ""))
            count = self.message_count(p)
            if count:
                self.check(p, "mw_in_message_type", count, "&" + host)
            else:
                self.check(p, "mw_in_" + k, "&" + host)
            if k == "comm" and p is not self.comm: # errors are the first one's
                self.when(condition, "call.comm = host_%s;" % self.comm.name)
            if "topology" in p.attributes:
                self.always(self.attempt('mw_in_topology_of(&call, "%s", %s, MPI_%s)' % (
                    p.name, host, p.attributes["topology"].upper())))
            if "inter" in p.attributes:
                self.always(self.attempt('mw_in_inter(&call, "%s", %s)' % (p.name, host)))
            if "external" in p.attributes:
                self.always(self.attempt('mw_in_external(&call, "%s", %s)' % (p.name, host)))
            if k == "type" and self.f.first("file") and self.f.first("buffer"):
                self.always(self.attempt('mw_in_file_type(&call, "%s", host_fh, %s)' % (p.name, host)))
            if "random" in p.attributes:
                self.always(self.attempt('mw_in_random(&call, "%s", %s)' % (p.name, host)))
            self.arguments[p.name] = "%s ? %s->host : %s" % (host, host, null) if condition else host + "->host"
        elif k == "op":
            # Of an accumulate the target's, which is significant with every operation.
            type_param = next((q for q in self.params if q.name == "target_datatype"), self.f.first("type"))
            # Not significant: what goes with MPI_BYTE, since Open MPI compares the two even then.
            self.decls.append("MPI_Op %s%s;" % (host, " = MPI_BAND" if condition else ""))
            if not type_param:
                raise CannotGenerate("an operation without a datatype")
            if self.win:
                self.check(p, "mw_in_rma_op", "host_" + type_param.name, "&" + host)
                origin = next((q for q in self.params if q.name == "origin_datatype"), None)
                if origin:
                    self.when(self.conditions[origin.name], self.attempt('mw_in_rma_elements(&call, "%s", host_%s)' % (
                        origin.name, origin.name)))
            else:
                self.check(p, "mw_in_op", type_param.name, "host_" + type_param.name, "&" + host)
            self.arguments[p.name] = host
        else:
            self.decls.append("%s %s;" % (kinds.HANDLES[k], host))
            self.check(p, "mw_in_%s%s" % (k, "_or_null" if "null" in p.attributes else ""), "&" + host)
            self.arguments[p.name] = host

    def message_count(self, p):
        """The count of the message whose datatype `p` is, if it is one's of point-to-point communication."""
        buffers = [q for q in self.params if q.kind.name == "buffer" and p.name in q.kind.reads()]
        if self.f.chapter == "point-to-point" and p.kind.name == "type" and buffers:
            return self.expression(buffers[0].kind.args[0])
        return None

    def op_count(self, count):
        """Functions of the plain form are called with an int: no more elements, in any of the functions they serve."""
        op = self.f.first("op")
        if op and not self.win and (self.f.large or not isinstance(count, ast.Name)):
            self.when(self.conditions[op.name], self.attempt('mw_in_op_count(&call, "%s", %s, %s)' % (
                op.name, op.name, self.expression(count))))

    def scalar(self, p):
        k, host = p.kind.name, "host_" + p.name
        condition = self.conditions[p.name]
        self.arguments[p.name] = p.name
        if k == "root":
            self.decls += ["int %s;" % host, "mw_role role;"]
            self.check(p, "mw_in_root", "&" + host, "&role")
            self.arguments[p.name] = host
        elif k in ("dest", "source", "target", "tag", "recv_tag") or k in IN_ENUMS:
            self.decls.append("int %s;" % host)
            self.check(p, "mw_in_" + k, "&" + host)
            self.arguments[p.name] = host
        elif k == "rank":
            self.check(p, "mw_in_local_rank", self.size_before(p))
        elif k in ("count", "length"):
            self.check(p, "mw_in_large_count" if p.scalar_c(self.f.large) == "MPI_Count" and k == "count"
                       else "mw_in_count")
            if condition:
                # Not significant: the host gets zero elements.
                self.decls.append("%s %s = 0;" % (shim_type(p, self.f.large), host))
                self.when(condition, "%s = %s;" % (host, p.name))
                self.arguments[p.name] = self.values[p.name] = host
        elif k in ("shift", "unit", "displ") and self.f.large:
            self.check(p, "mw_in_large_shift")
        return True

    def size_before(self, p):
        """The number of ranks of the communicator or group that is named before `p`."""
        before = [q for q in self.params[:self.params.index(p)] if q.kind.name in ("comm", "group")]
        if not before:
            raise CannotGenerate("a rank of nothing")
        if before[-1].kind.name == "comm":
            return "host_%s->remote_size" % before[-1].name
        size = "size_" + before[-1].name
        if "int %s = 0;" % size not in self.decls:
            self.decls.append("int %s = 0;" % size)
            self.always(self.attempt("mw_result(MPI_Group_size(host_%s, &%s))" % (before[-1].name, size)))
        return size

    def array(self, p):
        """Arrays and strings that the host reads: copies."""
        k, host = p.kind.name, "host_" + p.name
        condition = self.conditions[p.name]
        null = " = NULL" if condition else ""
        self.arguments[p.name] = host
        if k == "string":
            self.decls.append("char *%s;" % host)
            self.check(p, ("mw_in_string",), "MW_STRING_BYTES", "&" + host)
            return True
        n = self.expression(p.kind.length)
        self.values[p.name] = host
        if self.f.large and k in LARGE_ARRAYS:
            c, function, extra = "mw_large_%s *" % LARGE_ARRAYS[k][0], LARGE_ARRAYS[k][1], ()
        elif k in ("int", "logical", "length", "displ", "shift"):
            c, function, extra = "int *", "mw_in_ints", ()
        elif k in ("count", "weight"):
            c, function, extra = "int *", {"count": "mw_in_counts", "weight": "mw_in_weights"}[k], ()
        elif k == "cumulative":
            c, function, extra = "int *", "mw_in_cumulative", ()
        elif k == "factor":
            # Of the number of processes: that of the grid, or the communicator's.
            processes = "nnodes" if any(q.name == "nnodes" for q in self.params) else self.size_before(p)
            c, function, extra = "int *", "mw_in_factors", (processes,)
        elif k == "rank":
            c, function = "int *", "mw_in_ranks"
            extra = (self.size_before(p), "true" if "proc_null" in p.attributes else "false")
        elif k == "range":
            self.decls.append("int (*%s)[3];" % host)
            self.check(p, ("mw_in_ranges",), n, self.size_before(p), "&" + host)
            return True
        elif k in ("bytes", "aint"):
            c, function, extra = "MPI_Aint *", "mw_in_aints", ()
        elif k == "type":
            slots = any(p.name in (q.kind.reads() if q.kind.name == "buffer" else q.attribute_reads())
                        for q in self.params)
            self.decls.append("MPI_Datatype *%s%s;" % (host, null))
            if slots:
                self.decls.append("const mw_type_slot **slots_%s%s;" % (p.name, null))
            self.check_or_share(p, ("mw_in_types",), n, "&" + host, "&slots_" + p.name if slots else "NULL")
            return True
        else:
            raise CannotGenerate("array of " + k)
        self.decls.append("%s%s%s;" % (c, host, null))
        self.check_or_share(p, (function,), n, *(extra + ("&" + host,)))
        if p.direction == "inout":
            self.decls.append("int32_t *out_%s;" % p.name)
            self.always(self.attempt('mw_out_ints(&call, "%s", %s, %s, &out_%s)' % (p.name, p.name, n, p.name)))
            self.results.append("if (!error)\n    memcpy(out_%s, %s, (size_t)%s * sizeof(int32_t));" % (p.name, host, n))
        return True

    def check_or_share(self, p, function, *args):
        """Converts an array. Where the same one is passed for both directions, it is one copy, as hosts that look for
        aliased buffers compare the arrays' addresses."""
        self.check(p, function, *args)
        twin = p.name.replace("recv", "send")
        twin = next((q for q in self.params if q.name == twin and q is not p), None)
        if not twin or p.kind.name not in ("count", "type") or twin.kind.text != p.kind.text:
            return
        condition, statements = self.code.pop()
        convert = statements.pop()
        if statements:
            self.code.append((condition, statements))
        share = ["host_%s = host_%s;" % (p.name, twin.name)]
        if "slots_" in " ".join(args):
            share.append("slots_%s = slots_%s;" % (p.name, twin.name))
        self.when(condition, "if (host_%s && %s.addr == %s.addr) {\n    %s\n} else %s" % (
            twin.name, p.name, twin.name, "\n    ".join(share), convert))

    def status_in(self, p):
        self.decls.append("MPI_Status host_%s;" % p.name)
        self.check(p, "mw_in_status", "&host_" + p.name)
        self.arguments[p.name] = "&host_" + p.name
        return True

    def buffer(self, p):
        host = "host_" + p.name
        if p is self.f.first("buffer"):
            self.op_count(p.kind.args[0])
        condition = self.conditions[p.name]
        self.arguments[p.name] = host
        # Not significant: an address that no one reads, but not NULL, which MPICH refuses before it knows.
        self.decls.append("void *%s%s;" % (host, " = instance->memory0" if condition or p is self.in_place else ""))
        if p.kind.name == "region":
            self.check(p, "mw_in_span", "(uint64_t)" + self.expression(p.kind.args[0]), "&" + host)
            return True
        count, element = p.kind.args[0], p.kind.args[-1]
        counts = self.f.param(count.id) if isinstance(count, ast.Name) else None
        if counts is not None and counts.kind.length is not None:
            displs, types = self.f.param(p.kind.args[1].id), self.f.param(element.id)
            function = "mw_in_%sbuffer_v" % self.large()
            what = "host_" + types.name
            if types.kind.length is not None:
                function = "mw_in_%sbuffer_w" % self.large() + ("" if displs.kind.name == "displ" else "_aint")
                what = "slots_" + types.name
            args = (self.expression(counts.kind.length), "host_" + counts.name, "host_" + displs.name, what)
        else:
            function = "mw_in_buffer"
            elements = self.expression(count)
            if "input" in p.attributes:
                elements = "in_place ? %s : %s" % (self.expression(p.attributes["input"]), elements)
            args = (elements, "host_" + element.id)
        if p is not self.in_place:
            self.check(p, function, *(args + ("&" + host,)))
            return True
        text = self.attempt('%s(&call, "%s", %s)' % (function, p.name, ", ".join((p.name,) + args + ("&" + host,))))
        self.always("if (in_place)\n    %s = MPI_IN_PLACE;" % host)
        self.always("else%s {\n    %s\n}" % (" if (%s)" % condition if condition else "", text.replace("\n", "\n    ")))
        return True

    def address(self, p):
        """An address that the host does not read through: anywhere in the reservation."""
        self.decls.append("void *host_%s = mw_host_address(instance, %s);" % (p.name, p.name))
        self.arguments[p.name] = "host_" + p.name
        return True

    def target_disp(self, p):
        host = "host_" + p.name
        count, element = p.kind.args
        self.decls.append("MPI_Aint %s;" % host)
        self.check(p, "mw_in_target_disp", "host_" + self.f.first("target").name, self.expression(count),
                   "host_" + element.id, "&" + host)
        self.arguments[p.name] = host
        for q in self.params:  # what goes there or comes from there must be as long
            if q.kind.name == "buffer" and q.kind.args[0] is not count and count.__class__ is ast.Name:
                self.when(self.conditions[q.name], self.attempt('mw_in_as_long(&call, "%s", %s, host_%s, %s, host_%s)' % (
                    q.kind.args[0].id, self.expression(q.kind.args[0]), q.kind.args[1].id, self.expression(count),
                    element.id)))
        return True

    def split(self, p):
        """Hosts crash in an `_end` without its `_begin`."""
        which = p.attributes["split"]
        access = self.f.base[:-len("_" + which)]
        self.always(self.attempt('mw_in_split_%s(&call, host_%s, "%s")' % (which, p.name, access)))
        self.results.insert(0, "%smw_split_over(host_%s);" % ("if (error)\n    " if which == "begin" else "", p.name))

    def derive(self, out):
        """A new datatype contains what those that it is made of contain."""
        parts = [q for q in self.params if q.kind.name == "type" and q.direction == "in"]
        if len(parts) == 1:
            of = "&host_%s, 1" % parts[0].name if parts[0].kind.length is None else \
                "slots_%s, %s" % (parts[0].name, self.expression(parts[0].kind.length))
            self.results.append("if (!error)\n    mw_type_derive(*%s, %s);" % (out, of))
        if self.f.base == "MPI_Type_create_struct": # before the guest has its handle
            self.decls.append("bool padded = false;")
            self.results.insert(-2, "if (!error)\n    error = mw_bound_struct(&bounds, &host_%s, &padded);" % out[len("out_"):])
            self.results.append("if (!error && padded)\n    mw_type_mark(*%s, MW_TYPE_PADDED);" % out)
        if self.f.base == "MPI_Type_create_resized":
            self.results.append("if (!error)\n    mw_type_mark(*%s, MW_TYPE_BOUNDED);" % out)
        if self.f.base.startswith("MPI_Type_create_f90_"):
            self.results.append("if (!error)\n    mw_type_of_one_kind(*%s, '%s');" % (out, self.f.base.split("_")[-1][0]))

    def reach(self, p):
        """Datatypes whose sizes the host could only compute modulo 2^64 are refused: their true extent would be a lie."""
        if "reach" in p.attributes:
            self.always(self.attempt('mw_in_reach(&call, "%s", %s)' % (p.name, self.bound(p.attributes["reach"]))))
            if self.f.base == "MPI_Type_create_struct":
                lengths, displacements, types = self.params[1:4]
                self.decls.append("mw_bounds bounds;")
                self.always("bounds = mw_%sstruct_bounds(host_%s, host_%s, slots_%s, %s);" % (
                    self.large(), lengths.name, displacements.name, types.name, self.expression(types.kind.length)))
        return False

    def bound(self, node):
        """A bound as a C expression of type double."""
        if isinstance(node, ast.Name):
            p = self.f.param(node.id)
            return "mw_reach(host_%s)" % p.name if p.kind.name == "type" else "mw_magnitude(%s)" % p.name
        if isinstance(node, ast.BinOp):
            operator = {ast.Mult: "%s * %s", ast.Add: "(%s + %s)"}[type(node.op)]
            return operator % (self.bound(node.left), self.bound(node.right))
        if isinstance(node, ast.Call):
            arrays = [self.f.param(a.id) for a in node.args]
            function = "mw_%sreach_%s" % (self.large(), node.func.id)
            if arrays[0].kind.name in ("bytes", "aint"):
                function += "_aint"
            values = [("slots_" if a.kind.name == "type" else "host_") + a.name for a in arrays]
            return "%s(%s, %s)" % (function, ", ".join(values), self.expression(arrays[0].kind.length))
        raise CannotGenerate("bound " + ast.dump(node))

    # -- results --

    def flag(self):
        """The out parameter that says whether there is a result, if there is one."""
        return next((p for p in self.params if p.kind.name == "logical" and p.name == "flag"), None)

    def out(self, p):
        k, host, out = p.kind.name, "host_" + p.name, "out_" + p.name
        c = p.scalar_c(self.f.large)
        self.arguments[p.name] = "&" + host
        if k == "status":
            self.decls += ["mw_guest_status *%s;" % out, "MPI_Status %s = {0};" % host]
            self.check(p, "mw_out_status_span", "&" + out)
            self.arguments[p.name] = "MW_HOST_STATUS(%s, &%s)" % (out, host)
            flag = self.flag()
            put = "mw_put_status(%s, &%s);" % (out, host)
            self.results.insert(0, "if (!error && *out_%s)\n    %s" % (flag.name, put) if flag else put)
        elif k in NULLS:
            self.decls.append("%s %s = %s;" % (kinds.HANDLES[k], host, NULLS[k]))
            if p is not self.new:
                self.decls.append("mw_guest_word *%s;" % out)
                self.check(p, "mw_out_word", "&" + out)
            if p is self.request:
                flags = "0"
                if k == "persistent":
                    flags = "MW_REQUEST_PERSISTENT" + (
                        " | MW_REQUEST_COLLECTIVE" if self.f.chapter == "collectives" else "")
                self.results.append("if (!error)\n    error = " + (
                    "mw_out_request_kept(&call, %s, %s, &arena, %s);" if self.arena else
                    "mw_out_request(&call, %s, %s, %s);") % (host, flags, out))
            else:
                kind = self.large() + k if "reach" in p.attributes else k
                self.results.append('if (!error)\n    error = mw_out_%s(&call, "%s", %s, %s);%s' % (
                    kind, p.name, host, out, "" if p is self.new else "\nelse\n    *%s = %s;" % (out, self.guest_null(p))))
                if k == "type":
                    self.derive(out)
        elif k == "string":
            self.string_out(p)
        elif p.kind.length is not None:
            self.array_out(p)
        elif self.string_of(p):
            self.decls += ["int32_t *%s;" % out, "int %s;" % host]
            self.check(p, "mw_out_i32", "&" + out)
        elif k in OUT_ENUMS:
            self.decls += ["int32_t *%s;" % out, "int %s;" % host]
            self.check(p, "mw_out_i32", "&" + out)
            self.results.append("if (!error)\n    *%s = mw_out_%s(%s);" % (out, k, host))
        elif self.f.large and k in ("count", "bytes"):
            self.decls += ["int64_t *%s;" % out, "mw_large_%s %s;" % ("int" if k == "count" else "aint", host)]
            self.check(p, "mw_out_i64", "&" + out)
            self.results.append("if (!error)\n    *%s = %s;" % (out, host))
        elif k in IN_PLACE_INTS:
            self.decls.append("int32_t *%s;" % out)
            self.check(p, "mw_out_i32", "&" + out)
            self.arguments[p.name] = out
        elif k in ("bytes", "aint"):
            self.decls += ["mw_guest_aint *%s;" % out, "MPI_Aint %s;" % host]
            self.check(p, "mw_out_address", "&" + out)
            self.results.append("if (!error)\n    *%s = mw_out_aint(%s);" % (out, host))
        elif c in ("MPI_Count", "MPI_Offset"):
            self.decls += ["int64_t *%s;" % out, "%s %s;" % (c, host)]
            self.check(p, "mw_out_i64", "&" + out)
            self.results.append("if (!error)\n    *%s = %s;" % (out, host))
        else:
            raise CannotGenerate("%s %s" % (p.direction, p.kind.text))
        return True

    @staticmethod
    def guest_null(p):
        return NULLS[p.kind.name].replace("MPI_", "MW_GUEST_")

    def string_of(self, p):
        """The string whose length `p` is to receive."""
        if p.name != "resultlen":
            return None
        return self.f.first("string")

    def string_out(self, p):
        """The host writes as many bytes as its own limit says, which may differ from the guest's."""
        limit = p.kind.length.id
        size = self.expression(p.kind.length)
        self.decls += ["void *out_%s;" % p.name, "char host_%s[%s + 1];" % (p.name, limit)]
        self.check(p, "mw_out_span", size, "&out_" + p.name)
        self.arguments[p.name] = "host_" + p.name
        put = "mw_put_string(out_%s, %s, host_%s);" % (p.name, size, p.name)
        length = next((q for q in self.params if self.string_of(q) is p), None)
        self.results.append("if (!error)\n    " + ("*out_%s = " % length.name if length else "") + put)

    def array_out(self, p):
        k, out = p.kind.name, "out_" + p.name
        n = self.expression(p.kind.length)
        self.decls.append("int32_t *%s;" % out)
        self.arguments[p.name] = out
        if k in ("int", "logical", "rank"):
            self.check(p, "mw_out_ints", n, "&" + out)
        elif k == "weight":
            self.check(p, "mw_out_weights", n, "&" + out)
        else:
            raise CannotGenerate("out array of " + k)
        if k == "rank":
            self.results.append("for (int64_t i = 0; !error && i < %s; i++)\n    %s[i] = mw_out_rank(%s[i]);" % (n, out, out))

    # -- the whole --

    def text(self):
        f = self.f
        host_name = "MW_LARGE(%s)" % f.base if f.large else f.name
        call = "%s(%s)" % (host_name, ", ".join(self.arguments[p.name] for p in self.params))
        body = []
        if f.returns != "int":
            if self.params:
                raise CannotGenerate("returns " + f.returns)
            body += ["(void)instance;", "return %s;" % call]
        else:
            body.append('mw_call call = MW_CALL("%s");' % f.name)
            body += self.decls
            if self.arena:
                body.append("mw_arena arena = %s();" % ("mw_kept_begin" if self.request else "mw_scratch_begin"))
            simple = not self.arena and not self.results
            if not simple:
                body.append("int32_t error;")
            body.append("")
            body += self.conversions()
            if simple:
                body.append("return mw_result(%s);" % call)
            else:
                body.append("error = mw_result(%s);" % call)
                body += self.results
                if self.arena or self.new:
                    body.append("out:")
                if self.new:
                    body.append("if (error && out_%s)\n    *out_%s = %s;" % (
                        self.new.name, self.new.name, self.guest_null(self.new)))
                if self.arena:
                    body.append("mw_arena_end(&arena);")
                body.append("return error;")
        lines = []
        for statement in body:
            for line in statement.split("\n"):
                if line == "out:" or not line:
                    lines.append(line)
                else:
                    lines.append(wrap("    " + line, width=110))
        return wrap(prototype(f), width=110) + "\n{\n" + "\n".join(lines) + "\n}\n"


def absent(function):
    """What stands for a function that the host lacks."""
    return '%s\n{\n    mw_call call = MW_CALL("%s");\n%s    return mw_raise_error(&call, ' \
        'MW_GUEST_ERR_UNSUPPORTED_OPERATION, NULL, "this host\'s MPI %%d.%%d does not have it", MPI_VERSION, ' \
        'MPI_SUBVERSION);\n}\n' % (
            wrap(prototype(function), width=110), function.name,
            "".join("    (void)%s;\n" % p.name for p in function.params))


def shim(function):
    """The text of an `auto` function's shim."""
    text = Shim(function).generate()
    base = function.since if not function.large else function.base_since
    if base <= (3, 1):
        return text
    return "#if MW_HOST_MPI >= %d\n%s#else\n%s#endif\n" % (base[0] * 10 + base[1], text, absent(function))


# ---- Files ------------------------------------------------------------------------------------------------------


def header(functions):
    out = [BANNER, '#ifndef MW_MPI_SHIMS_H\n#define MW_MPI_SHIMS_H\n\n#include "mpi/guest_abi.h"\n']
    out += [wrap(prototype(f) + ";", width=110) for f in functions]
    out.append("\n#endif")
    return "\n".join(out) + "\n"


# A conversion that raised an error returns a class other than MPI_SUCCESS, which the compiler cannot see.
UNINITIALIZED = '#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"\n'


def chapter_source(functions):
    return "\n".join([BANNER, '#include "mpi/shim.h"\n', UNINITIALIZED] + [shim(f) for f in functions])


def fallbacks(functions):
    """Functions that fail by name. Weak, so that a hand-written shim takes its function's place."""
    out = [BANNER, '#include "mpi/shim.h"\n', '#pragma GCC diagnostic ignored "-Wunused-parameter"\n']
    for f in functions:
        if f.status == "manual" and (f.base_since if f.large else f.since) > (3, 1):
            out.append("__attribute__((weak)) " + absent(f))
            continue
        reason = '"%s"' % f.reason if f.reason else "NULL"
        out.append("__attribute__((weak)) %s\n{\n    return mw_raise_unsupported(instance, \"%s\", %s);\n}\n" % (
            wrap(prototype(f), width=110), f.name, reason))
    return "\n".join(out)


def imports(functions):
    out = [BANNER, '#include "runtime/host_module.h"\n#include "shims.h"\n',
           "/* Sorted by name, as mw_host_module asks. */",
           "extern const mw_host_func mw_mpi_funcs[];", "extern const uint32_t mw_mpi_nfuncs;", "",
           "const mw_host_func mw_mpi_funcs[] = {"]
    for f in sorted(functions, key=lambda f: f.name):
        out.append('    {"%s", MW_BY_WIDTH("%s", "%s"), (mw_code_ptr)mw_%s},' % (
            f.name, signature(f), signature(f, 64), f.name))
    out.append("};\nconst uint32_t mw_mpi_nfuncs = sizeof mw_mpi_funcs / sizeof mw_mpi_funcs[0];")
    return "\n".join(out) + "\n"


# Not compared: types that hosts are free to lack, and what MPICH 4.0 declares otherwise than the standard it claims
# (no const in MPI_Pready_list, no MPI_Status_set_elements_c).
NOT_CHECKED = ("f08", "MPI_T_", "MPI_Fint", "MPI_Pready_list", "MPI_Status_set_elements_c")


def host_check(functions):
    """Does not link into anything: compiling it compares the table's prototypes with the host's."""
    out = [BANNER, '#include "mpi/shim.h"\n', '#pragma GCC diagnostic ignored "-Wdeprecated-declarations"',
           '#pragma GCC diagnostic error "-Wincompatible-pointer-types"\n']
    for f in functions:
        text = f.prototype("(*const check_%s)" % f.name)
        if f.removed or any(word in text for word in NOT_CHECKED):
            continue
        out.append(guarded(f.since, "__attribute__((unused)) static " + wrap(text, width=110) + " = %s;\n" % f.name))
    return "\n".join(out)


def files(functions):
    """(name, text) of every file of the host side."""
    imported = [f for f in functions if f.status != "guest"]
    yield "shims.h", header(imported)
    for chapter in dict.fromkeys(f.chapter for f in functions):
        chosen = [f for f in imported if f.chapter == chapter and f.status == "auto"]
        yield "shims-%s.c" % chapter, chapter_source(chosen)
    yield "shims-fallback.c", fallbacks([f for f in imported if f.status != "auto"])
    yield "imports.c", imports(imported)
    yield "host_check.c", host_check(imported)
