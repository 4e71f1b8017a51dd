#include "cli/commands.h"
#include "cli/launcher.h"
#include "cli/message.h"
#include "cli/plugins.h"
#include "cli/prepare.h"
#include "runtime/instance.h"
#include "runtime/trap.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* One guest a process: what a trap inside a callback needs to end the job. */
static const mw_mpi_plugin *mpi;
static mw_instance *guest; /* once it is attached to its hosts: what a thread of it needs to end the process */

static void update_rank(void)
{
    int rank, size;
    if (mpi && mpi->world(&rank, &size))
        mw_message_set_rank(rank);
}

/* Ends the job after a failure; a process that ran below MPI must not leave the others waiting. */
static _Noreturn void end_job(int code)
{
    fflush(NULL);
    if (mpi)
        mpi->abort(code);
    _exit(code);
}

static void end_nested(const mw_trap *trap, int exit_code, bool is_exit)
{
    update_rank();
    if (!is_exit)
        mw_trap_print(trap, mw_message_prefix(), stderr);
    end_job(is_exit ? exit_code : MW_EXIT_TRAP);
}

/* A thread trapped or exited; the others may be anywhere, in the host's MPI too. */
static void end_thread(const mw_trap *trap, int exit_code)
{
    update_rank();
    if (trap) {
        mw_trap_print(trap, mw_message_prefix(), stderr);
        end_job(MW_EXIT_TRAP);
    }
    mw_wasi_leave(guest);
    if (exit_code)
        end_job(exit_code);
    fflush(NULL);
    _exit(0);
}

static int exit_code_of(mw_error error)
{
    switch (error) {
    case MW_ERR_USAGE: return MW_EXIT_USAGE;
    case MW_ERR_IO: return MW_EXIT_NOT_FOUND;
    default: return MW_EXIT_NOT_RUN;
    }
}

static bool uses_mpi(const mw_code_descriptor *code)
{
    for (uint32_t i = 0; i < code->nimports; i++) {
        const mw_import_desc *import = &code->imports[i];
        if (mw_is_mpi_import(import->module, import->module_len, import->name, import->name_len))
            return true;
    }
    return false;
}

static bool has_wide_memory(const mw_code_descriptor *code)
{
    return code->nmemories && code->memories[0].is64;
}

static mw_error offer_hosts(mw_linker *linker, const mw_code_descriptor *code, mw_report *report)
{
    mw_error error = MW_OK;
    for (const mw_host_module *m = mw_wasi_modules(has_wide_memory(code)); m->name && error == MW_OK; m++)
        error = mw_linker_add_host(linker, m, report);
    for (const mw_host_module *m = mpi ? mpi->modules : NULL; m && m->name && error == MW_OK; m++)
        error = mw_linker_add_host(linker, m, report);
    return error;
}

static mw_error make_instance(mw_code *code, const mw_options *options, mw_report *report, mw_trap *trap,
                              mw_instance **out)
{
    mw_linker *linker;
    mw_error error = mw_linker_new(report, &linker);
    if (error != MW_OK)
        return error;
    error = offer_hosts(linker, mw_code_descriptor_of(code), report);
    mw_instance_limits limits = {
        .max_memory_pages = options->max_memory_bytes / MW_PAGE_BYTES,
        .max_table_elems = options->max_table_elems,
    };
    if (error == MW_OK && options->max_memory_bytes && !limits.max_memory_pages)
        limits.max_memory_pages = 1;
    if (error == MW_OK)
        error = mw_linker_add_memories(linker, code, &limits, report);
    if (error == MW_OK)
        error = mw_instantiate(code, linker, &limits, report, trap, out);
    mw_linker_free(linker);
    return error;
}

/* How the plugin starts processes for the guest; what it points to lives as long as the process. */
static mw_error spawn_config(const mw_options *options, mw_report *report, mw_mpi_config *out)
{
    static char program[PATH_MAX];
    static char *words;
    *out = (mw_mpi_config){0};
    if (!options->allow_spawn)
        return MW_OK;
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n < 0)
        return mw_fail(report, MW_ERR_HOST, "--allow-spawn: the name of this program cannot be read from /proc/self/exe");
    program[n] = 0;
    mw_error error = mw_options_again(options, report, &words);
    *out = (mw_mpi_config){true, program, words};
    return error;
}

static bool is_openmp_setting(const char *entry)
{
    return !strncmp(entry, "OMP_", 4) || !strncmp(entry, "KMP_", 4);
}

static bool is_given(const mw_options *options, const char *entry)
{
    size_t name_len = strcspn(entry, "=") + 1;
    for (int i = 0; i < options->nenv; i++)
        if (!strncmp(options->env[i], entry, name_len))
            return true;
    return false;
}

/* The guest's environment: what the options give and, if it can start threads, OpenMP's settings in this process's
 * environment, where users and launchers set how many threads a rank has. It lives as long as the process. */
static mw_error guest_environment(const mw_instance *instance, const mw_options *options, mw_report *report,
                                  mw_wasi_config *config)
{
    static const char **env;
    size_t n = 0;
    for (char **e = environ; *e; e++)
        n += is_openmp_setting(*e);
    env = malloc(((size_t)options->nenv + n + 1) * sizeof *env);
    if (!env)
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    n = 0;
    for (int i = 0; i < options->nenv; i++)
        env[n++] = options->env[i];
    for (char **e = environ; *e && mw_wasi_can_spawn(instance); e++)
        if (is_openmp_setting(*e) && !is_given(options, *e))
            env[n++] = *e;
    config->envc = (int)n;
    config->envv = env;
    return MW_OK;
}

static mw_error attach_hosts(mw_instance *instance, const mw_options *options, mw_report *report)
{
    mw_wasi_config config = {
        .argc = options->nargs, .argv = (const char *const *)options->args,
        .ndirs = options->ndirs, .dirs = options->dirs,
        .max_threads = (uint32_t)options->max_threads, .end_thread = end_thread,
    };
    mw_mpi_config rights;
    mw_error error = guest_environment(instance, options, report, &config);
    if (error == MW_OK)
        error = mw_wasi_attach(instance, &config, report);
    if (error == MW_OK && mpi)
        error = spawn_config(options, report, &rights);
    if (error == MW_OK && mpi)
        error = mpi->attach(instance, &rights, report);
    return error;
}

/* The guest's whole run: MW_OK when _start returned, MW_ERR_EXIT, MW_ERR_TRAP or what prevented it. */
static mw_error run_guest(mw_instance *instance, mw_report *report, mw_trap *trap, int *exit_code)
{
    mw_extern start;
    if (!mw_instance_export(instance, "_start", 6, &start) || start.kind != MW_EXTERN_FUNC)
        return mw_fail(report, MW_ERR_LINK, "the module exports no function _start: it is a library, not a program");
    const mw_func *checked = mw_exported_function(instance, "_start", ":");
    if (!checked)
        return mw_fail(report, MW_ERR_LINK, "the module's function _start takes arguments or gives results");
    mw_error error = mw_instance_start(instance, trap, exit_code);
    mw_value nothing;
    return error == MW_OK ? mw_invoke(start.of.func, &nothing, trap, exit_code) : error;
}

static int finish(mw_instance *instance, mw_error error, mw_report *report, const mw_trap *trap, int exit_code)
{
    mw_end_process();
    update_rank();
    if (error == MW_ERR_TRAP) {
        fflush(stdout);
        mw_trap_print(trap, mw_message_prefix(), stderr);
        end_job(MW_EXIT_TRAP);
    }
    if (error != MW_OK && error != MW_ERR_EXIT) {
        mw_message("%s", report->message);
        end_job(exit_code_of(error));
    }
    if (mw_wasi_live_threads(instance)) /* they end with the process, wherever they are */
        end_thread(NULL, exit_code);
    if (mpi)
        mpi->detach(instance, exit_code);
    mw_wasi_detach(instance);
    return exit_code;
}

int mw_cmd_run(const mw_options *options)
{
    mw_report report = MW_REPORT_INIT;
    static mw_trap trap; /* large */
    mw_launcher launcher = mw_launcher_detect();
    mw_message_set_rank(launcher.rank);

    mw_code *code;
    mw_instance *instance = NULL;
    int exit_code = 0;
    mw_error error = mw_prepare(options->args[0], options, &report, &code);
    if (error == MW_OK && uses_mpi(mw_code_descriptor_of(code)))
        error = mw_load_mpi(options->mpi, has_wide_memory(mw_code_descriptor_of(code)) ? 64 : 32, &launcher, &report, &mpi);
    if (error == MW_OK && mpi && options->verbose)
        mw_message("the host MPI is %s", mpi->host_name);
    if (error == MW_OK)
        error = mw_trap_install(&report);
    if (options->stack_bytes)
        mw_set_guest_stack_size(options->stack_bytes);
    mw_set_nested_end(end_nested);
    if (error == MW_OK)
        error = make_instance(code, options, &report, &trap, &instance);
    if (error == MW_OK)
        error = attach_hosts(instance, options, &report);
    guest = instance;
    if (error == MW_OK)
        error = run_guest(instance, &report, &trap, &exit_code);
    return finish(instance, error, &report, &trap, exit_code);
}
