/* Traps for people. */
#include "runtime/internal.h"
#include "runtime/symbolize.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const trap_texts[] = {
#define TRAP_TEXT(t, text) text,
    MW_TRAPS(TRAP_TEXT)
#undef TRAP_TEXT
};

const char *mw_trap_text(mw_trap_code code)
{
    return (unsigned)code < MW_TRAP_COUNT ? trap_texts[code] : "unknown trap";
}

/* The plugin that reads line tables lies beside this library. It is loaded now, so that no other run pays for
 * libdw. NULL if it is not there: then offsets are not shown. */
static mw_symbolize_fn *load_symbolizer(void)
{
    static mw_symbolize_fn *symbolize;
    static bool tried;
    if (tried)
        return symbolize;
    tried = true;
    Dl_info info;
    char path[4096];
    if (!dladdr((void *)mw_trap_text, &info) || !info.dli_fname)
        return NULL;
    const char *slash = strrchr(info.dli_fname, '/');
    if (!slash || (size_t)snprintf(path, sizeof path, "%.*s/%s", (int)(slash - info.dli_fname), info.dli_fname,
                                   MW_SYMBOLIZE_LIBRARY) >= sizeof path)
        return NULL;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle)
        symbolize = (mw_symbolize_fn *)dlsym(handle, MW_SYMBOLIZE_SYMBOL);
    return symbolize;
}

/* Names come from the guest: nothing that a terminal obeys is printed. */
static void print_name(const char *name, FILE *to)
{
    for (; *name; name++)
        fputc((unsigned char)*name < 0x20 || *name == 0x7f ? '?' : *name, to);
}

/* The function whose body holds the module's byte `offset`; `fallback` if none does. */
static uint32_t function_of_offset(const mw_code_descriptor *d, uint32_t offset, uint32_t fallback)
{
    uint32_t best = 0, func = fallback;
    for (uint32_t i = 0; d->func_offsets && i < d->nfuncs - d->nimported_funcs; i++) {
        if (d->func_offsets[i] <= offset && d->func_offsets[i] > best) {
            best = d->func_offsets[i];
            func = d->nimported_funcs + i;
        }
    }
    return func;
}

static void print_frame(const char *prefix, unsigned number, const mw_code_descriptor *d, uint32_t func,
                        const uint32_t *offset, FILE *to)
{
    fprintf(to, "%s  #%u ", prefix, number);
    print_name(d->func_names[func], to);
    fprintf(to, " (function %" PRIu32, func);
    if (offset)
        fprintf(to, ", offset 0x%" PRIx32, *offset);
    fputs(")\n", to);
}

void mw_trap_print(const mw_trap *trap, const char *prefix, FILE *to)
{
    fprintf(to, "%strap: %s", prefix, trap->code == MW_TRAP_HOST && trap->message[0] ? trap->message
                                                                                     : mw_trap_text(trap->code));
    if (trap->has_address)
        fprintf(to, " at address 0x%" PRIx64, trap->address);
    if (trap->code != MW_TRAP_HOST && trap->message[0])
        fprintf(to, ": %s", trap->message);
    fputc('\n', to);
    mw_symbolize_fn *symbolize = trap->nframes ? load_symbolizer() : NULL;
    unsigned number = 0;
    for (unsigned i = 0; i < trap->nframes; i++) {
        const mw_frame *f = &trap->frames[i];
        const mw_code *code = mw_code_of_pc(f->pc);
        uint32_t offsets[32];
        unsigned n = symbolize && code ? symbolize(code->path, f->pc - code->load_bias, offsets, 32) : 0;
        /* One machine frame is a frame of the guest's for each function that was inlined into it. */
        uint32_t func = UINT32_MAX;
        for (unsigned k = 0; k < n; k++) {
            func = function_of_offset(f->code, offsets[k], f->func);
            print_frame(prefix, number++, f->code, func, &offsets[k], to);
        }
        if (func != f->func)
            print_frame(prefix, number++, f->code, f->func, NULL, to);
    }
    if (trap->truncated)
        fprintf(to, "%s  ... more frames\n", prefix);
    fflush(to);
}
