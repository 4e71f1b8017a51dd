/* Two ways of resolving a path beneath a directory.
 *
 * openat2(2) with RESOLVE_BENEATH lets the kernel do it, atomically with respect to renames (Linux 5.6).
 *
 * The walk opens one component after the other with O_NOFOLLOW, reads symbolic links itself and keeps the
 * directories that it came through, so that ".." is a step back in that list and never a lookup: a directory
 * that is moved out of the tree during the walk cannot be climbed out of. It also serves when openat2 gives
 * up because of concurrent renames (EAGAIN).
 *
 * Not taken: checking the text of the path or realpath() before an ordinary open (both race with renames), and
 * chroot or mount namespaces (need privileges, and would also bind the host's MPI). */
#include "wasi/path.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_SYMLINKS 40 /* as the kernel */
#define MAX_RETRIES 64

static atomic_bool no_openat2;

void mw_wasi_use_openat2(bool use)
{
    atomic_store(&no_openat2, !use);
}

/* ---- The walk --------------------------------------------------------------------------------------------------- */

typedef struct walk {
    int *dirs; /* directories from the start, dirs[0], to the present one; all but dirs[0] are ours */
    size_t depth, capacity;
    char *rest; /* what is left of the path; in one of the two halves of `text` */
    char *text;
    unsigned symlinks;
} walk;

#define TEXT_HALF ((size_t)2 * PATH_MAX)

static mw_wasi_errno walk_push(walk *w, int fd)
{
    if (w->depth == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 16;
        int *dirs = realloc(w->dirs, capacity * sizeof *dirs);
        if (!dirs)
            return MW_WASI_ENOMEM;
        w->dirs = dirs;
        w->capacity = capacity;
    }
    w->dirs[w->depth++] = fd;
    return MW_WASI_ESUCCESS;
}

/* Puts the target of the link `name` in the present directory in front of the rest. */
static mw_wasi_errno walk_link(walk *w, const char *name)
{
    if (++w->symlinks > MAX_SYMLINKS)
        return MW_WASI_ELOOP;
    size_t rest = strlen(w->rest);
    char *other = w->rest < w->text + TEXT_HALF ? w->text + TEXT_HALF : w->text;
    ssize_t length = readlinkat(w->dirs[w->depth - 1], name, other, PATH_MAX);
    if (length < 0) /* EINVAL: not a link any more */
        return errno == EINVAL ? MW_WASI_EAGAIN : mw_wasi_errno_of(errno);
    if (length == 0)
        return MW_WASI_ENOENT;
    if (other[0] == '/')
        return MW_WASI_ENOTCAPABLE;
    if ((size_t)length == PATH_MAX || (size_t)length + rest + 1 > TEXT_HALF - 1)
        return MW_WASI_ENAMETOOLONG;
    /* The slash that was taken off with the component belongs to the rest only if something followed. */
    memmove(other + length, w->rest, rest + 1);
    w->rest = other;
    return MW_WASI_ESUCCESS;
}

static bool is_link(int dir, const char *name)
{
    char c;
    return readlinkat(dir, name, &c, 1) >= 0;
}

/* One component that is not the last, or the last with slashes behind it: becomes the present directory. */
static mw_wasi_errno walk_enter(walk *w, const char *name)
{
    if (strcmp(name, ".") == 0)
        return MW_WASI_ESUCCESS;
    if (strcmp(name, "..") == 0) {
        if (w->depth == 1)
            return MW_WASI_ENOTCAPABLE;
        close(w->dirs[--w->depth]);
        return MW_WASI_ESUCCESS;
    }
    int present = w->dirs[w->depth - 1];
    int fd = openat(present, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        if ((error == ENOTDIR || error == ELOOP) && is_link(present, name))
            return walk_link(w, name);
        return mw_wasi_errno_of(error);
    }
    mw_wasi_errno error = walk_push(w, fd);
    if (error)
        close(fd);
    return error;
}

/* The last component. *again: it was a link, whose target now is the rest. */
static mw_wasi_errno walk_last(walk *w, const char *name, int flags, mode_t mode, int *out, bool *again)
{
    *again = false;
    int present = w->dirs[w->depth - 1];
    if (strcmp(name, "..") == 0) {
        if (w->depth == 1)
            return MW_WASI_ENOTCAPABLE;
        present = w->dirs[w->depth - 2];
        name = ".";
    }
    if (!(flags & O_NOFOLLOW) && !((flags & O_CREAT) && (flags & O_EXCL)) && is_link(present, name)) {
        *again = true;
        return walk_link(w, name);
    }
    /* If it is replaced by a link now, O_NOFOLLOW makes this fail, or opens the link itself with O_PATH. */
    *out = openat(present, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, mode);
    return *out < 0 ? mw_wasi_errno_of(errno) : MW_WASI_ESUCCESS;
}

static mw_wasi_errno walk_components(walk *w, int flags, mode_t mode, int *out)
{
    for (;;) {
        char name[NAME_MAX + 1];
        size_t length = strcspn(w->rest, "/");
        if (length > NAME_MAX)
            return MW_WASI_ENAMETOOLONG;
        memcpy(name, w->rest, length);
        name[length] = 0;
        char *behind = w->rest + length;
        bool slash = *behind == '/';
        bool last = behind[strspn(behind, "/")] == 0;
        w->rest = behind; /* a link's target goes in front of the slashes */
        mw_wasi_errno error;
        if (!last || slash) {
            if (last && (flags & O_CREAT)) /* as open(2): a name for a file has no slash behind it */
                return MW_WASI_EISDIR;
            error = length ? walk_enter(w, name) : MW_WASI_ESUCCESS;
            if (error)
                return error;
            if (w->rest != behind)
                continue; /* a link */
            w->rest += strspn(w->rest, "/");
            if (!last)
                continue;
            strcpy(name, ".");
            flags |= O_DIRECTORY;
        }
        bool again;
        error = walk_last(w, name, flags, mode, out, &again);
        if (error || !again)
            return error;
    }
}

static mw_wasi_errno open_by_walk(int dir, const char *path, int flags, mode_t mode, int *out)
{
    if (path[0] == '/')
        return MW_WASI_ENOTCAPABLE;
    if (path[0] == 0)
        return MW_WASI_ENOENT;
    walk w = {.text = malloc(2 * TEXT_HALF)};
    mw_wasi_errno error = w.text ? walk_push(&w, dir) : MW_WASI_ENOMEM;
    if (!error) {
        w.rest = strcpy(w.text, path);
        error = walk_components(&w, flags, mode, out);
    }
    while (w.depth > 1)
        close(w.dirs[--w.depth]);
    free(w.dirs);
    free(w.text);
    return error;
}

/* ---- openat2 ---------------------------------------------------------------------------------------------------- */

mw_wasi_errno mw_wasi_open_beneath(int dir, const char *path, int flags, mode_t mode, int *out)
{
    if (flags & O_PATH) /* openat2 refuses what O_PATH would ignore */
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY)),
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    for (int i = 0; i < MAX_RETRIES && !atomic_load_explicit(&no_openat2, memory_order_relaxed); i++) {
        *out = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
        if (*out >= 0)
            return MW_WASI_ESUCCESS;
        switch (errno) {
        case EAGAIN: /* a rename anywhere on the way of a "..": try again */
        case EINTR:
            continue;
        case EXDEV: /* the kernel's word for leaving the directory */
            return MW_WASI_ENOTCAPABLE;
        case ENOSYS: /* before Linux 5.6, or hidden by a filter */
            atomic_store(&no_openat2, true);
            break;
        case EPERM: /* a filter of older container runtimes; or a real refusal, which the walk meets, too */
            return open_by_walk(dir, path, flags, mode, out);
        default:
            return mw_wasi_errno_of(errno);
        }
    }
    mw_wasi_errno error = MW_WASI_EAGAIN;
    for (int i = 0; i < MAX_RETRIES && error == MW_WASI_EAGAIN; i++)
        error = open_by_walk(dir, path, flags, mode, out);
    return error;
}

/* ---- The last component apart ----------------------------------------------------------------------------------- */

mw_wasi_errno mw_wasi_open_parent(int dir, mw_wasi_path *path, mw_wasi_errno dotdot, mw_wasi_parent *out)
{
    char *text = path->text;
    size_t length = strlen(text);
    if (length == 0)
        return MW_WASI_ENOENT;
    if (text[0] == '/')
        return MW_WASI_ENOTCAPABLE;
    while (text[length - 1] == '/')
        length--;
    char *base = memrchr(text, '/', length);
    base = base ? base + 1 : text;
    size_t base_length = length - (size_t)(base - text);

    if (base_length == 2 && memcmp(base, "..", 2) == 0) {
        int fd;
        mw_wasi_errno error = mw_wasi_open_beneath(dir, text, O_PATH | O_DIRECTORY, 0, &fd);
        if (error)
            return error;
        close(fd);
        return dotdot;
    }

    out->slash = text[length] == '/';
    text[length + out->slash] = 0;
    out->base = base;
    out->fd = dir;
    out->owned = base != text;
    if (!out->owned)
        return MW_WASI_ESUCCESS;
    base[-1] = 0;
    return mw_wasi_open_beneath(dir, text, O_PATH | O_DIRECTORY, 0, &out->fd);
}

void mw_wasi_parent_close(const mw_wasi_parent *parent)
{
    if (parent->owned)
        close(parent->fd);
}
