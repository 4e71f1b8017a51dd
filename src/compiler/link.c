/* The linker is ld.lld of the same LLVM, as a process: as a library it exists in C++ only. It reads the objects
 * through /proc/self/fd, so that nothing needs to be cleaned up whatever happens. */
#include "compiler/link.h"

#include "abi/abi.h"
#include "base/hash.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int mw_object_file(const void *bytes, size_t size)
{
    int fd = memfd_create("object", MFD_CLOEXEC);
    const char *p = bytes;
    while (fd >= 0 && size) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            close(fd);
            return -1;
        }
        p += n;
        size -= (size_t)n;
    }
    return fd;
}

/* The linker's first complaint, on one line. */
static void read_complaint(int file, char *out, size_t size)
{
    ssize_t n = pread(file, out, size - 1, 0);
    out[n > 0 ? n : 0] = 0;
    out[strcspn(out, "\n")] = 0;
}

static int start(const char *const *argv, int complaints, const int *objects, unsigned nobjects, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;
    posix_spawn_file_actions_adddup2(&actions, complaints, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, complaints, STDERR_FILENO);
    for (unsigned i = 0; i < nobjects; i++) /* onto itself: stays open in the new process */
        posix_spawn_file_actions_adddup2(&actions, objects[i], objects[i]);
    error = posix_spawn(pid, MW_LLD, &actions, NULL, (char *const *)argv, environ);
    if (error == ENOENT)
        error = posix_spawnp(pid, "ld.lld", &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static mw_error run_linker(const char *const *argv, const int *objects, unsigned nobjects, const char *path,
                           mw_report *report)
{
    int complaints = memfd_create("complaints", MFD_CLOEXEC);
    if (complaints < 0)
        return mw_fail(report, MW_ERR_IO, "cannot start the linker: %s", strerror(errno));
    pid_t pid;
    int status = 0, error = start(argv, complaints, objects, nobjects, &pid);
    if (!error)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    char complaint[512];
    read_complaint(complaints, complaint, sizeof complaint);
    close(complaints);
    if (error)
        return mw_fail(report, MW_ERR_COMPILE, "cannot start the linker %s: %s", MW_LLD, strerror(error));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        unlink(path);
        return mw_fail(report, MW_ERR_COMPILE, "cannot write %s: %s", path,
                       *complaint ? complaint : "the linker was killed");
    }
    return MW_OK;
}

/* ---- The seal (abi.h) --------------------------------------------------------------------------------------------- */

/* Where the last byte ends that is loaded of the object. */
static uint64_t loaded_size(const uint8_t *file)
{
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)file;
    const Elf64_Phdr *ph = (const Elf64_Phdr *)(file + h->e_phoff);
    uint64_t size = h->e_phoff + h->e_phnum * sizeof *ph;
    for (unsigned i = 0; i < h->e_phnum; i++)
        if (ph[i].p_type == PT_LOAD && ph[i].p_offset + ph[i].p_filesz > size)
            size = ph[i].p_offset + ph[i].p_filesz;
    return size;
}

static int append_seal(int fd, uint64_t size)
{
    const uint8_t *file = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file == MAP_FAILED)
        return -1;
    mw_code_seal seal = {.magic = MW_SEAL_MAGIC, .size = loaded_size(file)};
    mw_hash hash = mw_hash_parts(&(mw_hash_part){file, seal.size}, 1);
    memcpy(seal.hash, hash.bytes, sizeof seal.hash);
    munmap((void *)file, size);
    ssize_t n = pwrite(fd, &seal, sizeof seal, (off_t)size);
    if (n >= 0 && n < (ssize_t)sizeof seal)
        errno = ENOSPC;
    return n == (ssize_t)sizeof seal ? 0 : -1;
}

static mw_error seal_file(const char *path, mw_report *report)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    int failed = fd < 0 || fstat(fd, &st) || (S_ISREG(st.st_mode) && append_seal(fd, (uint64_t)st.st_size));
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (!failed)
        return MW_OK;
    unlink(path);
    return mw_fail(report, MW_ERR_IO, "cannot write %s: %s", path, strerror(error));
}

mw_error mw_link(const mw_target *target, const int *objects, unsigned nobjects, const char *path,
                 mw_report *report)
{
    const char *fixed[] = {"ld.lld", "-shared", "-m", target->arch == MW_ARCH_AARCH64 ? "aarch64linux" : "elf_x86_64",
                           "--eh-frame-hdr", "--hash-style=gnu", "--build-id=none", "-z", "defs", "-z", "now", "-z",
                           "relro", "-z", "noexecstack", "-o", path};
    enum { NFIXED = sizeof fixed / sizeof *fixed };
    const char **argv = mw_calloc(NFIXED + nobjects + 1, sizeof *argv);
    char(*names)[32] = mw_calloc(nobjects, sizeof *names);
    memcpy(argv, fixed, sizeof fixed);
    for (unsigned i = 0; i < nobjects; i++) {
        snprintf(names[i], sizeof names[i], "/proc/self/fd/%d", objects[i]);
        argv[NFIXED + i] = names[i];
    }
    mw_error error = run_linker(argv, objects, nobjects, path, report);
    if (!error)
        error = seal_file(path, report);
    free(argv);
    free(names);
    return error;
}
