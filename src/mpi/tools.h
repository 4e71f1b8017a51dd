/* The tool information interface (MPI 4.1, 15.3), shared by its files. It works before MPI_Init and after MPI_Finalize,
 * calls no error handler and is no path of speed: every call holds one lock, which also keeps the host's objects alive
 * while a call uses them. Its handles have a table of their own, since they outlive MPI_Finalize. */
#ifndef MW_MPI_TOOLS_H
#define MW_MPI_TOOLS_H

#include "mpi/convert.h"

typedef enum mw_tool_kind {
    MW_TOOL_FREE,
    MW_TOOL_ENUM,
    MW_TOOL_CVAR,
    MW_TOOL_SESSION,
    MW_TOOL_PVAR,
    MW_TOOL_EVENT,    /* a registration */
    MW_TOOL_INSTANCE, /* an event, while its callback runs */
} mw_tool_kind;

/* An enumeration as the host had it when it was first seen: hosts free theirs with the component that they belong to. */
typedef struct mw_tool_enum {
    MPI_T_enum host; /* not to be used: tells enumerations apart */
    int n;
    char *name, **names;
    int *values;
} mw_tool_enum;

typedef struct mw_tool_cvar {
    MPI_T_cvar_handle host;
    int count;
    int size; /* of an element */
    bool text, writable;
} mw_tool_cvar;

typedef union mw_tool_object {
    MPI_Comm comm;
    MPI_Group group;
    MPI_Datatype type;
    MPI_Op op;
    MPI_Request request;
    MPI_Errhandler errhandler;
    MPI_Info info;
    MPI_Win win;
    MPI_File file;
    MPI_Message message;
} mw_tool_object;

typedef struct mw_tool_pvar {
    MPI_T_pvar_handle host;
    mw_guest_word session; /* the handle of its session */
    int count, size;
    int32_t bind;          /* guest's MPI_T_BIND_... */
    mw_guest_word object;       /* the guest's handle of the object that it is bound to */
    mw_tool_object bound;  /* the host's; the host may keep the address */
    bool continuous, readonly, started;
} mw_tool_pvar;

#define MW_TOOL_LEVELS 4 /* of what a callback may do: MPI_T_CB_REQUIRE_... */

#if MPI_VERSION >= 4
typedef MPI_T_event_registration mw_host_event;
#else
typedef void *mw_host_event; /* this host has no events */
#endif

typedef struct mw_tool_event {
    mw_host_event host; /* NULL while the guest is told that it was freed */
    const struct mw_event_layout *layout;
    struct {
        const mw_func *func;
        mw_guest_addr user_data;
    } callbacks[MW_TOOL_LEVELS];
    const mw_func *dropped;
    int32_t bind;
    mw_guest_word object;
    mw_tool_object bound; /* the host may keep its address */
} mw_tool_event;

typedef struct mw_tool_instance {
    const struct mw_event_layout *layout;
    const struct mw_event_record *record;
} mw_tool_instance;

typedef struct mw_tool {
    uint32_t self; /* the valid handle, or 0 */
    uint32_t generation;
    uint32_t next_free;
    mw_tool_kind kind;
    union {
        mw_tool_enum enumeration;
        mw_tool_cvar cvar;
        MPI_T_pvar_session session;
        mw_tool_pvar pvar;
        mw_tool_event event;
        mw_tool_instance instance;
    };
} mw_tool;

/* NULL unless `handle` is a valid handle of that kind. */
mw_tool *mw_tool_find(mw_tool_kind kind, mw_guest_word handle);
/* A slot with a valid handle, the rest of it zero; NULL if there are too many. */
mw_tool *mw_tool_take(mw_tool_kind kind);
void mw_tool_free(mw_tool *tool);
/* The next valid one of a kind after `tool`, or the first (NULL). */
mw_tool *mw_tool_next(mw_tool_kind kind, mw_tool *tool);

/* Begins a call: delivers events that wait, and takes the lock. MPI_T_ERR_NOT_INITIALIZED, without the lock, unless the guest initialized the interface. */
int32_t mw_tool_enter(void);
/* The lock alone, and with it whether the guest initialized the interface. */
void mw_tool_lock(void);
bool mw_tool_is_initialized(void);
/* Ends it; gives `error`. */
int32_t mw_tool_leave(int32_t error);

/* What the guest is told of a host's return code: MPI_SUCCESS, MPI_T_ERR_..., or another class. */
int32_t mw_tool_result(int host_code);

/* `bytes` bytes of results at `p`, NULL if they do not lie in the guest's memory. */
void *mw_tool_span(const mw_instance *instance, mw_guest_ptr p, uint64_t bytes);
/* `size` bytes where the guest wants them: nothing for a null pointer, MPI_T_ERR_INVALID for a wrong one. */
int32_t mw_tool_put_bytes(const mw_instance *instance, mw_guest_ptr p, const void *value, size_t size);
/* The same with an int. */
int32_t mw_tool_put(const mw_instance *instance, mw_guest_ptr p, int32_t value);
/* The same for a handle; and a tool's handle at a place that mw_tool_span gave. */
int32_t mw_tool_put_word(const mw_instance *instance, mw_guest_ptr p, mw_guest_word value);
void mw_tool_put_handle(void *place, const mw_tool *tool);
/* A string and its length (15.3.3). */
int32_t mw_tool_put_text(const mw_instance *instance, mw_guest_ptr text, mw_guest_ptr length, const char *value);
/* The guest's string at `p` in a buffer that is good until the end of the call; NULL if it is none. */
const char *mw_tool_text(const mw_instance *instance, mw_guest_ptr p);

/* Where the host writes a name and a description, while the call lasts. */
#define MW_TOOL_TEXT 16384
typedef struct mw_tool_texts {
    char name[MW_TOOL_TEXT], desc[MW_TOOL_TEXT];
    int name_len, desc_len;
} mw_tool_texts;
mw_tool_texts *mw_tool_begin_texts(void);
int32_t mw_tool_put_texts(const mw_instance *instance, const mw_tool_texts *texts, mw_guest_ptr name,
                          mw_guest_ptr name_len, mw_guest_ptr desc, mw_guest_ptr desc_len);

/* `bytes` bytes of zeros for a value, while the call lasts; NULL if there is no memory. */
void *mw_tool_value(uint64_t bytes);

/* The guest's type for a variable's and the size of its elements, which is the same on both sides: an unsigned long of the
 * host is an unsigned long long of a guest with 32-bit pointers. 0 for a type that variables cannot have. */
int32_t mw_tool_type(MPI_Datatype host, int *size);
/* The guest's handle of a host's enumeration: 0 for none. */
uint32_t mw_tool_enum_handle(MPI_T_enum host);

/* Enumerations there and back; 0 for what the other side does not have. */
int32_t mw_tool_out_verbosity(int host);
int32_t mw_tool_out_bind(int host);
int32_t mw_tool_out_class(int host);
int mw_tool_in_class(int32_t guest);

/* The host's object for the guest's handle at `p` of the kind that `bind` (guest's) names. MPI_T_ERR_INVALID_HANDLE if it
 * is none. */
int32_t mw_tool_in_object(const mw_instance *instance, mw_guest_ptr p, int32_t bind, mw_guest_word *object,
                          mw_tool_object *host);
/* Whether the guest's handle still means that object. */
bool mw_tool_object_lives(int32_t bind, mw_guest_word object, const mw_tool_object *host);

/* The indices of a category's variables, categories or events: `n` of them, which `get` writes. */
int32_t mw_tool_put_indices(const mw_instance *instance, int32_t index, int32_t len, mw_guest_ptr indices, int n,
                            int (*get)(int, int, int[]));
bool mw_tool_is_category(int32_t index);

/* Frees all registrations of events (tool_events.c). */
void mw_tool_free_events(void);
/* Frees all performance variables' handles and sessions (tool_pvars.c). */
void mw_tool_free_pvars(void);

#endif
