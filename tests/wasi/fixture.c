#include "fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <unistd.h>

fixture fx;
jmp_buf raised;
int raised_exit;
mw_trap_code raised_trap;
char raised_message[256];

void mw_raise_exit(mw_instance *instance, int code)
{
    (void)instance;
    raised_exit = code;
    longjmp(raised, 1);
}

/* No module here starts threads. */
uint32_t mw_threads_spawn(mw_threads *threads, mw_instance *parent, uint32_t func, int32_t arg)
{
    (void)threads, (void)parent, (void)func, (void)arg;
    abort();
}

uint32_t mw_threads_live(mw_threads *threads)
{
    (void)threads;
    abort();
}

mw_error mw_threads_new(uint32_t max, mw_thread_end_fn *end, mw_report *report, mw_threads **out)
{
    (void)max, (void)end, (void)report, (void)out;
    abort();
}

void mw_threads_free(mw_threads *threads)
{
    if (threads)
        abort();
}

const mw_func *mw_exported_function(mw_instance *instance, const char *name, const char *signature)
{
    (void)instance, (void)name, (void)signature;
    abort();
}

mw_error mw_instance_check_sharing(const mw_instance *instance, mw_report *report)
{
    (void)instance, (void)report;
    abort();
}

void mw_raise_trap(mw_instance *instance, mw_trap_code trap, const char *format, ...)
{
    (void)instance;
    va_list args;
    va_start(args, format);
    vsnprintf(raised_message, sizeof raised_message, format, args);
    va_end(args);
    raised_trap = trap;
    longjmp(raised, 1);
}

/* ---- Host ------------------------------------------------------------------------------------------------------- */

const char *host(const char *name)
{
    static char buffers[4][PATH_MAX];
    static unsigned next;
    char *buffer = buffers[next++ % 4];
    snprintf(buffer, sizeof buffers[0], "%s/%s", fx.root, name);
    return buffer;
}

void host_write(const char *name, const char *text)
{
    FILE *f = fopen(host(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

char *host_read(const char *name)
{
    static char text[65536];
    FILE *f = fopen(host(name), "r");
    if (!f)
        return NULL;
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return text;
}

bool host_exists(const char *name)
{
    struct stat st;
    return lstat(host(name), &st) == 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void host_clear(const char *name)
{
    nftw(host(name), remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(host(name), 0777), 0);
}

/* ---- Up and down ------------------------------------------------------------------------------------------------ */

void fixture_attach(const mw_wasi_config *config)
{
    mw_report report = MW_REPORT_INIT;
    mw_wasi_detach(GUEST);
    if (mw_wasi_attach(GUEST, config, &report) != MW_OK)
        fail_msg("%s", report.message);
}

int fixture_up(void **state)
{
    (void)state;
    memset(&fx, 0, sizeof fx);
    while (fcntl(0, F_GETFD) < 0 || fcntl(1, F_GETFD) < 0 || fcntl(2, F_GETFD) < 0)
        if (open("/dev/null", O_RDWR) < 0) /* tests that replace the standard streams need them */
            return -1;
    mw_wasi_use_openat2(getenv("WASI_WALK") == NULL);
    snprintf(fx.root, sizeof fx.root, "%s/wasi-test-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(fx.root));
    for (const char *const *dir = (const char *const[]){"rw", "ro", "outside", NULL}; *dir; dir++)
        assert_int_equal(mkdir(host(*dir), 0777), 0);
    host_write("secret", SECRET);
    host_write("outside/secret", SECRET);

    /* What lies behind the memory cannot be touched unnoticed. */
    uint8_t *base = mmap(NULL, GUEST_BYTES + 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(base != MAP_FAILED);
    assert_int_equal(mprotect(base, GUEST_BYTES, PROT_READ | PROT_WRITE), 0);
    fx.memory = (mw_memory){.base = base, .pages = GUEST_PAGES, .max_pages = GUEST_PAGES,
                            .reserved = GUEST_BYTES + 65536};
    fx.memories[0] = &fx.memory;
    static const mw_code_descriptor no_imports;
    fx.instance.code = &no_imports;
    fx.instance.memory0 = base;
    fx.instance.memories = fx.memories;
    fx.top = 1024;

    static char rw[PATH_MAX], ro[PATH_MAX];
    strcpy(rw, host("rw"));
    strcpy(ro, host("ro"));
    static mw_wasi_dir dirs[2];
    dirs[0] = (mw_wasi_dir){rw, "/rw", false};
    dirs[1] = (mw_wasi_dir){ro, "/ro", true};
    static const char *const argv[] = {"program", "one", "", "four"}, *const envv[] = {"A=1", "LONG=some more text"};
    fixture_attach(&(mw_wasi_config){.argc = 4, .argv = argv, .envc = 2, .envv = envv, .ndirs = 2, .dirs = dirs});
    return 0;
}

int fixture_down(void **state)
{
    (void)state;
    mw_wasi_detach(GUEST);
    munmap(fx.memory.base, GUEST_BYTES + 65536);
    nftw(fx.root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    mw_wasi_use_openat2(true);
    return 0;
}

/* ---- Guest memory ----------------------------------------------------------------------------------------------- */

mw_guest_ptr room(uint32_t size)
{
    fx.top = (fx.top + 15) & ~15u;
    if (size > GUEST_BYTES / 2)
        fail_msg("too much room asked for");
    if (fx.top + size > GUEST_BYTES) /* what was given out long ago is not used any more */
        fx.top = 1024;
    mw_guest_ptr p = {fx.top};
    fx.top += size;
    memset(at(p, size), 0, size);
    return p;
}

void *at(mw_guest_ptr p, uint32_t size)
{
    void *address = mw_guest_span(GUEST, p, size);
    assert_non_null(address);
    return address;
}

mw_guest_ptr put(const void *bytes, uint32_t size)
{
    mw_guest_ptr p = room(size);
    memcpy(at(p, size), bytes, size);
    return p;
}

uint32_t load32(mw_guest_ptr p)
{
    uint32_t value;
    memcpy(&value, at(p, 4), 4);
    return value;
}

uint64_t load64(mw_guest_ptr p)
{
    uint64_t value;
    memcpy(&value, at(p, 8), 8);
    return value;
}

mw_guest_ptr iovec(mw_guest_ptr buf, uint32_t size)
{
    const mw_wasi_iovec v = {(uint32_t)buf.addr, size};
    return put(&v, sizeof v);
}

/* ---- Calls ------------------------------------------------------------------------------------------------------ */

void assert_errno_at(mw_wasi_errno expected, mw_wasi_errno got, const char *call, const char *file, int line)
{
    if (expected != got) {
        print_error("%s: E%s, not E%s\n", call, mw_wasi_errno_name(got), mw_wasi_errno_name(expected));
        _fail(file, line);
    }
}

mw_wasi_rights file_rights(void)
{
    return mw_wasi_rights_of_type(MW_WASI_FILETYPE_REGULAR_FILE);
}

mw_wasi_rights dir_rights(void)
{
    return mw_wasi_rights_of_type(MW_WASI_FILETYPE_DIRECTORY);
}

mw_wasi_errno open_at(uint32_t dir, const char *path, uint32_t lookup, uint32_t oflags, mw_wasi_rights rights,
                      uint32_t *fd)
{
    mw_guest_ptr out = room(4);
    mw_wasi_rights inheriting = oflags & MW_WASI_OFLAG_DIRECTORY ? file_rights() | dir_rights() : 0;
    mw_wasi_errno error =
        mw_wasi_path_open(GUEST, dir, lookup, PATH_ARG(path), oflags, rights, inheriting, 0, out);
    *fd = error ? UINT32_MAX : load32(out);
    return error;
}

uint32_t must_open(uint32_t dir, const char *path, uint32_t oflags, mw_wasi_rights rights)
{
    uint32_t fd;
    assert_ok(open_at(dir, path, 0, oflags, rights, &fd));
    return fd;
}

mw_wasi_errno write_text(uint32_t fd, const char *text)
{
    uint32_t size = (uint32_t)strlen(text);
    mw_guest_ptr out = room(4);
    mw_wasi_errno error = mw_wasi_fd_write(GUEST, fd, iovec(put(text, size), size), 1, out);
    if (!error)
        assert_int_equal(load32(out), size);
    return error;
}

mw_wasi_errno read_text(uint32_t fd, char *text, uint32_t size)
{
    mw_guest_ptr out = room(4), buf = room(size - 1);
    mw_wasi_errno error = mw_wasi_fd_read(GUEST, fd, iovec(buf, size - 1), 1, out);
    uint32_t n = error ? 0 : load32(out);
    memcpy(text, at(buf, n), n);
    text[n] = 0;
    return error;
}

mw_wasi_errno stat_at(uint32_t dir, const char *path, uint32_t lookup, mw_wasi_filestat *out)
{
    mw_guest_ptr p = room(sizeof *out);
    mw_wasi_errno error = mw_wasi_path_filestat_get(GUEST, dir, lookup, PATH_ARG(path), p);
    memcpy(out, at(p, sizeof *out), sizeof *out);
    return error;
}
