/* Several guest threads on the same descriptors: what is closed or renumbered while others use it. No host descriptor
 * may be lost or closed twice, and what is read comes from one file. */
#include "fixture.h"
#include <dirent.h>
#include <pthread.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 4000, SHARED = 6 };

static unsigned host_descriptors(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

typedef struct worker {
    pthread_t thread;
    unsigned number;
    uint64_t seed;
    unsigned done[5], misses; /* successes of each operation; reads of something foreign */
} worker;

static unsigned next(worker *w)
{
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(w->seed >> 33);
}

/* Each thread has 4 KiB of guest memory of its own; cmocka's asserts are not for threads. */
static void *work(void *arg)
{
    worker *w = arg;
    uint8_t *base = fx.memory.base;
    uint32_t own = 0x10000 + w->number * 0x1000;
    const mw_guest_ptr path = {own}, iov = {own + 64}, out = {own + 128}, buf = {own + 256};
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned op = next(w) % 5;
        uint32_t fd = 5 + next(w) % SHARED, other = 5 + next(w) % SHARED;
        mw_wasi_errno error = MW_WASI_ESUCCESS;
        char letter = (char)('a' + next(w) % 4); /* the name of a file, and all that is in it */
        memcpy(base + path.addr, &letter, 1);
        switch (op) {
        case 0:
            error = mw_wasi_path_open(GUEST, RW, 0, path, 1, MW_WASI_OFLAG_CREAT, file_rights(), 0,
                                      MW_WASI_FDFLAG_APPEND, out);
            break;
        case 1:
            error = mw_wasi_fd_close(GUEST, fd);
            break;
        case 2:
            error = mw_wasi_fd_renumber(GUEST, fd, other);
            break;
        case 3:
            memcpy(base + iov.addr, &(mw_wasi_iovec){buf.addr, 16}, 8);
            error = mw_wasi_fd_pread(GUEST, fd, iov, 1, 0, out);
            break;
        default:
            error = mw_wasi_fd_filestat_get(GUEST, fd, buf);
            break;
        }
        w->done[op] += error == MW_WASI_ESUCCESS;
        if (op == 3 && !error && base[buf.addr] != base[buf.addr + 15])
            w->misses++;
    }
    return NULL;
}

static void shared_descriptors(void **state)
{
    (void)state;
    for (char letter = 'a'; letter < 'e'; letter++) {
        char text[17] = "", name[8];
        memset(text, letter, 16);
        snprintf(name, sizeof name, "rw/%c", letter);
        host_write(name, text);
    }
    unsigned before = host_descriptors();
    worker workers[THREADS] = {{0}};
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].number = i;
        workers[i].seed = i + 1;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    unsigned done[5] = {0};
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].misses, 0);
        for (unsigned op = 0; op < 5; op++)
            done[op] += workers[i].done[op];
    }
    for (unsigned op = 0; op < 5; op++)
        assert_true(done[op] > 0);
    for (uint32_t fd = 5; fd < mw_wasi_state_of(GUEST)->fd_high; fd++)
        if (mw_wasi_fd_close(GUEST, fd) != 0) {}
    for (uint32_t fd = 5; fd < mw_wasi_state_of(GUEST)->fd_high; fd++)
        assert_int_equal(mw_wasi_state_of(GUEST)->fds[fd].state, 0);
    assert_int_equal(host_descriptors(), before);
}

/* A read that waits keeps its file while the descriptor is closed and its number is used again. */
static int pipe_ends[2];

static void *wait_for_input(void *arg)
{
    (void)arg;
    uint8_t *base = fx.memory.base;
    memcpy(base + 0x10000, &(mw_wasi_iovec){0x10100, 16}, 8);
    return (void *)(uintptr_t)mw_wasi_fd_read(GUEST, 0, (mw_guest_ptr){0x10000}, 1, (mw_guest_ptr){0x10080});
}

static void closed_while_reading(void **state)
{
    (void)state;
    assert_int_equal(pipe(pipe_ends), 0);
    mw_wasi_fd *f = &mw_wasi_state_of(GUEST)->fds[0];
    const int own = dup(pipe_ends[0]);
    if (!(f->state & MW_WASI_FD_OPEN)) /* the test was started without standard input */
        f->state = MW_WASI_FD_BUSY | MW_WASI_FD_OPEN;
    f->host = own;
    f->borrowed = false;
    f->rights = MW_WASI_RIGHT_FD_READ;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_input, NULL), 0);
    while ((f->state & MW_WASI_FD_USERS) == 0)
        usleep(100);
    assert_errno(BUSY, mw_wasi_fd_renumber(GUEST, 0, RO));
    assert_errno(BUSY, mw_wasi_fd_renumber(GUEST, RO, 0));
    assert_ok(mw_wasi_fd_close(GUEST, 0));
    assert_errno(BADF, mw_wasi_fd_close(GUEST, 0));
    assert_int_equal(must_open(RW, "f", MW_WASI_OFLAG_CREAT, file_rights()), 5); /* 0 is not free yet */
    assert_int_equal(write(pipe_ends[1], "late", 4), 4);
    void *error;
    pthread_join(thread, &error);
    assert_errno(SUCCESS, (uintptr_t)error);
    assert_memory_equal(fx.memory.base + 0x10100, "late", 4);
    assert_int_equal(must_open(RW, "f", 0, file_rights()), 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shared_descriptors, fixture_up, fixture_down),
        cmocka_unit_test_setup_teardown(closed_while_reading, fixture_up, fixture_down),
    };
    return cmocka_run_group_tests_name("wasi-threads", tests, NULL, NULL);
}
