#include "cli/plugins.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const mw_mpi_names[] = {"openmpi", "mpich", NULL};

bool mw_is_mpi_import(const char *module, size_t module_len, const char *name, size_t name_len)
{
    return (module_len == 9 && memcmp(module, "mpi_abi_1", 9) == 0) ||
           (module_len == 3 && memcmp(module, "env", 3) == 0 && name_len > 4 && memcmp(name, "MPI_", 4) == 0);
}

const char *mw_plugin_dir(void)
{
    static char dir[PATH_MAX + 32];
    const char *env = getenv("MPIWASM_PLUGIN_DIR");
    if (env && *env)
        return env;
    if (!*dir) {
        char exe[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
        exe[n > 0 ? n : 0] = 0;
        for (int i = 0; i < 2; i++) {
            char *slash = strrchr(exe, '/');
            if (slash)
                *slash = 0;
        }
        snprintf(dir, sizeof dir, "%s/lib/mpiwasm", exe);
    }
    return dir;
}

static mw_error open_plugin(const char *path, int mode, const char *symbol, mw_report *report, void **out)
{
    void *handle = dlopen(path, RTLD_NOW | mode);
    if (!handle)
        return mw_fail(report, MW_ERR_HOST, "cannot load the plugin %s", dlerror());
    *out = dlsym(handle, symbol);
    if (!*out) {
        dlclose(handle);
        return mw_fail(report, MW_ERR_HOST, "%s is no plugin of this program: it lacks %s", path, symbol);
    }
    return MW_OK;
}

mw_error mw_load_compiler(mw_report *report, const mw_compiler **out)
{
    char path[PATH_MAX];
    void *symbol;
    snprintf(path, sizeof path, "%s/libmpiwasm-compiler.so", mw_plugin_dir());
    mw_error error = open_plugin(path, RTLD_LOCAL, "mw_compiler_entry", report, &symbol);
    if (error != MW_OK)
        return error;
    const mw_compiler *compiler = ((const mw_compiler *(*)(void))symbol)();
    if (compiler->abi_version != MW_ABI_VERSION)
        return mw_fail(report, MW_ERR_HOST, "%s belongs to another version of this program", path);
    *out = compiler;
    return MW_OK;
}

static mw_error load_mpi_file(const char *path, int bits, mw_report *report, const mw_mpi_plugin **out)
{
    void *symbol;
    mw_error error = open_plugin(path, RTLD_GLOBAL, MW_MPI_PLUGIN_SYMBOL, report, &symbol);
    if (error != MW_OK)
        return error;
    const mw_mpi_plugin *plugin = ((mw_mpi_plugin_entry_fn *)symbol)();
    if (plugin->version != MW_MPI_PLUGIN_VERSION)
        return mw_fail(report, MW_ERR_HOST, "the plugin %s belongs to another version of this program", path);
    if (plugin->guest_bits != bits)
        return mw_fail(report, MW_ERR_HOST, "the plugin %s is for modules with %d-bit pointers; this one's have %d bits", path,
                       plugin->guest_bits, bits);
    *out = plugin;
    return MW_OK;
}

static mw_error find_mpi_name(const char *name, int bits, mw_report *report, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/libmpiwasm-%s%s.so", mw_plugin_dir(), name, bits == 64 ? "-64" : "");
    if (access(path, F_OK) != 0)
        return mw_fail(report, MW_ERR_HOST, "there is no plugin for the host MPI '%s' (%s does not exist)", name,
                       path);
    return MW_OK;
}

static mw_error load_mpi_name(const char *name, int bits, mw_report *report, const mw_mpi_plugin **out)
{
    char path[PATH_MAX];
    mw_error error = find_mpi_name(name, bits, report, path);
    return error ? error : load_mpi_file(path, bits, report, out);
}

/* Of other names, which whoever built the plugins has chosen, nothing is known: "openmpi5" may be the launcher's MPI. */
static bool is_known(const char *name)
{
    for (int i = 0; mw_mpi_names[i]; i++)
        if (!strcmp(name, mw_mpi_names[i]))
            return true;
    return false;
}

mw_error mw_load_mpi(const char *choice, int bits, const mw_launcher *launcher, mw_report *report,
                     const mw_mpi_plugin **out)
{
    if (choice && strchr(choice, '/'))
        return load_mpi_file(choice, bits, report, out);
    if (choice) {
        char path[PATH_MAX];
        mw_error error = find_mpi_name(choice, bits, report, path);
        if (error != MW_OK)
            return error;
        if (launcher->plugin && launcher->size > 1 && is_known(choice) && strcmp(choice, launcher->plugin) != 0)
            return mw_fail(report, MW_ERR_HOST,
                           "this process was started by %s (%d processes) but the plugin for '%s' was asked for: every "
                           "process would be rank 0 of 1; use the mpirun of '%s' or drop --mpi",
                           launcher->name, launcher->size, choice, choice);
        return load_mpi_file(path, bits, report, out);
    }
    if (launcher->plugin)
        return load_mpi_name(launcher->plugin, bits, report, out);
    if (launcher->name && launcher->size > 1)
        return mw_fail(report, MW_ERR_HOST,
                       "this process was started by %s (%d processes): every process would be rank 0 of 1; use srun "
                       "--mpi=pmix (Open MPI) or --mpi=pmi2 (MPICH)",
                       launcher->name, launcher->size);
    mw_report first = MW_REPORT_INIT;
    for (int i = 0; mw_mpi_names[i]; i++)
        if (load_mpi_name(mw_mpi_names[i], bits, &first, out) == MW_OK)
            return MW_OK;
    return mw_fail(report, MW_ERR_HOST, "no host MPI can be used: %s", first.message);
}
