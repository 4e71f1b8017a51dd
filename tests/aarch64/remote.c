/* The compiler plugin of a cross-build's tests: has the module compiled by a native program (wasm-call of the native
 * build, which qemu-user starts as the host program that it is), since a compiler under emulation would take minutes.
 * The environment's MW_REMOTE_CPU is the CPU to compile for where the options name none. */
#include "compiler/compiler.h"

#include "abi/abi.h"
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static mw_error write_module(const mw_module *module, char *path, mw_report *report)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return mw_fail(report, MW_ERR_IO, "cannot create %s: %s", path, strerror(errno));
    const uint8_t *bytes = module->bytes;
    size_t left = module->size;
    while (left) {
        ssize_t n = write(fd, bytes, left);
        if (n < 0)
            break;
        bytes += n;
        left -= (size_t)n;
    }
    close(fd);
    return left ? mw_fail(report, MW_ERR_IO, "cannot write %s: %s", path, strerror(errno)) : MW_OK;
}

static mw_error run(char *const argv[], mw_report *report)
{
    pid_t pid;
    int status, error = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);
    if (error)
        return mw_fail(report, MW_ERR_COMPILE, "cannot start %s: %s", argv[0], strerror(error));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return mw_fail(report, MW_ERR_COMPILE, "%s failed: status 0x%x", argv[0], (unsigned)status);
    return MW_OK;
}

static mw_error compile(const mw_module *module, const mw_compile_options *options, const mw_hash *key,
                        const char *path, mw_report *report)
{
    char copy[] = "/tmp/mpiwasm-remote-XXXXXX", level[8], hex[2 * sizeof key->bytes + 1];
    mw_error error = write_module(module, copy, report);
    for (size_t i = 0; i < sizeof key->bytes; i++)
        sprintf(hex + 2 * i, "%02x", key->bytes[i]);
    snprintf(level, sizeof level, "-O%d", options->opt_level);
    const char *triple = options->triple ? options->triple : "aarch64-linux-gnu", *cpu = options->cpu;
    if (!cpu && !options->triple)
        cpu = getenv("MW_REMOTE_CPU") ? getenv("MW_REMOTE_CPU") : "neoverse-n1";
    const char *argv[20] = {MW_REMOTE_COMPILER, level, "-triple", triple, "-key", hex, "-o", path};
    int n = 8;
    if (cpu) {
        argv[n++] = "-cpu";
        argv[n++] = cpu;
    }
    if (options->strict_traps)
        argv[n++] = "-strict";
    if (options->fp_contract_fast)
        argv[n++] = "-fma";
    if (options->fast_math)
        argv[n++] = "-fast";
    if (options->relaxed_simd_fast)
        argv[n++] = "-relaxed";
    if (options->features) {
        argv[n++] = "-features";
        argv[n++] = options->features;
    }
    argv[n] = copy;
    if (!error)
        error = run((char *const *)argv, report);
    unlink(copy);
    return error;
}

const mw_compiler *mw_compiler_entry(void)
{
    static const mw_compiler compiler = {MW_ABI_VERSION, "a native LLVM", compile};
    return &compiler;
}
