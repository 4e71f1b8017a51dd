/* Processes, which a guest cannot start and of which it sees only itself; dynamic linking; terminals. */
#include "program.h"
#include "unsupported.h"
#include <dlfcn.h>
#include <execinfo.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <syslog.h>
#include <termios.h>
#include <unistd.h>

pid_t fork(void)
{
    return mw_unsupported();
}

pid_t vfork(void)
{
    return mw_unsupported();
}

int execve(const char *path, char *const argv[], char *const envp[])
{
    (void)path, (void)argv, (void)envp;
    return mw_unsupported();
}

int execv(const char *path, char *const argv[])
{
    (void)path, (void)argv;
    return mw_unsupported();
}

int execvp(const char *file, char *const argv[])
{
    (void)file, (void)argv;
    return mw_unsupported();
}

int execl(const char *path, const char *arg, ...)
{
    (void)path, (void)arg;
    return mw_unsupported();
}

int execle(const char *path, const char *arg, ...)
{
    (void)path, (void)arg;
    return mw_unsupported();
}

int execlp(const char *file, const char *arg, ...)
{
    (void)file, (void)arg;
    return mw_unsupported();
}

int posix_spawn(pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *restrict attributes, char *const *restrict argv, char *const *restrict envp)
{
    (void)pid, (void)path, (void)actions, (void)attributes, (void)argv, (void)envp;
    return ENOSYS;
}

int posix_spawnp(pid_t *restrict pid, const char *restrict file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *restrict attributes, char *const *restrict argv, char *const *restrict envp)
{
    return posix_spawn(pid, file, actions, attributes, argv, envp);
}

/* Without a command: whether there is a shell (C11 7.22.4.8). */
int system(const char *command)
{
    return command ? mw_unsupported() : 0;
}

FILE *popen(const char *command, const char *mode)
{
    (void)command, (void)mode;
    errno = ENOSYS;
    return NULL;
}

int pclose(FILE *stream)
{
    (void)stream;
    return mw_unsupported();
}

int daemon(int nochdir, int noclose)
{
    (void)nochdir, (void)noclose;
    return mw_unsupported();
}

long syscall(long number, ...)
{
    (void)number;
    return mw_unsupported();
}

/* A guest never has children. */
static pid_t no_child(void)
{
    errno = ECHILD;
    return -1;
}

pid_t wait(int *status)
{
    (void)status;
    return no_child();
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    (void)pid, (void)status, (void)options;
    return no_child();
}

pid_t wait3(int *status, int options, struct rusage *usage)
{
    (void)status, (void)options, (void)usage;
    return no_child();
}

pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
    (void)pid, (void)status, (void)options, (void)usage;
    return no_child();
}

pid_t getppid(void)
{
    return 1;
}

pid_t getpgrp(void)
{
    return getpid();
}

static pid_t own(pid_t pid)
{
    if (pid == 0 || pid == getpid())
        return getpid();
    errno = ESRCH;
    return -1;
}

pid_t getpgid(pid_t pid)
{
    return own(pid);
}

pid_t getsid(pid_t pid)
{
    return own(pid);
}

int setpgid(pid_t pid, pid_t group)
{
    (void)pid, (void)group;
    return mw_unsupported();
}

pid_t setsid(void)
{
    return mw_unsupported();
}

int nice(int increment)
{
    (void)increment;
    return mw_unsupported();
}

int getpriority(int which, id_t who)
{
    (void)which, (void)who;
    return mw_unsupported();
}

int setpriority(int which, id_t who, int priority)
{
    (void)which, (void)who, (void)priority;
    return mw_unsupported();
}

int sched_getcpu(void)
{
    return mw_unsupported();
}

int getloadavg(double *averages, int count)
{
    (void)averages, (void)count;
    return mw_unsupported();
}

/* ---- dynamic linking -------------------------------------------------------------------------------------- */

static const char *dl_message;

void *dlopen(const char *file, int mode)
{
    (void)file, (void)mode;
    dl_message = "guests of mpiwasm have no dynamic linking";
    return NULL;
}

void *dlsym(void *restrict handle, const char *restrict name)
{
    (void)handle, (void)name;
    return dlopen(NULL, 0);
}

int dlclose(void *handle)
{
    (void)handle;
    dlopen(NULL, 0);
    return -1;
}

char *dlerror(void)
{
    char *message = (char *)dl_message;
    dl_message = NULL;
    return message;
}

int dladdr(const void *address, Dl_info *info)
{
    (void)address, (void)info;
    return 0;
}

int backtrace(void **frames, int size)
{
    (void)frames, (void)size;
    return 0;
}

char **backtrace_symbols(void *const *frames, int size)
{
    (void)frames, (void)size;
    return malloc(sizeof(char *)); /* the caller frees the list, empty as it is */
}

void backtrace_symbols_fd(void *const *frames, int size, int fd)
{
    (void)frames, (void)size, (void)fd;
}

/* ---- terminals, logs, System V ---------------------------------------------------------------------------- */

int tcgetattr(int fd, struct termios *settings)
{
    (void)fd, (void)settings;
    return mw_unsupported();
}

int tcsetattr(int fd, int when, const struct termios *settings)
{
    (void)fd, (void)when, (void)settings;
    return mw_unsupported();
}

int tcflush(int fd, int queue)
{
    (void)fd, (void)queue;
    return mw_unsupported();
}

int tcdrain(int fd)
{
    (void)fd;
    return mw_unsupported();
}

char *ttyname(int fd)
{
    (void)fd;
    errno = ENOSYS;
    return NULL;
}

int ttyname_r(int fd, char *name, size_t size)
{
    (void)fd, (void)name, (void)size;
    return ENOSYS;
}

static const char *log_name;
static int log_mask = 0xff;

void openlog(const char *name, int options, int facility)
{
    (void)options, (void)facility;
    log_name = name;
}

void closelog(void)
{
    log_name = NULL;
}

int setlogmask(int mask)
{
    int before = log_mask;
    if (mask)
        log_mask = mask;
    return before;
}

void vsyslog(int priority, const char *format, va_list arguments)
{
    if (!(log_mask & LOG_MASK(priority & 7)))
        return;
    fprintf(stderr, "%s: ", log_name ? log_name : mw_program_name());
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void syslog(int priority, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsyslog(priority, format, arguments);
    va_end(arguments);
}

key_t ftok(const char *path, int id)
{
    (void)path, (void)id;
    return mw_unsupported();
}

int shmget(key_t key, size_t size, int flags)
{
    (void)key, (void)size, (void)flags;
    return mw_unsupported();
}

void *shmat(int id, const void *address, int flags)
{
    (void)id, (void)address, (void)flags;
    return (void *)(long)mw_unsupported();
}

int shmdt(const void *address)
{
    (void)address;
    return mw_unsupported();
}

int shmctl(int id, int command, struct shmid_ds *buffer)
{
    (void)id, (void)command, (void)buffer;
    return mw_unsupported();
}
