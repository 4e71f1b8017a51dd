/* The linker: what an instance's imports can be (specification 4.5.3). */
#include "runtime/internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct definition {
    struct definition *older;
    const mw_host_module *host; /* a host module, or */
    mw_instance *instance;      /* all exports of an instance under `module`, or */
    mw_extern value;            /* one value under `module` and `name` */
    char *module, *name;
} definition;

struct mw_linker {
    definition *newest; /* looked through from the newest to the oldest: later definitions hide earlier ones */
    mw_instance *orphans;
};

mw_error mw_linker_new(mw_report *report, mw_linker **out)
{
    mw_linker *linker = calloc(1, sizeof *linker);
    if (!linker)
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    *out = linker;
    return MW_OK;
}

static void free_definition(definition *d)
{
    if (d) {
        free(d->module);
        free(d->name);
        free(d);
    }
}

void mw_linker_free(mw_linker *linker)
{
    if (!linker)
        return;
    while (linker->newest) {
        definition *d = linker->newest;
        linker->newest = d->older;
        if (d->value.kind == MW_EXTERN_MEMORY)
            mw_memory_release(d->value.of.memory);
        free_definition(d);
    }
    while (linker->orphans) {
        mw_instance *orphan = linker->orphans;
        linker->orphans = mw_private(orphan)->next_orphan;
        mw_instance_free(orphan);
    }
    free(linker);
}

void mw_linker_adopt(mw_linker *linker, mw_instance *orphan)
{
    mw_private(orphan)->next_orphan = linker->orphans;
    linker->orphans = orphan;
}

static mw_error add(mw_linker *linker, definition d, const char *module, const char *name, mw_report *report)
{
    definition *copy = malloc(sizeof *copy);
    if (copy) {
        *copy = d;
        copy->module = module ? strdup(module) : NULL;
        copy->name = name ? strdup(name) : NULL;
    }
    if (!copy || (module && !copy->module) || (name && !copy->name)) {
        free_definition(copy);
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    }
    copy->older = linker->newest;
    linker->newest = copy;
    return MW_OK;
}

mw_error mw_linker_add_host(mw_linker *linker, const mw_host_module *module, mw_report *report)
{
    return add(linker, (definition){.host = module}, NULL, NULL, report);
}

mw_error mw_linker_add_instance(mw_linker *linker, const char *name, mw_instance *instance, mw_report *report)
{
    return add(linker, (definition){.instance = instance}, name, NULL, report);
}

mw_error mw_linker_add_extern(mw_linker *linker, const char *module, const char *name, mw_extern value,
                              mw_report *report)
{
    mw_error error = add(linker, (definition){.value = value}, module, name, report);
    if (error == MW_OK && value.kind == MW_EXTERN_MEMORY)
        mw_memory_hold(value.of.memory);
    return error;
}

/* Names of definitions are strings; a module that imports its memory under a name with a NUL in it gets none. */
static mw_error add_memory(mw_linker *linker, const mw_import_desc *import, mw_memory_desc desc, uint64_t *left,
                           mw_report *report)
{
    char *module = strndup(import->module, import->module_len), *name = strndup(import->name, import->name_len);
    mw_memory *memory = NULL;
    mw_error error = module && name ? mw_shared_memory_create(desc, left, report, &memory)
                                    : mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    if (error == MW_OK) {
        mw_extern value = {.kind = MW_EXTERN_MEMORY, .of.memory = memory};
        error = mw_linker_add_extern(linker, module, name, value, report);
        mw_memory_release(memory);
    }
    free(module);
    free(name);
    return error;
}

mw_error mw_linker_add_memories(mw_linker *linker, mw_code *code, mw_instance_limits *limits, mw_report *report)
{
    const mw_code_descriptor *d = code->desc;
    uint64_t left = limits->max_memory_pages;
    mw_error error = MW_OK;
    for (uint32_t i = 0; i < d->nimports && error == MW_OK; i++) {
        const mw_import_desc *import = &d->imports[i];
        mw_definition found;
        if (import->kind == MW_EXTERN_MEMORY && d->memories[import->index].shared &&
            !mw_linker_find(linker, import, &found))
            error = add_memory(linker, import, d->memories[import->index],
                               limits->max_memory_pages ? &left : NULL, report);
    }
    if (limits->max_memory_pages)
        limits->max_memory_pages = left ? left : MW_NO_MORE_PAGES;
    return error;
}

/* Orders a NUL-terminated name and one with a length, which may contain NULs, as strcmp would. */
static int compare_name(const char *name, const char *bytes, uint32_t len)
{
    size_t name_len = strlen(name);
    int order = memcmp(name, bytes, name_len < len ? name_len : len);
    return order ? order : (name_len > len) - (name_len < len);
}

static const mw_host_func *find_host(const mw_host_module *module, const char *name, uint32_t len)
{
    uint32_t low = 0, high = module->nfuncs;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_name(module->funcs[middle].name, name, len);
        if (order == 0)
            return &module->funcs[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool mw_linker_find(const mw_linker *linker, const mw_import_desc *import, mw_definition *out)
{
    *out = (mw_definition){0};
    for (const definition *d = linker->newest; d; d = d->older) {
        if (compare_name(d->host ? d->host->name : d->module, import->module, import->module_len))
            continue;
        if (d->host) {
            const mw_host_func *func = find_host(d->host, import->name, import->name_len);
            if (!func)
                continue;
            const mw_functype *type = mw_functype_of_signature(func->signature);
            out->is_host = true;
            out->bad_signature = !type;
            out->value.kind = MW_EXTERN_FUNC;
            out->host = (mw_func){.code = func->code, .type_id = type ? type->id : 0};
            return true;
        }
        if (d->instance) {
            if (mw_instance_export(d->instance, import->name, import->name_len, &out->value))
                return true;
        } else if (!compare_name(d->name, import->name, import->name_len)) {
            out->value = d->value;
            return true;
        }
    }
    return false;
}
