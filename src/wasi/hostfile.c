/* Files that libraries of the host open by name for the guest. */
#include "wasi/state.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Without the "/" and "./" that absolute and relative paths begin with: wasi-libc starts programs in "/", and
 * matches names of granted directories without them, too. */
static const char *strip(const char *path)
{
    for (;;) {
        if (path[0] == '/')
            path++;
        else if (path[0] == '.' && path[1] == '/')
            path += 2;
        else if (path[0] == '.' && path[1] == 0)
            path++;
        else
            return path;
    }
}

/* Whether `path` is `prefix` or beneath it; *rest is what follows, "." if nothing does. */
static bool has_prefix(const char *path, const char *prefix, const char **rest)
{
    size_t length = strlen(prefix);
    while (length && prefix[length - 1] == '/')
        length--;
    if (strncmp(path, prefix, length) != 0 || (length && path[length] != '/' && path[length] != 0))
        return false;
    path += length;
    path += strspn(path, "/");
    *rest = *path ? path : ".";
    return true;
}

/* Takes a use of the granted directory that holds `guest_path` and copies the path in it. */
static mw_wasi_errno find_directory(mw_wasi_state *state, const char *guest_path, mw_wasi_fd **out, mw_wasi_path *path)
{
    const char *stripped = strip(guest_path), *best_rest = NULL;
    uint32_t high = atomic_load_explicit(&state->fd_high, memory_order_acquire);
    size_t best_length = 0;
    *out = NULL;
    for (uint32_t fd = 0; fd < high; fd++) {
        mw_wasi_fd *f;
        const char *rest;
        if (mw_wasi_fd_use(state, fd, MW_WASI_RIGHT_PATH_OPEN, &f) != MW_WASI_ESUCCESS)
            continue;
        const char *prefix = f->preopen ? strip(f->preopen) : "";
        if (!f->preopen || !has_prefix(stripped, prefix, &rest) || (*out && strlen(prefix) <= best_length)) {
            mw_wasi_fd_drop(f);
            continue;
        }
        if (*out)
            mw_wasi_fd_drop(*out);
        *out = f;
        best_length = strlen(prefix);
        best_rest = rest;
    }
    if (!*out)
        return MW_WASI_ENOTCAPABLE;
    if (strlen(best_rest) >= sizeof path->text) {
        mw_wasi_fd_drop(*out);
        return MW_WASI_ENAMETOOLONG;
    }
    strcpy(path->text, best_rest);
    return MW_WASI_ESUCCESS;
}

static mw_wasi_errno check_rights(const mw_wasi_fd *dir, mw_wasi_rights rights, bool writes)
{
    if (rights & ~atomic_load_explicit(&dir->rights, memory_order_relaxed))
        return MW_WASI_ENOTCAPABLE;
    return writes && dir->read_only ? MW_WASI_EROFS : MW_WASI_ESUCCESS;
}

/* As in path_open: what lies in /proc is not the guest's, whatever was granted. */
static bool in_proc(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) != 0 || fs.f_type == PROC_SUPER_MAGIC;
}

uint16_t mw_wasi_open_host_file(mw_instance *instance, const char *guest_path, unsigned flags, mw_wasi_host_file *out)
{
    mw_wasi_fd *dir;
    mw_wasi_path path;
    mw_wasi_errno error = find_directory(mw_wasi_state_of(instance), guest_path, &dir, &path);
    if (error)
        return (uint16_t)error;
    bool creates = flags & MW_WASI_HOST_CREATE;
    error = check_rights(dir, creates ? MW_WASI_RIGHT_PATH_CREATE_FILE : 0, creates || (flags & MW_WASI_HOST_WRITE));
    if (!error) {
        int host_flags = creates ? O_RDWR | O_CREAT | (flags & MW_WASI_HOST_EXCLUSIVE ? O_EXCL : 0) : O_PATH;
        error = mw_wasi_open_beneath(dir->host, path.text, host_flags, 0666, &out->fd);
    }
    mw_wasi_fd_drop(dir);
    if (error)
        return (uint16_t)error;
    if (in_proc(out->fd)) {
        close(out->fd);
        return MW_WASI_ENOTCAPABLE;
    }
    snprintf(out->path, sizeof out->path, "/proc/self/fd/%d", out->fd);
    return MW_WASI_ESUCCESS;
}

uint16_t mw_wasi_open_granted(const mw_wasi_dir *dirs, int ndirs, const char *guest_path, int *out)
{
    const char *stripped = strip(guest_path), *rest, *best_rest = NULL;
    const mw_wasi_dir *best = NULL;
    size_t best_length = 0;
    for (int i = 0; i < ndirs; i++) {
        const char *prefix = strip(dirs[i].guest_path);
        if (has_prefix(stripped, prefix, &rest) && (!best || strlen(prefix) > best_length)) {
            best = &dirs[i];
            best_length = strlen(prefix);
            best_rest = rest;
        }
    }
    if (!best)
        return MW_WASI_ENOTCAPABLE;
    int dir = open(best->host_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return (uint16_t)mw_wasi_errno_of(errno);
    mw_wasi_errno error = mw_wasi_open_beneath(dir, best_rest, O_RDONLY | O_NONBLOCK, 0, out);
    close(dir);
    if (!error && in_proc(*out)) {
        close(*out);
        error = MW_WASI_ENOTCAPABLE;
    }
    return (uint16_t)error;
}

void mw_wasi_close_host_file(mw_wasi_host_file *file)
{
    close(file->fd);
    file->fd = -1;
}

uint16_t mw_wasi_unlink_host_file(mw_instance *instance, const char *guest_path)
{
    mw_wasi_fd *dir;
    mw_wasi_path path;
    mw_wasi_errno error = find_directory(mw_wasi_state_of(instance), guest_path, &dir, &path);
    if (error)
        return (uint16_t)error;
    mw_wasi_parent parent;
    error = check_rights(dir, MW_WASI_RIGHT_PATH_UNLINK_FILE, true);
    if (!error)
        error = mw_wasi_open_parent(dir->host, &path, MW_WASI_EISDIR, &parent);
    if (!error) {
        error = unlinkat(parent.fd, parent.base, 0) == 0 ? MW_WASI_ESUCCESS : mw_wasi_errno_of(errno);
        mw_wasi_parent_close(&parent);
    }
    mw_wasi_fd_drop(dir);
    return (uint16_t)error;
}
