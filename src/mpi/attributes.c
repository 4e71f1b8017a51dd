/* Attributes of communicators, datatypes and windows. A value is the guest's void *, which the host carries in its
 * void *. The host's callbacks have an argument of ours (the extra state), so a keyval's record is found without
 * a trampoline. A record lives until the key is freed and no object has the attribute any more: the host calls
 * our delete function for each one that goes. */
#include "mpi/callbacks.h"
#include "mpi/state.h"
#include "mpi/windows.h"
#include "shims.h"

typedef enum key_kind { KEY_FREE, KEY_RESERVED, KEY_COMM, KEY_TYPE, KEY_WIN } key_kind;

typedef struct key {
    key_kind kind;
    bool freed;      /* by the guest: usable as long as an object has the attribute (MPI 4.1, 7.7.2) */
    int host;        /* the host's keyval */
    mw_guest_addr copy;   /* MW_GUEST_COMM_NULL_COPY_FN, ..._DUP_FN, or `copy_func` is called */
    const mw_func *copy_func, *delete_func;
    mw_guest_addr extra_state;
    int64_t attached; /* objects that have the attribute */
} key;
/* `kind` is atomic and set last; `freed` and `attached` change under mw_registry_lock. */

/* Guest keyval FIRST_KEY + i is keys[i]; the numbers below are the predefined ones. */
#define FIRST_KEY 0x1000
#define MAX_KEYS 0x4000
static key keys[MAX_KEYS];
static uint32_t nkeys;

static key *find_key(int32_t keyval, key_kind kind)
{
    uint32_t i = (uint32_t)keyval - FIRST_KEY;
    return i < __atomic_load_n(&nkeys, __ATOMIC_ACQUIRE) && __atomic_load_n(&keys[i].kind, __ATOMIC_ACQUIRE) == kind
               ? &keys[i]
               : NULL;
}

static int32_t keyval_of(const key *k)
{
    return (int32_t)(k - keys) + FIRST_KEY;
}

static key *take_key(void)
{
    uint32_t i = 0;

    pthread_mutex_lock(&mw_registry_lock);
    while (i < nkeys && __atomic_load_n(&keys[i].kind, __ATOMIC_ACQUIRE) != KEY_FREE)
        i++;
    if (i < MAX_KEYS) {
        __atomic_store_n(&keys[i].kind, KEY_RESERVED, __ATOMIC_RELAXED);
        if (i == nkeys)
            __atomic_store_n(&nkeys, i + 1, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&mw_registry_lock);
    return i < MAX_KEYS ? &keys[i] : NULL;
}

/* `more` objects have the attribute; the record of a freed key ends with the last. */
static void attach_key(key *k, int more)
{
    pthread_mutex_lock(&mw_registry_lock);
    k->attached += more;
    if (k->freed && k->attached <= 0)
        __atomic_store_n(&k->kind, KEY_FREE, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&mw_registry_lock);
}

/* What it was before. */
static bool set_freed(key *k, bool freed)
{
    pthread_mutex_lock(&mw_registry_lock);
    bool before = k->freed;
    k->freed = freed;
    pthread_mutex_unlock(&mw_registry_lock);
    return before;
}

/* Objects of which a callback runs on this thread, innermost first. The host walks such an object's list of
 * attributes: until the callback returns, nothing may be set, deleted or freed there. */
typedef struct busy_object {
    mw_guest_word object; /* the guest's handle */
    struct busy_object *outer;
} busy_object;
static _Thread_local busy_object *busy_objects;

int32_t mw_in_attributes(const mw_call *call, const char *argument, mw_guest_word object)
{
    for (const busy_object *b = busy_objects; b; b = b->outer)
        if (b->object == object)
            return mw_failed(mw_raise_error(call, MW_GUEST_ERR_KEYVAL, argument,
                                            "a callback of one of its attributes has not returned"));
    return MW_GUEST_SUCCESS;
}

/* ---- Callbacks ------------------------------------------------------------------------------------------------ */

typedef int32_t copy_code(mw_context *context, mw_guest_word object, int32_t keyval, mw_guest_addr extra_state,
                          mw_guest_addr value_in, mw_guest_addr value_out, mw_guest_addr flag);
typedef int32_t delete_code(mw_context *context, mw_guest_word object, int32_t keyval, mw_guest_addr value,
                            mw_guest_addr extra_state);

static int copy_attribute(key *k, mw_guest_word object, void *value_in, void *value_out, int *flag)
{
    mw_instance *instance = mw_instance_here(mw_mpi_instance);
    mw_guest_addr value = (mw_guest_addr)(uintptr_t)value_in;
    int32_t guest_flag = 1, error = MW_GUEST_SUCCESS;

    *flag = 0;
    if (!k->copy_func) {
        if (k->copy == MW_GUEST_COMM_NULL_COPY_FN)
            return MPI_SUCCESS;
    } else {
        mw_guest_block block;
        if (!mw_guest_block_begin(instance, 16, &block))
            return MPI_ERR_NO_MEM;
        uint8_t *arguments = instance->memory0 + block.p.addr; /* value, flag */
        memset(arguments, 0, 16);
        busy_object busy = {object, busy_objects};
        busy_objects = &busy;
        mw_callback_enter();
        const mw_func *func = mw_func_here(k->copy_func);
        error = ((copy_code *)func->code)(func->context, object, keyval_of(k), k->extra_state, value, block.p.addr,
                                          block.p.addr + sizeof value);
        mw_callback_leave();
        busy_objects = busy.outer;
        memcpy(&value, arguments, sizeof value);
        memcpy(&guest_flag, arguments + sizeof value, sizeof guest_flag);
        mw_guest_block_end(instance, &block);
    }
    if (error != MW_GUEST_SUCCESS)
        return mw_host_error_code(error);
    if (guest_flag) {
        *flag = 1;
        *(void **)value_out = (void *)(uintptr_t)value;
        attach_key(k, 1);
    }
    return MPI_SUCCESS;
}

static int delete_attribute(key *k, mw_guest_word object, void *value)
{
    int32_t error = MW_GUEST_SUCCESS;

    if (k->delete_func) {
        busy_object busy = {object, busy_objects};
        busy_objects = &busy;
        mw_callback_enter();
        const mw_func *func = mw_func_here(k->delete_func);
        error = ((delete_code *)func->code)(func->context, object, keyval_of(k), (mw_guest_addr)(uintptr_t)value,
                                            k->extra_state);
        mw_callback_leave();
        busy_objects = busy.outer;
    }
    if (error != MW_GUEST_SUCCESS) /* then the attribute stays (MPI 4.1, 7.7.2) */
        return mw_host_error_code(error);
    attach_key(k, -1);
    return MPI_SUCCESS;
}

/* The host's callbacks, for each kind of object. A communicator or datatype that the guest has no handle of gets one
 * for the time of the callback; windows all come from the guest. */
#define MADE_CALLBACKS(kind, host_type, guest_of)                                                  \
    static int copy_##kind(host_type host, int host_key, void *extra, void *in, void *out, int *flag) \
    {                                                                                              \
        bool made;                                                                                 \
        (void)host_key;                                                                            \
        mw_guest_##kind guest = guest_of;                                                          \
        int rc = copy_attribute(extra, guest.value, in, out, flag);                                \
        if (made && mw_##kind##_find(guest))                                                       \
            mw_##kind##_free(mw_##kind##_find(guest));                                             \
        return rc;                                                                                 \
    }                                                                                              \
    static int delete_##kind(host_type host, int host_key, void *value, void *extra)               \
    {                                                                                              \
        bool made;                                                                                 \
        (void)host_key;                                                                            \
        mw_guest_##kind guest = guest_of;                                                          \
        int rc = delete_attribute(extra, guest.value, value);                                      \
        if (made && mw_##kind##_find(guest))                                                       \
            mw_##kind##_free(mw_##kind##_find(guest));                                             \
        return rc;                                                                                 \
    }
MADE_CALLBACKS(comm, MPI_Comm, mw_comm_of_host(host, &made))
MADE_CALLBACKS(type, MPI_Datatype, mw_type_of_host(host, 0, &made))

static int copy_win(MPI_Win host, int host_key, void *extra, void *in, void *out, int *flag)
{
    (void)host_key;
    return copy_attribute(extra, mw_win_of_host(host).value, in, out, flag);
}

static int delete_win(MPI_Win host, int host_key, void *value, void *extra)
{
    (void)host_key;
    return delete_attribute(extra, mw_win_of_host(host).value, value);
}

/* ---- The host's functions for each kind of object ------------------------------------------------------------ */

/* An object that has attributes. `guest` is its handle. */
typedef struct holder {
    key_kind kind;
    mw_guest_word guest;
    MPI_Comm comm;
    MPI_Datatype type;
    MPI_Win win;
} holder;

static int32_t in_holder(mw_call *call, key_kind kind, mw_guest_word handle, holder *out)
{
    const mw_comm_slot *comm;
    const mw_type_slot *type;
    const mw_win_slot *win;

    *out = (holder){.kind = kind, .guest = handle};
    switch (kind) {
    case KEY_TYPE:
        MW_TRY(mw_in_type(call, "datatype", (mw_guest_type){handle}, &type));
        out->type = type->host;
        return MW_GUEST_SUCCESS;
    case KEY_WIN:
        MW_TRY(mw_in_win(call, "win", (mw_guest_win){handle}, &win));
        out->win = win->host;
        return MW_GUEST_SUCCESS;
    default:
        MW_TRY(mw_in_comm(call, "comm", (mw_guest_comm){handle}, &comm));
        out->comm = comm->host;
        return MW_GUEST_SUCCESS;
    }
}

static int host_create_key(key *k, key_kind kind)
{
    switch (kind) {
    case KEY_TYPE: return MPI_Type_create_keyval(copy_type, delete_type, &k->host, k);
    case KEY_WIN: return MPI_Win_create_keyval(copy_win, delete_win, &k->host, k);
    default: return MPI_Comm_create_keyval(copy_comm, delete_comm, &k->host, k);
    }
}

static int host_free_key(key_kind kind, int host)
{
    switch (kind) {
    case KEY_TYPE: return MPI_Type_free_keyval(&host);
    case KEY_WIN: return MPI_Win_free_keyval(&host);
    default: return MPI_Comm_free_keyval(&host);
    }
}

static int host_set(const holder *h, const key *k, void *value)
{
    switch (h->kind) {
    case KEY_TYPE: return MPI_Type_set_attr(h->type, k->host, value);
    case KEY_WIN: return MPI_Win_set_attr(h->win, k->host, value);
    default: return MPI_Comm_set_attr(h->comm, k->host, value);
    }
}

static int host_get(const holder *h, const key *k, void *value, int *flag)
{
    switch (h->kind) {
    case KEY_TYPE: return MPI_Type_get_attr(h->type, k->host, value, flag);
    case KEY_WIN: return MPI_Win_get_attr(h->win, k->host, value, flag);
    default: return MPI_Comm_get_attr(h->comm, k->host, value, flag);
    }
}

static int host_delete(const holder *h, const key *k)
{
    switch (h->kind) {
    case KEY_TYPE: return MPI_Type_delete_attr(h->type, k->host);
    case KEY_WIN: return MPI_Win_delete_attr(h->win, k->host);
    default: return MPI_Comm_delete_attr(h->comm, k->host);
    }
}

/* ---- Keys -------------------------------------------------------------------------------------------------------- */

static int32_t create_key(mw_call *call, key_kind kind, mw_guest_ptr copy_fn, mw_guest_ptr delete_fn,
                          mw_guest_ptr keyval, mw_guest_ptr extra_state)
{
    const mw_func *copy_func = NULL, *delete_func = NULL;
    int32_t *out;

    MW_TRY(mw_in_running(call));
    MW_TRY(mw_out_i32(call, "keyval", keyval, &out));
    if (copy_fn.addr != MW_GUEST_COMM_NULL_COPY_FN && copy_fn.addr != MW_GUEST_COMM_DUP_FN &&
        !(copy_func = mw_guest_function(call->instance, copy_fn.addr, MW_BY_WIDTH("iiiiii:i", "IiIIII:i"))))
        return mw_raise_error(call, MW_GUEST_ERR_ARG, "copy_attr_fn", "%llu is not a copy function",
                              (unsigned long long)copy_fn.addr);
    if (delete_fn.addr != MW_GUEST_COMM_NULL_DELETE_FN &&
        !(delete_func = mw_guest_function(call->instance, delete_fn.addr, MW_BY_WIDTH("iiii:i", "IiII:i"))))
        return mw_raise_error(call, MW_GUEST_ERR_ARG, "delete_attr_fn", "%llu is not a delete function",
                              (unsigned long long)delete_fn.addr);
    key *k = take_key();
    if (!k)
        return mw_raise_error(call, MW_GUEST_ERR_INTERN, NULL, "too many attribute keys");
    k->copy = copy_fn.addr;
    k->copy_func = copy_func;
    k->delete_func = delete_func;
    k->extra_state = extra_state.addr;
    k->attached = 0;
    k->freed = false;
    int rc = host_create_key(k, kind);
    __atomic_store_n(&k->kind, rc == MPI_SUCCESS ? kind : KEY_FREE, __ATOMIC_RELEASE);
    if (rc == MPI_SUCCESS)
        *out = keyval_of(k);
    return mw_result(rc);
}

static int32_t raise_key(const mw_call *call, int32_t keyval)
{
    return mw_raise_error(call, MW_GUEST_ERR_KEYVAL, "keyval", "%d is not an attribute key", keyval);
}

static int32_t free_key(mw_call *call, key_kind kind, mw_guest_ptr keyval)
{
    int32_t *handle;
    MW_TRY(mw_in_running(call));
    MW_TRY(mw_out_i32(call, "keyval", keyval, &handle));
    key *k = find_key(*handle, kind);
    if (!k)
        return raise_key(call, *handle);
    int host = k->host;
    if (set_freed(k, true)) { /* the host has only one reference to give back */
        *handle = MW_GUEST_KEYVAL_INVALID;
        return MW_GUEST_SUCCESS;
    }
    int rc = host_free_key(kind, host);
    if (rc == MPI_SUCCESS) {
        *handle = MW_GUEST_KEYVAL_INVALID;
        attach_key(k, 0);
    } else {
        set_freed(k, false);
    }
    return mw_result(rc);
}

/* ---- Values -------------------------------------------------------------------------------------------------------- */

/* Setting replaces: the host calls our delete function for the old value, which takes that one off the count. */
static int32_t set_value(mw_call *call, key_kind kind, mw_guest_word object, int32_t keyval, mw_guest_ptr value)
{
    holder h;
    MW_TRY(in_holder(call, kind, object, &h));
    MW_TRY(mw_in_attributes(call, NULL, object));
    key *k = find_key(keyval, kind);
    if (!k)
        return raise_key(call, keyval);
    attach_key(k, 1);
    int rc = host_set(&h, k, (void *)(uintptr_t)value.addr);
    if (rc != MPI_SUCCESS)
        attach_key(k, -1);
    return mw_result(rc);
}

static int32_t delete_value(mw_call *call, key_kind kind, mw_guest_word object, int32_t keyval)
{
    holder h;
    MW_TRY(in_holder(call, kind, object, &h));
    MW_TRY(mw_in_attributes(call, NULL, object));
    key *k = find_key(keyval, kind);
    return k ? mw_result(host_delete(&h, k)) : raise_key(call, keyval);
}

/* Predefined attributes are pointers to ints, which must lie in guest memory (MPI 4.1, 9.1.2). */
typedef struct predefined_row {
    int16_t guest;
    int host;
} predefined_row;

static const predefined_row predefined[] = {
    {MW_GUEST_TAG_UB, MPI_TAG_UB},
    {MW_GUEST_IO, MPI_IO},
    {MW_GUEST_HOST, MPI_HOST},
    {MW_GUEST_WTIME_IS_GLOBAL, MPI_WTIME_IS_GLOBAL},
    {MW_GUEST_APPNUM, MPI_APPNUM},
    {MW_GUEST_LASTUSEDCODE, MPI_LASTUSEDCODE},
    {MW_GUEST_UNIVERSE_SIZE, MPI_UNIVERSE_SIZE},
};
#define NPREDEFINED (sizeof predefined / sizeof predefined[0])
static mw_guest_addr predefined_ints; /* their guest address */

/* Where they lie; 0 without memory. The guest's malloc runs outside locks: of two threads' blocks one is given back. */
static mw_guest_addr place_of_predefined(mw_instance *instance)
{
    mw_guest_addr place = __atomic_load_n(&predefined_ints, __ATOMIC_ACQUIRE), none = 0;
    if (place)
        return place;
    mw_guest_ptr made = mw_guest_alloc(instance, NPREDEFINED * 4);
    if (made.addr && !__atomic_compare_exchange_n(&predefined_ints, &none, made.addr, false, __ATOMIC_ACQ_REL,
                                                  __ATOMIC_ACQUIRE)) {
        mw_guest_release(instance, made);
        made.addr = none;
    }
    return made.addr;
}

static int32_t get_predefined(const mw_call *call, MPI_Comm comm, size_t row, mw_guest_word *out_value,
                              int32_t *out_flag)
{
    int *host_value, flag;

    MW_TRY(mw_result(MPI_Comm_get_attr(comm, predefined[row].host, &host_value, &flag)));
    *out_flag = flag;
    if (!flag)
        return MW_GUEST_SUCCESS;
    mw_guest_addr place = place_of_predefined(call->instance);
    if (place == 0)
        return mw_raise_error(call, MW_GUEST_ERR_NO_MEM, NULL, "no guest memory for the attribute");
    int32_t value = predefined[row].guest == MW_GUEST_LASTUSEDCODE ? mw_last_used_code()
                    : predefined[row].guest == MW_GUEST_IO || predefined[row].guest == MW_GUEST_HOST
                        ? mw_out_rank(*host_value)
                        : *host_value;
    place += (mw_guest_addr)row * 4;
    memcpy(call->instance->memory0 + place, &value, 4);
    *out_value = place;
    return MW_GUEST_SUCCESS;
}

static int32_t get_value(mw_call *call, key_kind kind, mw_guest_word object, int32_t keyval, mw_guest_ptr value,
                         mw_guest_ptr flag)
{
    holder h;
    mw_guest_word *out_value;
    int32_t *out_flag;
    void *host_value;
    int host_flag;
    MW_TRY(in_holder(call, kind, object, &h));
    MW_TRY(mw_out_word(call, "attribute_val", value, &out_value));
    MW_TRY(mw_out_i32(call, "flag", flag, &out_flag));
    if (kind == KEY_WIN) {
        bool known;
        int32_t error = mw_window_attribute(call, keyval, out_value, &known);
        *out_flag = known && !error;
        if (known)
            return error;
    }
    for (size_t i = 0; kind == KEY_COMM && i < NPREDEFINED; i++)
        if (predefined[i].guest == keyval)
            return get_predefined(call, h.comm, i, out_value, out_flag);
    key *k = find_key(keyval, kind);
    if (!k)
        return raise_key(call, keyval);
    MW_TRY(mw_result(host_get(&h, k, &host_value, &host_flag)));
    *out_flag = host_flag;
    if (host_flag)
        *out_value = (mw_guest_word)(uintptr_t)host_value;
    return MW_GUEST_SUCCESS;
}

/* ---- Shims ----------------------------------------------------------------------------------------------------------- */

/* The names of MPI 1 are the same functions. */
#define KEY_SHIMS(create, free, kind)                                                              \
    int32_t mw_##create(mw_instance *instance, mw_guest_ptr copy_fn, mw_guest_ptr delete_fn,       \
                        mw_guest_ptr keyval, mw_guest_ptr extra_state)                             \
    {                                                                                              \
        mw_call call = MW_CALL(#create);                                                           \
        return create_key(&call, kind, copy_fn, delete_fn, keyval, extra_state);                   \
    }                                                                                              \
    int32_t mw_##free(mw_instance *instance, mw_guest_ptr keyval)                                  \
    {                                                                                              \
        mw_call call = MW_CALL(#free);                                                             \
        return free_key(&call, kind, keyval);                                                      \
    }
#define VALUE_SHIMS(set, get, delete, kind, guest_type)                                            \
    int32_t mw_##set(mw_instance *instance, guest_type object, int32_t keyval, mw_guest_ptr value) \
    {                                                                                              \
        mw_call call = MW_CALL(#set);                                                              \
        return set_value(&call, kind, object.value, keyval, value);                                \
    }                                                                                              \
    int32_t mw_##get(mw_instance *instance, guest_type object, int32_t keyval, mw_guest_ptr value, \
                     mw_guest_ptr flag)                                                            \
    {                                                                                              \
        mw_call call = MW_CALL(#get);                                                              \
        return get_value(&call, kind, object.value, keyval, value, flag);                          \
    }                                                                                              \
    int32_t mw_##delete(mw_instance *instance, guest_type object, int32_t keyval)                  \
    {                                                                                              \
        mw_call call = MW_CALL(#delete);                                                           \
        return delete_value(&call, kind, object.value, keyval);                                    \
    }
KEY_SHIMS(MPI_Comm_create_keyval, MPI_Comm_free_keyval, KEY_COMM)
KEY_SHIMS(MPI_Keyval_create, MPI_Keyval_free, KEY_COMM)
KEY_SHIMS(MPI_Type_create_keyval, MPI_Type_free_keyval, KEY_TYPE)
KEY_SHIMS(MPI_Win_create_keyval, MPI_Win_free_keyval, KEY_WIN)
VALUE_SHIMS(MPI_Comm_set_attr, MPI_Comm_get_attr, MPI_Comm_delete_attr, KEY_COMM, mw_guest_comm)
VALUE_SHIMS(MPI_Attr_put, MPI_Attr_get, MPI_Attr_delete, KEY_COMM, mw_guest_comm)
VALUE_SHIMS(MPI_Type_set_attr, MPI_Type_get_attr, MPI_Type_delete_attr, KEY_TYPE, mw_guest_type)
VALUE_SHIMS(MPI_Win_set_attr, MPI_Win_get_attr, MPI_Win_delete_attr, KEY_WIN, mw_guest_win)
