"""Modules: identifiers, index spaces, abbreviations and sections (specification 6.6, 5.5)."""

from .body import (HEAP_TYPES, NON_NULL, NULLABLE, SHORT_REFERENCES, VALUE_TYPES, Body, head, is_identifier, is_index,
                   unexpected)
from .lexer import List, WatError, parse
from .literals import natural, signed, unsigned

KINDS = {"func": 0, "table": 1, "memory": 2, "global": 3, "tag": 4}
SPACES = ("type", "func", "table", "memory", "global", "tag", "elem", "data")
PAGE = 65536


def vector(parts):
    return unsigned(len(parts)) + b"".join(parts)


def text_bytes(data):
    return unsigned(len(data)) + data


def name_bytes(item):
    if item.__class__ is not bytes:
        raise unexpected(item)
    try:
        item.decode()
    except UnicodeDecodeError:
        raise WatError("malformed UTF-8 encoding") from None
    return text_bytes(item)


def section(code, parts):
    content = vector(parts)
    return bytes([code]) + unsigned(len(content)) + content if parts else b""


class Module:
    """A module while it is assembled."""

    def __init__(self):
        self.names = {space: {} for space in SPACES}
        self.counts = dict.fromkeys(SPACES, 0)
        self.fields = []         # (handler, index, items behind the identifier, field) of what is encoded in order
        self.function_types = {}  # (params, results) -> the first index of that type
        self.signatures = {}      # index -> (params, results)
        self.struct_fields = {}   # index of a struct -> {name: field index}
        self.rec_groups = []
        self.defined = set()      # kinds that the module has defined itself: no import may follow
        self.imports, self.functions, self.tables, self.memories = [], [], [], []
        self.tags, self.globals, self.exports, self.elems, self.datas, self.codes = [], [], [], [], [], []
        self.start = None
        self.uses_data = False

    # -- index spaces -----------------------------------------------------------------------------------------

    def bind(self, space, items, i):
        """The next index of `space`, with the identifier if items[i] is one."""
        index = self.counts[space]
        self.counts[space] = index + 1
        if i < len(items) and is_identifier(items[i]):
            if items[i] in self.names[space]:
                raise WatError(f"duplicate {space} {items[i]}")
            self.names[space][items[i]] = index
            i += 1
        return index, i

    def number(self, space, item):
        if not is_index(item):
            raise unexpected(item)
        if item[0] != "$":
            return natural(item, 32)
        if item not in self.names[space]:
            raise WatError(f"unknown {space} {item}")
        return self.names[space][item]

    def index(self, space, item):
        return unsigned(self.number(space, item))

    def field_index(self, struct, item):
        if not is_index(item):
            raise unexpected(item)
        if item[0] != "$":
            return unsigned(natural(item, 32))
        fields = self.struct_fields.get(self.number("type", struct), {})
        if item not in fields:
            raise WatError(f"unknown field {item}")
        return unsigned(fields[item])

    # -- types ------------------------------------------------------------------------------------------------

    def heap_type(self, item):
        if item.__class__ is str and item in HEAP_TYPES:
            return HEAP_TYPES[item]
        return signed(self.number("type", item))  # non-negative: abstract types are the negative numbers

    def reference(self, item):
        """(nullable, heap type) of a reference type."""
        if item.__class__ is str and item in SHORT_REFERENCES:
            return True, HEAP_TYPES[SHORT_REFERENCES[item]]
        if head(item) != "ref":
            raise unexpected(item)
        null = len(item) == 3 and item[1] == "null"
        if len(item) != 2 + null:
            raise unexpected(item)
        return null, self.heap_type(item[-1])

    def value_type(self, item):
        if item.__class__ is str:
            if item in VALUE_TYPES:
                return VALUE_TYPES[item]
            raise unexpected(item)
        null, heap = self.reference(item)
        if null and item[-1] in HEAP_TYPES:
            return heap
        return (NULLABLE if null else NON_NULL) + heap

    def reference_type(self, item):
        encoded = self.value_type(item)
        if item.__class__ is str and item not in SHORT_REFERENCES:
            raise unexpected(item)
        return encoded

    def storage_type(self, item):
        mutable = head(item) == "mut"
        if mutable:
            if len(item) != 2:
                raise unexpected(item)
            item = item[1]
        packed = {"i8": b"\x78", "i16": b"\x77"}.get(item) if item.__class__ is str else None
        return (packed or self.value_type(item)) + (b"\1" if mutable else b"\0")

    def signature(self, items, i, names=None):
        """(param ...)* (result ...)*: the two lists and what follows. `names` collects the parameters' identifiers
        by index; without it they may have none."""
        params, results = [], []
        while i < len(items) and head(items[i]) == "param":
            item = items[i]
            if len(item) > 1 and is_identifier(item[1]):
                if names is None or len(item) != 3:
                    raise unexpected(item)
                if item[1] in names:
                    raise WatError(f"duplicate local {item[1]}")
                names[item[1]] = len(params)
                params.append(self.value_type(item[2]))
            else:
                params += map(self.value_type, item[1:])
            i += 1
        while i < len(items) and head(items[i]) == "result":
            results += map(self.value_type, items[i][1:])
            i += 1
        return tuple(params), tuple(results), i

    def type_use(self, items, i, names=None):
        """(type x)? (param ...)* (result ...)*: (index or None, params, results, what follows)."""
        index = None
        if i < len(items) and head(items[i]) == "type":
            if len(items[i]) != 2:
                raise unexpected(items[i])
            index = self.number("type", items[i][1])
            i += 1
        params, results, i = self.signature(items, i, names)
        if index is not None and (params or results) and self.signatures.get(index) != (params, results):
            raise WatError("inline function type" if index in self.signatures else f"unknown type {index}")
        return index, params, results, i

    def function_type(self, params, results):
        """The index of a function type, which is added if the module has none."""
        index = self.function_types.get((params, results))
        if index is None:
            index = self.counts["type"]
            self.counts["type"] += 1
            self.rec_groups.append(b"\x60" + vector(params) + vector(results))
            self.add_signature(index, params, results)
        return index

    def add_signature(self, index, params, results):
        self.signatures[index] = (params, results)
        self.function_types.setdefault((params, results), index)

    def type_of(self, items, i, names=None):
        """A type use as an index, which must be the end of `items` or what follows."""
        index, params, results, i = self.type_use(items, i, names)
        if index is None:
            index = self.function_type(params, results)
        return index, i

    def sub_type(self, index, field, i):
        """The definition field[i] of type `index`; whether it is a plain final function type."""
        if i != len(field) - 1:
            raise unexpected(field)
        item, prefix = field[i], b""
        if head(item) == "sub":
            j = 1
            final = j < len(item) and item[j] == "final"
            j += final
            supers = []
            while j < len(item) and is_index(item[j]):
                supers.append(self.index("type", item[j]))
                j += 1
            if j != len(item) - 1:
                raise unexpected(item)
            if supers or not final:
                prefix = (b"\x4f" if final else b"\x50") + vector(supers)
            item = item[j]
        kind = head(item)
        if kind == "func":
            params, results, end = self.signature(item, 1, {})
            if end != len(item):
                raise unexpected(item[end])
            self.signatures[index] = (params, results)
            return prefix + b"\x60" + vector(params) + vector(results), not prefix
        if kind == "struct":
            return prefix + b"\x5f" + vector(self.struct(index, item)), False
        if kind == "array":
            if len(item) != 2:
                raise unexpected(item)
            return prefix + b"\x5e" + self.storage_type(item[1]), False
        raise unexpected(item)

    def struct(self, index, item):
        fields, names = [], {}
        for part in item[1:]:
            if head(part) != "field":
                raise unexpected(part)
            if len(part) > 1 and is_identifier(part[1]):
                if len(part) != 3:
                    raise unexpected(part)
                if part[1] in names:
                    raise WatError(f"duplicate field {part[1]}")
                names[part[1]] = len(fields)
                fields.append(self.storage_type(part[2]))
            else:
                fields += map(self.storage_type, part[1:])
        self.struct_fields[index] = names
        return fields

    def define_types(self, groups):
        for field, members in groups:
            encoded = []
            plain = False
            for index, definition, i in members:
                try:
                    text, plain = self.sub_type(index, definition, i)
                except WatError as error:
                    error.pos = definition.pos if error.pos is None else error.pos
                    raise
                encoded.append(text)
            if field[0] == "rec" and len(members) != 1:
                self.rec_groups.append(b"\x4e" + vector(encoded))
            else:
                self.rec_groups.append(encoded[0])
                if plain:
                    self.add_signature(members[0][0], *self.signatures[members[0][0]])

    def limits(self, items, i, natural_bits=64):
        """addrtype? min max? shared?: (flags, min and max, what follows)."""
        flags = 0
        if i < len(items) and items[i] in ("i32", "i64") and items[i].__class__ is str:
            flags = 4 if items[i] == "i64" else 0
            i += 1
        if i >= len(items) or items[i].__class__ is not str:
            raise unexpected(items[i] if i < len(items) else ")")
        encoded = unsigned(natural(items[i], natural_bits))
        i += 1
        if i < len(items) and items[i].__class__ is str and items[i][0].isdigit():
            encoded += unsigned(natural(items[i], natural_bits))
            flags |= 1
            i += 1
        if i < len(items) and items[i] == "shared":
            flags |= 2
            i += 1
        return bytes([flags]) + encoded, i

    def table_type(self, items, i):
        limits, i = self.limits(items, i)
        if i >= len(items):
            raise unexpected(")")
        return self.reference_type(items[i]) + limits, i + 1

    def global_type(self, item):
        if head(item) == "mut":
            if len(item) != 2:
                raise unexpected(item)
            return self.value_type(item[1]) + b"\1"
        return self.value_type(item) + b"\0"

    def external_type(self, kind, items, i):
        """The type of an import, which ends `items`."""
        if kind in ("func", "tag"):
            index, i = self.type_of(items, i, {})
            encoded = (b"\0" if kind == "tag" else b"") + unsigned(index)
        elif kind == "table":
            encoded, i = self.table_type(items, i)
        elif kind == "memory":
            encoded, i = self.limits(items, i)
        else:
            if i >= len(items):
                raise unexpected(")")
            encoded, i = self.global_type(items[i]), i + 1
        if i != len(items):
            raise unexpected(items[i])
        return bytes([KINDS[kind]]) + encoded

    # -- first pass: identifiers ----------------------------------------------------------------------------------

    def collect(self, items):
        groups = []
        for field in items:
            try:
                kind = head(field)
                if kind == "type":
                    index, i = self.bind("type", field, 1)
                    groups.append((field, [(index, field, i)]))
                elif kind == "rec":
                    members = []
                    for member in field[1:]:
                        if head(member) != "type":
                            raise unexpected(member)
                        index, i = self.bind("type", member, 1)
                        members.append((index, member, i))
                    groups.append((field, members))
                else:
                    self.collect_field(kind, field)
            except WatError as error:
                error.pos = field.pos if error.pos is None and field.__class__ is List else error.pos
                raise
        self.define_types(groups)

    def collect_field(self, kind, field):
        if kind in KINDS:
            index, i = self.bind(kind, field, 1)
            names = []
            while i < len(field) and head(field[i]) == "export":
                if len(field[i]) != 2:
                    raise unexpected(field[i])
                names.append(name_bytes(field[i][1]))
                i += 1
            self.exports += [name + bytes([KINDS[kind]]) + unsigned(index) for name in names]
            if i < len(field) and head(field[i]) == "import":
                self.collect_import(kind, field[i], field, i + 1)
            else:
                self.defined.add(kind)
                self.fields.append((getattr(self, "define_" + kind), index, i, field))
        elif kind == "import":
            if len(field) != 4 or head(field[3]) not in KINDS:
                raise unexpected(field)
            inner = field[3]
            _, i = self.bind(inner[0], inner, 1)
            self.collect_import(inner[0], field, inner, i)
        elif kind in ("elem", "data"):
            index, i = self.bind(kind, field, 1)
            self.fields.append((getattr(self, "define_" + kind), index, i, field))
        elif kind == "export":
            self.exports.append(None)
            self.fields.append((self.define_export, len(self.exports) - 1, 1, field))
        elif kind == "start":
            if self.start is not None:
                raise WatError("multiple start sections")
            self.start = b""
            self.fields.append((self.define_start, 0, 1, field))
        else:
            raise unexpected(field)

    def collect_import(self, kind, names, items, i):
        if self.defined:
            raise WatError(f"import after {sorted(self.defined)[0]} definition")
        if len(names) < 3:
            raise unexpected(names)
        self.fields.append((self.define_import, (kind, name_bytes(names[1]) + name_bytes(names[2])), i, items))

    # -- second pass: contents ------------------------------------------------------------------------------------

    def encode_fields(self):
        for define, index, i, field in self.fields:
            try:
                define(index, field, i)
            except WatError as error:
                error.pos = field.pos if error.pos is None else error.pos
                raise

    def define_import(self, what, items, i):
        kind, names = what
        self.imports.append(names + self.external_type(kind, items, i))

    def define_export(self, position, field, _):
        if len(field) != 3 or head(field[2]) not in KINDS or len(field[2]) != 2:
            raise unexpected(field)
        kind, item = field[2]
        self.exports[position] = name_bytes(field[1]) + bytes([KINDS[kind]]) + self.index(kind, item)

    def define_start(self, _, field, __):
        if len(field) != 2:
            raise unexpected(field)
        self.start = self.index("func", field[1])

    def define_func(self, _, field, i):
        names = {}
        index, i = self.type_of(field, i, names)
        self.functions.append(unsigned(index))
        local = len(self.signatures[index][0]) if index in self.signatures else 0
        runs = []
        while i < len(field) and head(field[i]) == "local":
            item = field[i]
            if len(item) > 1 and is_identifier(item[1]):
                if len(item) != 3:
                    raise unexpected(item)
                if item[1] in names:
                    raise WatError(f"duplicate local {item[1]}")
                names[item[1]] = local
                types = [self.value_type(item[2])]
            else:
                types = list(map(self.value_type, item[1:]))
            for valtype in types:
                if runs and runs[-1][1] == valtype:
                    runs[-1][0] += 1
                else:
                    runs.append([1, valtype])
            local += len(types)
            i += 1
        body = Body(self, names)
        body.sequence(field, i)
        code = vector([unsigned(count) + valtype for count, valtype in runs]) + body.out + b"\x0b"
        self.codes.append(text_bytes(code))

    def expression(self, items, i):
        """The instructions items[i:] as a constant expression."""
        body = Body(self)
        body.sequence(items, i)
        return bytes(body.out) + b"\x0b"

    def define_global(self, _, field, i):
        if i >= len(field):
            raise unexpected(")")
        self.globals.append(self.global_type(field[i]) + self.expression(field, i + 1))

    def define_tag(self, _, field, i):
        self.tags.append(self.external_type("tag", field, i)[1:])

    def define_memory(self, index, field, i):
        j = i + (i < len(field) and field[i] in ("i32", "i64"))
        if j == len(field) - 1 and head(field[j]) == "data":
            data = self.string_list(field[j], 1)
            is64 = j > i and field[i] == "i64"
            pages = unsigned((len(data) + PAGE - 1) // PAGE)
            self.memories.append(bytes([5 if is64 else 1]) + pages + pages)
            self.counts["data"] += 1
            self.datas.append(self.active(0, 2, index, zero_offset(is64)) + text_bytes(data))
            return
        encoded, i = self.limits(field, i)
        if i != len(field):
            raise unexpected(field[i])
        self.memories.append(encoded)

    def define_table(self, index, field, i):
        j = i + (i < len(field) and field[i] in ("i32", "i64"))
        if j == len(field) - 2 and head(field[j + 1]) == "elem":
            is64 = j > i and field[i] == "i64"
            valtype = self.reference_type(field[j])
            contents, count, plain = self.elem_contents(valtype, field[j + 1], 1)
            size = unsigned(count)
            self.tables.append(valtype + bytes([5 if is64 else 1]) + size + size)
            self.counts["elem"] += 1
            self.elems.append(self.elem_segment(index, zero_offset(is64), valtype, contents, plain))
            return
        encoded, i = self.table_type(field, i)
        if i < len(field):
            encoded = b"\x40\x00" + encoded + self.expression(field, i)
        self.tables.append(encoded)

    @staticmethod
    def active(flag, flag_with_index, index, offset):
        return bytes([flag]) + offset if index == 0 else bytes([flag_with_index]) + unsigned(index) + offset

    @staticmethod
    def string_list(items, i):
        for item in items[i:]:
            if item.__class__ is not bytes:
                raise unexpected(item)
        return b"".join(items[i:])

    def offset(self, item):
        if head(item) == "offset":
            return self.expression(item, 1)
        return self.expression([item], 0)

    def use(self, kind, items, i):
        """(memory x) or (table x), and what follows."""
        if i < len(items) and head(items[i]) == kind:
            if len(items[i]) != 2:
                raise unexpected(items[i])
            return self.number(kind, items[i][1]), i + 1
        return None, i

    def define_data(self, _, field, i):
        memory, i = self.use("memory", field, i)
        if i < len(field) and field[i].__class__ is List:
            mode = self.active(0, 2, memory or 0, self.offset(field[i]))
            i += 1
        elif memory is not None:
            raise WatError("unexpected token: an offset is missing")
        else:
            mode = b"\1"
        self.datas.append(mode + text_bytes(self.string_list(field, i)))

    def elem_contents(self, valtype, items, i):
        """Items of an element segment: (encoded, how many, whether they are function indices)."""
        if all(is_index(item) for item in items[i:]) and (i < len(items) or valtype is None):
            parts = [self.index("func", item) for item in items[i:]]
            if valtype in (None, VALUE_TYPES["funcref"]):
                return vector(parts), len(parts), True
            return vector([b"\xd2" + part + b"\x0b" for part in parts]), len(parts), False
        parts = []
        for item in items[i:]:
            if head(item) == "item":
                parts.append(self.expression(item, 1))
            elif item.__class__ is List:
                parts.append(self.expression([item], 0))
            else:
                raise unexpected(item)
        return vector(parts), len(parts), False

    def elem_segment(self, table, offset, valtype, contents, plain):
        """An active segment."""
        if plain:
            if table == 0:
                return b"\0" + offset + contents
            return b"\2" + unsigned(table) + offset + b"\0" + contents
        if table == 0 and valtype == VALUE_TYPES["funcref"]:
            return b"\4" + offset + contents
        return b"\6" + unsigned(table) + offset + valtype + contents

    def elem_list(self, items, i, bare):
        """func x* or reftype expr*; `bare`: the keyword may be missing. (type or None, contents, plain)"""
        if i < len(items) and items[i] == "func":
            if not all(map(is_index, items[i + 1:])):
                raise unexpected(items[i + 1])
            return (None, *self.elem_contents(None, items, i + 1)[::2])
        if bare and all(map(is_index, items[i:])):
            return (None, *self.elem_contents(None, items, i)[::2])
        if i >= len(items):
            raise unexpected(")")
        valtype = self.reference_type(items[i])
        if any(map(is_index, items[i + 1:])):
            raise unexpected(items[i + 1])
        return (valtype, *self.elem_contents(valtype, items, i + 1)[::2])

    def define_elem(self, _, field, i):
        if i < len(field) and field[i] == "declare":
            valtype, contents, plain = self.elem_list(field, i + 1, False)
            self.elems.append(b"\3\0" + contents if plain else b"\7" + valtype + contents)
            return
        table, i = self.use("table", field, i)
        if i < len(field) and field[i].__class__ is List and head(field[i]) != "ref":
            offset = self.offset(field[i])
            valtype, contents, plain = self.elem_list(field, i + 1, table is None)
            self.elems.append(self.elem_segment(table or 0, offset, valtype, contents, plain))
        elif table is not None:
            raise WatError("unexpected token: an offset is missing")
        else:
            valtype, contents, plain = self.elem_list(field, i, False)
            self.elems.append(b"\1\0" + contents if plain else b"\5" + valtype + contents)

    # -- the whole --------------------------------------------------------------------------------------------------

    def binary(self):
        parts = [
            b"\0asm\1\0\0\0", section(1, self.rec_groups), section(2, self.imports), section(3, self.functions),
            section(4, self.tables), section(5, self.memories), section(13, self.tags), section(6, self.globals),
            section(7, self.exports)]
        if self.start is not None:
            parts.append(b"\x08" + text_bytes(self.start))
        parts.append(section(9, self.elems))
        if self.uses_data:
            parts.append(b"\x0c" + text_bytes(unsigned(len(self.datas))))
        parts += [section(10, self.codes), section(11, self.datas)]
        return b"".join(parts)


def zero_offset(is64):
    return b"\x42\0\x0b" if is64 else b"\x41\0\x0b"


def assemble_module(items):
    """The binary of a list of module fields."""
    module = Module()
    module.collect(items)
    module.encode_fields()
    return module.binary()


def assemble(text):
    """The binary of a module in text format: (module ...) or its fields alone."""
    items = parse(text)
    if len(items) == 1 and head(items[0]) == "module":
        items = items[0][1:]
        if items and is_identifier(items[0]):
            items = items[1:]
        if items and items[0] == "binary":
            return Module.string_list(items, 1)
    return assemble_module(items)
