/* Arguments, environment, clocks, random numbers, polling, the end; and the tables themselves. */
#include "fixture.h"
#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void modules(void **state)
{
    (void)state;
    const mw_host_module *m = mw_wasi_modules(false), *wide = mw_wasi_modules(true);
    assert_string_equal(m[0].name, "wasi_snapshot_preview1");
    assert_string_equal(m[1].name, "wasi_unstable");
    assert_string_equal(m[2].name, "wasi");
    assert_string_equal(m[3].name, "mpiwasm");
    assert_null(m[4].name);
    assert_string_equal(wide[0].name, "wasi_snapshot_preview1");
    assert_int_equal(wide[0].nfuncs, 46);
    assert_null(wide[1].name);
    for (int k = 0; k < 2; k++, m++) {
        assert_int_equal(m->nfuncs, 46);
        for (uint32_t i = 1; i < m->nfuncs; i++)
            assert_true(strcmp(m->funcs[i - 1].name, m->funcs[i].name) < 0);
    }
    /* A few signatures as the specification gives them. */
    static const char *const expected[][3] = {
        {"args_get", "ii:i", "II:i"}, {"clock_time_get", "iIi:i", "iII:i"},
        {"fd_prestat_dir_name", "iii:i", "iII:i"}, {"fd_readdir", "iiiIi:i", "iIIII:i"},
        {"fd_seek", "iIii:i", "iIiI:i"}, {"path_open", "iiiiiIIii:i", "iiIIiIIiI:i"},
        {"path_filestat_set_times", "iiiiIIi:i", "iiIIIIi:i"}, {"proc_exit", "i:", "i:"}, {"sched_yield", ":i", ":i"}};
    m = mw_wasi_modules(false);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        uint32_t j = 0;
        while (j < m->nfuncs && strcmp(m->funcs[j].name, expected[i][0]) != 0)
            j++;
        assert_true(j < m->nfuncs);
        assert_string_equal(m->funcs[j].signature, expected[i][1]);
        assert_string_equal(wide->funcs[j].name, expected[i][0]);
        assert_string_equal(wide->funcs[j].signature, expected[i][2]);
    }
}

/* What the upper half of a register holds is not part of a 32-bit argument. */
static void narrow_arguments(void **state)
{
    (void)state;
    const mw_host_module *m = mw_wasi_modules(false);
    uint32_t j = 0;
    while (strcmp(m->funcs[j].name, "random_get") != 0)
        j++;
    mw_guest_ptr p = room(64);
    assert_ok(((uint32_t (*)(mw_instance *, uint64_t, uint64_t))m->funcs[j].code)(GUEST, p.addr | UINT64_C(7) << 32,
                                                                                64 | UINT64_C(9) << 32));
    static const uint8_t zeros[64];
    assert_memory_not_equal(at(p, 64), zeros, 64);
}

/* Results of a size or an address have 8 bytes for a guest with 64-bit pointers, and 4 for others. */
static void widths(void **state)
{
    (void)state;
    static const char untouched[32] = "...............................";
    for (int wide = 0; wide < 2; wide++) {
        fx.memory.is64 = (uint8_t)wide;
        size_t word = wide ? 8 : 4;
        mw_guest_ptr count = put(untouched, 32), bytes = put(untouched, 32), argv = put(untouched, 32), buf = room(64);
        assert_ok(mw_wasi_args_sizes_get(GUEST, count, bytes));
        uint64_t n = 0, size = 0;
        memcpy(&n, at(count, word), word);
        memcpy(&size, at(bytes, word), word);
        assert_int_equal(n, 4);
        assert_int_equal(size, 8 + 4 + 1 + 5);
        assert_memory_equal((char *)at(count, 32) + word, untouched + word, 32 - word);
        assert_ok(mw_wasi_args_get(GUEST, argv, buf));
        uint64_t third = 0;
        memcpy(&third, (char *)at(argv, 32) + 3 * word, word);
        assert_int_equal(third, buf.addr + 8 + 4 + 1);
        mw_guest_ptr stat = put(untouched, 32);
        assert_ok(mw_wasi_fd_prestat_get(GUEST, RW, stat));
        uint64_t length = 0;
        memcpy(&length, (char *)at(stat, 32) + word, word);
        assert_int_equal(length, 3);
        assert_memory_equal((char *)at(stat, 32) + 2 * word, untouched + 2 * word, 32 - 2 * word);
    }
}

static void errnos(void **state)
{
    (void)state;
    assert_int_equal(mw_wasi_errno_of(0), MW_WASI_ESUCCESS);
    assert_int_equal(mw_wasi_errno_of(ENOENT), MW_WASI_ENOENT);
    assert_int_equal(mw_wasi_errno_of(EWOULDBLOCK), MW_WASI_EAGAIN);
    assert_int_equal(mw_wasi_errno_of(EOPNOTSUPP), MW_WASI_ENOTSUP);
    assert_int_equal(mw_wasi_errno_of(EXDEV), 75);
    assert_int_equal(mw_wasi_errno_of(12345), MW_WASI_EIO);
    assert_int_equal(MW_WASI_ENOTCAPABLE, 76);
    assert_string_equal(mw_wasi_errno_name(MW_WASI_E2BIG), "2BIG");
}

static void arguments(void **state)
{
    (void)state;
    mw_guest_ptr argc = room(4), size = room(4);
    assert_ok(mw_wasi_args_sizes_get(GUEST, argc, size));
    assert_int_equal(load32(argc), 4);
    assert_int_equal(load32(size), sizeof "program\0one\0\0four");
    mw_guest_ptr argv = room(16), buf = room(load32(size));
    assert_ok(mw_wasi_args_get(GUEST, argv, buf));
    assert_memory_equal(at(buf, load32(size)), "program\0one\0\0four", load32(size));
    assert_int_equal(load32((mw_guest_ptr){argv.addr + 12}), buf.addr + 13);
    /* Exactly as much as there is room for, and one byte less. */
    mw_guest_ptr last = {GUEST_BYTES - load32(size)};
    assert_ok(mw_wasi_args_get(GUEST, argv, last));
    last.addr++;
    assert_errno(FAULT, mw_wasi_args_get(GUEST, argv, last));
}

static void environment(void **state)
{
    (void)state;
    mw_guest_ptr n = room(4), size = room(4);
    assert_ok(mw_wasi_environ_sizes_get(GUEST, n, size));
    assert_int_equal(load32(n), 2);
    mw_guest_ptr envv = room(8), buf = room(load32(size));
    assert_ok(mw_wasi_environ_get(GUEST, envv, buf));
    assert_string_equal(at((mw_guest_ptr){load32((mw_guest_ptr){envv.addr + 4})}, 20), "LONG=some more text");
}

static void clocks(void **state)
{
    (void)state;
    mw_guest_ptr out = room(8);
    for (uint32_t id = 0; id < 4; id++) {
        assert_ok(mw_wasi_clock_res_get(GUEST, id, out));
        assert_in_range(load64(out), 1, 1000000000);
        assert_ok(mw_wasi_clock_time_get(GUEST, id, 0, out));
        uint64_t before = load64(out);
        assert_ok(mw_wasi_clock_time_get(GUEST, id, UINT64_MAX, out));
        assert_true(load64(out) >= before);
    }
    assert_errno(INVAL, mw_wasi_clock_time_get(GUEST, 4, 0, out));
    assert_errno(INVAL, mw_wasi_clock_res_get(GUEST, UINT32_MAX, out));
    assert_ok(mw_wasi_clock_time_get(GUEST, 0, 0, out));
    assert_true(llabs((int64_t)(load64(out) / 1000000000) - (int64_t)time(NULL)) <= 1);
}

static void random_numbers(void **state)
{
    (void)state;
    mw_guest_ptr a = room(64), b = room(64);
    assert_ok(mw_wasi_random_get(GUEST, a, 64));
    assert_ok(mw_wasi_random_get(GUEST, b, 64));
    assert_memory_not_equal(at(a, 64), at(b, 64), 64);
    assert_ok(mw_wasi_random_get(GUEST, (mw_guest_ptr){GUEST_BYTES}, 0));
    assert_errno(FAULT, mw_wasi_random_get(GUEST, (mw_guest_ptr){GUEST_BYTES - 63}, 64));
    assert_ok(mw_wasi_sched_yield(GUEST));
}

static void ends(void **state)
{
    (void)state;
    assert_true(RAISES(mw_wasi_proc_exit(GUEST, 42)));
    assert_int_equal(raised_exit, 42);
    assert_true(RAISES(mw_wasi_proc_raise(GUEST, 6)));
    assert_int_equal(raised_trap, MW_TRAP_HOST);
    assert_string_equal(raised_message, "the guest raised SIGABRT");
    assert_true(RAISES(mw_wasi_proc_raise(GUEST, 9)));
    assert_false(RAISES(mw_wasi_proc_raise(GUEST, 0)));
    assert_ok(mw_wasi_proc_raise(GUEST, 16));
    assert_errno(NOTSUP, mw_wasi_proc_raise(GUEST, 18));
    assert_errno(INVAL, mw_wasi_proc_raise(GUEST, 31));
}

/* ---- poll_oneoff ------------------------------------------------------------------------------------------------ */

static mw_wasi_subscription clock_sub(uint64_t userdata, uint32_t id, uint64_t timeout, uint16_t flags)
{
    mw_wasi_subscription s = {.userdata = userdata, .type = MW_WASI_EVENT_CLOCK};
    s.clock.id = id;
    s.clock.timeout = timeout;
    s.clock.flags = flags;
    return s;
}

static mw_wasi_subscription fd_sub(uint64_t userdata, uint8_t type, uint32_t fd)
{
    mw_wasi_subscription s = {.userdata = userdata, .type = type};
    s.fd = fd;
    return s;
}

static uint32_t poll_for(const mw_wasi_subscription *subs, uint32_t n, mw_wasi_event *events)
{
    mw_guest_ptr in = put(subs, n * (uint32_t)sizeof *subs), out = room(n * (uint32_t)sizeof *events), count = room(4);
    assert_ok(mw_wasi_poll_oneoff(GUEST, in, out, n, count));
    memcpy(events, at(out, n * (uint32_t)sizeof *events), n * sizeof *events);
    return load32(count);
}

static uint64_t monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return mw_wasi_ns(t);
}

static void poll_clocks(void **state)
{
    (void)state;
    mw_wasi_event events[40];
    uint64_t start = monotonic();
    mw_wasi_subscription two[] = {clock_sub(1, 1, 3600000000000u, 0), clock_sub(2, 1, 20000000, 0)};
    assert_int_equal(poll_for(two, 2, events), 1);
    assert_in_range(monotonic() - start, 20000000, 2000000000);
    assert_int_equal(events[0].userdata, 2);
    assert_int_equal(events[0].type, MW_WASI_EVENT_CLOCK);
    assert_int_equal(events[0].error, 0);

    start = monotonic();
    mw_wasi_subscription absolute = clock_sub(3, 1, start + 10000000, MW_WASI_SUBCLOCK_ABSTIME);
    assert_int_equal(poll_for(&absolute, 1, events), 1);
    assert_true(monotonic() >= start + 10000000);
    mw_wasi_subscription past = clock_sub(4, 0, 1, MW_WASI_SUBCLOCK_ABSTIME);
    assert_int_equal(poll_for(&past, 1, events), 1);

    /* What cannot be waited for is an event at once, beside a timeout that never comes. */
    mw_wasi_subscription wrong[] = {clock_sub(5, 1, UINT64_MAX, 0), clock_sub(6, 9, 0, 0), clock_sub(7, 2, 0, 0),
                                    clock_sub(8, 1, 0, 2), {.userdata = 9, .type = 77}};
    assert_int_equal(poll_for(wrong, 5, events), 4);
    assert_int_equal(events[0].error, MW_WASI_EINVAL);
    assert_int_equal(events[1].error, MW_WASI_ENOTSUP);
    assert_int_equal(events[3].userdata, 9);

    mw_wasi_subscription many[40]; /* more than fit on the stack */
    for (uint32_t i = 0; i < 40; i++)
        many[i] = clock_sub(i, 1, 0, 0);
    assert_int_equal(poll_for(many, 40, events), 40);
    assert_int_equal(events[39].userdata, 39);
}

static void poll_fds(void **state)
{
    (void)state;
    mw_wasi_event events[4];
    uint32_t file = must_open(RW, "f", MW_WASI_OFLAG_CREAT, file_rights());
    assert_ok(write_text(file, "hello"));
    assert_ok(mw_wasi_fd_seek(GUEST, file, 1, 0, room(8)));
    mw_wasi_subscription subs[] = {fd_sub(1, MW_WASI_EVENT_FD_READ, file), fd_sub(2, MW_WASI_EVENT_FD_WRITE, file),
                                   fd_sub(3, MW_WASI_EVENT_FD_READ, 999), clock_sub(4, 1, 3600000000000u, 0)};
    assert_int_equal(poll_for(subs, 4, events), 3);
    assert_int_equal(events[0].nbytes, 4);
    assert_int_equal(events[0].error, 0);
    assert_int_equal(events[1].userdata, 2);
    assert_int_equal(events[2].error, MW_WASI_EBADF);
    mw_wasi_subscription dir = fd_sub(1, MW_WASI_EVENT_FD_READ, RW);
    assert_int_equal(poll_for(&dir, 1, events), 1);
    assert_int_equal(events[0].error, MW_WASI_ENOTCAPABLE);
}

static void poll_bad(void **state)
{
    (void)state;
    mw_guest_ptr p = room(64);
    assert_errno(INVAL, mw_wasi_poll_oneoff(GUEST, p, p, 0, p));
    assert_errno(FAULT, mw_wasi_poll_oneoff(GUEST, p, p, UINT32_MAX, p));
    assert_errno(FAULT, mw_wasi_poll_oneoff(GUEST, p, p, UINT32_MAX / 48 + 2, p)); /* 48 * n wraps to 64 */
}

static void poll_unstable(void **state)
{
    (void)state;
    mw_wasi_unstable_subscription s = {.userdata = 7, .type = MW_WASI_EVENT_CLOCK};
    s.clock.identifier = UINT64_MAX;
    s.clock.id = 1;
    s.clock.timeout = 1000;
    mw_guest_ptr out = room(32), count = room(4);
    assert_ok(mw_wasi_unstable_poll_oneoff(GUEST, put(&s, sizeof s), out, 1, count));
    assert_int_equal(load32(count), 1);
    assert_int_equal(load64(out), 7);
}

/* ---- Standard streams ------------------------------------------------------------------------------------------- */

/* Attaches with `host_fd` as the process's descriptor 0; put_back undoes it. */
static int attach_as_stdin(int host_fd)
{
    int saved = dup(0);
    dup2(host_fd, 0);
    fixture_attach(&(mw_wasi_config){0});
    return saved;
}

static void put_back(int saved)
{
    dup2(saved, 0);
    close(saved);
}

static void streams(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    int saved = attach_as_stdin(pair[0]);
    char text[16];
    assert_int_equal(write(pair[1], "input", 5), 5);
    assert_ok(read_text(0, text, sizeof text));
    assert_string_equal(text, "input");
    assert_errno(BADF, write_text(0, "x"));
    assert_errno(SPIPE, mw_wasi_fd_seek(GUEST, 0, 0, 0, room(8)));
    assert_errno(SPIPE, mw_wasi_fd_pread(GUEST, 0, iovec(room(4), 4), 1, 0, room(4)));
    assert_errno(NOTSOCK, mw_wasi_sock_shutdown(GUEST, 0, 1));
    /* Flags that the guest sets are undone; closing is the guest's own business. */
    assert_ok(mw_wasi_fd_fdstat_set_flags(GUEST, 0, MW_WASI_FDFLAG_NONBLOCK));
    assert_errno(AGAIN, read_text(0, text, sizeof text));
    assert_ok(mw_wasi_fd_close(GUEST, 0));
    assert_errno(BADF, read_text(0, text, sizeof text));
    mw_wasi_detach(GUEST);
    assert_int_equal(write(pair[1], "more", 4), 4);
    assert_int_equal(read(0, text, sizeof text), 4);
    put_back(saved);
    close(pair[0]);
    close(pair[1]);
}

static void sockets(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    int saved = attach_as_stdin(pair[0]);
    mw_guest_ptr buf = room(8), n = room(4), flags = room(2);
    assert_int_equal(write(pair[1], "abcd", 4), 4);
    assert_ok(mw_wasi_sock_recv(GUEST, 0, iovec(buf, 8), 1, MW_WASI_RI_RECV_PEEK, n, flags));
    assert_int_equal(load32(n), 4);
    assert_ok(mw_wasi_sock_recv(GUEST, 0, iovec(buf, 8), 1, 0, n, flags));
    assert_memory_equal(at(buf, 4), "abcd", 4);
    assert_errno(INVAL, mw_wasi_sock_recv(GUEST, 0, iovec(buf, 8), 1, 4, n, flags));
    /* Standard input is not for sending, and the guest may not shut down what the process shares. */
    assert_errno(NOTCAPABLE, mw_wasi_sock_send(GUEST, 0, iovec(buf, 4), 1, 0, n));
    assert_errno(NOTCAPABLE, mw_wasi_sock_shutdown(GUEST, 0, 3));
    assert_errno(NOTCAPABLE, mw_wasi_sock_accept(GUEST, 0, 0, n));
    assert_errno(BADF, mw_wasi_sock_accept(GUEST, 17, 0, n));
    mw_wasi_filestat stat;
    mw_guest_ptr out = room(64);
    assert_ok(mw_wasi_fd_filestat_get(GUEST, 0, out));
    memcpy(&stat, at(out, 64), 64);
    assert_int_equal(stat.filetype, MW_WASI_FILETYPE_SOCKET_STREAM);
    mw_wasi_detach(GUEST);
    put_back(saved);
    close(pair[0]);
    close(pair[1]);
}

static mw_wasi_errno written;

static bool write_raises(uint32_t fd)
{
    return RAISES(written = write_text(fd, "x"));
}

/* A broken pipe ends the guest as it ends a native program, but never this process; it is an error if the signal
 * is ignored. */
static void broken_pipe(void **state)
{
    (void)state;
    int pair[2], saved = dup(2);
    assert_int_equal(pipe(pair), 0);
    close(pair[0]);
    dup2(pair[1], 2);
    void (*old)(int) = signal(SIGPIPE, SIG_DFL);
    fixture_attach(&(mw_wasi_config){0});
    bool raised_by_default = write_raises(2);
    int code = raised_exit;
    mw_wasi_detach(GUEST);
    signal(SIGPIPE, SIG_IGN);
    fixture_attach(&(mw_wasi_config){0});
    bool raised_when_ignored = write_raises(2);
    mw_wasi_detach(GUEST);
    signal(SIGPIPE, old);
    dup2(saved, 2);
    close(saved);
    close(pair[1]);
    assert_true(raised_by_default);
    assert_int_equal(code, 141);
    assert_false(raised_when_ignored);
    assert_errno(PIPE, written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_up, fixture_down)
        TEST(modules), TEST(narrow_arguments), TEST(widths),
        TEST(errnos), TEST(arguments), TEST(environment), TEST(clocks), TEST(random_numbers),
        TEST(ends), TEST(poll_clocks), TEST(poll_fds), TEST(poll_bad), TEST(poll_unstable), TEST(streams),
        TEST(sockets), TEST(broken_pipe),
    };
    return cmocka_run_group_tests_name("wasi-process", tests, NULL, NULL);
}
