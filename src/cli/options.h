/* The command line. */
#ifndef MW_CLI_OPTIONS_H
#define MW_CLI_OPTIONS_H

#include "base/report.h"
#include "compiler/compiler.h"
#include "wasi/wasi.h"
#include <stdbool.h>
#include <stdio.h>

typedef struct mw_options {
    char command;        /* 'R', 'C', 'I', 'K', 'D' as in options.def */
    bool help, verbose;
    bool no_cache, allow_object, allow_spawn;
    bool spawned;        /* the file is a guest path: found beneath the granted directories alone */
    const char *cache_dir, *mpi, *output;
    uint64_t stack_bytes, max_memory_bytes, max_table_elems; /* 0: default */
    uint64_t disabled_features; /* MW_FEATURE_*: modules that use one are refused */
    int max_threads;
    mw_compile_options compile;
    int ndirs;
    mw_wasi_dir *dirs;   /* owned */
    int nenv;
    char **env;          /* owned, "NAME=VALUE" */
    int ngiven;
    struct mw_given *given; /* owned: what was given, in order */
    int nargs;
    char **args;         /* the operands: for `run` the file and the guest's arguments; argv's own */
} mw_options;

/* Parses argv[0..argc) for `command`, moving its elements. Options of `run` end at the first other argument, since what
 * follows a module's name is the guest's; elsewhere they may stand anywhere. "--" ends them. MW_ERR_USAGE names the
 * option and what is wrong with it. */
MW_CHECKED mw_error mw_options_parse(char command, int argc, char **argv, mw_report *report, mw_options *out);
void mw_options_free(mw_options *options);

/* The words of a command line that gives the same options once more, to a process in another directory; as text
 * (base/words.h), which is the caller's to free. Without --allow-precompiled: the file will be the guest's choice. */
MW_CHECKED mw_error mw_options_again(const mw_options *options, mw_report *report, char **out);

/* The options of `command`, a line each. */
void mw_options_print(char command, FILE *to);

#endif
