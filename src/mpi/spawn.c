/* Starting processes (MPI 4.1, 11.8): they run this program again, with the options of this process, on a module that is
 * found beneath the granted directories by every process itself. The guest chooses names, arguments and numbers; of its
 * info keys only those reach the host that give no rights. */
#include "base/words.h"
#include "mpi/state.h"
#include "shims.h"
#include "wasi/errno.h"
#include "wasi/wasi.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_TEXT 65536      /* of all names and arguments of a call, as text of words */
#define MAX_PROCESSES 65536 /* in a call: launchers take a number for what they can have */

/* Arguments of a command as launchers see them. MPICH's travel in lines of 1024 bytes, and its mpiexec has room for 1000 of
 * them without counting. */
#define CHUNK 512
#define MAX_CHUNKS 900

int32_t mw_in_dynamic(const mw_call *call, int32_t error_class)
{
    MW_TRY(mw_in_running(call));
    if (!call->comm && !mw_mpi_world) /* ports and names are the world model's (11.9) */
        return mw_raise_not_running(call);
    return mw_mpi_rights.allow_spawn ? MW_GUEST_SUCCESS
                                     : mw_raise_error(call, error_class, NULL, "mpiwasm's option --allow-spawn was not given");
}

int32_t mw_agree(const mw_call *call, const mw_comm_slot *comm, int32_t mine, int64_t *most)
{
    int64_t here[2] = {mine, most ? *most : 0}, all[2] = {0};
    int32_t error = mw_result(MPI_Allreduce(here, all, 2, MPI_INT64_T, MPI_MAX, comm->host));
    if (mine || error)
        return mine ? mine : error;
    if (all[0])
        return mw_raise_error(call, (int32_t)all[0], NULL, "it failed in another process of the communicator");
    if (most)
        *most = all[1];
    return MW_GUEST_SUCCESS;
}

/* ---- Info --------------------------------------------------------------------------------------------------------- */

/* All others are ignored, as hosts do with keys that they do not know: programs, environments, parameters and hosts are not
 * the guest's to choose. */
static const struct info_row {
    const char *key, *characters;
} info_rows[] = {
    {"soft", "0123456789:,"},
    /* Open MPI's, of published names: who sees them and how long they last */
    {"range", "abcdefghijklmnopqrstuvwxyz"},
    {"persistence", "abcdefghijklmnopqrstuvwxyz"},
};

int32_t mw_in_info_rights(const mw_call *call, const char *argument, mw_guest_info handle, MPI_Info *out)
{
    MPI_Info info;
    char value[MPI_MAX_INFO_VAL + 1];
    int flag;
    *out = MPI_INFO_NULL;
    MW_TRY(mw_in_info_or_null(call, argument, handle, &info));
    for (size_t i = 0; info != MPI_INFO_NULL && i < sizeof info_rows / sizeof *info_rows; i++) {
        const struct info_row *row = &info_rows[i];
        MW_TRY(mw_result(MPI_Info_get(info, row->key, MPI_MAX_INFO_VAL, value, &flag)));
        if (!flag || value[strspn(value, row->characters)])
            continue;
        if (*out == MPI_INFO_NULL)
            MW_TRY(mw_result(MPI_Info_create(out)));
        MW_TRY(mw_result(MPI_Info_set(*out, row->key, value)));
    }
    return MW_GUEST_SUCCESS;
}

/* ---- Command lines -------------------------------------------------------------------------------------------------- */

/* What the host's call is given. */
typedef struct job {
    mw_arena *arena;
    int count;
    char **commands, ***argvs;
    int *maxprocs;
    MPI_Info *infos;
    int64_t processes;
    size_t room; /* what is left of MAX_TEXT */
} job;

/* A command line in the making. */
typedef struct text {
    char *bytes;
    size_t size;
} text;

static int32_t put_word(const mw_call *call, const char *argument, job *j, text *t, const char *word, size_t length)
{
    size_t need = mw_word_put(t->bytes + t->size + 1, j->room ? j->room - 1 : 0, word, length) + 1;
    if (need > j->room)
        return mw_raise_error(call, MW_GUEST_ERR_SPAWN, argument, "names and arguments are longer than %d bytes in all",
                              MAX_TEXT);
    t->bytes[t->size] = ',';
    t->size += need;
    j->room -= need;
    return MW_GUEST_SUCCESS;
}

/* Element `i` of an array of guest pointers. */
static int32_t in_pointer(const mw_call *call, const char *argument, mw_guest_ptr array, int64_t i, mw_guest_ptr *out)
{
    uint64_t addr = array.addr + (uint64_t)i * sizeof *out;
    if (array.addr < 16 || addr > (mw_guest_addr)-1 || addr < array.addr ||
        !mw_guest_read(call->instance, (mw_guest_ptr){(mw_guest_addr)addr}, out, sizeof *out))
        return mw_raise_span(call, argument, array, ((uint64_t)i + 1) * sizeof *out);
    return MW_GUEST_SUCCESS;
}

/* The strings of an array that ends with a null pointer; none if the array is one (MPI_ARGV_NULL). */
static int32_t put_arguments(const mw_call *call, const char *argument, job *j, text *t, mw_guest_ptr array)
{
    for (int64_t i = 0; array.addr != MW_GUEST_ARGV_NULL; i++) {
        mw_guest_ptr string;
        const char *from;
        MW_TRY(in_pointer(call, argument, array, i, &string));
        if (string.addr == 0)
            break;
        int64_t length = string.addr < 16 ? -1 : mw_guest_string(call->instance, string, MAX_TEXT, &from);
        if (length < 0)
            return mw_raise_error(call, MW_GUEST_ERR_ARG, argument, "element %lld is not a string of at most %d bytes",
                                  (long long)i, MAX_TEXT);
        MW_TRY(put_word(call, argument, j, t, from, (size_t)length));
    }
    return MW_GUEST_SUCCESS;
}

/* The text in pieces: the arguments of a command, after the word that says what they are. */
static int32_t cut(const mw_call *call, job *j, const text *t, char ***out)
{
    int32_t error = MW_GUEST_SUCCESS;
    size_t n = (t->size + CHUNK - 1) / CHUNK;
    if (n > MAX_CHUNKS)
        return mw_raise_error(call, MW_GUEST_ERR_SPAWN, NULL, "mpiwasm's own options are too long to be passed on");
    char **argv = mw_arena_take(call, j->arena, (n + 2) * sizeof *argv, &error);
    char *pieces = argv ? mw_arena_take(call, j->arena, n * (CHUNK + 1), &error) : NULL;
    if (!pieces)
        return error;
    static char spawned[] = "spawned"; /* as in cli/spawned.h */
    argv[0] = spawned;
    for (size_t i = 0; i < n; i++) {
        size_t length = i + 1 < n ? CHUNK : t->size - i * CHUNK;
        argv[i + 1] = memcpy(pieces + i * (CHUNK + 1), t->bytes + i * CHUNK, length);
        argv[i + 1][length] = 0;
    }
    argv[n + 1] = NULL;
    *out = argv;
    return MW_GUEST_SUCCESS;
}

/* ---- Modules -------------------------------------------------------------------------------------------------------- */

/* Whether the open file is a module. It is looked at again, and no longer by its name alone, by those who run it: this
 * makes errors of what would end the job. */
static bool is_module(const mw_wasi_host_file *file)
{
    char magic[4];
    struct stat st;
    int fd = open(file->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool result = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && pread(fd, magic, sizeof magic, 0) == sizeof magic &&
                  !memcmp(magic, "\0asm", sizeof magic);
    if (fd >= 0)
        close(fd);
    return result;
}

/* The name of the module that `command` means: itself, or with .wasm behind it, as programs name their own executables. */
static int32_t find_module(const mw_call *call, const char *argument, mw_arena *arena, const char *command, char **out)
{
    mw_wasi_host_file file;
    int32_t error = MW_GUEST_SUCCESS;
    char *name = mw_arena_take(call, arena, strlen(command) + sizeof ".wasm", &error);
    if (!name)
        return error;
    strcpy(name, command);
    uint16_t errno_ = mw_wasi_open_host_file(call->instance, name, 0, &file);
    if (errno_ == MW_WASI_ENOENT)
        errno_ = mw_wasi_open_host_file(call->instance, strcat(name, ".wasm"), 0, &file);
    if (errno_)
        return mw_raise_error(call, MW_GUEST_ERR_SPAWN, argument, errno_ == MW_WASI_ENOENT ? "there is no module %s (%s)"
                              : errno_ == MW_WASI_ENOTCAPABLE ? "%s lies in no directory that was granted (%s)"
                              : "%s cannot be opened (%s)", command, mw_wasi_errno_name((mw_wasi_errno)errno_));
    if (!is_module(&file))
        error = mw_raise_error(call, MW_GUEST_ERR_SPAWN, argument, "%s is not a WebAssembly module", name);
    mw_wasi_close_host_file(&file);
    *out = name;
    return error;
}

/* ---- Jobs ----------------------------------------------------------------------------------------------------------- */

static int32_t begin_job(const mw_call *call, mw_arena *arena, int64_t count, job *j)
{
    int32_t error = MW_GUEST_SUCCESS;
    if (count < 1 || count > MAX_PROCESSES)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, "count", "%lld commands", (long long)count);
    *j = (job){.arena = arena, .room = MAX_TEXT};
    size_t n = (size_t)count;
    if (!(j->commands = mw_arena_take(call, arena, n * sizeof *j->commands, &error)) ||
        !(j->argvs = mw_arena_take(call, arena, n * sizeof *j->argvs, &error)) ||
        !(j->maxprocs = mw_arena_take(call, arena, n * sizeof *j->maxprocs, &error)) ||
        !(j->infos = mw_arena_take(call, arena, n * sizeof *j->infos, &error)))
        return error;
    return MW_GUEST_SUCCESS;
}

/* Adds a command; `names` are the guest's for it. Files are looked at last. */
static int32_t add_command(const mw_call *call, job *j, const char *const names[4], mw_guest_ptr command, mw_guest_ptr argv,
                           int32_t maxprocs, mw_guest_info info)
{
    const char *options = mw_mpi_rights.spawn_options ? mw_mpi_rights.spawn_options : "";
    size_t length = strlen(options), room = j->room;
    int32_t error = MW_GUEST_SUCCESS;
    char *name = NULL, *module = NULL;
    text arguments = {0}, t = {.size = length};

    if (maxprocs < 1 || (j->processes += maxprocs) > MAX_PROCESSES)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, names[2], "%d processes: not between 1 and %d in all", maxprocs,
                              MAX_PROCESSES);
    MW_TRY(mw_in_string(call, j->arena, names[0], command, MAX_TEXT, &name));
    if (!(arguments.bytes = mw_arena_take(call, j->arena, room, &error)) ||
        !(t.bytes = mw_arena_take(call, j->arena, length + room, &error)))
        return error;
    MW_TRY(put_arguments(call, names[1], j, &arguments, argv));
    int i = j->count++; /* from here on the info object is the job's to free */
    j->infos[i] = MPI_INFO_NULL;
    MW_TRY(mw_in_info_rights(call, names[3], info, &j->infos[i]));
    MW_TRY(find_module(call, names[0], j->arena, name, &module));
    memcpy(t.bytes, options, length);
    MW_TRY(put_word(call, names[0], j, &t, "--", 2));
    MW_TRY(put_word(call, names[0], j, &t, module, strlen(module)));
    memcpy(t.bytes + t.size, arguments.bytes, arguments.size);
    t.size += arguments.size;
    j->commands[i] = (char *)mw_mpi_rights.spawn_program;
    j->maxprocs[i] = maxprocs;
    return cut(call, j, &t, &j->argvs[i]);
}

static void end_job(job *j)
{
    for (int i = 0; i < j->count; i++)
        if (j->infos[i] != MPI_INFO_NULL)
            MPI_Info_free(&j->infos[i]);
}

/* What every process does once the root has its job, or has failed: `error`. */
static int32_t spawn(const mw_call *call, mw_arena *arena, const mw_comm_slot *comm, int root, bool multiple, job *j,
                     int32_t error, mw_guest_ptr intercomm, mw_guest_ptr errcodes)
{
    MPI_Comm host = MPI_COMM_NULL;
    mw_guest_word *out = NULL;
    int32_t *out_codes = NULL, code_error = MW_GUEST_SUCCESS;
    if (!error)
        error = mw_out_word(call, "intercomm", intercomm, &out);
    if (!error && j->count && errcodes.addr != MW_GUEST_ERRCODES_IGNORE)
        error = mw_out_ints(call, "array_of_errcodes", errcodes, j->processes, &out_codes);
    MW_TRY(mw_agree(call, comm, error, &j->processes));
    if (!j->count && errcodes.addr != MW_GUEST_ERRCODES_IGNORE)
        code_error = mw_out_ints(call, "array_of_errcodes", errcodes, j->processes, &out_codes);
    int *codes = mw_arena_take(call, arena, (uint64_t)j->processes * sizeof *codes, &error);
    if (!codes)
        return error;
    memset(codes, 0, (size_t)j->processes * sizeof *codes);
    /* Elsewhere than at the root all but the number of processes is ignored: Open MPI sets as many codes. */
    static char command[] = "", *no_argument = NULL, **no_arguments = &no_argument, *commands[] = {command};
    int all = (int)j->processes;
    MPI_Info no_info = MPI_INFO_NULL;
    if (j->count == 0)
        *j = (job){.count = 1, .commands = commands, .argvs = &no_arguments, .maxprocs = &all, .infos = &no_info,
                   .processes = all};
    int rc = multiple ? MPI_Comm_spawn_multiple(j->count, j->commands, j->argvs, j->maxprocs, j->infos, root, comm->host,
                                                &host, codes)
                      : MPI_Comm_spawn(j->commands[0], j->argvs[0], all, j->infos[0], root, comm->host, &host, codes);
    error = mw_result(rc);
    for (int i = 0; out_codes && i < all; i++) /* of Open MPI errors without a class are negative */
        out_codes[i] = codes[i] < 0 ? MW_GUEST_ERR_SPAWN : mw_result(codes[i]);
    if (error) {
        *out = MW_GUEST_COMM_NULL;
        return error;
    }
    error = mw_out_comm(call, "intercomm", host, out);
    return error ? error : code_error;
}

/* The communicator, the root and what must hold in every process. */
static int32_t in_spawn(mw_call *call, mw_guest_comm comm, int32_t root, const mw_comm_slot **host_comm, int *host_root,
                        mw_role *role)
{
    MW_TRY(mw_in_comm(call, "comm", comm, host_comm));
    if ((*host_comm)->inter)
        return mw_raise_error(call, MW_GUEST_ERR_COMM, "comm", "not an intracommunicator");
    return mw_in_root(call, "root", root, host_root, role);
}

int32_t mw_MPI_Comm_spawn(mw_instance *instance, mw_guest_ptr command, mw_guest_ptr argv, int32_t maxprocs,
                          mw_guest_info info, int32_t root, mw_guest_comm comm, mw_guest_ptr intercomm,
                          mw_guest_ptr array_of_errcodes)
{
    static const char *const names[] = {"command", "argv", "maxprocs", "info"};
    mw_call call = MW_CALL("MPI_Comm_spawn");
    const mw_comm_slot *host_comm;
    job j = {0};
    mw_role role;
    int host_root;
    MW_TRY(in_spawn(&call, comm, root, &host_comm, &host_root, &role));
    mw_arena arena = mw_scratch_begin();
    int32_t error = mw_in_dynamic(&call, MW_GUEST_ERR_SPAWN);
    if (!error && role == MW_ROLE_ROOT && !(error = begin_job(&call, &arena, 1, &j)))
        error = add_command(&call, &j, names, command, argv, maxprocs, info);
    error = spawn(&call, &arena, host_comm, host_root, false, &j, error, intercomm, array_of_errcodes);
    end_job(&j);
    mw_arena_end(&arena);
    return error;
}

int32_t mw_MPI_Comm_spawn_multiple(mw_instance *instance, int32_t count, mw_guest_ptr array_of_commands,
                                   mw_guest_ptr array_of_argv, mw_guest_ptr array_of_maxprocs,
                                   mw_guest_ptr array_of_info, int32_t root, mw_guest_comm comm, mw_guest_ptr intercomm,
                                   mw_guest_ptr array_of_errcodes)
{
    static const char *const names[] = {"array_of_commands", "array_of_argv", "array_of_maxprocs", "array_of_info"};
    mw_call call = MW_CALL("MPI_Comm_spawn_multiple");
    const mw_comm_slot *host_comm;
    job j = {0};
    mw_role role;
    int host_root, *maxprocs = NULL;
    mw_guest_word *infos = NULL;
    MW_TRY(in_spawn(&call, comm, root, &host_comm, &host_root, &role));
    mw_arena arena = mw_scratch_begin();
    int32_t error = mw_in_dynamic(&call, MW_GUEST_ERR_SPAWN);
    if (!error && role == MW_ROLE_ROOT && !(error = begin_job(&call, &arena, count, &j)) &&
        !(error = mw_in_ints(&call, &arena, names[2], array_of_maxprocs, count, &maxprocs)))
        error = mw_in_words(&call, &arena, names[3], array_of_info, count, &infos);
    for (int32_t i = 0; !error && role == MW_ROLE_ROOT && i < count; i++) {
        mw_guest_ptr command, argv = {MW_GUEST_ARGV_NULL};
        if (!(error = in_pointer(&call, names[0], array_of_commands, i, &command)) &&
            (array_of_argv.addr == MW_GUEST_ARGVS_NULL || !(error = in_pointer(&call, names[1], array_of_argv, i, &argv))))
            error = add_command(&call, &j, names, command, argv, maxprocs[i], (mw_guest_info){infos[i]});
    }
    error = spawn(&call, &arena, host_comm, host_root, true, &j, error, intercomm, array_of_errcodes);
    end_job(&j);
    mw_arena_end(&arena);
    return error;
}
