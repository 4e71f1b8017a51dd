/* The tool information interface: events (MPI 4.1, 15.3.8), where the host has them.
 *
 * A host calls back from within its library, on any thread, perhaps in a signal handler, and trusts the callback to call
 * nothing that it may not. So the guest's is not called from there: what the host tells is copied into a queue, and the
 * guest hears of it when it next calls a function of the tool interface or MPI_Finalize. The standard leaves the time open, and
 * an event keeps the time stamp of when it was observed. What does not fit in the queue is dropped and counted. */
#include "mpi/callbacks.h"
#include "mpi/tools.h"
#include "mpi/state.h"
#include "shims.h"

#include <stdlib.h>
#include <string.h>

#if MPI_VERSION >= 4

#define MAX_ELEMENTS 64
#define MAX_EXTENT 256

typedef struct mw_event_layout {
    int n, extent;
    struct {
        int displacement, size;
    } elements[MAX_ELEMENTS];
} mw_event_layout;

typedef struct mw_event_record {
    uint32_t registration;
    int level;     /* of the callback that was registered */
    int32_t raised; /* guest's MPI_T_CB_REQUIRE_... of the place where the event occurred */
    int source;
    int64_t timestamp;
    char data[MAX_EXTENT];
} mw_event_record;

static const struct {
    int32_t guest;
    MPI_T_cb_safety host;
} levels[MW_TOOL_LEVELS] = {
    {MW_GUEST_T_CB_REQUIRE_NONE, MPI_T_CB_REQUIRE_NONE},
    {MW_GUEST_T_CB_REQUIRE_MPI_RESTRICTED, MPI_T_CB_REQUIRE_MPI_RESTRICTED},
    {MW_GUEST_T_CB_REQUIRE_THREAD_SAFE, MPI_T_CB_REQUIRE_THREAD_SAFE},
    {MW_GUEST_T_CB_REQUIRE_ASYNC_SIGNAL_SAFE, MPI_T_CB_REQUIRE_ASYNC_SIGNAL_SAFE},
};

static int32_t out_level(MPI_T_cb_safety host)
{
    for (int i = 0; i < MW_TOOL_LEVELS; i++)
        if (levels[i].host == host)
            return levels[i].guest;
    return MW_GUEST_T_CB_REQUIRE_NONE;
}

/* The level's place in `levels`, -1 if there is none. */
static int in_level(int32_t guest)
{
    for (int i = 0; i < MW_TOOL_LEVELS; i++)
        if (levels[i].guest == guest)
            return i;
    return -1;
}

/* ---- The queue ----------------------------------------------------------------------------------------------------- */

/* Bounded, many writers: writing takes no lock, so that signal handlers may. Readers have the tool interface's lock.
 * A cell whose turn is `position` is free for writing, one whose turn is `position` + 1 may be read. */
#define CELLS 1024u
static struct {
    uint32_t turn;
    mw_event_record record;
} cells[CELLS];
static uint32_t write_position, read_position;
static uint32_t dropped[1u << 14]; /* by the registration's place in the table */
_Static_assert(__GCC_ATOMIC_INT_LOCK_FREE == 2, "signal handlers write");

/* Cells are numbered from 0 where the queue has never been: a turn is stored as its difference to the cell's index. */
static uint32_t turn_of(uint32_t cell)
{
    return __atomic_load_n(&cells[cell].turn, __ATOMIC_ACQUIRE) + cell;
}

static void set_turn(uint32_t cell, uint32_t turn)
{
    __atomic_store_n(&cells[cell].turn, turn - cell, __ATOMIC_RELEASE);
}

static void on_event(MPI_T_event_instance instance, MPI_T_event_registration registration, MPI_T_cb_safety safety,
                     void *user_data)
{
    uint32_t handle = (uint32_t)(uintptr_t)user_data, position = __atomic_load_n(&write_position, __ATOMIC_RELAXED), cell;
    MPI_Count timestamp = 0;
    (void)registration;

    do {
        cell = position % CELLS;
        int32_t ahead = (int32_t)(turn_of(cell) - position);
        if (ahead < 0) {
            __atomic_fetch_add(&dropped[handle % (sizeof dropped / sizeof *dropped)], 1, __ATOMIC_RELAXED);
            return;
        }
        if (ahead > 0) {
            position = __atomic_load_n(&write_position, __ATOMIC_RELAXED);
            continue;
        }
        if (__atomic_compare_exchange_n(&write_position, &position, position + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            break;
    } while (true);
    mw_event_record *record = &cells[cell].record;
    record->registration = handle;
    record->level = (int)((uintptr_t)user_data >> 32) % MW_TOOL_LEVELS;
    record->raised = out_level(safety);
    record->source = -1;
    memset(record->data, 0, sizeof record->data);
    MPI_T_event_copy(instance, record->data);
    MPI_T_event_get_source(instance, &record->source);
    MPI_T_event_get_timestamp(instance, &timestamp);
    record->timestamp = timestamp;
    set_turn(cell, position + 1);
}

/* What the host itself had to drop. */
static void on_dropped(MPI_Count count, MPI_T_event_registration registration, int source, MPI_T_cb_safety safety,
                       void *user_data)
{
    uint32_t handle = (uint32_t)(uintptr_t)user_data;
    (void)registration, (void)source, (void)safety;
    if (count > 0)
        __atomic_fetch_add(&dropped[handle % (sizeof dropped / sizeof *dropped)], count < INT32_MAX ? (uint32_t)count : INT32_MAX,
                           __ATOMIC_RELAXED);
}

static bool is_waiting(void)
{
    uint32_t position = __atomic_load_n(&read_position, __ATOMIC_RELAXED);
    return turn_of(position % CELLS) == position + 1;
}

/* With the lock. */
static bool next_record(mw_event_record *record)
{
    uint32_t position = read_position, cell = position % CELLS;
    if (!is_waiting())
        return false;
    *record = cells[cell].record;
    set_turn(cell, position + CELLS);
    __atomic_store_n(&read_position, position + 1, __ATOMIC_RELAXED);
    return true;
}

/* ---- Delivery ------------------------------------------------------------------------------------------------------- */

typedef void event_code(mw_context *context, mw_guest_word instance, mw_guest_word registration, int32_t safety,
                        mw_guest_addr user_data);
typedef void dropped_code(mw_context *context, int64_t count, mw_guest_word registration, int32_t source, int32_t safety,
                          mw_guest_addr user_data);
typedef void freed_code(mw_context *context, mw_guest_word registration, int32_t safety, mw_guest_addr user_data);

/* The guest's functions are called without the lock and with no frame of the host's below. */
static void call_guest(const mw_event_record *record, const mw_func *func, const mw_func *dropped_func,
                       mw_guest_addr user_data, mw_guest_word instance, uint32_t count)
{
    mw_callback_enter();
    if (count && dropped_func) {
        const mw_func *here = mw_func_here(dropped_func);
        ((dropped_code *)here->code)(here->context, count, record->registration, record->source, record->raised, user_data);
    }
    const mw_func *here = mw_func_here(func);
    ((event_code *)here->code)(here->context, instance, record->registration, record->raised, user_data);
    mw_callback_leave();
}

void mw_tools_deliver_events(void)
{
    static __thread bool delivering __attribute__((tls_model("initial-exec")));
    mw_event_record record;

    if (!is_waiting() || delivering)
        return;
    delivering = true;
    while (true) {
        mw_tool_lock();
        if (!mw_tool_is_initialized() || !next_record(&record)) {
            mw_tool_leave(MW_GUEST_SUCCESS);
            break;
        }
        mw_tool *tool = mw_tool_find(MW_TOOL_EVENT, record.registration);
        const mw_func *func = tool ? tool->event.callbacks[record.level].func : NULL;
        mw_tool *made = func ? mw_tool_take(MW_TOOL_INSTANCE) : NULL;
        if (!made) {
            mw_tool_leave(MW_GUEST_SUCCESS);
            continue;
        }
        made->instance = (mw_tool_instance){tool->event.layout, &record};
        mw_guest_addr user_data = tool->event.callbacks[record.level].user_data;
        mw_guest_word instance = made->self;
        const mw_func *dropped_func = tool->event.dropped;
        uint32_t *count = &dropped[record.registration % (sizeof dropped / sizeof *dropped)];
        uint32_t lost = __atomic_exchange_n(count, 0, __ATOMIC_RELAXED);
        mw_tool_leave(MW_GUEST_SUCCESS);
        call_guest(&record, func, dropped_func, user_data, instance, lost);
        mw_tool_lock();
        if ((made = mw_tool_find(MW_TOOL_INSTANCE, instance)))
            mw_tool_free(made);
        mw_tool_leave(MW_GUEST_SUCCESS);
    }
    delivering = false;
}

/* ---- Sources ---------------------------------------------------------------------------------------------------------- */

static bool is_source(int32_t index)
{
    int n = 0;
    return index >= 0 && MPI_T_source_get_num(&n) == MPI_SUCCESS && index < n;
}

static bool is_event(int32_t index)
{
    int n = 0;
    return index >= 0 && MPI_T_event_get_num(&n) == MPI_SUCCESS && index < n;
}

#define NUMBER_SHIM(name, argument)                                                                \
    int32_t mw_##name(mw_instance *instance, mw_guest_ptr argument)                                \
    {                                                                                              \
        int n = 0;                                                                                 \
        MW_TRY(mw_tool_enter());                                                                   \
        int32_t error = (argument).addr ? mw_tool_result(name(&n)) : MW_GUEST_T_ERR_INVALID;       \
        return mw_tool_leave(error ? error : mw_tool_put(instance, argument, n));                  \
    }
NUMBER_SHIM(MPI_T_source_get_num, num_sources)
NUMBER_SHIM(MPI_T_event_get_num, num_events)

static int32_t put_i64(const mw_instance *instance, mw_guest_ptr p, int64_t value)
{
    return mw_tool_put_bytes(instance, p, &value, sizeof value);
}

/* An info object that the guest now owns; nobody's error handler is called. */
static int32_t put_info(const mw_instance *instance, mw_guest_ptr p, MPI_Info host)
{
    mw_guest_word handle = MW_GUEST_INFO_NULL;
    mw_info_slot *slot = NULL;
    if (p.addr != 0 && host != MPI_INFO_NULL && (slot = mw_info_take())) {
        slot->host = host;
        handle = mw_info_publish(slot).value;
    }
    int32_t error = mw_tool_put_word(instance, p, handle);
    if (host != MPI_INFO_NULL && (!slot || error)) {
        if (slot)
            mw_info_free(slot);
        MPI_Info_free(&host);
    }
    return error;
}

static int32_t in_info(mw_guest_info handle, MPI_Info *out)
{
    const mw_info_slot *slot = handle.value == MW_GUEST_INFO_NULL ? NULL : mw_info_find(handle);
    if (!slot && handle.value != MW_GUEST_INFO_NULL)
        return MW_GUEST_T_ERR_INVALID;
    *out = slot ? slot->host : MPI_INFO_NULL;
    return MW_GUEST_SUCCESS;
}

static int32_t source_info(const mw_instance *instance, int32_t index, mw_guest_ptr name, mw_guest_ptr name_len,
                           mw_guest_ptr desc, mw_guest_ptr desc_len, mw_guest_ptr ordering, mw_guest_ptr ticks_per_second,
                           mw_guest_ptr max_ticks, mw_guest_ptr info)
{
    mw_tool_texts *texts = mw_tool_begin_texts();
    MPI_T_source_order order = MPI_T_SOURCE_UNORDERED;
    MPI_Count ticks = 0, last = 0;
    MPI_Info host_info = MPI_INFO_NULL;
    if (!is_source(index))
        return MW_GUEST_T_ERR_INVALID_INDEX;
    MW_TRY(mw_tool_result(MPI_T_source_get_info(index, texts->name, &texts->name_len, texts->desc, &texts->desc_len, &order,
                                                &ticks, &last, &host_info)));
    int32_t error = put_info(instance, info, host_info);
    if (!error)
        error = mw_tool_put_texts(instance, texts, name, name_len, desc, desc_len);
    if (!error)
        error = mw_tool_put(instance, ordering,
                            order == MPI_T_SOURCE_ORDERED ? MW_GUEST_T_SOURCE_ORDERED : MW_GUEST_T_SOURCE_UNORDERED);
    if (!error)
        error = put_i64(instance, ticks_per_second, ticks);
    return error ? error : put_i64(instance, max_ticks, last);
}

int32_t mw_MPI_T_source_get_info(mw_instance *instance, int32_t source_index, mw_guest_ptr name, mw_guest_ptr name_len,
                                 mw_guest_ptr desc, mw_guest_ptr desc_len, mw_guest_ptr ordering,
                                 mw_guest_ptr ticks_per_second, mw_guest_ptr max_ticks, mw_guest_ptr info)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(source_info(instance, source_index, name, name_len, desc, desc_len, ordering, ticks_per_second,
                                     max_ticks, info));
}

int32_t mw_MPI_T_source_get_timestamp(mw_instance *instance, int32_t source_index, mw_guest_ptr timestamp)
{
    MPI_Count value = 0;
    MW_TRY(mw_tool_enter());
    int32_t error = !is_source(source_index)  ? MW_GUEST_T_ERR_INVALID_INDEX
                    : timestamp.addr == 0     ? MW_GUEST_T_ERR_INVALID
                                              : mw_tool_result(MPI_T_source_get_timestamp(source_index, &value));
    return mw_tool_leave(error ? error : put_i64(instance, timestamp, value));
}

/* ---- Events -------------------------------------------------------------------------------------------------------------- */

typedef struct event_info {
    int verbosity, bind, n;
    MPI_T_enum enumtype;
    MPI_Info info; /* the caller's */
    MPI_Datatype types[MAX_ELEMENTS];
    MPI_Aint displacements[MAX_ELEMENTS];
} event_info;

static int32_t get_event(int32_t index, event_info *info, mw_tool_texts *texts)
{
    if (!is_event(index))
        return MW_GUEST_T_ERR_INVALID_INDEX;
    *info = (event_info){.n = MAX_ELEMENTS, .enumtype = MPI_T_ENUM_NULL, .info = MPI_INFO_NULL};
    MW_TRY(mw_tool_result(MPI_T_event_get_info(index, texts->name, &texts->name_len, &info->verbosity, info->types,
                                               info->displacements, &info->n, &info->enumtype, &info->info, texts->desc,
                                               &texts->desc_len, &info->bind)));
#if defined(MPICH_VERSION)
    info->enumtype = MPI_T_ENUM_NULL; /* MPICH 4.0 leaves what was in its memory */
#endif
    return info->n >= 0 ? MW_GUEST_SUCCESS : MW_GUEST_T_ERR_INVALID;
}

/* Types and displacements of the elements, where the guest has room for them; they are the host's, whose data is copied as it
 * is. */
static int32_t put_elements(const mw_instance *instance, const event_info *info, mw_guest_ptr types,
                            mw_guest_ptr displacements, mw_guest_ptr num_elements)
{
    int32_t room;
    void *number = mw_tool_span(instance, num_elements, 4);
    if (num_elements.addr == 0)
        return MW_GUEST_SUCCESS;
    if (!number)
        return MW_GUEST_T_ERR_INVALID;
    memcpy(&room, number, 4);
    int n = info->n < MAX_ELEMENTS ? info->n : MAX_ELEMENTS, size;
    n = n < room ? n : room > 0 ? room : 0;
    enum { WORD = sizeof(mw_guest_word) }; /* of a handle, and of an MPI_Aint */
    char *out_types = types.addr ? mw_tool_span(instance, types, WORD * (uint64_t)n) : NULL;
    char *out_displacements = displacements.addr ? mw_tool_span(instance, displacements, WORD * (uint64_t)n) : NULL;
    if (room < 0 || (types.addr && !out_types) || (displacements.addr && !out_displacements))
        return room < 0 && !types.addr && !displacements.addr ? mw_tool_put(instance, num_elements, info->n)
                                                              : MW_GUEST_T_ERR_INVALID;
    for (int i = 0; i < n; i++) {
        mw_guest_word type = (mw_guest_word)mw_tool_type(info->types[i], &size);
        mw_guest_aint displacement = (mw_guest_aint)info->displacements[i];
        if (out_types)
            memcpy(out_types + WORD * i, &type, WORD);
        if (out_displacements)
            memcpy(out_displacements + WORD * i, &displacement, WORD);
    }
    return mw_tool_put(instance, num_elements, info->n);
}

static int32_t event_info_out(const mw_instance *instance, int32_t index, mw_guest_ptr name, mw_guest_ptr name_len,
                              mw_guest_ptr verbosity, mw_guest_ptr types, mw_guest_ptr displacements, mw_guest_ptr num_elements,
                              mw_guest_ptr enumtype, mw_guest_ptr info, mw_guest_ptr desc, mw_guest_ptr desc_len,
                              mw_guest_ptr bind)
{
    mw_tool_texts *texts = mw_tool_begin_texts();
    event_info event;
    MW_TRY(get_event(index, &event, texts));
    MW_TRY(put_info(instance, info, event.info));
    MW_TRY(mw_tool_put_texts(instance, texts, name, name_len, desc, desc_len));
    MW_TRY(mw_tool_put(instance, verbosity, mw_tool_out_verbosity(event.verbosity)));
    MW_TRY(mw_tool_put(instance, bind, mw_tool_out_bind(event.bind)));
    MW_TRY(put_elements(instance, &event, types, displacements, num_elements));
    return mw_tool_put_word(instance, enumtype, enumtype.addr ? mw_tool_enum_handle(event.enumtype) : 0);
}

int32_t mw_MPI_T_event_get_info(mw_instance *instance, int32_t event_index, mw_guest_ptr name, mw_guest_ptr name_len,
                                mw_guest_ptr verbosity, mw_guest_ptr array_of_datatypes, mw_guest_ptr array_of_displacements,
                                mw_guest_ptr num_elements, mw_guest_ptr enumtype, mw_guest_ptr info, mw_guest_ptr desc,
                                mw_guest_ptr desc_len, mw_guest_ptr bind)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(event_info_out(instance, event_index, name, name_len, verbosity, array_of_datatypes,
                                        array_of_displacements, num_elements, enumtype, info, desc, desc_len, bind));
}

int32_t mw_MPI_T_event_get_index(mw_instance *instance, mw_guest_ptr name, mw_guest_ptr event_index)
{
    int index = 0;
    MW_TRY(mw_tool_enter());
    const char *text = mw_tool_text(instance, name);
    int32_t error = text && event_index.addr ? mw_tool_result(MPI_T_event_get_index(text, &index)) : MW_GUEST_T_ERR_INVALID;
    return mw_tool_leave(error ? error : mw_tool_put(instance, event_index, index));
}

static int32_t category_events(int32_t index, int *n)
{
    return mw_tool_is_category(index) ? mw_tool_result(MPI_T_category_get_num_events(index, n)) : MW_GUEST_T_ERR_INVALID_INDEX;
}

int32_t mw_MPI_T_category_get_num_events(mw_instance *instance, int32_t cat_index, mw_guest_ptr num_events)
{
    int n = 0;
    MW_TRY(mw_tool_enter());
    int32_t error = category_events(cat_index, &n);
    if (!error && num_events.addr == 0)
        error = MW_GUEST_T_ERR_INVALID;
    return mw_tool_leave(error ? error : mw_tool_put(instance, num_events, n));
}

int32_t mw_MPI_T_category_get_events(mw_instance *instance, int32_t cat_index, int32_t len, mw_guest_ptr indices)
{
    int n = 0;
    MW_TRY(mw_tool_enter());
    int32_t error = category_events(cat_index, &n);
    return mw_tool_leave(error ? error : mw_tool_put_indices(instance, cat_index, len, indices, n, MPI_T_category_get_events));
}

/* ---- Registrations ---------------------------------------------------------------------------------------------------------- */

/* Of each event once, for good: an event's instance outlives its registration. Its extent is what the host writes. */
static const mw_event_layout *layout_of(int32_t index, const event_info *info)
{
    static mw_event_layout **layouts;
    static int32_t known;

    if (info->n > MAX_ELEMENTS)
        return NULL;
    if (index >= known) {
        mw_event_layout **larger = realloc(layouts, ((size_t)index + 1) * sizeof *layouts);
        if (!larger)
            return NULL;
        memset(larger + known, 0, (size_t)(index + 1 - known) * sizeof *larger);
        layouts = larger;
        known = index + 1;
    }
    if (layouts[index])
        return layouts[index];
    mw_event_layout *made = calloc(1, sizeof *made);
    for (int i = 0; made && i < info->n; i++) {
        int size;
        (void)mw_tool_type(info->types[i], &size);
        if (size == 0 || info->displacements[i] < 0 || info->displacements[i] > MAX_EXTENT - size) {
            free(made);
            return NULL;
        }
        made->elements[i].displacement = (int)info->displacements[i];
        made->elements[i].size = size;
        if (made->extent < made->elements[i].displacement + size)
            made->extent = made->elements[i].displacement + size;
        made->n++;
    }
    return layouts[index] = made;
}

static int32_t event_alloc(const mw_instance *instance, int32_t index, mw_guest_ptr object, mw_guest_info info,
                           mw_guest_ptr registration)
{
    event_info event;
    MPI_Info host_info;
    MW_TRY(get_event(index, &event, mw_tool_begin_texts()));
    if (event.info != MPI_INFO_NULL)
        MPI_Info_free(&event.info);
    mw_guest_word *out = mw_tool_span(instance, registration, sizeof *out);
    if (!out)
        return MW_GUEST_T_ERR_INVALID;
    MW_TRY(in_info(info, &host_info));
    const mw_event_layout *layout = layout_of(index, &event);
    int32_t bind = mw_tool_out_bind(event.bind);
    if (!layout || bind == 0)
        return MW_GUEST_T_ERR_NOT_SUPPORTED;
    mw_tool *tool = mw_tool_take(MW_TOOL_EVENT);
    if (!tool)
        return MW_GUEST_T_ERR_OUT_OF_HANDLES;
    tool->event = (mw_tool_event){.layout = layout, .bind = bind};
    int32_t error = mw_tool_in_object(instance, object, bind, &tool->event.object, &tool->event.bound);
    if (!error)
        error = mw_tool_result(MPI_T_event_handle_alloc(
            index, bind == MW_GUEST_T_BIND_NO_OBJECT ? NULL : &tool->event.bound, host_info, &tool->event.host));
    if (error) {
        mw_tool_free(tool);
        return error;
    }
    __atomic_store_n(&dropped[tool->self % (sizeof dropped / sizeof *dropped)], 0, __ATOMIC_RELAXED);
    mw_tool_put_handle(out, tool);
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_event_handle_alloc(mw_instance *instance, int32_t event_index, mw_guest_ptr obj_handle, mw_guest_info info,
                                    mw_guest_ptr event_registration)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(event_alloc(instance, event_index, obj_handle, info, event_registration));
}

static mw_tool *find_event(mw_guest_word registration)
{
    mw_tool *tool = mw_tool_find(MW_TOOL_EVENT, registration);
    return tool && tool->event.host ? tool : NULL;
}

void mw_tool_free_events(void)
{
    for (mw_tool *tool = NULL; (tool = mw_tool_next(MW_TOOL_EVENT, tool));) {
        if (tool->event.host)
            (void)MPI_T_event_handle_free(tool->event.host, NULL, NULL);
        mw_tool_free(tool);
    }
}

/* The guest's function, if it gives one, is the last to see the registration. */
int32_t mw_MPI_T_event_handle_free(mw_instance *instance, mw_guest_word event_registration, mw_guest_ptr user_data,
                                   mw_guest_ptr free_cb_function)
{
    const mw_func *func = NULL;
    int32_t error = MW_GUEST_SUCCESS;
    MW_TRY(mw_tool_enter());
    mw_tool *tool = find_event(event_registration);
    if (!tool)
        return mw_tool_leave(MW_GUEST_T_ERR_INVALID_HANDLE);
    if (free_cb_function.addr && !(func = mw_guest_function(instance, free_cb_function.addr, MW_BY_WIDTH("iii:", "IiI:"))))
        return mw_tool_leave(MW_GUEST_T_ERR_INVALID);
    error = mw_tool_result(MPI_T_event_handle_free(tool->event.host, NULL, NULL));
    if (error)
        return mw_tool_leave(error);
    tool->event.host = NULL;
    if (!func)
        mw_tool_free(tool);
    mw_tool_leave(MW_GUEST_SUCCESS);
    if (!func)
        return MW_GUEST_SUCCESS;
    func = mw_func_here(func);
    mw_callback_enter();
    ((freed_code *)func->code)(func->context, event_registration, MW_GUEST_T_CB_REQUIRE_NONE, user_data.addr);
    mw_callback_leave();
    mw_tool_lock();
    if ((tool = mw_tool_find(MW_TOOL_EVENT, event_registration)))
        mw_tool_free(tool);
    return mw_tool_leave(MW_GUEST_SUCCESS);
}

static int32_t register_callback(mw_instance *instance, mw_guest_word registration, int32_t cb_safety, mw_guest_info info,
                                 mw_guest_ptr user_data, mw_guest_ptr function)
{
    mw_tool *tool = find_event(registration);
    int level = in_level(cb_safety);
    const mw_func *func = function.addr ? mw_guest_function(instance, function.addr, MW_BY_WIDTH("iiii:", "IIiI:")) : NULL;
    MPI_Info host_info;
    if (!tool)
        return MW_GUEST_T_ERR_INVALID_HANDLE;
    if (level < 0 || (function.addr && !func))
        return MW_GUEST_T_ERR_INVALID;
    MW_TRY(in_info(info, &host_info));
    void *state = (void *)((uintptr_t)level << 32 | tool->self);
    MW_TRY(mw_tool_result(MPI_T_event_register_callback(tool->event.host, levels[level].host, host_info, state,
                                                        func ? on_event : NULL)));
    tool->event.callbacks[level].func = func;
    tool->event.callbacks[level].user_data = user_data.addr;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_event_register_callback(mw_instance *instance, mw_guest_word event_registration, int32_t cb_safety,
                                         mw_guest_info info, mw_guest_ptr user_data, mw_guest_ptr event_cb_function)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(register_callback(instance, event_registration, cb_safety, info, user_data, event_cb_function));
}

static int32_t set_dropped(mw_instance *instance, mw_guest_word registration, mw_guest_ptr function)
{
    mw_tool *tool = find_event(registration);
    const mw_func *func = function.addr ? mw_guest_function(instance, function.addr, MW_BY_WIDTH("Iiiii:", "IIiiI:")) : NULL;
    if (!tool)
        return MW_GUEST_T_ERR_INVALID_HANDLE;
    if (function.addr && !func)
        return MW_GUEST_T_ERR_INVALID;
    MW_TRY(mw_tool_result(MPI_T_event_set_dropped_handler(tool->event.host, func ? on_dropped : NULL)));
    tool->event.dropped = func;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_event_set_dropped_handler(mw_instance *instance, mw_guest_word event_registration,
                                           mw_guest_ptr dropped_cb_function)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(set_dropped(instance, event_registration, dropped_cb_function));
}

int32_t mw_MPI_T_event_handle_set_info(mw_instance *instance, mw_guest_word event_registration, mw_guest_info info)
{
    MPI_Info host_info = MPI_INFO_NULL;
    (void)instance;
    MW_TRY(mw_tool_enter());
    const mw_tool *tool = find_event(event_registration);
    int32_t error = tool ? in_info(info, &host_info) : MW_GUEST_T_ERR_INVALID_HANDLE;
    return mw_tool_leave(error ? error : mw_tool_result(MPI_T_event_handle_set_info(tool->event.host, host_info)));
}

int32_t mw_MPI_T_event_handle_get_info(mw_instance *instance, mw_guest_word event_registration, mw_guest_ptr info_used)
{
    MPI_Info host_info = MPI_INFO_NULL;
    MW_TRY(mw_tool_enter());
    const mw_tool *tool = find_event(event_registration);
    int32_t error = !tool                 ? MW_GUEST_T_ERR_INVALID_HANDLE
                    : info_used.addr == 0 ? MW_GUEST_T_ERR_INVALID
                                          : mw_tool_result(MPI_T_event_handle_get_info(tool->event.host, &host_info));
    return mw_tool_leave(error ? error : put_info(instance, info_used, host_info));
}

int32_t mw_MPI_T_event_callback_set_info(mw_instance *instance, mw_guest_word event_registration, int32_t cb_safety,
                                         mw_guest_info info)
{
    MPI_Info host_info = MPI_INFO_NULL;
    int level = in_level(cb_safety);
    (void)instance;
    MW_TRY(mw_tool_enter());
    const mw_tool *tool = find_event(event_registration);
    int32_t error = !tool      ? MW_GUEST_T_ERR_INVALID_HANDLE
                    : level < 0 ? MW_GUEST_T_ERR_INVALID
                                : in_info(info, &host_info);
    if (!error)
        error = mw_tool_result(MPI_T_event_callback_set_info(tool->event.host, levels[level].host, host_info));
    return mw_tool_leave(error);
}

int32_t mw_MPI_T_event_callback_get_info(mw_instance *instance, mw_guest_word event_registration, int32_t cb_safety,
                                         mw_guest_ptr info_used)
{
    MPI_Info host_info = MPI_INFO_NULL;
    int level = in_level(cb_safety);
    MW_TRY(mw_tool_enter());
    const mw_tool *tool = find_event(event_registration);
    int32_t error = !tool ? MW_GUEST_T_ERR_INVALID_HANDLE : MW_GUEST_SUCCESS;
    if (!error && (level < 0 || info_used.addr == 0))
        error = MW_GUEST_T_ERR_INVALID;
    if (!error)
        error = mw_tool_result(MPI_T_event_callback_get_info(tool->event.host, levels[level].host, &host_info));
    return mw_tool_leave(error ? error : put_info(instance, info_used, host_info));
}

/* ---- Instances -------------------------------------------------------------------------------------------------------------- */

static int32_t read_element(const mw_instance *instance, mw_guest_word handle, int32_t element, mw_guest_ptr buffer)
{
    const mw_tool *tool = mw_tool_find(MW_TOOL_INSTANCE, handle);
    if (!tool)
        return MW_GUEST_T_ERR_INVALID_HANDLE;
    const mw_event_layout *layout = tool->instance.layout;
    if (element < 0 || element >= layout->n)
        return MW_GUEST_T_ERR_INVALID_INDEX;
    size_t size = (size_t)layout->elements[element].size;
    void *out = mw_tool_span(instance, buffer, size);
    if (!out)
        return MW_GUEST_T_ERR_INVALID;
    memcpy(out, tool->instance.record->data + layout->elements[element].displacement, size);
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_event_read(mw_instance *instance, mw_guest_word event_instance, int32_t element_index, mw_guest_ptr buffer)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(read_element(instance, event_instance, element_index, buffer));
}

static int32_t copy_event(const mw_instance *instance, mw_guest_word handle, mw_guest_ptr buffer)
{
    const mw_tool *tool = mw_tool_find(MW_TOOL_INSTANCE, handle);
    if (!tool)
        return MW_GUEST_T_ERR_INVALID_HANDLE;
    const mw_event_layout *layout = tool->instance.layout;
    char *out = mw_tool_span(instance, buffer, (uint64_t)layout->extent);
    if (!out)
        return MW_GUEST_T_ERR_INVALID;
    for (int i = 0; i < layout->n; i++)
        memcpy(out + layout->elements[i].displacement, tool->instance.record->data + layout->elements[i].displacement,
               (size_t)layout->elements[i].size);
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_event_copy(mw_instance *instance, mw_guest_word event_instance, mw_guest_ptr buffer)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(copy_event(instance, event_instance, buffer));
}

int32_t mw_MPI_T_event_get_timestamp(mw_instance *instance, mw_guest_word event_instance, mw_guest_ptr event_timestamp)
{
    MW_TRY(mw_tool_enter());
    const mw_tool *tool = mw_tool_find(MW_TOOL_INSTANCE, event_instance);
    int32_t error = !tool ? MW_GUEST_T_ERR_INVALID_HANDLE : event_timestamp.addr == 0 ? MW_GUEST_T_ERR_INVALID : MW_GUEST_SUCCESS;
    return mw_tool_leave(error ? error : put_i64(instance, event_timestamp, tool->instance.record->timestamp));
}

int32_t mw_MPI_T_event_get_source(mw_instance *instance, mw_guest_word event_instance, mw_guest_ptr source_index)
{
    MW_TRY(mw_tool_enter());
    const mw_tool *tool = mw_tool_find(MW_TOOL_INSTANCE, event_instance);
    int32_t error = !tool ? MW_GUEST_T_ERR_INVALID_HANDLE : source_index.addr == 0 ? MW_GUEST_T_ERR_INVALID : MW_GUEST_SUCCESS;
    return mw_tool_leave(error ? error : mw_tool_put(instance, source_index, tool->instance.record->source));
}

#else /* a host with MPI 3 */

void mw_tools_deliver_events(void) {}

void mw_tool_free_events(void) {}

#pragma GCC diagnostic ignored "-Wunused-parameter"
MW_ABSENT(MPI_T_category_get_events, int32_t cat_index, int32_t len, mw_guest_ptr indices)
MW_ABSENT(MPI_T_category_get_num_events, int32_t cat_index, mw_guest_ptr num_events)
MW_ABSENT(MPI_T_event_callback_get_info, mw_guest_word event_registration, int32_t cb_safety, mw_guest_ptr info_used)
MW_ABSENT(MPI_T_event_callback_set_info, mw_guest_word event_registration, int32_t cb_safety, mw_guest_info info)
MW_ABSENT(MPI_T_event_copy, mw_guest_word event_instance, mw_guest_ptr buffer)
MW_ABSENT(MPI_T_event_get_index, mw_guest_ptr name, mw_guest_ptr event_index)
MW_ABSENT(MPI_T_event_get_info, int32_t event_index, mw_guest_ptr name, mw_guest_ptr name_len, mw_guest_ptr verbosity,
          mw_guest_ptr array_of_datatypes, mw_guest_ptr array_of_displacements, mw_guest_ptr num_elements,
          mw_guest_ptr enumtype, mw_guest_ptr info, mw_guest_ptr desc, mw_guest_ptr desc_len, mw_guest_ptr bind)
MW_ABSENT(MPI_T_event_get_num, mw_guest_ptr num_events)
MW_ABSENT(MPI_T_event_get_source, mw_guest_word event_instance, mw_guest_ptr source_index)
MW_ABSENT(MPI_T_event_get_timestamp, mw_guest_word event_instance, mw_guest_ptr event_timestamp)
MW_ABSENT(MPI_T_event_handle_alloc, int32_t event_index, mw_guest_ptr obj_handle, mw_guest_info info,
          mw_guest_ptr event_registration)
MW_ABSENT(MPI_T_event_handle_free, mw_guest_word event_registration, mw_guest_ptr user_data, mw_guest_ptr free_cb_function)
MW_ABSENT(MPI_T_event_handle_get_info, mw_guest_word event_registration, mw_guest_ptr info_used)
MW_ABSENT(MPI_T_event_handle_set_info, mw_guest_word event_registration, mw_guest_info info)
MW_ABSENT(MPI_T_event_read, mw_guest_word event_instance, int32_t element_index, mw_guest_ptr buffer)
MW_ABSENT(MPI_T_event_register_callback, mw_guest_word event_registration, int32_t cb_safety, mw_guest_info info,
          mw_guest_ptr user_data, mw_guest_ptr event_cb_function)
MW_ABSENT(MPI_T_event_set_dropped_handler, mw_guest_word event_registration, mw_guest_ptr dropped_cb_function)
MW_ABSENT(MPI_T_source_get_info, int32_t source_index, mw_guest_ptr name, mw_guest_ptr name_len, mw_guest_ptr desc,
          mw_guest_ptr desc_len, mw_guest_ptr ordering, mw_guest_ptr ticks_per_second, mw_guest_ptr max_ticks,
          mw_guest_ptr info)
MW_ABSENT(MPI_T_source_get_num, mw_guest_ptr num_sources)
MW_ABSENT(MPI_T_source_get_timestamp, int32_t source_index, mw_guest_ptr timestamp)

#endif
