/* Innermost loops of one block that write structures of two or four numbers of the same size one after the other, as complex
 * numbers are: a copy of several iterations at a time, of which LLVM makes vectors as wide as this CPU's.
 *
 * Of one iteration LLVM makes vectors of its own (slp-vectorizer), of 128 bits for two doubles, and keeps the structures together;
 * its vectorizer of loops takes them apart, and is mostly stopped before, as nothing says that arrays are apart, or by steps that are
 * no constants (the roots of a Fourier transform). In the copy what several iterations store is one vector's; a condition before it
 * says, as in reroll.c, that no index wraps around and that what is stored overlaps with nothing that other pointers lead to.
 * What LLVM makes of it is the same to the bit, since nothing is done in another order but loads and stores of different addresses.
 *
 * The iterations that are left after the last whole number of copies are those of the loop itself, and all if the condition does
 * not hold. */
#include "compiler/optimize.h"
#include "compiler/reach.h"
#include "compiler/target.h"

#include <stdlib.h>

enum {
    MAX_ACCESSES = 48,
    MAX_GROUPS = 8,
    MAX_INSTRUCTIONS = 128,     /* of the loop */
    MAX_ALL_INSTRUCTIONS = 640, /* of the copy */
    MAX_DEPTH = 4,
    MOST_BYTES = 32, /* of a structure */
};

typedef struct group {
    mw_reach reach;
    LLVMValueRef step;       /* i64: by which indices grow in an iteration */
    LLVMValueRef at;         /* in the copy: by how much they have grown */
    LLVMValueRef begin, end; /* i64: of what all iterations access */
} group;

typedef struct member {
    LLVMValueRef inst;
    unsigned operand; /* its address */
    group *group;
    int64_t distance; /* from the first index of the group */
} member;

typedef struct pass {
    const mw_unit *unit;
    mw_loop loop;
    LLVMBasicBlockRef exit;
    unsigned times; /* iterations in the copy */
    int64_t step;   /* bytes of the structures that are stored */
    uint64_t size;  /* of their numbers */
    bool has_arithmetic;
    member members[MAX_ACCESSES];
    unsigned nmembers;
    group groups[MAX_GROUPS];
    unsigned ngroups;
    struct {
        LLVMValueRef old, new;
    } values[MAX_INSTRUCTIONS]; /* what the loop computes; new: in the iteration that is being built */
    unsigned nvalues, nphis; /* phis come first */
} pass;

/* ---- Reading the loop ----------------------------------------------------------------------------------------- */

static bool is_of_loop(const pass *p, LLVMValueRef v)
{
    return LLVMIsAInstruction(v) && LLVMGetInstructionParent(v) == p->loop.header;
}

/* The other operand of phi + x or x + phi, where that is the phi's next value; NULL if it is of another form, or x of the loop. */
static LLVMValueRef step_of_phi(const pass *p, LLVMValueRef v)
{
    LLVMValueRef start, next;
    if (!mw_read_phi(&p->loop, v, &start, &next) || !LLVMIsABinaryOperator(next) || LLVMGetInstructionOpcode(next) != LLVMAdd)
        return NULL;
    LLVMValueRef a = LLVMGetOperand(next, 0), b = LLVMGetOperand(next, 1);
    LLVMValueRef step = a == v ? b : b == v ? a : NULL;
    return step && mw_is_invariant(&p->loop, step) ? step : NULL;
}

/* Does an i32 grow by the same in all iterations, modulo 2^32? */
static bool has_step(const pass *p, LLVMValueRef v, unsigned depth)
{
    if (LLVMTypeOf(v) != p->unit->i32)
        return false;
    if (mw_is_invariant(&p->loop, v) || step_of_phi(p, v))
        return true;
    if (depth == MAX_DEPTH || !LLVMIsABinaryOperator(v) || !has_step(p, LLVMGetOperand(v, 0), depth + 1))
        return false;
    LLVMOpcode opcode = LLVMGetInstructionOpcode(v);
    LLVMValueRef right = LLVMGetOperand(v, 1);
    if (opcode == LLVMShl || opcode == LLVMMul)
        return mw_is_invariant(&p->loop, right);
    return (mw_is_sum(v) || opcode == LLVMSub) && has_step(p, right, depth + 1);
}

/* By how much; the operations before the loop that give it. */
static LLVMValueRef build_step(const pass *p, LLVMValueRef v)
{
    LLVMBuilderRef b = p->unit->builder;
    if (mw_is_invariant(&p->loop, v))
        return mw_i32(p->unit, 0);
    if (LLVMIsAPHINode(v))
        return step_of_phi(p, v);
    LLVMValueRef left = build_step(p, LLVMGetOperand(v, 0)), right = LLVMGetOperand(v, 1);
    LLVMOpcode opcode = LLVMGetInstructionOpcode(v);
    if (opcode == LLVMShl || opcode == LLVMMul)
        return LLVMBuildBinOp(b, opcode, left, right, "");
    return LLVMBuildBinOp(b, opcode == LLVMSub ? LLVMSub : LLVMAdd, left, build_step(p, right), "");
}

/* The sum's, where it is a constant; 0 if it is none. */
static int64_t constant_step(const pass *p, const mw_sum *s)
{
    int64_t sum = 0, step;
    for (unsigned i = 0; i < s->nterms; i++) {
        if (!mw_read_step(p->unit, &p->loop, s->terms[i], &step))
            return 0;
        sum += step;
    }
    return sum;
}

static group *find_group(pass *p, const mw_access *a)
{
    for (unsigned i = 0; i < p->ngroups; i++)
        if (mw_is_reached(&p->groups[i].reach, a))
            return &p->groups[i];
    if (p->ngroups == MAX_GROUPS)
        return NULL;
    group *g = &p->groups[p->ngroups++];
    *g = (group){.reach = mw_reach_of(a)};
    return g;
}

/* Stores are of numbers of one size, each group's steps a structure of two or four. */
static bool read_store(pass *p, const mw_access *a)
{
    int64_t step = constant_step(p, &a->index);
    if (!p->step) {
        p->step = step;
        p->size = a->size;
    }
    return step == p->step && a->size == p->size && step > 0 && step <= MOST_BYTES &&
           (step == 2 * (int64_t)a->size || step == 4 * (int64_t)a->size);
}

static bool read_access(pass *p, LLVMValueRef inst)
{
    mw_access a;
    unsigned operand;
    if (p->nmembers == MAX_ACCESSES || LLVMGetVolatile(inst) ||
        LLVMGetOrdering(inst) != LLVMAtomicOrderingNotAtomic || !mw_read_access(p->unit, inst, &a, &operand) ||
        !mw_is_invariant(&p->loop, a.base) || (p->ngroups && p->groups[0].reach.first.base != a.base))
        return false;
    for (unsigned i = 0; i < a.index.nterms; i++)
        if (!has_step(p, a.index.terms[i], 0))
            return false;
    group *g = find_group(p, &a);
    if (!g || (LLVMIsAStoreInst(inst) && !read_store(p, &a)))
        return false;
    p->members[p->nmembers++] = (member){inst, operand, g, mw_reach_to(&g->reach, &a, inst)};
    return true;
}

/* How many stores write at `distance` of the group. */
static unsigned count_stores(const pass *p, const group *g, int64_t distance)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->nmembers; i++)
        n += p->members[i].group == g && p->members[i].distance == distance && LLVMIsAStoreInst(p->members[i].inst);
    return n;
}

/* Is the store one of those that write a whole structure, each number once? There may be several in a group, as static arrays are at
 * constant distances. */
static bool is_whole(const pass *p, const member *m)
{
    int64_t size = (int64_t)p->size, first = m->distance, end = m->distance;
    for (int64_t n = 0; n < p->step && count_stores(p, m->group, first - size); n += size)
        first -= size;
    for (int64_t n = 0; n < p->step && count_stores(p, m->group, end); n += size)
        end += size;
    return count_stores(p, m->group, m->distance) == 1 && end - first == p->step;
}

static bool is_pure(LLVMValueRef call)
{
    unsigned id = LLVMIsAIntrinsicInst(call) ? LLVMGetIntrinsicID(LLVMGetCalledValue(call)) : 0;
    return id && (id == LLVMLookupIntrinsicID("llvm.sqrt", 9) || id == LLVMLookupIntrinsicID("llvm.fabs", 9) ||
                  id == LLVMLookupIntrinsicID("llvm.copysign", 13));
}

/* Neither has effects but on what it computes. */
static bool is_operation(LLVMValueRef inst)
{
    return LLVMIsABinaryOperator(inst) || LLVMIsACastInst(inst) || LLVMIsACmpInst(inst) || LLVMIsASelectInst(inst) ||
           LLVMIsAGetElementPtrInst(inst) || LLVMIsAFreezeInst(inst) || LLVMGetInstructionOpcode(inst) == LLVMFNeg ||
           (LLVMIsACallInst(inst) && is_pure(inst));
}

static bool is_arithmetic(LLVMValueRef inst)
{
    LLVMOpcode opcode = LLVMGetInstructionOpcode(inst);
    return opcode == LLVMFAdd || opcode == LLVMFSub || opcode == LLVMFMul || opcode == LLVMFDiv;
}

/* Behind the loop, only phis of its exit use what it computes. */
static bool are_uses_known(const pass *p, LLVMValueRef inst)
{
    for (LLVMUseRef use = LLVMGetFirstUse(inst); use; use = LLVMGetNextUse(use)) {
        LLVMValueRef user = LLVMGetUser(use);
        if (!is_of_loop(p, user) && (!LLVMIsAPHINode(user) || LLVMGetInstructionParent(user) != p->exit))
            return false;
    }
    return true;
}

static bool read_instruction(pass *p, LLVMValueRef inst)
{
    if (p->nvalues == MAX_INSTRUCTIONS || LLVMGetTypeKind(LLVMTypeOf(inst)) == LLVMVectorTypeKind || !are_uses_known(p, inst))
        return false;
    p->values[p->nvalues++].old = inst;
    if (LLVMIsAPHINode(inst)) {
        p->nphis++;
        return step_of_phi(p, inst) != NULL; /* no iteration waits for the one before */
    }
    if (LLVMIsALoadInst(inst) || LLVMIsAStoreInst(inst))
        return read_access(p, inst);
    p->has_arithmetic |= is_arithmetic(inst);
    return is_operation(inst);
}

static int64_t vector_bytes(const mw_unit *u)
{
    if (u->target->arch != MW_ARCH_X86_64)
        return 16;
    return mw_target_has(u->target, "avx512f") ? 64 : mw_target_has(u->target, "avx") ? 32 : 16;
}

static bool read_body(pass *p)
{
    LLVMBasicBlockRef body = p->loop.header;
    LLVMValueRef branch = LLVMGetBasicBlockTerminator(body);
    if (!LLVMIsABranchInst(branch) || LLVMGetNumSuccessors(branch) != 2)
        return false;
    p->exit = LLVMGetSuccessor(branch, LLVMGetSuccessor(branch, 0) == body ? 1 : 0);
    if (p->exit == body)
        return false;
    for (LLVMValueRef inst = LLVMGetFirstInstruction(body); inst != branch; inst = LLVMGetNextInstruction(inst))
        if (!read_instruction(p, inst))
            return false;
    if (!p->step || !p->has_arithmetic)
        return false;
    for (unsigned i = 0; i < p->nmembers; i++)
        if (LLVMIsAStoreInst(p->members[i].inst) && !is_whole(p, &p->members[i]))
            return false;
    p->times = (unsigned)(vector_bytes(p->unit) / p->step);
    while (p->times > 1 && p->times * p->nvalues > MAX_ALL_INSTRUCTIONS)
        p->times /= 2;
    return p->times > 1;
}

/* ---- The condition ----------------------------------------------------------------------------------------- */

static LLVMValueRef plus(const pass *p, LLVMValueRef a, int64_t c)
{
    return LLVMBuildAdd(p->unit->builder, a, mw_i64(p->unit, (uint64_t)c), "");
}

static LLVMValueRef and_also(const pass *p, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildAnd(p->unit->builder, a, b, "");
}

static bool is_fixed(const group *g)
{
    return LLVMIsAConstantInt(g->step) && LLVMConstIntGetZExtValue(g->step) == 0;
}

/* No index of the group wraps around in count + 1 iterations, that is neither in the first nor in the last one. Start and count are
 * less than 2^32 and the step is one of 32 bits with its sign, so that nothing wraps around here. */
static LLVMValueRef build_no_wrap(const pass *p, group *g, LLVMValueRef count)
{
    LLVMBuilderRef b = p->unit->builder;
    mw_reach *r = &g->reach;
    LLVMValueRef step = mw_i32(p->unit, 0);
    for (unsigned i = 0; i < r->first.index.nterms; i++)
        step = LLVMBuildAdd(b, step, build_step(p, r->first.index.terms[i]), "");
    g->step = LLVMBuildSExt(b, mw_settle_value(p->unit, step), p->unit->i64, "");
    r->start = mw_settle_value(p->unit, mw_build_start(p->unit, &p->loop, r));
    r->pointer = LLVMBuildInBoundsGEP2(b, p->unit->i8, r->first.base, &r->start, 1, "");
    LLVMValueRef last = LLVMBuildAdd(b, r->start, LLVMBuildMul(b, count, g->step, ""), "");
    LLVMValueRef limit = mw_i64(p->unit, UINT32_MAX - (uint64_t)((int64_t)r->highest - r->lowest));
    LLVMValueRef is_down = LLVMBuildICmp(b, LLVMIntSLT, g->step, mw_i64(p->unit, 0), "");
    g->begin = plus(p, LLVMBuildSelect(b, is_down, last, r->start, ""), r->least - r->lowest);
    g->end = plus(p, LLVMBuildSelect(b, is_down, r->start, last, ""), r->most - r->lowest);
    return and_also(p, LLVMBuildICmp(b, LLVMIntULE, r->start, limit, ""), LLVMBuildICmp(b, LLVMIntULE, last, limit, ""));
}

static LLVMValueRef build_condition(pass *p, LLVMValueRef ok, LLVMValueRef count)
{
    for (unsigned i = 0; i < p->ngroups; i++)
        ok = and_also(p, ok, build_no_wrap(p, &p->groups[i], count));
    for (unsigned i = 0; i < p->ngroups; i++)
        for (unsigned k = 0; k < i; k++)
            if (mw_are_ordered(&p->groups[i].reach, &p->groups[k].reach)) {
                LLVMValueRef begins[] = {p->groups[i].begin, p->groups[k].begin};
                LLVMValueRef ends[] = {p->groups[i].end, p->groups[k].end};
                ok = and_also(p, ok, mw_build_disjoint(p->unit, begins, ends));
            }
    return ok;
}

/* ---- The copy ----------------------------------------------------------------------------------------------- */

static LLVMValueRef new_of(const pass *p, LLVMValueRef v)
{
    for (unsigned i = 0; is_of_loop(p, v) && i < p->nvalues; i++)
        if (p->values[i].old == v)
            return p->values[i].new;
    return v;
}

/* What the loop's variable will be after the iteration that was built last. */
static LLVMValueRef next_of(const pass *p, unsigned phi)
{
    LLVMValueRef start, next;
    mw_read_phi(&p->loop, p->values[phi].old, &start, &next);
    return new_of(p, next);
}

static const member *find_member(const pass *p, LLVMValueRef inst)
{
    const member *m = p->members;
    while (m->inst != inst)
        m++;
    return m;
}

/* The accesses of a group do not alias those of the others that the condition compared it with. */
static void describe(const pass *p, LLVMValueRef access, const group *g)
{
    LLVMMetadataRef others[MAX_GROUPS];
    unsigned n = 0;
    for (unsigned i = 0; i < p->ngroups; i++)
        if (mw_are_ordered(&g->reach, &p->groups[i].reach))
            others[n++] = p->groups[i].reach.scope;
    mw_set_scope(p->unit, access, g->reach.scope, others, n);
}

/* The address in the iteration `time` of the copy: a constant from the counter where the step is one. */
static void address(const pass *p, LLVMValueRef access, const member *m, unsigned time)
{
    const group *g = m->group;
    int64_t distance = m->distance;
    if (LLVMIsAConstantInt(g->step))
        distance += LLVMConstIntGetSExtValue(g->step) * time;
    LLVMValueRef at = is_fixed(g) ? NULL : g->at;
    LLVMSetOperand(access, m->operand, mw_build_address(p->unit, &g->reach, at, distance));
    describe(p, access, g);
}

static void build_iteration(pass *p, unsigned time)
{
    LLVMBuilderRef b = p->unit->builder;
    for (unsigned i = p->nphis; i < p->nvalues; i++) {
        LLVMValueRef old = p->values[i].old, new = LLVMInstructionClone(old);
        LLVMSetCurrentDebugLocation2(b, LLVMInstructionGetDebugLoc(old));
        for (int k = 0; k < LLVMGetNumOperands(old); k++)
            LLVMSetOperand(new, (unsigned)k, new_of(p, LLVMGetOperand(old, (unsigned)k)));
        if (LLVMIsALoadInst(old) || LLVMIsAStoreInst(old))
            address(p, new, find_member(p, old), time);
        LLVMInsertIntoBuilder(b, new);
        p->values[i].new = new;
    }
    LLVMSetCurrentDebugLocation2(b, NULL);
}

/* Lets the loop's variables have their values of the next iteration. */
static void advance(pass *p)
{
    LLVMValueRef next[MAX_INSTRUCTIONS];
    for (unsigned i = 0; i < p->nphis; i++)
        next[i] = next_of(p, i);
    for (unsigned i = 0; i < p->nphis; i++)
        p->values[i].new = next[i];
    for (unsigned i = 0; i < p->ngroups; i++)
        if (!LLVMIsAConstantInt(p->groups[i].step))
            p->groups[i].at = LLVMBuildNSWAdd(p->unit->builder, p->groups[i].at, p->groups[i].step, "");
}

/* Addresses as the loop made them, which nothing uses here. */
static void erase_unused(LLVMBasicBlockRef body)
{
    for (LLVMValueRef inst = LLVMGetLastInstruction(body), before; inst; inst = before) {
        before = LLVMGetPreviousInstruction(inst);
        if (!LLVMGetFirstUse(inst) && !LLVMIsAStoreInst(inst) && !LLVMIsATerminatorInst(inst))
            LLVMInstructionEraseFromParent(inst);
    }
}

static void complete_phi(LLVMValueRef phi, LLVMValueRef start, LLVMBasicBlockRef before, LLVMValueRef next, LLVMBasicBlockRef body)
{
    LLVMAddIncoming(phi, &start, &before, 1);
    LLVMAddIncoming(phi, &next, &body, 1);
}

/* The group's counter behind all iterations of the copy. */
static LLVMValueRef build_next_at(const pass *p, const group *g)
{
    LLVMBuilderRef b = p->unit->builder;
    if (!LLVMIsAConstantInt(g->step))
        return LLVMBuildNSWAdd(b, g->at, g->step, "");
    uint64_t all = (uint64_t)LLVMConstIntGetSExtValue(g->step) * p->times;
    return LLVMBuildNSWAdd(b, g->at, mw_i64(p->unit, all), "");
}

/* From `before` on `trips` times as many iterations as are built, then `rest`. */
static void build_body(pass *p, LLVMBasicBlockRef before, LLVMBasicBlockRef body, LLVMBasicBlockRef rest, LLVMValueRef trips)
{
    const mw_unit *u = p->unit;
    LLVMBuilderRef b = u->builder;
    LLVMValueRef phis[MAX_INSTRUCTIONS], counters[MAX_GROUPS], zero = mw_i64(u, 0), start, next;
    LLVMPositionBuilderAtEnd(b, body);
    for (unsigned i = 0; i < p->nphis; i++)
        phis[i] = p->values[i].new = LLVMBuildPhi(b, LLVMTypeOf(p->values[i].old), "");
    for (unsigned i = 0; i < p->ngroups; i++)
        counters[i] = p->groups[i].at = is_fixed(&p->groups[i]) ? NULL : LLVMBuildPhi(b, u->i64, "");
    LLVMValueRef left = LLVMBuildPhi(b, u->i64, "");
    for (unsigned time = 0; time < p->times; time++) {
        if (time)
            advance(p);
        build_iteration(p, time);
    }
    for (unsigned i = 0; i < p->nphis; i++) {
        mw_read_phi(&p->loop, p->values[i].old, &start, &next);
        complete_phi(phis[i], start, before, next_of(p, i), body);
    }
    for (unsigned i = 0; i < p->ngroups; i++)
        if (counters[i])
            complete_phi(counters[i], zero, before, build_next_at(p, &p->groups[i]), body);
    next = LLVMBuildNSWAdd(b, left, mw_i64(u, UINT64_MAX), "");
    complete_phi(left, trips, before, next, body);
    LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntNE, next, zero, ""), body, rest);
}

/* The loop is entered from `ask`, in its first iteration, and from `rest`, in the one behind those of the copy. What is used behind
 * it is what it is in the copy's last one if none is left. */
static void connect(const pass *p, LLVMBasicBlockRef ask, LLVMBasicBlockRef rest)
{
    LLVMValueRef next[MAX_INSTRUCTIONS], start[MAX_INSTRUCTIONS], unused;
    for (unsigned i = 0; i < p->nphis; i++) {
        mw_read_phi(&p->loop, p->values[i].old, &start[i], &unused);
        next[i] = next_of(p, i);
    }
    for (unsigned i = 0; i < p->nphis; i++) {
        LLVMAddIncoming(p->values[i].old, &start[i], &ask, 1);
        LLVMAddIncoming(p->values[i].old, &next[i], &rest, 1);
    }
    for (LLVMValueRef phi = LLVMGetFirstInstruction(p->exit); LLVMIsAPHINode(phi); phi = LLVMGetNextInstruction(phi)) {
        unsigned i = 0;
        while (LLVMGetIncomingBlock(phi, i) != p->loop.header)
            i++;
        LLVMValueRef value = new_of(p, LLVMGetIncomingValue(phi, i));
        LLVMAddIncoming(phi, &value, &rest, 1);
    }
}

static void unroll(pass *p)
{
    const mw_unit *u = p->unit;
    LLVMBuilderRef b = u->builder;
    LLVMBasicBlockRef before = p->loop.preheader;
    LLVMValueRef branch = LLVMGetBasicBlockTerminator(before), ok;
    LLVMPositionBuilderBefore(b, branch);
    LLVMValueRef count = mw_build_count(u, &p->loop, &ok);
    if (!count || (LLVMIsAConstantInt(count) && LLVMConstIntGetZExtValue(count) + 1 < 2 * p->times))
        return;
    count = mw_settle_value(p->unit, count);
    LLVMBasicBlockRef ask = LLVMInsertBasicBlockInContext(u->context, p->loop.header, "ask");
    LLVMBasicBlockRef body = LLVMInsertBasicBlockInContext(u->context, p->loop.header, "several");
    LLVMBasicBlockRef rest = LLVMInsertBasicBlockInContext(u->context, p->loop.header, "rest");
    /* Short loops are not to pay for the condition. */
    LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntUGE, count, mw_i64(u, p->times - 1), ""), ask, p->loop.header);
    LLVMInstructionEraseFromParent(branch);
    LLVMPositionBuilderAtEnd(b, ask);
    ok = and_also(p, ok, LLVMBuildICmp(b, LLVMIntULE, count, mw_i64(u, UINT32_MAX), ""));
    ok = build_condition(p, ok, count);
    LLVMMetadataRef domain = mw_distinct_node(u, NULL, 0);
    for (unsigned i = 0; i < p->ngroups; i++)
        p->groups[i].reach.scope = mw_build_scope(u, domain);
    LLVMValueRef n = plus(p, count, 1), times = mw_i64(u, p->times);
    LLVMValueRef trips = LLVMBuildUDiv(b, n, times, "");
    LLVMBuildCondBr(b, ok, body, p->loop.header);
    build_body(p, ask, body, rest, trips);
    LLVMPositionBuilderAtEnd(b, rest);
    LLVMValueRef left = LLVMBuildURem(b, n, times, "");
    LLVMBuildCondBr(b, LLVMBuildIsNull(b, left, ""), p->exit, p->loop.header);
    connect(p, ask, rest);
    erase_unused(body);
    mw_set_loop(u, LLVMGetBasicBlockTerminator(body), mw_loop_left_alone(u, true));
    mw_set_loop(u, LLVMGetBasicBlockTerminator(p->loop.header), mw_loop_left_alone(u, true));
}

void mw_unroll_pairs(const mw_unit *u)
{
    unsigned known = LLVMGetMDKindIDInContext(u->context, "llvm.loop", 9);
    pass *p = mw_calloc(1, sizeof *p);
    LLVMSetCurrentDebugLocation2(u->builder, NULL);
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f))
        for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f), next; b; b = next) {
            next = LLVMGetNextBasicBlock(b);
            *p = (pass){.unit = u};
            if (LLVMIsAPHINode(LLVMGetFirstInstruction(b)) && !LLVMGetMetadata(LLVMGetBasicBlockTerminator(b), known) &&
                mw_find_loop(&p->loop, b, b) && p->loop.nblocks == 1 && mw_has_preheader(&p->loop) && read_body(p))
                unroll(p);
        }
    free(p);
}
