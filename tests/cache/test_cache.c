/* The code cache: races, crashes, bad directories, full disks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/cache.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char root[64]; /* a fresh directory per test */
static const mw_hash key = {{0xab, 0xcd}};

/* Shared with the children. */
typedef struct shared {
    int makes;  /* calls of make */
    int inside; /* makes running now */
    int most;   /* most that ran at once */
} shared;
static shared *counts;

static int make_root(void **state)
{
    (void)state;
    strcpy(root, "/tmp/mw-cache-XXXXXX");
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return mkdtemp(root) && counts != MAP_FAILED ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    char command[128];
    munmap(counts, sizeof *counts);
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static const char *in_root(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static mw_cache *open_cache(const char *dir)
{
    mw_report report = MW_REPORT_INIT;
    mw_cache *cache;
    if (mw_cache_open(dir, &report, &cache))
        fail_msg("%s", report.message);
    return cache;
}

static mw_error make_text(void *arg, const char *path, mw_report *report)
{
    (void)report;
    int inside = __atomic_add_fetch(&counts->inside, 1, __ATOMIC_SEQ_CST);
    if (inside > counts->most)
        counts->most = inside;
    __atomic_add_fetch(&counts->makes, 1, __ATOMIC_SEQ_CST);
    FILE *f = fopen(path, "w");
    fputs(arg, f);
    usleep(50000);
    fclose(f);
    __atomic_sub_fetch(&counts->inside, 1, __ATOMIC_SEQ_CST);
    return MW_OK;
}

static unsigned files_in(const char *path)
{
    unsigned n = 0;
    DIR *dir = opendir(path);
    for (struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void get_ok(mw_cache *cache, const char *text, bool expect_made)
{
    mw_report report = MW_REPORT_INIT;
    char *path, content[64] = "";
    bool made;
    if (mw_cache_get(cache, &key, make_text, (void *)text, &report, &path, &made))
        fail_msg("%s", report.message);
    assert_int_equal(made, expect_made);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(content, sizeof content, f));
    fclose(f);
    assert_string_equal(content, text);
    char *same = mw_cache_path(cache, &key);
    assert_string_equal(path, same);
    free(same);
    free(path);
}

/* ---- Directories ------------------------------------------------------------------------------------------------------- */

static void makes_private_directories(void **state)
{
    (void)state;
    struct stat st;
    umask(0);
    char dir[100];
    snprintf(dir, sizeof dir, "%s/a/b/c", root);
    mw_cache *cache = open_cache(dir);
    assert_string_equal(mw_cache_dir(cache), dir);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    mw_cache_close(cache);
    mw_cache_close(open_cache(dir)); /* again */

    /* Where it is by default. */
    setenv("MPIWASM_CACHE_DIR", in_root("env"), 1);
    setenv("XDG_CACHE_HOME", in_root("xdg"), 1);
    setenv("HOME", in_root("home"), 1);
    cache = open_cache(NULL);
    assert_string_equal(mw_cache_dir(cache), in_root("env"));
    mw_cache_close(cache);
    unsetenv("MPIWASM_CACHE_DIR");
    cache = open_cache(NULL);
    assert_string_equal(mw_cache_dir(cache), in_root("xdg/mpiwasm"));
    mw_cache_close(cache);
    setenv("XDG_CACHE_HOME", "relative", 1);
    cache = open_cache(NULL);
    assert_string_equal(mw_cache_dir(cache), in_root("home/.cache/mpiwasm"));
    mw_cache_close(cache);
    unsetenv("HOME");
    mw_report report = MW_REPORT_INIT;
    assert_int_equal(mw_cache_open(NULL, &report, &cache), MW_ERR_CACHE);
}

static void refuse(const char *dir, const char *part)
{
    mw_report report = MW_REPORT_INIT;
    mw_cache *cache;
    assert_int_equal(mw_cache_open(dir, &report, &cache), MW_ERR_CACHE);
    if (!strstr(report.message, part))
        fail_msg("\"%s\" does not say \"%s\"", report.message, part);
}

static void refuses_directories_of_others(void **state)
{
    (void)state;
    const char *dir = in_root("open");
    assert_int_equal(mkdir(dir, 0700), 0);
    chmod(dir, 0720);
    refuse(dir, "can be written by others (mode 720");
    chmod(dir, 0702);
    refuse(dir, "can be written by others");
    chmod(dir, 0755);
    mw_cache_close(open_cache(dir));
    if (geteuid() == 0) {
        assert_int_equal(chown(dir, 12345, -1), 0);
        refuse(dir, "belongs to another user");
        assert_int_equal(chown(dir, 0, -1), 0);
    } else {
        chmod(dir, 0500);
        refuse(dir, "cannot be written");
        chmod(dir, 0700);
    }
    FILE *f = fopen(in_root("file"), "w");
    fclose(f);
    refuse(in_root("file"), "is not a directory");
    refuse(in_root("file/below"), "Not a directory");
    refuse("/proc/no/such", "/proc/no/such");
}

/* ---- Objects ------------------------------------------------------------------------------------------------------------ */

static void makes_once_and_finds_again(void **state)
{
    (void)state;
    mw_cache *cache = open_cache(root);
    get_ok(cache, "first", true);
    get_ok(cache, "first", false);
    assert_int_equal(counts->makes, 1);
    assert_int_equal(files_in(root), 1); /* neither lock nor temporary file is left */
    mw_cache_remove(cache, &key);
    get_ok(cache, "second", true);
    /* An empty file, as a crash of the machine leaves it, is none. */
    char *path = mw_cache_path(cache, &key);
    assert_int_equal(truncate(path, 0), 0);
    get_ok(cache, "third", true);
    free(path);
    mw_cache_close(cache);
}

static mw_error fail_to_make(void *arg, const char *path, mw_report *report)
{
    (void)arg;
    FILE *f = fopen(path, "w");
    fputs("half", f);
    fclose(f);
    return mw_fail(report, MW_ERR_COMPILE, "no luck");
}

static mw_error make_nothing(void *arg, const char *path, mw_report *report)
{
    (void)arg, (void)path, (void)report;
    return MW_OK;
}

static void leaves_nothing_of_a_failure(void **state)
{
    (void)state;
    mw_cache *cache = open_cache(root);
    mw_report report = MW_REPORT_INIT;
    char *path = root;
    bool made;
    assert_int_equal(mw_cache_get(cache, &key, fail_to_make, NULL, &report, &path, &made), MW_ERR_COMPILE);
    assert_string_equal(report.message, "no luck");
    assert_null(path);
    assert_false(made);
    assert_int_equal(files_in(root), 0);
    report = (mw_report)MW_REPORT_INIT;
    assert_int_equal(mw_cache_get(cache, &key, make_nothing, NULL, &report, &path, &made), MW_ERR_CACHE);
    get_ok(cache, "works", true);
    mw_cache_close(cache);
}

/* ---- Several processes --------------------------------------------------------------------------------------------------- */

static void one_of_four_makes(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        *counts = (shared){0};
        pid_t pids[4];
        fflush(NULL);
        for (int i = 0; i < 4; i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                mw_report report = MW_REPORT_INIT;
                mw_cache *cache;
                char *path;
                bool made;
                alarm(20);
                if (mw_cache_open(root, &report, &cache) ||
                    mw_cache_get(cache, &key, make_text, (void *)"text", &report, &path, &made))
                    _exit(2);
                _exit(access(path, R_OK) ? 3 : made);
            }
        }
        int makers = 0, status;
        for (int i = 0; i < 4; i++) {
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
            makers += WEXITSTATUS(status);
        }
        assert_int_equal(makers, 1);
        assert_int_equal(counts->makes, 1);
        assert_int_equal(files_in(root), 1);
        mw_cache *cache = open_cache(root);
        mw_cache_remove(cache, &key);
        mw_cache_close(cache);
    }
}

static mw_error make_and_die(void *arg, const char *path, mw_report *report)
{
    (void)arg, (void)report;
    FILE *f = fopen(path, "w");
    fputs("half", f);
    fclose(f);
    counts->makes++;
    usleep(200000);
    kill(getpid(), SIGKILL);
    return MW_OK;
}

static void next_takes_over_from_a_killed_holder(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        mw_report report = MW_REPORT_INIT;
        mw_cache *cache;
        char *path;
        bool made;
        if (!mw_cache_open(root, &report, &cache))
            (void)!mw_cache_get(cache, &key, make_and_die, NULL, &report, &path, &made);
        _exit(0);
    }
    while (!__atomic_load_n(&counts->makes, __ATOMIC_SEQ_CST))
        usleep(1000);
    mw_cache *cache = open_cache(root); /* waits for the holder's death */
    get_ok(cache, "mine", true);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    /* What it left is swept with the rest. */
    mw_report report = MW_REPORT_INIT;
    unsigned n;
    uint64_t bytes;
    assert_int_equal(files_in(root), 2);
    assert_int_equal(mw_cache_clear(cache, &report, &n, &bytes), MW_OK);
    assert_int_equal(n, 1);
    assert_int_equal(bytes, strlen("mine") + strlen("half"));
    assert_int_equal(files_in(root), 0);
    mw_cache_close(cache);
}

/* ---- Listing and clearing -------------------------------------------------------------------------------------------------- */

static void count_object(void *arg, const char *path, const char *key_hex, uint64_t bytes, int64_t mtime_s)
{
    assert_int_equal(strlen(key_hex), 64);
    assert_int_equal(strncmp(key_hex, "abcd00", 6), 0);
    assert_non_null(strstr(path, key_hex));
    assert_int_equal(bytes, 4);
    assert_true(mtime_s > 1000000000);
    ++*(int *)arg;
}

static void lists_and_clears_only_its_own(void **state)
{
    (void)state;
    mw_report report = MW_REPORT_INIT;
    mw_cache *cache = open_cache(root);
    get_ok(cache, "text", true);
    FILE *f = fopen(in_root("precious"), "w");
    fclose(f);
    char long_name[80];
    memset(long_name, 'a', 64);
    strcpy(long_name + 64, ".txt");
    f = fopen(in_root(long_name), "w");
    fclose(f);
    int n = 0;
    assert_int_equal(mw_cache_list(cache, count_object, &n, &report), MW_OK);
    assert_int_equal(n, 1);
    unsigned removed;
    uint64_t bytes;
    assert_int_equal(mw_cache_clear(cache, &report, &removed, &bytes), MW_OK);
    assert_int_equal(removed, 1);
    assert_int_equal(files_in(root), 2);
    mw_cache_close(cache);
}

/* A file that was last changed a while ago, as far as its times tell. */
static struct stat settled_file(void)
{
    struct stat st = {.st_dev = 1, .st_ino = 2, .st_size = 3};
    st.st_mtim.tv_sec = st.st_ctim.tv_sec = time(NULL) - MW_CACHE_SETTLED_S;
    return st;
}

static void remembers_what_was_found(void **state)
{
    (void)state;
    mw_cache *cache = open_cache(root);
    struct stat st = settled_file();
    mw_hash out;
    assert_false(mw_cache_recall(cache, "module", &st, &out));
    mw_cache_remember(cache, "module", &st, &key);
    assert_true(mw_cache_recall(cache, "module", &st, &out));
    assert_memory_equal(&out, &key, sizeof out);
    assert_false(mw_cache_recall(cache, "object", &st, &out));
    for (int i = 0; i < 6; i++) {
        struct stat other = st;
        other.st_dev += i == 0;
        other.st_ino += i == 1;
        other.st_size += i == 2;
        other.st_mtim.tv_nsec += i == 3;
        other.st_ctim.tv_nsec += i == 4;
        other.st_ctim.tv_sec -= i == 5;
        assert_false(mw_cache_recall(cache, "module", &other, &out));
    }
    assert_int_equal(files_in(root), 1);
    unsigned removed;
    uint64_t bytes;
    mw_report report = MW_REPORT_INIT;
    assert_int_equal(mw_cache_clear(cache, &report, &removed, &bytes), MW_OK);
    assert_int_equal(files_in(root), 0);
    mw_cache_close(cache);
}

static void remembers_nothing_of_files_that_just_changed(void **state)
{
    (void)state;
    mw_cache *cache = open_cache(root);
    for (int i = 0; i < 3; i++) { /* written a moment ago, its times set since, dated in the future */
        struct stat st = settled_file();
        mw_hash out;
        if (i == 0)
            st.st_mtim.tv_sec = st.st_ctim.tv_sec = time(NULL);
        else if (i == 1)
            st.st_ctim.tv_sec = time(NULL);
        else
            st.st_mtim.tv_sec = time(NULL) + 1000;
        mw_cache_remember(cache, "module", &st, &key);
        assert_false(mw_cache_recall(cache, "module", &st, &out));
    }
    assert_int_equal(files_in(root), 0);
    mw_cache_close(cache);
}

/* As after a crash: what is there is of zeros, or half of it. */
static void believes_nothing_damaged(void **state)
{
    (void)state;
    mw_cache *cache = open_cache(root);
    struct stat st = settled_file();
    mw_hash out;
    mw_cache_remember(cache, "module", &st, &key);
    DIR *dir = opendir(root);
    char name[300] = "";
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            snprintf(name, sizeof name, "%s", entry->d_name);
    closedir(dir);
    const char zeros[64] = "";
    int fd = open(in_root(name), O_WRONLY);
    assert_int_equal(write(fd, zeros, sizeof zeros), sizeof zeros);
    assert_false(mw_cache_recall(cache, "module", &st, &out));
    assert_int_equal(ftruncate(fd, 40), 0);
    assert_false(mw_cache_recall(cache, "module", &st, &out));
    close(fd);
    mw_cache_close(cache);
}

static mw_error fill_disk(void *arg, const char *path, mw_report *report)
{
    (void)arg;
    static char block[4096];
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    if (fd < 0)
        return mw_fail(report, MW_ERR_IO, "cannot write %s: %s", path, strerror(errno));
    ssize_t n;
    while ((n = write(fd, block, sizeof block)) > 0)
        ;
    mw_error error = mw_fail(report, MW_ERR_IO, "cannot write %s: %s", path, strerror(errno));
    close(fd);
    return error;
}

static void survives_a_full_disk(void **state)
{
    (void)state;
    if (mount("none", root, "tmpfs", 0, "size=256k,nr_inodes=5,mode=0700")) {
        print_message("skipped: a small file system cannot be mounted: %s\n", strerror(errno));
        skip();
    }
    mw_report report = MW_REPORT_INIT;
    mw_cache *cache = open_cache(root);
    char *path;
    bool made;
    assert_int_equal(mw_cache_get(cache, &key, fill_disk, NULL, &report, &path, &made), MW_ERR_IO);
    assert_non_null(strstr(report.message, "No space left on device"));
    assert_int_equal(files_in(root), 0);
    for (int i = 0; i < 4; i++) { /* no inode is left for the lock */
        char name[2] = {(char)('a' + i), 0};
        int fd = open(in_root(name), O_CREAT | O_WRONLY, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
    report = (mw_report)MW_REPORT_INIT;
    assert_int_equal(mw_cache_get(cache, &key, make_text, (void *)"x", &report, &path, &made), MW_ERR_CACHE);
    assert_non_null(strstr(report.message, "cannot write to the cache: "));
    assert_non_null(strstr(report.message, "No space left on device"));
    mw_cache_close(cache);
    assert_int_equal(umount(root), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        TEST(makes_private_directories),
        TEST(refuses_directories_of_others),
        TEST(makes_once_and_finds_again),
        TEST(leaves_nothing_of_a_failure),
        TEST(one_of_four_makes),
        TEST(next_takes_over_from_a_killed_holder),
        TEST(lists_and_clears_only_its_own),
        TEST(remembers_what_was_found),
        TEST(remembers_nothing_of_files_that_just_changed),
        TEST(believes_nothing_damaged),
        TEST(survives_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
