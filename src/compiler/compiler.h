/* The compiler: WebAssembly to an ELF shared object through LLVM. A plugin (libmpiwasm-compiler.so) that is
 * loaded on a cache miss only; mw_compiler_entry is its one symbol. */
#ifndef MW_COMPILER_COMPILER_H
#define MW_COMPILER_COMPILER_H

#include "base/hash.h"
#include "base/report.h"
#include "wasm/module.h"
#include <stdbool.h>

typedef struct mw_compile_options {
    const char *triple;    /* NULL: this host's */
    const char *cpu;       /* NULL: this host's, with its features; a CPU's name as LLVM knows it otherwise */
    const char *features;  /* NULL or "+a,-b,...", added to those of the CPU */
    int opt_level;         /* 0 to 3 */
    int threads;           /* 0: one for each core that this process may use */
    bool strict_traps;     /* keep loads whose value is unused, as they may trap */
    bool fp_contract_fast; /* a*b+c may become a fused multiply-add: results depend on the CPU */
    bool fast_math;        /* reassociation and the rest of -ffast-math */
    bool relaxed_simd_fast; /* relaxed vector instructions as this CPU does them best, not as everywhere */
    bool closed;           /* no other module is linked with this one: what it exports, only its own code changes */
    bool keep_intermediate; /* leave LLVM IR and assembly beside the object */
    /* Called now and then, always from the calling thread; may be NULL. */
    void (*progress)(void *arg, unsigned done, unsigned total);
    void *progress_arg;
} mw_compile_options;

typedef struct mw_compiler {
    uint32_t abi_version; /* MW_ABI_VERSION of this plugin */
    const char *version;  /* "LLVM 22.1.8" */

    /* Compiles a validated module into the file `path` (created or truncated; removed again on failure). `key`
     * goes into the descriptor. Options that cannot be honoured (an unknown CPU, a target that LLVM was built
     * without) are an error. The cache key is made without the compiler (cli/key.c): a cached start loads no LLVM. */
    mw_error (*compile)(const mw_module *module, const mw_compile_options *options, const mw_hash *key,
                        const char *path, mw_report *report);
} mw_compiler;

/* Static; never NULL. */
const mw_compiler *mw_compiler_entry(void);

#endif
