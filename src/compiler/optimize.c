#include "compiler/optimize.h"

#include <llvm-c/Error.h>
#include <llvm-c/Support.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <llvm/Config/llvm-config.h>
#include <pthread.h>

/* What a WebAssembly compiler leaves to do: its own optimizer has inlined, simplified and rotated already, so LLVM's
 * standard pipelines spend half of their time to no effect. Kernels run as fast (within noise) as with default<O3>.
 *
 * sroa matters only where locals are in memory; adce removes phis of locals that are dead at a loop's header. */
#define CLEAN "sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,adce,"
#define ROTATE "loop-mssa(loop-rotate,licm),gvn,"
#define INDVARS "loop(indvars,loop-deletion),"
#define LOOPS ROTATE INDVARS
#define VECTORIZE "loop-vectorize,loop-load-elim,instcombine<no-verify-fixpoint>,simplifycfg,"
#define SLP "slp-vectorizer,vector-combine,instcombine<no-verify-fixpoint>,"
#define UNROLL "loop-unroll<O3>,"
/* For functions of which gvn, and instcombine after it, would make minutes. */
#define LINEAR CLEAN "loop-mssa(loop-rotate,licm),loop(indvars,loop-deletion),loop-vectorize,simplifycfg,"
/* Vectors of 128 bits taken apart, so that the vectorizers make them anew as wide as this CPU has them. */
#define APART "sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,scalarizer<load-store>,"
#define FINISH "loop-mssa(licm),div-rem-pairs,simplifycfg"
/* For functions of a shape on which these take quadratic time (scan.c); then for those on which early-cse does, too. */
#define LEAST "function(sroa,early-cse<memssa>,simplifycfg,adce)"
#define NEXT_TO_NOTHING "function(sroa,simplifycfg)"
/* For functions whose locals are in memory (scan.c) and too many to leave it: sroa looks at all blocks for each. */
#define LOCALS_STAY "function(simplifycfg)"

static const char *const pipelines[4][MW_EFFORTS] = {
    {"", "", "", "", "", "", ""},
    {"function(" CLEAN FINISH ")", "function(" CLEAN FINISH ")", "function(" CLEAN FINISH ")", "function(" CLEAN FINISH ")",
     "function(" CLEAN FINISH ")", "function(" CLEAN FINISH ")", LEAST},
    {"function(" CLEAN LOOPS VECTORIZE SLP FINISH ")", "function(" APART CLEAN LOOPS VECTORIZE SLP FINISH ")",
     "function(" CLEAN LOOPS VECTORIZE SLP FINISH ")",
     "function(" CLEAN LOOPS VECTORIZE FINISH ")", "function(" CLEAN FINISH ")", "function(" LINEAR FINISH ")", LEAST},
    {"function(" CLEAN LOOPS VECTORIZE SLP UNROLL FINISH ")", "function(" APART CLEAN LOOPS VECTORIZE SLP UNROLL FINISH ")",
     "function(" CLEAN LOOPS VECTORIZE SLP UNROLL FINISH ")",
     "function(" CLEAN LOOPS VECTORIZE UNROLL FINISH ")", "function(" CLEAN FINISH ")", "function(" LINEAR FINISH ")", LEAST},
};

/* For functions with arithmetic on floats, from level 2 on: what comes before mw_reroll, and what comes after it. */
static const char before_reroll[] = "function(" CLEAN "loop-mssa(loop-rotate,licm),loop-simplify,lcssa)";
#define AFTER_REROLL "gvn," INDVARS VECTORIZE SLP
static const char *const after_reroll[2] = {"function(" AFTER_REROLL FINISH ")", "function(" AFTER_REROLL UNROLL FINISH ")"};

/* For functions with loops but without such arithmetic, what comes after mw_widen_loops. */
#define AFTER_WIDEN "gvn," INDVARS VECTORIZE
static const char *const after_widen[2] = {"function(" AFTER_WIDEN FINISH ")", "function(" AFTER_WIDEN UNROLL FINISH ")"};

/* For modules with a 64-bit memory, from level 2 on: what comes before mw_hoist_bounds, and what comes after it. */
static const char before_bounds[] = "function(" CLEAN ROTATE "loop-simplify)";
#define AFTER_BOUNDS                                                                                \
    "loop-mssa(simple-loop-unswitch<nontrivial>),early-cse,instcombine<no-verify-fixpoint>,simplifycfg,loop-mssa(licm)," INDVARS VECTORIZE
static const char *const after_bounds[2][MW_EFFORTS] = {
    {"function(" AFTER_BOUNDS SLP FINISH ")", "function(" AFTER_BOUNDS SLP FINISH ")", "function(" AFTER_BOUNDS SLP FINISH ")", "function(" AFTER_BOUNDS FINISH ")"},
    {"function(" AFTER_BOUNDS SLP UNROLL FINISH ")", "function(" AFTER_BOUNDS SLP UNROLL FINISH ")", "function(" AFTER_BOUNDS SLP UNROLL FINISH ")",
     "function(" AFTER_BOUNDS UNROLL FINISH ")"},
};

/* With more instructions in a block than this, what takes quadratic time in it is left out of making code: the scheduling
 * after register allocation (a second at 4,000 stores), then all else (the pass for two-address instructions). */
enum { LARGE_BLOCK = 2000, HUGE_BLOCK = 6000 };
/* With more blocks than this in a function, early-cse, the preparation of code generation and the placement of blocks
 * begin to show that they take quadratic time: a second for each. */
enum { MANY_BLOCKS = 10000 };
/* Of the locals in memory times the blocks of a function: sroa takes a second. */
#define MAX_PROMOTIONS (UINT64_C(64) << 20)
/* Of mw_chain_score: about a second. */
enum { MAX_CHAINS = 50000 };

static void set_options(void)
{
    static const char *const options[] = {
        "mpiwasm",
        /* There are line tables but no variables; LLVM's other analysis looks at every instruction to find none. */
        "-experimental-debug-variable-locations=false",
        /* Should guest code ever reach what LLVM thinks unreachable, it stops instead of running into the next
         * function. Calls that do not return need none behind them. */
        "-trap-unreachable",
        "-no-trap-after-noreturn",
        /* How far gvn looks for an earlier load, in blocks (default 200): it was the most expensive pass. */
        "-memdep-block-number-limit=50",
        /* Of the loops that mw_hoist_bounds has prepared; nothing else is unswitched. */
        "-unswitch-threshold=300",
#if LLVM_VERSION_MAJOR >= 20
        /* Up to how many ways lead to a switch of any size that is copied to the end of each (dispatch.c). */
        "-tail-dup-pred-size=128",
#endif
    };
    LLVMParseCommandLineOptions(sizeof options / sizeof *options, options, "");
}

void mw_llvm_options(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_options);
}

static bool has_many_blocks(const mw_unit *u)
{
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f))
        if (LLVMCountBasicBlocks(f) > MANY_BLOCKS)
            return true;
    return false;
}

static bool has_many_promotions(const mw_unit *u)
{
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f)) {
        if (!LLVMCountBasicBlocks(f))
            continue;
        uint64_t locals = 0;
        for (LLVMValueRef i = LLVMGetFirstInstruction(LLVMGetEntryBasicBlock(f)); i; i = LLVMGetNextInstruction(i))
            locals += LLVMGetInstructionOpcode(i) == LLVMAlloca;
        if (locals * LLVMCountBasicBlocks(f) > MAX_PROMOTIONS)
            return true;
    }
    return false;
}

/* What is left out because of the code's shape, at -O1 and more.
 *
 * A loop has a variable for each local that it writes, also for those whose value nobody reads before it is written again, as
 * WebAssembly's compilers put many variables into one local. They go on from loop to loop for nothing: without them a
 * function's score is what it should be. */
static LLVMErrorRef choose_passes(const mw_unit *u, LLVMTargetMachineRef machine, LLVMPassBuilderOptionsRef options,
                                  const char **passes)
{
    LLVMErrorRef error = NULL;
    if (has_many_promotions(u)) {
        *passes = LOCALS_STAY;
    } else if (has_many_blocks(u)) {
        *passes = NEXT_TO_NOTHING;
    } else if (mw_chain_score(u) > MAX_CHAINS) {
        error = LLVMRunPasses(u->llvm, "function(adce)", machine, options);
        if (mw_chain_score(u) > MAX_CHAINS)
            *passes = LEAST;
    }
    return error;
}

mw_error mw_optimize(mw_unit *u, LLVMTargetMachineRef machine, mw_report *report)
{
    int level = u->options->opt_level & 3;
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    const char *passes = level ? pipelines[level][u->effort] : "";
    LLVMErrorRef error = level ? choose_passes(u, machine, options, &passes) : NULL;
    if (level >= 2) {
        mw_rebase_inductions(u);
        mw_keep_narrow_counters(u);
        mw_share_addresses(u);
    }
    bool whole = level > 0 && passes == pipelines[level][u->effort], usual = whole && level >= 2;
    bool may_copy = !error && usual && !u->has_memory64 && !u->options->strict_traps;
    /* What other threads write into shared memory may be another value at each use, that in the condition and in the loop. */
    bool has_floats = u->effort <= MW_EFFORT_REROLL, may_widen = u->effort != MW_EFFORT_WIDEN && !u->has_shared_memory;
    if (may_copy && (has_floats || (u->effort == MW_EFFORT_LOOPS && may_widen))) {
        error = LLVMRunPasses(u->llvm, before_reroll, machine, options);
        if (!error && has_floats)
            mw_reroll(u);
        if (!error && has_floats && u->effort != MW_EFFORT_WIDEN)
            mw_unroll_pairs(u);
        if (!error && may_widen)
            mw_widen_loops(u);
        if (u->effort != MW_EFFORT_WIDEN)
            passes = has_floats ? after_reroll[level - 2] : after_widen[level - 2];
    }
    /* What other threads write into shared memory may be another value at each use (mw_settle). */
    if (!error && usual && !u->has_shared_memory && u->has_memory64 && after_bounds[level - 2][u->effort]) {
        error = LLVMRunPasses(u->llvm, before_bounds, machine, options);
        mw_hoist_bounds(u);
        passes = after_bounds[level - 2][u->effort];
    }
    if (!error && *passes)
        error = LLVMRunPasses(u->llvm, passes, machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (error) {
        char *message = LLVMGetErrorMessage(error);
        mw_fail(report, MW_ERR_COMPILE, "LLVM cannot optimize the module: %s", message);
        LLVMDisposeErrorMessage(message);
        return MW_ERR_COMPILE;
    }
    if (level > 0) {
        mw_share_addresses(u);
        mw_convert_first(u);
    }
    if (level >= 2) {
        mw_copy_dispatch(u);
        mw_branch_around_roots(u);
        mw_keep_sums(u);
    }
    if (whole)
        mw_keep_extended(u);
    return MW_OK;
}

static unsigned largest_block(const mw_unit *u)
{
    unsigned largest = 0;
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f))
        for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b; b = LLVMGetNextBasicBlock(b)) {
            unsigned n = 0;
            for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i))
                n++;
            largest = n > largest ? n : largest;
        }
    return largest;
}

int mw_codegen_level(const mw_unit *u)
{
    int level = u->options->opt_level & 3;
    if (level == 0 || has_many_promotions(u) || has_many_blocks(u) || mw_chain_score(u) > MAX_CHAINS)
        return 0;
    unsigned largest = largest_block(u);
    return largest > HUGE_BLOCK ? 0 : largest > LARGE_BLOCK ? 1 : level;
}
