/* The commands. Each takes its parsed options and returns the process's exit code. */
#ifndef MW_CLI_COMMANDS_H
#define MW_CLI_COMMANDS_H

#include "cli/options.h"

/* Exit codes of the embedder itself; the guest's own pass through. */
enum {
    MW_EXIT_OK = 0,
    MW_EXIT_FAILURE = 1,    /* a command that does not run a guest failed */
    MW_EXIT_USAGE = 2,
    MW_EXIT_NOT_RUN = 126,  /* the module cannot be run: malformed, invalid, unlinkable, no host MPI, ... */
    MW_EXIT_NOT_FOUND = 127,
    MW_EXIT_TRAP = 134,     /* as a process that aborts */
};

int mw_cmd_run(const mw_options *options);
int mw_cmd_compile(const mw_options *options);
int mw_cmd_inspect(const mw_options *options);
int mw_cmd_cache(const mw_options *options);
int mw_cmd_doctor(const mw_options *options);

#endif
