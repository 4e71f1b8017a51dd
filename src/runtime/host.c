/* What host modules use (host_module.h). */
#include "runtime/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void mw_raise_trap(mw_instance *instance, mw_trap_code trap, const char *format, ...)
{
    char message[sizeof ((mw_trap *)0)->message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    mw_run_trap(instance, trap, message);
}

void mw_raise_exit(mw_instance *instance, int code)
{
    (void)instance;
    mw_run_exit(code);
}

const mw_func *mw_guest_function(mw_instance *instance, uint64_t index, const char *signature)
{
    static const char table_name[] = "__indirect_function_table";
    const mw_code_descriptor *d = instance->code;
    uint32_t tableidx = 0;
    for (uint32_t i = 0; i < d->nexports; i++)
        if (d->exports[i].kind == MW_EXTERN_TABLE && d->exports[i].name_len == sizeof table_name - 1 &&
            !memcmp(d->exports[i].name, table_name, sizeof table_name - 1))
            tableidx = d->exports[i].index;
    if (tableidx >= d->ntables || d->tables[tableidx].type != MW_FUNCREF)
        return NULL;
    const mw_table *table = instance->tables[tableidx];
    if (index >= __atomic_load_n(&table->size, __ATOMIC_ACQUIRE))
        return NULL;
    const mw_func *func = table->elems[index];
    if (!func || !mw_functype_matches(mw_functype_of(func->type_id), signature))
        return NULL;
    return func->instance->first ? &func->instance->first->funcs[func->index] : func;
}

const mw_func *mw_exported_function(mw_instance *instance, const char *name, const char *signature)
{
    mw_extern value;
    if (!mw_instance_export(instance, name, strlen(name), &value) || value.kind != MW_EXTERN_FUNC)
        return NULL;
    return mw_functype_matches(mw_functype_of(value.of.func->type_id), signature) ? value.of.func : NULL;
}

int64_t mw_guest_memory_grow(mw_instance *instance, uint64_t pages)
{
    return instance->code->nmemories ? mw_memory_grow(instance->memories[0], pages) : -1;
}
