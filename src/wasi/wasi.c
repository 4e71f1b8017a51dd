/* The host modules, and what an instance gets when it is attached. */
#include "wasi/wasi.h"
#include "wasi/state.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Host modules ----------------------------------------------------------------------------------------------- */

#define CODE(name) (mw_code_ptr)narrow_##name
#define SIGNATURE(...) MW_WASI_EACH(MW_WASI_LETTER, __VA_ARGS__)

/* Modules with 32-bit pointers: an argument's register holds 32 bits that count, so that each is extended first. */
#define NARROW_PARAM_none(n)
#define NARROW_PARAM_u32(n) , uint32_t a##n
#define NARROW_PARAM_u64(n) , uint64_t a##n
#define NARROW_PARAM_ptr(n) , uint32_t a##n
#define NARROW_PARAM_size(n) , uint32_t a##n
#define NARROW_PARAM(type, n) NARROW_PARAM_##type(n)
#define NARROW_ARG_none(n)
#define NARROW_ARG_u32(n) , a##n
#define NARROW_ARG_u64(n) , a##n
#define NARROW_ARG_ptr(n) , (mw_guest_ptr){a##n}
#define NARROW_ARG_size(n) , a##n
#define NARROW_ARG(type, n) NARROW_ARG_##type(n)
#define W(name, ...)                                                                               \
    static uint32_t narrow_##name(mw_instance *instance MW_WASI_EACH(NARROW_PARAM, __VA_ARGS__))   \
    {                                                                                              \
        return mw_wasi_##name(instance MW_WASI_EACH(NARROW_ARG, __VA_ARGS__));                     \
    }
#define V(name, ...) W(name, __VA_ARGS__) W(unstable_##name, __VA_ARGS__)
#define E(name, ...)                                                                               \
    static void narrow_##name(mw_instance *instance MW_WASI_EACH(NARROW_PARAM, __VA_ARGS__))       \
    {                                                                                              \
        mw_wasi_##name(instance MW_WASI_EACH(NARROW_ARG, __VA_ARGS__));                            \
    }
#include "wasi/funcs.def"
#undef W
#undef V
#undef E

static const mw_host_func snapshot_funcs[] = {
#define W(name, ...) {#name, SIGNATURE(__VA_ARGS__) ":i", CODE(name)},
#define V(name, ...) W(name, __VA_ARGS__)
#define E(name, ...) {#name, SIGNATURE(__VA_ARGS__) ":", CODE(name)},
#include "wasi/funcs.def"
#undef W
#undef V
#undef E
};

static const mw_host_func wide_funcs[] = {
#define W(name, ...) {#name, MW_WASI_EACH(MW_WASI_WIDE_LETTER, __VA_ARGS__) ":i", (mw_code_ptr)mw_wasi_##name},
#define V(name, ...) W(name, __VA_ARGS__)
#define E(name, ...) {#name, MW_WASI_EACH(MW_WASI_WIDE_LETTER, __VA_ARGS__) ":", (mw_code_ptr)mw_wasi_##name},
#include "wasi/funcs.def"
#undef W
#undef V
#undef E
};

static const mw_host_func unstable_funcs[] = {
#define W(name, ...) {#name, SIGNATURE(__VA_ARGS__) ":i", CODE(name)},
#define E(name, ...) {#name, SIGNATURE(__VA_ARGS__) ":", CODE(name)},
#define V(name, ...) {#name, SIGNATURE(__VA_ARGS__) ":i", CODE(unstable_##name)},
#include "wasi/funcs.def"
#undef W
#undef V
#undef E
};

/* wasi_unstable is older than any compiler for 64-bit pointers, and their threads have no ABI. */
const mw_host_module *mw_wasi_modules(bool wide)
{
    static const mw_host_module wide_modules[] = {
        {"wasi_snapshot_preview1", wide_funcs, sizeof wide_funcs / sizeof *wide_funcs},
        {NULL, NULL, 0},
    };
    static const mw_host_module modules[] = {
        {"wasi_snapshot_preview1", snapshot_funcs, sizeof snapshot_funcs / sizeof *snapshot_funcs},
        {"wasi_unstable", unstable_funcs, sizeof unstable_funcs / sizeof *unstable_funcs},
        {"wasi", mw_wasi_thread_funcs, 1},
        {"mpiwasm", mw_wasi_own_funcs, 1},
        {NULL, NULL, 0},
    };
    return wide ? wide_modules : modules;
}

/* ---- Standard streams ------------------------------------------------------------------------------------------- */

static mw_wasi_filetype filetype_of_stream(int host, const struct stat *st)
{
    mw_wasi_filetype type = mw_wasi_filetype_of(st->st_mode);
    int kind;
    socklen_t size = sizeof kind;
    if (type == MW_WASI_FILETYPE_SOCKET_STREAM && getsockopt(host, SOL_SOCKET, SO_TYPE, &kind, &size) == 0 &&
        kind == SOCK_DGRAM)
        type = MW_WASI_FILETYPE_SOCKET_DGRAM;
    return type;
}

/* The process's 0, 1 and 2, those that are open, with the same numbers. The guest reads the first and writes the
 * others, whatever else the host's descriptors could; a directory as standard input is not a granted one. */
static mw_wasi_errno open_streams(mw_wasi_state *state)
{
    for (int i = 0; i < 3; i++) {
        struct stat st;
        state->std_flags[i] = fcntl(i, F_GETFL);
        if (state->std_flags[i] < 0 || fstat(i, &st) != 0)
            continue;
        mw_wasi_filetype type = filetype_of_stream(i, &st);
        mw_wasi_rights rights = mw_wasi_rights_of_type(type);
        const mw_wasi_rights writing = MW_WASI_RIGHT_FD_WRITE | MW_WASI_RIGHT_FD_ALLOCATE |
                                       MW_WASI_RIGHT_FD_FILESTAT_SET_SIZE | MW_WASI_RIGHT_FD_FILESTAT_SET_TIMES;
        rights &= ~(i == 0 ? writing : (mw_wasi_rights)MW_WASI_RIGHT_FD_READ);
        if (type == MW_WASI_FILETYPE_DIRECTORY)
            rights = MW_WASI_RIGHT_FD_FILESTAT_GET;
        const mw_wasi_fd_init init = {.host = i, .filetype = type, .borrowed = true, .rights = rights};
        uint32_t fd;
        mw_wasi_errno error = mw_wasi_fd_open(state, (uint32_t)i, &init, &fd);
        if (error)
            return error;
    }
    return MW_WASI_ESUCCESS;
}

/* Flags like O_NONBLOCK belong to the open file, which the process shares with its parent and with other ranks. */
static void restore_streams(const mw_wasi_state *state)
{
    for (int i = 0; i < 3; i++) {
        int flags = state->std_flags[i] < 0 ? -1 : fcntl(i, F_GETFL);
        if (flags >= 0 && flags != state->std_flags[i])
            fcntl(i, F_SETFL, state->std_flags[i]);
    }
}

/* A write to a pipe that nobody reads, or past the limit on files, is the guest's error and not this process's
 * end. Handlers of the host's stay: false. */
static bool ignore_signal(int signal, struct sigaction *old)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    return sigaction(signal, NULL, old) == 0 && !(old->sa_flags & SA_SIGINFO) && old->sa_handler == SIG_DFL &&
           sigaction(signal, &ignore, NULL) == 0;
}

static void restore_signal(int signal, const struct sigaction *old)
{
    struct sigaction now;
    if (sigaction(signal, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_IGN)
        sigaction(signal, old, NULL);
}

/* ---- Attaching -------------------------------------------------------------------------------------------------- */

static mw_error open_granted(mw_wasi_state *state, const mw_wasi_dir *dir, mw_report *report)
{
    int host = open(dir->host_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (host < 0 && errno == EACCES) /* may be searched but not listed */
        host = open(dir->host_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (host < 0)
        return mw_fail(report, MW_ERR_USAGE, "cannot grant the directory '%s': %s", dir->host_path, strerror(errno));
    const mw_wasi_rights directory = mw_wasi_rights_of_type(MW_WASI_FILETYPE_DIRECTORY);
    const mw_wasi_fd_init init = {
        .host = host, .filetype = MW_WASI_FILETYPE_DIRECTORY,
        .read_only = dir->read_only, .preopen = dir->guest_path,
        .rights = directory, .inheriting = directory | mw_wasi_rights_of_type(MW_WASI_FILETYPE_REGULAR_FILE),
    };
    uint32_t fd;
    mw_wasi_errno error = mw_wasi_fd_open(state, 3, &init, &fd);
    if (error) {
        close(host);
        return mw_fail(report, MW_ERR_USAGE, "cannot grant the directory '%s': too many open files", dir->host_path);
    }
    return MW_OK;
}

mw_error mw_wasi_attach(mw_instance *instance, const mw_wasi_config *config, mw_report *report)
{
    mw_wasi_state *state = calloc(1, sizeof *state);
    if (!state)
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    state->config = *config;
    if (mw_wasi_fd_table_init(state) != MW_WASI_ESUCCESS) {
        free(state);
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    }
    mw_error error = MW_OK;
    if (open_streams(state) != MW_WASI_ESUCCESS)
        error = mw_fail(report, MW_ERR_IO, "cannot pass the standard streams on: too many open files");
    for (int i = 0; i < config->ndirs && error == MW_OK; i++)
        error = open_granted(state, &config->dirs[i], report);
    if (error == MW_OK)
        error = mw_wasi_threads_attach(state, instance, report);
    if (error != MW_OK) {
        mw_wasi_fd_table_free(state);
        free(state);
        return error;
    }
    state->pipe_kills = ignore_signal(SIGPIPE, &state->old_pipe);
    ignore_signal(SIGXFSZ, &state->old_xfsz);
    instance->host[MW_HOST_WASI] = state;
    return MW_OK;
}

void mw_wasi_detach(mw_instance *instance)
{
    mw_wasi_state *state = mw_wasi_state_of(instance);
    if (!state)
        return;
    instance->host[MW_HOST_WASI] = NULL;
    restore_signal(SIGPIPE, &state->old_pipe);
    restore_signal(SIGXFSZ, &state->old_xfsz);
    restore_streams(state);
    mw_wasi_fd_table_free(state);
    mw_threads_free(state->threads);
    free(state);
}

uint32_t mw_wasi_live_threads(const mw_instance *instance)
{
    const mw_wasi_state *state = mw_wasi_state_of(instance);
    return state && state->threads ? mw_threads_live(state->threads) : 0;
}

void mw_wasi_leave(mw_instance *instance)
{
    if (mw_wasi_state_of(instance))
        restore_streams(mw_wasi_state_of(instance));
}
