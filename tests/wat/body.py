"""Instruction sequences, folded and flat, to binary (specification 6.5)."""

from .instructions import NONE, TABLE, natural_alignment
from .lexer import List, WatError
from .literals import float_bits, integer, natural, signed, unsigned

NUMBER_TYPES = {"i32": b"\x7f", "i64": b"\x7e", "f32": b"\x7d", "f64": b"\x7c", "v128": b"\x7b"}
HEAP_TYPES = {"noexn": b"\x74", "nofunc": b"\x73", "noextern": b"\x72", "none": b"\x71", "func": b"\x70",
              "extern": b"\x6f", "any": b"\x6e", "eq": b"\x6d", "i31": b"\x6c", "struct": b"\x6b", "array": b"\x6a",
              "exn": b"\x69"}
# Nullable references to abstract types have the heap type's code, and names of their own.
SHORT_REFERENCES = {"nullexnref": "noexn", "nullfuncref": "nofunc", "nullexternref": "noextern", "nullref": "none",
                    "funcref": "func", "externref": "extern", "anyref": "any", "eqref": "eq", "i31ref": "i31",
                    "structref": "struct", "arrayref": "array", "exnref": "exn"}
VALUE_TYPES = {**NUMBER_TYPES, **{name: HEAP_TYPES[heap] for name, heap in SHORT_REFERENCES.items()}}
NULLABLE, NON_NULL = b"\x63", b"\x64"

LANES = {"i8x16": 8, "i16x8": 16, "i32x4": 32, "i64x2": 64, "f32x4": 32, "f64x2": 64}
BLOCKS = {"block": 0x02, "loop": 0x03, "if": 0x04, "try": 0x06, "try_table": 0x1F}
CATCHES = {"catch": 0, "catch_ref": 1, "catch_all": 2, "catch_all_ref": 3}
END, ELSE, CATCH, DELEGATE, CATCH_ALL = 0x0B, 0x05, 0x07, 0x18, 0x19


def unexpected(item):
    if item.__class__ is List:
        item = "(" + (item[0] if item and item[0].__class__ is str else "")
    return WatError(f"unexpected token {item!r}")


def head(item):
    """The keyword of a parenthesized list, else None."""
    return item[0] if item.__class__ is List and item and item[0].__class__ is str else None


def is_index(item):
    return item.__class__ is str and (item[0] == "$" or item[0].isdigit())


def is_identifier(item):
    return item.__class__ is str and item[0] == "$" and len(item) > 1


def lanes(shape, texts):
    """The 16 bytes of a vector constant."""
    width = LANES[shape]
    read = float_bits if shape[0] == "f" else integer
    return b"".join([read(text, width).to_bytes(width // 8, "little") for text in texts])


class Body:
    """One instruction sequence of `module` (fields.Module); the binary form is collected in `out`."""

    def __init__(self, module, local_names=None):
        self.module = module
        self.local_names = local_names or {}
        self.labels = []
        self.out = bytearray()

    # -- sequences --------------------------------------------------------------------------------------------

    def sequence(self, items, i=0):
        """All of items[i:], which closes every block that it opens."""
        opened = []
        count = len(items)
        while i < count:
            item = items[i]
            if item.__class__ is List:
                self.folded(item)
                i += 1
            elif item in TABLE:
                i = self.plain(item, items, i + 1)
            elif item in BLOCKS:
                label, i = self.label_name(items, i + 1)
                i = self.open_block(item, label, items, i)
                opened.append([item, label])
            elif opened:
                i = self.block_part(item, items, i + 1, opened)
            else:
                raise self.unknown(item)
        if opened:
            raise WatError("unexpected end: a block is not closed")

    @staticmethod
    def unknown(item):
        if item.__class__ is str and item[0].islower():
            return WatError(f"unknown operator {item}")
        return unexpected(item)

    def plain(self, name, items, i):
        encoding, kind = TABLE[name]
        if kind is NONE:
            self.out += encoding
            return i
        encoding, i = getattr(self, "imm_" + kind)(encoding, name, items, i)
        self.out += encoding
        return i

    def folded(self, item):
        try:
            name = item[0] if item else None
            if name.__class__ is not str:
                raise unexpected(item)
            if name in BLOCKS:
                self.folded_block(item, name)
                return
            if name not in TABLE:
                raise self.unknown(name)
            encoding, kind = TABLE[name]
            i = 1
            if kind is not NONE:
                encoding, i = getattr(self, "imm_" + kind)(encoding, name, item, i)
            for operand in item[i:]:
                if operand.__class__ is not List:
                    raise unexpected(operand)
                self.folded(operand)
            self.out += encoding
        except WatError as error:
            if error.pos is None:
                error.pos = item.pos
            raise

    # -- blocks -----------------------------------------------------------------------------------------------

    @staticmethod
    def label_name(items, i):
        if i < len(items) and is_identifier(items[i]):
            return items[i], i + 1
        return None, i

    def open_block(self, name, label, items, i):
        """Writes the opcode, the block type and the handlers of a try_table; the label is in scope from here on."""
        block_type, i = self.block_type(items, i)
        self.out.append(BLOCKS[name])
        self.out += block_type
        if name == "try_table":
            i = self.handlers(items, i)
        self.labels.append(label)
        return i

    def block_type(self, items, i):
        index, params, results, i = self.module.type_use(items, i)
        if index is None:
            if not params and len(results) < 2:
                return results[0] if results else b"\x40", i
            index = self.module.function_type(params, results)
        return signed(index), i

    def handlers(self, items, i):
        found = []
        while i < len(items) and head(items[i]) in CATCHES:
            handler = items[i]
            kind = CATCHES[handler[0]]
            operands = handler[1:]
            if len(operands) != (2 if kind < 2 else 1):
                raise unexpected(handler)
            tag = self.module.index("tag", operands.pop(0)) if kind < 2 else b""
            found.append(bytes([kind]) + tag + self.label(operands[0]))
            i += 1
        self.out += unsigned(len(found)) + b"".join(found)
        return i

    def block_part(self, item, items, i, opened):
        """What ends or divides the innermost flat block."""
        kind, label = opened[-1]
        if item == "end":
            self.out.append(END)
            self.labels.pop()
            opened.pop()
        elif item == "else" and kind == "if":
            self.out.append(ELSE)
            opened[-1][0] = "else"
        elif item == "catch" and kind in ("try", "catch") and i < len(items):
            self.out.append(CATCH)
            self.out += self.module.index("tag", items[i])
            opened[-1][0] = "catch"
            return i + 1
        elif item == "catch_all" and kind in ("try", "catch"):
            self.out.append(CATCH_ALL)
            opened[-1][0] = "catch_all"
        elif item == "delegate" and kind == "try" and i < len(items):
            self.labels.pop()
            opened.pop()
            self.out.append(DELEGATE)
            self.out += self.label(items[i])
            return i + 1
        else:
            raise self.unknown(item)
        repeated, i = self.label_name(items, i)
        if repeated and repeated != label:
            raise WatError(f"mismatching label {repeated}")
        return i

    def folded_block(self, item, name):
        label, i = self.label_name(item, 1)
        if name == "if":
            self.folded_if(item, label, i)
            return
        i = self.open_block(name, label, item, i)
        if name == "try":
            self.folded_try(item, i)
            return
        self.sequence(item, i)
        self.labels.pop()
        self.out.append(END)

    def folded_if(self, item, label, i):
        # The condition, which is outside the block, comes first in the binary format.
        block_type, i = self.block_type(item, i)
        while i < len(item) and head(item[i]) not in ("then", None):
            self.folded(item[i])
            i += 1
        if i == len(item) or head(item[i]) != "then":
            raise WatError("unexpected token: an if needs (then ...)")
        self.out.append(BLOCKS["if"])
        self.out += block_type
        self.labels.append(label)
        self.sequence(item[i], 1)
        i += 1
        if i < len(item) and head(item[i]) == "else":
            if len(item[i]) > 1:
                self.out.append(ELSE)
                self.sequence(item[i], 1)
            i += 1
        if i != len(item):
            raise unexpected(item[i])
        self.labels.pop()
        self.out.append(END)

    def folded_try(self, item, i):
        if i == len(item) or head(item[i]) != "do":
            raise WatError("unexpected token: a try needs (do ...)")
        self.sequence(item[i], 1)
        clauses = item[i + 1:]
        if len(clauses) == 1 and head(clauses[0]) == "delegate":
            if len(clauses[0]) != 2:
                raise unexpected(clauses[0])
            self.labels.pop()
            self.out.append(DELEGATE)
            self.out += self.label(clauses[0][1])
            return
        while clauses and head(clauses[0]) == "catch":
            clause = clauses.pop(0)
            if len(clause) < 2:
                raise unexpected(clause)
            self.out.append(CATCH)
            self.out += self.module.index("tag", clause[1])
            self.sequence(clause, 2)
        if clauses and head(clauses[0]) == "catch_all":
            self.out.append(CATCH_ALL)
            self.sequence(clauses.pop(0), 1)
        if clauses:
            raise unexpected(clauses[0])
        self.labels.pop()
        self.out.append(END)

    def label(self, item):
        if not is_index(item):
            raise unexpected(item)
        if item[0] != "$":
            return unsigned(natural(item, 32))
        for depth, name in enumerate(reversed(self.labels)):
            if name == item:
                return unsigned(depth)
        raise WatError(f"unknown label {item}")

    # -- immediates: each takes the encoding so far and gives the whole, and where the next item is ----------------

    @staticmethod
    def take(items, i):
        if i >= len(items):
            raise WatError("unexpected token: an immediate is missing")
        return items[i]

    def imm_label(self, encoding, _name, items, i):
        return encoding + self.label(self.take(items, i)), i + 1

    def imm_labels(self, encoding, _name, items, i):
        found = [self.label(self.take(items, i))]
        i += 1
        while i < len(items) and is_index(items[i]):
            found.append(self.label(items[i]))
            i += 1
        return encoding + unsigned(len(found) - 1) + b"".join(found), i

    def imm_local(self, encoding, _name, items, i):
        item = self.take(items, i)
        if not is_index(item):
            raise unexpected(item)
        if item[0] != "$":
            return encoding + unsigned(natural(item, 32)), i + 1
        if item not in self.local_names:
            raise WatError(f"unknown local {item}")
        return encoding + unsigned(self.local_names[item]), i + 1

    def imm_one(self, encoding, space, items, i):
        return encoding + self.module.index(space, self.take(items, i)), i + 1

    def imm_func(self, encoding, _name, items, i):
        return self.imm_one(encoding, "func", items, i)

    def imm_global(self, encoding, _name, items, i):
        return self.imm_one(encoding, "global", items, i)

    def imm_tag(self, encoding, _name, items, i):
        return self.imm_one(encoding, "tag", items, i)

    def imm_type(self, encoding, _name, items, i):
        return self.imm_one(encoding, "type", items, i)

    def imm_elem(self, encoding, _name, items, i):
        return self.imm_one(encoding, "elem", items, i)

    def imm_data(self, encoding, _name, items, i):
        self.module.uses_data = True
        return self.imm_one(encoding, "data", items, i)

    def optional(self, space, items, i):
        if i < len(items) and is_index(items[i]):
            return self.module.index(space, items[i]), i + 1
        return b"\0", i

    def imm_table(self, encoding, _name, items, i):
        index, i = self.optional("table", items, i)
        return encoding + index, i

    def imm_memory(self, encoding, _name, items, i):
        index, i = self.optional("memory", items, i)
        return encoding + index, i

    def two(self, space, items, i):
        if i + 1 < len(items) and is_index(items[i]) and is_index(items[i + 1]):
            return self.module.index(space, items[i]), self.module.index(space, items[i + 1]), i + 2
        return b"\0", b"\0", i

    def imm_table_table(self, encoding, _name, items, i):
        first, second, i = self.two("table", items, i)
        return encoding + first + second, i

    def imm_memory_memory(self, encoding, _name, items, i):
        first, second, i = self.two("memory", items, i)
        return encoding + first + second, i

    def segment_and(self, space, segments, encoding, items, i):
        """[memory or table] segment in the text; the segment comes first in the binary format."""
        where = b"\0"
        if i + 1 < len(items) and is_index(items[i]) and is_index(items[i + 1]):
            where = self.module.index(space, items[i])
            i += 1
        return encoding + self.module.index(segments, self.take(items, i)) + where, i + 1

    def imm_memory_init(self, encoding, _name, items, i):
        self.module.uses_data = True
        return self.segment_and("memory", "data", encoding, items, i)

    def imm_table_init(self, encoding, _name, items, i):
        return self.segment_and("table", "elem", encoding, items, i)

    def imm_type_and(self, space, encoding, items, i):
        kind = self.module.index("type", self.take(items, i))
        return encoding + kind + self.module.index(space, self.take(items, i + 1)), i + 2

    def imm_type_type(self, encoding, _name, items, i):
        return self.imm_type_and("type", encoding, items, i)

    def imm_type_data(self, encoding, _name, items, i):
        self.module.uses_data = True
        return self.imm_type_and("data", encoding, items, i)

    def imm_type_elem(self, encoding, _name, items, i):
        return self.imm_type_and("elem", encoding, items, i)

    def imm_type_count(self, encoding, _name, items, i):
        kind = self.module.index("type", self.take(items, i))
        return encoding + kind + unsigned(natural(self.take(items, i + 1), 32)), i + 2

    def imm_type_field(self, encoding, _name, items, i):
        struct, field = self.take(items, i), self.take(items, i + 1)
        return encoding + self.module.index("type", struct) + self.module.field_index(struct, field), i + 2

    def imm_call_indirect(self, encoding, _name, items, i):
        table, i = self.optional("table", items, i)
        index, params, results, i = self.module.type_use(items, i)
        if index is None:
            index = self.module.function_type(params, results)
        return encoding + unsigned(index) + table, i

    def imm_select(self, encoding, _name, items, i):
        types, typed = [], False
        while i < len(items) and head(items[i]) == "result":
            types += map(self.module.value_type, items[i][1:])
            typed = True
            i += 1
        return (b"\x1c" + unsigned(len(types)) + b"".join(types) if typed else encoding), i

    def imm_heaptype(self, encoding, _name, items, i):
        return encoding + self.module.heap_type(self.take(items, i)), i + 1

    def imm_cast(self, encoding, _name, items, i):
        null, heap = self.module.reference(self.take(items, i))
        return encoding[:1] + bytes([encoding[1] + null]) + heap, i + 1

    def imm_cast_label(self, encoding, _name, items, i):
        label = self.label(self.take(items, i))
        null1, heap1 = self.module.reference(self.take(items, i + 1))
        null2, heap2 = self.module.reference(self.take(items, i + 2))
        return encoding + bytes([null1 | null2 << 1]) + label + heap1 + heap2, i + 3

    def imm_i32(self, encoding, _name, items, i):
        value = integer(self.take(items, i), 32)
        return encoding + signed(value - ((value & 1 << 31) << 1)), i + 1

    def imm_i64(self, encoding, _name, items, i):
        value = integer(self.take(items, i), 64)
        return encoding + signed(value - ((value & 1 << 63) << 1)), i + 1

    def imm_f32(self, encoding, _name, items, i):
        return encoding + float_bits(self.take(items, i), 32).to_bytes(4, "little"), i + 1

    def imm_f64(self, encoding, _name, items, i):
        return encoding + float_bits(self.take(items, i), 64).to_bytes(8, "little"), i + 1

    def imm_v128(self, encoding, _name, items, i):
        shape = self.take(items, i)
        if shape.__class__ is not str or shape not in LANES:
            raise unexpected(shape)
        end = i + 1 + 128 // LANES[shape]
        texts = items[i + 1:end]
        if len(texts) < 128 // LANES[shape] or any(text.__class__ is not str for text in texts):
            raise WatError("wrong number of lane literals")
        return encoding + lanes(shape, texts), end

    def imm_shuffle(self, encoding, _name, items, i):
        texts = items[i:i + 16]
        if len(texts) < 16 or not all(map(is_index, texts)):
            raise WatError("invalid lane length")
        return encoding + bytes([self.lane(text) for text in texts]), i + 16

    @staticmethod
    def lane(text):
        if text.__class__ is not str:
            raise unexpected(text)
        try:
            return natural(text, 8)
        except WatError:
            raise WatError(f"malformed lane index {text}") from None

    def imm_lane(self, encoding, _name, items, i):
        return encoding + bytes([self.lane(self.take(items, i))]), i + 1

    def imm_memarg(self, encoding, name, items, i):
        memory, i = self.optional("memory", items, i)
        rest, i = self.memarg(memory, name, items, i)
        return encoding + rest, i

    def memarg(self, memory, name, items, i):
        offset, align = 0, natural_alignment(name)
        if i < len(items) and items[i].__class__ is str and items[i].startswith("offset="):
            offset = natural(items[i][7:], 64)
            i += 1
        if i < len(items) and items[i].__class__ is str and items[i].startswith("align="):
            value = natural(items[i][6:], 64)
            if value == 0 or value & (value - 1):
                raise WatError("alignment must be a power of two")
            align = value.bit_length() - 1
            i += 1
        if memory == b"\0":
            return unsigned(align) + unsigned(offset), i
        return unsigned(align | 0x40) + memory + unsigned(offset), i

    def imm_memarg_lane(self, encoding, name, items, i):
        # A number is the memory if something but an instruction follows.
        memory = b"\0"
        following = items[i + 1] if i + 1 < len(items) else None
        if is_index(self.take(items, i)) and following.__class__ is str and (
                is_index(following) or following.startswith(("offset=", "align="))):
            memory = self.module.index("memory", items[i])
            i += 1
        rest, i = self.memarg(memory, name, items, i)
        return encoding + rest + bytes([self.lane(self.take(items, i))]), i + 1

    @staticmethod
    def imm_fence(encoding, _name, _items, i):
        return encoding + b"\0", i
