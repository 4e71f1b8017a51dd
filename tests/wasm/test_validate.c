/* The validator: good and bad bodies in one environment, the rest of the module, and hostile sizes. */
#include "module_bytes.h"

#include <time.h>

enum { TYPE = 1, IMPORT, FUNCTION, TABLE, MEMORY, GLOBAL, EXPORT, START, ELEMENT, CODE, DATA, DATA_COUNT, TAG };
enum { I32 = 0x7f, I64 = 0x7e, F32 = 0x7d, F64 = 0x7c, V128 = 0x7b, FUNCREF = 0x70, EXTERNREF = 0x6f, EXNREF = 0x69, VOID = 0x40 };

/* What a body under test lives in. Types: 0 [] -> [], 1 [i32] -> [i32], 2 [] -> [i32 i64], 3 [i32 i64] -> [],
 * 4 [i64] -> [i32]. Functions: 0 of type 1, imported; 1 the body, of the case's type. Tables: 0 funcref, 1 externref.
 * One memory. Tags: 0 of type 0, 1 of type 3. Globals: 0 i32, imported, immutable; 1 f64, mutable. One element segment of funcref, which declares
 * function 0; one passive data segment. Locals of the body: its parameters, then i32 i32 f32. */
static void environment(module_bytes *m, uint8_t type, const uint8_t *code, size_t size)
{
    *m = module_begin();
    section(m, TYPE, BYTES(5, 0x60, 0, 0, 0x60, 1, I32, 1, I32, 0x60, 0, 2, I32, I64, 0x60, 2, I32, I64, 0, 0x60, 1,
                           I64, 1, I32));
    section(m, IMPORT, BYTES(2, 0, 0, 0, 1, 0, 1, 'g', 3, I32, 0));
    section(m, FUNCTION, (const uint8_t[]){1, type}, 2);
    section(m, TABLE, BYTES(2, FUNCREF, 0, 1, EXTERNREF, 0, 1));
    section(m, MEMORY, BYTES(1, 0, 1));
    section(m, TAG, BYTES(2, 0, 0, 0, 3));
    section(m, GLOBAL, BYTES(1, F64, 1, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b));
    section(m, ELEMENT, BYTES(1, 1, 0, 1, 0));
    section(m, DATA_COUNT, BYTES(1));
    static const uint8_t locals[] = {2, 2, I32, 1, F32};
    module_bytes content = {0};
    put_u32(&content, 1);
    put_u32(&content, (uint32_t)(sizeof locals + size + 1));
    put(&content, locals, sizeof locals);
    put(&content, code, size);
    put(&content, BYTES(0x0b));
    section(m, CODE, content.bytes, content.size);
    free(content.bytes);
    section(m, DATA, BYTES(1, 1, 1, 'x'));
}

#define C(...) {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define OK MW_OK, ""
#define MISMATCH MW_ERR_INVALID, "type mismatch"
#define INVALID(message) MW_ERR_INVALID, message
#define MALFORMED(message) MW_ERR_MALFORMED, message
#define UNSUPPORTED(message) MW_ERR_UNSUPPORTED, message

enum { /* opcodes, for people */
    UNREACHABLE, NOP, BLOCK, LOOP, IF, ELSE, TRY, CATCH, THROW, RETHROW, THROW_REF, END, BR, BR_IF, BR_TABLE, RETURN,
    CALL, CALL_INDIRECT, DELEGATE = 0x18, CATCH_ALL, DROP, SELECT, SELECT_T, TRY_TABLE = 0x1f, GET, SET,
    TEE, GGET, GSET, TGET, TSET, I32_LOAD = 0x28, I64_LOAD,
    I32_STORE = 0x36, MEMORY_SIZE = 0x3f, MEMORY_GROW, I32_CONST = 0x41, I64_CONST, F32_CONST, F64_CONST,
    I32_EQZ = 0x45, I32_ADD = 0x6a, I64_ADD = 0x7c, REF_NULL = 0xd0, REF_IS_NULL, REF_FUNC,
    AS_NON_NULL = 0xd4, BR_ON_NULL, BR_ON_NON_NULL, RETURN_CALL = 0x12, RETURN_CALL_INDIRECT, CALL_REF,
    RETURN_CALL_REF, FC = 0xfc, SIMD = 0xfd, ATOMIC
};

static const struct {
    const char *what;
    uint8_t type; /* of the function */
    uint8_t code[32];
    size_t size;
    mw_error error;
    const char *message;
} cases[] = {
    /* operands and results */
    {"nothing", 0, C(NOP), OK},
    {"result", 1, C(GET, 0), OK},
    {"missing result", 1, C(NOP), MISMATCH},
    {"result of another type", 1, C(I64_CONST, 0), MISMATCH},
    {"value left", 0, C(I32_CONST, 0), MISMATCH},
    {"two results", 2, C(I32_CONST, 0, I64_CONST, 0), OK},
    {"two results in the wrong order", 2, C(I64_CONST, 0, I32_CONST, 0), MISMATCH},
    {"add", 1, C(GET, 0, GET, 0, I32_ADD), OK},
    {"add of other types", 1, C(GET, 0, I64_CONST, 0, I32_ADD), MISMATCH},
    {"empty stack", 0, C(DROP), MISMATCH},
    {"operand of the outer block", 1, C(GET, 0, BLOCK, VOID, DROP, END), MISMATCH},

    /* locals and globals */
    {"last local", 0, C(GET, 2, DROP), OK},
    {"run of locals", 0, C(GET, 1, I32_EQZ, DROP), OK},
    {"type of the second run", 0, C(GET, 2, I32_EQZ, DROP), MISMATCH},
    {"no such local", 0, C(GET, 3, DROP), INVALID("unknown local 3")},
    {"local after a parameter", 1, C(GET, 3, DROP, GET, 0), OK},
    {"set", 1, C(GET, 0, SET, 1, GET, 1), OK},
    {"tee", 1, C(GET, 0, TEE, 1), OK},
    {"tee of another type", 1, C(GET, 0, TEE, 3, DROP, GET, 0), MISMATCH},
    {"global", 0, C(GGET, 0, DROP), OK},
    {"no such global", 0, C(GGET, 2, DROP), INVALID("unknown global 2")},
    {"set a mutable global", 0, C(F64_CONST, 0, 0, 0, 0, 0, 0, 0, 0, GSET, 1), OK},
    {"set an immutable global", 0, C(I32_CONST, 0, GSET, 0), INVALID("global is immutable")},

    /* control */
    {"block with a result", 1, C(BLOCK, I32, I32_CONST, 1, END), OK},
    {"block without its result", 1, C(BLOCK, I32, END), MISMATCH},
    {"block of a type", 1, C(GET, 0, BLOCK, 1, I32_EQZ, END), OK},
    {"block of two results", 0, C(BLOCK, 2, I32_CONST, 0, I64_CONST, 0, END, DROP, DROP), OK},
    {"block of no type", 0, C(BLOCK, 9, END), INVALID("unknown type 9")},
    {"block type as a padded index", 1, C(GET, 0, BLOCK, 0x81, 0x00, I32_EQZ, END), OK},
    {"block type of no kind", 0, C(BLOCK, 0x50, END), MALFORMED("malformed value type")},
    {"block type of garbage collection", 0, C(BLOCK, 0x6e, END), UNSUPPORTED("the module uses garbage")},
    {"if", 1, C(GET, 0, IF, I32, I32_CONST, 1, ELSE, I32_CONST, 2, END), OK},
    {"if without else", 0, C(I32_CONST, 0, IF, VOID, END), OK},
    {"if without else, with a result", 1, C(GET, 0, IF, I32, I32_CONST, 1, END), MISMATCH},
    {"if without else, type passed on", 1, C(GET, 0, GET, 0, IF, 1, END), OK},
    {"if without else, type changed", 1, C(I64_CONST, 0, GET, 0, IF, 4, DROP, I32_CONST, 0, END), MISMATCH},
    {"else without if", 0, C(BLOCK, VOID, ELSE, END), MALFORMED("else without if")},
    {"else twice", 0, C(I32_CONST, 0, IF, VOID, ELSE, ELSE, END), MALFORMED("else without if")},
    {"branch out", 1, C(BLOCK, I32, GET, 0, BR, 0, END), OK},
    {"branch to the function", 1, C(GET, 0, BR, 0), OK},
    {"branch without its value", 1, C(BLOCK, I32, BR, 0, END), MISMATCH},
    {"no such label", 0, C(BR, 1), INVALID("unknown label 1")},
    {"branch to a loop carries its parameters", 1, C(GET, 0, LOOP, 1, BR, 0, END), OK},
    {"branch to a loop carries no result", 1, C(LOOP, I32, BR, 0, END), OK},
    {"br_if keeps its operands", 1, C(BLOCK, I32, GET, 0, GET, 0, BR_IF, 0, END), OK},
    {"br_if without a condition", 0, C(BR_IF, 0), MISMATCH},
    {"br_table", 1, C(BLOCK, I32, GET, 0, GET, 0, BR_TABLE, 2, 0, 1, 0, END), OK},
    {"br_table to labels of other types", 1, C(BLOCK, I64, GET, 0, GET, 0, BR_TABLE, 1, 0, 1, END, DROP, GET, 0), MISMATCH},
    {"br_table to labels of other arity", 1, C(BLOCK, VOID, GET, 0, GET, 0, BR_TABLE, 1, 0, 1, END, GET, 0), MISMATCH},
    {"br_table without its operand", 1, C(I32_CONST, 0, BR_TABLE, 0, 0), MISMATCH},
    {"br_table to no label", 0, C(I32_CONST, 0, BR_TABLE, 1, 7, 0), INVALID("unknown label 7")},
    {"br_table with more targets than bytes", 0, C(I32_CONST, 0, BR_TABLE, 0xff, 0xff, 0xff, 0xff, 0x0f),
     MALFORMED("unexpected end")},
    {"return", 1, C(GET, 0, RETURN), OK},
    {"return without a value", 1, C(RETURN), MISMATCH},
    {"bytes after the end", 0, C(END, NOP), MALFORMED("section size mismatch")},
    {"block without end", 0, C(BLOCK, VOID), MALFORMED("unexpected end of section or function")},

    /* unreachable code */
    {"anything after unreachable", 2, C(UNREACHABLE), OK},
    {"operands from nowhere", 1, C(UNREACHABLE, I32_ADD), OK},
    {"a wrong operand after unreachable", 1, C(UNREACHABLE, I64_CONST, 0, I32_ADD), MISMATCH},
    {"too many after unreachable", 0, C(UNREACHABLE, I32_CONST, 0), MISMATCH},
    {"select of unknown types", 1, C(UNREACHABLE, SELECT), OK},
    {"select of a known and an unknown type", 1, C(UNREACHABLE, I64_CONST, 0, I32_CONST, 0, SELECT), MISMATCH},
    {"unknown operand to labels of two types", 0,
     C(BLOCK, F32, BLOCK, F64, UNREACHABLE, SELECT, I32_CONST, 0, BR_TABLE, 1, 0, 1, END, DROP, UNREACHABLE, END, DROP),
     OK},
    {"ref.is_null of an unknown type", 1, C(UNREACHABLE, REF_IS_NULL), OK},
    {"unreachable ends with its block", 1, C(BLOCK, VOID, UNREACHABLE, END), MISMATCH},
    {"unreachable ends with else", 1, C(GET, 0, IF, I32, UNREACHABLE, ELSE, END), MISMATCH},

    /* calls */
    {"call", 1, C(GET, 0, CALL, 0), OK},
    {"call without its argument", 1, C(CALL, 0), MISMATCH},
    {"no such function", 0, C(CALL, 2), INVALID("unknown function 2")},
    {"call_indirect", 1, C(GET, 0, GET, 0, CALL_INDIRECT, 1, 0), OK},
    {"call_indirect with a padded table", 1, C(GET, 0, GET, 0, CALL_INDIRECT, 0x81, 0x80, 0x80, 0x80, 0x00, 0x80, 0x80,
                                               0x80, 0x80, 0x00), OK},
    {"call_indirect of no type", 0, C(I32_CONST, 0, CALL_INDIRECT, 5, 0), INVALID("unknown type 5")},
    {"call_indirect through no table", 0, C(I32_CONST, 0, CALL_INDIRECT, 0, 2), INVALID("unknown table 2")},
    {"call_indirect through externrefs", 0, C(I32_CONST, 0, CALL_INDIRECT, 0, 1), MISMATCH},

    /* select and references */
    {"select", 1, C(GET, 0, GET, 0, GET, 0, SELECT), OK},
    {"select of two types", 1, C(GET, 0, I64_CONST, 0, GET, 0, SELECT), MISMATCH},
    {"select of references", 0, C(REF_NULL, FUNCREF, REF_NULL, FUNCREF, I32_CONST, 0, SELECT, DROP), MISMATCH},
    {"select with a type", 0, C(REF_NULL, FUNCREF, REF_NULL, FUNCREF, I32_CONST, 0, SELECT_T, 1, FUNCREF, DROP), OK},
    {"select with two types", 0, C(UNREACHABLE, SELECT_T, 2, I32, I32), INVALID("invalid result arity")},
    {"ref.is_null of a number", 1, C(GET, 0, REF_IS_NULL), MISMATCH},
    {"ref.null of a number type", 0, C(REF_NULL, I32, DROP), MALFORMED("malformed reference type")},
    {"declared function", 0, C(REF_FUNC, 0, DROP), OK},
    {"undeclared function", 0, C(REF_FUNC, 1, DROP), INVALID("undeclared function reference")},
    {"table.set of another type", 0, C(I32_CONST, 0, REF_NULL, EXTERNREF, TSET, 0), MISMATCH},
    {"table.get", 0, C(I32_CONST, 0, TGET, 1, REF_IS_NULL, DROP), OK},
    {"table.grow", 0, C(REF_NULL, EXTERNREF, I32_CONST, 0, FC, 15, 1, DROP), OK},
    {"table.fill", 0, C(I32_CONST, 0, REF_NULL, EXTERNREF, I32_CONST, 0, FC, 17, 1), OK},
    {"table.size of no table", 0, C(FC, 16, 2, DROP), INVALID("unknown table 2")},
    {"table.copy between types", 0, C(I32_CONST, 0, I32_CONST, 0, I32_CONST, 0, FC, 14, 0, 1), MISMATCH},
    {"table.init", 0, C(I32_CONST, 0, I32_CONST, 0, I32_CONST, 0, FC, 12, 0, 0), OK},
    {"table.init of another type", 0, C(I32_CONST, 0, I32_CONST, 0, I32_CONST, 0, FC, 12, 0, 1), MISMATCH},
    {"elem.drop of no segment", 0, C(FC, 13, 1), INVALID("unknown elem segment 1")},

    /* exceptions */
    {"throw", 0, C(THROW, 0), OK},
    {"throw ends the block", 1, C(THROW, 0), OK},
    {"throw with values", 0, C(I32_CONST, 0, I64_CONST, 0, THROW, 1), OK},
    {"throw without its values", 0, C(I32_CONST, 0, THROW, 1), MISMATCH},
    {"throw of no tag", 0, C(THROW, 2), INVALID("unknown tag 2")},
    {"throw_ref", 0, C(REF_NULL, EXNREF, THROW_REF), OK},
    {"throw_ref of another reference", 0, C(REF_NULL, FUNCREF, THROW_REF), MISMATCH},
    {"throw_ref of nothing", 0, C(THROW_REF), MISMATCH},
    {"null of a type without values", 0, C(REF_NULL, 0x74, THROW_REF), OK},
    {"try_table", 1, C(BLOCK, VOID, TRY_TABLE, VOID, 1, 0, 0, 0, END, END, GET, 0), OK},
    {"try_table without clauses", 1, C(TRY_TABLE, I32, 0, GET, 0, END), OK},
    {"try_table with a parameter", 1, C(GET, 0, TRY_TABLE, 1, 0, END), OK},
    {"a clause hands on the tag's values", 0, C(BLOCK, 2, TRY_TABLE, VOID, 1, 0, 1, 0, END, UNREACHABLE, END, DROP, DROP), OK},
    {"a clause to a label of other types", 0, C(BLOCK, I32, TRY_TABLE, VOID, 1, 0, 1, 0, END, UNREACHABLE, END, DROP),
     MISMATCH},
    {"a clause with a reference", 0, C(BLOCK, EXNREF, TRY_TABLE, VOID, 1, 1, 0, 0, END, UNREACHABLE, END, DROP), OK},
    {"a clause with an unwanted reference", 0, C(BLOCK, VOID, TRY_TABLE, VOID, 1, 1, 0, 0, END, END), MISMATCH},
    {"catch_all", 0, C(TRY_TABLE, VOID, 1, 2, 0, END), OK},
    {"catch_all_ref", 0, C(BLOCK, EXNREF, TRY_TABLE, VOID, 1, 3, 0, END, UNREACHABLE, END, DROP), OK},
    {"catch_all_ref to a label of another type", 0, C(BLOCK, FUNCREF, TRY_TABLE, VOID, 1, 3, 0, END, UNREACHABLE, END,
                                                      DROP), MISMATCH},
    {"a clause does not see the try_table's label", 0, C(TRY_TABLE, VOID, 1, 2, 1, END), INVALID("unknown label 1")},
    {"a clause of no kind", 0, C(TRY_TABLE, VOID, 1, 4, 0, END), MALFORMED("malformed catch clause 0x04")},
    {"a clause of no tag", 0, C(TRY_TABLE, VOID, 1, 0, 2, 0, END), INVALID("unknown tag 2")},
    {"more clauses than bytes", 0, C(TRY_TABLE, VOID, 0xff, 0xff, 0xff, 0xff, 0x0f), MALFORMED("malformed catch clause")},
    {"try and catch", 1, C(TRY, I32, GET, 0, CATCH, 1, DROP, CATCH, 0, I32_CONST, 1, CATCH_ALL, I32_CONST, 2, END), OK},
    {"try without handlers", 0, C(TRY, VOID, END), OK},
    {"a handler without its result", 1, C(TRY, I32, GET, 0, CATCH, 0, END), MISMATCH},
    {"a handler with values left", 0, C(TRY, VOID, CATCH, 1, END), MISMATCH},
    {"a handler does not see the parameters", 1, C(GET, 0, TRY, 1, CATCH_ALL, END), MISMATCH},
    {"a handler of no tag", 0, C(TRY, VOID, CATCH, 2, END), INVALID("unknown tag 2")},
    {"unreachable ends with the handler", 1, C(TRY, I32, UNREACHABLE, CATCH, 0, END), MISMATCH},
    {"catch after catch_all", 0, C(TRY, VOID, CATCH_ALL, CATCH, 0, END), MALFORMED("catch without try")},
    {"catch_all twice", 0, C(TRY, VOID, CATCH_ALL, CATCH_ALL, END), MALFORMED("catch_all without try")},
    {"catch in a block", 0, C(TRY, VOID, BLOCK, VOID, CATCH, 0, END, END), MALFORMED("catch without try")},
    {"catch in a try_table", 0, C(TRY_TABLE, VOID, 0, CATCH_ALL, END), MALFORMED("catch_all without try")},
    {"delegate", 1, C(TRY, I32, GET, 0, DELEGATE, 0), OK},
    {"delegate counts from outside", 0, C(TRY, VOID, DELEGATE, 1), INVALID("unknown label 1")},
    {"delegate after catch", 0, C(TRY, VOID, CATCH_ALL, DELEGATE, 0), MALFORMED("delegate without try")},
    {"delegate in a block", 0, C(BLOCK, VOID, DELEGATE, 0), MALFORMED("delegate without try")},
    {"rethrow", 0, C(TRY, VOID, CATCH_ALL, BLOCK, VOID, RETHROW, 1, END, END), OK},
    {"rethrow in the body", 0, C(TRY, VOID, RETHROW, 0, CATCH_ALL, END), INVALID("invalid rethrow label 0")},
    {"rethrow to the function", 0, C(TRY, VOID, CATCH_ALL, RETHROW, 1, END), INVALID("invalid rethrow label 1")},
    {"rethrow to no label", 0, C(TRY, VOID, CATCH_ALL, RETHROW, 2, END), INVALID("unknown label 2")},
    {"branch out of a handler", 1, C(TRY, I32, GET, 0, CATCH_ALL, GET, 0, BR, 0, END), OK},

    /* memory */
    {"load", 1, C(GET, 0, I32_LOAD, 2, 0), OK},
    {"load, aligned too much", 1, C(GET, 0, I32_LOAD, 3, 0), INVALID("alignment must not be larger than natural")},
    {"alignment that no load has", 1, C(GET, 0, I32_LOAD, 0x3f, 0), INVALID("alignment must not be larger than natural")},
    {"alignment of no exponent", 1, C(GET, 0, I32_LOAD, 0x80, 1, 0), MALFORMED("malformed memop flags")},
    {"memory 0 by its index", 1, C(GET, 0, I32_LOAD, 0x42, 0x80, 0, 0), OK},
    {"a second memory in a load", 1, C(GET, 0, I32_LOAD, 0x42, 1, 0), INVALID("unknown memory 1: there are 1")},
    {"offset of 33 bits", 1, C(GET, 0, I32_LOAD, 2, 0x80, 0x80, 0x80, 0x80, 0x10), INVALID("offset out of range: 4294967296")},
    {"offset of 65 bits", 1, C(GET, 0, I32_LOAD, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2), MALFORMED("integer too large")},
    {"largest offset", 1, C(GET, 0, I32_LOAD, 2, 0xff, 0xff, 0xff, 0xff, 0x0f), OK},
    {"store", 0, C(I32_CONST, 0, I32_CONST, 0, I32_STORE, 0, 0), OK},
    {"store of another type", 0, C(I32_CONST, 0, I64_CONST, 0, I32_STORE, 0, 0), MISMATCH},
    {"memory.grow of a second memory", 1, C(GET, 0, MEMORY_GROW, 1), INVALID("unknown memory 1: there are 1")},
    {"memory.init", 0, C(I32_CONST, 0, I32_CONST, 0, I32_CONST, 0, FC, 8, 0, 0), OK},
    {"memory.init of no segment", 0, C(I32_CONST, 0, I32_CONST, 0, I32_CONST, 0, FC, 8, 1, 0),
     INVALID("unknown data segment 1")},
    {"memory.fill", 0, C(I32_CONST, 0, I32_CONST, 0, I32_CONST, 0, FC, 11, 0), OK},

    /* vectors */
    {"v128.load", 0, C(I32_CONST, 0, SIMD, 0, 4, 0, DROP), OK},
    {"lane", 0, C(I32_CONST, 0, SIMD, 15, SIMD, 21, 15, DROP), OK},
    {"no such lane", 0, C(I32_CONST, 0, SIMD, 15, SIMD, 21, 16, DROP), INVALID("invalid lane index 16")},
    {"no such lane of two", 0, C(I64_CONST, 0, SIMD, 18, SIMD, 29, 2, DROP), INVALID("invalid lane index 2")},
    {"load of a lane", 0, C(I32_CONST, 0, I32_CONST, 0, SIMD, 15, SIMD, 0x57, 3, 0, 1, DROP), OK},
    {"load of no lane", 0, C(I32_CONST, 0, I32_CONST, 0, SIMD, 15, SIMD, 0x57, 3, 0, 2, DROP),
     INVALID("invalid lane index 2")},
    {"shuffle of no lane", 0, C(UNREACHABLE, SIMD, 13, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 32, DROP),
     INVALID("invalid lane index 32")},
    {"relaxed multiply-add of two", 0, C(I32_CONST, 0, SIMD, 15, I32_CONST, 0, SIMD, 15, SIMD, 0x85, 2, DROP),
     INVALID("type mismatch")},
    {"relaxed swizzle", 0, C(I32_CONST, 0, SIMD, 15, I32_CONST, 0, SIMD, 15, SIMD, 0x80, 2, DROP), OK},
    {"code after the prefix with padding", 0, C(I32_CONST, 0, SIMD, 0x8f, 0x80, 0x00, DROP), OK},

    /* atomics */
    {"atomic load", 1, C(GET, 0, ATOMIC, 0x10, 2, 0), OK},
    {"atomic load, aligned too little", 1, C(GET, 0, ATOMIC, 0x10, 1, 0), INVALID("atomic alignment must be natural")},
    {"atomic load, aligned too much", 1, C(GET, 0, ATOMIC, 0x10, 3, 0), INVALID("atomic alignment must be natural")},
    {"fence", 0, C(ATOMIC, 3, 0), OK},
    {"fence of another order", 0, C(ATOMIC, 3, 1), MALFORMED("zero byte expected")},
    {"wait", 1, C(GET, 0, GET, 0, I64_CONST, 0, ATOMIC, 1, 2, 0), OK},
    {"wait with a timeout of i32", 1, C(GET, 0, GET, 0, I32_CONST, 0, ATOMIC, 1, 2, 0), MISMATCH},

    /* tail calls */
    {"return_call", 1, C(GET, 0, RETURN_CALL, 0), OK},
    {"return_call of other results", 0, C(I32_CONST, 0, RETURN_CALL, 0), INVALID("type mismatch: return_call of a function")},
    {"return_call without its operand", 1, C(RETURN_CALL, 0), MISMATCH},
    {"return_call of other operands", 1, C(I64_CONST, 0, RETURN_CALL, 0), MISMATCH},
    {"return_call of no function", 1, C(GET, 0, RETURN_CALL, 9), INVALID("unknown function 9")},
    {"behind a return_call", 1, C(GET, 0, RETURN_CALL, 0, DROP, I64_ADD, DROP), OK},
    {"return_call_indirect", 1, C(GET, 0, GET, 0, RETURN_CALL_INDIRECT, 1, 0), OK},
    {"return_call_indirect of other results", 0, C(GET, 0, GET, 0, RETURN_CALL_INDIRECT, 1, 0), MISMATCH},
    {"return_call_indirect through externref", 1, C(GET, 0, GET, 0, RETURN_CALL_INDIRECT, 1, 1), MISMATCH},
    {"return_call_ref", 1, C(GET, 0, REF_FUNC, 0, RETURN_CALL_REF, 1), OK},
    {"return_call_ref of other results", 0, C(GET, 0, REF_FUNC, 0, RETURN_CALL_REF, 1), MISMATCH},

    /* typed references */
    {"call_ref", 1, C(GET, 0, REF_FUNC, 0, CALL_REF, 1), OK},
    {"call_ref of another type", 1, C(GET, 0, REF_FUNC, 0, CALL_REF, 4), MISMATCH},
    {"call_ref of any function", 0, C(REF_NULL, FUNCREF, CALL_REF, 0), MISMATCH},
    {"call_ref of no type", 0, C(REF_NULL, FUNCREF, CALL_REF, 9), INVALID("unknown type 9")},
    {"call_ref without its operand", 0, C(REF_NULL, 1, CALL_REF, 1), MISMATCH},
    {"ref.null of no type", 0, C(REF_NULL, 9, DROP), INVALID("unknown type 9")},
    {"ref.null beyond all types", 0, C(REF_NULL, 0xff, 0xff, 0xff, 0xff, 0x0f, DROP), INVALID("unknown type 536870911")},
    {"ref.null with a long abstract type", 0, C(REF_NULL, 0xf0, 0x7f, DROP), MALFORMED("malformed heap type")},
    {"a function's type is among all functions", 0, C(BLOCK, FUNCREF, REF_FUNC, 0, END, DROP), OK},
    {"not null among what may be null", 0, C(BLOCK, 0x63, 1, BLOCK, 0x64, 1, REF_FUNC, 0, END, END, DROP), OK},
    {"null where none may be", 0, C(BLOCK, 0x64, FUNCREF, REF_NULL, FUNCREF, END, DROP), MISMATCH},
    {"ref.as_non_null", 0, C(BLOCK, 0x64, FUNCREF, REF_NULL, FUNCREF, AS_NON_NULL, END, DROP), OK},
    {"ref.as_non_null of a number", 1, C(GET, 0, AS_NON_NULL, DROP, GET, 0), MISMATCH},
    {"ref.as_non_null of anything", 0, C(UNREACHABLE, AS_NON_NULL, CALL_REF, 0), OK},
    {"ref.as_non_null gives no number", 0, C(UNREACHABLE, AS_NON_NULL, I32_EQZ, DROP), MISMATCH},
    {"br_on_null", 0, C(BLOCK, VOID, REF_NULL, 0, BR_ON_NULL, 0, CALL_REF, 0, END), OK},
    {"br_on_non_null", 0, C(BLOCK, 0x64, 0, REF_NULL, 0, BR_ON_NON_NULL, 0, RETURN, END, CALL_REF, 0), OK},
    {"br_on_non_null without a reference", 0, C(BLOCK, VOID, REF_NULL, 0, BR_ON_NON_NULL, 0, END), MISMATCH},

    /* opcodes that are not there */
    {"no instruction", 0, C(0xff), MALFORMED("illegal opcode 0xff")},
    {"no instruction of a prefix", 0, C(FC, 18), MALFORMED("illegal opcode 0xfc 0x12")},
    {"a hole among the vector instructions", 0, C(SIMD, 0x9a, 0x01), MALFORMED("illegal opcode 0xfd 0x9a")},
    {"beyond the relaxed vector instructions", 0, C(SIMD, 0x94, 0x02), MALFORMED("illegal opcode 0xfd 0x114")},
    {"no atomic instruction", 0, C(ATOMIC, 4), MALFORMED("illegal opcode 0xfe 0x04")},
    {"no atomic instruction behind the last", 0, C(ATOMIC, 0x4f), MALFORMED("illegal opcode 0xfe 0x4f")},
    {"garbage collection", 0, C(0xfb, 0), UNSUPPORTED("the module uses garbage collection")},
};

static void bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        module_bytes m;
        environment(&m, cases[i].type, cases[i].code, cases[i].size);
        expect_bytes(m.bytes, m.size, cases[i].error, -1, cases[i].message, cases[i].what);
        free(m.bytes);
    }
}

/* The offset is that of the instruction, and the message names the function. */
static void offsets(void **state)
{
    (void)state;
    module_bytes m;
    mw_report report;
    environment(&m, 0, BYTES(NOP, NOP, I64_CONST, 0, I32_EQZ, DROP));
    section(&m, 0, BYTES(4, 'n', 'a', 'm', 'e', 1, 6, 1, 1, 3, 'e', 'q', 'z'));
    assert_int_equal(decode_and_validate(m.bytes, m.size, MW_FEATURES_IMPLEMENTED, &report), MW_ERR_INVALID);
    size_t at = 0;
    for (size_t i = 8; i + 5 < m.size; i++)
        if (memcmp(m.bytes + i, (const uint8_t[]){NOP, NOP, I64_CONST, 0, I32_EQZ, DROP}, 6) == 0)
            at = i + 4;
    assert_true(at > 0);
    assert_int_equal(report.offset, at);
    assert_string_equal(report.message,
                        "type mismatch: i32.eqz needs an operand of i32, the stack has i64, in function 1 (eqz)");
    free(m.bytes);
}

/* ---- Outside of bodies ---------------------------------------------------------------------------------- */

/* A function of no type with this code, in a module with a 64-bit memory and a 32-bit one. */
static void memory64_body(mw_error error, const char *message, const uint8_t *code, size_t size)
{
    module_bytes m = module_begin();
    section(&m, TYPE, BYTES(1, 0x60, 0, 0));
    section(&m, FUNCTION, BYTES(1, 0));
    section(&m, MEMORY, BYTES(2, 4, 0, 0, 0));
    module_bytes content = {0};
    put(&content, BYTES(1, (uint8_t)(size + 2), 0));
    put(&content, code, size);
    put(&content, BYTES(END));
    section(&m, CODE, content.bytes, content.size);
    free(content.bytes);
    expect(&m, error, -1, message);
}

static void module_parts(void **state)
{
    (void)state;
    module_bytes m = module_begin();
    section(&m, TYPE, BYTES(1, 0x60, 0, 0));
    section(&m, IMPORT, BYTES(1, 0, 0, 0, 1));
    expect(&m, MW_ERR_INVALID, 20, "unknown type 1");
    m = module_begin();
    section(&m, MEMORY, BYTES(1, 1, 2, 1));
    expect(&m, MW_ERR_INVALID, 11, "size minimum must not be greater than maximum");
    m = module_begin();
    section(&m, MEMORY, BYTES(1, 0, 0x80, 0x80, 4));
    expect(&m, MW_OK, -1, "");
    m = module_begin();
    section(&m, MEMORY, BYTES(1, 0, 0x81, 0x80, 4));
    expect(&m, MW_ERR_INVALID, 11, "memory size must be at most 65536 pages (4GiB)");
    m = module_begin();
    section(&m, MEMORY, BYTES(2, 0, 0, 0, 0));
    expect(&m, MW_OK, -1, "");
    m = module_begin();
    section(&m, TYPE, BYTES(1, 0x60, 0, 0));
    section(&m, FUNCTION, BYTES(1, 0));
    section(&m, MEMORY, BYTES(2, 0, 0, 0, 0));
    section(&m, CODE, BYTES(1, 7, 0, 0x41, 0, 0x40, 2, 0x1a, 0x0b));
    expect(&m, MW_ERR_INVALID, 32, "unknown memory 2: there are 2");
    m = module_begin(); /* 64 bits: 2^48 pages, and no more */
    section(&m, MEMORY, BYTES(1, 4, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40));
    expect(&m, MW_OK, -1, "");
    m = module_begin();
    section(&m, MEMORY, BYTES(1, 4, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40));
    expect(&m, MW_ERR_INVALID, 11, "memory size must be at most 2^48 pages");
    m = module_begin();
    section(&m, MEMORY, BYTES(1, 5, 2, 1));
    expect(&m, MW_ERR_INVALID, 11, "size minimum must not be greater than maximum");
    m = module_begin();
    section(&m, TABLE, BYTES(1, 0x70, 0, 0x80, 0x80, 0x80, 0x80, 0x10));
    expect(&m, MW_ERR_INVALID, 11, "table size must be at most 2^32 - 1 elements");
    m = module_begin();
    section(&m, TABLE, BYTES(1, 0x70, 4, 0x80, 0x80, 0x80, 0x80, 0x10));
    expect(&m, MW_OK, -1, "");
    memory64_body(MW_OK, "", BYTES(I64_CONST, 0, I32_LOAD, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, DROP));
    memory64_body(MISMATCH, BYTES(I32_CONST, 0, I32_LOAD, 2, 0, DROP));
    memory64_body(MW_OK, "", BYTES(I64_CONST, 1, MEMORY_GROW, 0, MEMORY_SIZE, 0, I64_ADD, DROP));
    memory64_body(MISMATCH, BYTES(I32_CONST, 1, MEMORY_GROW, 0, DROP));
    memory64_body(MISMATCH, BYTES(MEMORY_SIZE, 0, I32_EQZ, DROP));
    memory64_body(MW_OK, "", BYTES(I64_CONST, 0, I32_CONST, 0, I64_CONST, 0, FC, 11, 0));
    memory64_body(MISMATCH, BYTES(I64_CONST, 0, I32_CONST, 0, I32_CONST, 0, FC, 11, 0));
    memory64_body(MW_OK, "", BYTES(I64_CONST, 0, I32_CONST, 0, I32_CONST, 0, FC, 10, 0, 1)); /* the smaller type */
    memory64_body(MISMATCH, BYTES(I64_CONST, 0, I32_CONST, 0, I64_CONST, 0, FC, 10, 0, 1));
    memory64_body(MISMATCH, BYTES(I32_CONST, 0, I32_CONST, 0, I32_CONST, 0, FC, 10, 0, 1));
    memory64_body(MW_OK, "", BYTES(I64_CONST, 0, I64_CONST, 0, I64_CONST, 0, FC, 10, 0, 0));
    memory64_body(MW_OK, "", BYTES(I64_CONST, 0, I32_CONST, 0, SIMD, 15, SIMD, 88, 0, 0, 0));
    m = module_begin();
    section(&m, EXPORT, BYTES(1, 1, 'f', 0, 0));
    expect(&m, MW_ERR_INVALID, 11, "unknown function 0");
    m = module_begin();
    section(&m, MEMORY, BYTES(1, 0, 0));
    section(&m, EXPORT, BYTES(3, 1, 'a', 2, 0, 1, 'b', 2, 0, 1, 'a', 2, 0));
    expect(&m, MW_ERR_INVALID, 24, "duplicate export name \"a\"");
    m = module_begin();
    section(&m, START, BYTES(0));
    expect(&m, MW_ERR_INVALID, 10, "unknown function 0");
    m = module_begin();
    section(&m, TYPE, BYTES(1, 0x60, 0, 1, I32));
    section(&m, FUNCTION, BYTES(1, 0));
    section(&m, START, BYTES(0));
    section(&m, CODE, BYTES(1, 4, 0, I32_CONST, 0, END));
    expect(&m, MW_ERR_INVALID, -1, "start function");
    m = module_begin();
    section(&m, ELEMENT, BYTES(1, 0, I32_CONST, 0, END, 0));
    expect(&m, MW_ERR_INVALID, 11, "unknown table 0");
    m = module_begin();
    section(&m, TABLE, BYTES(1, EXTERNREF, 0, 1));
    section(&m, ELEMENT, BYTES(1, 0, I32_CONST, 0, END, 0));
    expect(&m, MW_ERR_INVALID, -1, "type mismatch");
    m = module_begin();
    section(&m, DATA, BYTES(1, 0, I32_CONST, 0, END, 0));
    expect(&m, MW_ERR_INVALID, 11, "unknown memory 0");
    m = module_begin();
    section(&m, TAG, BYTES(1, 0, 0));
    expect(&m, MW_ERR_INVALID, 11, "unknown type 0");
    m = module_begin();
    section(&m, TYPE, BYTES(1, 0x60, 0, 1, I32));
    section(&m, TAG, BYTES(1, 0, 0));
    expect(&m, MW_ERR_INVALID, -1, "non-empty tag result type: tag 0");
    m = module_begin();
    section(&m, TYPE, BYTES(1, 0x60, 0, 0));
    section(&m, IMPORT, BYTES(1, 0, 0, 4, 0, 0));
    section(&m, TAG, BYTES(1, 0, 0));
    section(&m, EXPORT, BYTES(2, 1, 'a', 4, 0, 1, 'b', 4, 1));
    expect(&m, MW_OK, -1, "");
    m = module_begin();
    section(&m, TYPE, BYTES(1, 0x60, 0, 0));
    section(&m, TAG, BYTES(1, 0, 0));
    section(&m, EXPORT, BYTES(1, 1, 'a', 4, 1));
    expect(&m, MW_ERR_INVALID, -1, "unknown tag 1");
    m = module_begin(); /* memory.init without a data count section */
    section(&m, TYPE, BYTES(1, 0x60, 0, 0));
    section(&m, FUNCTION, BYTES(1, 0));
    section(&m, MEMORY, BYTES(1, 0, 0));
    section(&m, CODE, BYTES(1, 12, 0, I32_CONST, 0, I32_CONST, 0, I32_CONST, 0, FC, 8, 0, 0, END));
    section(&m, DATA, BYTES(1, 1, 0));
    expect(&m, MW_ERR_MALFORMED, -1, "data count section required");
}

static void global_of(module_bytes *m, const uint8_t *init, size_t size)
{
    uint8_t content[64] = {1, I32, 0};
    memcpy(content + 3, init, size);
    *m = module_begin();
    section(m, TYPE, BYTES(1, 0x60, 0, 0));
    section(m, IMPORT, BYTES(3, 0, 1, 'i', 3, I32, 0, 0, 1, 'm', 3, I32, 1, 0, 1, 'l', 3, I64, 0));
    section(m, GLOBAL, content, size + 3);
}

static void constant_expressions(void **state)
{
    (void)state;
    module_bytes m;
    global_of(&m, BYTES(I32_CONST, 1, END));
    expect(&m, MW_OK, -1, "");
    global_of(&m, BYTES(GGET, 0, END));
    expect(&m, MW_OK, -1, "");
    global_of(&m, BYTES(GGET, 1, END));
    expect(&m, MW_ERR_INVALID, -1, "constant expression required: global 1 is mutable");
    global_of(&m, BYTES(GGET, 2, END));
    expect(&m, MW_ERR_INVALID, -1, "type mismatch");
    global_of(&m, BYTES(GGET, 3, END)); /* itself */
    expect(&m, MW_ERR_INVALID, -1, "unknown global 3");
    global_of(&m, BYTES(END));
    expect(&m, MW_ERR_INVALID, -1, "type mismatch");
    global_of(&m, BYTES(I32_CONST, 1, I32_CONST, 1, END));
    expect(&m, MW_ERR_INVALID, -1, "type mismatch");
    global_of(&m, BYTES(GGET, 0, I32_CONST, 1, I32_ADD, END));
    expect(&m, MW_OK, -1, "");
    global_of(&m, BYTES(NOP, I32_CONST, 1, END));
    expect(&m, MW_ERR_INVALID, -1, "constant expression required: nop");
    global_of(&m, BYTES(BLOCK, I32, I32_CONST, 1, END, END));
    expect(&m, MW_ERR_INVALID, -1, "constant expression required: block");
    global_of(&m, BYTES(I32_CONST, 1));
    expect(&m, MW_ERR_MALFORMED, -1, "unexpected end of section or function");
    global_of(&m, BYTES(REF_FUNC, 0, END));
    expect(&m, MW_ERR_INVALID, -1, "unknown function 0");
}

/* Each feature, on its own, is refused by name when it is not enabled. */
static void features(void **state)
{
    (void)state;
    static const struct {
        uint64_t feature;
        const char *name;
        uint8_t code[16];
        size_t size;
    } used[] = {
        {MW_FEATURE_SIGN_EXTENSION, "sign-ext", C(I32_CONST, 0, 0xc0, DROP)},
        {MW_FEATURE_SATURATING_CONVERSION, "nontrapping-fptoint", C(F32_CONST, 0, 0, 0, 0, FC, 0, DROP)},
        {MW_FEATURE_MULTI_VALUE, "multivalue", C(BLOCK, 0, END)},
        {MW_FEATURE_BULK_MEMORY, "bulk-memory", C(I32_CONST, 0, I32_CONST, 0, I32_CONST, 0, FC, 11, 0)},
        {MW_FEATURE_REFERENCE_TYPES, "reference-types", C(REF_NULL, FUNCREF, DROP)},
        {MW_FEATURE_THREADS, "atomics", C(ATOMIC, 3, 0)},
        {MW_FEATURE_TAIL_CALL, "tail-call", C(RETURN_CALL, 0)},
        {MW_FEATURE_FUNCTION_REFERENCES, "function-references", C(UNREACHABLE, CALL_REF, 0)},
        {MW_FEATURE_FUNCTION_REFERENCES, "function-references", C(UNREACHABLE, AS_NON_NULL, DROP)},
        {MW_FEATURE_SIMD, "simd128", C(I32_CONST, 0, SIMD, 15, DROP)},
        {MW_FEATURE_SIMD, "simd128", C(UNREACHABLE, BLOCK, V128, UNREACHABLE, END, DROP)},
    };
    for (size_t i = 0; i < sizeof used / sizeof *used; i++) {
        uint8_t content[32] = {1, (uint8_t)(used[i].size + 2), 0};
        memcpy(content + 3, used[i].code, used[i].size);
        content[3 + used[i].size] = END;
        module_bytes m = module_begin();
        section(&m, TYPE, BYTES(1, 0x60, 0, 0));
        section(&m, FUNCTION, BYTES(1, 0));
        section(&m, MEMORY, BYTES(1, 0, 0));
        section(&m, CODE, content, used[i].size + 4);
        mw_report report;
        char message[100];
        snprintf(message, sizeof message, "the module uses %s: not enabled", used[i].name);
        assert_int_equal(decode_and_validate(m.bytes, m.size, MW_FEATURES_IMPLEMENTED & ~used[i].feature, &report),
                         MW_ERR_UNSUPPORTED);
        assert_string_equal(report.message, message);
        if (decode_and_validate(m.bytes, m.size, used[i].feature, &report) != MW_OK)
            fail_msg("%s", report.message);
        free(m.bytes);
    }
}

/* ---- Types ---------------------------------------------------------------------------------------------- */

static void type_section(const uint8_t *types, size_t size, mw_error error, const char *message)
{
    module_bytes m = module_begin();
    section(&m, TYPE, types, size);
    expect(&m, error, -1, message);
}

static void recursive_types(void **state)
{
    (void)state;
    /* A type refers to itself and to what is before the end of its group. */
    type_section(BYTES(1, 0x60, 1, 0x64, 0, 0), MW_OK, "");
    type_section(BYTES(2, 0x60, 1, 0x64, 1, 0, 0x60, 0, 0), MW_ERR_INVALID, "unknown type 1 in (ref 1)");
    type_section(BYTES(1, 0x4e, 2, 0x60, 1, 0x63, 1, 0, 0x60, 0, 0), MW_OK, "");
    type_section(BYTES(1, 0x4e, 2, 0x60, 1, 0x63, 2, 0, 0x60, 0, 0), MW_ERR_INVALID, "unknown type 2 in (ref null 2)");
    type_section(BYTES(1, 0x4e, 0), MW_OK, "");

    /* Supertypes come before, are not final, and take and give what fits. */
    type_section(BYTES(2, 0x50, 0, 0x60, 0, 0, 0x4f, 1, 0, 0x60, 0, 0), MW_OK, "");
    type_section(BYTES(2, 0x60, 0, 0, 0x4f, 1, 0, 0x60, 0, 0), MW_ERR_INVALID, "sub type: type 1");
    type_section(BYTES(2, 0x50, 0, 0x60, 0, 0, 0x4f, 1, 0, 0x60, 1, I32, 0), MW_ERR_INVALID, "sub type: type 1");
    type_section(BYTES(1, 0x50, 1, 0, 0x60, 0, 0), MW_ERR_INVALID, "unknown type 0");
    type_section(BYTES(2, 0x50, 0, 0x60, 0, 1, FUNCREF, 0x50, 1, 0, 0x60, 0, 1, 0x64, 0), MW_OK, "");
    type_section(BYTES(2, 0x50, 0, 0x60, 1, FUNCREF, 0, 0x50, 1, 0, 0x60, 1, 0x64, 0, 0), MW_ERR_INVALID, "sub type: type 1");

    /* 63 supertypes and no more. */
    for (unsigned n = 64; n <= 65; n++) {
        module_bytes types = {0};
        put_u32(&types, n);
        put(&types, BYTES(0x50, 0, 0x60, 0, 0));
        for (unsigned i = 1; i < n; i++)
            put(&types, BYTES(0x50, 1, (uint8_t)(i - 1), 0x60, 0, 0));
        type_section(types.bytes, types.size, n == 64 ? MW_OK : MW_ERR_LIMIT, n == 64 ? "" : "a type with more than 63 supertypes");
        free(types.bytes);
    }
}

/* The canonical types of: two groups that are one, a third that differs in the last type, a plain type twice, and types
 * that differ in what they refer to. */
static void canonical_types(void **state)
{
    (void)state;
    module_bytes m = module_begin();
    section(&m, TYPE, BYTES(9,                                              /* types 0 to 11 */
                            0x4e, 2, 0x60, 1, 0x64, 1, 0, 0x60, 0, 0,       /* 0, 1 */
                            0x4e, 2, 0x60, 1, 0x64, 3, 0, 0x60, 0, 0,       /* 2, 3 are 0, 1 */
                            0x4e, 2, 0x60, 1, 0x64, 5, 0, 0x60, 1, I32, 0,  /* 4, 5 */
                            0x60, 0, 0,                                     /* 6: not 1, which is in a group */
                            0x4e, 1, 0x60, 0, 0,                            /* 7 is 6 */
                            0x60, 1, 0x64, 6, 0,                            /* 8 */
                            0x60, 1, 0x64, 7, 0,                            /* 9 is 8 */
                            0x60, 1, 0x63, 7, 0,                            /* 10 */
                            0x60, 1, 0x64, 11, 0));                         /* 11: refers to itself */
    static const uint32_t expected[] = {0, 1, 0, 1, 4, 5, 6, 6, 8, 8, 10, 11};
    mw_report report = MW_REPORT_INIT;
    mw_module *module;
    assert_int_equal(mw_module_decode(m.bytes, m.size, &report, &module), MW_OK);
    assert_int_equal(mw_module_validate(module, MW_FEATURES_IMPLEMENTED, &report), MW_OK);
    assert_int_equal(module->ntypes, sizeof expected / sizeof *expected);
    for (uint32_t i = 0; i < module->ntypes; i++)
        assert_int_equal(module->types[i].canonical, expected[i]);
    assert_true(mw_wasm_subtype(module, mw_ref_of(MW_HEAP_INDEX | 9, false), mw_ref_of(MW_HEAP_INDEX | 8, true)));
    assert_false(mw_wasm_subtype(module, mw_ref_of(MW_HEAP_INDEX | 9, true), mw_ref_of(MW_HEAP_INDEX | 8, false)));
    assert_false(mw_wasm_subtype(module, mw_ref_of(MW_HEAP_INDEX | 10, false), mw_ref_of(MW_HEAP_INDEX | 8, false)));
    mw_module_free(module);
    free(m.bytes);
}

/* Locals without a default value: what a block sets is gone behind it, however often. */
static void unset_locals(void **state)
{
    (void)state;
    static const struct {
        uint8_t code[24];
        size_t size;
        mw_error error;
        const char *message;
    } bodies_of[] = {
        {C(GET, 0, DROP), MW_ERR_INVALID, "uninitialized local 0"},
        {C(REF_FUNC, 0, SET, 0, GET, 0, DROP), OK},
        {C(REF_FUNC, 0, TEE, 0, DROP, GET, 0, DROP), OK},
        {C(REF_FUNC, 0, SET, 0, BLOCK, VOID, GET, 0, DROP, END), OK},
        {C(BLOCK, VOID, REF_FUNC, 0, SET, 0, END, GET, 0, DROP), MW_ERR_INVALID, "uninitialized local 0"},
        {C(I32_CONST, 0, IF, VOID, REF_FUNC, 0, SET, 0, ELSE, GET, 0, DROP, END), MW_ERR_INVALID, "uninitialized local 0"},
        {C(UNREACHABLE, GET, 0, DROP), MW_ERR_INVALID, "uninitialized local 0"},
        {C(GET, 1, DROP), OK},
    };
    for (size_t i = 0; i < sizeof bodies_of / sizeof *bodies_of; i++) {
        uint8_t content[64] = {1, (uint8_t)(bodies_of[i].size + 7), 2, 1, 0x64, 0, 1, FUNCREF};
        memcpy(content + 8, bodies_of[i].code, bodies_of[i].size);
        content[8 + bodies_of[i].size] = END;
        module_bytes m = module_begin();
        section(&m, TYPE, BYTES(1, 0x60, 0, 0));
        section(&m, FUNCTION, BYTES(1, 0));
        section(&m, EXPORT, BYTES(1, 1, 'f', 0, 0));
        section(&m, CODE, content, bodies_of[i].size + 9);
        expect(&m, bodies_of[i].error, -1, bodies_of[i].message);
    }
}

/* ---- Hostile sizes -------------------------------------------------------------------------------------- */

static void function_of(module_bytes *m, const uint8_t *types, size_t types_size, module_bytes *code)
{
    *m = module_begin();
    section(m, TYPE, types, types_size);
    section(m, FUNCTION, BYTES(1, 0));
    module_bytes content = {0};
    put_u32(&content, 1);
    put_u32(&content, (uint32_t)code->size + 2);
    put(&content, BYTES(0));
    put(&content, code->bytes, code->size);
    put(&content, BYTES(END));
    section(m, CODE, content.bytes, content.size);
    free(content.bytes);
    free(code->bytes);
}

/* Seconds of processor time for a module that must be accepted or refused without much of either. The limits are
 * generous for slow machines with sanitizers: what they exclude takes hours. */
static void expect_quickly(module_bytes *m, mw_error error, const char *message)
{
    clock_t start = clock();
    expect(m, error, -1, message);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (seconds > 20)
        fail_msg("took %.1f s", seconds);
}

static void nested(int depth, mw_error error, const char *message)
{
    module_bytes m, code = {0};
    for (int i = 0; i < depth; i++)
        put(&code, BYTES(BLOCK, VOID));
    for (int i = 0; i < depth; i++)
        put(&code, BYTES(END));
    function_of(&m, BYTES(1, 0x60, 0, 0), &code);
    expect_quickly(&m, error, message);
}

static void deep_nesting(void **state)
{
    (void)state;
    nested(1000000, MW_OK, "");
    nested(1100000, MW_ERR_LIMIT, "blocks nested more than 1048576 deep");
}

static void large_br_tables(void **state)
{
    (void)state;
    enum { TABLES = 200, TARGETS = 20000 };
    module_bytes m, code = {0};
    for (int i = 0; i < TABLES; i++) {
        put(&code, BYTES(I32_CONST, 0, BR_TABLE));
        put_u32(&code, TARGETS);
        for (int j = 0; j <= TARGETS; j++)
            put_u32(&code, 0);
    }
    function_of(&m, BYTES(1, 0x60, 0, 0), &code);
    expect_quickly(&m, MW_OK, "");
}

/* A call of two bytes that returns 1,000 values, again and again: refused before the stack takes all memory. */
static void large_operand_stack(void **state)
{
    (void)state;
    module_bytes m, code = {0}, types = {0};
    put(&types, BYTES(1, 0x60, 0));
    put_u32(&types, 1000);
    for (int i = 0; i < 1000; i++)
        put(&types, BYTES(I32));
    for (int i = 0; i < 100000; i++)
        put(&code, BYTES(CALL, 0));
    function_of(&m, types.bytes, types.size, &code);
    free(types.bytes);
    expect_quickly(&m, MW_ERR_LIMIT, "more than 1048576 values on the operand stack");

    types = (module_bytes){0};
    put(&types, BYTES(1, 0x60, 0));
    put_u32(&types, 1001);
    for (int i = 0; i < 1001; i++)
        put(&types, BYTES(I32));
    m = module_begin();
    section(&m, TYPE, types.bytes, types.size);
    free(types.bytes);
    expect(&m, MW_ERR_LIMIT, 14, "a function type has 1001 results; the limit is 1000");
}

/* 50,000 locals in four bytes, in many functions: each costs as much as its bytes. */
static void many_locals(void **state)
{
    (void)state;
    enum { FUNCTIONS = 100000 };
    module_bytes m = module_begin(), functions = {0}, code = {0};
    put_u32(&functions, FUNCTIONS);
    put_u32(&code, FUNCTIONS);
    for (int i = 0; i < FUNCTIONS; i++) {
        put(&functions, BYTES(0));
        put(&code, BYTES(11, 1, 0xd0, 0x86, 0x03, F64, GET, 0xcf, 0x86, 0x03, DROP, END));
    }
    section(&m, TYPE, BYTES(1, 0x60, 0, 0));
    section(&m, FUNCTION, functions.bytes, functions.size);
    section(&m, CODE, code.bytes, code.size);
    free(functions.bytes);
    free(code.bytes);
    expect_quickly(&m, MW_OK, "");
}

static void many_equal_types_and_exports(void **state)
{
    (void)state;
    enum { N = 100000 };
    module_bytes m = module_begin(), types = {0}, exports = {0};
    put_u32(&types, N);
    put_u32(&exports, N);
    for (uint32_t i = 0; i < N; i++) {
        put(&types, BYTES(0x60, 1, I32, 1, I64));
        put(&exports, BYTES(6));
        char name[7];
        snprintf(name, sizeof name, "%06u", (unsigned)i);
        put(&exports, (const uint8_t *)name, 6);
        put(&exports, BYTES(2, 0));
    }
    section(&m, TYPE, types.bytes, types.size);
    section(&m, MEMORY, BYTES(1, 0, 0));
    section(&m, EXPORT, exports.bytes, exports.size);
    free(types.bytes);
    free(exports.bytes);
    expect_quickly(&m, MW_OK, "");
}

/* Each group differs from the one before only in what it refers to: a chain of types without two that are equal; then the
 * same chain again, every type of which is one of the first. */
static void chains_of_types(void **state)
{
    (void)state;
    enum { N = 200000 };
    module_bytes m = module_begin(), types = {0};
    put_u32(&types, 2 * N);
    for (uint32_t i = 0; i < 2 * N; i++) {
        put(&types, BYTES(0x60, 1));
        if (i % N == 0) {
            put(&types, BYTES(I32));
        } else {
            put(&types, BYTES(0x64));
            put_s33(&types, i - 1);
        }
        put(&types, BYTES(0));
    }
    section(&m, TYPE, types.bytes, types.size);
    free(types.bytes);
    expect_quickly(&m, MW_OK, "");

    types = (module_bytes){0};
    m = module_begin();
    put_u32(&types, 1);
    put(&types, BYTES(0x4e));
    put_u32(&types, 1000001);
    for (uint32_t i = 0; i < 1000001; i++)
        put(&types, BYTES(0x60, 0, 0));
    section(&m, TYPE, types.bytes, types.size);
    free(types.bytes);
    expect_quickly(&m, MW_ERR_LIMIT, "the module has more than 1000000 types");
}

/* A local set in each of many blocks, and one in each nesting of many. */
static void many_unset_locals(void **state)
{
    (void)state;
    enum { BLOCKS = 200000, LOCALS = 40000 };
    module_bytes m = module_begin(), content = {0}, code = {0};
    for (uint32_t i = 0; i < BLOCKS; i++) {
        put(&code, BYTES(BLOCK, VOID, REF_FUNC, 0, SET));
        put_u32(&code, i % LOCALS);
        if (i % 2)
            put(&code, BYTES(END));
    }
    for (uint32_t i = 0; i < BLOCKS / 2; i++)
        put(&code, BYTES(END));
    put_u32(&content, 1);
    put_u32(&content, (uint32_t)code.size + 7);
    put(&content, BYTES(1));
    put_u32(&content, LOCALS);
    put(&content, BYTES(0x64, 0));
    put(&content, code.bytes, code.size);
    put(&content, BYTES(END));
    section(&m, TYPE, BYTES(1, 0x60, 0, 0));
    section(&m, FUNCTION, BYTES(1, 0));
    section(&m, EXPORT, BYTES(1, 1, 'f', 0, 0));
    section(&m, CODE, content.bytes, content.size);
    free(content.bytes);
    free(code.bytes);
    expect_quickly(&m, MW_OK, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies),          cmocka_unit_test(offsets),
        cmocka_unit_test(module_parts),    cmocka_unit_test(constant_expressions),
        cmocka_unit_test(features),        cmocka_unit_test(deep_nesting),
        cmocka_unit_test(large_br_tables), cmocka_unit_test(large_operand_stack),
        cmocka_unit_test(many_locals),     cmocka_unit_test(many_equal_types_and_exports),
        cmocka_unit_test(recursive_types), cmocka_unit_test(canonical_types),
        cmocka_unit_test(unset_locals),    cmocka_unit_test(chains_of_types),
        cmocka_unit_test(many_unset_locals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
