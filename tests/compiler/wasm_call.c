/* wasm-call [option...] module.wasm [function [argument...]]
 *
 * Options: -O<n> -strict -keep -fma -fast -relaxed -o OBJECT -key HEX -cpu NAME -features LIST
 *     -triple NAME -threads N
 *
 * Compiles a module, loads it without imports and calls an export. Numbers are given and printed as decimal or
 * C99 hexadecimal; a trap is printed as "trap: <text>". With -o and no function it only compiles. Set
 * WASM_CALL_TIME to see how long it took. */
#include "compiler/compiler.h"
#include "runtime/instance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static mw_report report = MW_REPORT_INIT;

static int failed(void)
{
    fprintf(stderr, "wasm-call: %s\n", report.message);
    return 1;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    void *bytes = malloc(n > 0 ? (size_t)n : 1);
    *size = bytes ? fread(bytes, 1, (size_t)n, f) : 0;
    fclose(f);
    return bytes;
}

static mw_value parse(mw_valtype type, const char *text)
{
    mw_value v;
    memset(&v, 0, sizeof v);
    if (type == MW_I32)
        v.i32 = (int32_t)strtoll(text, NULL, 0);
    else if (type == MW_I64)
        v.i64 = strtoll(text, NULL, 0);
    else if (type == MW_F32)
        v.f32 = strtof(text, NULL);
    else if (type == MW_F64)
        v.f64 = strtod(text, NULL);
    return v;
}

static void print(mw_valtype type, const mw_value *v)
{
    if (type == MW_I32)
        printf("%" PRId32 "\n", v->i32);
    else if (type == MW_I64)
        printf("%" PRId64 "\n", v->i64);
    else if (type == MW_F32)
        printf("%.9g\n", (double)v->f32);
    else if (type == MW_F64)
        printf("%.17g\n", v->f64);
    else if (type == MW_V128)
        printf("%016" PRIx64 "%016" PRIx64 "\n", v->u64x2[1], v->u64x2[0]);
    else
        printf("%s\n", v->ref ? "reference" : "null");
}

static int call(mw_instance *instance, const mw_code_descriptor *d, int argc, char **argv)
{
    mw_extern function;
    if (!mw_instance_export(instance, argv[0], strlen(argv[0]), &function) || function.kind != MW_EXTERN_FUNC) {
        fprintf(stderr, "wasm-call: no function '%s'\n", argv[0]);
        return 1;
    }
    const mw_type_desc *type = &d->types[d->func_types[function.of.func->index]];
    if ((int)type->nparams != argc - 1) {
        fprintf(stderr, "wasm-call: '%s' has %u parameters\n", argv[0], type->nparams);
        return 1;
    }
    mw_value cells[64];
    for (uint32_t i = 0; i < type->nparams; i++)
        cells[i] = parse(type->types[i], argv[1 + i]);
    mw_trap trap;
    double start = now();
    mw_error error = mw_invoke(function.of.func, cells, &trap, &(int){0});
    if (getenv("WASM_CALL_TIME"))
        fprintf(stderr, "%.6f s\n", now() - start);
    if (error == MW_ERR_TRAP)
        printf("trap: %s\n", mw_trap_text(trap.code));
    else
        for (uint32_t i = 0; i < type->nresults; i++)
            print(type->types[type->nparams + i], &cells[i]);
    return 0;
}

static int run(const char *object, int argc, char **argv)
{
    mw_code *code;
    mw_linker *linker;
    mw_instance *instance;
    mw_trap trap;
    if (mw_trap_install(&report) || mw_code_load(object, NULL, &report, &code) || mw_linker_new(&report, &linker) ||
        mw_instantiate(code, linker, NULL, &report, &trap, &instance))
        return failed();
    return argc ? call(instance, mw_code_descriptor_of(code), argc, argv) : 0;
}

static mw_hash parse_key(const char *hex)
{
    mw_hash key = {{0}};
    for (size_t i = 0; i < sizeof key.bytes && sscanf(hex + 2 * i, "%2hhx", &key.bytes[i]) == 1; i++)
        ;
    return key;
}

int main(int argc, char **argv)
{
    mw_compile_options options = {.opt_level = 3};
    const char *object = NULL;
    mw_hash key = {{0}};
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strncmp(argv[i], "-O", 2) == 0)
            options.opt_level = atoi(argv[i] + 2);
        else if (strcmp(argv[i], "-strict") == 0)
            options.strict_traps = true;
        else if (strcmp(argv[i], "-keep") == 0)
            options.keep_intermediate = true;
        else if (strcmp(argv[i], "-fma") == 0)
            options.fp_contract_fast = true;
        else if (strcmp(argv[i], "-fast") == 0)
            options.fast_math = true;
        else if (strcmp(argv[i], "-relaxed") == 0)
            options.relaxed_simd_fast = true;
        else if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
            object = argv[++i];
        else if (strcmp(argv[i], "-key") == 0 && i + 1 < argc)
            key = parse_key(argv[++i]);
        else if (strcmp(argv[i], "-cpu") == 0 && i + 1 < argc)
            options.cpu = argv[++i];
        else if (strcmp(argv[i], "-features") == 0 && i + 1 < argc)
            options.features = argv[++i];
        else if (strcmp(argv[i], "-triple") == 0 && i + 1 < argc)
            options.triple = argv[++i];
        else if (strcmp(argv[i], "-threads") == 0 && i + 1 < argc)
            options.threads = atoi(argv[++i]);
    }
    if (i >= argc) {
        fprintf(stderr, "usage: wasm-call [options] module.wasm [function [argument...]]\n");
        return 2;
    }
    size_t size;
    void *bytes = read_file(argv[i], &size);
    if (!bytes) {
        perror(argv[i]);
        return 1;
    }
    mw_module *module;
    if (mw_module_decode(bytes, size, &report, &module) || mw_module_validate(module, UINT64_MAX, &report))
        return failed();
    char scratch[64];
    snprintf(scratch, sizeof scratch, "/tmp/wasm-call.%d.so", (int)getpid());
    double start = now();
    if (mw_compiler_entry()->compile(module, &options, &key, object ? object : scratch, &report))
        return failed();
    if (getenv("WASM_CALL_TIME"))
        fprintf(stderr, "compiled in %.3f s\n", now() - start);
    mw_module_free(module);
    if (object && i + 1 == argc)
        return 0;
    int status = run(object ? object : scratch, argc - i - 1, argv + i + 1);
    if (!object)
        unlink(scratch);
    return status;
}
