/* wasi-threads: what modules built for wasm32-wasi-threads import beside preview 1. */
#include "wasi/state.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

static uint32_t thread_spawn(mw_instance *instance, uint32_t arg)
{
    const mw_wasi_state *state = mw_wasi_state_of(instance);
    uint32_t id = mw_threads_spawn(state->threads, instance, state->thread_start, (int32_t)arg);
    return id ? id : -(uint32_t)MW_WASI_EAGAIN;
}

const mw_host_func mw_wasi_thread_funcs[1] = {{"thread-spawn", "i:i", (mw_code_ptr)thread_spawn}};

/* What this process may use of the machine: where a launcher binds ranks to cores, not all of it. */
static uint32_t processors(mw_instance *instance)
{
    (void)instance;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (uint32_t)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more than a cpu_set_t has bits */
    return online > 0 ? (uint32_t)online : 1;
}

const mw_host_func mw_wasi_own_funcs[1] = {{"processors", ":i", (mw_code_ptr)processors}};

bool mw_wasi_can_spawn(const mw_instance *instance)
{
    const mw_code_descriptor *d = instance->code;
    static const char module[] = "wasi", name[] = "thread-spawn";
    for (uint32_t i = 0; i < d->nimports; i++) {
        const mw_import_desc *import = &d->imports[i];
        if (import->kind == MW_EXTERN_FUNC && import->module_len == strlen(module) &&
            !memcmp(import->module, module, import->module_len) && import->name_len == strlen(name) &&
            !memcmp(import->name, name, import->name_len))
            return true;
    }
    return false;
}

mw_error mw_wasi_threads_attach(mw_wasi_state *state, mw_instance *instance, mw_report *report)
{
    if (!mw_wasi_can_spawn(instance))
        return MW_OK;
    const mw_code_descriptor *d = instance->code;
    const mw_func *start = mw_exported_function(instance, "wasi_thread_start", "ii:");
    if (!start)
        return mw_fail(report, MW_ERR_LINK, "the module starts threads (it imports wasi.thread-spawn), but exports no "
                       "function wasi_thread_start (i32, i32) -> () for them to run");
    if (!d->nimported_memories || !d->memories[0].shared)
        return mw_fail(report, MW_ERR_LINK, "the module starts threads (it imports wasi.thread-spawn), but its memory "
                       "is not an imported, shared one (link with --import-memory --shared-memory)");
    mw_error error = mw_instance_check_sharing(instance, report);
    if (error != MW_OK)
        return error;
    state->thread_start = (uint32_t)(start - instance->funcs);
    return mw_threads_new(state->config.max_threads, state->config.end_thread, report, &state->threads);
}
