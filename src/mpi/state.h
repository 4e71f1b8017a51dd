/* The state of the process's one MPI, as the hand-written shims share it. */
#ifndef MW_MPI_STATE_H
#define MW_MPI_STATE_H

#include "mpi/convert.h"
#include "mpi/plugin.h"
#include <pthread.h>

extern int mw_mpi_running;    /* handles are valid: between MPI_Init and MPI_Finalize, or in a session */
extern int mw_mpi_world;      /* between MPI_Init and MPI_Finalize */
extern int mw_mpi_finalized;  /* after MPI_Finalize */
extern bool mw_mpi_legacy;    /* the guest's ABI is that of the paper's artifact (legacy.h) */
extern mw_mpi_config mw_mpi_rights;  /* of the guest that is attached */
extern mw_instance *mw_mpi_instance; /* the guest that is attached; callbacks of the host find it here */

/* Ends the job with `code` whatever the state; never returns, never hangs (plugin.c). */
void mw_mpi_abort(int code) __attribute__((noreturn)); /* as in mw_mpi_plugin: to clang _Noreturn is no part of a type */
/* "MPIWasm 0.1.0 on <the host's version>" (plugin.c). */
void mw_mpi_library_version(char *text, size_t size);
/* Finalizes the host's MPI and, unless there are sessions, forgets all handles (init.c). */
int mw_mpi_finalize(void);
/* After the host was initialized by MPI_Init or MPI_Session_init: makes handles valid. With the state's lock. */
void mw_mpi_begin(void);
/* Held while MPI or a session begins or ends; traps in a callback of MPI_Finalize. */
extern bool mw_mpi_finalizing;
void mw_mpi_state_lock(const mw_call *call);
void mw_mpi_state_unlock(void);
/* Whether the guest's module imports that function of MPI. */
bool mw_mpi_imports(const char *name);

/* ---- Sessions (sessions.c) ------------------------------------------------------------------------------- */

int mw_sessions_open(void);       /* number of the guest's sessions */
void mw_sessions_release_host(void); /* what MPI_Finalize is about to end must not be kept up */
void mw_sessions_without_world(void); /* MPI_Finalize while there are sessions */
void mw_sessions_end(void);       /* ends all that are left, at the end of the process */
MPI_Comm mw_sessions_comm(void);  /* for MPI_Abort without a world; may be MPI_COMM_NULL */
bool mw_sessions_world(int *rank, int *size); /* of mpi://WORLD, if a session was there to ask */

/* A hand-written shim, with its parameters, of a function that this host lacks: it fails by name. */
#define MW_ABSENT(name, ...)                                                                       \
    int32_t mw_##name(mw_instance *instance, __VA_ARGS__)                                          \
    {                                                                                              \
        mw_call call = MW_CALL(#name);                                                             \
        return mw_raise_error(&call, MW_GUEST_ERR_UNSUPPORTED_OPERATION, NULL,                     \
                              "this host's MPI %d.%d does not have it", MPI_VERSION, MPI_SUBVERSION); \
    }

/* For a guest that uses the tool information interface the host's begins before MPI and stays (tools.c). */
void mw_tools_before_init(mw_instance *instance);
void mw_tools_after_init(void);
void mw_tools_deliver_events(void); /* to the guest's callbacks; not from within the host's library (tool_events.c) */

/* Makes the n integers that the host returns for a combiner the guest's; `large`: of a large-count constructor (MPI 4.1,
 * 5.1.13; values.c). */
void mw_out_contents(int combiner, bool large, int32_t *integers, int64_t n);

/* Value of the attribute MPI_LASTUSEDCODE (errors.c). */
int mw_last_used_code(void);

/* ---- Dynamic processes (spawn.c) ------------------------------------------------------------------------------ */

/* Fails with `error_class` unless the guest may start processes and connect to other jobs. */
int32_t mw_in_dynamic(const mw_call *call, int32_t error_class);
/* Collective over an intracommunicator: MPI_SUCCESS if `mine` is that everywhere. Otherwise every process fails, with its
 * own error, which it has raised, or with another's. *most (may be NULL) becomes the largest one of all. */
int32_t mw_agree(const mw_call *call, const mw_comm_slot *comm, int32_t mine, int64_t *most);
/* A host info object with those keys that give no rights, or MPI_INFO_NULL; the caller frees it. */
int32_t mw_in_info_rights(const mw_call *call, const char *argument, mw_guest_info handle, MPI_Info *out);

/* ---- Memory kept with requests (scratch.c) ---------------------------------------------------------------- */

void mw_kept_free(struct mw_kept *kept);
void *mw_kept_bytes(struct mw_kept *kept); /* what was taken last */
void mw_kept_orphan(struct mw_kept *kept); /* of a request that was freed before its operation is complete */
void mw_kept_free_orphans(void);

/* ---- Partitioned communication (partitioned.c) ------------------------------------------------------------- */

void mw_partitions_reset(mw_request_slot *slot); /* of a send: none is ready */
int mw_partitioned_free(mw_request_slot *slot, MPI_Request *host); /* as MPI_Request_free */

/* ---- Guest memory that MPI hands out (memory.c) ---------------------------------------------------------- */

/* Memory of the guest's own: from its exported malloc, else from grown pages. 0 if there is none. */
mw_guest_ptr mw_guest_alloc(mw_instance *instance, uint64_t bytes);
void mw_guest_release(mw_instance *instance, mw_guest_ptr p);

/* Short-lived guest memory for the arguments of callbacks; blocks end in reverse order. */
typedef struct mw_guest_block {
    mw_guest_ptr p;
    uint64_t level;
    bool own;
} mw_guest_block;
bool mw_guest_block_begin(mw_instance *instance, uint64_t bytes, mw_guest_block *block);
void mw_guest_block_end(mw_instance *instance, mw_guest_block *block);

/* Held while callbacks, keys or error codes are registered: never during a call of the host or the guest. */
extern pthread_mutex_t mw_registry_lock;

/* ---- Callbacks (callbacks.c) ----------------------------------------------------------------------------- */

/* The guest's handle of a host object that a callback is given; makes one if the guest has none, and then sets
 * *made, and the caller ends it with the kind's free. */
mw_guest_comm mw_comm_of_host(MPI_Comm host, bool *made);
mw_guest_type mw_type_of_host(MPI_Datatype host, uint32_t hint, bool *made);
mw_guest_win mw_win_of_host(MPI_Win host); /* MPI_WIN_NULL if the guest does not have it */

/* Fails while a callback of an attribute of `object` (a communicator's or datatype's handle) runs: the host then walks
 * the object's attributes, which must not change, nor the object go (attributes.c). */
int32_t mw_in_attributes(const mw_call *call, const char *argument, mw_guest_word object);

#endif
