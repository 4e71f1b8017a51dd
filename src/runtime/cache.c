#include "runtime/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Files in the directory: <key>.so objects, <key>.lock locks, <key>.found what is known of other files, <key>.tmp-* those in
 * the making. Whoever holds the lock of a key may write its temporary file and rename it; readers need no lock, since a file
 * is only ever replaced as a whole. */
struct mw_cache {
    char *dir;
};

#define OBJECT_SUFFIX ".so"
#define LOCK_SUFFIX ".lock"
#define FOUND_SUFFIX ".found"
#define TEMPORARY_INFIX ".tmp-"
#define SUFFIX_SIZE 64

static char *join(const char *a, const char *b, const char *c)
{
    char *out;
    return asprintf(&out, "%s%s%s", a, b, c) < 0 ? NULL : out;
}

static char *default_dir(void)
{
    const char *dir = getenv("MPIWASM_CACHE_DIR");
    if (dir && *dir)
        return strdup(dir);
    /* The base directory specification has relative paths ignored. */
    dir = getenv("XDG_CACHE_HOME");
    if (dir && *dir == '/')
        return join(dir, "/mpiwasm", "");
    dir = getenv("HOME");
    return dir && *dir ? join(dir, "/.cache/mpiwasm", "") : NULL;
}

/* Makes `dir` and those above it, as mkdir -p does; all of mode 0700, as the base directory specification has it. */
static int make_dirs(char *dir)
{
    for (char *p = dir + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        int failed = mkdir(dir, 0700) && errno != EEXIST;
        *p = '/';
        if (failed && errno != EROFS && errno != EACCES && errno != EPERM) /* it may exist beyond */
            return -1;
    }
    return mkdir(dir, 0700) && errno != EEXIST ? -1 : 0;
}

/* The objects are code that runs with this user's rights. */
static mw_error check_dir(const char *dir, mw_report *report)
{
    struct stat st;
    if (stat(dir, &st))
        return mw_fail(report, MW_ERR_CACHE, "cannot use the cache directory %s: %s", dir, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return mw_fail(report, MW_ERR_CACHE, "the cache directory %s is not a directory", dir);
    if (st.st_uid != geteuid())
        return mw_fail(report, MW_ERR_CACHE, "the cache directory %s belongs to another user", dir);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return mw_fail(report, MW_ERR_CACHE, "the cache directory %s can be written by others (mode %03o; \"chmod go-w\" "
                       "it)", dir, st.st_mode & 0777u);
    if (access(dir, R_OK | W_OK | X_OK))
        return mw_fail(report, MW_ERR_CACHE, "the cache directory %s cannot be written: %s", dir, strerror(errno));
    return MW_OK;
}

mw_error mw_cache_open(const char *dir, mw_report *report, mw_cache **out)
{
    mw_error error = MW_OK;
    char *name = dir && *dir ? strdup(dir) : default_dir();
    if (!name)
        return mw_fail(report, MW_ERR_CACHE, "no cache directory: neither MPIWASM_CACHE_DIR, XDG_CACHE_HOME nor HOME "
                       "is set");
    mw_cache *cache = calloc(1, sizeof *cache);
    if (!cache) {
        error = mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
        goto fail;
    }
    if (make_dirs(name)) {
        error = mw_fail(report, MW_ERR_CACHE, "cannot make the cache directory %s: %s", name, strerror(errno));
        goto fail;
    }
    error = check_dir(name, report);
    if (error)
        goto fail;
    /* Absolute, so that it stays right if the process changes its directory. */
    cache->dir = realpath(name, NULL);
    if (!cache->dir) {
        error = mw_fail(report, MW_ERR_CACHE, "cannot use the cache directory %s: %s", name, strerror(errno));
        goto fail;
    }
    free(name);
    *out = cache;
    return MW_OK;

fail:
    free(name);
    free(cache);
    return error;
}

void mw_cache_close(mw_cache *cache)
{
    if (cache) {
        free(cache->dir);
        free(cache);
    }
}

const char *mw_cache_dir(const mw_cache *cache)
{
    return cache->dir;
}

static char *key_path(const mw_cache *cache, const mw_hash *key, const char *suffix)
{
    char hex[MW_HASH_HEX], *out;
    mw_hash_hex(key, hex);
    return asprintf(&out, "%s/%s%s", cache->dir, hex, suffix) < 0 ? NULL : out;
}

char *mw_cache_path(const mw_cache *cache, const mw_hash *key)
{
    return key_path(cache, key, OBJECT_SUFFIX);
}

static bool is_present(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISREG(st.st_mode) && st.st_size > 0;
}

/* Takes the lock of a key: *fd holds it until it is closed, also by the process's death. The file is removed
 * by whoever made the object, so the lock that was waited for may no longer be the one that others see: then the
 * next one is tried. */
static mw_error take_lock(const char *path, mw_report *report, int *fd)
{
    for (;;) {
        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (*fd < 0)
            return mw_fail(report, MW_ERR_CACHE, "cannot write to the cache: %s: %s", path, strerror(errno));
        int failed;
        while ((failed = flock(*fd, LOCK_EX)) && errno == EINTR)
            ;
        if (failed) {
            /* Some network file systems have no locks. Ranks then compile side by side; the renames keep that
             * correct. */
            if (errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS)
                return MW_OK;
            mw_error error = mw_fail(report, MW_ERR_CACHE, "cannot lock %s: %s", path, strerror(errno));
            close(*fd);
            return error;
        }
        struct stat held, seen;
        if (!fstat(*fd, &held) && !stat(path, &seen) && held.st_ino == seen.st_ino && held.st_dev == seen.st_dev)
            return MW_OK;
        close(*fd);
    }
}

/* Two nodes that share the directory may have equal process ids. */
static void temporary_suffix(char suffix[SUFFIX_SIZE])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(suffix, SUFFIX_SIZE, TEMPORARY_INFIX "%ld-%lx", (long)getpid(), (unsigned long)now.tv_nsec);
}

mw_error mw_cache_get(mw_cache *cache, const mw_hash *key, mw_cache_make_fn *make, void *arg, mw_report *report,
                      char **path, bool *made)
{
    mw_error error = MW_OK;
    int fd = -1;
    char suffix[SUFFIX_SIZE];
    temporary_suffix(suffix);
    char *object = key_path(cache, key, OBJECT_SUFFIX);
    char *lock = key_path(cache, key, LOCK_SUFFIX);
    char *temporary = key_path(cache, key, suffix);
    *made = false;
    if (!object || !lock || !temporary) {
        error = mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
        goto done;
    }
    if (is_present(object))
        goto done;
    error = take_lock(lock, report, &fd);
    if (error)
        goto done;
    if (!is_present(object)) { /* nobody made it while we waited */
        error = make(arg, temporary, report);
        /* Not synced to the disk first: after a crash of the machine the object may be empty or cut off, which the
         * loader notices; the sync would cost every user more than the new compilation costs the unlucky one. */
        if (!error && rename(temporary, object))
            error = mw_fail(report, MW_ERR_CACHE, "cannot write to the cache: %s: %s", object, strerror(errno));
        if (error)
            unlink(temporary);
        else
            *made = true;
    }
    /* While it is still held, so that whoever waits for it sees that it is gone. */
    unlink(lock);

done:
    if (fd >= 0)
        close(fd);
    free(lock);
    free(temporary);
    if (error) {
        free(object);
        object = NULL;
    }
    *path = object;
    return error;
}

void mw_cache_remove(mw_cache *cache, const mw_hash *key)
{
    char *path = mw_cache_path(cache, key);
    if (path)
        unlink(path);
    free(path);
}

/* ---- What is known of other files -------------------------------------------------------------------------------------- */

/* A file of these: what was found, and a hash over question and answer, as after a crash the file may be of zeros. */
typedef struct found {
    mw_hash value, check;
} found;

static mw_hash question(const char *what, const struct stat *file)
{
    const uint64_t identity[] = {
        (uint64_t)file->st_dev,         (uint64_t)file->st_ino,          (uint64_t)file->st_size,
        (uint64_t)file->st_mtim.tv_sec, (uint64_t)file->st_mtim.tv_nsec, (uint64_t)file->st_ctim.tv_sec,
        (uint64_t)file->st_ctim.tv_nsec,
    };
    const mw_hash_part parts[] = {{what, strlen(what)}, {identity, sizeof identity}};
    return mw_hash_parts(parts, sizeof parts / sizeof *parts);
}

static mw_hash check_of(const mw_hash *key, const mw_hash *value)
{
    const mw_hash_part parts[] = {{key, sizeof *key}, {value, sizeof *value}};
    return mw_hash_parts(parts, sizeof parts / sizeof *parts);
}

bool mw_cache_recall(const mw_cache *cache, const char *what, const struct stat *file, mw_hash *out)
{
    mw_hash key = question(what, file);
    char *path = key_path(cache, &key, FOUND_SUFFIX);
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    found f;
    bool known = fd >= 0 && read(fd, &f, sizeof f) == (ssize_t)sizeof f;

    if (known) {
        mw_hash check = check_of(&key, &f.value);
        known = !memcmp(&check, &f.check, sizeof check);
        *out = f.value;
    }
    if (fd >= 0)
        close(fd);
    free(path);
    return known;
}

/* Whether the file's times are far enough in the past. */
static bool is_settled(const struct stat *file)
{
    time_t now = time(NULL);
    return now - file->st_mtim.tv_sec >= MW_CACHE_SETTLED_S && now - file->st_ctim.tv_sec >= MW_CACHE_SETTLED_S;
}

void mw_cache_remember(const mw_cache *cache, const char *what, const struct stat *file, const mw_hash *value)
{
    if (!is_settled(file))
        return;
    mw_hash key = question(what, file);
    found f = {*value, check_of(&key, value)};
    char suffix[SUFFIX_SIZE];
    temporary_suffix(suffix);
    char *path = key_path(cache, &key, FOUND_SUFFIX), *temporary = key_path(cache, &key, suffix);
    int fd = path && temporary ? open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (fd >= 0) {
        bool whole = write(fd, &f, sizeof f) == (ssize_t)sizeof f;
        if (close(fd) || !whole || rename(temporary, path))
            unlink(temporary);
    }
    free(path);
    free(temporary);
}

/* ---- The directory as a whole -------------------------------------------------------------------------------------- */

/* What follows the key in the name of one of our files; NULL if the file is not ours. */
static const char *after_key(const char *name)
{
    size_t n = strspn(name, "0123456789abcdef");
    return n == MW_HASH_HEX - 1 ? name + n : NULL;
}

typedef void file_fn(void *arg, int dirfd, const char *name, const char *suffix, const struct stat *st);

static mw_error each_file(mw_cache *cache, file_fn *fn, void *arg, mw_report *report)
{
    DIR *dir = opendir(cache->dir);
    if (!dir)
        return mw_fail(report, MW_ERR_CACHE, "cannot read the cache directory %s: %s", cache->dir, strerror(errno));
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *suffix = after_key(entry->d_name);
        struct stat st;
        if (suffix && !fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode))
            fn(arg, dirfd(dir), entry->d_name, suffix, &st);
    }
    closedir(dir);
    return MW_OK;
}

typedef struct list_arg {
    mw_cache *cache;
    mw_cache_visit_fn *visit;
    void *arg;
} list_arg;

static void list_file(void *arg, int dirfd, const char *name, const char *suffix, const struct stat *st)
{
    (void)dirfd;
    list_arg *l = arg;
    if (strcmp(suffix, OBJECT_SUFFIX))
        return;
    char *path = join(l->cache->dir, "/", name);
    char hex[MW_HASH_HEX] = "";
    memcpy(hex, name, MW_HASH_HEX - 1);
    if (path)
        l->visit(l->arg, path, hex, (uint64_t)st->st_size, st->st_mtime);
    free(path);
}

mw_error mw_cache_list(mw_cache *cache, mw_cache_visit_fn *visit, void *arg, mw_report *report)
{
    list_arg l = {cache, visit, arg};
    return each_file(cache, list_file, &l, report);
}

typedef struct clear_arg {
    unsigned nobjects;
    uint64_t bytes;
    int error; /* errno of the first failure */
} clear_arg;

static void clear_file(void *arg, int dirfd, const char *name, const char *suffix, const struct stat *st)
{
    clear_arg *c = arg;
    bool is_object = !strcmp(suffix, OBJECT_SUFFIX);
    if (!is_object && strcmp(suffix, LOCK_SUFFIX) && strcmp(suffix, FOUND_SUFFIX) && strncmp(suffix, TEMPORARY_INFIX, strlen(TEMPORARY_INFIX)))
        return;
    if (unlinkat(dirfd, name, 0)) {
        if (errno != ENOENT && !c->error)
            c->error = errno;
        return;
    }
    c->nobjects += is_object;
    c->bytes += (uint64_t)st->st_size;
}

mw_error mw_cache_clear(mw_cache *cache, mw_report *report, unsigned *nobjects, uint64_t *bytes)
{
    clear_arg c = {0};
    mw_error error = each_file(cache, clear_file, &c, report);
    *nobjects = c.nobjects;
    *bytes = c.bytes;
    if (!error && c.error)
        error = mw_fail(report, MW_ERR_CACHE, "cannot clear the cache directory %s: %s", cache->dir,
                        strerror(c.error));
    return error;
}
