/* This project's engine for differential.py: runs a module's exports as a script says and prints what they do. One
 * request a line on standard input:
 *
 *     MODULE SCRIPT OPTIONS
 *
 * OPTIONS: letters and numbers with commas between: O<n>, strict, cpu=NAME, reset=<call> (start anew after that call,
 * as the other engine trapped there). Each request runs in a process of its own; the answer ends with a line "end"
 * or, if that process died, "died STATUS". The script (made by differential.py) has one verb a line:
 *
 *     memory NAME                   compare this memory after each call
 *     floats FROM TO WIDTH          NaNs of the memory there are compared as one
 *     global NAME TYPE              compare this global after each call
 *     callable NAME TYPES           what call-export may call: a function, its parameters
 *     call NAME RESULTS VALUE...
 *
 * Names are hexadecimal digits, types the letters of host_module.h, values a letter, a colon and hexadecimal digits.
 * engine.mjs is the same for Node's engine; the two print the same. */
#include "compiler/compiler.h"
#include "runtime/guest.h"
#include "runtime/instance.h"
#include "runtime/trap.h"
#include "wasm/module.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ITEMS = 4096, MAX_VALUES = 1024, MAX_RESETS = 4096, SECONDS = 120, HASHED_BYTES = 4 << 20 };

typedef struct item {
    char name[256];
    size_t len;
    char *rest;
} item;

typedef struct region {
    uint64_t from, to;
    int width;
} region;

static mw_compile_options options;
static bool resets[MAX_RESETS];
static item memory, globals[MAX_ITEMS], callables[MAX_ITEMS], calls[MAX_ITEMS];
static unsigned nglobals, ncallables, ncalls, nregions;
static region regions[16];
static mw_linker *linker;
static mw_instance *instance;
static mw_trap trap, nested_trap; /* too large for a guest's stack */

static _Noreturn void die(const char *what)
{
    printf("broken %s\n", what);
    fflush(stdout);
    _exit(3);
}

/* ---- Values -------------------------------------------------------------------------------------------------- */

static uint32_t canonical32(uint32_t bits)
{
    return (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : bits;
}

static uint64_t canonical64(uint64_t bits)
{
    return (bits & INT64_MAX) > UINT64_C(0x7ff0000000000000) ? UINT64_C(0x7ff8000000000000) : bits;
}

static void put(char type, const mw_value *v)
{
    uint32_t low;
    memcpy(&low, v, sizeof low);
    if (type == 'i')
        printf(" i:%" PRIx32, low);
    else if (type == 'f')
        printf(" f:%" PRIx32, canonical32(low));
    else if (type == 'I')
        printf(" I:%" PRIx64, v->u64x2[0]);
    else if (type == 'F')
        printf(" F:%" PRIx64, canonical64(v->u64x2[0]));
    else
        printf(" %c:%s", type, v->ref ? "some" : "null");
}

static const char *kind_of(const mw_trap *t)
{
    switch (t->code) {
    case MW_TRAP_TABLE_OUT_OF_BOUNDS:
    case MW_TRAP_UNDEFINED_ELEMENT:
        return "table";
    case MW_TRAP_UNINITIALIZED_ELEMENT:
    case MW_TRAP_INDIRECT_CALL_TYPE_MISMATCH:
        return "signature";
    case MW_TRAP_MEMORY_OUT_OF_BOUNDS:
        return "memory";
    case MW_TRAP_INTEGER_OVERFLOW: /* of a division or of a conversion: other engines word these in their own ways */
    case MW_TRAP_INVALID_CONVERSION:
        return "unrepresentable";
    case MW_TRAP_INTEGER_DIVIDE_BY_ZERO:
        return "zero";
    case MW_TRAP_UNREACHABLE:
        return "unreachable";
    case MW_TRAP_STACK_OVERFLOW:
        return "stack";
    case MW_TRAP_NULL_REFERENCE:
        return "null";
    case MW_TRAP_UNALIGNED_ATOMIC:
        return "unaligned";
    case MW_TRAP_UNCAUGHT_EXCEPTION:
        return "exception";
    case MW_TRAP_HOST:
        return "host";
    default:
        return mw_trap_text(t->code);
    }
}

/* ---- What guests import ---------------------------------------------------------------------------------------- */

static void log_value(char type, const void *value, size_t size)
{
    mw_value v = {.u64x2 = {0}};
    memcpy(&v, value, size);
    printf("log");
    put(type, &v);
    printf("\n");
}

static void log_i32(mw_instance *i, int32_t v)
{
    (void)i;
    log_value('i', &v, sizeof v);
}

static void log_i64(mw_instance *i, int64_t v)
{
    (void)i;
    log_value('I', &v, sizeof v);
}

static void log_f32(mw_instance *i, float v)
{
    (void)i;
    log_value('f', &v, sizeof v);
}

static void log_f64(mw_instance *i, double v)
{
    (void)i;
    log_value('F', &v, sizeof v);
}

/* JavaScript has no such values: a call that passes one is an error there. */
typedef uint8_t v128 __attribute__((vector_size(16)));
static void log_v128(mw_instance *i, v128 v)
{
    (void)v;
    mw_raise_trap(i, MW_TRAP_HOST, "a vector for JavaScript");
}

static void find(const item *it, mw_extern_kind kind, mw_extern *out)
{
    if (!mw_instance_export(instance, it->name, it->len, out) || out->kind != kind)
        die("no such export");
}

static int32_t mix(mw_instance *i, int32_t a, int64_t b)
{
    (void)i;
    printf("log mix %" PRIx32 " %" PRIx64 "\n", (uint32_t)a, (uint64_t)b);
    return (int32_t)((uint32_t)a * UINT32_C(0x9e3779b1) ^ (uint32_t)((uint64_t)b >> 7));
}

static void call_export(mw_instance *i, int32_t index, int32_t flags)
{
    (void)flags;
    printf("log call-export\n");
    if (!ncallables)
        return;
    static mw_value values[MAX_VALUES];
    mw_extern e;
    int exit_code;
    find(&callables[(uint32_t)index % ncallables], MW_EXTERN_FUNC, &e);
    memset(values, 0, sizeof values);
    if (mw_invoke(e.of.func, values, &nested_trap, &exit_code) != MW_OK)
        mw_raise_trap(i, nested_trap.code, "nested");
}

/* The upper halves of the registers that hold an i32 belong to nobody: here they hold ones. */
static int64_t dirty(mw_instance *i, int32_t v)
{
    (void)i;
    return v | INT64_MIN >> 31;
}

static int32_t back(mw_instance *i, int32_t index, int32_t v)
{
    const mw_func *f = mw_guest_function(i, (uint32_t)index, "i:i");
    if (!f)
        mw_raise_trap(i, MW_TRAP_INDIRECT_CALL_TYPE_MISMATCH, "no such function");
    int32_t (*code)(mw_context *, int64_t) = (int32_t(*)(mw_context *, int64_t))f->code;
    return code(f->context, v | INT64_MIN >> 31);
}

static int32_t grow(mw_instance *i, int32_t pages)
{
    return (int32_t)mw_guest_memory_grow(i, (uint32_t)pages);
}

static const mw_host_func support_funcs[] = {
    {"back", "ii:i", (mw_code_ptr)back},
    {"call-export", "ii:", (mw_code_ptr)call_export},
    {"dirty", "i:i", (mw_code_ptr)dirty},
    {"grow", "i:i", (mw_code_ptr)grow},
    {"log-f32", "f:", (mw_code_ptr)log_f32},
    {"log-f64", "F:", (mw_code_ptr)log_f64},
    {"log-i32", "i:", (mw_code_ptr)log_i32},
    {"log-i64", "I:", (mw_code_ptr)log_i64},
    {"log-v128", "V:", (mw_code_ptr)log_v128},
    {"mix", "iI:i", (mw_code_ptr)mix},
};
static const mw_host_module support = {"fuzzing-support", support_funcs, sizeof support_funcs / sizeof *support_funcs};

/* ---- Script --------------------------------------------------------------------------------------------------- */

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        die("cannot open a file");
    long n = ftell(file);
    rewind(file);
    char *bytes = malloc((size_t)n + 1);
    if (!bytes || fread(bytes, 1, (size_t)n, file) != (size_t)n)
        die("cannot read a file");
    fclose(file);
    bytes[n] = 0;
    *size = (size_t)n;
    return bytes;
}

static void read_item(char *text, item *out)
{
    char *name = strtok_r(text, " ", &out->rest);
    out->len = name ? strlen(name) / 2 : 0;
    if (out->len >= sizeof out->name)
        die("a long name");
    for (size_t i = 0; i < out->len; i++)
        sscanf(name + 2 * i, "%2hhx", (unsigned char *)&out->name[i]);
}

static void read_script(const char *path)
{
    size_t size;
    char *text = read_file(path, &size), *lines;
    for (char *line = strtok_r(text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
        char *rest = strchr(line, ' ');
        if (!rest || nglobals == MAX_ITEMS || ncallables == MAX_ITEMS || ncalls == MAX_ITEMS || nregions == 16)
            die("a script that is too long");
        *rest++ = 0;
        if (strcmp(line, "memory") == 0)
            read_item(rest, &memory);
        else if (strcmp(line, "global") == 0)
            read_item(rest, &globals[nglobals++]);
        else if (strcmp(line, "callable") == 0)
            read_item(rest, &callables[ncallables++]);
        else if (strcmp(line, "call") == 0)
            read_item(rest, &calls[ncalls++]);
        else if (strcmp(line, "floats") == 0) {
            region *r = &regions[nregions++];
            sscanf(rest, "%" SCNu64 " %" SCNu64 " %d", &r->from, &r->to, &r->width);
        } else
            die("an unknown verb");
    }
}

static void read_options(char *text)
{
    char *rest;
    options = (mw_compile_options){.threads = 1, .closed = true};
    for (char *o = strtok_r(text, ",", &rest); o; o = strtok_r(NULL, ",", &rest))
        if (o[0] == 'O')
            options.opt_level = atoi(o + 1);
        else if (strcmp(o, "strict") == 0)
            options.strict_traps = true;
        else if (strncmp(o, "cpu=", 4) == 0)
            options.cpu = o + 4;
        else if (strncmp(o, "reset=", 6) == 0 && atoi(o + 6) < MAX_RESETS)
            resets[atoi(o + 6)] = true;
        else
            die("an unknown option");
}

/* ---- Running --------------------------------------------------------------------------------------------------- */

static uint32_t word_at(const uint8_t *bytes, uint64_t at)
{
    uint64_t wide;
    uint32_t w;
    memcpy(&w, bytes + at, 4);
    for (unsigned i = 0; i < nregions; i++)
        if (at >= regions[i].from && at < regions[i].to) {
            if (regions[i].width == 4)
                return canonical32(w);
            memcpy(&wide, bytes + (at & ~(uint64_t)7), 8);
            return (uint32_t)(canonical64(wide) >> (at & 4 ? 32 : 0));
        }
    return w;
}

/* FNV-1a over 32-bit words. */
static void put_memory(void)
{
    mw_extern e;
    if (!memory.len)
        return;
    find(&memory, MW_EXTERN_MEMORY, &e);
    uint64_t size = e.of.memory->pages * MW_PAGE_BYTES;
    uint32_t hash = UINT32_C(0x811c9dc5);
    for (uint64_t at = 0; at < size && at < HASHED_BYTES; at += 4)
        hash = (hash ^ word_at(e.of.memory->base, at)) * UINT32_C(16777619);
    printf(" memory %" PRIu64 ":%" PRIx32, e.of.memory->pages, hash);
}

static void put_state(void)
{
    mw_extern e;
    put_memory();
    for (unsigned i = 0; i < nglobals; i++) {
        find(&globals[i], MW_EXTERN_GLOBAL, &e);
        put(globals[i].rest[0], e.of.global);
    }
    printf("\n");
}

static bool start(mw_code *code)
{
    mw_report report = MW_REPORT_INIT;
    int exit_code;
    mw_error error = mw_instantiate(code, linker, NULL, &report, &trap, &instance);
    if (error == MW_OK)
        error = mw_instance_start(instance, &trap, &exit_code);
    if (error == MW_OK)
        return true;
    if (error == MW_ERR_TRAP)
        printf("start trap %s\n", kind_of(&trap));
    else
        printf("start failed %s\n", report.message);
    return false;
}

static void call(const item *it)
{
    static mw_value values[MAX_VALUES];
    mw_extern e;
    char *rest, *results = strtok_r(it->rest, " ", &rest), *argument;
    unsigned n = 0;
    int exit_code;
    find(it, MW_EXTERN_FUNC, &e);
    for (; (argument = strtok_r(NULL, " ", &rest)); n++) {
        memset(&values[n], 0, sizeof values[n]);
        values[n].u64x2[0] = strtoull(argument + 2, NULL, 16);
    }
    if (mw_invoke(e.of.func, values, &trap, &exit_code) != MW_OK) {
        printf("trap %s", kind_of(&trap));
    } else {
        printf("ok");
        for (unsigned i = 0; results[i] != '-' && results[i]; i++)
            put(results[i], &values[i]);
    }
}

static mw_code *compile(const char *path)
{
    mw_report report = MW_REPORT_INIT;
    mw_module *module = NULL;
    mw_code *code = NULL;
    mw_hash key = {{0}};
    size_t size;
    char object[64];
    uint8_t *bytes = (uint8_t *)read_file(path, &size);
    snprintf(object, sizeof object, "/tmp/mw-differential.%d.so", (int)getpid());
    const char *stage = "decode";
    mw_error error = mw_module_decode(bytes, size, &report, &module);
    if (!error && (stage = "validate", true))
        error = mw_module_validate(module, MW_FEATURES_IMPLEMENTED, &report);
    if (!error && (stage = "compile", true))
        error = mw_compiler_entry()->compile(module, &options, &key, object, &report);
    if (!error && (stage = "load", true))
        error = mw_code_load(object, &key, &report, &code);
    unlink(object);
    if (error)
        printf("refused %s: %s\n", stage, report.message);
    return code;
}

static void run(char *module, char *script, char *opts)
{
    mw_report report = MW_REPORT_INIT;
    if (!module || !script || !opts)
        die("a request of other than three words");
    read_options(opts);
    read_script(script);
    if (mw_trap_install(&report) || mw_linker_new(&report, &linker) || mw_linker_add_host(linker, &support, &report))
        die(report.message);
    mw_code *code = compile(module);
    if (!code || !start(code))
        return;
    for (unsigned i = 0; i < ncalls; i++) {
        trap.code = MW_TRAP_NONE;
        call(&calls[i]);
        put_state();
        fflush(stdout);
        if ((trap.code != MW_TRAP_NONE || (i < MAX_RESETS && resets[i])) && !start(code))
            return;
    }
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            char *rest, *module = strtok_r(line, " \n", &rest), *script = strtok_r(NULL, " \n", &rest);
            alarm(SECONDS);
            setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
            run(module, script, strtok_r(NULL, " \n", &rest));
            fflush(stdout);
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child)
            return 1;
        if (status == 0)
            printf("end\n");
        else
            printf("died %s %d\n", WIFSIGNALED(status) ? "signal" : "status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        fflush(stdout);
    }
    free(line);
    return 0;
}
