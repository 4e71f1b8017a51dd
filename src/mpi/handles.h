/* Handles: what the guest holds in place of the host's handles. One flat table per kind; a guest handle's low bits
 * are the index of its slot, and a slot knows the one handle that is valid for it now. So a lookup is a mask, a load and
 * a compare, which finds out wild handles, stale ones (by generation) and those of another kind.
 *
 *   predefined   the standard's value, below 0x1000, which is also the slot's index
 *   dynamic      kind << 28 | generation << 20 | index, where index >= 0x1000
 *
 * The tables are static and untouched pages of them cost nothing: a process has one MPI, hence at most one
 * guest that uses it. They never move; slots are taken from and given back to a lock-free list. Predefined handles are
 * in the tables exactly between MPI_Init and MPI_Finalize, and null handles never are: a call at the wrong time
 * and a null handle fail like any invalid one, without a test of their own. */
#ifndef MW_MPI_HANDLES_H
#define MW_MPI_HANDLES_H

#include "mpi/guest_abi.h"
#include <mpi.h>

#if MPI_VERSION >= 4
typedef MPI_Session mw_host_session;
#else
typedef int mw_host_session; /* this host has no sessions: the table stays empty */
#endif

#pragma GCC visibility push(hidden)

#define MW_FIRST_DYNAMIC_INDEX 0x1000u

typedef enum mw_handle_kind {
    MW_KIND_NONE,
#define X(kind, host, bits) MW_KIND_##kind,
    MW_HANDLE_KINDS(X)
#undef X
    MW_KINDS
} mw_handle_kind;

typedef struct mw_slot_head {
    uint32_t self; /* the valid handle, or 0 while the slot is free */
    uint32_t link; /* generation << 20 | index of the next free slot (while free); or'ed with MW_SLOT_LEAVING */
} mw_slot_head;
#define MW_SLOT_LEAVING (1u << 31)

typedef struct mw_comm_slot {
    mw_slot_head head;
    MPI_Comm host;
    int rank, size;           /* of the local group */
    int remote_size;          /* ranks that one can send to: of the remote group, or `size` */
    int topology;             /* MPI_CART, MPI_GRAPH, MPI_DIST_GRAPH of the host, or MPI_UNDEFINED */
    int indegree, outdegree;  /* neighbours, with a topology */
    bool inter;
    bool own_fatal;           /* its error handler was set to a fatal one, or that of the one it was made from */
} __attribute__((aligned(64))) mw_comm_slot;

/* Everything that a buffer check needs, so that it is a few instructions. In bytes, as the guest sees them. */
typedef struct mw_type_slot {
    mw_slot_head head;
    MPI_Datatype host;
    int64_t size;
    int64_t lb, extent;
    int64_t true_lb, true_extent;
    uint16_t flags; /* MW_TYPE_... */
    uint16_t base;  /* the predefined type that all its elements have, or 0: several, or not known as one */
    uint32_t step;  /* the extent, if an element touches nothing outside it; else MW_NO_STEP: more than a 32-bit memory has */
} __attribute__((aligned(64))) mw_type_slot;
#define MW_NO_STEP UINT32_MAX
_Static_assert(sizeof(mw_type_slot) == 64, "a check touches one cache line");

enum {
    MW_TYPE_PREDEFINED = 1,
    MW_TYPE_QUAD = 2, /* is or contains the guest's long double, with which the host cannot compute */
    MW_TYPE_LOW = 4,     /* its lower bound was set (MPI_Type_create_resized, MPI_LB), or of what it is made of */
    MW_TYPE_HIGH = 16,   /* its upper bound */
    MW_TYPE_BOUNDED = MW_TYPE_LOW | MW_TYPE_HIGH,
    MW_TYPE_PADDED = 8,  /* a struct whose bounds the host was told (mw_bound_struct) */
    MW_TYPE_MARK = 32,   /* MPI_LB or MPI_UB */
};

typedef struct mw_op_slot {
    mw_slot_head head;
    MPI_Op host;
    uint32_t callback;  /* the guest function of a user's operation, as an index of its table; else 0 */
    uint32_t last_type; /* guest datatype of the latest call with it: callbacks are given that one */
    uint8_t builtin;    /* index of the MPI_Op in callbacks for MW_TYPE_QUAD; 0 for a user's */
    bool commutes;
} mw_op_slot;

typedef struct mw_request_slot {
    mw_slot_head head;
    MPI_Request host;
    struct mw_kept *kept; /* host copies that the operation reads until it is complete */
    uint32_t flags;       /* MW_REQUEST_... */
} mw_request_slot;

enum {
    MW_REQUEST_PERSISTENT = 1,
    MW_REQUEST_GENERALIZED = 2,
    MW_REQUEST_COMM = 8, /* of MPI_Comm_idup: completion publishes the communicator's slot that `kept` names */
    MW_REQUEST_DONE = 4, /* a generalized one that MPI_Grequest_complete was called for */
    MW_REQUEST_COLLECTIVE = 16,      /* a persistent collective operation */
    MW_REQUEST_PARTITIONED_SEND = 32,
    MW_REQUEST_PARTITIONED_RECV = 64,
    MW_REQUEST_PARTITIONED = MW_REQUEST_PARTITIONED_SEND | MW_REQUEST_PARTITIONED_RECV, /* partitioned.c */
    MW_REQUEST_BUSY = 1 << 16,       /* the host holds it: requests.c */
    MW_REQUEST_ACTIVE = 1 << 17,     /* a persistent one between its start and its completion */
};

#define MW_PLAIN_SLOT(kind, host_type)                                                             \
    typedef struct mw_##kind##_slot {                                                              \
        mw_slot_head head;                                                                         \
        host_type host;                                                                            \
    } mw_##kind##_slot;
MW_PLAIN_SLOT(group, MPI_Group)
MW_PLAIN_SLOT(info, MPI_Info)
MW_PLAIN_SLOT(message, MPI_Message)
MW_PLAIN_SLOT(session, mw_host_session)

typedef struct mw_errhandler_slot {
    mw_slot_head head;
    MPI_Errhandler host;
    mw_handle_kind object; /* whose errors it handles; MW_KIND_NONE: those of any kind (predefined) */
} mw_errhandler_slot;

typedef struct mw_win_slot {
    mw_slot_head head;
    MPI_Win host;
    struct mw_window *window; /* mpi/windows.h */
} mw_win_slot;

typedef struct mw_file_slot {
    mw_slot_head head;
    MPI_File host;
    struct mw_file *file; /* mpi/files.h */
} mw_file_slot;

/* GCC would otherwise compute the address anew from the handle at each use. */
#define MW_KEEP_ADDRESS(pointer)                                                                   \
    do {                                                                                           \
        __asm__("" : "+r"(pointer));                                                               \
        if (!(pointer))                                                                            \
            __builtin_unreachable();                                                               \
    } while (0)

/* Per kind: the table; `find`, which is NULL for anything but a valid non-null handle (what slot 0 holds has another
 * index, so that 0 is none); `take`, which returns a free
 * slot or NULL if the table is full; `publish`, which makes a taken and filled slot valid and returns its
 * handle; `free`, after which the handle is invalid. `limit` is the index above all that were ever taken. */
#define X(kind, host_type, bits)                                                                   \
    enum { MW_##kind##_index_bits = bits };                                                        \
    extern mw_##kind##_slot mw_##kind##_slots[1u << bits];                                         \
    static inline mw_##kind##_slot *mw_##kind##_find(mw_guest_##kind handle)                       \
    {                                                                                              \
        mw_##kind##_slot *slot = &mw_##kind##_slots[handle.value & ((1u << bits) - 1)];            \
        MW_KEEP_ADDRESS(slot);                                                                     \
        bool valid = __atomic_load_n(&slot->head.self, __ATOMIC_ACQUIRE) == handle.value;          \
        return __builtin_expect(valid, 1) ? slot : NULL;                                           \
    }                                                                                              \
    mw_##kind##_slot *mw_##kind##_take(void);                                                      \
    mw_guest_##kind mw_##kind##_publish(mw_##kind##_slot *slot);                                   \
    void mw_##kind##_free(mw_##kind##_slot *slot);                                                 \
    uint32_t mw_##kind##_limit(void);
MW_HANDLE_KINDS(X)
#undef X

/* The handle that mw_comm_publish will make valid. */
mw_guest_comm mw_comm_promise(const mw_comm_slot *slot);

/* Whether several threads may use the tables at a time (MPI_THREAD_MULTIPLE): lists then change atomically. */
extern bool mw_handles_shared;

/* Slots given back, as a stack: index of the top in the low half, a count of changes in the high half, which
 * keeps a compare-and-swap from mistaking an old top for the present one. `fresh` is the lowest index never used. */
typedef struct mw_slot_list {
    uint64_t top;
    uint32_t fresh;
} mw_slot_list;

#define MW_INDEX_MASK 0xfffffu
#define MW_GENERATION_MASK (0xffu << 20)
#define MW_GENERATION_ONE (1u << 20)
#define MW_KIND_SHIFT 28

/* Requests come and go with every nonblocking call: the ways of one thread inline. */
extern mw_slot_list mw_request_list;
/* Makes a slot that was given back a valid request; false, and nothing done, if that is for the functions above. */
static inline bool mw_request_make(MPI_Request host, uint32_t flags, mw_guest_request *out)
{
    if (__builtin_expect(mw_handles_shared, 0))
        return false;
    uint32_t index = (uint32_t)mw_request_list.top;
    if (__builtin_expect(index == 0, 0))
        return false;
    mw_request_slot *slot = &mw_request_slots[index];
    uint32_t link = slot->head.link, self = (uint32_t)MW_KIND_request << MW_KIND_SHIFT | (link & MW_GENERATION_MASK) | index;
    mw_request_list.top = link & MW_INDEX_MASK;
    slot->host = host;
    slot->kept = NULL;
    slot->flags = flags;
    slot->head.self = self;
    *out = (mw_guest_request){self};
    return true;
}
static inline void mw_request_end(mw_request_slot *slot)
{
    if (__builtin_expect(mw_handles_shared, 0)) {
        mw_request_free(slot);
        return;
    }
    uint32_t generation = (slot->head.link + MW_GENERATION_ONE) & MW_GENERATION_MASK;
    slot->head.link = generation | (uint32_t)mw_request_list.top;
    mw_request_list.top = slot->head.self & MW_INDEX_MASK;
    slot->head.self = 0;
}

/* While an object is freed, callbacks of its attributes still get its handle. But the host may meanwhile give its own handle
 * to an object that another thread makes: whoever looks for the guest's handle of that one must not find this one.
 * mw_leave_end(..., false) if it was not freed after all. */
typedef struct mw_leaving {
    mw_slot_head *head;
    struct mw_leaving *outer;
} mw_leaving;
void mw_leave_begin(mw_leaving *leaving, mw_slot_head *head);
void mw_leave_end(mw_leaving *leaving, bool gone);

/* The valid handle of a slot, 0 if there is none or another thread is freeing its object. */
uint32_t mw_slot_self(const mw_slot_head *head);

/* Statement: sets `found` to the guest's handle of a host object, or to 0. Slots change meanwhile where threads do. */
#define MW_FIND_HOST(kind, first, wanted, found)                                                   \
    do {                                                                                           \
        (found) = 0;                                                                               \
        for (uint32_t i_ = (first), n_ = mw_##kind##_limit(); i_ < n_ && !(found); i_++) {         \
            uint32_t self_ = mw_slot_self(&mw_##kind##_slots[i_].head);                            \
            if (self_ && __atomic_load_n(&mw_##kind##_slots[i_].host, __ATOMIC_ACQUIRE) == (wanted) && \
                mw_slot_self(&mw_##kind##_slots[i_].head) == self_)                                \
                (found) = self_;                                                                   \
        }                                                                                          \
    } while (0)
#define MW_SET_HOST(slot, value) __atomic_store_n(&(slot)->host, (value), __ATOMIC_RELEASE)

/* Fills and empties the slots of all predefined handles; between them handles are valid. `fill` queries the
 * host's datatypes and so needs a running MPI. Predefined communicators exist between MPI_Init and MPI_Finalize only. */
void mw_handles_fill(void);
void mw_handles_fill_world(void);
void mw_handles_empty_world(void);
void mw_handles_finalize(void); /* frees the host objects of our own among them, before MPI_Finalize */
/* With MPI 4 the guest's info objects stay (MPI 4.1, 11.4.1), and its error handlers while the host is up. */
void mw_handles_empty(bool host_is_up);

/* Fills a taken slot from its host object. */
void mw_comm_describe(mw_comm_slot *slot, MPI_Comm host);
void mw_type_describe(mw_type_slot *slot, MPI_Datatype host);

/* Whether that predefined type is a pair of two elements. */
bool mw_type_is_pair(uint32_t guest);
/* Host datatypes of our own for predefined ones of the guest. */
enum { MW_MADE_QUAD_COMPLEX, MW_MADE_QUAD_INT, MW_MADE_LB, MW_MADE_UB, MW_MADE_TYPES };
extern MPI_Datatype mw_made_types[MW_MADE_TYPES];
/* By these lower bounds the host's types for MPI_LB and MPI_UB, which have no extent, are known again. */
enum { MW_LB_MARK = -0x3ff1b, MW_UB_MARK = -0x3ff2b };

/* The guest's handle of a predefined host datatype, 0 if it is none. Where several guest types are one host type,
 * the one that C programs use. */
uint32_t mw_type_predefined(MPI_Datatype host);

#pragma GCC visibility pop

#endif
