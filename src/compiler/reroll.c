/* Loops of one block that go through arrays element by element, or vector by vector and do the same to all lanes, because
 * the guest's compiler has vectorized them for 128 bits: a copy with one element in an iteration, for LLVM to vectorize as
 * wide as this CPU is.
 *
 * Before the copy stands one condition: no index wraps around in the loop, and what is stored lies apart from all else. Then the
 * order of iterations does not matter, which LLVM is told (alias.scope), and addresses are sums of 64 bits. Otherwise LLVM makes
 * such conditions itself, more and worse ones, as it sees 32-bit sums that might wrap around; of loops that are
 * vectorized already it cannot, and taken apart lane by lane they have so many accesses that its conditions
 * fail. Where the condition does not hold, the loop is what it was. */
#include "compiler/optimize.h"
#include "compiler/reach.h"

#include <string.h>

enum {
    VECTOR_BYTES = 16,
    MAX_ACCESSES = 32,
    MAX_GROUPS = 8,
    MAX_VALUES = 128,
    LEAST_CONSTANT = 16, /* iterations, where their number is known */
    LEAST_BYTES = 64, /* of an array, for which the new loop is entered */
};

typedef struct group {
    mw_reach reach;
    bool is_fixed; /* the same element in all iterations */
} group;

typedef struct member {
    LLVMValueRef inst;
    group *group;
    int64_t distance; /* from the first index of the group */
} member;

typedef struct pass {
    const mw_unit *unit;
    mw_loop loop;
    LLVMBasicBlockRef exit;
    LLVMTypeRef vector, lane; /* what the arrays are accessed by, and in the copy; the same if that is no vector */
    uint64_t bytes, lane_bytes;
    unsigned nstores;
    member members[MAX_ACCESSES];
    unsigned nmembers;
    group groups[MAX_GROUPS];
    unsigned ngroups;
    struct {
        LLVMValueRef old, lane;
    } values[MAX_VALUES]; /* what the loop computes, and what takes its place in the copy */
    unsigned nvalues;
} pass;

/* ---- Reading the loop ----------------------------------------------------------------------------------------- */

/* By how much the sum grows in an iteration; 0 also if that is not the same each time. */
static int64_t step_of(const mw_loop *l, const mw_sum *s)
{
    int64_t sum = 0, step;
    LLVMValueRef start, next;
    for (unsigned i = 0; i < s->nterms; i++) {
        if (mw_read_induction(l, s->terms[i], &start, &next, &step))
            sum += step;
        else if (!mw_is_invariant(l, s->terms[i]))
            return 0;
    }
    return sum;
}

/* All accesses are alike: what the first one accesses by. */
static void find_types(pass *p)
{
    LLVMValueRef inst = LLVMGetFirstInstruction(p->loop.header);
    while (inst && !LLVMIsALoadInst(inst) && !LLVMIsAStoreInst(inst))
        inst = LLVMGetNextInstruction(inst);
    if (!inst)
        return;
    p->vector = LLVMTypeOf(LLVMIsALoadInst(inst) ? inst : LLVMGetOperand(inst, 0));
    p->lane = LLVMGetTypeKind(p->vector) == LLVMVectorTypeKind ? LLVMGetElementType(p->vector) : p->vector;
    p->bytes = LLVMStoreSizeOfType(p->unit->layout, p->vector);
    p->lane_bytes = LLVMStoreSizeOfType(p->unit->layout, p->lane);
}

static bool is_vectorized(const pass *p)
{
    return p->vector != p->lane;
}

static bool has_good_types(const pass *p)
{
    if (!p->vector)
        return false;
    if (is_vectorized(p))
        return (p->lane == p->unit->f32 || p->lane == p->unit->f64) && p->bytes == VECTOR_BYTES;
    return p->lane == p->unit->f32 || p->lane == p->unit->f64 || p->lane == p->unit->i32 || p->lane == p->unit->i64;
}

/* The scalar that the loop has in all lanes of an invariant vector, or NULL. */
static LLVMValueRef splat_of(LLVMValueRef v)
{
    if (LLVMGetTypeKind(LLVMTypeOf(v)) != LLVMVectorTypeKind)
        return v;
    if (LLVMIsAConstant(v)) {
        LLVMValueRef first = LLVMGetAggregateElement(v, 0);
        for (unsigned i = 1; i < LLVMGetVectorSize(LLVMTypeOf(v)); i++)
            if (LLVMGetAggregateElement(v, i) != first)
                return NULL;
        return first;
    }
    if (!LLVMIsAShuffleVectorInst(v) || !LLVMIsAInsertElementInst(LLVMGetOperand(v, 0)))
        return NULL;
    LLVMValueRef insert = LLVMGetOperand(v, 0), at = LLVMGetOperand(insert, 2);
    for (unsigned i = 0; i < LLVMGetNumMaskElements(v); i++)
        if (LLVMGetMaskValue(v, i) != 0)
            return NULL;
    return LLVMIsAConstantInt(at) && LLVMConstIntGetZExtValue(at) == 0 ? LLVMGetOperand(insert, 1) : NULL;
}

static bool is_of_loop(const pass *p, LLVMValueRef v)
{
    return LLVMIsAInstruction(v) && LLVMGetInstructionParent(v) == p->loop.header;
}

/* Is `v` computed by what was read of the loop, or the same in all iterations and lanes? */
static bool has_lanes(const pass *p, LLVMValueRef v)
{
    if (!is_of_loop(p, v))
        return splat_of(v) != NULL;
    for (unsigned i = p->nvalues; i-- > 0;)
        if (p->values[i].old == v)
            return true;
    return false;
}

static bool is_fixed_sum(const pass *p, const mw_sum *s)
{
    for (unsigned i = 0; i < s->nterms; i++)
        if (!mw_is_invariant(&p->loop, s->terms[i]))
            return false;
    return true;
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

static bool add_access(pass *p, LLVMValueRef inst)
{
    mw_access a;
    unsigned operand;
    if (p->nmembers == MAX_ACCESSES || LLVMGetVolatile(inst) ||
        LLVMGetOrdering(inst) != LLVMAtomicOrderingNotAtomic || !mw_read_access(p->unit, inst, &a, &operand) ||
        a.size != p->bytes || !mw_is_invariant(&p->loop, a.base) ||
        (p->ngroups && p->groups[0].reach.first.base != a.base))
        return false;
    bool is_store = LLVMIsAStoreInst(inst) != NULL, is_fixed = is_fixed_sum(p, &a.index);
    if (is_fixed ? is_store || is_vectorized(p) : step_of(&p->loop, &a.index) != (int64_t)p->bytes)
        return false;
    for (unsigned i = 0; i < a.index.nterms; i++)
        if (LLVMTypeOf(a.index.terms[i]) != p->unit->i32)
            return false;
    group *g = find_group(p, &a);
    if (!g)
        return false;
    g->is_fixed = is_fixed;
    p->nstores += is_store;
    p->members[p->nmembers++] = (member){inst, g, mw_reach_to(&g->reach, &a, inst)};
    return true;
}

/* Intrinsics that do the same to all lanes. */
static bool is_lanewise(LLVMValueRef call)
{
    unsigned id = LLVMIsAIntrinsicInst(call) ? LLVMGetIntrinsicID(LLVMGetCalledValue(call)) : 0;
    return id && (id == LLVMLookupIntrinsicID("llvm.sqrt", 9) || id == LLVMLookupIntrinsicID("llvm.fabs", 9));
}

static bool is_computation(LLVMValueRef inst)
{
    switch (LLVMGetInstructionOpcode(inst)) {
    case LLVMFAdd:
    case LLVMFSub:
    case LLVMFMul:
    case LLVMFDiv:
    case LLVMFNeg:
        return true;
    case LLVMCall:
        return is_lanewise(inst);
    default:
        return false;
    }
}

/* An instruction that has a counterpart in the copy. */
static bool read_value(pass *p, LLVMValueRef inst)
{
    if (p->nvalues == MAX_VALUES || LLVMTypeOf(inst) != p->vector)
        return false;
    bool ok = LLVMIsALoadInst(inst) ? add_access(p, inst) : is_computation(inst);
    for (int i = 0; ok && !LLVMIsALoadInst(inst) && i < (LLVMIsABinaryOperator(inst) ? 2 : 1); i++)
        ok = has_lanes(p, LLVMGetOperand(inst, (unsigned)i));
    if (ok)
        p->values[p->nvalues++].old = inst;
    return ok;
}

/* Addresses and conditions: they are made anew. */
static bool is_bookkeeping(const pass *p, LLVMValueRef inst)
{
    LLVMValueRef start, next;
    int64_t step;
    switch (LLVMGetInstructionOpcode(inst)) {
    case LLVMPHI:
        return mw_read_induction(&p->loop, inst, &start, &next, &step);
    case LLVMAdd:
    case LLVMOr:
    case LLVMZExt:
    case LLVMGetElementPtr:
    case LLVMICmp:
    case LLVMBr:
        return LLVMGetTypeKind(LLVMTypeOf(inst)) != LLVMVectorTypeKind;
    default:
        return false;
    }
}

static bool is_counter(const pass *p, LLVMValueRef v)
{
    LLVMValueRef start, next, phi = v;
    int64_t step;
    if (!LLVMIsAPHINode(v) && LLVMIsABinaryOperator(v))
        phi = LLVMGetOperand(v, 0);
    return LLVMTypeOf(v) == p->unit->i32 && mw_read_induction(&p->loop, phi, &start, &next, &step) &&
           (v == phi || v == next);
}

/* Behind the loop only counters may be used, by phis of its exit. */
static bool are_uses_known(const pass *p, LLVMValueRef inst)
{
    for (LLVMUseRef use = LLVMGetFirstUse(inst); use; use = LLVMGetNextUse(use)) {
        LLVMValueRef user = LLVMGetUser(use);
        if (is_of_loop(p, user))
            continue;
        if (!LLVMIsAPHINode(user) || LLVMGetInstructionParent(user) != p->exit || !is_counter(p, inst))
            return false;
    }
    return true;
}

/* A store and another access with the same terms: they must be at the same address, the store last, since a vector's lanes
 * are all loaded before one is stored. */
static bool are_stores_in_place(const pass *p)
{
    for (unsigned i = 0; i < p->nmembers; i++)
        for (unsigned k = 0; k < p->nmembers; k++) {
            const member *a = &p->members[i], *b = &p->members[k];
            if (i == k || a->group != b->group || !LLVMIsAStoreInst(a->inst))
                continue;
            if (a->distance != b->distance || i < k || LLVMIsAStoreInst(b->inst))
                return false;
        }
    return true;
}

static bool read_body(pass *p)
{
    LLVMBasicBlockRef body = p->loop.header;
    LLVMValueRef branch = LLVMGetBasicBlockTerminator(body);
    find_types(p);
    if (!has_good_types(p) || LLVMGetNumSuccessors(branch) != 2)
        return false;
    unsigned back = LLVMGetSuccessor(branch, 0) == body ? 0 : 1;
    if (LLVMGetSuccessor(branch, back) != body)
        return false;
    p->exit = LLVMGetSuccessor(branch, 1 - back);
    for (LLVMValueRef inst = LLVMGetFirstInstruction(body); inst; inst = LLVMGetNextInstruction(inst)) {
        bool ok = LLVMIsAStoreInst(inst) ? has_lanes(p, LLVMGetOperand(inst, 0)) && add_access(p, inst)
                                         : is_bookkeeping(p, inst) || read_value(p, inst);
        if (!ok || !are_uses_known(p, inst))
            return false;
    }
    return p->nstores && (!is_vectorized(p) || are_stores_in_place(p));
}

/* ---- The condition ----------------------------------------------------------------------------------------- */

static LLVMValueRef and_also(const pass *p, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildAnd(p->unit->builder, a, b, "");
}

static LLVMValueRef plus(const pass *p, LLVMValueRef a, int64_t c)
{
    return LLVMBuildAdd(p->unit->builder, a, LLVMConstInt(LLVMTypeOf(a), (uint64_t)c, 1), "");
}

/* How far accesses of the group reach that begin at one address; `bytes`: those that go through an array. */
static LLVMValueRef extent(const pass *p, const group *g, LLVMValueRef bytes)
{
    return g->is_fixed ? mw_i64(p->unit, p->bytes) : bytes;
}

/* No index of the group wraps around: the start is less than 2^32, all else is added with 64 bits. */
static LLVMValueRef build_no_wrap(const pass *p, group *g, LLVMValueRef bytes)
{
    LLVMBuilderRef b = p->unit->builder;
    mw_reach *r = &g->reach;
    r->start = mw_settle_value(p->unit, mw_build_start(p->unit, &p->loop, r));
    r->pointer = LLVMBuildInBoundsGEP2(b, p->unit->i8, r->first.base, &r->start, 1, "");
    LLVMValueRef highest = plus(p, r->start, (int64_t)r->highest - r->lowest);
    return LLVMBuildICmp(b, LLVMIntULE, LLVMBuildAdd(b, highest, extent(p, g, bytes), ""),
                         mw_i64(p->unit, UINT64_C(1) << 32), "");
}

/* Does the group go through one array, always at the element of the iteration? */
static bool is_one_array(const pass *p, const group *g)
{
    return !g->is_fixed && g->reach.most - g->reach.least == (int64_t)p->bytes;
}

/* Nothing of the two groups overlaps. If all that is loaded goes into one store, they may also be the same array: in the copy,
 * too, each element is loaded before it is stored. */
static LLVMValueRef build_apart(const pass *p, const group *g, const group *h, LLVMValueRef bytes)
{
    LLVMBuilderRef b = p->unit->builder;
    LLVMValueRef begins[2], ends[2];
    const group *groups[] = {g, h};
    for (int i = 0; i < 2; i++) {
        const mw_reach *r = &groups[i]->reach;
        begins[i] = plus(p, r->start, r->least - r->lowest);
        ends[i] = LLVMBuildAdd(b, plus(p, r->start, r->most - (int64_t)p->bytes - r->lowest), extent(p, groups[i], bytes), "");
    }
    LLVMValueRef apart = mw_build_disjoint(p->unit, begins, ends);
    if (p->nstores > 1 || !is_one_array(p, g) || !is_one_array(p, h))
        return apart;
    return LLVMBuildOr(b, apart, LLVMBuildICmp(b, LLVMIntEQ, begins[0], begins[1], ""), "");
}

static LLVMValueRef build_condition(pass *p, LLVMValueRef ok, LLVMValueRef bytes)
{
    ok = and_also(p, ok, LLVMBuildICmp(p->unit->builder, LLVMIntUGE, bytes, mw_i64(p->unit, LEAST_BYTES), ""));
    for (unsigned i = 0; i < p->ngroups; i++)
        ok = and_also(p, ok, build_no_wrap(p, &p->groups[i], bytes));
    for (unsigned i = 0; i < p->ngroups; i++)
        for (unsigned k = 0; k < i; k++)
            if (mw_are_ordered(&p->groups[i].reach, &p->groups[k].reach))
                ok = and_also(p, ok, build_apart(p, &p->groups[i], &p->groups[k], bytes));
    return ok;
}

/* ---- The new loop ------------------------------------------------------------------------------------------- */

/* The group's accesses do not alias those that the condition compared them with. */
static void describe(pass *p, LLVMValueRef access, LLVMValueRef old, group *g)
{
    const mw_unit *u = p->unit;
    LLVMMetadataRef others[MAX_GROUPS];
    unsigned n = 0;
    for (unsigned i = 0; i < p->ngroups; i++)
        if (mw_are_ordered(&g->reach, &p->groups[i].reach))
            others[n++] = p->groups[i].reach.scope;
    mw_set_scope(u, access, g->reach.scope, others, n);
    LLVMSetMetadata(access, u->kinds.tbaa, LLVMGetMetadata(old, u->kinds.tbaa));
    LLVMSetAlignment(access, 1);
}

static LLVMValueRef lane_of(const pass *p, LLVMValueRef v)
{
    for (unsigned i = 0; i < p->nvalues; i++)
        if (p->values[i].old == v)
            return p->values[i].lane;
    return splat_of(v);
}

static LLVMValueRef build_pointer(const pass *p, LLVMValueRef inst, LLVMValueRef at, group **g)
{
    const member *m = p->members;
    while (m->inst != inst)
        m++;
    *g = m->group;
    return mw_build_address(p->unit, &m->group->reach, m->group->is_fixed ? NULL : at, m->distance);
}

static LLVMValueRef build_lane(pass *p, LLVMValueRef inst, LLVMValueRef at)
{
    LLVMBuilderRef b = p->unit->builder;
    LLVMOpcode opcode = LLVMGetInstructionOpcode(inst);
    LLVMValueRef v, a;
    group *g;
    switch (opcode) {
    case LLVMLoad:
        a = build_pointer(p, inst, at, &g);
        v = LLVMBuildLoad2(b, p->lane, a, "");
        describe(p, v, inst, g);
        return v;
    case LLVMFNeg:
        v = LLVMBuildFNeg(b, lane_of(p, LLVMGetOperand(inst, 0)), "");
        break;
    case LLVMCall: {
        unsigned id = LLVMGetIntrinsicID(LLVMGetCalledValue(inst));
        LLVMValueRef f = LLVMGetIntrinsicDeclaration(p->unit->llvm, id, &p->lane, 1);
        a = lane_of(p, LLVMGetOperand(inst, 0));
        v = LLVMBuildCall2(b, LLVMGlobalGetValueType(f), f, &a, 1, "");
        break;
    }
    default:
        v = LLVMBuildBinOp(b, opcode, lane_of(p, LLVMGetOperand(inst, 0)), lane_of(p, LLVMGetOperand(inst, 1)), "");
    }
    if (LLVMIsAInstruction(v) && LLVMCanValueUseFastMathFlags(v))
        LLVMSetFastMathFlags(v, LLVMGetFastMathFlags(inst));
    return v;
}

static void build_body(pass *p, LLVMBasicBlockRef body, LLVMValueRef bytes)
{
    const mw_unit *u = p->unit;
    LLVMBuilderRef b = u->builder;
    LLVMPositionBuilderAtEnd(b, body);
    LLVMValueRef at = LLVMBuildPhi(b, u->i64, ""), zero = mw_i64(u, 0);
    unsigned value = 0;
    LLVMValueRef inst = LLVMGetFirstInstruction(p->loop.header), last = LLVMGetBasicBlockTerminator(p->loop.header);
    for (; inst != last; inst = LLVMGetNextInstruction(inst)) {
        LLVMSetCurrentDebugLocation2(b, LLVMInstructionGetDebugLoc(inst));
        if (value < p->nvalues && p->values[value].old == inst) {
            p->values[value].lane = build_lane(p, inst, at);
            value++;
        } else if (LLVMIsAStoreInst(inst)) {
            group *g;
            LLVMValueRef pointer = build_pointer(p, inst, at, &g);
            describe(p, LLVMBuildStore(b, lane_of(p, LLVMGetOperand(inst, 0)), pointer), inst, g);
        }
    }
    LLVMSetCurrentDebugLocation2(b, LLVMInstructionGetDebugLoc(last));
    LLVMValueRef next = LLVMBuildNUWAdd(b, at, mw_i64(u, p->lane_bytes), "");
    LLVMSetNSW(next, 1);
    LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntNE, next, bytes, ""), body, p->exit);
    LLVMAddIncoming(at, &zero, &p->loop.preheader, 1);
    LLVMAddIncoming(at, &next, &body, 1);
}

/* What a counter is behind the loop. */
static LLVMValueRef build_last(const pass *p, LLVMValueRef counter, LLVMValueRef count)
{
    LLVMBuilderRef b = p->unit->builder;
    LLVMValueRef phi = LLVMIsAPHINode(counter) ? counter : LLVMGetOperand(counter, 0), start, next;
    int64_t step;
    mw_read_induction(&p->loop, phi, &start, &next, &step);
    LLVMValueRef steps = LLVMBuildTrunc(b, count, p->unit->i32, "");
    if (counter == next)
        steps = plus(p, steps, 1);
    return LLVMBuildAdd(b, start, LLVMBuildMul(b, steps, mw_i32(p->unit, (uint32_t)step), ""), "");
}

static void complete_exit(const pass *p, LLVMBasicBlockRef body, LLVMValueRef count)
{
    for (LLVMValueRef phi = LLVMGetFirstInstruction(p->exit); LLVMIsAPHINode(phi); phi = LLVMGetNextInstruction(phi)) {
        LLVMValueRef value = NULL;
        for (unsigned i = 0; i < LLVMCountIncoming(phi); i++)
            if (LLVMGetIncomingBlock(phi, i) == p->loop.header)
                value = LLVMGetIncomingValue(phi, i);
        if (is_of_loop(p, value))
            value = build_last(p, value, count);
        LLVMAddIncoming(phi, &value, &body, 1);
    }
}

static void reroll(pass *p)
{
    const mw_unit *u = p->unit;
    LLVMBuilderRef b = u->builder;
    LLVMBasicBlockRef before = p->loop.preheader;
    LLVMValueRef branch = LLVMGetBasicBlockTerminator(before), ok;
    LLVMPositionBuilderBefore(b, branch);
    LLVMValueRef count = mw_build_count(u, &p->loop, &ok);
    if (!count)
        return;
    if (LLVMIsAConstantInt(count) && LLVMConstIntGetZExtValue(count) < LEAST_CONSTANT)
        return; /* it is unrolled as a whole */
    count = mw_settle_value(p->unit, count);
    /* A count of 64 bits: the bytes must not wrap around. */
    ok = and_also(p, ok, LLVMBuildICmp(b, LLVMIntULT, count, mw_i64(u, UINT64_C(1) << 32), ""));
    LLVMValueRef bytes = LLVMBuildMul(b, plus(p, count, 1), mw_i64(u, p->bytes), "");
    ok = build_condition(p, ok, bytes);
    if (LLVMIsNull(ok))
        return;
    LLVMMetadataRef domain = mw_distinct_node(u, NULL, 0);
    for (unsigned i = 0; i < p->ngroups; i++)
        p->groups[i].reach.scope = mw_build_scope(u, domain);
    LLVMBasicBlockRef body = LLVMInsertBasicBlockInContext(u->context, p->loop.header, "lanes");
    complete_exit(p, body, count);
    LLVMBuildCondBr(b, ok, body, p->loop.header);
    LLVMInstructionEraseFromParent(branch);
    build_body(p, body, bytes);
    /* The loop itself is left for where the condition does not hold: LLVM's conditions would not hold either. */
    mw_set_loop(u, LLVMGetBasicBlockTerminator(p->loop.header), mw_loop_left_alone(u, true));
}

void mw_reroll(const mw_unit *u)
{
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f))
        for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f), next; b; b = next) {
            next = LLVMGetNextBasicBlock(b);
            pass p = {.unit = u};
            if (LLVMIsAPHINode(LLVMGetFirstInstruction(b)) && mw_find_loop(&p.loop, b, b) && p.loop.nblocks == 1 &&
                mw_has_preheader(&p.loop) && read_body(&p))
                reroll(&p);
        }
}
