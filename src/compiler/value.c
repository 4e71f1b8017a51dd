/* Values, intrinsics, traps: what all the emitters use. */
#include "compiler/emit.h"

#include <stdlib.h>
#include <string.h>

void *mw_calloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p)
        abort();
    return p;
}

void mw_reserve(void *array, uint32_t *capacity, uint32_t needed, size_t size)
{
    if (needed <= *capacity)
        return;
    if (needed > UINT32_MAX / 2)
        abort();
    uint32_t n = *capacity ? *capacity : 32;
    while (n < needed)
        n *= 2;
    void *old, *grown;
    memcpy(&old, array, sizeof old);
    grown = realloc(old, n * size);
    if (!grown)
        abort();
    memcpy(array, &grown, sizeof grown);
    *capacity = n;
}

void mw_push(mw_emitter *e, LLVMValueRef value)
{
    mw_reserve(&e->stack, &e->stack_capacity, e->height + 1, sizeof *e->stack);
    e->stack[e->height++] = value;
}

LLVMValueRef mw_pop(mw_emitter *e)
{
    return e->stack[--e->height];
}

LLVMValueRef mw_bitcast(mw_emitter *e, LLVMValueRef value, LLVMTypeRef type)
{
    if (LLVMTypeOf(value) == type)
        return value;
    if (LLVMIsABitCastInst(value) && LLVMTypeOf(LLVMGetOperand(value, 0)) == type)
        return LLVMGetOperand(value, 0);
    return LLVMBuildBitCast(e->builder, value, type, "");
}

LLVMValueRef mw_settle(mw_emitter *e, LLVMValueRef value)
{
    return e->unit->has_shared_memory ? LLVMBuildFreeze(e->builder, value, "") : value;
}

LLVMValueRef mw_pop_v128(mw_emitter *e, LLVMTypeRef type)
{
    return mw_bitcast(e, mw_pop(e), type);
}

LLVMValueRef mw_pop_truth(mw_emitter *e)
{
    LLVMValueRef v = mw_pop(e);
    if (LLVMIsAZExtInst(v) && LLVMTypeOf(LLVMGetOperand(v, 0)) == e->unit->i1)
        return LLVMGetOperand(v, 0);
    return LLVMBuildICmp(e->builder, LLVMIntNE, v, mw_i32(e->unit, 0), "");
}

void mw_push_truth(mw_emitter *e, LLVMValueRef i1)
{
    mw_push(e, LLVMBuildZExt(e->builder, i1, e->unit->i32, ""));
}

LLVMValueRef mw_splat_const(const mw_unit *u, LLVMTypeRef type, uint64_t bits)
{
    LLVMTypeRef element = LLVMGetElementType(type);
    LLVMTypeKind kind = LLVMGetTypeKind(element);
    LLVMTypeRef integer = kind == LLVMFloatTypeKind ? u->i32 : kind == LLVMDoubleTypeKind ? u->i64 : element;
    LLVMValueRef lanes[16];
    unsigned n = LLVMGetVectorSize(type);
    for (unsigned i = 0; i < n; i++)
        lanes[i] = LLVMConstInt(integer, bits, 0);
    LLVMValueRef v = LLVMConstVector(lanes, n);
    return integer == element ? v : LLVMConstBitCast(v, type);
}

LLVMValueRef mw_splat(mw_emitter *e, LLVMTypeRef type, LLVMValueRef scalar)
{
    LLVMValueRef undefined = LLVMGetPoison(type);
    LLVMValueRef v = LLVMBuildInsertElement(e->builder, undefined, scalar, mw_i32(e->unit, 0), "");
    LLVMValueRef mask = LLVMConstNull(LLVMVectorType(e->unit->i32, LLVMGetVectorSize(type)));
    return LLVMBuildShuffleVector(e->builder, v, undefined, mask, "");
}

LLVMValueRef mw_intrinsic(mw_emitter *e, const char *name, const LLVMTypeRef *types, unsigned ntypes,
                          LLVMValueRef *args, unsigned nargs)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMTypeRef overloads[4];
    for (unsigned i = 0; i < ntypes; i++)
        overloads[i] = types[i];
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(e->unit->llvm, id, overloads, ntypes);
    return LLVMBuildCall2(e->builder, LLVMGlobalGetValueType(f), f, args, nargs, "");
}

LLVMValueRef mw_intrinsic1(mw_emitter *e, const char *name, LLVMValueRef a)
{
    return mw_intrinsic(e, name, (LLVMTypeRef[]){LLVMTypeOf(a)}, 1, &a, 1);
}

LLVMValueRef mw_intrinsic2(mw_emitter *e, const char *name, LLVMValueRef a, LLVMValueRef b)
{
    return mw_intrinsic(e, name, (LLVMTypeRef[]){LLVMTypeOf(a)}, 1, (LLVMValueRef[]){a, b}, 2);
}

LLVMValueRef mw_intrinsic3(mw_emitter *e, const char *name, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c)
{
    return mw_intrinsic(e, name, (LLVMTypeRef[]){LLVMTypeOf(a)}, 1, (LLVMValueRef[]){a, b, c}, 3);
}

LLVMBasicBlockRef mw_new_block(mw_emitter *e, const char *name)
{
    return LLVMAppendBasicBlockInContext(e->unit->context, e->llvm_func, name);
}

LLVMValueRef mw_alias_as(const mw_unit *u, LLVMValueRef access, mw_alias alias)
{
    LLVMSetMetadata(access, u->kinds.tbaa, u->tbaa[alias]);
    return access;
}

LLVMValueRef mw_offset_pointer(mw_emitter *e, LLVMValueRef pointer, uint64_t offset)
{
    if (offset == 0)
        return pointer;
    LLVMValueRef index = mw_i64(e->unit, offset);
    return LLVMBuildInBoundsGEP2(e->builder, e->unit->i8, pointer, &index, 1, "");
}

LLVMValueRef mw_load_constant(mw_emitter *e, LLVMTypeRef type, LLVMValueRef pointer, uint64_t offset)
{
    const mw_unit *u = e->unit;
    LLVMValueRef v = LLVMBuildLoad2(e->builder, type, mw_offset_pointer(e, pointer, offset), "");
    LLVMSetMetadata(v, u->kinds.invariant_load, u->empty_node);
    if (type == u->ptr)
        LLVMSetMetadata(v, u->kinds.nonnull, u->empty_node);
    return v;
}

LLVMValueRef mw_load_field(mw_emitter *e, LLVMTypeRef type, size_t offset)
{
    return mw_load_constant(e, type, e->context, MW_CONTEXT_INSTANCE + offset);
}

LLVMValueRef mw_load_element(mw_emitter *e, LLVMTypeRef type, LLVMValueRef array, uint32_t index)
{
    return mw_load_constant(e, type, array, (uint64_t)index * LLVMABISizeOfType(e->unit->layout, type));
}

LLVMValueRef mw_call_builtin(mw_emitter *e, size_t offset, LLVMTypeRef result, LLVMValueRef *args, unsigned nargs)
{
    const mw_unit *u = e->unit;
    LLVMValueRef actual[8] = {mw_offset_pointer(e, e->context, MW_CONTEXT_INSTANCE)};
    LLVMTypeRef types[8] = {u->ptr};
    for (unsigned i = 0; i < nargs; i++) {
        actual[i + 1] = args[i];
        types[i + 1] = LLVMTypeOf(args[i]);
    }
    LLVMTypeRef functype = LLVMFunctionType(result, types, nargs + 1, 0);
    LLVMValueRef builtins = mw_load_field(e, u->ptr, offsetof(mw_instance, builtins));
    LLVMValueRef code = mw_load_constant(e, u->ptr, builtins, offset);
    return LLVMBuildCall2(e->builder, functype, code, actual, nargs + 1, "");
}

static void trap_by(mw_emitter *e, size_t builtin, LLVMValueRef *args, unsigned nargs)
{
    const mw_unit *u = e->unit;
    LLVMValueRef call = mw_call_builtin(e, builtin, u->void_type, args, nargs);
    /* nomerge: the call's address tells the instruction that trapped. */
    static const char *const attributes[] = {"noreturn", "nounwind", "cold", "nomerge"};
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        LLVMAddCallSiteAttribute(call, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                                 mw_attribute(u, attributes[i], 0));
    LLVMBuildUnreachable(e->builder);
}

void mw_trap(mw_emitter *e, LLVMValueRef code)
{
    trap_by(e, offsetof(mw_builtins, trap), &code, 1);
}

void mw_call_trap(mw_emitter *e, const mw_call_site *site, LLVMValueRef code)
{
    const mw_unit *u = e->unit;
    LLVMValueRef args[] = {code, mw_i32(u, site->type), mw_i32(u, site->table), site->index};
    trap_by(e, offsetof(mw_builtins, call_trap), args, 4);
}

void mw_branch_unlikely(mw_emitter *e, LLVMValueRef condition, LLVMBasicBlockRef rare, LLVMBasicBlockRef usual)
{
    LLVMValueRef branch = LLVMBuildCondBr(e->builder, condition, rare, usual);
    LLVMSetMetadata(branch, e->unit->kinds.prof, e->unit->unlikely);
}

static LLVMValueRef given_code(mw_emitter *e, void *arg)
{
    return mw_i32(e->unit, *(const uint32_t *)arg);
}

void mw_trap_if_with(mw_emitter *e, LLVMValueRef condition, const mw_call_site *site,
                     LLVMValueRef (*code)(mw_emitter *e, void *arg), void *arg)
{
    LLVMBasicBlockRef trap = mw_new_block(e, "trap"), next = mw_new_block(e, "");
    mw_branch_unlikely(e, condition, trap, next);
    LLVMPositionBuilderAtEnd(e->builder, trap);
    LLVMValueRef number = code(e, arg);
    if (site)
        mw_call_trap(e, site, number);
    else
        mw_trap(e, number);
    LLVMPositionBuilderAtEnd(e->builder, next);
}

void mw_trap_if(mw_emitter *e, LLVMValueRef condition, mw_trap_code code)
{
    mw_call_trap_if(e, condition, NULL, code);
}

void mw_call_trap_if(mw_emitter *e, LLVMValueRef condition, const mw_call_site *site, mw_trap_code code)
{
    uint32_t number = code;
    mw_trap_if_with(e, condition, site, given_code, &number);
}
