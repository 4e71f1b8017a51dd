/* One instruction at a time (specification 5.4): the one reader that validator, compiler and tools share. */
#ifndef MW_WASM_OPERATOR_H
#define MW_WASM_OPERATOR_H

#include "base/bytes.h"
#include "wasm/module.h"

/* MW_OP_<text format's name, '.' as '_', upper case>: MW_OP_I32_LOAD8_S, MW_OP_MEMORY_COPY. */
typedef enum mw_opcode {
#define MW_OP(name, ...) MW_OP_##name,
#include "wasm/opcodes.def"
#undef MW_OP
    MW_OP_COUNT
} mw_opcode;

/* Kinds of immediates; a column of opcodes.def. */
typedef enum mw_imm_kind {
    MW_IMM_NONE,
    MW_IMM_BLOCK,         /* .block */
    MW_IMM_LABEL,         /* .index: relative depth */
    MW_IMM_LABELS,        /* .labels: br_table */
    MW_IMM_TRY_TABLE,     /* .try_table */
    MW_IMM_TAG,           /* .index */
    MW_IMM_FUNC,          /* .index */
    MW_IMM_TYPE,          /* .index */
    MW_IMM_CALL_INDIRECT, /* .index: type, .index2: table */
    MW_IMM_LOCAL,         /* .index */
    MW_IMM_GLOBAL,        /* .index */
    MW_IMM_TABLE,         /* .index */
    MW_IMM_TABLE_COPY,    /* .index: destination table, .index2: source table */
    MW_IMM_TABLE_INIT,    /* .index: element segment, .index2: table */
    MW_IMM_ELEM,          /* .index */
    MW_IMM_DATA,          /* .index */
    MW_IMM_MEMARG,        /* .memarg */
    MW_IMM_MEMARG_LANE,   /* .memarg, .lane */
    MW_IMM_MEMORY,        /* .index */
    MW_IMM_MEMORY_COPY,   /* .index: destination memory, .index2: source memory */
    MW_IMM_MEMORY_INIT,   /* .index: data segment, .index2: memory */
    MW_IMM_I32,           /* .i32 */
    MW_IMM_I64,           /* .i64 */
    MW_IMM_F32,           /* .f32_bits */
    MW_IMM_F64,           /* .f64_bits */
    MW_IMM_V128,          /* .v128 */
    MW_IMM_SHUFFLE,       /* .v128: 16 lane indices */
    MW_IMM_LANE,          /* .lane */
    MW_IMM_HEAP_TYPE,     /* .valtype: the nullable reference to it */
    MW_IMM_SELECT,        /* .valtype: the one type of `select t` */
    MW_IMM_ZERO,          /* a byte that must be 0 */
} mw_imm_kind;

typedef struct mw_block_type {
    enum { MW_BLOCK_EMPTY, MW_BLOCK_VALUE, MW_BLOCK_TYPE } kind;
    mw_wasm_valtype value; /* MW_BLOCK_VALUE: no parameter, one result */
    uint32_t type;         /* MW_BLOCK_TYPE: type index */
} mw_block_type;

/* Codes of a try_table's clauses. */
typedef enum mw_catch_kind { MW_CATCH, MW_CATCH_REF, MW_CATCH_ALL, MW_CATCH_ALL_REF } mw_catch_kind;

typedef struct mw_catch {
    mw_catch_kind kind;
    uint32_t tag; /* MW_CATCH, MW_CATCH_REF */
    uint32_t label; /* counted from outside of the try_table */
} mw_catch;

typedef struct mw_operator {
    mw_opcode op;
    uint64_t offset; /* of its first byte in the module */
    uint32_t index, index2;
    union {
        mw_block_type block;
        struct {
            uint32_t count; /* targets, the default not counted */
            mw_bytes targets; /* count + 1 LEB128 labels, the default last: read them with mw_read_u32 */
        } labels;
        struct {
            mw_block_type block;
            uint32_t count;   /* of clauses */
            mw_bytes catches; /* read them with mw_read_catch */
        } try_table;
        struct {
            uint32_t align; /* log2 of bytes */
            uint32_t memory;
            uint64_t offset;
        } memarg;
        int32_t i32;
        int64_t i64;
        uint32_t f32_bits;
        uint64_t f64_bits;
        uint8_t v128[16];
        mw_wasm_valtype valtype;
    };
    uint8_t lane;
} mw_operator;

/* What the table says of an opcode. */
typedef struct mw_op_info {
    const char *name;      /* text format's name */
    uint8_t prefix;        /* 0, or 0xfc, 0xfd, 0xfe */
    uint32_t code;         /* byte, or LEB128 after the prefix */
    mw_imm_kind imm;
    const char *signature; /* "ii:i" with i I f F V for the number and vector types; NULL: depends on context */
    uint8_t natural_align; /* log2 of the bytes accessed; memory instructions only */
    uint64_t feature;      /* MW_FEATURE_* that it needs, or MW_FEATURE_MVP */
} mw_op_info;

const mw_op_info *mw_op_info_of(mw_opcode op);

/* A value type, or a reference type: MW_ERR_MALFORMED for a byte that is none, MW_ERR_UNSUPPORTED for the types of
 * proposals that are not supported. */
MW_CHECKED mw_error mw_read_valtype(mw_bytes *b, mw_wasm_valtype *out);
MW_CHECKED mw_error mw_read_reftype(mw_bytes *b, mw_wasm_valtype *out);

/* Reads a clause of a try_table. */
MW_CHECKED mw_error mw_read_catch(mw_bytes *catches, mw_catch *out);

/* Reads one instruction with its immediates. MW_ERR_MALFORMED with the offset for what 5.4 does not allow
 * (unknown opcode, bad LEB128, end of bytes), MW_ERR_UNSUPPORTED for the opcodes of proposals that are not
 * supported; nothing is checked against the module. On failure the reader stays at the instruction. */
MW_CHECKED mw_error mw_operator_read(mw_bytes *code, mw_operator *out);

/* A partial operator (specification 4.3.2): one on numbers that traps for some of them. */
static inline bool mw_is_partial(mw_opcode op)
{
    return (op >= MW_OP_I32_DIV_S && op <= MW_OP_I32_REM_U) || (op >= MW_OP_I64_DIV_S && op <= MW_OP_I64_REM_U) ||
           (op >= MW_OP_I32_TRUNC_F32_S && op <= MW_OP_I32_TRUNC_F64_U) ||
           (op >= MW_OP_I64_TRUNC_F32_S && op <= MW_OP_I64_TRUNC_F64_U);
}

#endif
