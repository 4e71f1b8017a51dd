/* Debugging information of the object. It serves people, through gdb and perf, and the printer of traps, which needs to
 * find the module's instruction of a pc (runtime/symbolize.c):
 *
 * A module without DWARF: the file is the module, the line of an instruction its byte offset.
 *
 * A module with DWARF: file, line, functions and calls that were inlined are the guest's, and the byte offset is the
 * discriminator of the line. It is the scope of a location that carries it, which LLVM's passes leave alone. Code that
 * belongs to no line has the line of the code before it, marked by column 1; columns are not used otherwise. Functions
 * of which the DWARF knows nothing are as in a module without it. */
#include "compiler/emit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A namespace within more than these is one of the outermost's. */
enum { MAX_NAMESPACES = 32 };

/* An inlined function and where it was called, made for one activation of it in one of the module's functions. */
typedef struct inlined {
    LLVMMetadataRef function, call;
    uint32_t in; /* activation that it was made for; any if `function` is NULL */
} inlined;

/* What a unit has made of the module's debugging information so far; NULL until used. */
struct mw_unit_debug {
    LLVMMetadataRef *files;      /* [nfiles] */
    LLVMMetadataRef *namespaces; /* [nnamespaces] */
    LLVMMetadataRef *functions;  /* [nfunctions]: those that were inlined */
    inlined *scopes;             /* [nscopes] */
};

static void module_flag(mw_unit *u, const char *name, uint32_t value)
{
    LLVMAddModuleFlag(u->llvm, LLVMModuleFlagBehaviorWarning, name, strlen(name),
                      LLVMValueAsMetadata(mw_i32(u, value)));
}

void mw_debug_begin_unit(mw_unit *u, const mw_debug_info *info)
{
    const mw_wasm_name *name = &u->module->name;
    char file[128];
    bool has_suffix = name->len > 5 && !memcmp(name->bytes + name->len - 5, ".wasm", 5);
    snprintf(file, sizeof file, "%.*s%s", name->len ? (int)(name->len < 100 ? name->len : 100) : 6,
             name->len ? name->bytes : "module", has_suffix ? "" : ".wasm");
    for (char *c = file; *c; c++)
        if (!isprint((unsigned char)*c) || *c == '/')
            *c = '_';
    static const char producer[] = "mpiwasm " MW_VERSION;
    LLVMDWARFSourceLanguage language = info && info->is_cxx ? LLVMDWARFSourceLanguageC_plus_plus_14
                                                            : LLVMDWARFSourceLanguageC99;
    module_flag(u, "Debug Info Version", LLVMDebugMetadataVersion());
    module_flag(u, "Dwarf Version", 4);
    u->di = LLVMCreateDIBuilder(u->llvm);
    u->di_file = LLVMDIBuilderCreateFile(u->di, file, strlen(file), "", 0);
    u->di_unit = LLVMDIBuilderCreateCompileUnit(u->di, language, u->di_file, producer, sizeof producer - 1, 1, "", 0, 0,
                                                "", 0, info ? LLVMDWARFEmissionFull : LLVMDWARFEmissionLineTablesOnly,
                                                0, 0, 0, "", 0, "", 0);
    u->di_functype = LLVMDIBuilderCreateSubroutineType(u->di, u->di_file, NULL, 0, LLVMDIFlagZero);
    if (!info)
        return;
    u->debug_info = info;
    u->debug = mw_calloc(1, sizeof *u->debug);
    u->debug->files = mw_calloc(info->nfiles, sizeof *u->debug->files);
    u->debug->namespaces = mw_calloc(info->nnamespaces, sizeof *u->debug->namespaces);
    u->debug->functions = mw_calloc(info->nfunctions, sizeof *u->debug->functions);
    u->debug->scopes = mw_calloc(info->nscopes, sizeof *u->debug->scopes);
}

void mw_debug_end_unit(mw_unit *u)
{
    LLVMDisposeDIBuilder(u->di);
    if (!u->debug)
        return;
    free(u->debug->files);
    free(u->debug->namespaces);
    free(u->debug->functions);
    free(u->debug->scopes);
    free(u->debug);
}

/* ---- Files and functions ------------------------------------------------------------------------------------------ */

static bool is_absolute(mw_wasm_name path)
{
    return path.len && path.bytes[0] == '/';
}

/* gdb looks for the name as it was given to the compiler: directories that were not made absolute there are part of
 * the name, and the working directory is what it is relative to. */
static LLVMMetadataRef make_file(mw_unit *u, const mw_debug_file *file)
{
    mw_wasm_name name = file->name, dir = file->dir, none = {"", 0};
    if (is_absolute(name))
        return LLVMDIBuilderCreateFile(u->di, name.bytes, name.len, "", 0);
    if (!dir.len || is_absolute(dir)) {
        dir = dir.len ? dir : file->base;
        return LLVMDIBuilderCreateFile(u->di, name.bytes, name.len, dir.bytes, dir.len);
    }
    char *path = mw_calloc((size_t)dir.len + name.len + 1, 1);
    memcpy(path, dir.bytes, dir.len);
    path[dir.len] = '/';
    memcpy(path + dir.len + 1, name.bytes, name.len);
    dir = is_absolute(file->base) ? file->base : none;
    LLVMMetadataRef made = LLVMDIBuilderCreateFile(u->di, path, (size_t)file->dir.len + 1 + name.len, dir.bytes, dir.len);
    free(path);
    return made;
}

static LLVMMetadataRef file_of(mw_unit *u, uint32_t file)
{
    if (file == MW_DEBUG_NONE)
        return u->di_file;
    LLVMMetadataRef *made = &u->debug->files[file];
    if (!*made)
        *made = make_file(u, &u->debug_info->files[file]);
    return *made;
}

static LLVMMetadataRef namespace_of(mw_unit *u, uint32_t namespace)
{
    const mw_debug_namespace *all = u->debug_info->namespaces;
    uint32_t chain[MAX_NAMESPACES];
    unsigned n = 0;
    LLVMMetadataRef outer = u->di_file;
    for (uint32_t i = namespace; i != MW_DEBUG_NONE && n < MAX_NAMESPACES; i = all[i].parent) {
        if (u->debug->namespaces[i]) {
            outer = u->debug->namespaces[i];
            break;
        }
        chain[n++] = i;
    }
    while (n--) {
        mw_wasm_name name = all[chain[n]].name;
        outer = LLVMDIBuilderCreateNameSpace(u->di, outer, name.bytes, name.len, 0);
        u->debug->namespaces[chain[n]] = outer;
    }
    return outer;
}

/* A linkage name is of use if it tells more than the name: debuggers show what it demangles to. (That of C's main is
 * __main_argc_argv.) */
static bool is_mangled(mw_wasm_name name)
{
    return name.len > 2 && name.bytes[0] == '_' && (name.bytes[1] == 'Z' || name.bytes[1] == 'R');
}

/* `fallback` is its name if the DWARF has none. */
static LLVMMetadataRef make_function(mw_unit *u, uint32_t function, const char *fallback)
{
    mw_debug_function f = mw_debug_function_at(u->debug_info, function);
    if (!f.name.len)
        f.name = (mw_wasm_name){fallback, (uint32_t)strlen(fallback)};
    if (!is_mangled(f.linkage))
        f.linkage.len = 0;
    return LLVMDIBuilderCreateFunction(u->di, namespace_of(u, f.in), f.name.bytes, f.name.len, f.linkage.bytes,
                                       f.linkage.len, file_of(u, f.file), f.line, u->di_functype, 0, 1, f.line,
                                       LLVMDIFlagZero, 1);
}

static LLVMMetadataRef inlined_function(mw_unit *u, uint32_t function)
{
    static const char unknown[] = "inlined function";
    if (function == MW_DEBUG_NONE)
        return make_function(u, function, unknown);
    LLVMMetadataRef *made = &u->debug->functions[function];
    if (!*made)
        *made = make_function(u, function, unknown);
    return *made;
}

/* ---- One function -------------------------------------------------------------------------------------------------- */

/* Where in the DWARF the instruction that is being emitted is. */
struct mw_function_debug {
    uint32_t row, span;
    const mw_debug_row *last; /* row of the function with a line */
    bool is_module;           /* the DWARF does not know the function: its file is the module */
};

static uint32_t root_of(const mw_debug_info *info, uint32_t scope)
{
    while (scope != MW_DEBUG_NONE && info->scopes[scope].parent != MW_DEBUG_NONE)
        scope = info->scopes[scope].parent;
    return scope;
}

static uint32_t span_scope(const mw_debug_info *info, uint32_t span)
{
    return span == MW_DEBUG_NONE ? MW_DEBUG_NONE : info->spans[span].scope;
}

/* The unit's description of a function whose code is in `root`'s of the DWARF, MW_DEBUG_NONE if that does not know it. */
static LLVMMetadataRef subprogram(mw_unit *u, uint32_t funcidx, uint32_t root)
{
    LLVMMetadataRef *made = &u->subprograms[funcidx];
    if (*made)
        return *made;
    char name[256];
    size_t len = mw_function_name(u->module, funcidx, name, sizeof name), linkage_len;
    if (root != MW_DEBUG_NONE)
        return *made = make_function(u, u->debug_info->scopes[root].function, name);
    const char *linkage = LLVMGetValueName2(mw_llvm_function(u, funcidx), &linkage_len);
    uint32_t line = u->module->funcs[funcidx].offset;
    return *made = LLVMDIBuilderCreateFunction(u->di, u->di_file, name, len, linkage, linkage_len, u->di_file, line,
                                               u->di_functype, 0, 1, line, LLVMDIFlagZero, 1);
}

static void begin(mw_emitter *e)
{
    mw_unit *u = e->unit;
    const mw_debug_info *info = u->debug_info;
    uint32_t root = MW_DEBUG_NONE;
    e->activation = ++u->activations;
    if (info) {
        e->debug = mw_calloc(1, sizeof *e->debug);
        e->debug->row = mw_debug_row_at(info, e->func->offset);
        e->debug->span = mw_debug_span_at(info, e->func->offset);
        root = root_of(info, span_scope(info, e->debug->span));
        e->debug->is_module = root == MW_DEBUG_NONE;
    }
    e->di_scope = subprogram(u, e->funcidx, root);
}

void mw_debug_begin_function(mw_emitter *e)
{
    begin(e);
    LLVMSetSubprogram(e->llvm_func, e->di_scope);
}

void mw_debug_begin_inlined(mw_emitter *e)
{
    e->inlined_at = LLVMGetCurrentDebugLocation2(e->builder);
    begin(e);
}

void mw_debug_end_function(mw_emitter *e)
{
    free(e->debug);
}

/* The function whose code `scope` is, and in *call where that was called; for the function that is emitted, which is the
 * outermost whatever the DWARF says, NULL, or what it is inlined for. */
static LLVMMetadataRef scope_of(mw_emitter *e, uint32_t scope, LLVMMetadataRef *call)
{
    mw_unit *u = e->unit;
    *call = e->inlined_at;
    if (scope == MW_DEBUG_NONE || u->debug_info->scopes[scope].parent == MW_DEBUG_NONE)
        return e->di_scope;
    inlined *made = &u->debug->scopes[scope];
    if (!made->function || made->in != e->activation) {
        const mw_debug_scope *s = &u->debug_info->scopes[scope];
        LLVMMetadataRef outer_call, outer = scope_of(e, s->parent, &outer_call);
        outer = LLVMDIBuilderCreateLexicalBlockFile(u->di, outer, file_of(u, s->call_file), 0);
        made->call = LLVMDIBuilderCreateDebugLocation(u->context, s->call_line, 0, outer, outer_call);
        made->function = inlined_function(u, s->function);
        made->in = e->activation;
    }
    *call = made->call;
    return made->function;
}

static LLVMMetadataRef guest_location(mw_emitter *e, uint32_t offset)
{
    mw_unit *u = e->unit;
    const mw_debug_info *info = u->debug_info;
    struct mw_function_debug *d = e->debug;
    while (d->row + 1 < info->nrows && info->rows[d->row + 1].offset <= offset)
        d->row++;
    while (d->span + 1 < info->nspans && info->spans[d->span + 1].offset <= offset)
        d->span++;
    bool has_line = d->row != MW_DEBUG_NONE && info->rows[d->row].line;
    if (has_line)
        d->last = &info->rows[d->row];
    LLVMMetadataRef call, scope = scope_of(e, span_scope(info, d->span), &call);
    if (!d->last) {
        if (!d->is_module)
            scope = LLVMDIBuilderCreateLexicalBlockFile(u->di, scope, u->di_file, 0);
        return LLVMDIBuilderCreateDebugLocation(u->context, offset, 0, scope, call);
    }
    scope = LLVMDIBuilderCreateLexicalBlockFile(u->di, scope, file_of(u, d->last->file), offset);
    return LLVMDIBuilderCreateDebugLocation(u->context, d->last->line, !has_line, scope, call);
}

void mw_debug_set_offset(mw_emitter *e, uint64_t offset)
{
    e->offset = offset;
    LLVMMetadataRef location = e->debug ? guest_location(e, (uint32_t)offset)
                                        : LLVMDIBuilderCreateDebugLocation(e->unit->context, (unsigned)offset, 0,
                                                                           e->di_scope, e->inlined_at);
    LLVMSetCurrentDebugLocation2(e->builder, location);
}
