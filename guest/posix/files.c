/* Files: temporary names, absolute paths, and what WASI has no means for (modes, owners, locks, duplicates). */
#include "unsupported.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <unistd.h>

/* ---- temporary files -------------------------------------------------------------------------------------- */

enum { TEMPORARY_TRIES = 100 };

/* Finds the six Xs before the last `suffix` characters; NULL with EINVAL if there are none. */
static char *template_end(char *template, int suffix)
{
    size_t length = strlen(template);
    if (suffix >= 0 && length >= 6 + (size_t)suffix && !memcmp(template + length - suffix - 6, "XXXXXX", 6))
        return template + length - suffix - 6;
    errno = EINVAL;
    return NULL;
}

static void fill_template(char *end)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    unsigned char random[6];
    if (getentropy(random, sizeof random))
        abort();
    for (int i = 0; i < 6; i++)
        end[i] = letters[random[i] & 63];
}

int mkostemps(char *template, int suffix, int flags)
{
    char *end = template_end(template, suffix);
    if (!end)
        return -1;
    for (int try = 0; try < TEMPORARY_TRIES; try++) {
        fill_template(end);
        int fd = open(template, O_RDWR | O_CREAT | O_EXCL | (flags & ~O_ACCMODE), 0600);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

int mkostemp(char *template, int flags)
{
    return mkostemps(template, 0, flags);
}

int mkstemps(char *template, int suffix)
{
    return mkostemps(template, suffix, 0);
}

int mkstemp(char *template)
{
    return mkostemps(template, 0, 0);
}

char *mkdtemp(char *template)
{
    char *end = template_end(template, 0);
    if (!end)
        return NULL;
    for (int try = 0; try < TEMPORARY_TRIES; try++) {
        fill_template(end);
        if (mkdir(template, 0700) == 0)
            return template;
        if (errno != EEXIST)
            return NULL;
    }
    return NULL;
}

char *mktemp(char *template)
{
    char *end = template_end(template, 0);
    struct stat status;
    for (int try = 0; end && try < TEMPORARY_TRIES; try++) {
        fill_template(end);
        if (stat(template, &status))
            return template;
    }
    template[0] = 0;
    return template;
}

/* In the directory of TMPDIR, in /tmp, or in the current one: whichever was granted. */
FILE *tmpfile(void)
{
    const char *places[] = {getenv("TMPDIR"), P_tmpdir, "."};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[PATH_MAX];
        if (!places[i] || snprintf(path, sizeof path, "%s/tmpXXXXXX", places[i]) >= (int)sizeof path)
            continue;
        int fd = mkstemp(path);
        if (fd < 0)
            continue;
        unlink(path);
        FILE *file = fdopen(fd, "w+");
        if (!file)
            close(fd);
        return file;
    }
    return NULL;
}

char *tmpnam(char *name)
{
    static char own[L_tmpnam];
    char *to = name ? name : own;
    strcpy(to, P_tmpdir "/tmpXXXXXX");
    mktemp(to);
    return to[0] ? to : NULL;
}

char *tempnam(const char *directory, const char *prefix)
{
    char *name = malloc(PATH_MAX);
    if (!name)
        return NULL;
    snprintf(name, PATH_MAX, "%s/%.5sXXXXXX", directory ? directory : P_tmpdir, prefix ? prefix : "tmp");
    mktemp(name);
    if (name[0])
        return name;
    free(name);
    return NULL;
}

/* ---- absolute paths --------------------------------------------------------------------------------------- */

/* Resolves component by component: `done` is the canonical part, `rest` what is still to do. Fails as POSIX says:
 * a missing component ENOENT, too many links ELOOP. */
char *realpath(const char *restrict path, char *restrict resolved)
{
    char done[PATH_MAX], rest[PATH_MAX], link[PATH_MAX];
    int links = 0;
    if (!path || !*path) {
        errno = path ? ENOENT : EINVAL;
        return NULL;
    }
    if (strlen(path) >= sizeof rest)
        goto too_long;
    strcpy(rest, path);
    if (*path == '/')
        done[0] = 0;
    else if (!getcwd(done, sizeof done))
        return NULL;
    if (!strcmp(done, "/"))
        done[0] = 0;

    while (*rest) {
        size_t slashes = strspn(rest, "/"), length = strcspn(rest + slashes, "/");
        char part[NAME_MAX + 1];
        if (length > NAME_MAX)
            goto too_long;
        memcpy(part, rest + slashes, length);
        part[length] = 0;
        memmove(rest, rest + slashes + length, strlen(rest + slashes + length) + 1);
        if (!length || !strcmp(part, "."))
            continue;
        if (!strcmp(part, "..")) {
            char *slash = strrchr(done, '/');
            if (slash)
                *slash = 0;
            continue;
        }
        size_t parent = strlen(done);
        if (parent + 1 + length >= sizeof done)
            goto too_long;
        done[parent] = '/';
        strcpy(done + parent + 1, part);

        /* A granted directory need not be visible in a directory above it, so only a link must be read. */
        ssize_t size = readlink(done, link, sizeof link - 1);
        if (size < 0)
            continue;
        if (++links > SYMLOOP_MAX) {
            errno = ELOOP;
            return NULL;
        }
        link[size] = 0;
        if (size + 1 + strlen(rest) >= sizeof rest)
            goto too_long;
        memmove(rest + size + 1, rest, strlen(rest) + 1);
        memcpy(rest, link, size);
        rest[size] = '/';
        done[*link == '/' ? 0 : parent] = 0;
    }
    if (!*done)
        strcpy(done, "/");
    struct stat status;
    if (strcmp(done, "/") && stat(done, &status))
        return NULL;
    return resolved ? strcpy(resolved, done) : strdup(done);

too_long:
    errno = ENAMETOOLONG;
    return NULL;
}

/* <string.h>'s basename. */
char *__gnu_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return (char *)(slash ? slash + 1 : path);
}

/* ---- without means in WASI -------------------------------------------------------------------------------- */

int chmod(const char *path, mode_t mode)
{
    (void)path, (void)mode;
    return mw_unsupported();
}

int lchmod(const char *path, mode_t mode)
{
    return chmod(path, mode);
}

int fchmod(int fd, mode_t mode)
{
    (void)fd, (void)mode;
    return mw_unsupported();
}

int fchmodat(int directory, const char *path, mode_t mode, int flags)
{
    (void)directory, (void)flags;
    return chmod(path, mode);
}

/* Modes of new files are the host's to choose; the mask is only remembered. */
mode_t umask(mode_t mask)
{
    static mode_t current = 022;
    mode_t before = current;
    current = mask & 0777;
    return before;
}

int chown(const char *path, uid_t owner, gid_t group)
{
    (void)path, (void)owner, (void)group;
    return mw_unsupported();
}

int lchown(const char *path, uid_t owner, gid_t group)
{
    return chown(path, owner, group);
}

int fchown(int fd, uid_t owner, gid_t group)
{
    (void)fd, (void)owner, (void)group;
    return mw_unsupported();
}

int fchownat(int directory, const char *path, uid_t owner, gid_t group, int flags)
{
    (void)directory, (void)flags;
    return chown(path, owner, group);
}

int mknod(const char *path, mode_t mode, dev_t device)
{
    (void)path, (void)mode, (void)device;
    return mw_unsupported();
}

int mknodat(int directory, const char *path, mode_t mode, dev_t device)
{
    (void)directory;
    return mknod(path, mode, device);
}

int mkfifo(const char *path, mode_t mode)
{
    return mknod(path, mode, 0);
}

int mkfifoat(int directory, const char *path, mode_t mode)
{
    return mknodat(directory, path, mode, 0);
}

int pipe(int fds[2])
{
    (void)fds;
    return mw_unsupported();
}

int pipe2(int fds[2], int flags)
{
    (void)flags;
    return pipe(fds);
}

/* fd_renumber moves a descriptor, it does not duplicate: the old number would be gone. */
int dup(int fd)
{
    (void)fd;
    return mw_unsupported();
}

int dup2(int fd, int to)
{
    if (fd == to && fcntl(fd, F_GETFL) >= 0)
        return to;
    return mw_unsupported();
}

int dup3(int fd, int to, int flags)
{
    (void)fd, (void)to, (void)flags;
    return mw_unsupported();
}

int fchdir(int fd)
{
    (void)fd;
    return mw_unsupported();
}

int chroot(const char *path)
{
    (void)path;
    errno = EPERM;
    return -1;
}

int flock(int fd, int operation)
{
    (void)fd, (void)operation;
    return mw_unsupported();
}

int lockf(int fd, int command, off_t length)
{
    (void)fd, (void)command, (void)length;
    return mw_unsupported();
}

/* WASI can flush one descriptor (fsync), not all. */
void sync(void)
{
}

int statvfs(const char *restrict path, struct statvfs *restrict result)
{
    (void)path, (void)result;
    return mw_unsupported();
}

int fstatvfs(int fd, struct statvfs *result)
{
    (void)fd, (void)result;
    return mw_unsupported();
}

int statfs(const char *path, struct statfs *result)
{
    (void)path, (void)result;
    return mw_unsupported();
}

int fstatfs(int fd, struct statfs *result)
{
    (void)fd, (void)result;
    return mw_unsupported();
}

int futimes(int fd, const struct timeval times[2])
{
    if (!times)
        return futimens(fd, NULL);
    struct timespec precise[2];
    for (int i = 0; i < 2; i++)
        precise[i] = (struct timespec){.tv_sec = times[i].tv_sec, .tv_nsec = times[i].tv_usec * 1000};
    return futimens(fd, precise);
}

int lutimes(const char *path, const struct timeval times[2])
{
    if (!times)
        return utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
    struct timespec precise[2];
    for (int i = 0; i < 2; i++)
        precise[i] = (struct timespec){.tv_sec = times[i].tv_sec, .tv_nsec = times[i].tv_usec * 1000};
    return utimensat(AT_FDCWD, path, precise, AT_SYMLINK_NOFOLLOW);
}
