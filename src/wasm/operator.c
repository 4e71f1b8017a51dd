#include "wasm/operator.h"

#include <string.h>

static const mw_op_info infos[MW_OP_COUNT] = {
#define MW_OP(name, text, prefix, code, imm, signature, align, feature)                            \
    [MW_OP_##name] = {text, prefix, code, MW_IMM_##imm, signature, align, MW_FEATURE_##feature},
#include "wasm/opcodes.def"
#undef MW_OP
};

const mw_op_info *mw_op_info_of(mw_opcode op)
{
    return &infos[op];
}

/* Encoding -> opcode: a page of 512 codes for no prefix and for each of 0xfc, 0xfd, 0xfe. An entry is the opcode
 * plus one; 0 marks what is not an instruction. */
enum { PAGE_CODES = 512, PAGES = 4 };
#define ENCODING(prefix, code) (((prefix) ? (prefix)-0xfb : 0) * PAGE_CODES + (code))

static const uint16_t opcodes[PAGES * PAGE_CODES] = {
#define MW_OP(name, text, prefix, code, ...) [ENCODING(prefix, code)] = MW_OP_##name + 1,
#include "wasm/opcodes.def"
#undef MW_OP
};

/* Encodings of proposals that the table does not hold: known by name only, so that the user reads what the
 * module uses instead of "illegal opcode". */
static const struct {
    uint8_t prefix;
    uint32_t first, last;
    const char *what;
} foreign[] = {
    {0, 0xd3, 0xd3, "garbage collection"},
    {0, 0xfb, 0xfb, "garbage collection"},
};

static mw_error unknown_opcode(mw_report *report, uint64_t offset, uint8_t prefix, uint32_t code)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (prefix == foreign[i].prefix && code >= foreign[i].first && code <= foreign[i].last)
            return mw_fail_at(report, MW_ERR_UNSUPPORTED, offset, "the module uses %s: not supported",
                              foreign[i].what);
    if (prefix)
        return mw_fail_at(report, MW_ERR_MALFORMED, offset, "illegal opcode 0x%02x 0x%02x", prefix, code);
    return mw_fail_at(report, MW_ERR_MALFORMED, offset, "illegal opcode 0x%02x", code);
}

static mw_error read_opcode(mw_bytes *code, mw_opcode *out)
{
    uint64_t offset = mw_bytes_offset(code);
    uint8_t prefix = 0, byte = 0;
    mw_error error = mw_read_u8(code, &byte);
    uint32_t number = byte;
    if (error == MW_OK && byte >= 0xfc && byte <= 0xfe) {
        prefix = byte;
        error = mw_read_u32(code, &number);
    }
    if (error != MW_OK)
        return error;
    uint16_t entry = number < PAGE_CODES ? opcodes[ENCODING(prefix, number)] : 0;
    if (entry == 0)
        return unknown_opcode(code->report, offset, prefix, number);
    *out = (mw_opcode)(entry - 1);
    return MW_OK;
}

static mw_error no_type(const mw_bytes *b, uint64_t offset, const char *what, uint8_t byte)
{
    if (byte >= 0x6a && byte <= 0x73) /* arrayref ... anyref, and the bottom types */
        return mw_fail_at(b->report, MW_ERR_UNSUPPORTED, offset, "the module uses garbage collection: not supported");
    return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "malformed %s type 0x%02x", what, byte);
}

/* A heap type (5.3.3): a type index as a non-negative s33, or the byte of an abstract one, which is a negative s33. */
static mw_error read_ref(mw_bytes *b, bool nullable, mw_wasm_valtype *out)
{
    uint64_t offset = mw_bytes_offset(b);
    int64_t index = 0;
    mw_error error = mw_read_s33(b, &index);
    if (error != MW_OK)
        return error;
    if (index >= 0) { /* beyond the limit it is unknown to every module */
        uint32_t known = index < MW_MAX_TYPE_INDEX ? (uint32_t)index : MW_MAX_TYPE_INDEX;
        *out = mw_ref_of(MW_HEAP_INDEX | known, nullable);
        return MW_OK;
    }
    uint8_t byte = b->pos[-1];
    if (mw_bytes_offset(b) - offset > 1)
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "malformed heap type");
    if (byte != MW_HEAP_FUNC && byte != MW_HEAP_EXTERN && byte != MW_HEAP_EXN && byte != MW_HEAP_NOEXN)
        return no_type(b, offset, "reference", byte);
    *out = mw_ref_of(byte, nullable);
    return MW_OK;
}

mw_error mw_read_valtype(mw_bytes *b, mw_wasm_valtype *out)
{
    enum { REF = 0x64, REF_NULL = 0x63 };
    uint64_t offset = mw_bytes_offset(b);
    uint8_t byte = 0;
    mw_error error = mw_read_u8(b, &byte);
    if (error != MW_OK)
        return error;
    switch (byte) {
    case MW_WASM_I32:
    case MW_WASM_I64:
    case MW_WASM_F32:
    case MW_WASM_F64:
    case MW_WASM_V128:
    case MW_WASM_FUNCREF:
    case MW_WASM_EXTERNREF:
    case MW_WASM_EXNREF:
    case MW_WASM_NULLEXNREF:
        *out = byte;
        return MW_OK;
    case REF:
    case REF_NULL:
        return read_ref(b, byte == REF_NULL, out);
    default:
        return no_type(b, offset, "value", byte);
    }
}

mw_error mw_read_reftype(mw_bytes *b, mw_wasm_valtype *out)
{
    uint64_t offset = mw_bytes_offset(b);
    mw_wasm_valtype type = 0;
    mw_error error = mw_read_valtype(b, &type);
    if (error != MW_OK)
        return error;
    if (!mw_wasm_is_ref(type))
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "malformed reference type: %s",
                          mw_valtype_name(type).s);
    *out = type;
    return MW_OK;
}

/* 0x40, a value type's byte, or a type index as a non-negative s33 (5.4.1): the byte of a value type is the
 * one-byte encoding of a negative s33, so the two never meet. */
static mw_error read_block_type(mw_bytes *code, mw_block_type *out)
{
    if (code->pos < code->end && (*code->pos & 0xc0) == 0x40) {
        if (*code->pos == 0x40) {
            code->pos++;
            *out = (mw_block_type){.kind = MW_BLOCK_EMPTY};
            return MW_OK;
        }
        *out = (mw_block_type){.kind = MW_BLOCK_VALUE};
        return mw_read_valtype(code, &out->value);
    }
    uint64_t offset = mw_bytes_offset(code);
    int64_t index = 0;
    mw_error error = mw_read_s33(code, &index);
    if (error != MW_OK)
        return error;
    if (index < 0)
        return mw_fail_at(code->report, MW_ERR_MALFORMED, offset, "malformed block type");
    *out = (mw_block_type){.kind = MW_BLOCK_TYPE, .type = (uint32_t)index};
    return MW_OK;
}

static mw_error read_labels(mw_bytes *code, mw_operator *out)
{
    uint32_t count = 0, label;
    mw_error error = mw_read_u32(code, &count);
    if (error != MW_OK)
        return error;
    mw_bytes targets = *code;
    for (uint64_t i = 0; i <= count && error == MW_OK; i++)
        error = mw_read_u32(code, &label);
    if (error != MW_OK)
        return error;
    uint32_t size = (uint32_t)(code->pos - targets.pos);
    out->labels.count = count;
    return mw_read_bytes(&targets, size, &out->labels.targets);
}

mw_error mw_read_catch(mw_bytes *catches, mw_catch *out)
{
    uint64_t offset = mw_bytes_offset(catches);
    uint8_t kind = 0;
    mw_error error = mw_read_u8(catches, &kind);
    if (error == MW_OK && kind > MW_CATCH_ALL_REF)
        error = mw_fail_at(catches->report, MW_ERR_MALFORMED, offset, "malformed catch clause 0x%02x", kind);
    *out = (mw_catch){.kind = (mw_catch_kind)kind};
    if (error == MW_OK && kind <= MW_CATCH_REF)
        error = mw_read_u32(catches, &out->tag);
    return error == MW_OK ? mw_read_u32(catches, &out->label) : error;
}

static mw_error read_try_table(mw_bytes *code, mw_operator *out)
{
    mw_block_type block;
    uint32_t count = 0;
    mw_error error = read_block_type(code, &block);
    if (error == MW_OK)
        error = mw_read_u32(code, &count);
    if (error != MW_OK)
        return error;
    mw_bytes catches = *code;
    mw_catch ignored;
    for (uint32_t i = 0; i < count && error == MW_OK; i++)
        error = mw_read_catch(code, &ignored);
    if (error != MW_OK)
        return error;
    uint32_t size = (uint32_t)(code->pos - catches.pos);
    out->try_table.block = block;
    out->try_table.count = count;
    return mw_read_bytes(&catches, size, &out->try_table.catches);
}

/* Exponent of the alignment and, where bit 6 is set, a memory index; then the offset, which has 64 bits for every
 * memory: that it suits the memory is for validation (5.4.6). */
static mw_error read_memarg(mw_bytes *code, mw_operator *out)
{
    enum { HAS_MEMORY = 0x40 };
    uint64_t offset = mw_bytes_offset(code);
    uint32_t flags = 0;
    mw_error error = mw_read_u32(code, &flags);
    if (error != MW_OK)
        return error;
    if (flags >= 2 * HAS_MEMORY)
        return mw_fail_at(code->report, MW_ERR_MALFORMED, offset, "malformed memop flags");
    out->memarg.align = flags % HAS_MEMORY;
    out->memarg.memory = 0;
    if (flags & HAS_MEMORY)
        error = mw_read_u32(code, &out->memarg.memory);
    return error == MW_OK ? mw_read_u64(code, &out->memarg.offset) : error;
}

/* `select t*`: the grammar has a vector of types, validation wants exactly one (3.3.2.2). */
static mw_error read_select(mw_bytes *code, mw_operator *out)
{
    uint64_t offset = mw_bytes_offset(code);
    uint32_t count = 0;
    mw_error error = mw_read_u32(code, &count);
    if (error != MW_OK)
        return error;
    if (count != 1)
        return mw_fail_at(code->report, MW_ERR_INVALID, offset, "invalid result arity: select with %u types", count);
    return mw_read_valtype(code, &out->valtype);
}

static mw_error read_index_pair(mw_bytes *code, uint32_t *first, uint32_t *second)
{
    mw_error error = mw_read_u32(code, first);
    return error == MW_OK ? mw_read_u32(code, second) : error;
}

/* atomic.fence: room for an ordering other than the only one there is. */
static mw_error read_zero(mw_bytes *code)
{
    uint64_t offset = mw_bytes_offset(code);
    uint8_t byte = 0;
    mw_error error = mw_read_u8(code, &byte);
    if (error == MW_OK && byte != 0)
        return mw_fail_at(code->report, MW_ERR_MALFORMED, offset, "zero byte expected");
    return error;
}

static mw_error read_immediates(mw_bytes *code, mw_operator *out)
{
    mw_error error;
    switch (infos[out->op].imm) {
    case MW_IMM_NONE:
        return MW_OK;
    case MW_IMM_BLOCK:
        return read_block_type(code, &out->block);
    case MW_IMM_TRY_TABLE:
        return read_try_table(code, out);
    case MW_IMM_LABEL:
    case MW_IMM_TAG:
    case MW_IMM_FUNC:
    case MW_IMM_TYPE:
    case MW_IMM_LOCAL:
    case MW_IMM_GLOBAL:
    case MW_IMM_TABLE:
    case MW_IMM_ELEM:
    case MW_IMM_DATA:
    case MW_IMM_MEMORY:
        return mw_read_u32(code, &out->index);
    case MW_IMM_LABELS:
        return read_labels(code, out);
    case MW_IMM_CALL_INDIRECT:
    case MW_IMM_TABLE_COPY:
    case MW_IMM_TABLE_INIT:
    case MW_IMM_MEMORY_COPY:
    case MW_IMM_MEMORY_INIT:
        return read_index_pair(code, &out->index, &out->index2);
    case MW_IMM_MEMARG:
        return read_memarg(code, out);
    case MW_IMM_MEMARG_LANE:
        error = read_memarg(code, out);
        return error == MW_OK ? mw_read_u8(code, &out->lane) : error;
    case MW_IMM_I32:
        return mw_read_s32(code, &out->i32);
    case MW_IMM_I64:
        return mw_read_s64(code, &out->i64);
    case MW_IMM_F32:
        return mw_read_fixed(code, &out->f32_bits, sizeof out->f32_bits);
    case MW_IMM_F64:
        return mw_read_fixed(code, &out->f64_bits, sizeof out->f64_bits);
    case MW_IMM_V128:
    case MW_IMM_SHUFFLE:
        return mw_read_fixed(code, out->v128, sizeof out->v128);
    case MW_IMM_LANE:
        return mw_read_u8(code, &out->lane);
    case MW_IMM_HEAP_TYPE:
        return read_ref(code, true, &out->valtype);
    case MW_IMM_SELECT:
        return read_select(code, out);
    case MW_IMM_ZERO:
        return read_zero(code);
    }
    return MW_OK;
}

mw_error mw_operator_read(mw_bytes *code, mw_operator *out)
{
    mw_bytes at = *code;
    memset(out, 0, sizeof *out);
    out->offset = mw_bytes_offset(code);
    mw_error error = read_opcode(code, &out->op);
    if (error == MW_OK)
        error = read_immediates(code, out);
    if (error != MW_OK)
        *code = at;
    return error;
}
