#include "cli/launcher.h"

#include <stdlib.h>

/* In this order: Open MPI's mpirun sets PMIx variables too, and Slurm's own variables are there below any
 * launcher of an allocation. A process-management interface is what matters: PMI-1 and PMI-2 are MPICH's, PMIx is
 * Open MPI's. */
static const struct {
    const char *name, *plugin, *rank_var, *size_var;
    const char *mark; /* must be set as well */
} launchers[] = {
    {"Open MPI's mpirun", "openmpi", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_SIZE"},
    {"MPICH's mpiexec", "mpich", "PMI_RANK", "PMI_SIZE", "PMI_RANK"},
    {"a launcher with PMI-2", "mpich", "SLURM_PROCID", "SLURM_NTASKS", "PMI_FD"},
    {"a launcher with PMIx", "openmpi", "PMIX_RANK", "SLURM_NTASKS", "PMIX_NAMESPACE"},
    {"Slurm's srun without a process-management interface", 0, "SLURM_PROCID", "SLURM_NTASKS", "SLURM_STEP_ID"},
};

mw_launcher mw_launcher_detect(void)
{
    for (unsigned i = 0; i < sizeof launchers / sizeof *launchers; i++) {
        if (!getenv(launchers[i].mark))
            continue;
        const char *rank = getenv(launchers[i].rank_var), *size = getenv(launchers[i].size_var);
        return (mw_launcher){launchers[i].name, launchers[i].plugin, launchers[i].rank_var, rank ? atoi(rank) : -1,
                             size && atoi(size) > 0 ? atoi(size) : 1};
    }
    return (mw_launcher){0, 0, 0, -1, 1};
}
