/* Runs modules for tests/spec/spec.py, one request a line on standard input, one answer a line on standard output.
 * Strings are hexadecimal, values are type:hexadecimal digits (v128 in memory order; references are "null", or
 * "ref" for a function and the embedder's number for an externref).
 *
 *     check PATH FEATURES              decode and validate
 *     load ID PATH FEATURES            decode, validate, compile, load, instantiate, run the start function
 *     register ID NAME                 offer the exports of instance ID to the modules that follow
 *     invoke ID NAME VALUE...          call an exported function
 *     get ID NAME                      read an exported global
 *
 * Answers: "ok VALUE...", "trap CODE TEXT", "exit CODE", "err STAGE ERROR OFFSET MESSAGE". */
#include "abi/abi.h"
#include "compiler/compiler.h"
#include "runtime/instance.h"
#include "runtime/trap.h"
#include "wasm/module.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_INSTANCES = 4096, MAX_VALUES = 1024 };

static const mw_compiler *compiler;
static mw_compile_options options = {.opt_level = 1, .threads = 1, .strict_traps = true};
static mw_linker *linker;
static mw_instance *instances[MAX_INSTANCES];
static char directory[256];
static mw_trap trap; /* too large for a frame on a small stack */

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "spec_server: %s\n", what);
    exit(3);
}

/* ---- Answers -------------------------------------------------------------------------------------------- */

static void put_hex(const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        printf("%02x", ((const uint8_t *)bytes)[i]);
}

static void answer_error(const char *stage, mw_error error, const mw_report *report)
{
    printf("err %s %s %" PRId64 " ", stage, mw_error_name(error), (int64_t)report->offset);
    put_hex(report->message, strlen(report->message));
    printf("\n");
}

static void answer_trap(void)
{
    static const char *const texts[] = {
#define TRAP_TEXT(t, text) text,
        MW_TRAPS(TRAP_TEXT)
#undef TRAP_TEXT
    };
    const char *text = trap.code < MW_TRAP_COUNT ? texts[trap.code] : "?";
    printf("trap %d ", (int)trap.code);
    put_hex(text, strlen(text));
    printf("\n");
}

static void put_value(mw_valtype type, const mw_value *value)
{
    if (type & MW_TYPED)
        type = mw_ref_heap(type) == MW_HEAP_EXTERN ? MW_EXTERNREF : MW_FUNCREF;
    switch (type) {
    case MW_I32:
        printf(" i32:%08" PRIx32, (uint32_t)value->i32);
        break;
    case MW_F32:
        printf(" f32:%08" PRIx32, (uint32_t)value->i32);
        break;
    case MW_I64:
        printf(" i64:%016" PRIx64, (uint64_t)value->i64);
        break;
    case MW_F64:
        printf(" f64:%016" PRIx64, (uint64_t)value->i64);
        break;
    case MW_V128:
        printf(" v128:");
        put_hex(value->v128, 16);
        break;
    case MW_FUNCREF:
        printf(" funcref:%s", value->ref ? "ref" : "null");
        break;
    case MW_EXTERNREF:
        if (value->ref)
            printf(" externref:%" PRIxPTR, (uintptr_t)value->ref - 1);
        else
            printf(" externref:null");
        break;
    default:
        die("a value of unknown type");
    }
}

/* ---- Requests ------------------------------------------------------------------------------------------- */

static char *word(char **rest)
{
    char *w = strtok_r(NULL, " \n", rest);
    return w ? w : "";
}

/* In place; the length without the final NUL. */
static size_t unhex(char *text, uint8_t *out)
{
    size_t n = strlen(text) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            die("bad hexadecimal digits");
        out[i] = (uint8_t)byte;
    }
    out[n] = 0;
    return n;
}

static mw_value get_value(const char *text)
{
    mw_value value;
    memset(&value, 0, sizeof value);
    const char *digits = strchr(text, ':');
    if (!digits)
        die("a value without a type");
    digits++;
    if (strncmp(text, "v128:", 5) == 0) {
        uint8_t bytes[17];
        unhex((char *)digits, bytes);
        memcpy(value.v128, bytes, 16);
    } else if (strncmp(text, "externref:", 10) == 0 || strncmp(text, "funcref:", 8) == 0) {
        value.ref = strcmp(digits, "null") == 0 ? NULL : (void *)(uintptr_t)(strtoull(digits, NULL, 16) + 1);
    } else {
        value.i64 = (int64_t)strtoull(digits, NULL, 16);
    }
    return value;
}

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        die("cannot read a module");
    long n = ftell(file);
    rewind(file);
    uint8_t *bytes = malloc((size_t)n + 1);
    if (!bytes || fread(bytes, 1, (size_t)n, file) != (size_t)n)
        die("cannot read a module");
    fclose(file);
    *size = (size_t)n;
    return bytes;
}

static mw_module *decode_and_validate(const char *path, uint64_t features)
{
    mw_report report = MW_REPORT_INIT;
    mw_module *module = NULL;
    size_t size;
    uint8_t *bytes = read_file(path, &size); /* never freed: the module points into it */
    mw_error error = mw_module_decode(bytes, size, &report, &module);
    if (error != MW_OK) {
        answer_error("decode", error, &report);
        return NULL;
    }
    error = mw_module_validate(module, features, &report);
    if (error != MW_OK) {
        answer_error("validate", error, &report);
        mw_module_free(module);
        return NULL;
    }
    return module;
}

static void check(char *rest)
{
    char *path = word(&rest);
    mw_module *module = decode_and_validate(path, strtoull(word(&rest), NULL, 16));
    if (module)
        printf("ok\n");
    mw_module_free(module);
}

static mw_code *compile(const mw_module *module)
{
    static unsigned serial;
    char path[512];
    snprintf(path, sizeof path, "%s/module%u.so", directory, serial++);
    mw_hash key;
    memset(&key, 0, sizeof key);
    memcpy(key.bytes, &serial, sizeof serial);
    mw_report report = MW_REPORT_INIT;
    mw_error error = compiler->compile(module, &options, &key, path, &report);
    if (error != MW_OK) {
        answer_error("compile", error, &report);
        return NULL;
    }
    mw_code *code = NULL;
    error = mw_code_load(path, &key, &report, &code);
    if (!options.keep_intermediate)
        unlink(path);
    if (error != MW_OK)
        answer_error("load", error, &report);
    return code;
}

/* Instances, objects and modules live until the process ends: other instances may hold their functions. */
static void load(char *rest)
{
    unsigned long id = strtoul(word(&rest), NULL, 10);
    char *path = word(&rest);
    if (id >= MAX_INSTANCES)
        die("too many instances");
    mw_module *module = decode_and_validate(path, strtoull(word(&rest), NULL, 16));
    mw_code *code = module ? compile(module) : NULL;
    if (!code)
        return;
    mw_report report = MW_REPORT_INIT;
    mw_instance *instance = NULL;
    int exit_code = 0;
    mw_error error = mw_instantiate(code, linker, NULL, &report, &trap, &instance);
    if (error == MW_OK)
        error = mw_instance_start(instance, &trap, &exit_code);
    if (error == MW_OK) {
        instances[id] = instance;
        printf("ok\n");
    } else if (error == MW_ERR_TRAP) {
        answer_trap();
    } else if (error == MW_ERR_EXIT) {
        printf("exit %d\n", exit_code);
    } else {
        answer_error("instantiate", error, &report);
    }
}

static mw_instance *instance_of(char **rest)
{
    unsigned long id = strtoul(word(rest), NULL, 10);
    if (id >= MAX_INSTANCES || !instances[id])
        die("no such instance");
    return instances[id];
}

static void register_instance(char *rest)
{
    uint8_t name[1024];
    mw_instance *instance = instance_of(&rest);
    unhex(word(&rest), name);
    mw_report report = MW_REPORT_INIT;
    mw_error error = mw_linker_add_instance(linker, (const char *)name, instance, &report);
    if (error == MW_OK)
        printf("ok\n");
    else
        answer_error("register", error, &report);
}

static bool find_export(char **rest, mw_extern_kind kind, mw_extern *out)
{
    static uint8_t name[65536];
    mw_instance *instance = instance_of(rest);
    size_t len = unhex(word(rest), name);
    if (mw_instance_export(instance, (const char *)name, len, out) && out->kind == kind)
        return true;
    printf("err export MW_ERR_LINK -1 \n");
    return false;
}

static void invoke(char *rest)
{
    static mw_value values[MAX_VALUES];
    mw_extern export;
    if (!find_export(&rest, MW_EXTERN_FUNC, &export))
        return;
    mw_func *func = export.of.func;
    const mw_code_descriptor *code = func->instance->code;
    const mw_type_desc *type = &code->types[code->func_types[func->index]];
    if (type->nparams > MAX_VALUES || type->nresults > MAX_VALUES)
        die("too many values");
    for (uint32_t i = 0; i < type->nparams; i++)
        values[i] = get_value(word(&rest));
    int exit_code = 0;
    mw_error error = mw_invoke(func, values, &trap, &exit_code);
    if (error == MW_ERR_TRAP) {
        answer_trap();
    } else if (error == MW_ERR_EXIT) {
        printf("exit %d\n", exit_code);
    } else {
        printf("ok");
        for (uint32_t i = 0; i < type->nresults; i++)
            put_value(type->types[type->nparams + i], &values[i]);
        printf("\n");
    }
}

static void get_global(char *rest)
{
    mw_extern export;
    if (!find_export(&rest, MW_EXTERN_GLOBAL, &export))
        return;
    printf("ok");
    put_value(export.global_type, export.of.global);
    printf("\n");
}

/* ---- The module `spectest` of the specification's interpreter: its functions (the rest is spectest.wat) ---- */

static void print(mw_instance *i)
{
    (void)i;
}
static void print_i32(mw_instance *i, int32_t a)
{
    (void)i, (void)a;
}
static void print_i64(mw_instance *i, int64_t a)
{
    (void)i, (void)a;
}
static void print_f32(mw_instance *i, float a)
{
    (void)i, (void)a;
}
static void print_f64(mw_instance *i, double a)
{
    (void)i, (void)a;
}
static void print_i32_f32(mw_instance *i, int32_t a, float b)
{
    (void)i, (void)a, (void)b;
}
static void print_f64_f64(mw_instance *i, double a, double b)
{
    (void)i, (void)a, (void)b;
}

static const mw_host_func spectest_funcs[] = {
    {"print", ":", (mw_code_ptr)print},
    {"print_f32", "f:", (mw_code_ptr)print_f32},
    {"print_f64", "F:", (mw_code_ptr)print_f64},
    {"print_f64_f64", "FF:", (mw_code_ptr)print_f64_f64},
    {"print_i32", "i:", (mw_code_ptr)print_i32},
    {"print_i32_f32", "if:", (mw_code_ptr)print_i32_f32},
    {"print_i64", "I:", (mw_code_ptr)print_i64},
};
static const mw_host_module spectest = {"spectest", spectest_funcs, sizeof spectest_funcs / sizeof *spectest_funcs};

/* ---- main ----------------------------------------------------------------------------------------------- */

static void load_compiler(const char *path)
{
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!plugin)
        die(dlerror());
    const mw_compiler *(*entry)(void);
    void *symbol = dlsym(plugin, "mw_compiler_entry");
    if (!symbol)
        die("the compiler plugin has no entry");
    memcpy(&entry, &symbol, sizeof entry);
    compiler = entry();
    if (compiler->abi_version != MW_ABI_VERSION)
        die("the compiler plugin is of another version");
}

int main(int argc, char **argv)
{
    if (argc < 4)
        die("usage: spec_server PLUGIN DIRECTORY OPT_LEVEL [keep]");
    load_compiler(argv[1]);
    snprintf(directory, sizeof directory, "%s", argv[2]);
    options.opt_level = atoi(argv[3]);
    options.keep_intermediate = argc > 4;
    mw_report report = MW_REPORT_INIT;
    if (mw_trap_install(&report) != MW_OK || mw_linker_new(&report, &linker) != MW_OK ||
        mw_linker_add_host(linker, &spectest, &report) != MW_OK)
        die(report.message);

    static const struct {
        const char *name;
        void (*run)(char *rest);
    } requests[] = {
        {"check", check}, {"load", load}, {"register", register_instance}, {"invoke", invoke}, {"get", get_global},
    };
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        char *rest, *name = strtok_r(line, " \n", &rest);
        size_t i = 0;
        while (i < sizeof requests / sizeof *requests && (!name || strcmp(name, requests[i].name) != 0))
            i++;
        if (i == sizeof requests / sizeof *requests)
            die("unknown request");
        requests[i].run(rest);
        fflush(stdout);
    }
    free(line);
    return 0;
}
