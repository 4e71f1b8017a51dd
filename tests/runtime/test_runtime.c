/* Loader, linker, instances, memories, tables, types. */
#include "fixture.h"

#include "runtime/memory.h"
#include "runtime/types.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- Loading -------------------------------------------------------------------------------------------------------- */

static void expect_object_error(const char *path, const mw_hash *key, const char *part)
{
    mw_report report = MW_REPORT_INIT;
    mw_code *code = NULL;
    assert_int_equal(mw_code_load(path, key, &report, &code), MW_ERR_OBJECT);
    assert_null(code);
    if (!strstr(report.message, part))
        fail_msg("\"%s\" does not say \"%s\"", report.message, part);
}

/* Copies the fake object, which no compiler of ours made, into the file `path` (for mkstemp) and seals it. Returns the
 * size of what is under the seal. */
static size_t seal_fake(char *path)
{
    static uint8_t bytes[1 << 20];
    int from = open(FAKE("fake"), O_RDONLY), to = mkstemp(path);
    ssize_t size = read(from, bytes, sizeof bytes);
    assert_true(to >= 0 && size > 1000 && size < (ssize_t)sizeof bytes);
    mw_code_seal seal = {.magic = MW_SEAL_MAGIC, .size = (uint64_t)size};
    mw_hash hash = mw_hash_parts(&(mw_hash_part){bytes, (size_t)size}, 1);
    memcpy(seal.hash, hash.bytes, sizeof seal.hash);
    assert_int_equal(write(to, bytes, (size_t)size), size);
    assert_int_equal(write(to, &seal, sizeof seal), sizeof seal);
    close(from);
    close(to);
    return (size_t)size;
}

static void loads_and_checks_the_key(void **state)
{
    (void)state;
    mw_report report = MW_REPORT_INIT;
    mw_code *code;
    mw_hash key = {{1, 2, 3}}, other = {{1, 2, 4}};
    char path[] = "/tmp/mw-sealed-XXXXXX";
    seal_fake(path);
    assert_int_equal(mw_code_load(path, &key, &report, &code), MW_OK);
    assert_int_equal(mw_code_descriptor_of(code)->magic, MW_ABI_MAGIC);
    mw_code_unload(code);
    expect_object_error(path, &other, "compiled from another module");
    expect_object_error(FAKE("fake"), &key, "it has no seal");
    unlink(path);
}

/* One bit anywhere under the seal or in it. */
static void refuses_what_was_damaged(void **state)
{
    (void)state;
    char path[] = "/tmp/mw-damaged-XXXXXX";
    size_t size = seal_fake(path) + sizeof(mw_code_seal);
    int fd = open(path, O_RDWR);
    mw_hash key = {{1, 2, 3}};
    for (size_t at = 0; at < size; at += at < 200 || at > size - 100 ? 1 : 61) {
        uint8_t byte;
        assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
        mw_report report = MW_REPORT_INIT;
        mw_code *code;
        assert_int_equal(mw_code_load(path, &key, &report, &code), MW_ERR_OBJECT);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    }
    mw_report report = MW_REPORT_INIT;
    mw_code *code;
    assert_int_equal(mw_code_load(path, &key, &report, &code), MW_OK);
    mw_code_unload(code);
    close(fd);
    unlink(path);
}

static void refuses_foreign_objects(void **state)
{
    (void)state;
    expect_object_error("/nonexistent/x.so", NULL, "No such file");
    expect_object_error("/dev/null", NULL, "not a compiled module");
    expect_object_error("/", NULL, "not a compiled module");
    expect_object_error("/proc/self/exe", NULL, "not a compiled module");
    expect_object_error(FAKE("fake-abi"), NULL, "another version of mpiwasm (format 9999");
}

static void names_the_missing_cpu_features(void **state)
{
    (void)state;
#if defined(__x86_64__)
    /* No CPU has both. */
    mw_report report = MW_REPORT_INIT;
    mw_code *code;
    assert_int_equal(mw_code_load(FAKE("fake-features"), NULL, &report, &code), MW_ERR_OBJECT);
    assert_non_null(strstr(report.message, "for a CPU with "));
    assert_true(strstr(report.message, "tbm") || strstr(report.message, "amx-tile"));
    assert_null(strstr(report.message, "sse3"));
    assert_null(strstr(report.message, "no-such-thing"));
#endif
}

/* Every prefix of an object that is shorter than the whole is refused without a crash. */
static void refuses_every_truncation(void **state)
{
    (void)state;
    static char bytes[1 << 20];
    int fd = open(FAKE("fake"), O_RDONLY);
    ssize_t size = read(fd, bytes, sizeof bytes);
    close(fd);
    assert_true(size > 1000 && size < (ssize_t)sizeof bytes);
    char path[] = "/tmp/mw-truncated-XXXXXX";
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, (size_t)size), size);
    for (ssize_t n = size - 1; n >= 0; n -= n < 200 || n > size - 200 ? 1 : 97) {
        assert_int_equal(ftruncate(fd, n), 0);
        mw_report report = MW_REPORT_INIT;
        mw_code *code;
        assert_int_equal(mw_code_load(path, NULL, &report, &code), MW_ERR_OBJECT);
        assert_true(strstr(report.message, "truncated") || strstr(report.message, "not a compiled module"));
    }
    /* The right size, but the last blocks never got to the disk. */
    assert_int_equal(pwrite(fd, bytes, (size_t)size - 3000, 0), size - 3000);
    assert_int_equal(ftruncate(fd, size), 0);
    expect_object_error(path, NULL, "truncated or damaged");
    close(fd);
    unlink(path);
}

static void says_when_a_file_system_is_noexec(void **state)
{
    (void)state;
    char dir[] = "/tmp/mw-noexec-XXXXXX", command[400];
    assert_non_null(mkdtemp(dir));
    if (mount("none", dir, "tmpfs", MS_NOEXEC, "size=4m")) {
        rmdir(dir);
        print_message("skipped: a file system cannot be mounted\n");
        skip();
    }
    snprintf(command, sizeof command, "cp %s %s/fake.so", FAKE("fake"), dir);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "%s/fake.so", dir);
    int fd = open(command, O_RDONLY);
    void *code = mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    close(fd);
    if (code != MAP_FAILED) {
        umount2(dir, MNT_DETACH);
        rmdir(dir);
        print_message("skipped: code can be mapped from there nevertheless, as under qemu-user\n");
        skip();
    }
    expect_object_error(command, NULL, "its file system is mounted noexec");
    assert_int_equal(umount2(dir, MNT_DETACH), 0);
    rmdir(dir);
}

/* ---- Types ------------------------------------------------------------------------------------------------------------ */

static void *intern_many(void *arg)
{
    uint32_t *ids = arg;
    for (uint32_t i = 0; i < 2000; i++) {
        mw_valtype types[12];
        for (unsigned k = 0; k < 12; k++)
            types[k] = i >> k & 1 ? MW_I32 : MW_F64;
        ids[i] = mw_functype_intern(12 - i % 3, i % 3, types)->id;
    }
    return NULL;
}

static void interns_equal_types_once(void **state)
{
    (void)state;
    static uint32_t ids[4][2000];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, intern_many, ids[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < 4; i++)
        assert_memory_equal(ids[i], ids[0], sizeof ids[0]);
    for (uint32_t i = 0; i < 2000; i++)
        for (uint32_t k = i + 1; k < 2000; k += 37)
            assert_int_not_equal(ids[0][i], ids[0][k]);

    const mw_functype *t = mw_functype_of_signature("iIfFVrR:Fi");
    char text[100];
    assert_int_equal(mw_functype_print(t, text, sizeof text), 60);
    assert_string_equal(text, "(i32, i64, f32, f64, v128, externref, funcref) -> (f64, i32)");
    assert_true(mw_functype_matches(t, "iIfFVrR:Fi"));
    assert_false(mw_functype_matches(t, "iIfFVrR:F"));
    assert_false(mw_functype_matches(t, "iIfFVrRF:i"));
    assert_false(mw_functype_matches(t, "iIfFVrRFi"));
    assert_ptr_equal(mw_functype_of_signature("i"), NULL);
    assert_ptr_equal(mw_functype_of_signature("x:"), NULL);
    assert_int_not_equal(mw_functype_of_signature("ii:")->id, mw_functype_of_signature("i:i")->id);
    assert_string_equal(mw_valtype_name(MW_V128).s, "v128");
    mw_functype_print(mw_functype_of_signature(":"), text, sizeof text);
    assert_string_equal(text, "() -> ()");
    assert_int_equal(mw_functype_print(t, text, 10), 60); /* as snprintf: what it would take */
    assert_string_equal(text, "(i32, i64");
}

/* ---- Instances ---------------------------------------------------------------------------------------------------------- */

static void calls_functions_of_all_shapes(void **state)
{
    (void)state;
    fixture f = fixture_make();
    int32_t r;
    assert_int_equal(call_export(&f, "add", 40, 2, &r), MW_OK);
    assert_int_equal(r, 42);
    assert_int_equal(call_export(&f, "call_host", 10, 0, &r), MW_OK);
    assert_int_equal(r, 11);
    /* An exported import is called through the importer's types. */
    assert_int_equal(call_export(&f, "host", 12, 0, &r), MW_OK);
    assert_int_equal(r, 12);

    mw_extern e;
    assert_true(mw_instance_export(f.instance, "mixed", 5, &e));
    mw_value v[3] = {{.i64 = INT64_C(1) << 40}, {.f32 = 0.5f}, {.f64 = 0.25}};
    assert_int_equal(mw_invoke(e.of.func, v, NULL, NULL), MW_OK);
    assert_true(v[0].f64 == 1099511627776.75);

    assert_true(mw_instance_export(f.instance, "swap", 4, &e));
    mw_value s[2] = {{.i32 = 5}, {.i64 = -6}};
    assert_int_equal(mw_invoke(e.of.func, s, NULL, NULL), MW_OK);
    assert_int_equal(s[0].i64, -6);
    assert_int_equal(s[1].i32, 5);
    assert_false(mw_instance_export(f.instance, "swa", 3, &e));
    fixture_free(&f);
}

static void initializes_globals_and_runs_start(void **state)
{
    (void)state;
    fixture f = fixture_make();
    int32_t r;
    call_export(&f, "get_global", 0, 0, &r);
    assert_int_equal(r, 100007);
    call_export(&f, "get_global", 2, 0, &r);
    assert_int_equal(r, 100007 * 3 + 4 - 1);
    /* Defined globals lie where compiled code expects them. */
    call_export(&f, "set_global", 0, 55, &r);
    assert_int_equal(r, 55);
    assert_int_equal(mw_instance_start(f.instance, &f.trap, NULL), MW_OK);
    call_export(&f, "get_global", 0, 0, &r);
    assert_int_equal(r, 99);
    fixture_free(&f);
}

static void applies_segments(void **state)
{
    (void)state;
    fixture f = fixture_make();
    uint8_t *memory = f.instance->memory0;
    assert_memory_equal(memory + 16, "hello", 5);
    assert_int_equal(call_export(&f, "memory_init", 100, 7, NULL), MW_OK);
    assert_memory_equal(memory + 100, "passive", 7);
    assert_int_equal(call_export(&f, "memory_init", 65536 - 6, 7, NULL), MW_ERR_TRAP);
    assert_int_equal(f.trap.code, MW_TRAP_MEMORY_OUT_OF_BOUNDS);
    assert_int_equal(call_export(&f, "memory_init", 100, 8, NULL), MW_ERR_TRAP);
    assert_int_equal(call_export(&f, "drop_data", 0, 0, NULL), MW_OK);
    assert_int_equal(call_export(&f, "memory_init", 100, 1, NULL), MW_ERR_TRAP);
    assert_int_equal(call_export(&f, "memory_init", 65536, 0, NULL), MW_OK);
    assert_int_equal(call_export(&f, "memory_init", 65537, 0, NULL), MW_ERR_TRAP);

    mw_table *table = f.instance->tables[0];
    assert_int_equal(table->size, 8);
    assert_null(table->elems[0]);
    assert_ptr_equal(table->elems[1], mw_exported_function(f.instance, "add", "ii:i"));
    assert_null(table->elems[3]);
    assert_int_equal(call_export(&f, "table_init", 6, 2, NULL), MW_OK);
    assert_ptr_equal(table->elems[6], mw_exported_function(f.instance, "outer", "i:i"));
    assert_int_equal(call_export(&f, "table_init", 7, 2, NULL), MW_ERR_TRAP);
    assert_int_equal(f.trap.code, MW_TRAP_TABLE_OUT_OF_BOUNDS);
    /* The active segment was dropped: nothing is left to initialize from. */
    assert_int_equal(f.instance->code->nelems, 2);
    fixture_free(&f);
}

static void calls_through_the_table(void **state)
{
    (void)state;
    fixture f = fixture_make();
    int32_t r;
    memcpy(f.instance->memory0 + 400, &(int32_t){1234}, 4);
    assert_int_equal(call_export(&f, "call_indirect", 2, 400, &r), MW_OK);
    assert_int_equal(r, 1234);
    assert_int_equal(call_export(&f, "call_indirect", 1, 0, &r), MW_ERR_TRAP);
    assert_int_equal(f.trap.code, MW_TRAP_INDIRECT_CALL_TYPE_MISMATCH);
    assert_int_equal(call_export(&f, "call_indirect", 3, 0, &r), MW_ERR_TRAP);
    assert_int_equal(f.trap.code, MW_TRAP_UNINITIALIZED_ELEMENT);
    assert_int_equal(call_export(&f, "call_indirect", 8, 0, &r), MW_ERR_TRAP);
    assert_int_equal(f.trap.code, MW_TRAP_UNDEFINED_ELEMENT);

    assert_non_null(mw_guest_function(f.instance, 2, "i:i"));
    assert_null(mw_guest_function(f.instance, 2, "ii:i"));
    assert_null(mw_guest_function(f.instance, 3, "i:i"));
    assert_null(mw_guest_function(f.instance, 8, "i:i"));
    assert_null(mw_guest_function(f.instance, UINT32_MAX, "i:i"));
    assert_null(mw_exported_function(f.instance, "memory", "i:i"));
    assert_null(mw_exported_function(f.instance, "add", "i:i"));
    fixture_free(&f);
}

/* ---- Linking ------------------------------------------------------------------------------------------------------------- */

static mw_error instantiate(const char *path, mw_linker *linker, const mw_instance_limits *limits, mw_report *report,
                            mw_trap *trap, mw_instance **out)
{
    mw_code *code;
    *report = (mw_report)MW_REPORT_INIT;
    assert_int_equal(mw_code_load(path, NULL, report, &code), MW_OK);
    mw_error error = mw_instantiate(code, linker, limits, report, trap, out);
    mw_code_unload(code); /* the instance keeps it */
    return error;
}

static void lists_all_missing_imports(void **state)
{
    (void)state;
    mw_report report = MW_REPORT_INIT;
    mw_linker *linker;
    mw_instance *instance;
    assert_int_equal(mw_linker_new(&report, &linker), MW_OK);
    assert_int_equal(instantiate(FAKE("fake-imports"), linker, NULL, &report, NULL, &instance), MW_ERR_LINK);
    assert_string_equal(report.message, "the module needs 3 functions that this host lacks: env.host (i32) -> i32, "
                                        "env.host2 (i32, i32) -> i32, other.host?3 (i64, f32, f64) -> f64");
    assert_int_equal(mw_linker_add_host(linker, &env_module, &report), MW_OK);
    assert_int_equal(instantiate(FAKE("fake-imports"), linker, NULL, &report, NULL, &instance), MW_ERR_LINK);
    assert_string_equal(report.message, "the module needs 2 functions that this host lacks: "
                                        "env.host2 (i32, i32) -> i32, other.host?3 (i64, f32, f64) -> f64");

    /* Later definitions hide earlier ones; what has the wrong type is said beside what is missing. */
    static const mw_host_func wrong[] = {{"host", "I:", NULL}, {"host2", "ii:i", NULL}};
    static const mw_host_module module = {"env", wrong, 2};
    assert_int_equal(mw_linker_add_host(linker, &module, &report), MW_OK);
    assert_int_equal(instantiate(FAKE("fake-imports"), linker, NULL, &report, NULL, &instance), MW_ERR_LINK);
    assert_string_equal(report.message,
                        "the module needs 1 function that this host lacks: other.host?3 (i64, f32, f64) -> f64; "
                        "1 import of the module has another type here: env.host is (i64) -> () here, not (i32) -> i32");
    mw_linker_free(linker);
}

static void links_instances(void **state)
{
    (void)state;
    fixture f = fixture_make();
    mw_report report = MW_REPORT_INIT;
    mw_instance *second;
    assert_int_equal(instantiate(FAKE("fake-importer"), f.linker, NULL, &report, NULL, &second), MW_ERR_LINK);
    assert_non_null(strstr(report.message, "needs 4 imports that this host lacks"));
    assert_non_null(strstr(report.message, "fake.memory (memory)"));
    assert_int_equal(mw_linker_add_instance(f.linker, "fake", f.instance, &report), MW_OK);

    assert_int_equal(instantiate(FAKE("fake-importer-limits"), f.linker, NULL, &report, NULL, &second), MW_ERR_LINK);
    assert_non_null(strstr(report.message, "__indirect_function_table is a table with other limits here"));
    assert_non_null(strstr(report.message, "fake.global is a global of type mutable i32 here, not mutable i64"));

    assert_int_equal(instantiate(FAKE("fake-importer"), f.linker, NULL, &report, NULL, &second), MW_OK);
    assert_ptr_equal(second->memory0, f.instance->memory0);
    mw_extern e;
    mw_value v[2] = {{.i32 = 20}, {.i32 = 22}};
    assert_true(mw_instance_export(second, "call_add", 8, &e));
    assert_int_equal(mw_invoke(e.of.func, v, NULL, NULL), MW_OK);
    assert_int_equal(v[0].i32, 42);
    mw_func *seven = f.instance->tables[0]->elems[5];
    assert_ptr_equal(seven->instance, second);

    /* One value over the rest. */
    mw_func add = *e.of.func;
    assert_int_equal(mw_linker_add_extern(f.linker, "fake", "add",
                                          (mw_extern){.kind = MW_EXTERN_GLOBAL, .global_type = MW_I32}, &report), MW_OK);
    mw_instance *third;
    assert_int_equal(instantiate(FAKE("fake-importer"), f.linker, NULL, &report, NULL, &third), MW_ERR_LINK);
    assert_non_null(strstr(report.message, "fake.add is a global here, not a function"));
    assert_int_equal(mw_linker_add_extern(f.linker, "fake", "add",
                                          (mw_extern){.kind = MW_EXTERN_FUNC, .of.func = &add}, &report), MW_OK);
    assert_int_equal(instantiate(FAKE("fake-importer"), f.linker, NULL, &report, NULL, &third), MW_OK);
    mw_instance_free(third);
    mw_instance_free(second);
    fixture_free(&f);
}

/* Segments that ran before the one that does not fit stay, and their functions can be called. */
static void keeps_what_a_failed_instantiation_wrote(void **state)
{
    (void)state;
    fixture f = fixture_make();
    mw_report report = MW_REPORT_INIT;
    mw_trap trap = {0};
    mw_instance *second = NULL;
    assert_int_equal(mw_linker_add_instance(f.linker, "fake", f.instance, &report), MW_OK);
    assert_int_equal(instantiate(FAKE("fake-importer-traps"), f.linker, NULL, &report, &trap, &second), MW_ERR_TRAP);
    assert_int_equal(trap.code, MW_TRAP_MEMORY_OUT_OF_BOUNDS);
    assert_null(second);
    mw_func *seven = f.instance->tables[0]->elems[5];
    assert_non_null(seven);
    mw_value v = {0};
    assert_int_equal(mw_invoke(seven, &v, NULL, NULL), MW_OK);
    assert_int_equal(v.i32, 7);
    /* The data segment would have begun below the end of memory: nothing of it was written. */
    assert_int_equal(f.instance->memory0[65534], 0);

    assert_int_equal(instantiate(FAKE("fake-data"), f.linker, NULL, &report, &trap, &second), MW_ERR_TRAP);
    assert_int_equal(trap.code, MW_TRAP_MEMORY_OUT_OF_BOUNDS);
    fixture_free(&f);
}

/* ---- Memories and tables ---------------------------------------------------------------------------------------------------- */

static void grows_memory_up_to_its_limits(void **state)
{
    (void)state;
    fixture f = fixture_make();
    int32_t r;
    uint8_t *base = f.instance->memory0;
    assert_int_equal((uintptr_t)base & ((2 << 20) - 1), 0);
    assert_int_equal(mw_guest_memory_size(f.instance), 65536);
    call_export(&f, "grow", 3, 0, &r);
    assert_int_equal(r, 1);
    assert_ptr_equal(f.instance->memory0, base);
    assert_int_equal(base[4 * 65536 - 1], 0);
    base[4 * 65536 - 1] = 1;
    call_export(&f, "grow", 0, 0, &r);
    assert_int_equal(r, 4);
    call_export(&f, "grow", 65536, 0, &r);
    assert_int_equal(r, -1);
    call_export(&f, "grow", 65535 - 4 + 1, 0, &r); /* the declared maximum is 65,536; 65,535 are given */
    assert_int_equal(r, -1);
    call_export(&f, "grow", -1, 0, &r);
    assert_int_equal(r, -1);
    assert_int_equal(mw_guest_memory_grow(f.instance, 1), 4);
    assert_int_equal(mw_guest_memory_grow(f.instance, UINT64_MAX), -1);
    assert_int_equal(mw_guest_memory_size(f.instance), 5 * 65536);
    fixture_free(&f);

    mw_memory m = {0};
    uint64_t left = 2;
    mw_report report = MW_REPORT_INIT;
    assert_int_equal(mw_memory_create(&m, (mw_memory_desc){.limits = {0, 3}}, &left, &report), MW_OK);
    assert_int_equal(m.declared_max, 3);
    assert_int_equal(mw_memory_grow(&m, 2), 0);
    assert_int_equal(mw_memory_grow(&m, 1), -1);
    assert_ptr_equal(mw_memory_of_address((uintptr_t)m.base + (UINT64_C(8) << 30)), &m);
    assert_ptr_equal(mw_memory_of_address((uintptr_t)m.base - 1), NULL);
    mw_memory_destroy(&m);

    mw_memory a = {0}, b = {0}; /* one limit for both */
    left = 5;
    assert_int_equal(mw_memory_create(&a, (mw_memory_desc){.limits = {1, UINT64_MAX}}, &left, &report), MW_OK);
    assert_int_equal(mw_memory_create(&b, (mw_memory_desc){.limits = {1, UINT64_MAX}}, &left, &report), MW_OK);
    assert_int_equal(mw_memory_grow(&a, 4), -1);
    assert_int_equal(mw_memory_grow(&a, 2), 1);
    assert_int_equal(mw_memory_grow(&b, 2), -1);
    assert_int_equal(mw_memory_grow(&b, 1), 1);
    assert_int_equal(mw_memory_grow(&a, 1), -1);
    assert_int_equal(left, 0);
    mw_memory_destroy(&a);
    mw_memory_destroy(&b);
    assert_int_equal(mw_memory_create(&m, (mw_memory_desc){.limits = {3, 3}}, &(uint64_t){2}, &report), MW_ERR_LIMIT);
    assert_string_equal(report.message, "the module's memory begins with 192 KiB, more than the 128 KiB that it may "
                                        "have");
}

static void makes_64_bit_memories(void **state)
{
    (void)state;
    mw_memory m = {0};
    mw_report report = MW_REPORT_INIT;
    /* A small one has a limit of 32 bits, and what lies behind it is in the reservation. */
    mw_memory_desc desc = {.limits = {1, 5}, .is64 = 1};
    assert_int_equal(mw_memory_create(&m, desc, NULL, &report), MW_OK);
    assert_int_equal(m.limit, MW_MIN_LIMIT64);
    assert_int_equal(m.reserved, m.limit + MW_GUARD_BYTES64);
    assert_ptr_equal(mw_memory_of_address((uintptr_t)m.base + m.limit + (UINT64_C(68) << 30)), &m);
    assert_ptr_equal(mw_memory_of_address((uintptr_t)m.base - (UINT64_C(64) << 30)), &m);
    assert_ptr_equal(mw_memory_of_address((uintptr_t)m.base - (UINT64_C(64) << 30) - 1), NULL);
    assert_int_equal(mw_memory_grow(&m, UINT64_MAX), -1);
    assert_int_equal(mw_memory_grow(&m, 5), -1);
    uint8_t *base = m.base;
    assert_int_equal(mw_memory_grow(&m, 4), 1);
    assert_ptr_equal(m.base, base);
    base[5 * MW_PAGE_BYTES - 1] = 1;
    mw_memory_destroy(&m);
    /* Without a maximum: as much as the machine has, and --max-memory. */
    desc.limits.max = UINT64_MAX;
    assert_int_equal(mw_memory_create(&m, desc, NULL, &report), MW_OK);
    assert_true(m.max_pages > 1 && m.max_pages <= MW_MAX_LIMIT64 / MW_PAGE_BYTES);
    assert_true(m.limit >= MW_MIN_LIMIT64 && m.limit >= m.max_pages * MW_PAGE_BYTES);
    assert_int_equal(mw_memory_grow(&m, m.max_pages), -1);
    mw_memory_destroy(&m);
    assert_int_equal(mw_memory_create(&m, desc, &(uint64_t){200000}, &report), MW_OK);
    assert_int_equal(m.limit, 200000 * MW_PAGE_BYTES);
    assert_int_equal(mw_memory_grow(&m, 200000), -1);
    mw_memory_destroy(&m);
    desc.limits.min = UINT64_C(1) << 48;
    assert_int_equal(mw_memory_create(&m, desc, NULL, &report), MW_ERR_LIMIT);
}

static void ignores_limits(void *arg)
{
    (void)arg;
    setrlimit(RLIMIT_AS, &(struct rlimit){1 << 30, 1 << 30});
    _exit(mmap(NULL, (size_t)2 << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED);
}

static void needs_limits(void)
{
    char err[100];
    if (WEXITSTATUS(in_child(ignores_limits, NULL, err, sizeof err))) {
        print_message("skipped: this kernel does not limit address space, like qemu-user\n");
        skip();
    }
}

static void starve_64(void *arg)
{
    (void)arg;
    mw_report report = MW_REPORT_INIT;
    mw_memory m = {0};
    setrlimit(RLIMIT_AS, &(struct rlimit){UINT64_C(137) << 30, UINT64_C(137) << 30});
    mw_memory_desc desc = {.limits = {1, 1 << 20}, .is64 = 1}; /* 64 GiB */
    if (mw_memory_create(&m, desc, NULL, &report) != MW_OK)
        _exit(1);
    bool grows = mw_memory_grow(&m, 1) == 1 && m.limit == MW_MIN_LIMIT64;
    mw_memory_desc more = {.limits = {UINT64_C(3) << 16, UINT64_MAX}, .is64 = 1}; /* 12 GiB at once */
    mw_memory n = {0};
    _exit(grows && mw_memory_create(&n, more, NULL, &report) != MW_OK ? 7 : 2);
}

static void makes_do_with_less_address_space(void **state)
{
    (void)state;
#if !defined(__SANITIZE_ADDRESS__)
    needs_limits();
    char err[2000];
    int status = in_child(starve_64, NULL, err, sizeof err);
    assert_int_equal(WEXITSTATUS(status), 7);
#endif
}

static void refuses_what_exceeds_limits(void **state)
{
    (void)state;
    mw_report report = MW_REPORT_INIT;
    mw_linker *linker;
    mw_instance *instance;
    assert_int_equal(mw_linker_new(&report, &linker), MW_OK);
    assert_int_equal(mw_linker_add_host(linker, &env_module, &report), MW_OK);
    assert_int_equal(instantiate(FAKE("fake-big"), linker, NULL, &report, NULL, &instance), MW_ERR_LIMIT);
    assert_non_null(strstr(report.message, "begins with 65536 pages of 64 KiB, but a 32-bit memory can have at most "
                                           "65535"));
    mw_instance_limits limits = {.max_memory_pages = 16};
    assert_int_equal(instantiate(FAKE("fake-max"), linker, &limits, &report, NULL, &instance), MW_ERR_LIMIT);
    assert_int_equal(instantiate(FAKE("fake-expr"), linker, NULL, &report, NULL, &instance), MW_ERR_LIMIT);
    assert_non_null(strstr(report.message, "a constant expression of 512 instructions"));
    limits = (mw_instance_limits){.max_table_elems = 7};
    assert_int_equal(instantiate(FAKE("fake"), linker, &limits, &report, NULL, &instance), MW_ERR_LIMIT);
    mw_linker_free(linker);
    assert_false(mw_host_has_memory(UINT64_C(1) << 60));
    assert_true(mw_host_has_memory(1 << 20));
}

static void starve(void *arg)
{
    mw_report report = MW_REPORT_INIT;
    mw_linker *linker;
    mw_instance *instance;
    (void)!mw_linker_new(&report, &linker);
    (void)!mw_linker_add_host(linker, &env_module, &report);
    mw_code *code;
    (void)!mw_code_load(FAKE("fake-max"), NULL, &report, &code);
    setrlimit(*(int *)arg, &(struct rlimit){1 << 30, 1 << 30});
    _exit(mw_instantiate(code, linker, NULL, &report, NULL, &instance) == MW_ERR_NO_MEMORY
              ? fprintf(stderr, "%s", report.message), 7
              : 8);
}

static void says_when_the_host_has_no_memory(void **state)
{
    (void)state;
    needs_limits();
    char err[2000];
    int status = in_child(starve, &(int){RLIMIT_DATA}, err, sizeof err);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_non_null(strstr(err, "begins with 4095 MiB, which this host does not have: Cannot allocate memory"));
#if !defined(__SANITIZE_ADDRESS__)
    status = in_child(starve, &(int){RLIMIT_AS}, err, sizeof err);
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_non_null(strstr(err, "cannot reserve 8 GiB of address space"));
#endif
}

static void grows_tables(void **state)
{
    (void)state;
    mw_table t = {0};
    mw_report report = MW_REPORT_INIT;
    int x;
    uint64_t left = MW_DEFAULT_MAX_TABLE_ELEMS;
    mw_table_desc desc = {.limits = {2, UINT64_MAX}, .type = MW_EXTERNREF};
    assert_int_equal(mw_table_create(&t, desc, &left, &report), MW_OK);
    assert_int_equal(t.max, MW_DEFAULT_MAX_TABLE_ELEMS);
    void **elems = t.elems;
    assert_int_equal(mw_table_grow(&t, &x, 3), 2);
    assert_ptr_equal(t.elems, elems);
    assert_null(elems[1]);
    assert_ptr_equal(elems[4], &x);
    assert_null(elems[5]);
    assert_int_equal(mw_table_grow(&t, NULL, UINT64_C(0xfffffff0)), -1);
    assert_int_equal(mw_table_grow(&t, NULL, UINT64_MAX), -1);
    assert_int_equal(t.size, 5);
    mw_table_destroy(&t);
    desc.limits.max = 0, desc.limits.min = 0;
    assert_int_equal(mw_table_create(&t, desc, &left, &report), MW_OK);
    assert_int_equal(mw_table_grow(&t, NULL, 1), -1);
    assert_int_equal(mw_table_grow(&t, NULL, 0), 0);
    mw_table_destroy(&t);

    mw_table u = {0}; /* one limit for both */
    left = 10;
    desc.limits = (mw_limits_desc){2, UINT64_MAX};
    assert_int_equal(mw_table_create(&t, desc, &left, &report), MW_OK);
    assert_int_equal(mw_table_create(&u, desc, &left, &report), MW_OK);
    assert_int_equal(mw_table_grow(&t, &x, 7), -1);
    assert_int_equal(mw_table_grow(&t, &x, 4), 2);
    assert_int_equal(mw_table_grow(&u, NULL, 3), -1);
    assert_int_equal(mw_table_grow(&u, NULL, 2), 2);
    desc.limits.min = 1;
    mw_table v = {0};
    assert_int_equal(mw_table_create(&v, desc, &left, &report), MW_ERR_LIMIT);
    mw_table_destroy(&t);
    mw_table_destroy(&u);
}

static void checks_guest_addresses(void **state)
{
    (void)state;
    fixture f = fixture_make();
    mw_instance *in = f.instance;
    const char *s;
    uint8_t byte = 5;
    assert_ptr_equal(mw_guest_span(in, (mw_guest_ptr){0}, 65536), in->memory0);
    assert_null(mw_guest_span(in, (mw_guest_ptr){0}, 65537));
    assert_null(mw_guest_span(in, (mw_guest_ptr){1}, 65536));
    assert_null(mw_guest_span(in, (mw_guest_ptr){1}, UINT64_MAX));
    assert_non_null(mw_guest_span(in, (mw_guest_ptr){65536}, 0));
    assert_null(mw_guest_span(in, (mw_guest_ptr){65537}, 0));
    assert_null(mw_guest_array(in, (mw_guest_ptr){0}, UINT64_C(1) << 62, 8));
    assert_true(mw_guest_write(in, (mw_guest_ptr){65535}, &byte, 1));
    assert_false(mw_guest_write(in, (mw_guest_ptr){65536}, &byte, 1));
    assert_int_equal(mw_guest_string(in, (mw_guest_ptr){65535}, 10, &s), -1); /* no NUL before the end */
    assert_int_equal(mw_guest_string(in, (mw_guest_ptr){16}, 5, &s), -1);
    assert_int_equal(mw_guest_string(in, (mw_guest_ptr){16}, 6, &s), 5);
    assert_string_equal(s, "hello");
    fixture_free(&f);
}

/* ---- Instances of threads ------------------------------------------------------------------------------------------------ */

static struct {
    mw_instance *instance, *here;
    const mw_func *kept, *func_here;
} seen;

static int32_t look_around(mw_instance *instance, int32_t n)
{
    seen.instance = instance;
    seen.here = mw_instance_here(instance->first ? instance->first : instance);
    seen.kept = mw_guest_function(instance, 2, "i:i");
    seen.func_here = mw_func_here(seen.kept);
    return n;
}

static void makes_instances_for_threads(void **state)
{
    (void)state;
    fixture f = fixture_make();
    mw_report report = MW_REPORT_INIT;
    mw_instance *first = f.instance, *other, *third;
    int32_t r;
    first->host[MW_HOST_EMBEDDER] = &report;
    assert_int_equal(mw_instance_for_thread(first, &report, &other), MW_OK);
    assert_int_equal(mw_instance_for_thread(other, &report, &third), MW_OK);
    assert_ptr_equal(other->first, first);
    assert_ptr_equal(third->first, first);
    assert_ptr_equal(third->host[MW_HOST_EMBEDDER], &report);
    assert_ptr_not_equal(other->globals, first->globals);

    /* A host function gets the instance that calls it; what the host keeps is the first one's, and is called back as
     * the caller's. */
    host_behaviour = look_around;
    assert_int_equal(call_export(&f, "call_host", 1, 0, &r), MW_OK);
    const mw_func *kept = seen.kept;
    assert_ptr_equal(seen.instance, first);
    assert_ptr_equal(kept->instance, first);
    assert_ptr_equal(seen.func_here, kept);
    f.instance = third;
    assert_int_equal(call_export(&f, "call_host", 1, 0, &r), MW_OK);
    assert_ptr_equal(seen.instance, third);
    assert_ptr_equal(seen.here, third);
    assert_ptr_equal(seen.kept, kept);
    assert_ptr_equal(seen.func_here->instance, third);
    assert_ptr_equal(seen.func_here->code, kept->code);
    assert_ptr_equal(mw_instance_here(first), first); /* nothing runs */
    f.instance = first;
    mw_instance_free(third);
    mw_instance_free(other);

    /* What one thread alone may use cannot be imported. */
    assert_int_equal(mw_linker_add_instance(f.linker, "fake", f.instance, &report), MW_OK);
    assert_int_equal(instantiate(FAKE("fake-importer"), f.linker, NULL, &report, NULL, &other), MW_OK);
    assert_int_equal(mw_instance_for_thread(other, &report, &third), MW_ERR_LINK);
    assert_non_null(strstr(report.message, "which cannot share the"));
    mw_instance_free(other);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_and_checks_the_key),
        cmocka_unit_test(refuses_what_was_damaged),
        cmocka_unit_test(refuses_foreign_objects),
        cmocka_unit_test(names_the_missing_cpu_features),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(says_when_a_file_system_is_noexec),
        cmocka_unit_test(interns_equal_types_once),
        cmocka_unit_test(calls_functions_of_all_shapes),
        cmocka_unit_test(initializes_globals_and_runs_start),
        cmocka_unit_test(applies_segments),
        cmocka_unit_test(calls_through_the_table),
        cmocka_unit_test(lists_all_missing_imports),
        cmocka_unit_test(links_instances),
        cmocka_unit_test(keeps_what_a_failed_instantiation_wrote),
        cmocka_unit_test(grows_memory_up_to_its_limits),
        cmocka_unit_test(makes_64_bit_memories),
        cmocka_unit_test(makes_do_with_less_address_space),
        cmocka_unit_test(refuses_what_exceeds_limits),
        cmocka_unit_test(says_when_the_host_has_no_memory),
        cmocka_unit_test(grows_tables),
        cmocka_unit_test(checks_guest_addresses),
        cmocka_unit_test(makes_instances_for_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
