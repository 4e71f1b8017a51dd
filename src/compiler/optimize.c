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
#define LOOPS "loop-mssa(loop-rotate,licm),gvn,loop(indvars,loop-deletion),"
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
    LLVMErrorRef error = *passes ? LLVMRunPasses(u->llvm, passes, machine, options) : NULL;
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
