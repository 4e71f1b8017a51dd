#include "compiler/access.h"

enum { MAX_DEPTH = 8 };

static void insert_term(mw_sum *s, LLVMValueRef term)
{
    unsigned i = s->nterms++;
    for (; i > 0 && s->terms[i - 1] > term; i--)
        s->terms[i] = s->terms[i - 1];
    s->terms[i] = term;
}

bool mw_is_sum(LLVMValueRef v)
{
    if (!LLVMIsABinaryOperator(v))
        return false;
    LLVMOpcode opcode = LLVMGetInstructionOpcode(v);
    return opcode == LLVMAdd || (opcode == LLVMOr && LLVMGetIsDisjoint(v));
}

/* Adds `v` to `s`; false if there are too many terms. */
static bool add_value(mw_sum *s, LLVMValueRef v, unsigned depth)
{
    if (LLVMIsAConstantInt(v)) {
        s->constant += (uint32_t)LLVMConstIntGetZExtValue(v);
        return true;
    }
    if (LLVMIsATruncInst(v) && LLVMGetIntTypeWidth(LLVMTypeOf(v)) == 32)
        return add_value(s, LLVMGetOperand(v, 0), depth);
    if (mw_is_sum(v) && depth < MAX_DEPTH)
        return add_value(s, LLVMGetOperand(v, 0), depth + 1) && add_value(s, LLVMGetOperand(v, 1), depth + 1);
    if (s->nterms == MW_MAX_TERMS)
        return false;
    insert_term(s, v);
    return true;
}

bool mw_same_terms(const mw_sum *a, const mw_sum *b)
{
    if (a->nterms != b->nterms)
        return false;
    for (unsigned i = 0; i < a->nterms; i++)
        if (a->terms[i] != b->terms[i])
            return false;
    return true;
}

/* A GEP in bytes with one index. */
static bool is_byte_gep(const mw_unit *u, LLVMValueRef v)
{
    return LLVMIsAGetElementPtrInst(v) && LLVMGetNumOperands(v) == 2 && LLVMGetGEPSourceElementType(v) == u->i8;
}

/* base + constants -> base; false if a constant is negative. */
static bool strip_constants(const mw_unit *u, LLVMValueRef *pointer, uint64_t *offset)
{
    while (is_byte_gep(u, *pointer) && LLVMIsAConstantInt(LLVMGetOperand(*pointer, 1))) {
        int64_t c = LLVMConstIntGetSExtValue(LLVMGetOperand(*pointer, 1));
        if (c < 0 || c > (int64_t)UINT32_MAX)
            return false;
        *offset += (uint64_t)c;
        *pointer = LLVMGetOperand(*pointer, 0);
    }
    return true;
}

/* The bytes of a `type` in memory; at least these, where only the CPU knows a vector's length (SVE). */
static uint64_t least_size(const mw_unit *u, LLVMTypeRef type)
{
    if (LLVMGetTypeKind(type) == LLVMScalableVectorTypeKind)
        return LLVMStoreSizeOfType(u->layout, LLVMGetElementType(type)) * LLVMGetVectorSize(type);
    return LLVMStoreSizeOfType(u->layout, type);
}

bool mw_read_access(const mw_unit *u, LLVMValueRef inst, mw_access *out, unsigned *operand)
{
    LLVMTypeRef type;
    if (LLVMIsALoadInst(inst)) {
        *operand = 0;
        type = LLVMTypeOf(inst);
    } else if (LLVMIsAStoreInst(inst)) {
        *operand = 1;
        type = LLVMTypeOf(LLVMGetOperand(inst, 0));
    } else
        return false;
    if (LLVMGetMetadata(inst, u->kinds.tbaa) != u->tbaa[MW_ALIAS_MEMORY])
        return false;
    *out = (mw_access){.size = least_size(u, type)};
    LLVMValueRef pointer = LLVMGetOperand(inst, *operand);
    if (!strip_constants(u, &pointer, &out->offset) || !is_byte_gep(u, pointer))
        return false;
    LLVMValueRef wide = LLVMGetOperand(pointer, 1);
    if (!LLVMIsAZExtInst(wide) || LLVMTypeOf(LLVMGetOperand(wide, 0)) != u->i32)
        return false;
    out->pointer = pointer;
    out->base = LLVMGetOperand(pointer, 0);
    /* A constant below the index is part of the pointer, so the base must not have one. */
    if (is_byte_gep(u, out->base))
        return false;
    return add_value(&out->index, LLVMGetOperand(wide, 0), 0);
}
