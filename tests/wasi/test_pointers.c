/* Every function with every pointer out of bounds, made from the list of functions: EFAULT, nothing changed, no
 * crash. Then every function with arguments that are all extreme. As for a guest with 32-bit pointers, then with 64-bit
 * ones. */
#include "fixture.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_ARGS 9

/* Calls a function with arguments from an array: as many and of such types as funcs.def says. */
typedef uint32_t call_fn(const uint64_t *a);
#define AS_u32(v) (uint32_t)(v)
#define AS_u64(v) (v)
#define AS_size(v) (fx.memory.is64 ? (v) : (uint32_t)(v))
#define AS_ptr(v) ((mw_guest_ptr){AS_size(v)})
#define CALL_1(name, t) CALL_1_##t(name)
#define CALL_1_none(name) ((void)a, mw_wasi_##name(GUEST))
#define CALL_1_u32(name) mw_wasi_##name(GUEST, AS_u32(a[0]))
#define CALL_2(name, t, u) mw_wasi_##name(GUEST, AS_##t(a[0]), AS_##u(a[1]))
#define CALL_3(name, t, u, v) mw_wasi_##name(GUEST, AS_##t(a[0]), AS_##u(a[1]), AS_##v(a[2]))
#define CALL_4(name, t, u, v, w) mw_wasi_##name(GUEST, AS_##t(a[0]), AS_##u(a[1]), AS_##v(a[2]), AS_##w(a[3]))
#define CALL_5(name, t, u, v, w, x)                                                                \
    mw_wasi_##name(GUEST, AS_##t(a[0]), AS_##u(a[1]), AS_##v(a[2]), AS_##w(a[3]), AS_##x(a[4]))
#define CALL_6(name, t, u, v, w, x, y)                                                             \
    mw_wasi_##name(GUEST, AS_##t(a[0]), AS_##u(a[1]), AS_##v(a[2]), AS_##w(a[3]), AS_##x(a[4]), AS_##y(a[5]))
#define CALL_7(name, t, u, v, w, x, y, z)                                                          \
    mw_wasi_##name(GUEST, AS_##t(a[0]), AS_##u(a[1]), AS_##v(a[2]), AS_##w(a[3]), AS_##x(a[4]), AS_##y(a[5]), \
                   AS_##z(a[6]))
#define CALL_9(name, t, u, v, w, x, y, z, r, s)                                                    \
    mw_wasi_##name(GUEST, AS_##t(a[0]), AS_##u(a[1]), AS_##v(a[2]), AS_##w(a[3]), AS_##x(a[4]), AS_##y(a[5]), \
                   AS_##z(a[6]), AS_##r(a[7]), AS_##s(a[8]))
#define NTH(a, b, c, d, e, f, g, h, i, n, ...) n
#define CALL(name, ...)                                                                            \
    NTH(__VA_ARGS__, CALL_9, , CALL_7, CALL_6, CALL_5, CALL_4, CALL_3, CALL_2, CALL_1, )(name, __VA_ARGS__)

#define W(name, ...)                                                                               \
    static uint32_t call_##name(const uint64_t *a)                                                 \
    {                                                                                              \
        return CALL(name, __VA_ARGS__);                                                            \
    }
#define V(name, ...) W(name, __VA_ARGS__) W(unstable_##name, __VA_ARGS__)
#define E(name, ...)                                                                               \
    static uint32_t call_##name(const uint64_t *a)                                                 \
    {                                                                                              \
        CALL(name, __VA_ARGS__);                                                                   \
        return 0;                                                                                  \
    }
#include "wasi/funcs.def"
#undef W
#undef V
#undef E

/* One letter a parameter: '4', '8', 'p' or 's'. */
#define LETTER_u32 "4"
#define LETTER_u64 "8"
#define LETTER_ptr "p"
#define LETTER_size "s"
#define LETTER_none ""
#define LETTER(type, n) LETTER_##type

static const struct {
    const char *name, *params;
    call_fn *call;
} funcs[] = {
#define W(name, ...) {#name, MW_WASI_EACH(LETTER, __VA_ARGS__), call_##name},
#define V(name, ...) W(name, __VA_ARGS__) W(unstable_##name, __VA_ARGS__)
#define E(name, ...) W(name, __VA_ARGS__)
#include "wasi/funcs.def"
#undef W
#undef V
#undef E
};
enum { NFUNCS = sizeof funcs / sizeof *funcs };

/* Arguments with which a function succeeds. Addresses: what lies there is set up by `prepare`. */
enum {
    OUT1 = 0x1000, OUT2 = 0x2000, OUT3 = 0x3000, /* zeroed */
    NAME = 0x4000,                               /* "file", an existing one */
    OTHER = 0x4100,                              /* "new" */
    DIRNAME = 0x4200,                            /* "dir", an existing one */
    LINK = 0x4300,                               /* "link", an existing one */
    IOVEC = 0x5000,                              /* one of 8 bytes at OUT1 */
    TREE = 5, FILE_FD = 6,                       /* descriptors of their directory and of "file" */
};

static const struct {
    const char *name;
    uint64_t args[MAX_ARGS];
} valid[] = {
    {"args_get", {OUT1, OUT2}},
    {"args_sizes_get", {OUT1, OUT2}},
    {"clock_res_get", {0, OUT1}},
    {"clock_time_get", {0, 0, OUT1}},
    {"environ_get", {OUT1, OUT2}},
    {"environ_sizes_get", {OUT1, OUT2}},
    {"fd_fdstat_get", {FILE_FD, OUT1}},
    {"fd_filestat_get", {FILE_FD, OUT1}},
    {"unstable_fd_filestat_get", {FILE_FD, OUT1}},
    {"fd_pread", {FILE_FD, IOVEC, 1, 0, OUT2}},
    {"fd_prestat_dir_name", {RW, OUT1, 3}},
    {"fd_prestat_get", {RW, OUT1}},
    {"fd_pwrite", {FILE_FD, IOVEC, 1, 0, OUT2}},
    {"fd_read", {FILE_FD, IOVEC, 1, OUT2}},
    {"fd_readdir", {TREE, OUT1, 100, 0, OUT2}},
    {"fd_seek", {FILE_FD, 0, 0, OUT1}},
    {"unstable_fd_seek", {FILE_FD, 0, 0, OUT1}},
    {"fd_tell", {FILE_FD, OUT1}},
    {"fd_write", {FILE_FD, IOVEC, 1, OUT2}},
    {"path_create_directory", {TREE, OTHER, 3}},
    {"path_filestat_get", {TREE, 0, NAME, 4, OUT1}},
    {"unstable_path_filestat_get", {TREE, 0, NAME, 4, OUT1}},
    {"path_filestat_set_times", {TREE, 0, NAME, 4, 0, 0, 10}},
    {"path_link", {TREE, 0, NAME, 4, TREE, OTHER, 3}},
    {"path_open", {TREE, 0, NAME, 4, 0, 0, 0, 0, OUT1}},
    {"path_readlink", {TREE, LINK, 4, OUT1, 64, OUT2}},
    {"path_remove_directory", {TREE, DIRNAME, 3}},
    {"path_rename", {TREE, NAME, 4, TREE, OTHER, 3}},
    {"path_symlink", {NAME, 4, TREE, OTHER, 3}},
    {"path_unlink_file", {TREE, NAME, 4}},
    {"poll_oneoff", {OUT1, OUT2, 1, OUT3}},
    {"unstable_poll_oneoff", {OUT1, OUT2, 1, OUT3}},
    {"random_get", {OUT1, 64}},
    {"sock_recv", {0, IOVEC, 1, 0, OUT2, OUT3}},
    {"sock_send", {1, IOVEC, 1, 0, OUT2}},
};

static int pairs[2][2], saved[2];

/* Standard input and output are sockets here, so that sock_recv and sock_send have something to work on. */
static int up(void **state)
{
    fixture_up(state);
    mw_wasi_config config = mw_wasi_state_of(GUEST)->config;
    mw_wasi_detach(GUEST);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]), 0);
        fflush(stdout);
        saved[i] = dup(i);
        dup2(pairs[i][0], i);
    }
    fixture_attach(&config);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i);
        mw_wasi_state_of(GUEST)->fds[i].host = pairs[i][0];
        mw_wasi_state_of(GUEST)->std_flags[i] = -1; /* those of the sockets are not for the real streams */
    }
    return 0;
}

static int up_wide(void **state)
{
    int error = up(state);
    fx.memory.is64 = 1;
    return error;
}

static int down(void **state)
{
    for (int i = 0; i < 2; i++) {
        close(saved[i]);
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
    return fixture_down(state);
}

/* Files, descriptors and memory as the arguments above assume. */
static void prepare(void)
{
    host_clear("rw/tree");
    host_write("rw/tree/file", "0123456789abcdef");
    assert_int_equal(mkdir(host("rw/tree/dir"), 0777), 0);
    assert_int_equal(symlink("file", host("rw/tree/link")), 0);
    for (uint32_t fd = TREE; fd < mw_wasi_state_of(GUEST)->fd_high; fd++)
        if (mw_wasi_fd_close(GUEST, fd) != 0) {}
    assert_int_equal(must_open(RW, "tree", MW_WASI_OFLAG_DIRECTORY, dir_rights()), TREE);
    assert_int_equal(must_open(TREE, "file", 0, file_rights()), FILE_FD);
    char drain[64];
    if (read(pairs[0][0], drain, sizeof drain) < 0) {}
    if (read(pairs[1][1], drain, sizeof drain) < 0) {}
    assert_int_equal(write(pairs[0][1], "message", 7), 7);
    memset(fx.memory.base, 0, GUEST_BYTES);
    memcpy(fx.memory.base + NAME, "file", 4);
    memcpy(fx.memory.base + OTHER, "new", 3);
    memcpy(fx.memory.base + DIRNAME, "dir", 3);
    memcpy(fx.memory.base + LINK, "link", 4);
    if (fx.memory.is64)
        memcpy(fx.memory.base + IOVEC, &(mw_wasi_wide_iovec){OUT1, 8}, 16);
    else
        memcpy(fx.memory.base + IOVEC, &(mw_wasi_iovec){OUT1, 8}, 8);
}

static const uint64_t *valid_args(const char *name)
{
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++)
        if (strcmp(valid[i].name, name) == 0)
            return valid[i].args;
    return NULL;
}

static void out_of_bounds(void **state)
{
    (void)state;
    static uint8_t before[GUEST_BYTES];
    static const uint64_t wild[] = {GUEST_BYTES, GUEST_BYTES - 1, GUEST_BYTES + 65536, 0x7fffffff, 0x80000000,
                                    0xfffffff0, 0xffffffff, 0x100001000, 0x7fffffffffffffff, 0x8000000000000000,
                                    0xfffffffffffffff8, 0xffffffffffffffff};
    size_t nwild = sizeof wild / sizeof *wild - (fx.memory.is64 ? 0 : 5);
    unsigned checked = 0;
    for (size_t f = 0; f < NFUNCS; f++) {
        if (!strchr(funcs[f].params, 'p') || strcmp(funcs[f].name, "sock_accept") == 0)
            continue; /* sock_accept refuses every descriptor before it would look at its pointer */
        const uint64_t *args = valid_args(funcs[f].name);
        if (!args)
            fail_msg("no valid arguments for %s", funcs[f].name);
        prepare();
        assert_errno_at(MW_WASI_ESUCCESS, (mw_wasi_errno)funcs[f].call(args), funcs[f].name, __FILE__, __LINE__);
        for (size_t p = 0; funcs[f].params[p]; p++) {
            if (funcs[f].params[p] != 'p')
                continue;
            for (size_t w = 0; w < nwild; w++) {
                uint64_t hostile[MAX_ARGS];
                memcpy(hostile, args, sizeof hostile);
                hostile[p] = wild[w];
                prepare();
                memcpy(before, fx.memory.base, GUEST_BYTES);
                uint32_t error = funcs[f].call(hostile);
                if (error != MW_WASI_EFAULT || memcmp(before, fx.memory.base, GUEST_BYTES) != 0)
                    fail_msg("%s with argument %zu = 0x%llx: E%s%s", funcs[f].name, p, (unsigned long long)wild[w],
                             mw_wasi_errno_name(error), error == MW_WASI_EFAULT ? ", but wrote" : "");
                checked++;
            }
        }
    }
    assert_true(checked > 300);
    assert_false(host_exists("rw/tree/new"));
}

/* Lengths and counts that do not fit, with good pointers. */
static void counts_out_of_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned arg;
    } counts[] = {
        {"fd_pread", 2}, {"fd_pwrite", 2}, {"fd_read", 2}, {"fd_write", 2}, {"fd_readdir", 2},
        {"path_create_directory", 2}, {"path_filestat_get", 3}, {"path_filestat_set_times", 3}, {"path_link", 3},
        {"path_link", 6}, {"path_open", 3}, {"path_readlink", 2}, {"path_readlink", 4}, {"path_remove_directory", 2},
        {"path_rename", 2}, {"path_rename", 5}, {"path_symlink", 1}, {"path_symlink", 4}, {"path_unlink_file", 2},
        {"poll_oneoff", 2}, {"unstable_poll_oneoff", 2}, {"random_get", 1}, {"sock_recv", 2}, {"sock_send", 2},
    };
    static const uint64_t sizes[] = {GUEST_BYTES, 0x10000001, 0x20000001, 0x40000001, 0x7fffffff, 0x80000000,
                                     0xffffffff, 0x100000001, 0x1000000000000001, 0x7fffffffffffffff, 0xffffffffffffffff};
    size_t nsizes = sizeof sizes / sizeof *sizes - (fx.memory.is64 ? 0 : 4);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t s = 0; s < nsizes; s++)
            for (size_t f = 0; f < NFUNCS; f++) {
                if (strcmp(funcs[f].name, counts[c].name) != 0)
                    continue;
                uint64_t hostile[MAX_ARGS];
                memcpy(hostile, valid_args(counts[c].name), sizeof hostile);
                hostile[counts[c].arg] = sizes[s];
                prepare();
                assert_errno_at(MW_WASI_EFAULT, (mw_wasi_errno)funcs[f].call(hostile), funcs[f].name, __FILE__,
                                __LINE__);
            }
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static bool raises(size_t f, const uint64_t *args)
{
    return RAISES(funcs[f].call(args));
}

/* Whatever comes: an error or not, but this process lives, and the file outside stays as it is. */
static void extremes(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 2, 3, 4, 5, 7, 8, 16, 63, 64, 255, OUT1, NAME, OTHER, DIRNAME, LINK, IOVEC,
                                      GUEST_BYTES - 8, GUEST_BYTES - 1, GUEST_BYTES, 0x7fffffff, 0x80000000,
                                      0xfffffff8, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000,
                                      0xffffffffffffffff};
    uint64_t seed = 88172645463325252u;
    /* No disk is filled: sizes beyond 64 KiB are EFBIG, since attaching has SIGXFSZ ignored. */
    struct rlimit old, limit = {65536, 0};
    getrlimit(RLIMIT_FSIZE, &old);
    limit.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
    for (unsigned i = 0; i < 15000; i++) {
        if (i % 64 == 0)
            prepare();
        size_t f = next_random(&seed) % NFUNCS;
        /* Its wait may be endless, rightly; test_process.c has it. */
        if (strstr(funcs[f].name, "poll_oneoff"))
            continue;
        if (strstr(funcs[f].name, "sync")) /* takes no pointer, but the disk's time */
            continue;
        const uint64_t *args = valid_args(funcs[f].name);
        uint64_t hostile[MAX_ARGS];
        for (unsigned a = 0; a < MAX_ARGS; a++)
            hostile[a] = args && next_random(&seed) % 2 ? args[a]
                                                        : values[next_random(&seed) % (sizeof values / sizeof *values)];
        if ((uint32_t)hostile[0] < 3 && strncmp(funcs[f].name, "fd_", 3) == 0)
            hostile[0] += RW; /* standard input would be waited for */
        if (strcmp(funcs[f].name, "fd_close") == 0 && (uint32_t)hostile[0] <= TREE)
            continue;
        if (strcmp(funcs[f].name, "fd_renumber") == 0 || strcmp(funcs[f].name, "fd_fdstat_set_rights") == 0)
            continue; /* would soon leave nothing to work on */
        bool ends = strcmp(funcs[f].name, "proc_exit") == 0 || strcmp(funcs[f].name, "proc_raise") == 0;
        assert_true(!raises(f, hostile) || ends);
    }
    setrlimit(RLIMIT_FSIZE, &old);
    assert_string_equal(host_read("secret"), SECRET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(out_of_bounds, up, down),
        cmocka_unit_test_setup_teardown(counts_out_of_bounds, up, down),
        cmocka_unit_test_setup_teardown(extremes, up, down),
        cmocka_unit_test_setup_teardown(out_of_bounds, up_wide, down),
        cmocka_unit_test_setup_teardown(counts_out_of_bounds, up_wide, down),
        cmocka_unit_test_setup_teardown(extremes, up_wide, down),
    };
    return cmocka_run_group_tests_name("wasi-pointers", tests, NULL, NULL);
}
