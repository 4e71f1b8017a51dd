/* Processes that MPI_Comm_spawn started: `mpiwasm spawned TEXT...`. The texts, one after the other, are the words
 * (base/words.h) of a command line of `run`: launchers see no byte in them that their protocols give a meaning. */
#ifndef MW_CLI_SPAWNED_H
#define MW_CLI_SPAWNED_H

#include "base/report.h"

#define MW_SPAWNED_COMMAND "spawned"

/* The words of `ntexts` texts: a new argv of *nwords strings, which lives as long as the process. */
MW_CHECKED mw_error mw_spawned_words(int ntexts, char **texts, mw_report *report, int *nwords, char ***words);

#endif
