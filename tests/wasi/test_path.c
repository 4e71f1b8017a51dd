/* Paths within what is granted: what a POSIX program expects. What must not work is in tests/security. */
#include "fixture.h"
#include <fcntl.h>
#include <unistd.h>

#define CREATE MW_WASI_OFLAG_CREAT
#define EXCL MW_WASI_OFLAG_EXCL
#define TRUNC MW_WASI_OFLAG_TRUNC
#define DIRECTORY MW_WASI_OFLAG_DIRECTORY

static mw_wasi_errno make_dir(const char *path)
{
    return mw_wasi_path_create_directory(GUEST, RW, PATH_ARG(path));
}

static mw_wasi_errno remove_dir(const char *path)
{
    return mw_wasi_path_remove_directory(GUEST, RW, PATH_ARG(path));
}

static mw_wasi_errno unlink_file(const char *path)
{
    return mw_wasi_path_unlink_file(GUEST, RW, PATH_ARG(path));
}

static mw_wasi_errno rename_to(const char *from, const char *to)
{
    return mw_wasi_path_rename(GUEST, RW, PATH_ARG(from), RW, PATH_ARG(to));
}

static mw_wasi_errno link_to(uint32_t lookup, const char *from, const char *to)
{
    return mw_wasi_path_link(GUEST, RW, lookup, PATH_ARG(from), RW, PATH_ARG(to));
}

static mw_wasi_errno symlink_to(const char *target, const char *path)
{
    return mw_wasi_path_symlink(GUEST, PATH_ARG(target), RW, PATH_ARG(path));
}

static mw_wasi_errno open_rw(const char *path, uint32_t lookup, uint32_t oflags, mw_wasi_rights rights)
{
    uint32_t fd;
    mw_wasi_errno error = open_at(RW, path, lookup, oflags, rights, &fd);
    if (!error)
        assert_ok(mw_wasi_fd_close(GUEST, fd));
    return error;
}

static void create_and_open(void **state)
{
    (void)state;
    assert_errno(NOENT, open_rw("f", 0, 0, READ_RIGHTS));
    assert_ok(open_rw("f", 0, CREATE | EXCL, WRITE_RIGHTS));
    assert_errno(EXIST, open_rw("f", 0, CREATE | EXCL, WRITE_RIGHTS));
    assert_ok(open_rw("f", 0, CREATE, WRITE_RIGHTS));
    host_write("rw/f", "content");
    assert_ok(open_rw("f", 0, 0, WRITE_RIGHTS));
    assert_string_equal(host_read("rw/f"), "content");
    assert_ok(open_rw("f", 0, TRUNC, WRITE_RIGHTS));
    assert_string_equal(host_read("rw/f"), "");
    assert_errno(NOTDIR, open_rw("f", 0, DIRECTORY, 0));
    assert_errno(NOTDIR, open_rw("f/g", 0, 0, READ_RIGHTS));
    assert_errno(NOTDIR, open_rw("f/", 0, 0, READ_RIGHTS));
    assert_errno(INVAL, open_rw("d", 0, DIRECTORY | CREATE, 0));
    assert_errno(INVAL, open_rw("f", 2, 0, READ_RIGHTS));
    assert_errno(INVAL, open_rw("f", 0, 16, READ_RIGHTS));
    assert_errno(ISDIR, open_rw(".", 0, 0, WRITE_RIGHTS));
    assert_errno(ISDIR, open_rw(".", 0, DIRECTORY, WRITE_RIGHTS));
    assert_ok(open_rw(".", 0, DIRECTORY, MW_WASI_RIGHT_FD_ALLOCATE));
    assert_errno(ISDIR, open_rw("new/", 0, CREATE, WRITE_RIGHTS));
    assert_ok(open_rw(".", 0, DIRECTORY, dir_rights()));
    assert_ok(open_rw(".", 0, 0, READ_RIGHTS));
    assert_errno(NOENT, open_rw("", 0, 0, READ_RIGHTS));
    /* A descriptor that is no directory. */
    uint32_t fd = must_open(RW, "f", 0, READ_RIGHTS), other;
    assert_errno(NOTDIR, open_at(fd, "f", 0, 0, READ_RIGHTS, &other));
    assert_errno(BADF, open_at(99, "f", 0, 0, READ_RIGHTS, &other));
}

/* The host's descriptor has no more than the guest's, whatever the rights say later. */
static void access_modes(void **state)
{
    (void)state;
    host_write("rw/f", "abc");
    mw_wasi_fd *f;
    uint32_t fd = must_open(RW, "f", 0, READ_RIGHTS);
    assert_ok(mw_wasi_fd_use(mw_wasi_state_of(GUEST), fd, 0, &f));
    assert_int_equal(fcntl(f->host, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(fcntl(f->host, F_GETFD), FD_CLOEXEC);
    mw_wasi_fd_drop(f);
    fd = must_open(RW, "f", 0, WRITE_RIGHTS);
    assert_ok(mw_wasi_fd_use(mw_wasi_state_of(GUEST), fd, 0, &f));
    assert_int_equal(fcntl(f->host, F_GETFL) & O_ACCMODE, O_WRONLY);
    mw_wasi_fd_drop(f);
}

static void dots_and_slashes(void **state)
{
    (void)state;
    assert_ok(make_dir("dir"));
    assert_ok(make_dir("dir/nested/"));
    host_write("rw/dir/nested/file", "x");
    assert_ok(open_rw("dir/.//nested/../../dir/nested/../nested///./file", 0, 0, READ_RIGHTS));
    assert_ok(open_rw("dir/nested///", 0, 0, READ_RIGHTS));
    assert_ok(open_rw("dir/nested/..", 0, DIRECTORY, READ_RIGHTS));
    assert_ok(open_rw("./dir/../dir/./nested/.", 0, DIRECTORY, READ_RIGHTS));
    assert_errno(NOTDIR, open_rw("dir/nested/file/.", 0, 0, READ_RIGHTS));
    assert_errno(NOTDIR, open_rw("dir/nested/file/..", 0, 0, READ_RIGHTS));
    assert_errno(NOENT, open_rw("dir/none/../nested/file", 0, 0, READ_RIGHTS));
    /* Beneath a directory that the guest opened itself. */
    uint32_t nested = must_open(RW, "dir/nested", DIRECTORY, dir_rights()), fd;
    assert_ok(open_at(nested, "file", 0, 0, READ_RIGHTS, &fd));
    assert_errno(NOTCAPABLE, open_at(nested, "../nested/file", 0, 0, READ_RIGHTS, &fd));
}

static void directories(void **state)
{
    (void)state;
    assert_ok(make_dir("d"));
    assert_errno(EXIST, make_dir("d"));
    assert_errno(EXIST, make_dir("."));
    assert_errno(EXIST, make_dir("d/.."));
    assert_errno(NOENT, make_dir("none/d"));
    host_write("rw/d/f", "");
    assert_errno(NOTEMPTY, remove_dir("d"));
    assert_errno(NOTDIR, remove_dir("d/f"));
    assert_errno(NOTDIR, remove_dir("d/f/"));
    assert_errno(ISDIR, unlink_file("d"));
    assert_errno(ISDIR, unlink_file("d/"));
    assert_errno(NOTDIR, unlink_file("d/f/"));
    assert_errno(ISDIR, unlink_file("d/.."));
    assert_errno(INVAL, remove_dir("d/."));
    assert_errno(NOTEMPTY, remove_dir("d/.."));
    assert_ok(unlink_file("d/f"));
    assert_errno(NOENT, unlink_file("d/f"));
    assert_ok(remove_dir("d/"));
    assert_false(host_exists("rw/d"));
}

static void renames(void **state)
{
    (void)state;
    host_write("rw/a", "a");
    assert_ok(make_dir("d"));
    assert_ok(rename_to("a", "d/b"));
    assert_string_equal(host_read("rw/d/b"), "a");
    assert_errno(NOENT, rename_to("a", "x"));
    assert_ok(make_dir("e"));
    assert_errno(NOTEMPTY, rename_to("e", "d"));
    assert_errno(ISDIR, rename_to("d/b", "e"));
    assert_errno(NOTDIR, rename_to("e", "d/b"));
    assert_errno(NOTDIR, rename_to("d/b/", "x"));
    assert_ok(rename_to("d/", "f/"));
    assert_errno(INVAL, rename_to("f", "f/sub"));
    assert_errno(BUSY, rename_to("f/..", "x"));
    assert_errno(BUSY, rename_to("f", "e/.."));
    assert_string_equal(host_read("rw/f/b"), "a");
    /* Between two descriptors. */
    uint32_t e = must_open(RW, "e", DIRECTORY, dir_rights());
    assert_ok(mw_wasi_path_rename(GUEST, RW, PATH_ARG("f/b"), e, PATH_ARG("moved")));
    assert_string_equal(host_read("rw/e/moved"), "a");
}

static void hard_links(void **state)
{
    (void)state;
    host_write("rw/a", "a");
    assert_ok(make_dir("d"));
    assert_ok(link_to(0, "a", "d/b"));
    mw_wasi_filestat one, two;
    assert_ok(stat_at(RW, "a", 0, &one));
    assert_ok(stat_at(RW, "d/b", 0, &two));
    assert_int_equal(one.ino, two.ino);
    assert_int_equal(one.nlink, 2);
    assert_errno(EXIST, link_to(0, "a", "d/b"));
    assert_errno(EXIST, link_to(0, "a", "a"));
    assert_errno(PERM, link_to(0, "d", "e"));
    assert_errno(NOENT, link_to(0, "a", "x/"));
    assert_errno(NOENT, link_to(0, "none", "x"));
    assert_errno(NOTDIR, link_to(0, "a/", "x"));
    /* To a symbolic link itself, or to what it means. */
    assert_ok(symlink_to("a", "s"));
    assert_ok(link_to(0, "s", "s2"));
    assert_ok(stat_at(RW, "s2", 0, &one));
    assert_int_equal(one.filetype, MW_WASI_FILETYPE_SYMBOLIC_LINK);
    assert_ok(link_to(FOLLOW, "s", "c"));
    assert_ok(stat_at(RW, "c", 0, &one));
    assert_int_equal(one.ino, two.ino);
}

static void symbolic_links(void **state)
{
    (void)state;
    host_write("rw/f", "content");
    assert_ok(make_dir("d"));
    assert_ok(make_dir("d/e"));
    assert_ok(symlink_to("../f", "d/s"));
    assert_ok(symlink_to("d", "dirlink"));
    assert_ok(symlink_to("dirlink/e/../s", "chain"));
    assert_errno(EXIST, symlink_to("x", "d/s"));
    assert_errno(NOENT, symlink_to("x", "new/"));

    mw_wasi_filestat stat;
    assert_ok(stat_at(RW, "chain", FOLLOW, &stat));
    assert_int_equal(stat.size, 7);
    assert_int_equal(stat.filetype, MW_WASI_FILETYPE_REGULAR_FILE);
    assert_ok(stat_at(RW, "chain", 0, &stat));
    assert_int_equal(stat.filetype, MW_WASI_FILETYPE_SYMBOLIC_LINK);
    assert_ok(stat_at(RW, "dirlink/", 0, &stat));
    assert_int_equal(stat.filetype, MW_WASI_FILETYPE_DIRECTORY);
    assert_errno(NOTDIR, stat_at(RW, "chain/", 0, &stat));
    assert_ok(open_rw("chain", FOLLOW, 0, READ_RIGHTS));
    assert_errno(LOOP, open_rw("chain", 0, 0, READ_RIGHTS));
    assert_ok(open_rw("dirlink/s", FOLLOW, 0, READ_RIGHTS));
    assert_ok(open_rw("dirlink", FOLLOW, DIRECTORY, READ_RIGHTS));
    uint32_t fd;
    mw_wasi_errno error = open_at(RW, "dirlink", 0, DIRECTORY, READ_RIGHTS, &fd);
    assert_true(error == MW_WASI_ELOOP || error == MW_WASI_ENOTDIR);

    /* Through a link that leads nowhere yet. */
    assert_ok(symlink_to("d/new", "dangling"));
    assert_errno(NOENT, open_rw("dangling", FOLLOW, 0, READ_RIGHTS));
    assert_errno(EXIST, open_rw("dangling", FOLLOW, CREATE | EXCL, WRITE_RIGHTS));
    assert_ok(open_rw("dangling", FOLLOW, CREATE, WRITE_RIGHTS));
    assert_true(host_exists("rw/d/new"));

    /* Loops and long chains. */
    assert_ok(symlink_to("loop2", "loop1"));
    assert_ok(symlink_to("loop1", "loop2"));
    assert_errno(LOOP, open_rw("loop1", FOLLOW, 0, READ_RIGHTS));
    assert_errno(LOOP, open_rw("loop1/x", 0, 0, READ_RIGHTS));
    assert_ok(symlink_to("f", "l0"));
    for (int i = 1; i <= 40; i++) {
        char target[8], path[8];
        snprintf(target, sizeof target, "l%d", i - 1);
        snprintf(path, sizeof path, "l%d", i);
        assert_ok(symlink_to(target, path));
    }
    assert_ok(open_rw("l39", FOLLOW, 0, READ_RIGHTS));
    assert_errno(LOOP, open_rw("l40", FOLLOW, 0, READ_RIGHTS));

    /* The link itself is renamed and removed. */
    assert_ok(rename_to("dirlink", "renamed"));
    assert_ok(unlink_file("renamed"));
    assert_true(host_exists("rw/d"));
    assert_errno(NOTDIR, remove_dir("chain"));
}

static void reading_links(void **state)
{
    (void)state;
    assert_ok(symlink_to("some/target", "s"));
    mw_guest_ptr buf = room(64), used = room(4);
    assert_ok(mw_wasi_path_readlink(GUEST, RW, PATH_ARG("s"), buf, 64, used));
    assert_int_equal(load32(used), 11);
    assert_memory_equal(at(buf, 12), "some/target\0", 12);
    assert_ok(mw_wasi_path_readlink(GUEST, RW, PATH_ARG("s"), buf, 4, used));
    assert_int_equal(load32(used), 4);
    assert_ok(mw_wasi_path_readlink(GUEST, RW, PATH_ARG("s"), buf, 0, used));
    assert_int_equal(load32(used), 0);
    host_write("rw/f", "");
    assert_errno(INVAL, mw_wasi_path_readlink(GUEST, RW, PATH_ARG("f"), buf, 64, used));
    assert_errno(NOENT, mw_wasi_path_readlink(GUEST, RW, PATH_ARG("none"), buf, 64, used));
}

static void times(void **state)
{
    (void)state;
    host_write("rw/f", "");
    assert_ok(symlink_to("f", "s"));
    mw_wasi_filestat stat;
    assert_ok(mw_wasi_path_filestat_set_times(GUEST, RW, FOLLOW, PATH_ARG("s"), 11, 22, 5));
    assert_ok(stat_at(RW, "f", 0, &stat));
    assert_int_equal(stat.atim, 11);
    assert_int_equal(stat.mtim, 22);
    assert_ok(mw_wasi_path_filestat_set_times(GUEST, RW, 0, PATH_ARG("s"), 33, 44, 5));
    assert_ok(stat_at(RW, "f", 0, &stat));
    assert_int_equal(stat.mtim, 22);
    assert_ok(stat_at(RW, "s", 0, &stat));
    assert_int_equal(stat.mtim, 44);
    assert_errno(INVAL, mw_wasi_path_filestat_set_times(GUEST, RW, 0, PATH_ARG("f"), 0, 0, 3));
    assert_errno(INVAL, mw_wasi_path_filestat_set_times(GUEST, RW, 2, PATH_ARG("f"), 0, 0, 1));
    mw_guest_ptr old = room(56);
    assert_ok(mw_wasi_unstable_path_filestat_get(GUEST, RW, 0, PATH_ARG("f"), old));
    assert_int_equal(load64((mw_guest_ptr){old.addr + 40}), 22);
}

static void lengths(void **state)
{
    (void)state;
    static char longest[PATH_MAX + 1], name[300];
    memset(name, 'n', sizeof name - 1);
    assert_errno(NAMETOOLONG, open_rw(name, 0, CREATE, WRITE_RIGHTS));
    assert_errno(NAMETOOLONG, make_dir(name));
    name[255] = 0;
    assert_ok(open_rw(name, 0, CREATE, WRITE_RIGHTS));
    assert_ok(unlink_file(name));
    memset(longest, '/', PATH_MAX);
    memcpy(longest, "./", 2);
    longest[PATH_MAX] = 0;
    assert_errno(NAMETOOLONG, open_rw(longest, 0, DIRECTORY, READ_RIGHTS));
    longest[PATH_MAX - 1] = 0;
    assert_ok(open_rw(longest, 0, DIRECTORY, READ_RIGHTS));
    /* Bytes that are no UTF-8 are names on the host, and so they are for the guest. */
    assert_ok(open_rw("\xff\xfe name", 0, CREATE, WRITE_RIGHTS));
    assert_true(host_exists("rw/\xff\xfe name"));
    static char deep[4000];
    for (int i = 0; i < 300; i++) { /* deeper than any fixed list of directories */
        strcat(deep, i ? "/dir" : "dir");
        assert_ok(make_dir(deep));
    }
    strcat(deep, "/../../dir/f");
    assert_ok(open_rw(deep, 0, CREATE, WRITE_RIGHTS));
}

/* For MPI-IO: the host's open() reaches what the guest's path means. */
static void host_files(void **state)
{
    (void)state;
    host_write("rw/f", "content");
    host_write("ro/f", "fixed");
    mw_wasi_host_file file;
    for (const char *const *path = (const char *const[]){"/rw/f", "rw/f", "./rw/./f", "//rw//f", NULL}; *path; path++) {
        assert_ok(mw_wasi_open_host_file(GUEST, *path, MW_WASI_HOST_WRITE, &file));
        /* Replaced meanwhile: still the same file. */
        assert_int_equal(rename(host("rw/f"), host("rw/g")), 0);
        assert_int_equal(symlink("../secret", host("rw/f")), 0);
        char text[16] = "";
        int fd = open(file.path, O_RDWR);
        assert_true(fd >= 0);
        assert_int_equal(read(fd, text, sizeof text), 7);
        assert_string_equal(text, "content");
        close(fd);
        mw_wasi_close_host_file(&file);
        assert_int_equal(rename(host("rw/g"), host("rw/f")), 0);
    }
    assert_errno(NOENT, mw_wasi_open_host_file(GUEST, "/rw/new", MW_WASI_HOST_WRITE, &file));
    assert_ok(mw_wasi_open_host_file(GUEST, "/rw/new", MW_WASI_HOST_CREATE | MW_WASI_HOST_EXCLUSIVE, &file));
    mw_wasi_close_host_file(&file);
    assert_errno(EXIST, mw_wasi_open_host_file(GUEST, "/rw/new", MW_WASI_HOST_CREATE | MW_WASI_HOST_EXCLUSIVE, &file));
    assert_ok(mw_wasi_open_host_file(GUEST, "/ro/f", 0, &file));
    mw_wasi_close_host_file(&file);
    assert_errno(ROFS, mw_wasi_open_host_file(GUEST, "/ro/f", MW_WASI_HOST_WRITE, &file));
    assert_errno(ROFS, mw_wasi_open_host_file(GUEST, "/ro/n", MW_WASI_HOST_CREATE, &file));
    assert_errno(ROFS, mw_wasi_unlink_host_file(GUEST, "/ro/f"));
    assert_errno(NOTCAPABLE, mw_wasi_open_host_file(GUEST, "/secret", 0, &file));
    assert_errno(NOTCAPABLE, mw_wasi_open_host_file(GUEST, "/rwx/f", 0, &file));
    assert_errno(NOTCAPABLE, mw_wasi_open_host_file(GUEST, "/rw/../secret", 0, &file));
    assert_errno(NOTCAPABLE, mw_wasi_unlink_host_file(GUEST, "/rw/../secret"));
    assert_ok(mw_wasi_unlink_host_file(GUEST, "/rw/new"));
    assert_false(host_exists("rw/new"));
}

/* The longest granted name wins; "." and "/" hold everything else. */
static void host_files_by_prefix(void **state)
{
    (void)state;
    host_write("rw/f", "outer");
    host_write("ro/f", "inner");
    static char rw[PATH_MAX], ro[PATH_MAX];
    strcpy(rw, host("rw"));
    strcpy(ro, host("ro"));
    const mw_wasi_dir dirs[] = {{rw, ".", false}, {ro, "/data/in", true}};
    fixture_attach(&(mw_wasi_config){.ndirs = 2, .dirs = dirs});
    mw_wasi_host_file file;
    struct stat st;
    static const struct {
        const char *path;
        off_t first;
    } cases[] = {{"f", 0}, {"/f", 0}, {"/data/in/f", 1}, {"data/in/f", 1}};
    for (size_t i = 0; i < 4; i++) {
        assert_ok(mw_wasi_open_host_file(GUEST, cases[i].path, 0, &file));
        struct stat expected;
        assert_int_equal(stat(file.path, &st), 0);
        assert_int_equal(stat(host(cases[i].first ? "ro/f" : "rw/f"), &expected), 0);
        assert_int_equal(st.st_ino, expected.st_ino);
        mw_wasi_close_host_file(&file);
    }
    assert_errno(NOENT, mw_wasi_open_host_file(GUEST, "/data/into/f", 0, &file));
    /* A guest that gave its directory up has given up this way, too. */
    assert_ok(mw_wasi_fd_close(GUEST, 3));
    assert_errno(NOTCAPABLE, mw_wasi_open_host_file(GUEST, "/f", 0, &file));
}

static void bad_grants(void **state)
{
    (void)state;
    host_write("rw/f", "");
    static char path[PATH_MAX];
    strcpy(path, host("rw/none"));
    mw_wasi_detach(GUEST);
    mw_report report = MW_REPORT_INIT;
    mw_wasi_dir dir = {path, "/none", false};
    assert_int_equal(mw_wasi_attach(GUEST, &(mw_wasi_config){.ndirs = 1, .dirs = &dir}, &report), MW_ERR_USAGE);
    assert_non_null(strstr(report.message, "rw/none"));
    assert_non_null(strstr(report.message, "No such file"));
    assert_null(GUEST->host[MW_HOST_WASI]);
    strcpy(path, host("rw/f"));
    report = (mw_report)MW_REPORT_INIT;
    assert_int_equal(mw_wasi_attach(GUEST, &(mw_wasi_config){.ndirs = 1, .dirs = &dir}, &report), MW_ERR_USAGE);
    assert_non_null(strstr(report.message, "Not a directory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_up, fixture_down)
        TEST(create_and_open), TEST(access_modes), TEST(dots_and_slashes), TEST(directories), TEST(renames),
        TEST(hard_links), TEST(symbolic_links), TEST(reading_links), TEST(times), TEST(lengths), TEST(host_files),
        TEST(host_files_by_prefix), TEST(bad_grants),
    };
    return cmocka_run_group_tests_name("wasi-path", tests, NULL, NULL);
}
