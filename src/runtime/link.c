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
    return add(linker, (definition){.value = value}, module, name, report);
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
