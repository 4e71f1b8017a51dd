/* WASI preview 1 ("wasi_snapshot_preview1", and "wasi_unstable" for modules of before 2020), and wasi-threads. */
#ifndef MW_WASI_WASI_H
#define MW_WASI_WASI_H

#include "base/report.h"
#include "runtime/host_module.h"
#include "runtime/threads.h"
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
    uint32_t max_threads;    /* beside the first */
    mw_thread_end_fn *end_thread; /* when one traps or exits (runtime/threads.h) */
} mw_wasi_config;

/* The host modules for modules whose memory 0 has 32-bit or (`wide`) 64-bit indices; ended by one whose name is NULL. */
const mw_host_module *mw_wasi_modules(bool wide);

/* Opens the granted directories and makes instance->host[MW_HOST_WASI]. A directory that cannot be opened is an
 * error that names it. */
MW_CHECKED mw_error mw_wasi_attach(mw_instance *instance, const mw_wasi_config *config, mw_report *report);
void mw_wasi_detach(mw_instance *instance);

/* Whether the module of `instance` can start threads, and how many of them live now. */
bool mw_wasi_can_spawn(const mw_instance *instance);
uint32_t mw_wasi_live_threads(const mw_instance *instance);
/* In place of mw_wasi_detach before the process ends under threads that live: gives the standard streams their flags
 * back, and frees nothing. */
void mw_wasi_leave(mw_instance *instance);

/* For MPI-IO and the like: files that the host's libraries open by name on the guest's behalf. A guest path is
 * resolved as path_open would: absolute and relative ones alike against the granted directories, by longest prefix.
 * Errors are WASI's (wasi/errno.h). */
enum {
    MW_WASI_HOST_WRITE = 1,     /* EROFS in a directory granted read-only */
    MW_WASI_HOST_CREATE = 2,    /* made if it does not exist, with mode 0666; implies WRITE */
    MW_WASI_HOST_EXCLUSIVE = 4, /* with CREATE: EEXIST if it exists */
};

/* `path` reaches exactly the file that was resolved, whatever is renamed or replaced by a symbolic link later (a
 * name in the directory would not: MPI libraries follow links when they open). It is valid in this process until
 * mw_wasi_close_host_file, to be called when the library has closed the file. */
typedef struct mw_wasi_host_file {
    int fd;
    char path[32];
} mw_wasi_host_file;

MW_CHECKED uint16_t mw_wasi_open_host_file(mw_instance *instance, const char *guest_path, unsigned flags,
                                           mw_wasi_host_file *out);
void mw_wasi_close_host_file(mw_wasi_host_file *file);
/* The same for a file that is to be read before there is an instance: the file behind `guest_path` in the directories that
 * will be granted, opened for reading, without waiting whatever it is. Its descriptor is the caller's. */
MW_CHECKED uint16_t mw_wasi_open_granted(const mw_wasi_dir *dirs, int ndirs, const char *guest_path, int *out);
/* Removes a file, as MPI_File_delete does. */
MW_CHECKED uint16_t mw_wasi_unlink_host_file(mw_instance *instance, const char *guest_path);

#endif
