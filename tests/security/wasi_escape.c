/* Ways out of a granted directory that worked on some WASI implementation, or that look as if they could. Each must
 * leave root/secret and root/outside as they are, and unread. All run with openat2 and with the walk. */
#include "fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CREATE MW_WASI_OFLAG_CREAT
#define TRUNC MW_WASI_OFLAG_TRUNC
#define DIRECTORY MW_WASI_OFLAG_DIRECTORY

/* Besides the fixture's: links that the host's user left lying around, which lead out. */
static int up(void **state)
{
    fixture_up(state);
    static const char *const links[][2] = {
        {"../secret", "rw/to-secret"},      {"../outside", "rw/to-outside"}, {"/etc", "rw/to-etc"},
        {"to-secret", "rw/to-link"},        {"../rw/inside", "rw/out-and-back"}, {"../new", "rw/to-new"},
        {"sub/../../secret", "rw/zigzag"},  {"..", "rw/up"},                 {".", "rw/self"},
        {"../ro/fixed", "rw/to-ro"},        {"../secret", "ro/to-secret"},
    };
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        assert_int_equal(symlink(links[i][0], host(links[i][1])), 0);
    assert_int_equal(mkdir(host("rw/sub"), 0777), 0);
    host_write("rw/inside", "inside\n");
    host_write("ro/fixed", "fixed\n");
    return 0;
}

static bool holds(const char *name, const char *text)
{
    const char *content = host_read(name);
    return content && strcmp(content, text) == 0;
}

static int down(void **state)
{
    bool untouched = holds("secret", SECRET) && holds("outside/secret", SECRET) && holds("ro/fixed", "fixed\n") &&
                     !host_exists("new") && !host_exists("outside/new");
    fixture_down(state);
    return untouched ? 0 : -1;
}

static mw_wasi_errno open_path(const char *path, uint32_t lookup, uint32_t oflags, mw_wasi_rights rights)
{
    uint32_t fd;
    mw_wasi_errno error = open_at(RW, path, lookup, oflags, rights, &fd);
    if (!error)
        assert_ok(mw_wasi_fd_close(GUEST, fd));
    return error;
}

/* That lead out whether or not the last component is followed. */
static const char *const outward[] = {
    "/etc/passwd", "/", "//etc/passwd", "..", "../", "../secret", "./../secret", ".//.././secret", "sub/../../secret",
    "sub/../sub/../../secret", "self/../secret", "self/self/../secret", "up/secret", "up/", "up/outside/secret",
    "to-outside/secret", "to-outside/", "to-outside/.", "to-outside/..", "to-outside/../secret", "to-etc/passwd",
    "to-etc/", "sub/../to-outside/secret", "../rw/inside", "up/rw/inside", "sub/../../rw/inside", "self/up/secret",
    "sub/../up/secret",
};
/* That lead out only if it is followed. */
static const char *const outward_links[] = {"to-secret", "to-outside", "to-etc", "to-link", "out-and-back", "to-new",
                                            "zigzag", "up", "to-ro", "self/to-secret", "sub/../to-link"};
#define EACH(path, list) for (const char *const *path = list; path < list + sizeof list / sizeof *list; path++)

/* ---- Opening and looking ---------------------------------------------------------------------------------------- */

static void open_outward(void **state)
{
    (void)state;
    static const uint32_t oflags[] = {0, DIRECTORY, CREATE, CREATE | MW_WASI_OFLAG_EXCL, TRUNC, CREATE | TRUNC};
    for (size_t i = 0; i < sizeof oflags / sizeof *oflags; i++)
        for (uint32_t lookup = 0; lookup <= FOLLOW; lookup++)
            EACH(path, outward) {
                mw_wasi_rights rights = oflags[i] & ~(uint32_t)DIRECTORY ? WRITE_RIGHTS : READ_RIGHTS;
                mw_wasi_errno error = open_path(*path, lookup, oflags[i], rights);
                /* O_CREAT with a slash behind the name is refused before it is looked at. */
                if (error != MW_WASI_ENOTCAPABLE && !((oflags[i] & CREATE) && error == MW_WASI_EISDIR))
                    fail_msg("%s, oflags %u, lookup %u: E%s", *path, oflags[i], lookup, mw_wasi_errno_name(error));
            }
}

static void open_outward_links(void **state)
{
    (void)state;
    EACH(path, outward_links) {
        assert_errno(NOTCAPABLE, open_path(*path, FOLLOW, 0, READ_RIGHTS));
        assert_errno(NOTCAPABLE, open_path(*path, FOLLOW, TRUNC, WRITE_RIGHTS));
        assert_errno(NOTCAPABLE, open_path(*path, FOLLOW, CREATE, WRITE_RIGHTS));
        assert_errno(EXIST, open_path(*path, FOLLOW, CREATE | MW_WASI_OFLAG_EXCL, WRITE_RIGHTS));
        assert_errno(LOOP, open_path(*path, 0, 0, READ_RIGHTS));
        assert_errno(LOOP, open_path(*path, 0, TRUNC, WRITE_RIGHTS));
    }
}

static void stat_outward(void **state)
{
    (void)state;
    mw_wasi_filestat stat;
    EACH(path, outward) {
        assert_errno(NOTCAPABLE, stat_at(RW, *path, 0, &stat));
        assert_errno(NOTCAPABLE, stat_at(RW, *path, FOLLOW, &stat));
    }
    EACH(path, outward_links) {
        assert_errno(NOTCAPABLE, stat_at(RW, *path, FOLLOW, &stat));
        assert_ok(stat_at(RW, *path, 0, &stat));
        assert_int_equal(stat.filetype, MW_WASI_FILETYPE_SYMBOLIC_LINK);
    }
}

static void set_times_outward(void **state)
{
    (void)state;
    struct stat before, after;
    assert_int_equal(stat(host("secret"), &before), 0);
    EACH(path, outward)
        assert_errno(NOTCAPABLE, mw_wasi_path_filestat_set_times(GUEST, RW, FOLLOW, PATH_ARG(*path), 1, 1, 5));
    EACH(path, outward_links)
        assert_errno(NOTCAPABLE, mw_wasi_path_filestat_set_times(GUEST, RW, FOLLOW, PATH_ARG(*path), 1, 1, 5));
    /* Of the link itself: allowed, and the link's only. */
    assert_ok(mw_wasi_path_filestat_set_times(GUEST, RW, 0, PATH_ARG("to-secret"), 1, 1, 5));
    assert_int_equal(stat(host("secret"), &after), 0);
    assert_int_equal(mw_wasi_ns(before.st_mtim), mw_wasi_ns(after.st_mtim));
}

static void readlink_outward(void **state)
{
    (void)state;
    assert_int_equal(symlink("x", host("outside/link")), 0);
    mw_guest_ptr buf = room(64), used = room(4);
    assert_errno(NOTCAPABLE, mw_wasi_path_readlink(GUEST, RW, PATH_ARG("../outside/link"), buf, 64, used));
    assert_errno(NOTCAPABLE, mw_wasi_path_readlink(GUEST, RW, PATH_ARG("to-outside/link"), buf, 64, used));
    assert_errno(NOTCAPABLE, mw_wasi_path_readlink(GUEST, RW, PATH_ARG("/proc/self/exe"), buf, 64, used));
}

/* ---- Changing --------------------------------------------------------------------------------------------------- */

static void make_outward(void **state)
{
    (void)state;
    static const char *const paths[] = {"../new", "up/new", "to-outside/new", "to-outside/new/", "sub/../../new",
                                        "/tmp/new", "../outside/new"};
    EACH(path, paths) {
        assert_errno(NOTCAPABLE, mw_wasi_path_create_directory(GUEST, RW, PATH_ARG(*path)));
        assert_errno(NOTCAPABLE, mw_wasi_path_symlink(GUEST, PATH_ARG("x"), RW, PATH_ARG(*path)));
        mw_wasi_errno error = open_path(*path, FOLLOW, CREATE, WRITE_RIGHTS);
        assert_true(error == MW_WASI_ENOTCAPABLE || error == MW_WASI_EISDIR); /* a slash behind a new file's name */
        assert_errno(NOTCAPABLE, mw_wasi_path_link(GUEST, RW, 0, PATH_ARG("inside"), RW, PATH_ARG(*path)));
        assert_errno(NOTCAPABLE, mw_wasi_path_rename(GUEST, RW, PATH_ARG("inside"), RW, PATH_ARG(*path)));
    }
    /* A dangling link is a name that is taken. */
    assert_errno(EXIST, mw_wasi_path_create_directory(GUEST, RW, PATH_ARG("to-new")));
    assert_errno(EXIST, mw_wasi_path_create_directory(GUEST, RW, PATH_ARG("to-new/")));
    assert_true(host_exists("rw/inside"));
}

static void remove_outward(void **state)
{
    (void)state;
    static const char *const files[] = {"../secret", "up/secret", "to-outside/secret", "/etc/passwd",
                                        "sub/../../secret"};
    EACH(path, files)
        assert_errno(NOTCAPABLE, mw_wasi_path_unlink_file(GUEST, RW, PATH_ARG(*path)));
    static const char *const dirs[] = {"..", "../outside", "up/outside", "up/outside/", "sub/../.."};
    EACH(path, dirs)
        assert_errno(NOTCAPABLE, mw_wasi_path_remove_directory(GUEST, RW, PATH_ARG(*path)));
    assert_int_equal(mkdir(host("outside/empty"), 0777), 0);
    assert_errno(NOTCAPABLE, mw_wasi_path_remove_directory(GUEST, RW, PATH_ARG("to-outside/empty")));
    assert_errno(NOTDIR, mw_wasi_path_remove_directory(GUEST, RW, PATH_ARG("to-outside/")));
    assert_errno(NOTDIR, mw_wasi_path_unlink_file(GUEST, RW, PATH_ARG("to-outside/")));
    assert_true(host_exists("outside/empty"));
}

static void take_from_outside(void **state)
{
    (void)state;
    static const char *const sources[] = {"../secret", "up/secret", "to-outside/secret", "/etc/passwd"};
    EACH(path, sources) {
        assert_errno(NOTCAPABLE, mw_wasi_path_rename(GUEST, RW, PATH_ARG(*path), RW, PATH_ARG("mine")));
        assert_errno(NOTCAPABLE, mw_wasi_path_link(GUEST, RW, 0, PATH_ARG(*path), RW, PATH_ARG("mine")));
    }
    /* A hard link to what a link means. */
    EACH(path, outward_links)
        assert_errno(NOTCAPABLE, mw_wasi_path_link(GUEST, RW, FOLLOW, PATH_ARG(*path), RW, PATH_ARG("mine")));
    assert_false(host_exists("rw/mine"));
}

/* ---- Links that the guest makes itself -------------------------------------------------------------------------- */

static void own_links(void **state)
{
    (void)state;
    assert_errno(NOTCAPABLE, mw_wasi_path_symlink(GUEST, PATH_ARG("/etc/passwd"), RW, PATH_ARG("a")));
    assert_ok(mw_wasi_path_symlink(GUEST, PATH_ARG("../secret"), RW, PATH_ARG("b")));
    assert_errno(NOTCAPABLE, open_path("b", FOLLOW, 0, READ_RIGHTS));
    /* Harmless where it is made, harmful where it is moved. */
    host_write("rw/secret", "harmless\n");
    assert_ok(mw_wasi_path_symlink(GUEST, PATH_ARG("../secret"), RW, PATH_ARG("sub/c")));
    assert_ok(open_path("sub/c", FOLLOW, 0, READ_RIGHTS));
    assert_ok(mw_wasi_path_rename(GUEST, RW, PATH_ARG("sub/c"), RW, PATH_ARG("c")));
    assert_errno(NOTCAPABLE, open_path("c", FOLLOW, 0, READ_RIGHTS));
    /* A second name of a link. */
    assert_ok(mw_wasi_path_link(GUEST, RW, 0, PATH_ARG("to-secret"), RW, PATH_ARG("sub/d")));
    assert_ok(mw_wasi_path_link(GUEST, RW, 0, PATH_ARG("sub/d"), RW, PATH_ARG("d")));
    assert_errno(NOTCAPABLE, open_path("d", FOLLOW, 0, READ_RIGHTS));
    /* A target that is long, or goes up more often than there are directories. */
    static char target[PATH_MAX];
    for (int i = 0; i < 1300; i++)
        strcat(target, "../");
    assert_ok(mw_wasi_path_symlink(GUEST, PATH_ARG(target), RW, PATH_ARG("e")));
    assert_errno(NOTCAPABLE, open_path("e", FOLLOW, DIRECTORY, READ_RIGHTS));
    assert_errno(NOTCAPABLE, open_path("e/etc/passwd", 0, 0, READ_RIGHTS));
}

/* ---- Strange strings -------------------------------------------------------------------------------------------- */

static mw_wasi_errno open_bytes(const char *bytes, uint32_t size)
{
    return mw_wasi_path_open(GUEST, RW, FOLLOW, put(bytes, size), size, 0, READ_RIGHTS, 0, 0, room(4));
}

static void embedded_nul(void **state)
{
    (void)state;
    assert_errno(INVAL, open_bytes("inside\0/../../secret", 20));
    assert_errno(INVAL, open_bytes("inside\0", 7));
    assert_errno(INVAL, open_bytes("\0", 1));
    assert_errno(INVAL, open_bytes("..\0", 3));
    assert_errno(INVAL, mw_wasi_path_symlink(GUEST, put("a\0b", 3), 3, RW, PATH_ARG("x")));
    assert_errno(INVAL, mw_wasi_path_create_directory(GUEST, RW, put("a\0b", 3), 3));
    assert_errno(INVAL, mw_wasi_path_rename(GUEST, RW, PATH_ARG("inside"), RW, put("x\0y", 3), 3));
}

/* No terminator is needed, none is read: the byte behind the path does not belong to it. */
static void unterminated(void **state)
{
    (void)state;
    mw_guest_ptr end = {GUEST_BYTES - 6};
    memcpy(at(end, 6), "inside", 6);
    assert_ok(mw_wasi_path_open(GUEST, RW, 0, end, 6, 0, READ_RIGHTS, 0, 0, room(4)));
    assert_ok(open_bytes("inside/../../secret", 6));
}

static void too_long(void **state)
{
    (void)state;
    static char path[PATH_MAX + 10];
    memset(path, '.', sizeof path);
    for (size_t i = 1; i < sizeof path; i += 2)
        path[i] = '/';
    assert_errno(NAMETOOLONG, open_bytes(path, PATH_MAX));
    assert_errno(NAMETOOLONG, open_bytes(path, PATH_MAX + 10));
    memcpy(path + PATH_MAX - 10, "../secret", 9);
    assert_errno(NOTCAPABLE, open_bytes(path, PATH_MAX - 1));
    assert_errno(NAMETOOLONG, mw_wasi_path_create_directory(GUEST, RW, put(path, PATH_MAX), PATH_MAX));
}

/* Bytes that some decoders take for a slash or a dot: here they are bytes of a name. */
static void odd_encodings(void **state)
{
    (void)state;
    static const char *const names[] = {"..\\secret", "%2e%2e/secret", "\xc0\xae\xc0\xae/secret",
                                        "..\xc0\xafsecret", "\xef\xbc\x8e\xef\xbc\x8e/secret", ".. /secret",
                                        "..\n", "...", " ../secret", "C:\\secret", "file:///etc/passwd", "~", "~root"};
    EACH(name, names)
        assert_errno(NOENT, open_path(*name, FOLLOW, 0, READ_RIGHTS));
}

/* ---- Descriptors ------------------------------------------------------------------------------------------------ */

static void host_descriptors(void **state)
{
    (void)state;
    int secret = open(host("secret"), O_RDWR);
    int high = fcntl(secret, F_DUPFD, 300);
    char text[8];
    for (uint32_t fd = RO + 1; fd < 1100; fd++)
        assert_errno(BADF, read_text(fd, text, sizeof text));
    static const uint32_t wild[] = {UINT32_MAX, 0x80000000, 0x7fffffff, 0xffffff9c /* AT_FDCWD */, 65535, 65536, 0};
    for (const uint32_t *fd = wild; *fd; fd++) {
        uint32_t other;
        assert_errno(BADF, read_text(*fd, text, sizeof text));
        assert_errno(BADF, open_at(*fd, "secret", 0, 0, READ_RIGHTS, &other));
        assert_errno(BADF, mw_wasi_fd_close(GUEST, *fd));
        assert_errno(BADF, mw_wasi_fd_renumber(GUEST, RW, *fd));
    }
    close(secret);
    close(high);
}

static void climb_from_subdirectory(void **state)
{
    (void)state;
    uint32_t sub = must_open(RW, "sub", DIRECTORY, dir_rights()), fd;
    assert_errno(NOTCAPABLE, open_at(sub, "..", 0, DIRECTORY, READ_RIGHTS, &fd));
    assert_errno(NOTCAPABLE, open_at(sub, "../inside", 0, 0, READ_RIGHTS, &fd));
    assert_errno(NOTCAPABLE, open_at(sub, "../../secret", 0, 0, READ_RIGHTS, &fd));
    /* Moved to another place, it is still only itself. */
    assert_ok(mw_wasi_path_create_directory(GUEST, RW, PATH_ARG("deep")));
    assert_ok(mw_wasi_path_rename(GUEST, RW, PATH_ARG("sub"), RW, PATH_ARG("deep/sub")));
    assert_errno(NOTCAPABLE, open_at(sub, "../../inside", 0, 0, READ_RIGHTS, &fd));
}

static void regain_rights(void **state)
{
    (void)state;
    uint32_t fd, dir = must_open(RW, "sub", DIRECTORY, MW_WASI_RIGHT_PATH_OPEN);
    assert_ok(mw_wasi_fd_fdstat_set_rights(GUEST, dir, MW_WASI_RIGHT_PATH_OPEN, READ_RIGHTS | MW_WASI_RIGHT_PATH_OPEN));
    assert_errno(NOTCAPABLE, mw_wasi_fd_fdstat_set_rights(GUEST, dir, dir_rights(), file_rights()));
    host_write("rw/sub/f", "x");
    assert_errno(NOTCAPABLE, open_at(dir, "f", 0, 0, WRITE_RIGHTS, &fd));
    assert_errno(NOTCAPABLE, open_at(dir, "f", 0, CREATE, READ_RIGHTS, &fd));
    /* Through another descriptor for the same directory. */
    mw_guest_ptr out = room(4);
    assert_ok(mw_wasi_path_open(GUEST, dir, 0, PATH_ARG("."), DIRECTORY, MW_WASI_RIGHT_PATH_OPEN, READ_RIGHTS, 0, out));
    assert_errno(NOTCAPABLE, open_at(load32(out), "f", 0, 0, WRITE_RIGHTS, &fd));
    assert_errno(NOTCAPABLE, mw_wasi_path_open(GUEST, dir, 0, PATH_ARG("."), DIRECTORY, 0, file_rights(), 0, out));
    /* Over a descriptor that had more: what is moved keeps its own rights. */
    assert_ok(mw_wasi_fd_renumber(GUEST, dir, RW));
    assert_errno(NOTCAPABLE, open_at(RW, "f", 0, 0, WRITE_RIGHTS, &fd));
}

static void closed_descriptors(void **state)
{
    (void)state;
    uint32_t fd, file = must_open(RW, "inside", 0, READ_RIGHTS);
    char text[8];
    assert_ok(mw_wasi_fd_close(GUEST, file));
    assert_ok(mw_wasi_fd_close(GUEST, RW));
    int reused = open(host("secret"), O_RDWR); /* the host takes the numbers that became free */
    int reused2 = open(host("secret"), O_RDWR);
    assert_errno(BADF, read_text(file, text, sizeof text));
    assert_errno(BADF, write_text(file, "x"));
    assert_errno(BADF, open_at(RW, "inside", 0, 0, READ_RIGHTS, &fd));
    close(reused);
    close(reused2);
}

/* A directory as standard input is not granted by that. */
static void directory_as_stdin(void **state)
{
    (void)state;
    int saved = dup(0), dir = open(fx.root, O_RDONLY | O_DIRECTORY);
    dup2(dir, 0);
    fixture_attach(&(mw_wasi_config){0});
    uint32_t fd;
    mw_wasi_errno opened = open_at(0, "secret", 0, 0, READ_RIGHTS, &fd);
    mw_wasi_errno listed = mw_wasi_fd_readdir(GUEST, 0, room(64), 64, 0, room(4));
    mw_wasi_errno removed = mw_wasi_path_unlink_file(GUEST, 0, PATH_ARG("secret"));
    mw_wasi_detach(GUEST);
    dup2(saved, 0);
    close(saved);
    close(dir);
    assert_errno(NOTCAPABLE, opened);
    assert_errno(NOTCAPABLE, listed);
    assert_errno(NOTCAPABLE, removed);
}

/* ---- Read-only directories -------------------------------------------------------------------------------------- */

static void read_only(void **state)
{
    (void)state;
    uint32_t fd;
    assert_ok(open_at(RO, "fixed", 0, 0, READ_RIGHTS, &fd));
    assert_errno(BADF, write_text(fd, "x"));
    const mw_wasi_rights writing =
        WRITE_RIGHTS | MW_WASI_RIGHT_FD_ALLOCATE | MW_WASI_RIGHT_FD_FILESTAT_SET_SIZE;
    assert_ok(open_at(RO, "fixed", 0, 0, file_rights() & ~writing, &fd));
    assert_errno(ROFS, mw_wasi_fd_filestat_set_times(GUEST, fd, 0, 0, 5));
    assert_errno(NOTCAPABLE, mw_wasi_fd_filestat_set_size(GUEST, fd, 0));
    assert_errno(NOTCAPABLE, mw_wasi_fd_allocate(GUEST, fd, 0, 100));
    assert_errno(ROFS, mw_wasi_fd_filestat_set_times(GUEST, RO, 0, 0, 5));
    assert_errno(ROFS, open_at(RO, "fixed", 0, 0, WRITE_RIGHTS, &fd));
    assert_errno(ROFS, open_at(RO, "fixed", 0, 0, MW_WASI_RIGHT_FD_FILESTAT_SET_SIZE, &fd));
    assert_errno(ROFS, open_at(RO, "fixed", 0, 0, MW_WASI_RIGHT_FD_ALLOCATE, &fd));
    assert_errno(ROFS, open_at(RO, "fixed", 0, TRUNC, READ_RIGHTS, &fd));
    assert_errno(ROFS, open_at(RO, "new", 0, CREATE, READ_RIGHTS, &fd));
    assert_ok(open_at(RO, "fixed", 0, CREATE, READ_RIGHTS, &fd));
    assert_errno(EXIST, open_at(RO, "fixed", 0, CREATE | MW_WASI_OFLAG_EXCL, READ_RIGHTS, &fd));
    assert_errno(NOTCAPABLE, open_at(RO, "to-secret", FOLLOW, 0, READ_RIGHTS, &fd));
    assert_errno(ROFS, mw_wasi_path_create_directory(GUEST, RO, PATH_ARG("new")));
    assert_errno(ROFS, mw_wasi_path_unlink_file(GUEST, RO, PATH_ARG("fixed")));
    assert_errno(ROFS, mw_wasi_path_remove_directory(GUEST, RO, PATH_ARG("fixed")));
    assert_errno(ROFS, mw_wasi_path_filestat_set_times(GUEST, RO, 0, PATH_ARG("fixed"), 0, 0, 5));
    assert_errno(ROFS, mw_wasi_path_symlink(GUEST, PATH_ARG("x"), RO, PATH_ARG("new")));
    assert_errno(ROFS, mw_wasi_path_rename(GUEST, RO, PATH_ARG("fixed"), RW, PATH_ARG("stolen")));
    assert_errno(ROFS, mw_wasi_path_rename(GUEST, RW, PATH_ARG("inside"), RO, PATH_ARG("new")));
    assert_errno(ROFS, mw_wasi_path_link(GUEST, RW, 0, PATH_ARG("inside"), RO, PATH_ARG("new")));
    /* A second, writable name. */
    assert_errno(ROFS, mw_wasi_path_link(GUEST, RO, 0, PATH_ARG("fixed"), RW, PATH_ARG("writable")));
    /* Beneath a directory opened in it. */
    uint32_t dir = must_open(RO, ".", DIRECTORY, dir_rights());
    assert_errno(ROFS, open_at(dir, "new", 0, CREATE, WRITE_RIGHTS, &fd));
    assert_errno(ROFS, mw_wasi_path_unlink_file(GUEST, dir, PATH_ARG("fixed")));
    assert_ok(mw_wasi_fd_renumber(GUEST, dir, RW));
    assert_errno(ROFS, mw_wasi_path_unlink_file(GUEST, RW, PATH_ARG("fixed")));
}

/* ---- Other kinds of files --------------------------------------------------------------------------------------- */

static void modes(void **state)
{
    (void)state;
    mode_t old = umask(0);
    must_open(RW, "f", CREATE, WRITE_RIGHTS);
    assert_ok(mw_wasi_path_create_directory(GUEST, RW, PATH_ARG("d")));
    umask(old);
    struct stat st;
    assert_int_equal(stat(host("rw/f"), &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0666); /* nothing that could be executed, nothing set-user-id */
    assert_int_equal(stat(host("rw/d"), &st), 0);
    assert_int_equal(st.st_mode & 07777 & ~(mode_t)S_ISGID, 0777);
}

/* This process's own memory, descriptors and environment, as files. */
static void procfs(void **state)
{
    (void)state;
    const mw_wasi_dir dir = {"/proc", "/proc", false};
    fixture_attach(&(mw_wasi_config){.ndirs = 1, .dirs = &dir});
    uint32_t fd;
    static const char *const own[] = {"self/mem", "self/environ", "self/maps", "thread-self/mem", "self/task/../mem",
                                      "self/fdinfo/0", "sys/kernel/core_pattern"};
    EACH(path, own) {
        mw_wasi_errno error = open_at(3, *path, FOLLOW, 0, READ_RIGHTS, &fd);
        assert_true(error == MW_WASI_ENOTCAPABLE || error == MW_WASI_EACCES);
        error = open_at(3, *path, FOLLOW, 0, READ_RIGHTS | WRITE_RIGHTS, &fd);
        assert_true(error == MW_WASI_ENOTCAPABLE || error == MW_WASI_EACCES);
    }
    /* Magic links lead anywhere without a path. */
    static const char *const magic[] = {"self/fd/0", "self/root/etc/passwd", "self/cwd/x", "self/exe", "self/root",
                                        "self/task/../root/etc/passwd", "1/root/etc/passwd"};
    EACH(path, magic) {
        assert_int_not_equal(open_at(3, *path, FOLLOW, 0, READ_RIGHTS, &fd), MW_WASI_ESUCCESS);
        mw_wasi_filestat stat;
        mw_wasi_errno error = stat_at(3, *path, FOLLOW, &stat);
        assert_int_not_equal(error, MW_WASI_ESUCCESS);
    }
    mw_wasi_host_file file;
    assert_errno(NOTCAPABLE, mw_wasi_open_host_file(GUEST, "/proc/self/maps", 0, &file));
}

/* Looking at a FIFO or a device does not open it. */
static void special_files(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(host("rw/fifo"), 0666), 0);
    mw_wasi_filestat stat;
    assert_ok(stat_at(RW, "fifo", FOLLOW, &stat));
    assert_int_equal(stat.filetype, MW_WASI_FILETYPE_UNKNOWN);
    assert_ok(mw_wasi_path_filestat_set_times(GUEST, RW, 0, PATH_ARG("fifo"), 1, 1, 5));
    mw_guest_ptr out = room(4);
    assert_ok(mw_wasi_path_open(GUEST, RW, 0, PATH_ARG("fifo"), 0, READ_RIGHTS, 0, MW_WASI_FDFLAG_NONBLOCK, out));
    assert_ok(mw_wasi_path_rename(GUEST, RW, PATH_ARG("fifo"), RW, PATH_ARG("fifo2")));
}

/* ---- Races ------------------------------------------------------------------------------------------------------ */

typedef struct race {
    pthread_t thread;
    const char *a, *b; /* host names that are exchanged, or b only a name that a is moved to and back */
    unsigned flags;
    atomic_bool stop;
} race;

static void *run_race(void *arg)
{
    race *r = arg;
    char a[PATH_MAX], b[PATH_MAX];
    snprintf(a, sizeof a, "%s/%s", fx.root, r->a);
    snprintf(b, sizeof b, "%s/%s", fx.root, r->b);
    while (!r->stop) {
        syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, r->flags);
        syscall(SYS_renameat2, AT_FDCWD, b, AT_FDCWD, a, r->flags);
    }
    return NULL;
}

static void start_race(race *r)
{
    assert_int_equal(pthread_create(&r->thread, NULL, run_race, r), 0);
}

static void end_race(race *r)
{
    r->stop = true;
    pthread_join(r->thread, NULL);
}

/* Tries to get at the secret through `path` while the tree changes; never may one attempt get it. */
static void attempts(const char *path, unsigned n)
{
    unsigned opened = 0, refused = 0;
    for (unsigned i = 0; i < n; i++) {
        uint32_t fd;
        char text[32];
        if (open_at(RW, path, FOLLOW, 0, READ_RIGHTS, &fd) != MW_WASI_ESUCCESS) {
            refused++;
            continue;
        }
        opened++;
        assert_ok(read_text(fd, text, sizeof text));
        assert_string_not_equal(text, SECRET);
        assert_ok(mw_wasi_fd_close(GUEST, fd));
    }
    print_message("%s: %u opened, %u refused\n", path, opened, refused);
}

/* A directory that is a link outward half of the time. */
static void race_directory_and_link(void **state)
{
    (void)state;
    host_write("rw/sub/secret", "harmless\n");
    race r = {.a = "rw/sub", .b = "rw/to-outside", .flags = RENAME_EXCHANGE};
    start_race(&r);
    attempts("sub/secret", 20000);
    attempts("self/sub/../sub/secret", 20000);
    end_race(&r);
}

/* The last component. */
static void race_file_and_link(void **state)
{
    (void)state;
    race r = {.a = "rw/inside", .b = "rw/to-secret", .flags = RENAME_EXCHANGE};
    start_race(&r);
    attempts("inside", 20000);
    for (unsigned i = 0; i < 5000; i++) {
        uint32_t fd;
        if (open_at(RW, "inside", FOLLOW, CREATE | TRUNC, WRITE_RIGHTS, &fd) == MW_WASI_ESUCCESS)
            assert_ok(mw_wasi_fd_close(GUEST, fd));
        (void)!mw_wasi_path_filestat_set_times(GUEST, RW, FOLLOW, PATH_ARG("inside"), 1, 1, 5);
    }
    end_race(&r);
    struct stat st;
    assert_int_equal(stat(host("secret"), &st), 0);
    assert_int_not_equal(mw_wasi_ns(st.st_mtim), 1);
}

/* A directory that is moved out of the granted one while its ".." are followed. */
static void race_moved_out(void **state)
{
    (void)state;
    assert_int_equal(mkdir(host("rw/a"), 0777), 0);
    assert_int_equal(mkdir(host("rw/a/b"), 0777), 0);
    assert_int_equal(mkdir(host("rw/a/b/c"), 0777), 0);
    host_write("rw/secret", "harmless\n");
    race r = {.a = "rw/a/b", .b = "outside/b"};
    start_race(&r);
    attempts("a/b/c/../../../secret", 20000);
    attempts("a/b/../../secret", 20000);
    end_race(&r);
}

/* Files made or removed by name while the directory becomes a link outward. */
static void race_changes(void **state)
{
    (void)state;
    race r = {.a = "rw/sub", .b = "rw/to-outside", .flags = RENAME_EXCHANGE};
    start_race(&r);
    for (unsigned i = 0; i < 5000; i++) {
        (void)!mw_wasi_path_create_directory(GUEST, RW, PATH_ARG("sub/new"));
        (void)!mw_wasi_path_remove_directory(GUEST, RW, PATH_ARG("sub/new"));
        (void)!mw_wasi_path_unlink_file(GUEST, RW, PATH_ARG("sub/secret"));
        (void)!mw_wasi_path_link(GUEST, RW, 0, PATH_ARG("sub/secret"), RW, PATH_ARG("stolen"));
        (void)!mw_wasi_path_rename(GUEST, RW, PATH_ARG("sub/secret"), RW, PATH_ARG("stolen"));
    }
    end_race(&r);
    assert_false(host_exists("rw/stolen"));
    assert_false(host_exists("outside/new"));
}

/* ---- Files that host libraries open ----------------------------------------------------------------------------- */

static void host_library_files(void **state)
{
    (void)state;
    mw_wasi_host_file file;
    char path[PATH_MAX];
    static const unsigned flags[] = {0, MW_WASI_HOST_WRITE, MW_WASI_HOST_CREATE};
    for (size_t i = 0; i < 3; i++) {
        EACH(name, outward) {
            snprintf(path, sizeof path, "/rw/./%s", *name);
            if (**name == '/') /* is beneath /rw here */
                continue;
            mw_wasi_errno error = mw_wasi_open_host_file(GUEST, path, flags[i], &file);
            assert_true(error == MW_WASI_ENOTCAPABLE || error == MW_WASI_EISDIR);
        }
        EACH(name, outward_links) {
            snprintf(path, sizeof path, "/rw/%s", *name);
            assert_errno(NOTCAPABLE, mw_wasi_open_host_file(GUEST, path, flags[i], &file));
        }
    }
    race r = {.a = "rw/inside", .b = "rw/to-secret", .flags = RENAME_EXCHANGE};
    start_race(&r);
    for (unsigned i = 0; i < 10000; i++) {
        if (mw_wasi_open_host_file(GUEST, "/rw/inside", MW_WASI_HOST_CREATE, &file) != MW_WASI_ESUCCESS)
            continue;
        char text[32] = "";
        int fd = open(file.path, O_RDONLY); /* the library's open, which follows links */
        assert_true(fd >= 0);
        assert_true(read(fd, text, sizeof text - 1) >= 0);
        assert_string_not_equal(text, SECRET);
        close(fd);
        mw_wasi_close_host_file(&file);
    }
    end_race(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)
        TEST(open_outward), TEST(open_outward_links), TEST(stat_outward), TEST(set_times_outward),
        TEST(readlink_outward), TEST(make_outward), TEST(remove_outward), TEST(take_from_outside), TEST(own_links),
        TEST(embedded_nul), TEST(unterminated), TEST(too_long), TEST(odd_encodings), TEST(host_descriptors),
        TEST(climb_from_subdirectory), TEST(regain_rights), TEST(closed_descriptors), TEST(directory_as_stdin),
        TEST(read_only), TEST(modes), TEST(procfs), TEST(special_files), TEST(race_directory_and_link),
        TEST(race_file_and_link), TEST(race_moved_out), TEST(race_changes), TEST(host_library_files),
    };
    return cmocka_run_group_tests_name("wasi-escape", tests, NULL, NULL);
}
