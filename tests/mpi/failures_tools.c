/* A tool that asks for what would crash a host library, or would make it do what the guest may not. */
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int wrong, written;
static MPI_T_pvar_session session, other;
static MPI_T_pvar_handle stale;
static MPI_T_cvar_handle freed_cvar;
static char value[1 << 18];

#define EXPECT(call, code)                                                                         \
    do {                                                                                           \
        int got_ = (call);                                                                         \
        if (got_ != (code)) {                                                                      \
            printf("line %d: %d, not %d\n", __LINE__, got_, code);                                 \
            wrong++;                                                                               \
        }                                                                                          \
    } while (0)

static int name_of(int index, char *name, int length, MPI_Datatype *type, int *scope)
{
    return MPI_T_cvar_get_info(index, name, &length, NULL, type, NULL, NULL, NULL, NULL, scope);
}

/* Every variable is read, whatever has become of what it belongs to; every one is written with something else, which
 * must be refused or be a threshold. Values at the end of memory have no room. */
static void all_variables(int write)
{
    const uintptr_t end = __builtin_wasm_memory_size(0) * 65536;
    int n = 0;
    EXPECT(MPI_T_cvar_get_num(&n), MPI_SUCCESS);
    for (int i = 0; i < n; i++) {
        char name[512];
        int count = 0, scope;
        MPI_Datatype type;
        MPI_T_cvar_handle handle;
        if (name_of(i, name, sizeof name, &type, &scope) != MPI_SUCCESS || MPI_T_cvar_handle_alloc(i, NULL, &handle, &count))
            continue;
        memset(value, 0, sizeof value);
        int rc = MPI_T_cvar_read(handle, value);
        if (rc == MPI_SUCCESS && type != MPI_CHAR)
            EXPECT(MPI_T_cvar_read(handle, (void *)(end - (type == MPI_C_BOOL ? 0 : 3))), MPI_T_ERR_INVALID);
        EXPECT(MPI_T_cvar_read(handle, (void *)end) == MPI_SUCCESS, 0);
        value[0] ^= 1;
        if (write && MPI_T_cvar_write(handle, value) == MPI_SUCCESS) {
            value[0] ^= 1;
            EXPECT(MPI_T_cvar_write(handle, value), MPI_SUCCESS);
            if (type != MPI_INT || scope == MPI_T_SCOPE_READONLY || scope == MPI_T_SCOPE_CONSTANT || !strstr(name, "_MSG_SIZE"))
                printf("written: %s\n", name), written++;
        }
        EXPECT(MPI_T_cvar_handle_free(&handle), MPI_SUCCESS);
    }
}

static void indices(void)
{
    static const int wild[] = {-1, -2, INT32_MIN, INT32_MAX, 1 << 20};
    int count, ints[8];
    MPI_T_cvar_handle cvar;
    MPI_T_pvar_handle pvar;
    for (int i = 0; i < 5; i++) {
        EXPECT(MPI_T_cvar_get_info(wild[i], NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), MPI_T_ERR_INVALID_INDEX);
        EXPECT(MPI_T_cvar_handle_alloc(wild[i], NULL, &cvar, &count), MPI_T_ERR_INVALID_INDEX);
        EXPECT(MPI_T_pvar_get_info(wild[i], NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
               MPI_T_ERR_INVALID_INDEX);
        EXPECT(MPI_T_pvar_handle_alloc(session, wild[i], NULL, &pvar, &count), MPI_T_ERR_INVALID_INDEX);
        EXPECT(MPI_T_category_get_info(wild[i], NULL, NULL, NULL, NULL, NULL, NULL, NULL), MPI_T_ERR_INVALID_INDEX);
        EXPECT(MPI_T_category_get_cvars(wild[i], 8, ints), MPI_T_ERR_INVALID_INDEX);
    }
    EXPECT(MPI_T_category_get_cvars(0, -1, ints), MPI_T_ERR_INVALID);
    EXPECT(MPI_T_pvar_get_index("x", 77, &count), MPI_T_ERR_INVALID_NAME);
    EXPECT(MPI_T_cvar_get_index(NULL, &count), MPI_T_ERR_INVALID);
    EXPECT(MPI_T_cvar_get_index("x", NULL), MPI_T_ERR_INVALID);
}

static void handles(void)
{
    int count, n = -1;
    uint32_t wild[] = {0, 2, 0xf0000001, 0xf0010001, 0xffffffff, 0x10001000, 0x101};
    for (int i = 0; i < (int)(sizeof wild / sizeof *wild); i++) {
        MPI_T_cvar_handle cvar = (MPI_T_cvar_handle)wild[i];
        MPI_T_pvar_handle pvar = (MPI_T_pvar_handle)wild[i];
        MPI_T_pvar_session none = (MPI_T_pvar_session)wild[i];
        EXPECT(MPI_T_cvar_read(cvar, value), MPI_T_ERR_INVALID_HANDLE);
        EXPECT(MPI_T_cvar_write(cvar, value), MPI_T_ERR_INVALID_HANDLE);
        EXPECT(MPI_T_cvar_handle_free(&cvar), MPI_T_ERR_INVALID_HANDLE);
        EXPECT(MPI_T_pvar_read(session, pvar, value), MPI_T_ERR_INVALID_HANDLE);
        EXPECT(MPI_T_pvar_start(session, pvar), MPI_T_ERR_INVALID_HANDLE);
        EXPECT(MPI_T_pvar_handle_free(session, &pvar), MPI_T_ERR_INVALID_HANDLE);
        EXPECT(MPI_T_pvar_session_free(&none), MPI_T_ERR_INVALID_SESSION);
        EXPECT(MPI_T_pvar_start(none, MPI_T_PVAR_ALL_HANDLES), MPI_T_ERR_INVALID_SESSION);
        EXPECT(MPI_T_enum_get_info((MPI_T_enum)wild[i], &n, NULL, NULL), MPI_T_ERR_INVALID_HANDLE);
    }
    EXPECT(MPI_T_pvar_read(session, MPI_T_PVAR_ALL_HANDLES, value), MPI_T_ERR_INVALID_HANDLE);
    EXPECT(MPI_T_cvar_handle_alloc(0, NULL, &freed_cvar, &count), MPI_SUCCESS);
    MPI_T_cvar_handle copy = freed_cvar;
    EXPECT(MPI_T_cvar_handle_free(&copy), MPI_SUCCESS);
    EXPECT(MPI_T_cvar_read(freed_cvar, value), MPI_T_ERR_INVALID_HANDLE);
    EXPECT(MPI_T_cvar_handle_free(&freed_cvar), MPI_T_ERR_INVALID_HANDLE);
}

/* A variable of a communicator, which is freed while the handle lives. */
static void bound_handles(void)
{
    int index, count = 0;
    MPI_Comm comm;
    MPI_T_pvar_handle handle;
    if (MPI_T_pvar_get_index("pml_ob1_unexpected_msgq_length", MPI_T_PVAR_CLASS_SIZE, &index) != MPI_SUCCESS)
        return;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    EXPECT(MPI_T_pvar_handle_alloc(session, index, NULL, &handle, &count), MPI_T_ERR_INVALID_HANDLE);
    EXPECT(MPI_T_pvar_handle_alloc(session, index, &index, &handle, &count), MPI_T_ERR_INVALID_HANDLE);
    EXPECT(MPI_T_pvar_handle_alloc(session, index, &comm, &handle, &count), MPI_SUCCESS);
    EXPECT(MPI_T_pvar_handle_alloc(session, index, &comm, &stale, &count), MPI_SUCCESS);
    EXPECT(MPI_T_pvar_read(other, handle, value), MPI_T_ERR_INVALID_HANDLE);
    EXPECT(MPI_T_pvar_write(session, handle, value), MPI_T_ERR_PVAR_NO_WRITE);
    EXPECT(MPI_T_pvar_start(session, handle), MPI_T_ERR_PVAR_NO_STARTSTOP);
    EXPECT(MPI_T_pvar_read(session, handle, (void *)(__builtin_wasm_memory_size(0) * 65536 - 4)),
           count > 1 ? MPI_T_ERR_INVALID : MPI_SUCCESS);
    MPI_Comm_free(&comm);
    EXPECT(MPI_T_pvar_read(session, handle, value), MPI_T_ERR_INVALID_HANDLE);
    EXPECT(MPI_T_pvar_handle_free(session, &handle), MPI_SUCCESS);
}

/* Handles of all performance variables that there are: nothing of it may crash, or write a file. */
static void all_performance_variables(void)
{
    int n = 0, count;
    MPI_Comm comm = MPI_COMM_WORLD;
    MPI_T_pvar_get_num(&n);
    for (int i = 0; i < n; i++) {
        MPI_T_pvar_handle handle;
        if (MPI_T_pvar_handle_alloc(other, i, &comm, &handle, &count) != MPI_SUCCESS)
            continue;
        MPI_T_pvar_start(other, handle);
        if ((unsigned)count < 1024)
            MPI_T_pvar_read(other, handle, value);
        MPI_T_pvar_write(other, handle, value);
        MPI_T_pvar_stop(other, handle);
        MPI_T_pvar_readreset(other, handle, value);
    }
    MPI_T_pvar_reset(other, MPI_T_PVAR_ALL_HANDLES);
}

static void begin_again(void)
{
    int provided, n;
    EXPECT(MPI_T_cvar_get_num(&n), MPI_T_ERR_NOT_INITIALIZED);
    EXPECT(MPI_T_finalize(), MPI_T_ERR_NOT_INITIALIZED);
    EXPECT(MPI_T_init_thread(77, &provided), MPI_T_ERR_INVALID);
    EXPECT(MPI_T_init_thread(MPI_THREAD_SINGLE, &provided), MPI_SUCCESS);
    EXPECT(MPI_T_cvar_handle_alloc(0, NULL, &freed_cvar, &n), MPI_SUCCESS);
    EXPECT(MPI_T_finalize(), MPI_SUCCESS);
    EXPECT(MPI_T_finalize(), MPI_T_ERR_NOT_INITIALIZED);
    EXPECT(MPI_T_cvar_read(freed_cvar, value), MPI_T_ERR_NOT_INITIALIZED);
    EXPECT(MPI_T_init_thread(MPI_THREAD_MULTIPLE, &provided), MPI_SUCCESS);
    EXPECT(MPI_T_cvar_read(freed_cvar, value), MPI_T_ERR_INVALID_HANDLE);
    EXPECT(MPI_T_cvar_get_num(&n), MPI_SUCCESS);
}

void tools(void)
{
    begin_again();
    EXPECT(MPI_T_pvar_session_create(&session), MPI_SUCCESS);
    EXPECT(MPI_T_pvar_session_create(&other), MPI_SUCCESS);
    EXPECT(MPI_T_pvar_session_create(NULL), MPI_T_ERR_INVALID);
    indices();
    handles();
    bound_handles();
    all_performance_variables();
    all_variables(1);
    printf("wrong %d, written %d\n", wrong, written);
}

void tools_end(void)
{
    wrong = 0;
    if (stale)
        EXPECT(MPI_T_pvar_read(session, stale, value), MPI_T_ERR_INVALID_HANDLE);
    MPI_T_pvar_reset(other, MPI_T_PVAR_ALL_HANDLES);
    all_variables(0);
    EXPECT(MPI_T_pvar_session_free(&session), MPI_SUCCESS);
    EXPECT(MPI_T_pvar_session_free(&session), MPI_T_ERR_INVALID_SESSION);
    EXPECT(MPI_T_finalize(), MPI_SUCCESS);
    EXPECT(MPI_T_finalize(), MPI_T_ERR_NOT_INITIALIZED);
    printf("after MPI_Finalize: wrong %d\n", wrong);
}
