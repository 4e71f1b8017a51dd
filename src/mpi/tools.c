/* The tool information interface: begin and end, enumerations, control variables, categories (MPI 4.1, 15.3).
 *
 * Hosts trust a tool: wrong indices and handles crash them, values are copied without a look at the buffer, and a written
 * control variable takes effect unchecked. Here indices are compared with the number of variables first, handles are
 * ours, values pass through memory of ours, and what may be written is in a table. */
#include "mpi/tools.h"
#include "mpi/state.h"
#include "shims.h"
#include "wasi/wasi.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int balance;          /* of the guest's MPI_T_init_thread and MPI_T_finalize */
static bool host_begun;      /* the host's interface is initialized; it stays so */
static int host_provided;

/* ---- Handles ------------------------------------------------------------------------------------------------------ */

#define TOOLS (1u << 14)
#define GENERATIONS 0xfffu
static mw_tool tools[TOOLS];
static uint32_t used = 1; /* slots that were ever taken; slot 0 is none */
static uint32_t free_list;

mw_tool *mw_tool_find(mw_tool_kind kind, mw_guest_word handle)
{
    mw_tool *tool = &tools[handle & (TOOLS - 1)];
    return handle != 0 && tool->self == handle && tool->kind == kind ? tool : NULL;
}

mw_tool *mw_tool_take(mw_tool_kind kind)
{
    uint32_t index = free_list;
    if (index)
        free_list = tools[index].next_free;
    else if (used < TOOLS)
        index = used++;
    else
        return NULL;
    uint32_t generation = (tools[index].generation + 1) & GENERATIONS;
    tools[index] = (mw_tool){.self = 0xf0000000u | generation << 16 | index, .generation = generation, .kind = kind};
    return &tools[index];
}

void mw_tool_free(mw_tool *tool)
{
    tool->self = 0;
    tool->kind = MW_TOOL_FREE;
    tool->next_free = free_list;
    free_list = (uint32_t)(tool - tools);
}

mw_tool *mw_tool_next(mw_tool_kind kind, mw_tool *tool)
{
    for (uint32_t i = tool ? (uint32_t)(tool - tools) + 1 : 1; i < used; i++)
        if (tools[i].kind == kind)
            return &tools[i];
    return NULL;
}

/* ---- Begin and end ------------------------------------------------------------------------------------------------ */

#if defined(OPEN_MPI)
/* Variables of a component that Open MPI has unloaded may still be listed as valid, with addresses in what was its memory:
 * components that were loaded once stay, as in a build with --disable-dlopen. */
typedef struct name_list {
    size_t n, room;
    char **names;
} name_list;

static int add_component(struct dl_phdr_info *info, size_t size, void *data)
{
    name_list *list = data;
    const char *base = strrchr(info->dlpi_name, '/');
    (void)size;
    if (!base || (strncmp(base, "/mca_", 5) && strncmp(base, "/libmca_", 8)))
        return 0;
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        char **names = realloc(list->names, room * sizeof *names);
        if (!names)
            return 1;
        list->names = names;
        list->room = room;
    }
    list->names[list->n] = strdup(info->dlpi_name);
    return list->names[list->n++] ? 0 : 1;
}

static void keep_components(void)
{
    name_list list = {0};
    dl_iterate_phdr(add_component, &list);
    for (size_t i = 0; i < list.n; i++) {
        if (list.names[i])
            (void)dlopen(list.names[i], RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
        free(list.names[i]);
    }
    free(list.names);
}
#else
static void keep_components(void) {}
#endif

/* Once, for good: MPICH 4.0 and earlier cannot begin anew after the last MPI_T_finalize, nor for the first time after
 * MPI_Finalize. */
static int32_t begin_host(mw_instance *instance)
{
    if (host_begun)
        return MW_GUEST_SUCCESS;
    if (mw_host_down)
        return MW_GUEST_T_ERR_CANNOT_INIT;
    int rc = MPI_T_init_thread(mw_wasi_can_spawn(instance) ? MPI_THREAD_MULTIPLE : MPI_THREAD_SERIALIZED, &host_provided);
    if (rc != MPI_SUCCESS)
        return mw_tool_result(rc);
    host_begun = true;
    keep_components();
    return MW_GUEST_SUCCESS;
}

void mw_tools_before_init(mw_instance *instance)
{
    if (!mw_mpi_imports("MPI_T_init_thread"))
        return;
    pthread_mutex_lock(&lock);
    (void)begin_host(instance); /* if it fails, so will the guest's call */
    pthread_mutex_unlock(&lock);
}

void mw_tools_after_init(void)
{
    if (host_begun)
        keep_components();
}

int32_t mw_tool_enter(void)
{
    mw_tools_deliver_events();
    mw_tool_lock();
    return balance > 0 ? MW_GUEST_SUCCESS : mw_tool_leave(MW_GUEST_T_ERR_NOT_INITIALIZED);
}

void mw_tool_lock(void)
{
    pthread_mutex_lock(&lock);
}

bool mw_tool_is_initialized(void)
{
    return balance > 0;
}

int32_t mw_tool_leave(int32_t error)
{
    pthread_mutex_unlock(&lock);
    return error;
}

int32_t mw_MPI_T_init_thread(mw_instance *instance, int32_t required, mw_guest_ptr provided)
{
    static const int32_t levels[] = {MW_GUEST_THREAD_SINGLE, MW_GUEST_THREAD_FUNNELED, MW_GUEST_THREAD_SERIALIZED,
                                     MW_GUEST_THREAD_MULTIPLE};
    bool known = false;

    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        known |= required == levels[i];
    if (!known)
        return MW_GUEST_T_ERR_INVALID;
    pthread_mutex_lock(&lock);
    int32_t error = begin_host(instance);
    int32_t level = mw_out_thread_level(host_provided);
    if (!error)
        error = mw_tool_put(instance, provided, level < required ? level : required);
    if (!error && balance < INT32_MAX)
        balance++;
    return mw_tool_leave(error);
}

int32_t mw_MPI_T_finalize(mw_instance *instance)
{
    (void)instance;
    MW_TRY(mw_tool_enter());
    if (--balance == 0) {
        mw_tool_free_events();
        mw_tool_free_pvars();
        for (mw_tool *tool = NULL; (tool = mw_tool_next(MW_TOOL_CVAR, tool));) {
            MPI_T_cvar_handle_free(&tool->cvar.host);
            mw_tool_free(tool);
        }
    }
    return mw_tool_leave(MW_GUEST_SUCCESS);
}

/* ---- Results ------------------------------------------------------------------------------------------------------- */

void *mw_tool_span(const mw_instance *instance, mw_guest_ptr p, uint64_t bytes)
{
    return p.addr < 16 ? NULL : mw_guest_span(instance, p, bytes);
}

int32_t mw_tool_put_bytes(const mw_instance *instance, mw_guest_ptr p, const void *value, size_t size)
{
    if (p.addr == 0)
        return MW_GUEST_SUCCESS;
    void *out = mw_tool_span(instance, p, size);
    if (!out)
        return MW_GUEST_T_ERR_INVALID;
    memcpy(out, value, size);
    return MW_GUEST_SUCCESS;
}

int32_t mw_tool_put(const mw_instance *instance, mw_guest_ptr p, int32_t value)
{
    return mw_tool_put_bytes(instance, p, &value, sizeof value);
}

int32_t mw_tool_put_word(const mw_instance *instance, mw_guest_ptr p, mw_guest_word value)
{
    return mw_tool_put_bytes(instance, p, &value, sizeof value);
}

void mw_tool_put_handle(void *place, const mw_tool *tool)
{
    mw_guest_word self = tool->self;
    memcpy(place, &self, sizeof self);
}

int32_t mw_tool_put_text(const mw_instance *instance, mw_guest_ptr text, mw_guest_ptr length, const char *value)
{
    int32_t room, full = (int32_t)strlen(value) + 1;

    if (length.addr == 0)
        return MW_GUEST_SUCCESS;
    void *out_length = mw_tool_span(instance, length, 4);
    if (!out_length)
        return MW_GUEST_T_ERR_INVALID;
    memcpy(&room, out_length, 4);
    if (room < 0)
        return MW_GUEST_T_ERR_INVALID;
    if (room > 0 && text.addr != 0) {
        int32_t written = full < room ? full : room;
        char *out = mw_tool_span(instance, text, (uint64_t)written);
        if (!out)
            return MW_GUEST_T_ERR_INVALID;
        memcpy(out, value, (size_t)written - 1);
        out[written - 1] = 0;
    }
    memcpy(out_length, &full, 4);
    return MW_GUEST_SUCCESS;
}

const char *mw_tool_text(const mw_instance *instance, mw_guest_ptr p)
{
    static char text[MW_TOOL_TEXT];
    const char *from;
    int64_t length = p.addr < 16 ? -1 : mw_guest_string(instance, p, sizeof text, &from);

    if (length < 0)
        return NULL;
    memcpy(text, from, (size_t)length);
    text[length] = 0;
    return text;
}

mw_tool_texts *mw_tool_begin_texts(void)
{
    static mw_tool_texts texts;
    texts.name[0] = texts.desc[0] = 0;
    texts.name_len = texts.desc_len = MW_TOOL_TEXT;
    return &texts;
}

int32_t mw_tool_put_texts(const mw_instance *instance, const mw_tool_texts *texts, mw_guest_ptr name,
                          mw_guest_ptr name_len, mw_guest_ptr desc, mw_guest_ptr desc_len)
{
    MW_TRY(mw_tool_put_text(instance, name, name_len, texts->name));
    return mw_tool_put_text(instance, desc, desc_len, texts->desc);
}

void *mw_tool_value(uint64_t bytes)
{
    static void *room;
    static uint64_t size;

    if (bytes == 0)
        bytes = 1;
    if (bytes > size) {
        void *larger = realloc(room, bytes);
        if (!larger)
            return NULL;
        room = larger;
        size = bytes;
    }
    return memset(room, 0, bytes);
}

/* ---- Types, enumerations, constants --------------------------------------------------------------------------------- */

int32_t mw_tool_type(MPI_Datatype host, int *size)
{
    static const struct {
        MPI_Datatype host;
        int32_t guest;
        int size;
    } rows[] = {
        {MPI_INT, MW_GUEST_INT, 4},
        {MPI_UNSIGNED, MW_GUEST_UNSIGNED, 4},
        {MPI_LONG, MW_BY_WIDTH(MW_GUEST_LONG_LONG, MW_GUEST_LONG), 8},
        {MPI_UNSIGNED_LONG, MW_BY_WIDTH(MW_GUEST_UNSIGNED_LONG_LONG, MW_GUEST_UNSIGNED_LONG), 8},
        {MPI_UNSIGNED_LONG_LONG, MW_GUEST_UNSIGNED_LONG_LONG, 8},
        {MPI_COUNT, MW_GUEST_COUNT, 8},
        {MPI_CHAR, MW_GUEST_CHAR, 1},
        {MPI_DOUBLE, MW_GUEST_DOUBLE, 8},
        {MPI_INT32_T, MW_GUEST_INT32_T, 4},
        {MPI_UINT32_T, MW_GUEST_UINT32_T, 4},
        {MPI_INT64_T, MW_GUEST_INT64_T, 8},
        {MPI_UINT64_T, MW_GUEST_UINT64_T, 8},
        {MPI_C_BOOL, MW_GUEST_C_BOOL, 1},
        {MPI_BYTE, MW_GUEST_BYTE, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].host == host) {
            *size = rows[i].size;
            return rows[i].guest;
        }
    *size = 0;
    return MW_GUEST_DATATYPE_NULL;
}
_Static_assert(sizeof(long) == 8 && sizeof(bool) == 1, "the host's sizes of variables");

typedef struct constant_row {
    int32_t guest;
    int host;
} constant_row;
#define ROW(name) {MW_GUEST_T_##name, MPI_T_##name}
#define GUEST_OF(rows, value) guest_of(rows, sizeof(rows) / sizeof *(rows), value)

static int32_t guest_of(const constant_row *rows, size_t n, int host)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].host == host)
            return rows[i].guest;
    return 0;
}

static const constant_row verbosities[] = {
    ROW(VERBOSITY_USER_BASIC),    ROW(VERBOSITY_USER_DETAIL),  ROW(VERBOSITY_USER_ALL),
    ROW(VERBOSITY_TUNER_BASIC),   ROW(VERBOSITY_TUNER_DETAIL), ROW(VERBOSITY_TUNER_ALL),
    ROW(VERBOSITY_MPIDEV_BASIC),  ROW(VERBOSITY_MPIDEV_DETAIL), ROW(VERBOSITY_MPIDEV_ALL),
};
static const constant_row binds[] = {
    ROW(BIND_NO_OBJECT), ROW(BIND_MPI_COMM),       ROW(BIND_MPI_DATATYPE), ROW(BIND_MPI_ERRHANDLER),
    ROW(BIND_MPI_FILE),  ROW(BIND_MPI_GROUP),      ROW(BIND_MPI_OP),       ROW(BIND_MPI_REQUEST),
    ROW(BIND_MPI_WIN),   ROW(BIND_MPI_MESSAGE),    ROW(BIND_MPI_INFO),
};
static const constant_row scopes[] = {
    ROW(SCOPE_CONSTANT), ROW(SCOPE_READONLY), ROW(SCOPE_LOCAL),  ROW(SCOPE_GROUP),
    ROW(SCOPE_GROUP_EQ), ROW(SCOPE_ALL),      ROW(SCOPE_ALL_EQ),
};
static const constant_row classes[] = {
    ROW(PVAR_CLASS_STATE),         ROW(PVAR_CLASS_LEVEL),        ROW(PVAR_CLASS_SIZE),    ROW(PVAR_CLASS_PERCENTAGE),
    ROW(PVAR_CLASS_HIGHWATERMARK), ROW(PVAR_CLASS_LOWWATERMARK), ROW(PVAR_CLASS_COUNTER), ROW(PVAR_CLASS_AGGREGATE),
    ROW(PVAR_CLASS_TIMER),         ROW(PVAR_CLASS_GENERIC),
};

int32_t mw_tool_out_verbosity(int host)
{
    return GUEST_OF(verbosities, host);
}

int32_t mw_tool_out_bind(int host)
{
    return GUEST_OF(binds, host);
}

int32_t mw_tool_out_class(int host)
{
    return GUEST_OF(classes, host);
}

int mw_tool_in_class(int32_t guest)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (classes[i].guest == guest)
            return classes[i].host;
    return -1;
}

static void forget_enum(mw_tool_enum *e)
{
    for (int i = 0; e->names && i < e->n; i++)
        free(e->names[i]);
    free(e->names);
    free(e->values);
    free(e->name);
}

/* The items are copied while the variable that has them is valid. */
static bool copy_enum(mw_tool_enum *e, const char *name)
{
    mw_tool_texts *texts = mw_tool_begin_texts();
    e->name = strdup(name);
    e->names = calloc((size_t)e->n + 1, sizeof *e->names);
    e->values = calloc((size_t)e->n + 1, sizeof *e->values);
    if (!e->name || !e->names || !e->values)
        return false;
    for (int i = 0; i < e->n; i++) {
        texts->desc[0] = 0;
        texts->desc_len = MW_TOOL_TEXT;
        if (MPI_T_enum_get_item(e->host, i, &e->values[i], texts->desc, &texts->desc_len) != MPI_SUCCESS)
            texts->desc[0] = 0;
        e->names[i] = strdup(texts->desc);
        if (!e->names[i])
            return false;
    }
    return true;
}

/* Every enumeration is copied once: Open MPI 4 leaks the names of items that it is asked for. */
uint32_t mw_tool_enum_handle(MPI_T_enum host)
{
    static char name[MW_TOOL_TEXT];
    int n = 0, length = MW_TOOL_TEXT;

    if (host == MPI_T_ENUM_NULL || (name[0] = 0, MPI_T_enum_get_info(host, &n, name, &length)) != MPI_SUCCESS || n < 0)
        return 0;
    for (mw_tool *tool = NULL; (tool = mw_tool_next(MW_TOOL_ENUM, tool));)
        if (tool->enumeration.host == host && tool->enumeration.n == n && !strcmp(tool->enumeration.name, name))
            return tool->self;
    mw_tool *tool = mw_tool_take(MW_TOOL_ENUM);
    if (!tool)
        return 0;
    tool->enumeration = (mw_tool_enum){.host = host, .n = n};
    if (!copy_enum(&tool->enumeration, name)) {
        forget_enum(&tool->enumeration);
        mw_tool_free(tool);
        return 0;
    }
    return tool->self;
}

static int32_t enum_info(const mw_instance *instance, mw_guest_word handle, mw_guest_ptr num, mw_guest_ptr name,
                         mw_guest_ptr name_len)
{
    const mw_tool *tool = mw_tool_find(MW_TOOL_ENUM, handle);
    if (!tool)
        return MW_GUEST_T_ERR_INVALID_HANDLE;
    MW_TRY(mw_tool_put(instance, num, tool->enumeration.n));
    return mw_tool_put_text(instance, name, name_len, tool->enumeration.name);
}

int32_t mw_MPI_T_enum_get_info(mw_instance *instance, mw_guest_word enumtype, mw_guest_ptr num, mw_guest_ptr name,
                               mw_guest_ptr name_len)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(enum_info(instance, enumtype, num, name, name_len));
}

static int32_t enum_item(const mw_instance *instance, mw_guest_word handle, int32_t i, mw_guest_ptr value, mw_guest_ptr name,
                         mw_guest_ptr name_len)
{
    const mw_tool *tool = mw_tool_find(MW_TOOL_ENUM, handle);
    if (!tool)
        return MW_GUEST_T_ERR_INVALID_HANDLE;
    if (i < 0 || i >= tool->enumeration.n)
        return MW_GUEST_T_ERR_INVALID_INDEX;
    MW_TRY(mw_tool_put(instance, value, tool->enumeration.values[i]));
    return mw_tool_put_text(instance, name, name_len, tool->enumeration.names[i]);
}

int32_t mw_MPI_T_enum_get_item(mw_instance *instance, mw_guest_word enumtype, int32_t indx, mw_guest_ptr value,
                               mw_guest_ptr name, mw_guest_ptr name_len)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(enum_item(instance, enumtype, indx, value, name, name_len));
}

/* ---- Objects that variables are bound to ---------------------------------------------------------------------------- */

/* X(guest's MPI_T_BIND_..., kind of handle) */
#define BOUND_KINDS(X)                                                                             \
    X(COMM, comm) X(DATATYPE, type) X(ERRHANDLER, errhandler) X(FILE, file) X(GROUP, group) X(OP, op)                 \
    X(REQUEST, request) X(WIN, win) X(MESSAGE, message) X(INFO, info)

int32_t mw_tool_in_object(const mw_instance *instance, mw_guest_ptr p, int32_t bind, mw_guest_word *object,
                          mw_tool_object *host)
{
    const void *place = bind == MW_GUEST_T_BIND_NO_OBJECT ? NULL : mw_tool_span(instance, p, sizeof *object);

    *object = 0;
    memset(host, 0, sizeof *host);
    if (bind == MW_GUEST_T_BIND_NO_OBJECT)
        return MW_GUEST_SUCCESS;
    if (!place)
        return MW_GUEST_T_ERR_INVALID_HANDLE;
    memcpy(object, place, sizeof *object);
    switch (bind) {
#define X(KIND, kind)                                                                              \
    case MW_GUEST_T_BIND_MPI_##KIND: {                                                             \
        const mw_##kind##_slot *slot = mw_##kind##_find((mw_guest_##kind){*object});               \
        if (!slot)                                                                                 \
            return MW_GUEST_T_ERR_INVALID_HANDLE;                                                  \
        host->kind = slot->host;                                                                   \
        return MW_GUEST_SUCCESS;                                                                   \
    }
        BOUND_KINDS(X)
#undef X
    default: return MW_GUEST_T_ERR_INVALID_HANDLE;
    }
}

bool mw_tool_object_lives(int32_t bind, mw_guest_word object, const mw_tool_object *host)
{
    switch (bind) {
#define X(KIND, kind)                                                                              \
    case MW_GUEST_T_BIND_MPI_##KIND: {                                                             \
        const mw_##kind##_slot *slot = mw_##kind##_find((mw_guest_##kind){object});                \
        return slot && slot->host == host->kind;                                                   \
    }
        BOUND_KINDS(X)
#undef X
    default: return true;
    }
}

/* ---- Control variables ---------------------------------------------------------------------------------------------- */

/* What a guest may write: thresholds that only choose between algorithms which are all right for any size. Others name
 * files and libraries, are divisors or sizes of buffers, or are read again and again by one operation; hosts check none of it.
 * The user sets them from outside, in the environment. Open MPI 4 has none that would do. */
static bool may_write(const char *name)
{
    static const char *const names[] = {
        "MPIR_CVAR_ALLGATHER_LONG_MSG_SIZE",    "MPIR_CVAR_ALLGATHER_SHORT_MSG_SIZE",
        "MPIR_CVAR_ALLREDUCE_SHORT_MSG_SIZE",   "MPIR_CVAR_ALLTOALL_MEDIUM_MSG_SIZE",
        "MPIR_CVAR_ALLTOALL_SHORT_MSG_SIZE",    "MPIR_CVAR_BCAST_LONG_MSG_SIZE",
        "MPIR_CVAR_BCAST_SHORT_MSG_SIZE",       "MPIR_CVAR_GATHER_INTER_SHORT_MSG_SIZE",
        "MPIR_CVAR_REDUCE_SHORT_MSG_SIZE",      "MPIR_CVAR_REDUCE_SCATTER_COMMUTATIVE_LONG_MSG_SIZE",
        "MPIR_CVAR_SCATTER_INTER_SHORT_MSG_SIZE",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

static bool is_cvar(int32_t index)
{
    int n = 0;
    return index >= 0 && MPI_T_cvar_get_num(&n) == MPI_SUCCESS && index < n;
}

/* The longest value of a variable of text: environment strings have at most 128 KiB. Hosts copy the whole of it. */
#define LONGEST_TEXT (1u << 18)

typedef struct cvar_info {
    int verbosity, bind, scope, size;
    int32_t type;
    MPI_T_enum enumtype;
    bool writable;
} cvar_info;

static int32_t get_cvar(int32_t index, cvar_info *info, mw_tool_texts *texts)
{
    MPI_Datatype type = MPI_DATATYPE_NULL;
    if (!is_cvar(index))
        return MW_GUEST_T_ERR_INVALID_INDEX;
    *info = (cvar_info){.enumtype = MPI_T_ENUM_NULL};
    MW_TRY(mw_tool_result(MPI_T_cvar_get_info(index, texts->name, &texts->name_len, &info->verbosity, &type, &info->enumtype,
                                              texts->desc, &texts->desc_len, &info->bind, &info->scope)));
    info->type = mw_tool_type(type, &info->size);
    info->writable = info->scope != MPI_T_SCOPE_CONSTANT && info->scope != MPI_T_SCOPE_READONLY && may_write(texts->name);
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_cvar_get_num(mw_instance *instance, mw_guest_ptr num_cvar)
{
    int n = 0;
    MW_TRY(mw_tool_enter());
    int32_t error = num_cvar.addr ? mw_tool_result(MPI_T_cvar_get_num(&n)) : MW_GUEST_T_ERR_INVALID;
    return mw_tool_leave(error ? error : mw_tool_put(instance, num_cvar, n));
}

static int32_t cvar_info_out(const mw_instance *instance, int32_t index, mw_guest_ptr name, mw_guest_ptr name_len,
                             mw_guest_ptr verbosity, mw_guest_ptr datatype, mw_guest_ptr enumtype, mw_guest_ptr desc,
                             mw_guest_ptr desc_len, mw_guest_ptr bind, mw_guest_ptr scope)
{
    mw_tool_texts *texts = mw_tool_begin_texts();
    cvar_info info;
    MW_TRY(get_cvar(index, &info, texts));
    MW_TRY(mw_tool_put_texts(instance, texts, name, name_len, desc, desc_len));
    MW_TRY(mw_tool_put(instance, verbosity, mw_tool_out_verbosity(info.verbosity)));
    MW_TRY(mw_tool_put_word(instance, datatype, (mw_guest_word)info.type));
    MW_TRY(mw_tool_put(instance, bind, mw_tool_out_bind(info.bind)));
    /* What the guest may not write is constant to it, or changes by itself. */
    int32_t guest_scope = info.writable || info.scope == MPI_T_SCOPE_CONSTANT ? GUEST_OF(scopes, info.scope)
                                                                              : MW_GUEST_T_SCOPE_READONLY;
    MW_TRY(mw_tool_put(instance, scope, guest_scope));
    return mw_tool_put_word(instance, enumtype, enumtype.addr ? mw_tool_enum_handle(info.enumtype) : 0);
}

int32_t mw_MPI_T_cvar_get_info(mw_instance *instance, int32_t cvar_index, mw_guest_ptr name, mw_guest_ptr name_len,
                               mw_guest_ptr verbosity, mw_guest_ptr datatype, mw_guest_ptr enumtype, mw_guest_ptr desc,
                               mw_guest_ptr desc_len, mw_guest_ptr bind, mw_guest_ptr scope)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(cvar_info_out(instance, cvar_index, name, name_len, verbosity, datatype, enumtype, desc, desc_len,
                                       bind, scope));
}

int32_t mw_MPI_T_cvar_get_index(mw_instance *instance, mw_guest_ptr name, mw_guest_ptr cvar_index)
{
    int index = 0;
    MW_TRY(mw_tool_enter());
    const char *text = mw_tool_text(instance, name);
    int32_t error = text && cvar_index.addr ? mw_tool_result(MPI_T_cvar_get_index(text, &index)) : MW_GUEST_T_ERR_INVALID;
    return mw_tool_leave(error ? error : mw_tool_put(instance, cvar_index, index));
}

static int32_t cvar_alloc(const mw_instance *instance, int32_t index, mw_guest_ptr object, mw_guest_ptr handle,
                          mw_guest_ptr count)
{
    mw_tool_texts *texts = mw_tool_begin_texts();
    mw_tool_object bound;
    mw_guest_word bound_handle;
    cvar_info info;
    MW_TRY(get_cvar(index, &info, texts));
    void *out = mw_tool_span(instance, handle, sizeof(mw_guest_word)), *out_count = mw_tool_span(instance, count, 4);
    if (!out || !out_count)
        return MW_GUEST_T_ERR_INVALID;
    /* No host binds control variables to objects yet; what it would keep could be freed. */
    MW_TRY(mw_tool_in_object(instance, object, mw_tool_out_bind(info.bind), &bound_handle, &bound));
    if (bound_handle || info.size == 0)
        return MW_GUEST_T_ERR_NOT_SUPPORTED;
    mw_tool *tool = mw_tool_take(MW_TOOL_CVAR);
    if (!tool)
        return MW_GUEST_T_ERR_OUT_OF_HANDLES;
    tool->cvar = (mw_tool_cvar){.size = info.size, .text = info.type == MW_GUEST_CHAR, .writable = info.writable};
    int32_t error = mw_tool_result(MPI_T_cvar_handle_alloc(index, NULL, &tool->cvar.host, &tool->cvar.count));
    if (error || tool->cvar.count < 0) {
        mw_tool_free(tool);
        return error ? error : MW_GUEST_T_ERR_NOT_SUPPORTED;
    }
    mw_tool_put_handle(out, tool);
    memcpy(out_count, &tool->cvar.count, 4);
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_cvar_handle_alloc(mw_instance *instance, int32_t cvar_index, mw_guest_ptr obj_handle, mw_guest_ptr handle,
                                   mw_guest_ptr count)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(cvar_alloc(instance, cvar_index, obj_handle, handle, count));
}

static int32_t cvar_free(const mw_instance *instance, mw_guest_ptr handle)
{
    mw_guest_word *place = mw_tool_span(instance, handle, sizeof *place);
    if (!place)
        return MW_GUEST_T_ERR_INVALID;
    mw_tool *tool = mw_tool_find(MW_TOOL_CVAR, *place);
    if (!tool)
        return MW_GUEST_T_ERR_INVALID_HANDLE;
    MW_TRY(mw_tool_result(MPI_T_cvar_handle_free(&tool->cvar.host)));
    mw_tool_free(tool);
    *place = MW_GUEST_T_CVAR_HANDLE_NULL;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_cvar_handle_free(mw_instance *instance, mw_guest_ptr handle)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(cvar_free(instance, handle));
}

/* Of a text only as many bytes as it has need be there: programs pass less than the count that the host says. */
static int32_t cvar_read(const mw_instance *instance, mw_guest_word handle, mw_guest_ptr buf)
{
    mw_tool *tool = mw_tool_find(MW_TOOL_CVAR, handle);
    if (!tool)
        return MW_GUEST_T_ERR_INVALID_HANDLE;
    uint64_t bytes = (uint64_t)tool->cvar.count * (uint64_t)tool->cvar.size;
    if (!tool->cvar.text && !mw_tool_span(instance, buf, bytes))
        return MW_GUEST_T_ERR_INVALID;
    char *value = mw_tool_value(tool->cvar.text && bytes < LONGEST_TEXT ? LONGEST_TEXT : bytes);
    if (!value)
        return MW_GUEST_T_ERR_MEMORY;
    MW_TRY(mw_tool_result(MPI_T_cvar_read(tool->cvar.host, value)));
    if (tool->cvar.text) {
        if (bytes == 0)
            return MW_GUEST_SUCCESS;
        value[bytes - 1] = 0;
        bytes = strlen(value) + 1;
    }
    void *out = mw_tool_span(instance, buf, bytes);
    if (!out)
        return MW_GUEST_T_ERR_INVALID;
    memcpy(out, value, bytes);
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_cvar_read(mw_instance *instance, mw_guest_word handle, mw_guest_ptr buf)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(cvar_read(instance, handle, buf));
}

static int32_t cvar_write(const mw_instance *instance, mw_guest_word handle, mw_guest_ptr buf)
{
    const mw_tool *tool = mw_tool_find(MW_TOOL_CVAR, handle);
    if (!tool)
        return MW_GUEST_T_ERR_INVALID_HANDLE;
    if (!tool->cvar.writable || tool->cvar.text)
        return MW_GUEST_T_ERR_CVAR_SET_NEVER;
    uint64_t bytes = (uint64_t)tool->cvar.count * (uint64_t)tool->cvar.size;
    const void *from = mw_tool_span(instance, buf, bytes);
    void *value = from ? mw_tool_value(bytes) : NULL;
    if (!value)
        return from ? MW_GUEST_T_ERR_MEMORY : MW_GUEST_T_ERR_INVALID;
    memcpy(value, from, bytes);
    return mw_tool_result(MPI_T_cvar_write(tool->cvar.host, value));
}

int32_t mw_MPI_T_cvar_write(mw_instance *instance, mw_guest_word handle, mw_guest_ptr buf)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(cvar_write(instance, handle, buf));
}

/* ---- Categories ------------------------------------------------------------------------------------------------------ */

int32_t mw_MPI_T_category_get_num(mw_instance *instance, mw_guest_ptr num_cat)
{
    int n = 0;
    MW_TRY(mw_tool_enter());
    int32_t error = num_cat.addr ? mw_tool_result(MPI_T_category_get_num(&n)) : MW_GUEST_T_ERR_INVALID;
    return mw_tool_leave(error ? error : mw_tool_put(instance, num_cat, n));
}

int32_t mw_MPI_T_category_changed(mw_instance *instance, mw_guest_ptr update_number)
{
    int n = 0;
    MW_TRY(mw_tool_enter());
    int32_t error = update_number.addr ? mw_tool_result(MPI_T_category_changed(&n)) : MW_GUEST_T_ERR_INVALID;
    return mw_tool_leave(error ? error : mw_tool_put(instance, update_number, n));
}

int32_t mw_MPI_T_category_get_index(mw_instance *instance, mw_guest_ptr name, mw_guest_ptr cat_index)
{
    int index = 0;
    MW_TRY(mw_tool_enter());
    const char *text = mw_tool_text(instance, name);
    int32_t error = text && cat_index.addr ? mw_tool_result(MPI_T_category_get_index(text, &index)) : MW_GUEST_T_ERR_INVALID;
    return mw_tool_leave(error ? error : mw_tool_put(instance, cat_index, index));
}

enum { CVARS, PVARS, CATEGORIES };

bool mw_tool_is_category(int32_t index)
{
    int all = 0;
    return index >= 0 && MPI_T_category_get_num(&all) == MPI_SUCCESS && index < all;
}

static int32_t get_category(int32_t index, mw_tool_texts *texts, int n[3])
{
    if (!mw_tool_is_category(index))
        return MW_GUEST_T_ERR_INVALID_INDEX;
    n[CVARS] = n[PVARS] = n[CATEGORIES] = 0;
    return mw_tool_result(MPI_T_category_get_info(index, texts->name, &texts->name_len, texts->desc, &texts->desc_len,
                                                  &n[CVARS], &n[PVARS], &n[CATEGORIES]));
}

static int32_t category_info(const mw_instance *instance, int32_t index, mw_guest_ptr name, mw_guest_ptr name_len,
                             mw_guest_ptr desc, mw_guest_ptr desc_len, mw_guest_ptr num_cvars, mw_guest_ptr num_pvars,
                             mw_guest_ptr num_categories)
{
    mw_tool_texts *texts = mw_tool_begin_texts();
    int n[3];
    MW_TRY(get_category(index, texts, n));
    MW_TRY(mw_tool_put_texts(instance, texts, name, name_len, desc, desc_len));
    MW_TRY(mw_tool_put(instance, num_cvars, n[CVARS]));
    MW_TRY(mw_tool_put(instance, num_pvars, n[PVARS]));
    return mw_tool_put(instance, num_categories, n[CATEGORIES]);
}

int32_t mw_MPI_T_category_get_info(mw_instance *instance, int32_t cat_index, mw_guest_ptr name, mw_guest_ptr name_len,
                                   mw_guest_ptr desc, mw_guest_ptr desc_len, mw_guest_ptr num_cvars, mw_guest_ptr num_pvars,
                                   mw_guest_ptr num_categories)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(category_info(instance, cat_index, name, name_len, desc, desc_len, num_cvars, num_pvars,
                                       num_categories));
}

int32_t mw_tool_put_indices(const mw_instance *instance, int32_t index, int32_t len, mw_guest_ptr indices, int n,
                            int (*get)(int, int, int[]))
{
    if (len < 0)
        return MW_GUEST_T_ERR_INVALID;
    int written = len < n ? len : n;
    if (written <= 0)
        return MW_GUEST_SUCCESS;
    void *out = mw_tool_span(instance, indices, 4 * (uint64_t)written);
    int *value = out ? mw_tool_value(4 * (uint64_t)written) : NULL;
    if (!value)
        return out ? MW_GUEST_T_ERR_MEMORY : MW_GUEST_T_ERR_INVALID;
    MW_TRY(mw_tool_result(get(index, written, value)));
    memcpy(out, value, 4 * (size_t)written);
    return MW_GUEST_SUCCESS;
}

static int32_t category_list(const mw_instance *instance, int32_t index, int32_t len, mw_guest_ptr indices, int which,
                             int (*get)(int, int, int[]))
{
    int n[3];
    MW_TRY(get_category(index, mw_tool_begin_texts(), n));
    return mw_tool_put_indices(instance, index, len, indices, n[which], get);
}

#define CATEGORY_LIST(name, WHICH)                                                                 \
    int32_t mw_MPI_T_category_get_##name(mw_instance *instance, int32_t cat_index, int32_t len, mw_guest_ptr indices) \
    {                                                                                              \
        MW_TRY(mw_tool_enter());                                                                   \
        return mw_tool_leave(category_list(instance, cat_index, len, indices, WHICH, MPI_T_category_get_##name));     \
    }
CATEGORY_LIST(cvars, CVARS)
CATEGORY_LIST(pvars, PVARS)
CATEGORY_LIST(categories, CATEGORIES)
