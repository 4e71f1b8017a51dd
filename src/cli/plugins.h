/* Finding and loading the plugins: the compiler on a cache miss, one host MPI for modules that use MPI. */
#ifndef MW_CLI_PLUGINS_H
#define MW_CLI_PLUGINS_H

#include "base/report.h"
#include "cli/launcher.h"
#include "compiler/compiler.h"
#include "mpi/plugin.h"

/* The directory of the plugins, found from the place of the running program: ../lib/mpiwasm, or
 * $MPIWASM_PLUGIN_DIR. Static. */
const char *mw_plugin_dir(void);

MW_CHECKED mw_error mw_load_compiler(mw_report *report, const mw_compiler **out);

/* Host MPIs of which a plugin was built, by name; ended by NULL. The first that loads is taken where no launcher
 * tells which. */
extern const char *const mw_mpi_names[];

/* Whether an import of this name is one that a host MPI's plugin offers: all of "mpi_abi_1", and the MPI functions
 * that modules of the paper's artifact import from "env". */
bool mw_is_mpi_import(const char *module, size_t module_len, const char *name, size_t name_len);

/* Loads the plugin that `choice` (a name or a path; NULL: the launcher's, else the first that loads) means. Refuses
 * to load one MPI's plugin below the other's launcher: every process would be rank 0 of 1. */
MW_CHECKED mw_error mw_load_mpi(const char *choice, int bits, const mw_launcher *launcher, mw_report *report,
                                const mw_mpi_plugin **out);

#endif
