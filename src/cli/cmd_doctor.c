#include "base/cpu.h"
#include "cli/commands.h"
#include "cli/launcher.h"
#include "cli/plugins.h"
#include "cli/version.h"
#include "runtime/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef enum verdict { GOOD, WARNING, BAD } verdict;

static unsigned nbad;

__attribute__((format(printf, 3, 4))) static void say(verdict v, const char *what, const char *format, ...)
{
    static const char *const marks[] = {"ok     ", "warning", "FAILED "};
    nbad += v == BAD;
    printf("%s  %-16s ", marks[v], what);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

static void check_cpu(void)
{
    char identity[256];
    mw_cpu_identity(identity, sizeof identity);
    say(GOOD, "CPU", "%s", identity);
}

static void check_compiler(void)
{
    mw_report report = MW_REPORT_INIT;
    const mw_compiler *compiler;
    if (mw_load_compiler(&report, &compiler) == MW_OK)
        say(GOOD, "compiler", "%s", compiler->version);
    else
        say(BAD, "compiler", "%s (modules in the cache and precompiled objects still run)", report.message);
}

/* Two MPI libraries in one process disturb each other: each plugin is tried in a process of its own. */
static bool check_mpi(const char *choice)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        mw_report report = MW_REPORT_INIT;
        mw_launcher none = {0, 0, 0, -1, 1};
        const mw_mpi_plugin *plugin;
        static char version[8192];
        if (mw_load_mpi(choice, 32, &none, &report, &plugin) != MW_OK) {
            say(WARNING, choice, "%s", report.message);
            fflush(stdout);
            _exit(1);
        }
        plugin->library_version(version, sizeof version);
        version[strcspn(version, "\n")] = 0;
        say(GOOD, choice, "%.100s", version);
        fflush(stdout);
        _exit(0);
    }
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void check_mpis(const char *choice)
{
    bool any = false;
    if (choice)
        any = check_mpi(choice);
    for (int i = 0; !choice && mw_mpi_names[i]; i++)
        any |= check_mpi(mw_mpi_names[i]);
    if (!any)
        say(BAD, "host MPI", "no plugin can be used; only modules without MPI run");
    mw_launcher launcher = mw_launcher_detect();
    if (launcher.name)
        say(GOOD, "launcher", "%s, rank %d of %d", launcher.name, launcher.rank, launcher.size);
    else
        say(GOOD, "launcher", "none: this process would be rank 0 of 1");
}

static void check_cache(const char *dir)
{
    mw_report report = MW_REPORT_INIT;
    mw_cache *cache;
    if (mw_cache_open(dir, &report, &cache) != MW_OK) {
        say(WARNING, "cache", "%s; every run compiles afresh", report.message);
        return;
    }
    say(GOOD, "cache", "%s", mw_cache_dir(cache));
    mw_cache_close(cache);
}

static void check_memory(void)
{
    size_t bytes = MW_RESERVED_BYTES32;
    void *p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        struct rlimit limit;
        getrlimit(RLIMIT_AS, &limit);
        say(BAD, "address space", "8 GiB cannot be reserved for a linear memory: %s%s", strerror(errno),
            limit.rlim_cur != RLIM_INFINITY ? " (raise 'ulimit -v')" : "");
        return;
    }
    munmap(p, bytes);
    say(GOOD, "address space", "8 GiB can be reserved for a linear memory");
}

static void check_huge_pages(void)
{
    char text[128] = "";
    int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    if (strstr(text, "[always]") || strstr(text, "[madvise]"))
        say(GOOD, "huge pages", "transparent huge pages are on for linear memories");
    else
        say(WARNING, "huge pages", "transparent huge pages are off: codes with large arrays run slower");
}

static void check_openat2(void)
{
    long fd = syscall(SYS_openat2, -1, NULL, NULL, 0);
    (void)fd;
    if (errno == ENOSYS)
        say(WARNING, "openat2", "not in this kernel: paths are resolved component by component");
    else
        say(GOOD, "openat2", "paths are resolved beneath granted directories by the kernel");
}

int mw_cmd_doctor(const mw_options *options)
{
    say(GOOD, "version", "mpiwasm %s, %s, plugins in %s", MW_VERSION, MW_LLVM_VERSION, mw_plugin_dir());
    check_cpu();
    check_compiler();
    check_mpis(options->mpi);
    check_cache(options->cache_dir);
    check_memory();
    check_huge_pages();
    check_openat2();
    return nbad ? MW_EXIT_FAILURE : MW_EXIT_OK;
}
