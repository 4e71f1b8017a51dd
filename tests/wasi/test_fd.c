/* Descriptors: reading, writing, seeking, attributes, directories' entries, rights. */
#include "fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define CREATE MW_WASI_OFLAG_CREAT

static mw_wasi_fdstat fdstat(uint32_t fd)
{
    mw_wasi_fdstat stat;
    mw_guest_ptr p = room(sizeof stat);
    assert_ok(mw_wasi_fd_fdstat_get(GUEST, fd, p));
    memcpy(&stat, at(p, sizeof stat), sizeof stat);
    return stat;
}

static uint64_t seek_to(uint32_t fd, int64_t offset, uint32_t whence)
{
    mw_guest_ptr p = room(8);
    assert_ok(mw_wasi_fd_seek(GUEST, fd, (uint64_t)offset, whence, p));
    return load64(p);
}

static mw_wasi_filestat filestat(uint32_t fd)
{
    mw_wasi_filestat stat;
    mw_guest_ptr p = room(sizeof stat);
    assert_ok(mw_wasi_fd_filestat_get(GUEST, fd, p));
    memcpy(&stat, at(p, sizeof stat), sizeof stat);
    return stat;
}

/* ---- Reading and writing ---------------------------------------------------------------------------------------- */

static void write_and_read(void **state)
{
    (void)state;
    uint32_t fd = must_open(RW, "f", CREATE, file_rights());
    assert_int_equal(fd, 5);
    assert_ok(write_text(fd, "hello, "));
    assert_ok(write_text(fd, "world"));
    assert_string_equal(host_read("rw/f"), "hello, world");
    assert_int_equal(seek_to(fd, 7, 0), 7);
    char text[32];
    assert_ok(read_text(fd, text, sizeof text));
    assert_string_equal(text, "world");
    assert_ok(read_text(fd, text, sizeof text));
    assert_string_equal(text, "");
    assert_int_equal(seek_to(fd, -5, 2), 7);
    assert_int_equal(seek_to(fd, -7, 1), 0);
    assert_ok(mw_wasi_fd_close(GUEST, fd));
    assert_errno(BADF, mw_wasi_fd_close(GUEST, fd));
    assert_errno(BADF, write_text(fd, "x"));
}

/* Scattered over several buffers, more of them than are moved at once, some empty. */
static void many_iovecs(void **state)
{
    (void)state;
    enum { N = 3 * MW_WASI_IOVECS + 5 };
    mw_wasi_iovec v[N];
    mw_guest_ptr letters = room(N);
    for (uint32_t i = 0; i < N; i++) {
        *(char *)at((mw_guest_ptr){letters.addr + i}, 1) = (char)('a' + i % 26);
        v[i] = (mw_wasi_iovec){letters.addr + i, i % 7 != 3};
    }
    uint32_t fd = must_open(RW, "f", CREATE, file_rights()), total = N - (N + 3) / 7;
    mw_guest_ptr n = room(4), iovs = put(v, sizeof v);
    assert_ok(mw_wasi_fd_write(GUEST, fd, iovs, N, n));
    assert_int_equal(load32(n), total);
    assert_int_equal(strlen(host_read("rw/f")), total);
    assert_ok(mw_wasi_fd_pwrite(GUEST, fd, iovs, N, 1000, n));
    assert_int_equal(load32(n), total);
    assert_int_equal(filestat(fd).size, 1000 + total);
    /* Reads may stop after the first chunk that brought something. */
    seek_to(fd, 0, 0);
    assert_ok(mw_wasi_fd_read(GUEST, fd, iovs, N, n));
    assert_in_range(load32(n), 1, total);
    /* Empty buffers alone do not look like the end of the file. */
    mw_wasi_iovec empty_first[MW_WASI_IOVECS + 1];
    for (uint32_t i = 0; i <= MW_WASI_IOVECS; i++)
        empty_first[i] = (mw_wasi_iovec){letters.addr, i == MW_WASI_IOVECS ? 4 : 0};
    seek_to(fd, 0, 0);
    assert_ok(mw_wasi_fd_read(GUEST, fd, put(empty_first, sizeof empty_first), MW_WASI_IOVECS + 1, n));
    assert_int_equal(load32(n), 4);
    assert_ok(mw_wasi_fd_write(GUEST, fd, iovs, 0, n));
    assert_int_equal(load32(n), 0);
}

static void bad_iovecs(void **state)
{
    (void)state;
    uint32_t fd = must_open(RW, "f", CREATE, file_rights());
    mw_guest_ptr n = room(4), buf = room(16);
    /* One byte past the end; a sum that wraps; the array itself past the end; a product that wraps. */
    assert_errno(FAULT, mw_wasi_fd_write(GUEST, fd, iovec((mw_guest_ptr){GUEST_BYTES - 15}, 16), 1, n));
    assert_errno(FAULT, mw_wasi_fd_read(GUEST, fd, iovec((mw_guest_ptr){UINT32_MAX}, 16), 1, n));
    assert_errno(FAULT, mw_wasi_fd_read(GUEST, fd, iovec(buf, UINT32_MAX), 1, n));
    assert_errno(FAULT, mw_wasi_fd_write(GUEST, fd, (mw_guest_ptr){GUEST_BYTES - 8}, 2, n));
    assert_errno(FAULT, mw_wasi_fd_write(GUEST, fd, iovec(buf, 1), 0x20000001, n));
    assert_errno(FAULT, mw_wasi_fd_write(GUEST, fd, iovec(buf, 1), 1, (mw_guest_ptr){GUEST_BYTES - 3}));
    /* The second buffer is bad: nothing is written. */
    mw_wasi_iovec two[2] = {{buf.addr, 4}, {GUEST_BYTES, 1}};
    assert_errno(FAULT, mw_wasi_fd_write(GUEST, fd, put(two, sizeof two), 2, n));
    assert_int_equal(filestat(fd).size, 0);
    /* The last byte of memory is the guest's; an empty buffer may lie at the very end. */
    assert_ok(mw_wasi_fd_write(GUEST, fd, iovec((mw_guest_ptr){GUEST_BYTES - 1}, 1), 1, n));
    assert_ok(mw_wasi_fd_write(GUEST, fd, iovec((mw_guest_ptr){GUEST_BYTES}, 0), 1, n));
}

static void positioned(void **state)
{
    (void)state;
    uint32_t fd = must_open(RW, "f", CREATE, file_rights());
    mw_guest_ptr n = room(4), buf = room(8);
    assert_ok(write_text(fd, "0123456789"));
    assert_ok(mw_wasi_fd_pread(GUEST, fd, iovec(buf, 4), 1, 3, n));
    assert_memory_equal(at(buf, 4), "3456", 4);
    assert_int_equal(seek_to(fd, 0, 1), 10);
    /* Beyond 4 GiB, sparse. */
    assert_ok(mw_wasi_fd_pwrite(GUEST, fd, iovec(buf, 4), 1, (uint64_t)5 << 30, n));
    assert_int_equal(filestat(fd).size, ((uint64_t)5 << 30) + 4);
    assert_errno(INVAL, mw_wasi_fd_pread(GUEST, fd, iovec(buf, 4), 1, UINT64_MAX, n));
    assert_errno(INVAL, mw_wasi_fd_pwrite(GUEST, fd, iovec(buf, 4), 1, INT64_MAX, n));
    assert_ok(mw_wasi_fd_pread(GUEST, fd, iovec(buf, 4), 1, (uint64_t)6 << 30, n));
    assert_int_equal(load32(n), 0);
}

static void seeking(void **state)
{
    (void)state;
    uint32_t fd = must_open(RW, "f", CREATE, file_rights());
    mw_guest_ptr out = room(8);
    assert_ok(write_text(fd, "0123456789"));
    assert_errno(INVAL, mw_wasi_fd_seek(GUEST, fd, (uint64_t)-1, 0, out));
    assert_errno(INVAL, mw_wasi_fd_seek(GUEST, fd, 0, 3, out)); /* SEEK_DATA on the host */
    assert_errno(INVAL, mw_wasi_fd_seek(GUEST, fd, 0, UINT32_MAX, out));
    assert_int_equal(seek_to(fd, (int64_t)9 << 32, 0), (int64_t)9 << 32);
    assert_ok(mw_wasi_fd_tell(GUEST, fd, out));
    assert_int_equal(load64(out), (int64_t)9 << 32);
    /* wasi_unstable counts CUR, END, SET. */
    assert_ok(mw_wasi_unstable_fd_seek(GUEST, fd, 3, 2, out));
    assert_int_equal(load64(out), 3);
    assert_ok(mw_wasi_unstable_fd_seek(GUEST, fd, 1, 0, out));
    assert_int_equal(load64(out), 4);
    assert_ok(mw_wasi_unstable_fd_seek(GUEST, fd, 0, 1, out));
    assert_int_equal(load64(out), 10);
    assert_errno(ISDIR, mw_wasi_fd_seek(GUEST, RW, 0, 0, out));
}

/* ---- Attributes ------------------------------------------------------------------------------------------------- */

static void flags(void **state)
{
    (void)state;
    uint32_t fd = must_open(RW, "f", CREATE, file_rights());
    assert_int_equal(fdstat(fd).flags, 0);
    assert_int_equal(fdstat(fd).filetype, MW_WASI_FILETYPE_REGULAR_FILE);
    assert_int_equal(fdstat(RW).filetype, MW_WASI_FILETYPE_DIRECTORY);
    assert_ok(write_text(fd, "abc"));
    seek_to(fd, 0, 0);
    assert_ok(mw_wasi_fd_fdstat_set_flags(GUEST, fd, MW_WASI_FDFLAG_APPEND | MW_WASI_FDFLAG_NONBLOCK));
    assert_int_equal(fdstat(fd).flags, MW_WASI_FDFLAG_APPEND | MW_WASI_FDFLAG_NONBLOCK);
    assert_ok(write_text(fd, "def"));
    assert_string_equal(host_read("rw/f"), "abcdef");
    assert_ok(mw_wasi_fd_fdstat_set_flags(GUEST, fd, 0));
    assert_int_equal(fdstat(fd).flags, 0);
    assert_errno(NOTSUP, mw_wasi_fd_fdstat_set_flags(GUEST, fd, MW_WASI_FDFLAG_SYNC));
    assert_errno(INVAL, mw_wasi_fd_fdstat_set_flags(GUEST, fd, 32));
    mw_guest_ptr out = room(4);
    assert_ok(mw_wasi_path_open(GUEST, RW, 0, PATH_ARG("f"), 0, file_rights(), 0,
                                MW_WASI_FDFLAG_SYNC | MW_WASI_FDFLAG_RSYNC | MW_WASI_FDFLAG_DSYNC, out));
    assert_int_equal(fdstat(load32(out)).flags, 26);
    assert_ok(mw_wasi_fd_fdstat_set_flags(GUEST, load32(out), 26 | MW_WASI_FDFLAG_APPEND));
}

static void sizes_and_times(void **state)
{
    (void)state;
    uint32_t fd = must_open(RW, "f", CREATE, file_rights());
    assert_ok(mw_wasi_fd_filestat_set_size(GUEST, fd, 1000));
    assert_int_equal(filestat(fd).size, 1000);
    assert_errno(FBIG, mw_wasi_fd_filestat_set_size(GUEST, fd, UINT64_MAX));
    assert_ok(mw_wasi_fd_filestat_set_times(GUEST, fd, 1000000001, 2000000002000000003, 5));
    assert_int_equal(filestat(fd).atim, 1000000001);
    assert_int_equal(filestat(fd).mtim, 2000000002000000003);
    assert_ok(mw_wasi_fd_filestat_set_times(GUEST, fd, 77, 88, MW_WASI_FST_MTIM));
    assert_int_equal(filestat(fd).atim, 1000000001);
    assert_int_equal(filestat(fd).mtim, 88);
    assert_ok(mw_wasi_fd_filestat_set_times(GUEST, fd, 0, 0, MW_WASI_FST_ATIM_NOW | MW_WASI_FST_MTIM_NOW));
    assert_true(filestat(fd).mtim > 1600000000000000000);
    assert_errno(INVAL, mw_wasi_fd_filestat_set_times(GUEST, fd, 0, 0, 3));
    assert_errno(INVAL, mw_wasi_fd_filestat_set_times(GUEST, fd, 0, 0, 12));
    assert_errno(INVAL, mw_wasi_fd_filestat_set_times(GUEST, fd, 0, 0, 16));

    struct stat st;
    assert_int_equal(stat(host("rw/f"), &st), 0);
    mw_wasi_filestat s = filestat(fd);
    assert_int_equal(s.ino, st.st_ino);
    assert_int_equal(s.dev, st.st_dev);
    assert_int_equal(s.nlink, 1);
    assert_int_equal(s.ctim, mw_wasi_ns(st.st_ctim));
    mw_guest_ptr old = room(56);
    assert_ok(mw_wasi_unstable_fd_filestat_get(GUEST, fd, old));
    assert_int_equal(load32((mw_guest_ptr){old.addr + 20}), 1);    /* nlink */
    assert_int_equal(load64((mw_guest_ptr){old.addr + 24}), 1000); /* size */
}

static void storage(void **state)
{
    (void)state;
    uint32_t fd = must_open(RW, "f", CREATE, file_rights());
    mw_wasi_errno error = mw_wasi_fd_allocate(GUEST, fd, 100, 900);
    if (error != MW_WASI_ENOTSUP) { /* the file system's choice */
        assert_ok(error);
        assert_int_equal(filestat(fd).size, 1000);
        assert_errno(INVAL, mw_wasi_fd_allocate(GUEST, fd, 0, 0));
    }
    assert_errno(INVAL, mw_wasi_fd_allocate(GUEST, fd, UINT64_MAX, 1));
    for (uint32_t advice = 0; advice < 6; advice++)
        assert_ok(mw_wasi_fd_advise(GUEST, fd, 0, 100, advice));
    assert_errno(INVAL, mw_wasi_fd_advise(GUEST, fd, 0, 100, 6));
    assert_errno(BADF, mw_wasi_fd_advise(GUEST, RW, 0, 100, 0));
    assert_ok(mw_wasi_fd_sync(GUEST, fd));
    assert_ok(mw_wasi_fd_datasync(GUEST, fd));
    assert_ok(mw_wasi_fd_sync(GUEST, RW));
}

static void prestats(void **state)
{
    (void)state;
    mw_guest_ptr p = room(8), name = room(8);
    assert_ok(mw_wasi_fd_prestat_get(GUEST, RW, p));
    assert_int_equal(load32(p), 0);
    assert_int_equal(load32((mw_guest_ptr){p.addr + 4}), 3);
    assert_ok(mw_wasi_fd_prestat_dir_name(GUEST, RO, name, 3));
    assert_memory_equal(at(name, 4), "/ro\0", 4);
    assert_errno(NAMETOOLONG, mw_wasi_fd_prestat_dir_name(GUEST, RO, name, 2));
    assert_errno(BADF, mw_wasi_fd_prestat_get(GUEST, 5, p));
    assert_errno(BADF, mw_wasi_fd_prestat_get(GUEST, 1, p));
    assert_errno(BADF, mw_wasi_fd_prestat_get(GUEST, UINT32_MAX, p));
    uint32_t fd = must_open(RW, ".", MW_WASI_OFLAG_DIRECTORY, dir_rights());
    assert_errno(BADF, mw_wasi_fd_prestat_get(GUEST, fd, p));
    assert_errno(BADF, mw_wasi_fd_prestat_dir_name(GUEST, fd, name, 8));
}

/* ---- Numbers ---------------------------------------------------------------------------------------------------- */

static void renumber(void **state)
{
    (void)state;
    uint32_t a = must_open(RW, "a", CREATE, WRITE_RIGHTS), b = must_open(RW, "b", CREATE, file_rights());
    assert_ok(mw_wasi_fd_renumber(GUEST, a, b));
    assert_errno(BADF, write_text(a, "x"));
    assert_ok(write_text(b, "x"));
    assert_string_equal(host_read("rw/a"), "x");
    assert_int_equal(fdstat(b).rights_base, WRITE_RIGHTS);
    assert_errno(BADF, mw_wasi_fd_renumber(GUEST, b, a));
    assert_errno(BADF, mw_wasi_fd_renumber(GUEST, UINT32_MAX, b));
    assert_ok(mw_wasi_fd_renumber(GUEST, b, b));
    assert_ok(write_text(b, "y"));
    /* Over a standard stream: the process's own stays open. */
    assert_ok(mw_wasi_fd_renumber(GUEST, b, 2));
    assert_ok(write_text(2, "z"));
    assert_string_equal(host_read("rw/a"), "xyz");
    assert_true(fcntl(2, F_GETFD) >= 0);
    assert_int_equal(must_open(RW, "c", CREATE, WRITE_RIGHTS), a); /* the lowest that is free */
}

/* A guest that opens without end leaves descriptors to the host. */
static void exhaustion(void **state)
{
    (void)state;
    struct rlimit limit = {64, 0}, old;
    getrlimit(RLIMIT_NOFILE, &old);
    limit.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    mw_wasi_config config = mw_wasi_state_of(GUEST)->config;
    fixture_attach(&config);
    must_open(RW, "f", CREATE, file_rights());
    mw_wasi_errno error = MW_WASI_ESUCCESS;
    uint32_t fd, n = 0;
    while (!error && n++ < 1000)
        error = open_at(RW, "f", 0, 0, READ_RIGHTS, &fd);
    int spare = open("/dev/null", O_RDONLY);
    setrlimit(RLIMIT_NOFILE, &old);
    close(spare);
    assert_errno(MFILE, error);
    assert_in_range(n, 8, 64);
    assert_true(spare >= 0);
    assert_ok(mw_wasi_fd_close(GUEST, 10));
    assert_int_equal(must_open(RW, "f", 0, READ_RIGHTS), 10);
}

/* ---- Entries ---------------------------------------------------------------------------------------------------- */

/* Reads a directory in buffers of `size` bytes as wasi-libc does; the number of entries. */
static unsigned list(uint32_t fd, uint32_t size, unsigned *seen, unsigned nseen)
{
    uint64_t cookie = 0;
    unsigned n = 0;
    memset(seen, 0, nseen * sizeof *seen);
    for (;;) {
        mw_guest_ptr buf = room(size), used = room(4);
        assert_ok(mw_wasi_fd_readdir(GUEST, fd, buf, size, cookie, used));
        uint32_t left = load32(used), offset = buf.addr;
        bool full = left == size;
        unsigned before = n;
        while (left >= sizeof(mw_wasi_dirent)) {
            mw_wasi_dirent entry;
            memcpy(&entry, at((mw_guest_ptr){offset}, sizeof entry), sizeof entry);
            if (left < sizeof entry + entry.namlen)
                break;
            char name[256];
            memcpy(name, at((mw_guest_ptr){offset + (uint32_t)sizeof entry}, entry.namlen), entry.namlen);
            name[entry.namlen] = 0;
            unsigned number;
            if (sscanf(name, "file-%u", &number) == 1) {
                assert_in_range(number, 0, nseen - 1);
                seen[number]++;
                assert_int_equal(entry.type, MW_WASI_FILETYPE_REGULAR_FILE);
            } else {
                assert_true(strcmp(name, ".") == 0 || strcmp(name, "..") == 0);
                assert_int_equal(entry.type, MW_WASI_FILETYPE_DIRECTORY);
            }
            n++;
            cookie = entry.next;
            offset += (uint32_t)sizeof entry + entry.namlen;
            left -= (uint32_t)sizeof entry + entry.namlen;
        }
        if (!full)
            return n;
        assert_true(n > before); /* the buffers hold an entry at least */
    }
}

static void entries(void **state)
{
    (void)state;
    enum { N = 500 };
    unsigned seen[N];
    for (unsigned i = 0; i < N; i++) {
        char name[32];
        snprintf(name, sizeof name, "rw/file-%u", i);
        host_write(name, "");
    }
    for (const uint32_t *size = (const uint32_t[]){64, 100, 4096, 50000, 0}; *size; size++) {
        assert_int_equal(list(RW, *size, seen, N), N + 2);
        for (unsigned i = 0; i < N; i++)
            assert_int_equal(seen[i], 1);
    }
}

/* Cookies are small (wasi-libc's telldir has 31 bits for them) and stay good while the directory changes. */
static void entries_by_cookie(void **state)
{
    (void)state;
    enum { N = 300 };
    for (unsigned i = 0; i < N; i++) {
        char name[32];
        snprintf(name, sizeof name, "rw/file-%u", i);
        host_write(name, "");
    }
    uint32_t size = N * 40;
    mw_guest_ptr buf = room(size), used = room(4), again = room(64);
    assert_ok(mw_wasi_fd_readdir(GUEST, RW, buf, size, 0, used));
    uint32_t offset = buf.addr;
    for (uint64_t i = 0; i < N + 2; i++) {
        mw_wasi_dirent entry, same;
        memcpy(&entry, at((mw_guest_ptr){offset}, sizeof entry), sizeof entry);
        assert_int_equal(entry.next, i + 1);
        assert_ok(mw_wasi_fd_readdir(GUEST, RW, again, 64, i, used));
        memcpy(&same, at(again, sizeof same), sizeof same);
        assert_memory_equal(&entry, &same, sizeof entry);
        offset += (uint32_t)sizeof entry + entry.namlen;
    }
    /* On a descriptor that has not read so far. */
    uint32_t fd = must_open(RW, ".", MW_WASI_OFLAG_DIRECTORY, dir_rights());
    assert_ok(mw_wasi_fd_readdir(GUEST, fd, again, 64, 200, used));
    mw_wasi_dirent entry;
    memcpy(&entry, at(again, sizeof entry), sizeof entry);
    assert_int_equal(entry.next, 201);
    assert_ok(mw_wasi_fd_renumber(GUEST, fd, RW));
    assert_ok(mw_wasi_fd_readdir(GUEST, RW, again, 64, 100, used));
    assert_ok(mw_wasi_fd_close(GUEST, RW));
}

static void entries_bad(void **state)
{
    (void)state;
    mw_guest_ptr buf = room(100), used = room(4);
    assert_ok(mw_wasi_fd_readdir(GUEST, RW, buf, 0, 0, used));
    assert_int_equal(load32(used), 0);
    assert_ok(mw_wasi_fd_readdir(GUEST, RW, buf, 10, 0, used));
    assert_int_equal(load32(used), 10);
    /* Cookies that no entry had are past the end. */
    for (const uint64_t *cookie = (const uint64_t[]){3, 1000, 0x123456789abcdef, UINT64_MAX, 0}; *cookie; cookie++) {
        assert_ok(mw_wasi_fd_readdir(GUEST, RW, buf, 100, *cookie, used));
        assert_int_equal(load32(used), 0);
    }
    uint32_t fd = must_open(RW, "f", CREATE, file_rights());
    assert_errno(NOTDIR, mw_wasi_fd_readdir(GUEST, fd, buf, 100, 0, used));
}

/* The root is its own parent. */
static void entry_of_parent(void **state)
{
    (void)state;
    mw_guest_ptr buf = room(4096), used = room(4);
    struct stat root;
    assert_int_equal(stat(host("rw"), &root), 0);
    assert_ok(mw_wasi_fd_readdir(GUEST, RW, buf, 4096, 0, used));
    for (uint32_t offset = 0; offset < load32(used);) {
        mw_wasi_dirent entry;
        memcpy(&entry, at((mw_guest_ptr){buf.addr + offset}, sizeof entry), sizeof entry);
        assert_int_equal(entry.ino, root.st_ino);
        offset += (uint32_t)sizeof entry + entry.namlen;
    }
}

/* ---- Rights ----------------------------------------------------------------------------------------------------- */

static void rights(void **state)
{
    (void)state;
    uint32_t fd = must_open(RW, "f", CREATE, READ_RIGHTS | WRITE_RIGHTS);
    assert_int_equal(fdstat(fd).rights_base, READ_RIGHTS | WRITE_RIGHTS);
    assert_errno(NOTCAPABLE, mw_wasi_fd_filestat_set_size(GUEST, fd, 1));
    assert_errno(NOTCAPABLE, mw_wasi_fd_sync(GUEST, fd));
    assert_errno(NOTCAPABLE, mw_wasi_fd_datasync(GUEST, fd));
    assert_errno(NOTCAPABLE, mw_wasi_fd_allocate(GUEST, fd, 0, 1));
    assert_errno(NOTCAPABLE, mw_wasi_fd_advise(GUEST, fd, 0, 1, 0));
    assert_errno(NOTCAPABLE, mw_wasi_fd_filestat_set_times(GUEST, fd, 0, 0, 10));
    assert_errno(NOTCAPABLE, mw_wasi_fd_fdstat_set_flags(GUEST, fd, 0));
    assert_errno(NOTCAPABLE, mw_wasi_fd_fdstat_set_rights(GUEST, fd, file_rights(), 0));
    assert_ok(mw_wasi_fd_fdstat_set_rights(GUEST, fd, MW_WASI_RIGHT_FD_WRITE, 0));
    char text[4];
    assert_errno(BADF, read_text(fd, text, sizeof text));
    assert_errno(NOTCAPABLE, mw_wasi_fd_seek(GUEST, fd, 0, 0, room(8)));
    assert_errno(NOTCAPABLE, mw_wasi_fd_filestat_get(GUEST, fd, room(64)));
    assert_ok(write_text(fd, "x"));
    assert_errno(NOTCAPABLE, mw_wasi_fd_fdstat_set_rights(GUEST, fd, READ_RIGHTS, 0));

    /* TELL without SEEK. */
    fd = must_open(RW, "f", 0, MW_WASI_RIGHT_FD_TELL);
    assert_ok(mw_wasi_fd_seek(GUEST, fd, 0, 1, room(8)));
    assert_errno(NOTCAPABLE, mw_wasi_fd_seek(GUEST, fd, 1, 1, room(8)));

    /* What a directory does not hand down cannot be had beneath it. */
    assert_ok(mw_wasi_fd_fdstat_set_rights(GUEST, RW, MW_WASI_RIGHT_PATH_OPEN, READ_RIGHTS));
    uint32_t other;
    assert_errno(NOTCAPABLE, open_at(RW, "f", 0, 0, WRITE_RIGHTS, &other));
    assert_errno(NOTCAPABLE, open_at(RW, "g", 0, CREATE, READ_RIGHTS, &other));
    assert_errno(NOTCAPABLE, open_at(RW, "f", 0, MW_WASI_OFLAG_TRUNC, READ_RIGHTS, &other));
    assert_ok(open_at(RW, "f", 0, 0, READ_RIGHTS, &other));
    mw_wasi_filestat stat;
    assert_errno(NOTCAPABLE, stat_at(RW, "f", 0, &stat));
    assert_errno(NOTCAPABLE, mw_wasi_path_create_directory(GUEST, RW, PATH_ARG("d")));
    assert_errno(NOTCAPABLE, mw_wasi_path_unlink_file(GUEST, RW, PATH_ARG("f")));
    assert_errno(NOTCAPABLE, mw_wasi_fd_readdir(GUEST, RW, room(64), 64, 0, room(4)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_up, fixture_down)
        TEST(write_and_read), TEST(many_iovecs), TEST(bad_iovecs), TEST(positioned), TEST(seeking),
        TEST(flags), TEST(sizes_and_times), TEST(storage), TEST(prestats), TEST(renumber),
        TEST(exhaustion), TEST(entries), TEST(entries_by_cookie), TEST(entries_bad), TEST(entry_of_parent),
        TEST(rights),
    };
    return cmocka_run_group_tests_name("wasi-fd", tests, NULL, NULL);
}
