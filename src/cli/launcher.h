/* What the environment says about the launcher that started this process. */
#ifndef MW_CLI_LAUNCHER_H
#define MW_CLI_LAUNCHER_H

typedef struct mw_launcher {
    const char *name;   /* "Open MPI's mpirun", ...; NULL if no launcher was recognized */
    const char *plugin; /* "openmpi", "mpich": the MPI whose processes it starts; NULL if any */
    const char *rank_variable; /* of the environment; NULL if no launcher was recognized */
    int rank;           /* -1 if unknown */
    int size;           /* 1 if unknown */
} mw_launcher;

mw_launcher mw_launcher_detect(void);

#endif
