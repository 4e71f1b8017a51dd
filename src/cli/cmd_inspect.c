#include "cli/commands.h"
#include "cli/launcher.h"
#include "cli/message.h"
#include "cli/plugins.h"
#include "cli/prepare.h"
#include "runtime/types.h"
#include "wasm/dwarf.h"

#include <stdlib.h>
#include <string.h>

/* Names are the module's: control characters must not reach the terminal. */
static void print_name(const mw_wasm_name *name)
{
    for (uint32_t i = 0; i < name->len; i++) {
        unsigned char c = (unsigned char)name->bytes[i];
        if (c < 0x20 || c == 0x7f)
            printf("\\%02x", c);
        else
            putchar(c);
    }
}

static void print_limits(const mw_wasm_limits *limits, const char *unit)
{
    printf("%llu", (unsigned long long)limits->min);
    if (limits->max == UINT64_MAX)
        printf(" %s, no maximum", unit);
    else
        printf(" to %llu %s", (unsigned long long)limits->max, unit);
}

/* A function type for the runtime's functions that print and compare them; owned by the caller. Value types have one
 * encoding in decoder and runtime, but for the indices in references: these stay the module's. */
static mw_functype *functype_of(const mw_module *m, uint32_t index)
{
    const mw_wasm_functype *type = &m->types[index];
    size_t n = type->nparams + type->nresults;
    mw_functype *copy = malloc(sizeof *copy + n * sizeof *copy->types);
    if (!copy) {
        mw_message("out of memory");
        exit(MW_EXIT_FAILURE);
    }
    *copy = (mw_functype){.nparams = type->nparams, .nresults = type->nresults};
    memcpy(copy->types, type->types, n * sizeof *copy->types);
    return copy;
}

static void functype_text(const mw_module *m, uint32_t index, char *text, size_t size)
{
    mw_functype *type = functype_of(m, index);
    mw_functype_print(type, text, size);
    free(type);
}

static void print_extern(const mw_module *m, mw_wasm_extern_kind kind, uint32_t index)
{
    char text[256];
    switch (kind) {
    case MW_WASM_FUNC:
        functype_text(m, m->funcs[index].type, text, sizeof text);
        printf("function %s", text);
        break;
    case MW_WASM_TABLE:
        printf("table of ");
        print_limits(&m->tables[index].limits, mw_valtype_name(m->tables[index].type).s);
        break;
    case MW_WASM_MEMORY:
        printf("%smemory of ", m->memories[index].limits.shared ? "shared " : "");
        print_limits(&m->memories[index].limits, "pages");
        break;
    case MW_WASM_GLOBAL:
        printf("%sglobal %s", m->globals[index].is_mutable ? "mutable " : "", mw_valtype_name(m->globals[index].type).s);
        break;
    case MW_WASM_TAG:
        functype_text(m, m->tags[index].type, text, sizeof text);
        printf("tag %.*s", (int)strcspn(text, ">") - 2, text);
        break;
    }
}

/* ---- Whether this host can run it ------------------------------------------------------------------------ */

static bool name_is(const mw_wasm_name *name, const char *text)
{
    return strlen(text) == name->len && memcmp(name->bytes, text, name->len) == 0;
}

/* The host function for `import` among `modules`, or NULL. */
static const mw_host_func *find_host(const mw_host_module *modules, const mw_wasm_import *import)
{
    for (; modules && modules->name; modules++)
        for (uint32_t i = 0; name_is(&import->module, modules->name) && i < modules->nfuncs; i++)
            if (name_is(&import->name, modules->funcs[i].name))
                return &modules->funcs[i];
    return NULL;
}

static bool has_signature(const mw_module *m, uint32_t func, const char *signature)
{
    mw_functype *type = functype_of(m, m->funcs[func].type);
    bool matches = mw_functype_matches(type, signature);
    free(type);
    return matches;
}

static bool is_mpi_import(const mw_wasm_import *import)
{
    return mw_is_mpi_import(import->module.bytes, import->module.len, import->name.bytes, import->name.len);
}

typedef struct inspection {
    unsigned mpi_imports, legacy_imports, missing;
    const mw_mpi_plugin *mpi; /* NULL: none was loaded */
} inspection;

static bool has_wide_memory(const mw_module *m)
{
    return m->nmemories && m->memories[0].limits.is64;
}

static void inspect_import(const mw_module *m, const mw_wasm_import *import, inspection *in)
{
    const char *note = "";
    if (is_mpi_import(import) && !in->mpi) {
        note = "   (no host MPI to compare with)";
    } else if (import->kind == MW_WASM_MEMORY && m->memories[import->index].limits.shared) {
        note = "   (made for the process)";
    } else {
        const mw_host_func *host = import->kind == MW_WASM_FUNC ? find_host(mw_wasi_modules(has_wide_memory(m)), import) : NULL;
        if (!host && in->mpi && import->kind == MW_WASM_FUNC)
            host = find_host(in->mpi->modules, import);
        if (!host || !has_signature(m, import->index, host->signature)) {
            in->missing++;
            note = host ? "   MISSING: the host's has another type" : "   MISSING on this host";
        }
    }
    printf("  ");
    print_name(&import->module);
    putchar('.');
    print_name(&import->name);
    printf(": ");
    print_extern(m, import->kind, import->index);
    printf("%s\n", note);
}

static void print_features(uint64_t features)
{
    printf("features:  ");
    if (!features)
        printf(" none beyond WebAssembly 1.0");
    for (; features; features &= features - 1)
        printf(" %s", mw_feature_name(features));
    putchar('\n');
}

static bool has_lines(const mw_debug_info *info, const mw_wasm_func *func)
{
    uint32_t row = info ? mw_debug_row_at(info, func->offset) : MW_DEBUG_NONE;
    for (; row != MW_DEBUG_NONE && row < info->nrows && info->rows[row].offset < func->offset + func->code_size; row++)
        if (info->rows[row].line)
            return true;
    return false;
}

/* What traps, gdb and perf can show. */
static void print_debugging(const mw_module *m)
{
    mw_debug_info *info = mw_debug_info_read(m);
    uint32_t names = 0, lines = 0;
    for (uint32_t i = 0; i < m->nfuncs; i++) {
        names += m->funcs[i].name.len != 0;
        lines += i >= m->nimported_funcs && has_lines(info, &m->funcs[i]);
    }
    printf("debugging:  names of %u functions, source lines of %u\n", names, lines);
    mw_debug_info_free(info);
}

static void count_mpi(const mw_module *m, inspection *in)
{
    for (uint32_t i = 0; i < m->nimports; i++)
        if (is_mpi_import(&m->imports[i])) {
            in->mpi_imports++;
            in->legacy_imports += name_is(&m->imports[i].module, "env");
        }
}

static int inspect_module(const mw_module *m, const mw_file *file, const mw_options *options)
{
    inspection in = {0};
    mw_report mpi_report = MW_REPORT_INIT;
    count_mpi(m, &in);
    if (in.mpi_imports) {
        mw_launcher launcher = mw_launcher_detect();
        if (mw_load_mpi(options->mpi, has_wide_memory(m) ? 64 : 32, &launcher, &mpi_report, &in.mpi) != MW_OK)
            in.mpi = NULL;
    }
    printf("module:     %s, %zu bytes", file->path, file->size);
    if (m->name.len) {
        printf(", named ");
        print_name(&m->name);
    }
    printf("\n");
    print_features(m->features);
    printf("guest ABI:  %s\n", in.legacy_imports ? "the paper's artifact (imports from env)"
                               : in.mpi_imports  ? "MPI 5.0 (imports from mpi_abi_1)"
                                                 : "no MPI");
    for (uint32_t i = 0; i < m->nmemories; i++) {
        printf("memory %u:   ", i);
        print_limits(&m->memories[i].limits, "pages of 64 KiB");
        printf("\n");
    }
    printf("functions:  %u, of which %u imported\n", m->nfuncs, m->nimported_funcs);
    print_debugging(m);
    printf("imports:    %u\n", m->nimports);
    for (uint32_t i = 0; i < m->nimports; i++)
        inspect_import(m, &m->imports[i], &in);
    printf("exports:    %u\n", m->nexports);
    bool has_start = false;
    for (uint32_t i = 0; i < m->nexports; i++) {
        printf("  ");
        print_name(&m->exports[i].name);
        printf(": ");
        print_extern(m, m->exports[i].kind, m->exports[i].index);
        printf("\n");
        has_start |= name_is(&m->exports[i].name, "_start") && m->exports[i].kind == MW_WASM_FUNC;
    }
    if (in.mpi)
        printf("host MPI:   %s\n", in.mpi->host_name);
    else if (in.mpi_imports)
        printf("host MPI:   none: %s\n", mpi_report.message);
    bool runs = !in.missing && has_start && (in.mpi || !in.mpi_imports);
    printf("this host:  %s\n", runs         ? "can run it"
                               : in.missing ? "cannot run it: imports are missing"
                               : !has_start ? "cannot run it: it exports no _start"
                                            : "cannot run it: no host MPI");
    return runs ? MW_EXIT_OK : MW_EXIT_FAILURE;
}

static int inspect_object(const mw_file *file)
{
    mw_report report = MW_REPORT_INIT;
    mw_code *code;
    if (mw_code_load(file->path, NULL, &report, &code) != MW_OK) {
        mw_message("%s", report.message);
        return MW_EXIT_FAILURE;
    }
    const mw_code_descriptor *d = mw_code_descriptor_of(code);
    printf("object:     %s, %zu bytes, ABI version %u\n", file->path, file->size, d->abi_version);
    printf("made by:    %s\ntarget:     %s, %s\nCPU needs:  %s\n", d->compiler, d->triple, d->cpu, d->features);
    print_features(d->module_features);
    printf("functions:  %u, of which %u imported\nimports:    %u\nexports:    %u\n", d->nfuncs, d->nimported_funcs,
           d->nimports, d->nexports);
    mw_code_unload(code);
    return MW_EXIT_OK;
}

int mw_cmd_inspect(const mw_options *options)
{
    mw_report report = MW_REPORT_INIT;
    mw_file file;
    mw_file_kind kind;
    mw_module *module;
    mw_error error = mw_file_open(options->args[0], &report, &file, &kind);
    if (error == MW_OK && kind == MW_FILE_OBJECT)
        return inspect_object(&file);
    if (error == MW_OK)
        error = mw_file_validate(&file, options->disabled_features, &report, &module);
    if (error != MW_OK) {
        mw_message("%s", report.message);
        return error == MW_ERR_IO ? MW_EXIT_NOT_FOUND : MW_EXIT_FAILURE;
    }
    int code = inspect_module(module, &file, options);
    mw_module_free(module);
    mw_file_close(&file);
    return code;
}
