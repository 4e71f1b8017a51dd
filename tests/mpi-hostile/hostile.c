/* A guest that calls every function of MPI with every argument wrong in many ways, one at a time, the others being right.
 * Whatever happens must be an MPI error or a trap: the host process stays whole.
 *
 *     hostile FIRST LAST    makes the cases from FIRST to LAST and says each one's number on standard error first
 */
#include <limits.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum class {
    NONE, BUFFER, FUNCTION, STRING, STRINGS, STRING_LISTS, OUT, TYPES, REQUESTS, INFOS, ZEROS, ONES, AINTS, LONGS, COMM, GROUP, EMPTY_GROUP, TYPE, OP, REQUEST,
    ERRHANDLER, INFO, MESSAGE, WIN, WIN_PLACE, FILE_HANDLE, FILE_PLACE, COMM_PLACE, GROUP_PLACE, TYPE_PLACE, OP_PLACE, REQUEST_PLACE, ERRHANDLER_PLACE, INFO_PLACE, MESSAGE_PLACE,
    SESSION, SESSION_PLACE, T_ENUM, T_CVAR, T_CVAR_PLACE, T_PVAR, T_PVAR_PLACE, T_PVAR_SESSION, T_PVAR_SESSION_PLACE,
    T_EVENT, T_EVENT_INSTANCE, PARTITIONED_SEND, PARTITIONED_RECV,
    COUNT, PEER, TARGET, ROOT, TAG, BYTES, INT
};

#define MAX_PARAMS 13
struct call {
    const char *name;
    void (*make)(const int64_t *arguments);
    int nparams;
    enum class classes[MAX_PARAMS];
};

#include "calls.h"

/* Room for what is read and written: arrays of 64 elements, results and buffers of as many as the largest count that
 * succeeds (1000), so that the program does not overwrite itself. */
static struct {
    int before[1 << 16];
    int buffers[MAX_PARAMS][1024];
    int after[1 << 16]; /* wild displacements that stay in memory end here, or before */
} room;
static int ones[64], scratch[2048];
static intptr_t zeros[64], aints[64], place; /* zeros are ints, too */
static int64_t longs[64];
static char unaligned[4096];
static const char *strings[65];         /* ends with a null pointer */
static const char *const *lists[64];
static MPI_Datatype types[64];
static MPI_Request requests[64];
static MPI_Info infos[64];
static MPI_Info info;
static MPI_Group group;
static uint32_t freed_type;
static MPI_File file; /* of each function anew, too */
static MPI_Request partitioned[2]; /* active; null on a host without such requests */
static MPI_Win win; /* of each function anew: calls leave it in one state or another */

static MPI_Session session;
static MPI_T_enum t_enum;
static MPI_T_cvar_handle t_cvar;
static MPI_T_pvar_session t_session;
static MPI_T_pvar_handle t_pvar;

static void operation(void *in, void *inout, int *n, MPI_Datatype *type)
{
    (void)in, (void)inout, (void)n, (void)type;
}

static void reset(void)
{
    for (int i = 0; i < 64; i++) {
        zeros[i] = 0;
        ones[i] = 1;
        aints[i] = 1;
        longs[i] = 1;
        types[i] = MPI_INT;
        requests[i] = MPI_REQUEST_NULL;
        infos[i] = MPI_INFO_NULL;
        strings[i] = "a string";
        lists[i] = strings + 60;
    }
    memcpy(unaligned + 1, ones, sizeof ones);
}

#define ADDRESS(object) ((int64_t)(uintptr_t)(object))

static int64_t in_place(int64_t value)
{
    place = (intptr_t)value;
    return ADDRESS(&place);
}

static MPI_Win new_window(void)
{
    static int memory[64];
    MPI_Win made;
    MPI_Win_create(memory, sizeof memory, 4, MPI_INFO_NULL, MPI_COMM_SELF, &made);
    MPI_Win_set_errhandler(made, MPI_ERRORS_RETURN);
    return made;
}

/* Whatever epoch the calls have left it in. */
static void free_window(MPI_Win *window)
{
    MPI_Win_unlock(0, *window);
    MPI_Win_unlock_all(*window);
    MPI_Win_complete(*window);
    MPI_Win_fence(MPI_MODE_NOSUCCEED, *window);
    MPI_Win_free(window);
}

/* A send of 64 partitions to the process itself and its receive. */
static void start_partitioned(void)
{
    static int in[64], out[64];
    partitioned[0] = partitioned[1] = MPI_REQUEST_NULL;
    if (MPI_Psend_init(in, 64, 1, MPI_INT, 0, 77, MPI_COMM_SELF, MPI_INFO_NULL, &partitioned[0]) == MPI_SUCCESS) {
        MPI_Precv_init(out, 64, 1, MPI_INT, 0, 77, MPI_COMM_SELF, MPI_INFO_NULL, &partitioned[1]);
        MPI_Startall(2, partitioned);
    }
}

/* Whatever partitions are ready. */
static void end_partitioned(void)
{
    for (int i = 0; i < 64; i++)
        MPI_Pready(i, partitioned[0]);
    MPI_Waitall(2, partitioned, MPI_STATUSES_IGNORE);
}

static MPI_File new_file(void)
{
    MPI_File made;
    MPI_File_open(MPI_COMM_SELF, "file", MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &made);
    return made;
}

/* MPI_SESSION_NULL where the host has none. */
static MPI_Session new_mpi_session(void)
{
    MPI_Session made = MPI_SESSION_NULL;
    MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &made);
    return made;
}

static MPI_T_cvar_handle new_cvar(void)
{
    MPI_T_cvar_handle made = MPI_T_CVAR_HANDLE_NULL;
    int count;
    MPI_T_cvar_handle_alloc(0, NULL, &made, &count);
    return made;
}

/* Of the first variable that one can have a handle of; not all hosts have any. */
static MPI_T_pvar_handle new_pvar(void)
{
    MPI_T_pvar_handle made = MPI_T_PVAR_HANDLE_NULL;
    MPI_Comm self = MPI_COMM_SELF;
    int n = 0, count;
    MPI_T_pvar_get_num(&n);
    for (int i = 0; i < n; i++)
        if (MPI_T_pvar_handle_alloc(t_session, i, &self, &made, &count) == MPI_SUCCESS)
            break;
    return made;
}

static MPI_T_pvar_session new_session(void)
{
    MPI_T_pvar_session made = MPI_T_PVAR_SESSION_NULL;
    MPI_T_pvar_session_create(&made);
    return made;
}

/* The tool interface is used more often than it is finalized. */
static void begin_tools(void)
{
    int provided, n = 0;
    MPI_T_init_thread(MPI_THREAD_SINGLE, &provided);
    MPI_T_init_thread(MPI_THREAD_SINGLE, &provided);
    MPI_T_cvar_get_num(&n);
    for (int i = 0; i < n && t_enum == MPI_T_ENUM_NULL; i++)
        MPI_T_cvar_get_info(i, NULL, NULL, NULL, NULL, &t_enum, NULL, NULL, NULL, NULL);
    t_cvar = new_cvar();
    t_session = new_session();
    t_pvar = new_pvar();
}

/* For parameter number `p`: buffers of one call must not overlap. */
static int64_t good(enum class class, int p)
{
    switch (class) {
    case BUFFER: return ADDRESS(room.buffers[p]);
    case FUNCTION: return ADDRESS(operation);
    case STRING: return ADDRESS("a string");
    case STRINGS: return ADDRESS(strings);
    case STRING_LISTS: return ADDRESS(lists);
    case OUT: return ADDRESS(scratch);
    case TYPES: return ADDRESS(types);
    case REQUESTS: return ADDRESS(requests);
    case INFOS: return ADDRESS(infos);
    case ZEROS: return ADDRESS(zeros);
    case ONES: return ADDRESS(ones);
    case AINTS: return ADDRESS(aints);
    case LONGS: return ADDRESS(longs);
    case COMM: return ADDRESS(MPI_COMM_SELF);
    case GROUP: return ADDRESS(group);
    case EMPTY_GROUP: return ADDRESS(MPI_GROUP_EMPTY);
    case TYPE: return ADDRESS(MPI_INT);
    case OP: return ADDRESS(MPI_SUM);
    case REQUEST: return ADDRESS(MPI_REQUEST_NULL);
    case PARTITIONED_SEND: return ADDRESS(partitioned[0]);
    case PARTITIONED_RECV: return ADDRESS(partitioned[1]);
    case ERRHANDLER: return ADDRESS(MPI_ERRORS_RETURN);
    case INFO: return ADDRESS(info);
    case MESSAGE: return ADDRESS(MPI_MESSAGE_NO_PROC);
    case WIN: return ADDRESS(win);
    case WIN_PLACE: return in_place(ADDRESS(new_window()));
    case FILE_HANDLE: return ADDRESS(file);
    case FILE_PLACE: return in_place(ADDRESS(new_file()));
    /* What would end a predefined object is refused, and so may be repeated. */
    case COMM_PLACE: return in_place(ADDRESS(MPI_COMM_WORLD));
    case GROUP_PLACE: return in_place(ADDRESS(MPI_GROUP_EMPTY));
    case TYPE_PLACE: return in_place(ADDRESS(MPI_INT));
    case OP_PLACE: return in_place(ADDRESS(MPI_SUM));
    case REQUEST_PLACE: return in_place(ADDRESS(MPI_REQUEST_NULL));
    case ERRHANDLER_PLACE: return in_place(ADDRESS(MPI_ERRORS_RETURN));
    case INFO_PLACE: return in_place(ADDRESS(MPI_INFO_NULL));
    case MESSAGE_PLACE: return in_place(ADDRESS(MPI_MESSAGE_NO_PROC));
    case SESSION: return ADDRESS(session);
    case SESSION_PLACE: return in_place(ADDRESS(new_mpi_session()));
    case T_ENUM: return ADDRESS(t_enum);
    case T_CVAR: return ADDRESS(t_cvar);
    case T_CVAR_PLACE: return in_place(ADDRESS(new_cvar()));
    case T_PVAR: return ADDRESS(t_pvar);
    case T_PVAR_PLACE: return in_place(ADDRESS(new_pvar()));
    case T_PVAR_SESSION: return ADDRESS(t_session);
    case T_PVAR_SESSION_PLACE: return in_place(ADDRESS(new_session()));
    case T_EVENT: /* no host has events; tests/mpi/test_events.c makes one */
    case T_EVENT_INSTANCE: return 0;
    case COUNT: return 1;
    case PEER: return MPI_PROC_NULL; /* nobody answers, nothing blocks */
    case TARGET:
    case ROOT: return 0;
    case TAG: return 5;
    case BYTES: return 16;
    default: return 1;
    }
}

/* Each `bad` writes hostile value number `i` for a class, or returns 0 when there are no more. */
static int bad_pointer(int i, int64_t *value)
{
    const int64_t end = (int64_t)__builtin_wasm_memory_size(0) * 65536;
    const int64_t values[] = {0, 1, 2, 8, 15, ADDRESS(unaligned) + 1, end - 1, end - 3, end - 4, end, end + 65536, 0x7fffffff,
                              0x80000000, 0xfffffff0, 0xffffffff, ADDRESS(&place),
#ifdef __wasm64__
                              0x100000000 + ADDRESS(&place), INT64_MAX, INT64_MIN, INT64_MIN + ADDRESS(&place), -1, -4, -65536,
#endif
    };
    return i < (int)(sizeof values / sizeof *values) ? (*value = values[i], 1) : 0;
}

static const uintptr_t wild_handles[] = {
    0, 1, 0x100, 0x101, 0x108, 0x140, 0x180, 0x200, 0x209, 0x21, 0xfff, 0x1000, 0x1001, 0x10001000, 0x20001000, 0x30001000,
    0x30001001, 0x40001000, 0x50001000, 0x60001000, 0x70001000, 0x70101000, 0xa0001000, 0xb0001000, 0xb0001001, 0xb0101001, 0x3fffffff, 0x7fffffff,
    0x80000000, 0xf0000000, 0xf0010001, 0xf0010002, 0xf0010003, 0xfffffffe, 0xffffffff,
#ifdef __wasm64__
    0x100000101, 0x100000209, 0x110001000, 0x8000000000000101, 0x8000000000000140, 0xffffffffffffffff,
#endif
};
#define WILD_HANDLES ((int)(sizeof wild_handles / sizeof *wild_handles))

static int bad_handle(int i, int64_t *value)
{
    if (i == WILD_HANDLES)
        return *value = freed_type, 1;
    return i < WILD_HANDLES ? (*value = (int64_t)wild_handles[i], 1) : 0;
}

/* A right place with a wild handle in it, then wrong places. */
static int bad_place(int i, int64_t *value)
{
    int64_t handle;
    if (bad_handle(i, &handle))
        return *value = in_place(handle), 1;
    return bad_pointer(i - WILD_HANDLES - 1, value);
}

static const int32_t wild_ints[] = {-1, -2, -3, -4, -32766, INT_MIN, INT_MIN + 1, INT_MAX, INT_MAX - 1, 0x1000000, 0x40000000, 0, 3, 1000};
#define WILD_INTS ((int)(sizeof wild_ints / sizeof *wild_ints))

static int bad_int(int i, int64_t *value)
{
    return i < WILD_INTS ? (*value = wild_ints[i], 1) : 0;
}

static int bad_aints(int i, int64_t *value)
{
    if (i < WILD_INTS) {
        for (int k = 0; k < 64; k++)
            aints[k] = wild_ints[i];
        return *value = ADDRESS(aints), 1;
    }
#ifdef __wasm64__
    static const int64_t wild[] = {INT64_MIN, INT64_MAX, 0x100000000, 0x7fffffff00000000};
    if (i < WILD_INTS + 4) {
        for (int k = 0; k < 64; k++)
            aints[k] = wild[i - WILD_INTS];
        return *value = ADDRESS(aints), 1;
    }
    i -= 4;
#endif
    return bad_pointer(i - WILD_INTS, value);
}

/* Arrays: wild elements at the right place, then wrong places. */
static int bad_ints(int i, int *array, int64_t *value)
{
    if (i < WILD_INTS) {
        for (int k = 0; k < 64; k++)
            array[k] = wild_ints[i];
        return *value = ADDRESS(array), 1;
    }
    return bad_pointer(i - WILD_INTS, value);
}

static int bad_longs(int i, int64_t *value)
{
    static const int64_t wild[] = {-1, INT64_MIN, INT64_MAX, 0x100000000, 0x7fffffff};
    if (i < 5) {
        for (int k = 0; k < 64; k++)
            longs[k] = wild[i];
        return *value = ADDRESS(longs), 1;
    }
    return bad_pointer(i - 5, value);
}

static int bad_handles(int i, void *array, int64_t *value)
{
    int64_t handle;
    if (bad_handle(i, &handle)) {
        for (int k = 0; k < 64; k++)
            ((uintptr_t *)array)[k] = (uintptr_t)handle;
        return *value = ADDRESS(array), 1;
    }
    return bad_pointer(i - WILD_HANDLES - 1, value);
}

static int bad_string(int i, int64_t *value)
{
    if (i == 0)
        return *value = ADDRESS(""), 1;
    if (i == 1) {
        /* No NUL up to the end of memory. */
        char *last = (char *)(uintptr_t)(__builtin_wasm_memory_size(0) * 65536 - 64);
        memset(last, 'x', 64);
        return *value = ADDRESS(last), 1;
    }
    return bad_pointer(i - 2, value);
}

/* Wild pointers in an array of strings, or of such arrays, then wrong places. */
static int bad_pointers(int i, void *array, int64_t *value)
{
    int64_t pointer;
    if (!bad_pointer(i / 3, &pointer))
        return 0;
    if (i % 3 == 2)
        return *value = pointer, 1;
    ((uintptr_t *)array)[i % 3 ? 3 : 0] = (uintptr_t)pointer;
    return *value = ADDRESS(array), 1;
}

static int bad_wide(int i, int64_t *value)
{
    static const int64_t wild[] = {0x100000000, 0x7fffffffffffffff, INT64_MIN, -0x100000000};
    if (i < 4)
        return *value = wild[i], 1;
    return bad_int(i - 4, value);
}

static int bad(enum class class, int i, int64_t *value)
{
    switch (class) {
    case BUFFER:
    case OUT: return bad_pointer(i, value);
    case STRING: return bad_string(i, value);
    case STRINGS: return bad_pointers(i, strings, value);
    case STRING_LISTS: return bad_pointers(i, lists, value);
    case FUNCTION: return i == 0 ? (*value = ADDRESS(reset), 1) : bad_pointer(i - 1, value);
    case TYPES: return bad_handles(i, types, value);
    case REQUESTS: return bad_handles(i, requests, value);
    case INFOS: return bad_handles(i, infos, value);
    case AINTS: return bad_aints(i, value);
    case ZEROS: return bad_ints(i, (int *)zeros, value);
    case ONES: return bad_ints(i, ones, value);
    case LONGS: return bad_longs(i, value);
    case COMM:
    case GROUP:
    case EMPTY_GROUP:
    case TYPE:
    case OP:
    case REQUEST:
    case PARTITIONED_SEND:
    case PARTITIONED_RECV:
    case ERRHANDLER:
    case INFO:
    case WIN:
    case FILE_HANDLE:
    case SESSION:
    case T_ENUM:
    case T_CVAR:
    case T_PVAR:
    case T_PVAR_SESSION:
    case T_EVENT:
    case T_EVENT_INSTANCE:
    case MESSAGE: return bad_handle(i, value);
    case WIN_PLACE:
    case FILE_PLACE:
    case COMM_PLACE:
    case GROUP_PLACE:
    case TYPE_PLACE:
    case OP_PLACE:
    case REQUEST_PLACE:
    case ERRHANDLER_PLACE:
    case INFO_PLACE:
    case SESSION_PLACE:
    case T_CVAR_PLACE:
    case T_PVAR_PLACE:
    case T_PVAR_SESSION_PLACE:
    case MESSAGE_PLACE: return bad_place(i, value);
    case COUNT: return bad_wide(i, value);
    case PEER:
        /* Not the process itself and not MPI_ANY_SOURCE: those wait for a partner that does not come. */
        return bad_int(i, value) ? (*value == 0 || *value == MPI_ANY_SOURCE ? (*value = 77) : 0, 1) : 0;
    case TARGET:
    case ROOT:
    case TAG:
    case BYTES:
    case INT: return bad_wide(i, value);
    default: return 0;
    }
}

static long number, first, last;

static void one(const struct call *call, const int64_t *arguments, int which)
{
    char text[200];
    if (number >= first && number <= last) {
        int length = snprintf(text, sizeof text, "case %ld %s argument %d = %lld\n", number, call->name, which,
                              which < 0 ? 0LL : (long long)arguments[which]);
        write(2, text, (size_t)length);
        call->make(arguments);
    }
    number++;
}

int main(int argc, char **argv)
{
    MPI_Datatype type;

    first = argc > 1 ? atol(argv[1]) : 0;
    last = argc > 2 ? atol(argv[2]) : LONG_MAX;
    MPI_Init(&argc, &argv);
    begin_tools();
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    session = new_mpi_session();
    MPI_Info_create(&info);
    MPI_Comm_group(MPI_COMM_WORLD, &group);
    MPI_Type_contiguous(3, MPI_INT, &type);
    freed_type = (uint32_t)ADDRESS(type);
    MPI_Type_free(&type);
    MPI_Win epoch = new_window(); /* in which operations are allowed */
    MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, epoch);

    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        const struct call *call = &calls[c];
        int own = strncmp(call->name, "MPI_Win_", 8) == 0;
        int on_file = strncmp(call->name, "MPI_File_", 9) == 0;
        win = own ? new_window() : epoch;
        if (on_file)
            file = new_file();
        int in_partitions = strncmp(call->name, "MPI_Pready", 10) == 0 || strcmp(call->name, "MPI_Parrived") == 0;
        if (in_partitions)
            start_partitioned();
        for (int which = -1; which < call->nparams; which++) {
            for (int i = 0;; i++) {
                int64_t arguments[MAX_PARAMS], value = 0;
                reset();
                if (which >= 0 && !bad(call->classes[which], i, &value))
                    break;
                for (int p = 0; p < call->nparams; p++)
                    arguments[p] = p == which ? value : good(call->classes[p], p);
                one(call, arguments, which);
                if (which < 0)
                    break;
            }
        }
        if (in_partitions)
            end_partitioned();
        if (own)
            free_window(&win);
        if (on_file)
            MPI_File_close(&file);
    }
    free_window(&epoch);
    fprintf(stderr, "done %ld\n", number);
    MPI_Finalize();
    return 0;
}
