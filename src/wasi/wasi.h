/* WASI preview 1 ("wasi_snapshot_preview1", and "wasi_unstable" for modules of before 2020). */
#ifndef MW_WASI_WASI_H
#define MW_WASI_WASI_H

#include "base/report.h"
#include "runtime/host_module.h"
#include <stdbool.h>

/* What the guest is given. Strings are the caller's and must outlive the state. */
typedef struct mw_wasi_dir {
    const char *host_path;
    const char *guest_path; /* as the guest sees it: "/data" or "." */
    bool read_only;
} mw_wasi_dir;

typedef struct mw_wasi_config {
    int argc;
    const char *const *argv;
    int envc;
    const char *const *envv; /* "NAME=VALUE" */
    int ndirs;
    const mw_wasi_dir *dirs; /* granted directories; nothing else can be reached */
} mw_wasi_config;

/* The host modules; ended by one whose name is NULL. */
const mw_host_module *mw_wasi_modules(void);

/* Opens the granted directories and makes instance->host[MW_HOST_WASI]. A directory that cannot be opened is an
 * error that names it. */
MW_CHECKED mw_error mw_wasi_attach(mw_instance *instance, const mw_wasi_config *config, mw_report *report);
void mw_wasi_detach(mw_instance *instance);

/* For MPI-IO and the like: resolves a guest path as path_open would (absolute paths against the granted
 * directories by longest prefix, relative ones against ".") and returns the host path through which an ordinary
 * open() reaches the file, or a WASI errno. `out` has room for `size` bytes. Nothing outside the granted
 * directories resolves; for a file that need not exist yet, its directory must. *read_only says whether the
 * directory was granted read-only. */
MW_CHECKED uint16_t mw_wasi_resolve_host_path(mw_instance *instance, const char *guest_path, char *out, size_t size,
                                              bool *read_only);

#endif
