/* Guest paths: the only way from one to a file of the host. Nothing outside the directory that a path starts
 * from can be reached by it, whatever it contains and however the tree changes meanwhile. */
#ifndef MW_WASI_PATH_H
#define MW_WASI_PATH_H

#include "base/error.h"
#include "wasi/errno.h"
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* A path of the guest's, copied: what it says cannot change between two looks at it. */
typedef struct mw_wasi_path {
    char text[PATH_MAX];
} mw_wasi_path;

/* Opens `path` beneath the directory `dir` as openat does; O_CLOEXEC and O_NOCTTY are added. The final component
 * is followed unless `flags` has O_NOFOLLOW. A path that leads out of `dir` at any step (absolute, "..", symbolic
 * link) is ENOTCAPABLE, also if it would come back. Magic links (proc(5)) are not followed. */
MW_CHECKED mw_wasi_errno mw_wasi_open_beneath(int dir, const char *path, int flags, mode_t mode, int *out);

/* The directory that holds a path's last component, and that component, for calls that make, remove or rename
 * entries. */
typedef struct mw_wasi_parent {
    int fd;
    bool owned;       /* fd is to be closed: mw_wasi_parent_close */
    bool slash;       /* a slash followed the component: only a directory is meant */
    const char *base; /* in the path's text; not "..", may be "."; keeps one slash if `slash` */
} mw_wasi_parent;

/* Splits `path`, which is changed. A last component ".." gives `dotdot`, the error that the host's call gives for
 * it, if its directory is beneath `dir`.
 *
 * Only for calls that never follow their last component, even before a slash: mkdirat, unlinkat, renameat,
 * symlinkat, and linkat for the new name. Others must refuse or strip `slash`. */
MW_CHECKED mw_wasi_errno mw_wasi_open_parent(int dir, mw_wasi_path *path, mw_wasi_errno dotdot, mw_wasi_parent *out);
void mw_wasi_parent_close(const mw_wasi_parent *parent);

/* For tests: false makes mw_wasi_open_beneath walk the components as on a kernel without openat2. */
void mw_wasi_use_openat2(bool use);

#endif
