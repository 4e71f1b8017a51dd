/* Innermost loops that go through arrays by constant steps: a copy with addresses of 64 bits, behind a condition.
 *
 * An address is the zero-extended sum, in 32 bits, of what the loop adds up. As that may wrap around, each sum is one for LLVM: it
 * is computed and extended for each access, where natively one counter serves all arrays; it has no stride, so that
 * nothing is known of what two accesses have in common; and nothing stays in a register from one iteration to the next.
 * Where the loop's last condition tells how many iterations there can be at most, one condition before the loop says that no sum
 * wraps around in any of them: then a counter of 64 bits that is added to the first address is the same. All programs but those made
 * for it meet it; where it does not hold, the loop is what it was.
 *
 * Short loops, of few iterations, get it where it makes them vectors: LLVM vectorizes them only if it need not ask whether arrays lie
 * apart, so that the condition says that as well. It does for loops, too, that store rows of elements in an iteration, as the guest's
 * compiler makes of short loops within: LLVM gathers them into vectors.
 *
 * The condition also serves what lies within bounds from an address that the loop does not change, as an entry of a table at `table +
 * (hash & mask) * 8` does (range.h): of that the machine's addresses take in multiplication and sum. Loops that may go on for ever
 * have copies for such accesses only, and functions without arithmetic on floats have copies only of loops with such accesses.
 *
 * Nothing here rests on an access being executed, so LLVM may do with them what it likes. */
#include "compiler/optimize.h"
#include "compiler/range.h"
#include "compiler/reach.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_ACCESSES = 128,
    MAX_GROUPS = 10,
    MAX_STEPS = 4,
    MAX_INSTRUCTIONS = 1000,
    MAX_USUAL = 300, /* instructions of a loop without rows */
    LEAST_ROW = 8,   /* elements */
    MAX_SLACK = 1 << 30,
    LEAST_CONSTANT = 16, /* iterations, where their number is known: shorter loops are unrolled as a whole, or are short ones */
    SHORT_MULTIPLE = 4,  /* of which the iterations of a short loop are a multiple: they fill vectors */
    LEAST_FOR_CONDITION = 8, /* instructions that a short loop executes for each part of its condition */
};

/* An index is what does not change in the loop, what grows by the step, and what lies within bounds. */
typedef struct group {
    mw_reach reach;
    int64_t step;   /* by which its indices grow in an iteration */
    uint64_t slack; /* the sum of the bounds */
} group;

typedef struct member {
    LLVMValueRef inst;
    unsigned operand; /* its address */
    group *group;
    int64_t distance; /* of index and offset, from the first index of the group */
} member;

/* An instruction or block of the loop, and its copy. */
typedef struct copy {
    void *old, *new;
} copy;

typedef struct pass {
    const mw_unit *unit;
    mw_loop loop;
    bool is_short, is_apart; /* apart: the condition says so, too */
    uint64_t short_count; /* how often a short loop goes back to its header */
    member members[MAX_ACCESSES];
    unsigned nmembers;
    group groups[MAX_GROUPS];
    unsigned ngroups;
    struct {
        int64_t step;
        LLVMValueRef counter; /* a phi of the copy */
    } counters[MAX_STEPS];
    unsigned ncounters;
    copy copies[MAX_INSTRUCTIONS + MW_MAX_LOOP_BLOCKS]; /* in ascending order of .old, once all are there */
    unsigned ncopies;
} pass;

/* ---- Reading the loop ----------------------------------------------------------------------------------------- */

static bool add_step(pass *p, int64_t step)
{
    for (unsigned i = 0; i < p->ncounters; i++)
        if (p->counters[i].step == step)
            return true;
    if (p->ncounters == MAX_STEPS)
        return false;
    p->counters[p->ncounters++].step = step;
    return true;
}

static group *find_group(pass *p, const mw_access *a, int64_t step, uint64_t slack)
{
    for (unsigned i = 0; i < p->ngroups; i++)
        if (mw_is_reached(&p->groups[i].reach, a))
            return &p->groups[i];
    if (p->ngroups == MAX_GROUPS || (step && !add_step(p, step)) ||
        (p->is_short && p->ngroups && p->groups[0].reach.first.base != a->base))
        return NULL;
    group *g = &p->groups[p->ngroups++];
    *g = (group){.reach = mw_reach_of(a), .step = step, .slack = slack};
    return g;
}

/* Notes the access if its address steps through memory or lies within bounds from one that the loop does not change, or if the loop
 * is short and loads it from the same address each time. */
static bool read_address(pass *p, LLVMValueRef inst)
{
    mw_access a;
    unsigned operand;
    if (p->nmembers == MAX_ACCESSES || LLVMGetVolatile(inst) || LLVMGetOrdering(inst) != LLVMAtomicOrderingNotAtomic ||
        !mw_read_access(p->unit, inst, &a, &operand) || !mw_is_invariant(&p->loop, a.base))
        return false;
    int64_t sum = 0, step;
    uint64_t slack = 0, bound;
    bool has_address = false; /* that LLVM does not know */
    for (unsigned i = 0; i < a.index.nterms; i++) {
        if (mw_read_step(p->unit, &p->loop, a.index.terms[i], &step)) {
            sum += step;
            has_address = true;
        } else if (!p->is_short && mw_read_bound(a.index.terms[i], &bound)) {
            slack += bound;
        } else {
            return false;
        }
    }
    bool is_store = LLVMIsAStoreInst(inst) != NULL;
    bool may_have = sum ? mw_is_small_step(sum) : p->is_short ? !is_store : slack && has_address;
    group *g = may_have && slack <= MAX_SLACK ? find_group(p, &a, sum, slack) : NULL;
    if (!g)
        return false;
    p->members[p->nmembers++] = (member){inst, operand, g, mw_reach_to(&g->reach, &a, inst)};
    return true;
}

/* Behind the loop, only phis right at its exits may use what it computes. */
static bool are_uses_known(const pass *p, LLVMValueRef inst)
{
    for (LLVMUseRef use = LLVMGetFirstUse(inst); use; use = LLVMGetNextUse(use)) {
        LLVMValueRef user = LLVMGetUser(use);
        if (mw_is_of_loop(&p->loop, LLVMGetInstructionParent(user)))
            continue;
        if (!LLVMIsAPHINode(user))
            return false;
        for (unsigned i = 0; i < LLVMCountIncoming(user); i++)
            if (LLVMGetIncomingValue(user, i) == inst && !mw_is_of_loop(&p->loop, LLVMGetIncomingBlock(user, i)))
                return false;
    }
    return true;
}

static bool can_be_copied(LLVMValueRef inst)
{
    if (LLVMIsATerminatorInst(inst))
        return LLVMIsABranchInst(inst) || LLVMIsASwitchInst(inst);
    return LLVMGetTypeKind(LLVMTypeOf(inst)) != LLVMTokenTypeKind && !LLVMIsAAllocaInst(inst);
}

/* Loops that only load, each time from a pointer of its own, have nothing to share and are entered faster without a condition. */
static bool is_worthwhile(const pass *p)
{
    bool has_store = false;
    for (unsigned i = 0; i < p->nmembers; i++) {
        has_store |= LLVMIsAStoreInst(p->members[i].inst) != NULL;
        if (p->members[i].group->slack)
            return true;
    }
    return p->unit->effort <= MW_EFFORT_REROLL && (p->nmembers > p->ngroups || has_store);
}

/* Few iterations, which fill vectors, and nothing that goes from one to the next. */
static bool is_short(pass *p)
{
    LLVMPositionBuilderBefore(p->unit->builder, LLVMGetBasicBlockTerminator(p->loop.preheader));
    if (p->loop.nblocks > 1 || !mw_has_constant_count(p->unit, &p->loop, &p->short_count) || p->short_count >= LEAST_CONSTANT ||
        (p->short_count + 1) % SHORT_MULTIPLE)
        return false;
    for (LLVMValueRef v = LLVMGetFirstInstruction(p->loop.header); LLVMIsAPHINode(v); v = LLVMGetNextInstruction(v)) {
        LLVMValueRef start, next;
        int64_t step;
        if (LLVMGetTypeKind(LLVMTypeOf(v)) != LLVMIntegerTypeKind || !mw_read_induction(&p->loop, v, &start, &next, &step))
            return false;
    }
    return true;
}

/* Parts of a short loop's condition. */
static unsigned count_conditions(const pass *p)
{
    unsigned n = p->ngroups;
    for (unsigned i = 0; i < p->ngroups; i++)
        for (unsigned k = 0; k < i; k++)
            n += mw_are_ordered(&p->groups[i].reach, &p->groups[k].reach);
    return n;
}

/* Does the loop store so many elements of an array in an iteration that they fill vectors, and go on with the next ones? */
static bool has_rows(const pass *p)
{
    for (unsigned i = 0; i < p->ngroups; i++) {
        unsigned n = 0;
        for (unsigned k = 0; k < p->nmembers; k++)
            n += p->members[k].group == &p->groups[i] && LLVMIsAStoreInst(p->members[k].inst);
        if (n >= LEAST_ROW && p->groups[i].reach.most - p->groups[i].reach.least == p->groups[i].step)
            return true;
    }
    return false;
}

static bool read_loop(pass *p)
{
    unsigned n = 0;
    p->is_short = is_short(p);
    for (unsigned i = 0; i < p->loop.nblocks; i++)
        for (LLVMValueRef v = LLVMGetFirstInstruction(p->loop.blocks[i]); v; v = LLVMGetNextInstruction(v)) {
            if (++n > MAX_INSTRUCTIONS || !can_be_copied(v) || !are_uses_known(p, v))
                return false;
            if ((LLVMIsALoadInst(v) || LLVMIsAStoreInst(v)) && !read_address(p, v) && p->is_short)
                return false;
        }
    p->is_apart = p->is_short || (p->loop.nblocks == 1 && has_rows(p));
    if (n > MAX_USUAL && !p->is_apart)
        return false;
    return is_worthwhile(p) && (!p->is_short || n * (p->short_count + 1) >= LEAST_FOR_CONDITION * count_conditions(p));
}

/* ---- The condition ----------------------------------------------------------------------------------------- */

/* The lowest index in the first iteration without what lies within bounds. */
static LLVMValueRef build_start(const pass *p, const group *g)
{
    mw_reach r = g->reach;
    r.first.index.nterms = 0;
    for (unsigned i = 0; i < g->reach.first.index.nterms; i++) {
        LLVMValueRef term = g->reach.first.index.terms[i];
        int64_t step;
        if (mw_read_step(p->unit, &p->loop, term, &step))
            r.first.index.terms[r.first.index.nterms++] = term;
    }
    return mw_build_start(p->unit, &p->loop, &r);
}

/* No index of the group wraps around in count + 1 iterations. Both are less than 2^32, and the step has few bits. */
static LLVMValueRef build_condition(pass *p, group *g, LLVMValueRef count)
{
    LLVMBuilderRef b = p->unit->builder;
    mw_reach *r = &g->reach;
    LLVMValueRef low = r->start = build_start(p, g);
    r->pointer = LLVMBuildInBoundsGEP2(b, p->unit->i8, r->first.base, &low, 1, "");
    uint64_t size = g->step < 0 ? -(uint64_t)g->step : (uint64_t)g->step;
    uint64_t above = (uint64_t)((int64_t)r->highest - r->lowest) + g->slack;
    if (above > UINT32_MAX)
        return LLVMConstNull(p->unit->i1);
    LLVMValueRef last = mw_i64(p->unit, UINT32_MAX - above);
    if (g->step == 0)
        return LLVMBuildICmp(b, LLVMIntULE, low, last, "");
    LLVMValueRef span = LLVMBuildMul(b, count, mw_i64(p->unit, size), "");
    if (g->step > 0)
        return LLVMBuildICmp(b, LLVMIntULE, LLVMBuildAdd(b, low, span, ""), last, "");
    return LLVMBuildAnd(b, LLVMBuildICmp(b, LLVMIntULE, low, last, ""), LLVMBuildICmp(b, LLVMIntUGE, low, span, ""), "");
}

/* Nothing that the one group accesses overlaps with what the other does. */
static LLVMValueRef build_apart(const pass *p, const group *g, const group *h, LLVMValueRef count)
{
    LLVMBuilderRef b = p->unit->builder;
    LLVMValueRef begins[2], ends[2];
    const group *groups[] = {g, h};
    for (int i = 0; i < 2; i++) {
        const group *one = groups[i];
        LLVMValueRef span = LLVMBuildMul(b, count, mw_i64(p->unit, (uint64_t)one->step), ""), first = one->reach.start;
        LLVMValueRef last = LLVMBuildAdd(b, first, span, "");
        LLVMValueRef begin = mw_i64(p->unit, (uint64_t)(one->reach.least - one->reach.lowest));
        LLVMValueRef end = mw_i64(p->unit, (uint64_t)(one->reach.most - one->reach.lowest) + one->slack);
        begins[i] = LLVMBuildAdd(b, one->step < 0 ? last : first, begin, "");
        ends[i] = LLVMBuildAdd(b, one->step > 0 ? last : first, end, "");
    }
    return mw_build_disjoint(p->unit, begins, ends);
}

/* All that is stored is apart from all else that the groups access, which their scopes say. */
static LLVMValueRef build_all_apart(pass *p, LLVMValueRef ok, LLVMValueRef count)
{
    LLVMBuilderRef b = p->unit->builder;
    for (unsigned i = 0; i < p->ngroups; i++)
        for (unsigned k = 0; k < i; k++)
            if (mw_are_ordered(&p->groups[i].reach, &p->groups[k].reach))
                ok = LLVMBuildAnd(b, ok, build_apart(p, &p->groups[i], &p->groups[k], count), "");
    LLVMMetadataRef domain = mw_distinct_node(p->unit, NULL, 0);
    for (unsigned i = 0; i < p->ngroups; i++)
        p->groups[i].reach.scope = mw_build_scope(p->unit, domain);
    return ok;
}

/* ---- The copy ----------------------------------------------------------------------------------------------- */

static int compare_copies(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const copy *)a)->old, y = (uintptr_t)((const copy *)b)->old;
    return x < y ? -1 : x > y;
}

/* The copy of an instruction or block; itself if it is none of the loop's. */
static void *copy_of(const pass *p, void *old)
{
    copy key = {.old = old};
    const copy *found = bsearch(&key, p->copies, p->ncopies, sizeof key, compare_copies);
    return found ? found->new : old;
}

static void note_copy(pass *p, void *old, void *new)
{
    p->copies[p->ncopies++] = (copy){old, new};
}

static void copy_instructions(pass *p)
{
    LLVMBuilderRef b = p->unit->builder;
    for (unsigned i = 0; i < p->loop.nblocks; i++) {
        LLVMBasicBlockRef block = LLVMInsertBasicBlockInContext(p->unit->context, p->loop.header, "wide");
        note_copy(p, p->loop.blocks[i], block);
        LLVMPositionBuilderAtEnd(b, block);
        for (LLVMValueRef v = LLVMGetFirstInstruction(p->loop.blocks[i]); v; v = LLVMGetNextInstruction(v)) {
            LLVMValueRef new;
            LLVMSetCurrentDebugLocation2(b, LLVMInstructionGetDebugLoc(v));
            if (LLVMIsAPHINode(v)) {
                new = LLVMBuildPhi(b, LLVMTypeOf(v), "");
            } else {
                new = LLVMInstructionClone(v);
                LLVMInsertIntoBuilder(b, new);
            }
            note_copy(p, v, new);
        }
    }
    LLVMSetCurrentDebugLocation2(b, NULL);
    qsort(p->copies, p->ncopies, sizeof *p->copies, compare_copies);
}

static void connect_phi(const pass *p, LLVMValueRef old, LLVMValueRef new)
{
    for (unsigned i = 0; i < LLVMCountIncoming(old); i++) {
        LLVMValueRef value = copy_of(p, LLVMGetIncomingValue(old, i));
        LLVMBasicBlockRef from = copy_of(p, LLVMGetIncomingBlock(old, i));
        LLVMAddIncoming(new, &value, &from, 1);
    }
}

/* A way out of the loop leads out of the copy as well. */
static void connect_exit(const pass *p, LLVMBasicBlockRef from, LLVMBasicBlockRef exit)
{
    for (LLVMValueRef phi = LLVMGetFirstInstruction(exit); LLVMIsAPHINode(phi); phi = LLVMGetNextInstruction(phi)) {
        unsigned i = 0;
        while (LLVMGetIncomingBlock(phi, i) != from)
            i++;
        LLVMValueRef value = copy_of(p, LLVMGetIncomingValue(phi, i));
        LLVMBasicBlockRef block = copy_of(p, from);
        LLVMAddIncoming(phi, &value, &block, 1);
    }
}

static void connect_instruction(const pass *p, LLVMValueRef old, LLVMValueRef new)
{
    if (LLVMIsAPHINode(old)) {
        connect_phi(p, old, new);
        return;
    }
    for (int i = 0; i < LLVMGetNumOperands(old); i++) {
        LLVMValueRef operand = LLVMGetOperand(old, (unsigned)i);
        void *value = LLVMValueIsBasicBlock(operand) ? (void *)LLVMValueAsBasicBlock(operand) : (void *)operand;
        void *its = copy_of(p, value);
        if (its != value)
            LLVMSetOperand(new, (unsigned)i, LLVMValueIsBasicBlock(operand) ? LLVMBasicBlockAsValue(its) : its);
    }
    if (!LLVMIsATerminatorInst(old))
        return;
    for (unsigned i = 0; i < LLVMGetNumSuccessors(old); i++)
        if (!mw_is_of_loop(&p->loop, LLVMGetSuccessor(old, i)))
            connect_exit(p, LLVMGetInstructionParent(old), LLVMGetSuccessor(old, i));
}

static void build_counters(pass *p)
{
    const mw_unit *u = p->unit;
    LLVMBuilderRef b = u->builder;
    LLVMBasicBlockRef header = copy_of(p, p->loop.header), latch = copy_of(p, p->loop.latch);
    for (unsigned i = 0; i < p->ncounters; i++) {
        LLVMPositionBuilderBefore(b, LLVMGetFirstInstruction(header));
        LLVMValueRef zero = mw_i64(u, 0), step = mw_i64(u, (uint64_t)p->counters[i].step);
        LLVMValueRef counter = p->counters[i].counter = LLVMBuildPhi(b, u->i64, "");
        LLVMPositionBuilderBefore(b, LLVMGetBasicBlockTerminator(latch));
        LLVMValueRef next = LLVMBuildNSWAdd(b, counter, step, "");
        LLVMAddIncoming(counter, &zero, &p->loop.preheader, 1);
        LLVMAddIncoming(counter, &next, &latch, 1);
    }
}

static LLVMValueRef counter_of(const pass *p, int64_t step)
{
    unsigned i = 0;
    while (p->counters[i].step != step)
        i++;
    return p->counters[i].counter;
}

static void address(const pass *p, const member *m)
{
    const mw_unit *u = p->unit;
    LLVMValueRef inst = copy_of(p, m->inst), at = m->group->step ? counter_of(p, m->group->step) : NULL;
    const mw_sum *index = &m->group->reach.first.index;
    LLVMPositionBuilderBefore(u->builder, inst);
    for (unsigned i = 0; i < index->nterms; i++) {
        int64_t step;
        if (mw_read_step(u, &p->loop, index->terms[i], &step))
            continue;
        LLVMValueRef term = mw_build_bounded(u, copy_of(p, index->terms[i]));
        at = at ? LLVMBuildAdd(u->builder, at, term, "") : term;
    }
    LLVMSetOperand(inst, m->operand, mw_build_address(u, &m->group->reach, at, m->distance));
}

static void set_scope(const pass *p, const member *m)
{
    LLVMMetadataRef others[MAX_GROUPS];
    unsigned n = 0;
    for (unsigned i = 0; i < p->ngroups; i++)
        if (mw_are_ordered(&p->groups[i].reach, &m->group->reach))
            others[n++] = p->groups[i].reach.scope;
    mw_set_scope(p->unit, copy_of(p, m->inst), m->group->reach.scope, others, n);
}

/* Does an iteration load again what the one before has loaded, as stencils do? LLVM keeps it in a register, and leaves what remains
 * after its vectors to scalars: with many iterations at a time these are too many for the usual row of a grid. */
static bool loads_again(const pass *p)
{
    for (unsigned i = 0; i < p->nmembers; i++)
        for (unsigned k = 0; k < i; k++) {
            const member *a = &p->members[i], *b = &p->members[k];
            int64_t apart = a->distance - b->distance;
            if (a->group == b->group && a->group->step && LLVMIsALoadInst(a->inst) && LLVMIsALoadInst(b->inst) && apart &&
                apart % a->group->step == 0)
                return true;
        }
    return false;
}

/* Of a loop that may go on for ever, only what lies within bounds all the time. */
static bool leave_steps(pass *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->nmembers; i++)
        if (!p->members[i].group->step)
            p->members[n++] = p->members[i];
    p->nmembers = n;
    p->ncounters = 0;
    p->is_apart = false;
    return n != 0;
}

static void widen(pass *p)
{
    const mw_unit *u = p->unit;
    LLVMBuilderRef b = u->builder;
    LLVMValueRef branch = LLVMGetBasicBlockTerminator(p->loop.preheader), ok;
    LLVMPositionBuilderBefore(b, branch);
    LLVMValueRef count = mw_build_count(u, &p->loop, &ok);
    if (!count && !leave_steps(p))
        return;
    if (count && LLVMIsAConstantInt(count) && LLVMConstIntGetZExtValue(count) < LEAST_CONSTANT && !p->is_short)
        return;
    ok = count ? LLVMBuildAnd(b, ok, LLVMBuildICmp(b, LLVMIntULE, count, mw_i64(u, UINT32_MAX), ""), "")
               : LLVMConstInt(u->i1, 1, 0);
    for (unsigned i = 0; i < p->ngroups; i++)
        if (count || !p->groups[i].step)
            ok = LLVMBuildAnd(b, ok, build_condition(p, &p->groups[i], count), "");
    if (LLVMIsNull(ok))
        return;
    if (p->is_apart)
        ok = build_all_apart(p, ok, count);
    copy_instructions(p);
    for (unsigned i = 0; i < p->loop.nblocks; i++)
        for (LLVMValueRef v = LLVMGetFirstInstruction(p->loop.blocks[i]); v; v = LLVMGetNextInstruction(v))
            connect_instruction(p, v, copy_of(p, v));
    build_counters(p);
    for (unsigned i = 0; i < p->nmembers; i++) {
        address(p, &p->members[i]);
        if (p->is_apart)
            set_scope(p, &p->members[i]);
    }
    LLVMPositionBuilderBefore(b, branch);
    LLVMBuildCondBr(b, ok, copy_of(p, p->loop.header), p->loop.header);
    LLVMInstructionEraseFromParent(branch);
    /* LLVM is to spend its time on the copy, which is not to be copied again. */
    mw_set_loop(u, LLVMGetBasicBlockTerminator(p->loop.latch),
                p->is_apart && !p->is_short ? mw_distinct_node(u, NULL, 0) : mw_loop_left_alone(u, !p->is_short));
    LLVMMetadataRef node = p->loop.nblocks == 1 && !p->is_short && loads_again(p) ? mw_loop_interleaved(u, 2) : mw_distinct_node(u, NULL, 0);
    mw_set_loop(u, LLVMGetBasicBlockTerminator(copy_of(p, p->loop.latch)), node);
}

static void widen_function(const mw_unit *u, LLVMValueRef function, pass *p)
{
    unsigned known = LLVMGetMDKindIDInContext(u->context, "llvm.loop", 9);
    LLVMSetCurrentDebugLocation2(u->builder, NULL);
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(function); b; b = LLVMGetNextBasicBlock(b)) {
        LLVMValueRef branch = LLVMGetBasicBlockTerminator(b);
        for (unsigned i = 0; LLVMIsABranchInst(branch) && i < LLVMGetNumSuccessors(branch); i++) {
            LLVMBasicBlockRef header = LLVMGetSuccessor(branch, i);
            p->unit = u;
            p->nmembers = p->ngroups = p->ncounters = p->ncopies = 0;
            if (LLVMIsAPHINode(LLVMGetFirstInstruction(header)) && !LLVMGetMetadata(branch, known) &&
                mw_find_loop(&p->loop, header, b) && mw_has_preheader(&p->loop) && mw_is_innermost(&p->loop) &&
                !mw_has_call(&p->loop) && read_loop(p)) {
                widen(p);
                break;
            }
        }
    }
}

void mw_widen_loops(const mw_unit *u)
{
    pass *p = mw_calloc(1, sizeof *p);
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f))
        if (!LLVMIsDeclaration(f))
            widen_function(u, f, p);
    free(p);
}
