/* The tool information interface: performance variables and their sessions (MPI 4.1, 15.3.7).
 *
 * A host's handle keeps a pointer to the object that it is bound to and follows it at every read: here a handle whose object
 * is gone is invalid. MPI_T_PVAR_ALL_HANDLES goes through our own handles for the same reason. */
#include "mpi/tools.h"
#include "mpi/state.h"
#include "shims.h"

#include <string.h>

static int32_t free_handle(mw_tool *tool)
{
    mw_tool *session = mw_tool_find(MW_TOOL_SESSION, tool->pvar.session);
    MW_TRY(mw_tool_result(MPI_T_pvar_handle_free(session->session, &tool->pvar.host)));
    mw_tool_free(tool);
    return MW_GUEST_SUCCESS;
}

static int32_t free_session(mw_tool *session)
{
    for (mw_tool *tool = NULL; (tool = mw_tool_next(MW_TOOL_PVAR, tool));)
        if (tool->pvar.session == session->self)
            MW_TRY(free_handle(tool));
    MW_TRY(mw_tool_result(MPI_T_pvar_session_free(&session->session)));
    mw_tool_free(session);
    return MW_GUEST_SUCCESS;
}

void mw_tool_free_pvars(void)
{
    for (mw_tool *session = NULL; (session = mw_tool_next(MW_TOOL_SESSION, session));)
        (void)free_session(session);
}

/* ---- Queries ---------------------------------------------------------------------------------------------------------- */

typedef struct pvar_info {
    int verbosity, var_class, bind, readonly, continuous, atomic, size;
    int32_t type, guest_bind;
    MPI_T_enum enumtype;
} pvar_info;

static int32_t get_pvar(int32_t index, pvar_info *info, mw_tool_texts *texts)
{
    MPI_Datatype type = MPI_DATATYPE_NULL;
    int n = 0;
    if (index < 0 || MPI_T_pvar_get_num(&n) != MPI_SUCCESS || index >= n)
        return MW_GUEST_T_ERR_INVALID_INDEX;
    *info = (pvar_info){.enumtype = MPI_T_ENUM_NULL};
    MW_TRY(mw_tool_result(MPI_T_pvar_get_info(index, texts->name, &texts->name_len, &info->verbosity, &info->var_class, &type,
                                              &info->enumtype, texts->desc, &texts->desc_len, &info->bind, &info->readonly,
                                              &info->continuous, &info->atomic)));
    info->type = mw_tool_type(type, &info->size);
    info->guest_bind = mw_tool_out_bind(info->bind);
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_pvar_get_num(mw_instance *instance, mw_guest_ptr num_pvar)
{
    int n = 0;
    MW_TRY(mw_tool_enter());
    int32_t error = num_pvar.addr ? mw_tool_result(MPI_T_pvar_get_num(&n)) : MW_GUEST_T_ERR_INVALID;
    return mw_tool_leave(error ? error : mw_tool_put(instance, num_pvar, n));
}

static int32_t put_info(const mw_instance *instance, int32_t index, mw_guest_ptr name, mw_guest_ptr name_len,
                        mw_guest_ptr verbosity, mw_guest_ptr var_class, mw_guest_ptr datatype, mw_guest_ptr enumtype,
                        mw_guest_ptr desc, mw_guest_ptr desc_len, mw_guest_ptr bind, mw_guest_ptr readonly,
                        mw_guest_ptr continuous, mw_guest_ptr atomic)
{
    mw_tool_texts *texts = mw_tool_begin_texts();
    pvar_info info;
    MW_TRY(get_pvar(index, &info, texts));
    MW_TRY(mw_tool_put_texts(instance, texts, name, name_len, desc, desc_len));
    MW_TRY(mw_tool_put(instance, verbosity, mw_tool_out_verbosity(info.verbosity)));
    MW_TRY(mw_tool_put(instance, var_class, mw_tool_out_class(info.var_class)));
    MW_TRY(mw_tool_put_word(instance, datatype, (mw_guest_word)info.type));
    MW_TRY(mw_tool_put(instance, bind, info.guest_bind));
    MW_TRY(mw_tool_put(instance, readonly, info.readonly != 0));
    MW_TRY(mw_tool_put(instance, continuous, info.continuous != 0));
    MW_TRY(mw_tool_put(instance, atomic, info.atomic != 0));
    return mw_tool_put_word(instance, enumtype, enumtype.addr ? mw_tool_enum_handle(info.enumtype) : 0);
}

int32_t mw_MPI_T_pvar_get_info(mw_instance *instance, int32_t pvar_index, mw_guest_ptr name, mw_guest_ptr name_len,
                               mw_guest_ptr verbosity, mw_guest_ptr var_class, mw_guest_ptr datatype, mw_guest_ptr enumtype,
                               mw_guest_ptr desc, mw_guest_ptr desc_len, mw_guest_ptr bind, mw_guest_ptr readonly,
                               mw_guest_ptr continuous, mw_guest_ptr atomic)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(put_info(instance, pvar_index, name, name_len, verbosity, var_class, datatype, enumtype, desc,
                                  desc_len, bind, readonly, continuous, atomic));
}

static int32_t get_index(const mw_instance *instance, mw_guest_ptr name, int32_t var_class, mw_guest_ptr pvar_index)
{
    const char *text = mw_tool_text(instance, name);
    int host_class = mw_tool_in_class(var_class), index = 0;
    if (!text || !mw_tool_span(instance, pvar_index, 4))
        return MW_GUEST_T_ERR_INVALID;
    if (host_class < 0)
        return MW_GUEST_T_ERR_INVALID_NAME;
    MW_TRY(mw_tool_result(MPI_T_pvar_get_index(text, host_class, &index)));
    return mw_tool_put(instance, pvar_index, index);
}

int32_t mw_MPI_T_pvar_get_index(mw_instance *instance, mw_guest_ptr name, int32_t var_class, mw_guest_ptr pvar_index)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(get_index(instance, name, var_class, pvar_index));
}

/* ---- Sessions and handles ---------------------------------------------------------------------------------------------- */

static int32_t session_create(const mw_instance *instance, mw_guest_ptr session)
{
    mw_guest_word *out = mw_tool_span(instance, session, sizeof *out);
    mw_tool *tool = out ? mw_tool_take(MW_TOOL_SESSION) : NULL;
    if (!tool)
        return out ? MW_GUEST_T_ERR_OUT_OF_SESSIONS : MW_GUEST_T_ERR_INVALID;
    int32_t error = mw_tool_result(MPI_T_pvar_session_create(&tool->session));
    if (error) {
        mw_tool_free(tool);
        return error;
    }
    mw_tool_put_handle(out, tool);
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_pvar_session_create(mw_instance *instance, mw_guest_ptr session)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(session_create(instance, session));
}

static int32_t session_free(const mw_instance *instance, mw_guest_ptr session)
{
    mw_guest_word *place = mw_tool_span(instance, session, sizeof *place);
    mw_tool *tool = place ? mw_tool_find(MW_TOOL_SESSION, *place) : NULL;
    if (!tool)
        return place ? MW_GUEST_T_ERR_INVALID_SESSION : MW_GUEST_T_ERR_INVALID;
    MW_TRY(free_session(tool));
    *place = MW_GUEST_T_PVAR_SESSION_NULL;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_pvar_session_free(mw_instance *instance, mw_guest_ptr session)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(session_free(instance, session));
}

/* Texts are refused: one of Open MPI's is the name of a file that stopping the variable writes. Of Open MPI's others those
 * are left whose functions look whether what they read is there: psm2's follow a null pointer where psm2 is not used, osc_rdma's
 * take a window of any component for their own, coll_monitoring's search a table that may not exist. */
static bool is_refused(const pvar_info *info, const char *name)
{
#if defined(OPEN_MPI)
    static const char *const names[] = {
        "mpool_hugepage_bytes_allocated",  "osc_monitoring_messages_recv_count", "osc_monitoring_messages_recv_size",
        "osc_monitoring_messages_sent_count", "osc_monitoring_messages_sent_size", "pml_monitoring_messages_count",
        "pml_monitoring_messages_size",    "pml_ob1_posted_recvq_length",        "pml_ob1_unexpected_msgq_length",
    };
    bool known = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        known |= !strcmp(names[i], name);
    if (!known)
        return true;
#endif
    (void)name;
    return info->size == 0 || info->type == MW_GUEST_CHAR || info->guest_bind == 0;
}

static int32_t handle_alloc(const mw_instance *instance, mw_guest_word session, int32_t index, mw_guest_ptr object,
                            mw_guest_ptr handle, mw_guest_ptr count)
{
    const mw_tool *in = mw_tool_find(MW_TOOL_SESSION, session);
    pvar_info info;
    if (!in)
        return MW_GUEST_T_ERR_INVALID_SESSION;
    mw_tool_texts *texts = mw_tool_begin_texts();
    MW_TRY(get_pvar(index, &info, texts));
    void *out = mw_tool_span(instance, handle, sizeof(mw_guest_word)), *out_count = mw_tool_span(instance, count, 4);
    if (!out || !out_count)
        return MW_GUEST_T_ERR_INVALID;
    if (is_refused(&info, texts->name))
        return MW_GUEST_T_ERR_NOT_SUPPORTED;
    mw_tool *tool = mw_tool_take(MW_TOOL_PVAR);
    if (!tool)
        return MW_GUEST_T_ERR_OUT_OF_HANDLES;
    mw_tool_pvar *pvar = &tool->pvar;
    *pvar = (mw_tool_pvar){.session = session, .size = info.size, .bind = info.guest_bind,
                           .continuous = info.continuous != 0, .readonly = info.readonly != 0};
    int32_t error = mw_tool_in_object(instance, object, pvar->bind, &pvar->object, &pvar->bound);
    if (!error)
        error = mw_tool_result(MPI_T_pvar_handle_alloc(in->session, index,
                                                       pvar->bind == MW_GUEST_T_BIND_NO_OBJECT ? NULL : &pvar->bound,
                                                       &pvar->host, &pvar->count));
    if (error) {
        mw_tool_free(tool);
        return error;
    }
#if defined(MPICH_VERSION)
    (void)MPI_T_pvar_reset(in->session, pvar->host); /* MPICH 4.0 begins sums with what is in its memory */
#endif
    mw_tool_put_handle(out, tool);
    memcpy(out_count, &pvar->count, 4);
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_pvar_handle_alloc(mw_instance *instance, mw_guest_word session, int32_t pvar_index, mw_guest_ptr obj_handle,
                                   mw_guest_ptr handle, mw_guest_ptr count)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(handle_alloc(instance, session, pvar_index, obj_handle, handle, count));
}

/* A handle of that session, and the session as the host has it. */
static int32_t in_handle(mw_guest_word session, mw_guest_word handle, mw_tool **tool, MPI_T_pvar_session *host)
{
    const mw_tool *in = mw_tool_find(MW_TOOL_SESSION, session);
    if (!in)
        return MW_GUEST_T_ERR_INVALID_SESSION;
    *host = in->session;
    *tool = mw_tool_find(MW_TOOL_PVAR, handle);
    return *tool && (*tool)->pvar.session == session ? MW_GUEST_SUCCESS : MW_GUEST_T_ERR_INVALID_HANDLE;
}

static bool is_usable(const mw_tool *tool)
{
    return mw_tool_object_lives(tool->pvar.bind, tool->pvar.object, &tool->pvar.bound);
}

static int32_t handle_free(const mw_instance *instance, mw_guest_word session, mw_guest_ptr handle)
{
    mw_guest_word *place = mw_tool_span(instance, handle, sizeof *place);
    MPI_T_pvar_session host;
    mw_tool *tool;
    if (!place)
        return MW_GUEST_T_ERR_INVALID;
    MW_TRY(in_handle(session, *place, &tool, &host));
    MW_TRY(free_handle(tool));
    *place = MW_GUEST_T_PVAR_HANDLE_NULL;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_pvar_handle_free(mw_instance *instance, mw_guest_word session, mw_guest_ptr handle)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(handle_free(instance, session, handle));
}

/* ---- Starting, stopping, resetting ------------------------------------------------------------------------------------- */

static int32_t start(mw_tool *tool, MPI_T_pvar_session host)
{
    if (tool->pvar.continuous)
        return MW_GUEST_T_ERR_PVAR_NO_STARTSTOP;
    MW_TRY(mw_tool_result(MPI_T_pvar_start(host, tool->pvar.host)));
    tool->pvar.started = true;
    return MW_GUEST_SUCCESS;
}

static int32_t stop(mw_tool *tool, MPI_T_pvar_session host)
{
    if (tool->pvar.continuous)
        return MW_GUEST_T_ERR_PVAR_NO_STARTSTOP;
    MW_TRY(mw_tool_result(MPI_T_pvar_stop(host, tool->pvar.host)));
    tool->pvar.started = false;
    return MW_GUEST_SUCCESS;
}

static int32_t reset(mw_tool *tool, MPI_T_pvar_session host)
{
    return tool->pvar.readonly ? MW_GUEST_T_ERR_PVAR_NO_WRITE : mw_tool_result(MPI_T_pvar_reset(host, tool->pvar.host));
}

/* With MPI_T_PVAR_ALL_HANDLES what cannot be done to a variable or is done already is passed over. */
static bool not_to_start(const mw_tool_pvar *pvar)
{
    return pvar->continuous || pvar->started;
}

static bool not_to_stop(const mw_tool_pvar *pvar)
{
    return pvar->continuous || !pvar->started;
}

static bool not_to_reset(const mw_tool_pvar *pvar)
{
    return pvar->readonly;
}

static int32_t each(mw_guest_word session, mw_guest_word handle, int32_t (*act)(mw_tool *, MPI_T_pvar_session),
                    bool (*passed_over)(const mw_tool_pvar *), int32_t failure)
{
    MPI_T_pvar_session host;
    int32_t error = MW_GUEST_SUCCESS;
    mw_tool *tool;

    if (handle != MW_GUEST_T_PVAR_ALL_HANDLES) {
        MW_TRY(in_handle(session, handle, &tool, &host));
        return is_usable(tool) ? act(tool, host) : MW_GUEST_T_ERR_INVALID_HANDLE;
    }
    const mw_tool *in = mw_tool_find(MW_TOOL_SESSION, session);
    if (!in)
        return MW_GUEST_T_ERR_INVALID_SESSION;
    for (tool = NULL; (tool = mw_tool_next(MW_TOOL_PVAR, tool));)
        if (tool->pvar.session == session && !passed_over(&tool->pvar) && (!is_usable(tool) || act(tool, in->session)))
            error = failure;
    return error;
}

int32_t mw_MPI_T_pvar_start(mw_instance *instance, mw_guest_word session, mw_guest_word handle)
{
    (void)instance;
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(each(session, handle, start, not_to_start, MW_GUEST_T_ERR_PVAR_NO_STARTSTOP));
}

int32_t mw_MPI_T_pvar_stop(mw_instance *instance, mw_guest_word session, mw_guest_word handle)
{
    (void)instance;
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(each(session, handle, stop, not_to_stop, MW_GUEST_T_ERR_PVAR_NO_STARTSTOP));
}

int32_t mw_MPI_T_pvar_reset(mw_instance *instance, mw_guest_word session, mw_guest_word handle)
{
    (void)instance;
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(each(session, handle, reset, not_to_reset, MW_GUEST_T_ERR_PVAR_NO_WRITE));
}

/* ---- Values ------------------------------------------------------------------------------------------------------------- */

static int32_t read_value(const mw_instance *instance, mw_guest_word session, mw_guest_word handle, mw_guest_ptr buf, bool and_reset)
{
    MPI_T_pvar_session host;
    mw_tool *tool;
    MW_TRY(in_handle(session, handle, &tool, &host));
    if (!is_usable(tool))
        return MW_GUEST_T_ERR_INVALID_HANDLE;
    if (and_reset && tool->pvar.readonly)
        return MW_GUEST_T_ERR_PVAR_NO_WRITE;
    uint64_t bytes = tool->pvar.count < 0 ? 0 : (uint64_t)tool->pvar.count * (uint64_t)tool->pvar.size;
    void *out = mw_tool_span(instance, buf, bytes);
    void *value = out ? mw_tool_value(bytes ? bytes : 1) : NULL;
    if (!value)
        return out ? MW_GUEST_T_ERR_MEMORY : MW_GUEST_T_ERR_INVALID;
    MW_TRY(mw_tool_result((and_reset ? MPI_T_pvar_readreset : MPI_T_pvar_read)(host, tool->pvar.host, value)));
    memcpy(out, value, bytes);
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_T_pvar_read(mw_instance *instance, mw_guest_word session, mw_guest_word handle, mw_guest_ptr buf)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(read_value(instance, session, handle, buf, false));
}

int32_t mw_MPI_T_pvar_readreset(mw_instance *instance, mw_guest_word session, mw_guest_word handle, mw_guest_ptr buf)
{
    MW_TRY(mw_tool_enter());
    return mw_tool_leave(read_value(instance, session, handle, buf, true));
}

/* No guest writes a performance variable: MPICH has none that can be written, Open MPI writes through what may be an offset
 * instead of an address. */
int32_t mw_MPI_T_pvar_write(mw_instance *instance, mw_guest_word session, mw_guest_word handle, mw_guest_ptr buf)
{
    MPI_T_pvar_session host;
    mw_tool *tool;
    (void)instance, (void)buf;
    MW_TRY(mw_tool_enter());
    int32_t error = in_handle(session, handle, &tool, &host);
    return mw_tool_leave(error ? error : MW_GUEST_T_ERR_PVAR_NO_WRITE);
}
