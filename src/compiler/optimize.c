#include "compiler/optimize.h"

#include <llvm-c/Error.h>
#include <llvm-c/Support.h>
#include <llvm-c/Transforms/PassBuilder.h>
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
#define FINISH "loop-mssa(licm),div-rem-pairs,simplifycfg"

static const char *const pipelines[4][MW_EFFORTS] = {
    {"", "", "", ""},
    {"function(" CLEAN FINISH ")", "function(" CLEAN FINISH ")", "function(" CLEAN FINISH ")",
     "function(" CLEAN FINISH ")"},
    {"function(" CLEAN LOOPS VECTORIZE SLP FINISH ")", "function(" CLEAN LOOPS VECTORIZE FINISH ")",
     "function(" CLEAN FINISH ")", "function(" LINEAR FINISH ")"},
    {"function(" CLEAN LOOPS VECTORIZE SLP UNROLL FINISH ")", "function(" CLEAN LOOPS VECTORIZE UNROLL FINISH ")",
     "function(" CLEAN FINISH ")", "function(" LINEAR FINISH ")"},
};

/* For modules with a 64-bit memory, from level 2 on: what comes before mw_hoist_bounds, and what comes after it. */
static const char before_bounds[] = "function(" CLEAN ROTATE "loop-simplify)";
#define AFTER_BOUNDS                                                                                \
    "loop-mssa(simple-loop-unswitch<nontrivial>),early-cse,instcombine<no-verify-fixpoint>,simplifycfg,loop-mssa(licm)," INDVARS VECTORIZE
static const char *const after_bounds[2][MW_EFFORTS] = {
    {"function(" AFTER_BOUNDS SLP FINISH ")", "function(" AFTER_BOUNDS FINISH ")"},
    {"function(" AFTER_BOUNDS SLP UNROLL FINISH ")", "function(" AFTER_BOUNDS UNROLL FINISH ")"},
};

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
    };
    LLVMParseCommandLineOptions(sizeof options / sizeof *options, options, "");
}

void mw_llvm_options(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_options);
}

mw_error mw_optimize(mw_unit *u, LLVMTargetMachineRef machine, mw_report *report)
{
    int level = u->options->opt_level & 3;
    const char *passes = pipelines[level][u->effort];
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef error = NULL;
    /* What other threads write into shared memory may be another value at each use (mw_settle). */
    if (u->has_memory64 && !u->has_shared_memory && level >= 2 && after_bounds[level - 2][u->effort]) {
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
    if (level > 0)
        mw_share_addresses(u);
    return MW_OK;
}
