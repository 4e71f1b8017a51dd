/* Executes a script of instruction tests (README.md): compiles each module at several optimization levels, calls
 * its functions and compares bits.
 *
 *     instructions-run DIRECTORY [MODE...]
 *
 * A mode is an optimization level, followed by s for strict code or f for fast relaxed vector instructions (only
 * these are tested then), and by @CPU for another CPU than this host's; the default is all that main names. */
#include "compiler/compiler.h"
#include "runtime/instance.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

/* Where the script's operands and results lie in guest memory: IN and OUT of script.py. */
enum { IN = 64, OUT = 4096 };
#ifdef __aarch64__
enum { PARTIAL_STORES = 1 };
#else
enum { PARTIAL_STORES = 0 };
#endif
enum { MAX_VALUES = 64, MAX_FAILURES_SHOWN = 20 };

static struct {
    const char *directory;
    const char *mode, *cpu;
    bool strict, fast;
    mw_linker *linker;
    mw_instance *instance;
    bool is_registered; /* under a name that others may import from */
    mw_memory *memory;
    char name[128]; /* of `func`, the export that was called last */
    mw_func *func;
    char instruction[128]; /* `name` up to a '/' */
    unsigned choices;      /* which of the results that `instruction` may choose from it can have chosen, a bit each */
    const char *line;
    unsigned long checks, failures;
} run;

_Noreturn static void die(const char *what, const mw_report *report)
{
    fprintf(stderr, "instructions-run: %s: %s\n", what, report ? report->message : "failed");
    exit(2);
}

static void fail(const char *why)
{
    if (run.failures++ < MAX_FAILURES_SHOWN)
        fprintf(stderr, "-O%s: %.240s: %s\n", run.mode, run.line, why);
}

/* ---- Values and patterns -------------------------------------------------------------------------------- */

static unsigned hex_digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* Reads pairs of hexadecimal digits up to what is none; the number of bytes. */
static size_t hex_bytes(const char **text, uint8_t *out, size_t max)
{
    size_t n = 0;
    const char *p = *text;
    for (; n < max && ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f')); p += 2)
        out[n++] = (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
    *text = p;
    return n;
}

/* Is the float of `n` bytes a canonical ('c') or an arithmetic ('a') NaN (specification 4.3.3)? Both in any sign. */
static bool is_nan_of_class(char class, const uint8_t *bytes, size_t n)
{
    uint64_t bits = 0, quiet = n == 4 ? 0x7fc00000u : UINT64_C(0x7ff8000000000000);
    memcpy(&bits, bytes, n);
    bits &= ~(UINT64_C(1) << (8 * n - 1));
    return class == 'c' ? bits == quiet : (bits & quiet) == quiet;
}

/* One result at *pattern: x and bytes, or c or a and the size of a NaN. *size: the bytes that it stands for. */
static bool matches_one(const char **pattern, const uint8_t *actual, size_t *size)
{
    char kind = *(*pattern)++;
    if (kind != 'x') {
        *size = (size_t)(*(*pattern)++ - '0');
        return is_nan_of_class(kind, actual, *size);
    }
    uint8_t byte;
    bool equal = true;
    for (*size = 0; hex_bytes(pattern, &byte, 1); ++*size)
        equal = equal && byte == actual[*size];
    return equal;
}

/* Items with commas between them, each a result or several with bars between them. Ends at a space or NUL. */
static bool matches(const char *pattern, const uint8_t *actual)
{
    for (const char *p = pattern;; p++) {
        size_t size;
        unsigned matching = matches_one(&p, actual, &size), alternatives = 1;
        for (; *p == '|'; alternatives++) {
            p++;
            matching |= (unsigned)matches_one(&p, actual, &size) << alternatives;
        }
        if (alternatives > 1 && run.fast)
            matching = run.choices &= matching;
        if (!(run.fast ? matching : matching & 1))
            return false;
        actual += size;
        if (*p != ',')
            return true;
    }
}

static bool is_ref(const char *text)
{
    return strncmp(text, "funcref:", 8) == 0 || strncmp(text, "externref:", 10) == 0;
}

static mw_value parse_value(const char *text)
{
    mw_value v = {.u64x2 = {0, 0}};
    const char *p = strchr(text, ':') + 1;
    if (is_ref(text)) {
        v.ref = strncmp(p, "null", 4) == 0 ? NULL : (void *)(uintptr_t)strtoul(p, NULL, 10);
    } else {
        p++;
        hex_bytes(&p, v.v128, sizeof v.v128);
    }
    return v;
}

static bool value_matches(const char *text, const mw_value *actual)
{
    const char *p = strchr(text, ':') + 1;
    if (!is_ref(text))
        return matches(p, actual->v128);
    return strncmp(p, "any", 3) == 0 ? actual->ref != NULL : actual->ref == parse_value(text).ref;
}

/* ---- Modules ---------------------------------------------------------------------------------------------- */

static void *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        die(path, NULL);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size + 1);
    if (!bytes || fread(bytes, 1, *size, file) != *size)
        die(path, NULL);
    bytes[*size] = '\0';
    fclose(file);
    return bytes;
}

static mw_code *compile(const char *name)
{
    mw_report report = MW_REPORT_INIT;
    char path[4096], object[4200];
    snprintf(path, sizeof path, "%s/%s", run.directory, name);
    snprintf(object, sizeof object, "%s.O%s.so", path, run.mode);
    size_t size;
    void *bytes = read_file(path, &size);
    mw_module *module;
    if (mw_module_decode(bytes, size, &report, &module) ||
        mw_module_validate(module, MW_FEATURES_IMPLEMENTED, &report))
        die(name, &report);
    mw_compile_options options = {.opt_level = run.mode[0] - '0', .strict_traps = run.strict, .cpu = run.cpu,
                                  .relaxed_simd_fast = run.fast};
    mw_hash key = {{0}};
    mw_code *code;
    if (mw_compiler_entry()->compile(module, &options, &key, object, &report) ||
        mw_code_load(object, &key, &report, &code))
        die(name, &report);
    mw_module_free(module);
    free(bytes);
    return code;
}

/* An instance that has a name stays, as later ones may import from it. The others go: some systems, qemu's emulation among
 * them, pay for memory that is only reserved. */
static void forget_instance(void)
{
    if (run.instance && !run.is_registered)
        mw_instance_free(run.instance);
    run.instance = NULL;
    run.is_registered = false;
}

static void instantiate(const char *name)
{
    mw_report report = MW_REPORT_INIT;
    mw_trap trap;
    forget_instance();
    mw_code *code = compile(name);
    if (mw_instantiate(code, run.linker, NULL, &report, &trap, &run.instance))
        die(name, &report);
    mw_code_unload(code); /* the instance has its own share of it */
    mw_extern memory;
    run.memory = mw_instance_export(run.instance, "memory", 6, &memory) ? memory.of.memory : NULL;
    run.func = NULL;
}

static mw_func *find_function(const char *name)
{
    if (!run.func || strcmp(run.name, name) != 0) {
        mw_extern export;
        if (!mw_instance_export(run.instance, name, strlen(name), &export) || export.kind != MW_EXTERN_FUNC)
            die(name, NULL);
        run.func = export.of.func;
        snprintf(run.name, sizeof run.name, "%s", name);
        if (strncmp(name, run.instruction, strcspn(name, "/")) != 0 || run.instruction[strcspn(name, "/")] != '\0') {
            snprintf(run.instruction, sizeof run.instruction, "%.*s", (int)strcspn(name, "/"), name);
            run.choices = ~0u;
        }
    }
    return run.func;
}

/* ---- The script's lines -------------------------------------------------------------------------------------- */

/* Calls `name` and expects the trap with the text `expected_trap`, or none if it is NULL; true if there was none
 * and none was expected. */
static bool invoke(const char *name, mw_value *values, const char *expected_trap)
{
    static const char *const texts[] = {
#define MW_TRAP_TEXT(t, text) text,
        MW_TRAPS(MW_TRAP_TEXT)
#undef MW_TRAP_TEXT
    };
    static mw_trap trap;
    int exit_code;
    mw_error error = mw_invoke(find_function(name), values, &trap, &exit_code);
    if (error == MW_OK) {
        if (expected_trap)
            fail("no trap");
        return !expected_trap;
    }
    if (error != MW_ERR_TRAP)
        fail("neither a result nor a trap");
    else if (!expected_trap || strcmp(texts[trap.code], expected_trap) != 0)
        fail(texts[trap.code]);
    return false;
}

static void run_in_memory(char *name, const char *trap, const char *expected)
{
    char *operands = strchr(name, ' ');
    *operands = '\0';
    const char *p = operands + 2;
    hex_bytes(&p, run.memory->base + IN, OUT - IN);
    mw_value values[2] = {{.i32 = IN}, {.i32 = OUT}};
    bool good = invoke(name, values, trap);
    *operands = ' ';
    if (good && !matches(expected, run.memory->base + OUT)) {
        char bytes[64] = "";
        for (int i = 0; i < 16; i++)
            sprintf(bytes + 2 * i, "%02x", run.memory->base[OUT + i]);
        fail(bytes);
    }
}

static void run_call(char *name, const char *trap, const char *expected)
{
    mw_value values[MAX_VALUES] = {{.i64 = 0}};
    unsigned n = 0;
    char *end = strchr(name, ' ');
    for (char *p = end; p; p = strchr(p + 1, ' '))
        values[n++] = parse_value(p + 1);
    if (end)
        *end = '\0';
    bool good = invoke(name, values, trap);
    if (end)
        *end = ' ';
    n = 0;
    for (const char *p = *expected ? expected : NULL; good && p; n++) {
        if (!value_matches(p, &values[n]))
            fail("wrong result");
        p = strchr(p, ' ');
        p = p ? p + 1 : NULL;
    }
}

/* VERB OPERANDS, or VERB OPERANDS -> EXPECTED */
static void execute(char *line)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", line);
    run.line = copy;
    const char *expected = "";
    char *arrow = strstr(line, " ->");
    if (arrow) {
        *arrow = '\0';
        expected = arrow[3] ? arrow + 4 : "";
    }
    char *operands = strchr(line, ' ');
    if (!operands)
        die(line, NULL);
    *operands++ = '\0';
    mw_report report = MW_REPORT_INIT;
    run.checks += arrow != NULL;
    if (strcmp(line, "run") == 0)
        run_in_memory(operands, NULL, expected);
    else if (strcmp(line, "runtrap") == 0)
        run_in_memory(operands, expected, NULL);
    else if (strcmp(line, "call") == 0)
        run_call(operands, NULL, expected);
    else if (strcmp(line, "trap") == 0)
        run_call(operands, expected, "");
    else if (strcmp(line, "memory") == 0) {
        /* On aarch64 a store that traps may have written a part, unless the code is strict. */
        if ((run.strict || !PARTIAL_STORES) && !matches(expected, run.memory->base + strtoul(operands, NULL, 10)))
            fail("memory differs");
    } else if (strcmp(line, "module") == 0)
        instantiate(operands);
    else if (strcmp(line, "register") == 0) {
        if (mw_linker_add_instance(run.linker, operands, run.instance, &report))
            die(operands, &report);
        run.is_registered = true;
    } else if (strcmp(line, "instructions") != 0)
        die(line, NULL);
}

static void run_script(const char *mode, const char *name)
{
    mw_report report = MW_REPORT_INIT;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", run.directory, name);
    size_t size;
    char *script = read_file(path, &size);
    if (mw_linker_new(&report, &run.linker))
        die("linker", &report);
    unsigned long instructions = strtoul(script + strlen("instructions "), NULL, 10);
    unsigned long checks = run.checks, failures = run.failures;
    for (char *line = script, *next; line < script + size; line = next) {
        char *end = strchr(line, '\n');
        *end = '\0';
        next = end + 1;
        execute(line);
    }
    printf("-O%s: %lu instructions, %lu checks, %lu failures\n", mode, instructions, run.checks - checks,
           run.failures - failures);
    forget_instance();
    free(script);
}

static void run_mode(const char *mode)
{
    run.mode = mode;
    run.strict = mode[1] == 's';
    run.fast = mode[1] == 'f';
    run.cpu = strchr(mode, '@') ? strchr(mode, '@') + 1 : NULL;
    if (!run.fast)
        run_script(mode, "script.txt");
    run_script(mode, "relaxed.txt");
}

int main(int argc, char **argv)
{
    mw_report report = MW_REPORT_INIT;
    if (argc < 2) {
        fprintf(stderr, "usage: instructions-run DIRECTORY [MODE...]\n");
        return 2;
    }
    run.directory = argv[1];
    if (mw_trap_install(&report))
        die("trap handler", &report);
    if (argc == 2) {
        run_mode("0s");
        run_mode("3s");
        run_mode("3");
        run_mode("0f");
        run_mode("3f");
#ifdef __x86_64__
        run_mode("3@x86-64");
        run_mode("3f@x86-64");
        if (__builtin_cpu_supports("x86-64-v2"))
            run_mode("3f@x86-64-v2");
        if (__builtin_cpu_supports("x86-64-v3"))
            run_mode("3f@x86-64-v3");
#else
        run_mode("3@generic");
        run_mode("3f@generic");
        if (getauxval(AT_HWCAP) >> 22 & 1) /* SVE */
            run_mode("3@neoverse-v1");
#endif
    }
    for (int i = 2; i < argc; i++)
        run_mode(argv[i]);
    return run.failures || !run.checks;
}
