/* The cores that a compilation may use while the other ranks of the node wait for it. */
#ifndef MW_CLI_CORES_H
#define MW_CLI_CORES_H

#include <sched.h>
#include <stdbool.h>

/* What is known of the processes around this one. */
typedef struct mw_core_witnesses {
    cpu_set_t own;        /* what the launcher bound this process to */
    cpu_set_t parent;     /* what its parent may use; none if unknown */
    bool parent_is_ours;  /* the parent is the job's own launcher: what it may use was given to the job */
    cpu_set_t siblings;   /* what the processes of this program with the same parent may use, all together */
} mw_core_witnesses;

/* Never less than this process's own cores, nor any that the job was not given: those of the launcher; below one that belongs
 * to the system (Slurm's, which may use the whole node), those of this node's ranks. */
cpu_set_t mw_cores_choose(const mw_core_witnesses *witnesses);

/* Lets the calling thread, and the threads and processes that it starts, use these cores, and says how many they are.
 * mw_cores_restore is called afterwards. */
typedef struct mw_cores {
    cpu_set_t before;
    bool changed;
    int count;
} mw_cores;
mw_cores mw_cores_widen(void);
void mw_cores_restore(const mw_cores *cores);

#endif
