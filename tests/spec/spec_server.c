/* Runs modules for tests/spec/spec.py, one request a line on standard input, one answer a line on standard output.
 * Messages are hexadecimal, names too after an x, values are type:hexadecimal digits (v128 in memory order; references are "null", the
 * embedder's number for an externref, else "ref").
 *
 *     nothing
 *     check PATH                       decode and validate
 *     load ID LINKER PATH              decode, validate, compile, load, instantiate, run the start function
 *     register ID LINKER NAME          offer the exports of instance ID to the modules that LINKER links from now on
 *     invoke ID NAME VALUE...          call an exported function
 *     get ID NAME                      read an exported global
 *     thread ID                        run the requests up to the matching "end" on a thread; has no answer
 *     end
 *     wait ID                          the answers of a thread when it has ended, a line each
 *
 * IDs are the numbers from 1 that the client chooses. A linker exists from its first use. Answers: "ok VALUE...",
 * "trap CODE TEXT", "exit CODE", "err STAGE ERROR OFFSET MESSAGE". */
#include "abi/abi.h"
#include "compiler/compiler.h"
#include "runtime/instance.h"
#include "runtime/trap.h"
#include "wasm/module.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_INSTANCES = 16384, MAX_LINKERS = 256, MAX_THREADS = 64, MAX_VALUES = 1024, MAX_NAME = 1 << 17 };

/* Each entry of these tables is used by one thread at a time: the client sees to it. */
static mw_instance *instances[MAX_INSTANCES];
static mw_linker *linkers[MAX_LINKERS];

static const mw_compiler *compiler;
static mw_compile_options options = {.opt_level = 1, .threads = 1};
static char directory[256];
static pthread_mutex_t compiling = PTHREAD_MUTEX_INITIALIZER;

static __thread FILE *out;     /* where answers go */
static __thread mw_trap *trap; /* too large for a frame on a small stack */

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "spec_server: %s\n", what);
    exit(3);
}

/* ---- Answers -------------------------------------------------------------------------------------------- */

static void put_hex(const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        fprintf(out, "%02x", ((const uint8_t *)bytes)[i]);
}

static void answer_error(const char *stage, mw_error error, const mw_report *report)
{
    fprintf(out, "err %s %s %" PRId64 " ", stage, mw_error_name(error), (int64_t)report->offset);
    put_hex(report->message, strlen(report->message));
    fprintf(out, "\n");
}

static void answer_trap(void)
{
    static const char *const texts[] = {
#define TRAP_TEXT(t, text) text,
        MW_TRAPS(TRAP_TEXT)
#undef TRAP_TEXT
    };
    const char *text = trap->code < MW_TRAP_COUNT ? texts[trap->code] : "?";
    fprintf(out, "trap %d ", (int)trap->code);
    put_hex(text, strlen(text));
    fprintf(out, "\n");
}

static void put_reference(mw_valtype type, void *ref)
{
    if (!mw_is_ref(type))
        die("a value of unknown type");
    mw_heaptype heap = mw_ref_heap(type);
    fprintf(out, heap == MW_HEAP_EXTERN ? " externref:" : heap == MW_HEAP_EXN ? " exnref:" : " funcref:");
    if (!ref)
        fprintf(out, "null");
    else if (heap == MW_HEAP_EXTERN)
        fprintf(out, "%" PRIxPTR, (uintptr_t)ref - 1);
    else
        fprintf(out, "ref");
}

static void put_value(mw_valtype type, const mw_value *value)
{
    switch (type) {
    case MW_I32:
        fprintf(out, " i32:%08" PRIx32, (uint32_t)value->i32);
        break;
    case MW_F32:
        fprintf(out, " f32:%08" PRIx32, (uint32_t)value->i32);
        break;
    case MW_I64:
        fprintf(out, " i64:%016" PRIx64, (uint64_t)value->i64);
        break;
    case MW_F64:
        fprintf(out, " f64:%016" PRIx64, (uint64_t)value->i64);
        break;
    case MW_V128:
        fprintf(out, " v128:");
        put_hex(value->v128, 16);
        break;
    default:
        put_reference(type, value->ref);
    }
}

/* ---- Requests ------------------------------------------------------------------------------------------- */

static char *word(char **rest)
{
    char *w = strtok_r(NULL, " \n", rest);
    return w ? w : "";
}

/* The length without the final NUL that it adds; `bytes` may begin at `text` or before. */
static size_t unhex(const char *text, uint8_t *bytes, size_t capacity)
{
    size_t n = strlen(text) / 2;
    if (n >= capacity)
        die("a string is too long");
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            die("bad hexadecimal digits");
        bytes[i] = (uint8_t)byte;
    }
    bytes[n] = 0;
    return n;
}

/* A name, after the letter x that makes a word of an empty one; NUL-terminated. */
static char *name_word(char **rest, size_t *len)
{
    char *text = word(rest);
    if (*text != 'x')
        die("not a name");
    *len = unhex(text + 1, (uint8_t *)text, MAX_NAME);
    return text;
}

static unsigned long number(char **rest, unsigned long limit)
{
    unsigned long id = strtoul(word(rest), NULL, 10);
    if (id >= limit)
        die("a number is too large");
    return id;
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
        unhex((char *)digits, bytes, sizeof bytes);
        memcpy(value.v128, bytes, 16);
    } else if (strncmp(text, "externref:", 10) == 0 && strcmp(digits, "null") != 0) {
        value.ref = (void *)(uintptr_t)(strtoull(digits, NULL, 16) + 1);
    } else if (strcmp(digits, "null") != 0) {
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

static mw_module *decode_and_validate(const char *path)
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
    error = mw_module_validate(module, MW_FEATURES_IMPLEMENTED, &report);
    if (error != MW_OK) {
        answer_error("validate", error, &report);
        mw_module_free(module);
        return NULL;
    }
    return module;
}

static void check(char *rest)
{
    mw_module *module = decode_and_validate(word(&rest));
    if (module)
        fprintf(out, "ok\n");
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

static mw_linker *linker_of(unsigned long id);

/* Instances, objects and modules live until the process ends: other instances may hold their functions. */
static void load(char *rest)
{
    unsigned long id = number(&rest, MAX_INSTANCES), linker = number(&rest, MAX_LINKERS);
    pthread_mutex_lock(&compiling);
    mw_module *module = decode_and_validate(word(&rest));
    mw_code *code = module ? compile(module) : NULL;
    pthread_mutex_unlock(&compiling);
    if (!code)
        return;
    mw_report report = MW_REPORT_INIT;
    mw_instance *instance = NULL;
    int exit_code = 0;
    mw_error error = mw_instantiate(code, linker_of(linker), NULL, &report, trap, &instance);
    if (error == MW_OK)
        error = mw_instance_start(instance, trap, &exit_code);
    if (error == MW_OK) {
        instances[id] = instance;
        fprintf(out, "ok\n");
    } else if (error == MW_ERR_TRAP) {
        answer_trap();
    } else if (error == MW_ERR_EXIT) {
        fprintf(out, "exit %d\n", exit_code);
    } else {
        answer_error("instantiate", error, &report);
    }
}

/* NULL, and the answer is given, if there is no such instance. */
static mw_instance *instance_of(char **rest)
{
    mw_instance *instance = instances[number(rest, MAX_INSTANCES)];
    if (!instance)
        fprintf(out, "err instance MW_ERR_LINK -1 \n");
    return instance;
}

static void register_instance(char *rest)
{
    mw_instance *instance = instance_of(&rest);
    unsigned long linker = number(&rest, MAX_LINKERS);
    if (!instance)
        return;
    size_t len;
    char *name = name_word(&rest, &len);
    mw_report report = MW_REPORT_INIT;
    mw_error error = mw_linker_add_instance(linker_of(linker), name, instance, &report);
    if (error == MW_OK)
        fprintf(out, "ok\n");
    else
        answer_error("register", error, &report);
}

static bool find_export(char **rest, mw_extern_kind kind, mw_extern *export)
{
    mw_instance *instance = instance_of(rest);
    if (!instance)
        return false;
    size_t len;
    char *name = name_word(rest, &len);
    if (mw_instance_export(instance, name, len, export) && export->kind == kind)
        return true;
    fprintf(out, "err export MW_ERR_LINK -1 \n");
    return false;
}

static void invoke(char *rest)
{
    static __thread mw_value values[MAX_VALUES];
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
    mw_error error = mw_invoke(func, values, trap, &exit_code);
    if (error == MW_ERR_TRAP) {
        answer_trap();
    } else if (error == MW_ERR_EXIT) {
        fprintf(out, "exit %d\n", exit_code);
    } else {
        fprintf(out, "ok");
        for (uint32_t i = 0; i < type->nresults; i++)
            put_value(type->types[type->nparams + i], &values[i]);
        fprintf(out, "\n");
    }
}

static void get_global(char *rest)
{
    mw_extern export;
    if (!find_export(&rest, MW_EXTERN_GLOBAL, &export))
        return;
    fprintf(out, "ok");
    put_value(export.global_type, export.of.global);
    fprintf(out, "\n");
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

static mw_linker *linker_of(unsigned long id)
{
    mw_report report = MW_REPORT_INIT;
    if (!linkers[id] && (mw_linker_new(&report, &linkers[id]) != MW_OK ||
                         mw_linker_add_host(linkers[id], &spectest, &report) != MW_OK))
        die(report.message);
    return linkers[id];
}

/* ---- Threads -------------------------------------------------------------------------------------------- */

/* The requests of a thread, and its answers. */
typedef struct job {
    pthread_t thread;
    char *requests, *answers;
    size_t requests_size, answers_size;
} job;
static job jobs[MAX_THREADS];

static void run_requests(FILE *in);

static void *run_job(void *arg)
{
    job *j = arg;
    FILE *in = fmemopen(j->requests, j->requests_size, "r");
    out = open_memstream(&j->answers, &j->answers_size);
    trap = calloc(1, sizeof *trap);
    if (!in || !out || !trap)
        die("out of memory");
    run_requests(in);
    fclose(in);
    fclose(out);
    free(trap);
    return NULL;
}

static void start_thread(char *rest, FILE *in)
{
    job *j = &jobs[number(&rest, MAX_THREADS)];
    FILE *requests = open_memstream(&j->requests, &j->requests_size);
    char *line = NULL;
    size_t capacity = 0;
    for (int depth = 1; depth > 0;) {
        if (!requests || getline(&line, &capacity, in) <= 0)
            die("a thread without an end");
        depth += strncmp(line, "thread ", 7) == 0 ? 1 : strcmp(line, "end\n") == 0 ? -1 : 0;
        if (depth > 0)
            fputs(line, requests);
    }
    free(line);
    fputs("nothing\n", requests); /* fmemopen takes no empty text */
    fclose(requests);
    if (pthread_create(&j->thread, NULL, run_job, j) != 0)
        die("cannot start a thread");
}

static void wait_thread(char *rest)
{
    job *j = &jobs[number(&rest, MAX_THREADS)];
    if (!j->requests || pthread_join(j->thread, NULL) != 0)
        die("no such thread");
    fwrite(j->answers, 1, j->answers_size, out);
    free(j->requests);
    free(j->answers);
    *j = (job){0};
}

/* ---- main ----------------------------------------------------------------------------------------------- */

static void nothing(char *rest)
{
    (void)rest;
    fprintf(out, "ok\n");
}

static void run_requests(FILE *in)
{
    static const struct {
        const char *name;
        void (*run)(char *rest);
    } requests[] = {
        {"nothing", nothing}, {"check", check},    {"load", load},        {"register", register_instance},
        {"invoke", invoke},   {"get", get_global}, {"wait", wait_thread},
    };
    enum { NREQUESTS = sizeof requests / sizeof *requests };
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, in) > 0) {
        char *rest, *name = strtok_r(line, " \n", &rest);
        size_t i = 0;
        while (i < NREQUESTS && (!name || strcmp(name, requests[i].name) != 0))
            i++;
        if (i < NREQUESTS)
            requests[i].run(rest);
        else if (name && strcmp(name, "thread") == 0)
            start_thread(rest, in);
        else
            die("unknown request");
        fflush(out);
    }
    free(line);
}

int main(int argc, char **argv)
{
    static mw_trap main_trap;
    if (argc < 4)
        die("usage: spec_server PLUGIN DIRECTORY OPT_LEVEL [strict] [keep]");
    load_compiler(argv[1]);
    snprintf(directory, sizeof directory, "%s", argv[2]);
    options.opt_level = atoi(argv[3]);
    for (int i = 4; i < argc; i++) {
        options.strict_traps |= strcmp(argv[i], "strict") == 0;
        options.keep_intermediate |= strcmp(argv[i], "keep") == 0;
    }
    mw_report report = MW_REPORT_INIT;
    if (mw_trap_install(&report) != MW_OK)
        die(report.message);
    out = stdout;
    trap = &main_trap;
    run_requests(stdin);
    return 0;
}
