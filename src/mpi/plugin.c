/* The plugin: what the embedder sees of a host MPI (plugin.h). */
#include "mpi/plugin.h"
#include "mpi/legacy.h"
#include "mpi/state.h"
#include "runtime/trap.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(OPEN_MPI)
#define HOST_NAME "Open MPI"
#else
#define HOST_NAME "MPICH"
#endif

extern const mw_host_func mw_mpi_funcs[];
extern const uint32_t mw_mpi_nfuncs;

static mw_host_module modules[3]; /* the last ends the list */

/* ---- Abort ------------------------------------------------------------------------------------------------------ */

#define ABORT_SECONDS 5
#define READ_MILLISECONDS 500

static volatile sig_atomic_t abort_code;

static void abort_too_slow(int signal)
{
    (void)signal;
    _exit(abort_code);
}

/* Exit codes have 8 bits, and the job's must not be 0. */
static int exit_code_of(int code)
{
    return (code & 0xff) ? code & 0xff : 1;
}

/* Launchers that are told to abort (MPICH's Hydra is one) end the job at once, and lose what its processes' pipes still
 * hold: the sentence that says why. So the launcher gets a moment to read it. */
static void wait_until_read(int fd)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};
    struct stat status;
    int unread;

    if (fstat(fd, &status) || !S_ISFIFO(status.st_mode))
        return;
    for (int left = READ_MILLISECONDS; left > 0 && !ioctl(fd, FIONREAD, &unread) && unread; left--)
        nanosleep(&millisecond, NULL);
}

/* MPI_Abort may wait for a lock that the interrupted library holds, or for a launcher that is gone: then an
 * alarm ends this process, and its launcher the job. */
void mw_mpi_abort(int code)
{
    struct sigaction action = {.sa_handler = abort_too_slow};

    abort_code = exit_code_of(code);
    sigaction(SIGALRM, &action, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm(ABORT_SECONDS);
    wait_until_read(STDOUT_FILENO);
    wait_until_read(STDERR_FILENO);
    MPI_Comm comm = mw_mpi_world ? MPI_COMM_WORLD : mw_sessions_comm();
    if (mw_mpi_running && comm != MPI_COMM_NULL)
        MPI_Abort(comm, abort_code);
    _exit(abort_code);
}

static bool world(int *rank, int *size)
{
    if (!mw_mpi_world)
        return mw_mpi_running && mw_sessions_world(rank, size);
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    MPI_Comm_size(MPI_COMM_WORLD, size);
    return true;
}

/* A trap or exit in a callback cannot unwind through the host's frames: it ends the job from here. */
static void end_nested(const mw_trap *trap, int exit_code, bool is_exit)
{
    char prefix[64];
    int rank = 0, size;

    if (is_exit) {
        fflush(NULL);
        mw_mpi_abort(exit_code);
    }
    if (!world(&rank, &size))
        rank = 0;
    snprintf(prefix, sizeof prefix, "mpiwasm: rank %d: ", rank);
    mw_trap_print(trap, prefix, stderr);
    fflush(NULL);
    mw_mpi_abort(134);
}

/* ---- The plugin's functions -------------------------------------------------------------------------------------- */

static bool imports_from(const mw_import_desc *import, const char *module, const char *prefix)
{
    size_t length = strlen(prefix);
    return import->module_len == strlen(module) && !memcmp(import->module, module, import->module_len) &&
           import->name_len > length && !memcmp(import->name, prefix, length);
}

/* The module that MPI is imported from tells the ABI. */
static mw_error find_abi(const mw_code_descriptor *d, mw_report *report)
{
    bool standard = false;
    mw_mpi_legacy = false;
    for (uint32_t i = 0; i < d->nimports; i++) {
        standard |= imports_from(&d->imports[i], "mpi_abi_1", "");
        mw_mpi_legacy |= imports_from(&d->imports[i], "env", "MPI_");
    }
    return standard && mw_mpi_legacy
               ? mw_fail(report, MW_ERR_LINK, "the module imports MPI from mpi_abi_1 and from env, which are different ABIs")
               : MW_OK;
}

/* Host libraries take temporary memory for large messages in every call. glibc gives blocks from 128 KiB on back to the
 * system, and the next call pays for new pages: five times the time of an MPI_Reduce of 4 MB. So it is kept, unless
 * the user has a say in it; the compiler's memory is not concerned, which has ended by now. */
static void keep_host_heap(void)
{
#ifdef __GLIBC__
    enum { LARGEST_THRESHOLD = 32 << 20, KEPT = 256 << 20 };
    if (getenv("MALLOC_MMAP_THRESHOLD_") || getenv("MALLOC_TRIM_THRESHOLD_") || getenv("GLIBC_TUNABLES"))
        return;
    mallopt(M_MMAP_THRESHOLD, LARGEST_THRESHOLD);
    mallopt(M_TRIM_THRESHOLD, KEPT);
#endif
}

static mw_error attach(mw_instance *instance, const mw_mpi_config *config, mw_report *report)
{
    if (mw_mpi_instance)
        return mw_fail(report, MW_ERR_USAGE, "a process has one MPI, which another instance uses already");
    mw_error error = find_abi(instance->code, report);
    if (error)
        return error;
    mw_mpi_instance = instance;
    mw_mpi_rights = *config;
    instance->host[MW_HOST_MPI] = instance;
    mw_set_nested_end(end_nested);
    keep_host_heap();
    return MW_OK;
}

static void detach(mw_instance *instance, int exit_code)
{
    if (instance != mw_mpi_instance)
        return;
    if (mw_mpi_running && exit_code != 0)
        mw_mpi_abort(exit_code);
    if (mw_mpi_world)
        mw_mpi_finalize();
    mw_sessions_end();
    mw_mpi_instance = NULL;
}

void mw_mpi_library_version(char *text, size_t size)
{
    char host[MPI_MAX_LIBRARY_VERSION_STRING + 1] = "";
    int length = 0;

    MPI_Get_library_version(host, &length);
    snprintf(text, size, "MPIWasm %s on %s", MW_VERSION, host);
}

static const mw_mpi_plugin plugin = {
    .version = MW_MPI_PLUGIN_VERSION,
    .guest_bits = MW_GUEST_BITS,
    .host_name = HOST_NAME,
    .modules = modules,
    .attach = attach,
    .detach = detach,
    .world = world,
    .abort = mw_mpi_abort,
    .library_version = mw_mpi_library_version,
};

__attribute__((visibility("default"))) mw_mpi_plugin_entry_fn mw_mpi_plugin_entry;

const mw_mpi_plugin *mw_mpi_plugin_entry(void)
{
    modules[0] = (mw_host_module){"mpi_abi_1", mw_mpi_funcs, mw_mpi_nfuncs};
    if (MW_GUEST_BITS == 32)
        modules[1] = (mw_host_module){"env", mw_legacy_funcs, mw_legacy_nfuncs};
    return &plugin;
}
