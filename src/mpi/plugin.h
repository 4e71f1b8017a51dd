/* What an MPI plugin (libmpiwasm-openmpi.so, libmpiwasm-mpich.so; for guests with 64-bit pointers libmpiwasm-openmpi-64.so,
 * libmpiwasm-mpich-64.so) gives to the embedder. The plugin is loaded
 * RTLD_GLOBAL | RTLD_NOW: Open MPI's components need the symbols of its libmpi. */
#ifndef MW_MPI_PLUGIN_H
#define MW_MPI_PLUGIN_H

#include "base/report.h"
#include "runtime/host_module.h"
#include <stdbool.h>

#define MW_MPI_PLUGIN_VERSION 3
#define MW_MPI_PLUGIN_SYMBOL "mw_mpi_plugin_entry"

/* What the guest may do beyond its own job. */
typedef struct mw_mpi_config {
    bool allow_spawn; /* start processes, and open and connect to ports (--allow-spawn) */
    /* How processes are started for it: the embedder's program, and the words (base/words.h) that come before the module's
     * name and arguments. NULL without allow_spawn. Kept by reference. */
    const char *spawn_program, *spawn_options;
} mw_mpi_config;

typedef struct mw_mpi_plugin {
    uint32_t version;      /* MW_MPI_PLUGIN_VERSION */
    const char *host_name; /* "Open MPI", "MPICH" */
    int guest_bits;        /* for guests whose pointers have so many bits: 32 or 64 */

    /* Host modules to offer to the linker; ended by a module whose name is NULL. */
    const mw_host_module *modules;

    /* Makes the per-instance state (instance->host[MW_HOST_MPI]); before the guest runs. */
    mw_error (*attach)(mw_instance *instance, const mw_mpi_config *config, mw_report *report);
    /* Ends the state; finalizes MPI if the guest initialized it and returned without finalizing
     * (then `exit_code` != 0 aborts the job instead). */
    void (*detach)(mw_instance *instance, int exit_code);

    /* True between MPI_Init and MPI_Finalize. Then *rank and *size are those of MPI_COMM_WORLD. */
    bool (*world)(int *rank, int *size);

    /* Ends the whole job with `code` (non-zero) whatever the state: MPI_Abort if MPI runs, _exit otherwise or
     * if MPI_Abort does not return within a few seconds. */
    void (*abort)(int code) __attribute__((noreturn));

    /* MPI_Get_library_version's text; may be called before MPI_Init. */
    void (*library_version)(char *text, size_t size);
} mw_mpi_plugin;

/* Type of the symbol MW_MPI_PLUGIN_SYMBOL. */
typedef const mw_mpi_plugin *mw_mpi_plugin_entry_fn(void);

#endif
