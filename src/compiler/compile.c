/* The compiler's entry: functions are split into units, units are compiled side by side, objects are linked. */
#include "compiler/c_calls.h"
#include "compiler/compiler.h"
#include "compiler/control.h"
#include "compiler/fixed_table.h"
#include "compiler/inline.h"
#include "compiler/link.h"
#include "compiler/optimize.h"
#include "compiler/target.h"

#include <errno.h>
#include <llvm-c/Analysis.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A unit holds functions that get the same effort, neighbours in the module among these, about this many bytes of their
 * code: enough units for many cores, few enough that what a unit costs by itself does not count. The split depends on
 * the module only, so that the object does not depend on the number of threads. */
enum { UNIT_BYTES = 24 << 10, THREAD_STACK = 64 << 20 };

/* One unit's work: functions, or the descriptor if there are none. */
typedef struct job {
    const uint32_t *funcs; /* indices, in compilation.order */
    uint32_t nfuncs;
    mw_effort effort;
    int object; /* file descriptor of the object, -1 until it is there */
    mw_report report;
} job;

typedef struct compilation {
    const mw_module *module;
    mw_debug_info *debug_info; /* the module's, NULL if it has none */
    const mw_compile_options *options;
    const mw_hash *key;
    const char *path;
    mw_target target;
    mw_fixed_table *fixed_tables;
    mw_adapters *adapters;
    bool *inlined; /* inline.h */
    uint32_t *order; /* the defined functions, those that take most effort first */
    job *jobs;
    unsigned njobs;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned next, running, done; /* jobs taken, at work on, finished */
} compilation;

/* ---- One unit --------------------------------------------------------------------------------------------------- */

static mw_error verify(mw_unit *u, mw_report *report)
{
    char *message = NULL;
    mw_error error = MW_OK;
    if (LLVMVerifyModule(u->llvm, LLVMReturnStatusAction, &message))
        error = mw_fail(report, MW_ERR_COMPILE, "the compiler made invalid code, which is a bug of it: %.800s", message);
    LLVMDisposeMessage(message);
    return error;
}

/* Leaves the unit's IR or assembly beside the object: <path>.<unit>.<suffix>. */
static mw_error keep(const compilation *c, unsigned index, mw_unit *u, LLVMTargetMachineRef machine, const char *suffix,
                     mw_report *report)
{
    char name[4200], *message = NULL;
    snprintf(name, sizeof name, "%s.%u.%s", c->path, index, suffix);
    bool failed = machine ? LLVMTargetMachineEmitToFile(machine, u->llvm, name, LLVMAssemblyFile, &message)
                          : LLVMPrintModuleToFile(u->llvm, name, &message);
    mw_error error = failed ? mw_fail(report, MW_ERR_IO, "cannot write %s: %s", name, message) : MW_OK;
    LLVMDisposeMessage(message);
    return error;
}

static mw_error emit_object(job *j, mw_unit *u, LLVMTargetMachineRef machine)
{
    char *message = NULL;
    LLVMMemoryBufferRef buffer;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, u->llvm, LLVMObjectFile, &message, &buffer)) {
        mw_fail(&j->report, MW_ERR_COMPILE, "LLVM cannot make code: %s", message);
        LLVMDisposeMessage(message);
        return MW_ERR_COMPILE;
    }
    j->object = mw_object_file(LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer));
    int error = errno;
    LLVMDisposeMemoryBuffer(buffer);
    if (j->object < 0)
        return mw_fail(&j->report, MW_ERR_IO, "cannot keep an object in memory: %s", strerror(error));
    return MW_OK;
}

static void emit_code(const compilation *c, const job *j, mw_unit *u)
{
    for (uint32_t i = 0; i < j->nfuncs; i++)
        mw_emit_function(u, j->funcs[i]);
    if (j->nfuncs == 0) {
        mw_emit_descriptor(u, c->key);
        mw_emit_libcalls(u);
        mw_emit_fixed_tables(u);
        if (mw_unit_throws(u))
            mw_emit_personality(u);
    }
    LLVMDIBuilderFinalize(u->di);
}

static mw_error compile_unit(const compilation *c, unsigned index)
{
    job *j = &c->jobs[index];
    LLVMTargetMachineRef machine = mw_target_machine(&c->target, c->options->opt_level);
    if (!machine)
        return mw_fail(&j->report, MW_ERR_COMPILE, "LLVM has no code generator for %s", c->target.triple);
    bool keeping = c->options->keep_intermediate;
    mw_unit u;
    mw_unit_init(&u, c->module, c->debug_info, c->options, &c->target, j->effort, machine);
    u.fixed_tables = c->fixed_tables;
    u.adapters = c->adapters;
    u.inlined = c->inlined;
    emit_code(c, j, &u);
    mw_error error = keeping ? keep(c, index, &u, NULL, "before.ll", &j->report) : MW_OK;
    if (!error)
        error = verify(&u, &j->report);
    if (!error)
        error = mw_optimize(&u, machine, &j->report);
    int level = error ? c->options->opt_level : mw_codegen_level(&u);
    if (level != c->options->opt_level) {
        LLVMDisposeTargetMachine(machine);
        machine = mw_target_machine(&c->target, level);
    }
    if (!error && keeping)
        error = keep(c, index, &u, NULL, "ll", &j->report);
    if (!error && keeping) {
        /* Code generation changes the IR, so the assembly is made from a copy. */
        LLVMModuleRef original = u.llvm;
        u.llvm = LLVMCloneModule(original);
        error = keep(c, index, &u, machine, "s", &j->report);
        LLVMDisposeModule(u.llvm);
        u.llvm = original;
    }
    if (!error)
        error = emit_object(j, &u, machine);
    mw_unit_free(&u);
    LLVMDisposeTargetMachine(machine);
    return error;
}

/* ---- All units -------------------------------------------------------------------------------------------------- */

static void *work(void *arg)
{
    compilation *c = arg;
    pthread_mutex_lock(&c->lock);
    while (c->next < c->njobs) {
        unsigned index = c->next++;
        c->running++;
        pthread_mutex_unlock(&c->lock);
        mw_error error = compile_unit(c, index);
        pthread_mutex_lock(&c->lock);
        if (error)
            c->next = c->njobs;
        c->running--;
        c->done++;
        pthread_cond_signal(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

static unsigned thread_count(const compilation *c)
{
    cpu_set_t cpus;
    unsigned n = (unsigned)c->options->threads;
    if (c->options->threads <= 0)
        n = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (unsigned)CPU_COUNT(&cpus) : 1;
    return n < c->njobs ? n : c->njobs;
}

/* Splits the functions order[0..n), which get the same effort. */
static void split(compilation *c, const uint32_t *order, uint32_t n, mw_effort effort)
{
    for (uint32_t i = 0; i < n;) {
        job *j = &c->jobs[c->njobs++];
        *j = (job){.funcs = order + i, .effort = effort, .object = -1, .report = MW_REPORT_INIT};
        for (uint32_t size = 0; i < n && size < UNIT_BYTES; i++, j->nfuncs++)
            size += c->module->funcs[order[i]].code_size;
    }
}

static void make_jobs(compilation *c)
{
    const mw_module *m = c->module;
    uint32_t n = m->nfuncs - m->nimported_funcs, done = 0;
    mw_effort *efforts = mw_calloc(n, sizeof *efforts);
    c->order = mw_calloc(n, sizeof *c->order);
    c->jobs = mw_calloc((size_t)n + 1, sizeof *c->jobs);
    for (uint32_t i = 0; i < n; i++)
        efforts[i] = mw_scan_effort(m, c->inlined, c->fixed_tables, m->nimported_funcs + i);
    for (int effort = 0; effort < MW_EFFORTS; effort++) {
        uint32_t first = done;
        for (uint32_t i = 0; i < n; i++)
            if (efforts[i] == (mw_effort)effort)
                c->order[done++] = m->nimported_funcs + i;
        split(c, c->order + first, done - first, effort);
    }
    c->jobs[c->njobs++] = (job){.effort = MW_EFFORT_LITTLE, .object = -1, .report = MW_REPORT_INIT};
    free(efforts);
}

static mw_error run_jobs(compilation *c, mw_report *report)
{
    unsigned n = thread_count(c), started = 0;
    pthread_t *threads = mw_calloc(n, sizeof *threads);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK); /* LLVM recurses on what it compiles */
    while (started < n && pthread_create(&threads[started], &attributes, work, c) == 0)
        started++;
    pthread_attr_destroy(&attributes);
    pthread_mutex_lock(&c->lock);
    for (unsigned shown = 0; started && (c->next < c->njobs || c->running); shown = c->done) {
        pthread_cond_wait(&c->changed, &c->lock);
        unsigned done = c->done;
        if (c->options->progress && done != shown) {
            pthread_mutex_unlock(&c->lock);
            c->options->progress(c->options->progress_arg, done, c->njobs);
            pthread_mutex_lock(&c->lock);
        }
    }
    pthread_mutex_unlock(&c->lock);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    if (!started)
        return mw_fail(report, MW_ERR_NO_MEMORY, "cannot start a thread to compile");
    for (unsigned i = 0; i < c->njobs; i++)
        if (c->jobs[i].report.error)
            return mw_fail(report, c->jobs[i].report.error, "%s", c->jobs[i].report.message);
    return MW_OK;
}

static mw_error link_objects(compilation *c, mw_report *report)
{
    int *objects = mw_calloc(c->njobs, sizeof *objects);
    for (unsigned i = 0; i < c->njobs; i++)
        objects[i] = c->jobs[i].object;
    mw_error error = mw_link(&c->target, objects, c->njobs, c->path, report);
    free(objects);
    return error;
}

static mw_error compile(const mw_module *module, const mw_compile_options *options, const mw_hash *key,
                        const char *path, mw_report *report)
{
    compilation c = {.module = module, .options = options, .key = key, .path = path};
    mw_llvm_options();
    mw_error error = mw_target_init(&c.target, options, report);
    if (error)
        return error;
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.changed, NULL);
    c.debug_info = mw_debug_info_read(module);
    c.inlined = mw_inlined_read(module, options);
    c.fixed_tables = mw_fixed_tables_read(module, options, c.inlined);
    c.adapters = mw_adapters_read(module, options);
    make_jobs(&c);
    error = run_jobs(&c, report);
    if (!error)
        error = link_objects(&c, report);
    for (unsigned i = 0; i < c.njobs; i++)
        if (c.jobs[i].object >= 0)
            close(c.jobs[i].object);
    free(c.jobs);
    free(c.order);
    mw_debug_info_free(c.debug_info);
    mw_fixed_tables_free(module, c.fixed_tables);
    mw_adapters_free(c.adapters);
    free(c.inlined);
    pthread_cond_destroy(&c.changed);
    pthread_mutex_destroy(&c.lock);
    mw_target_free(&c.target);
    return error;
}

__attribute__((visibility("default"))) const mw_compiler *mw_compiler_entry(void)
{
    static const mw_compiler compiler = {MW_ABI_VERSION, "LLVM " MW_LLVM_VERSION, compile};
    return &compiler;
}
