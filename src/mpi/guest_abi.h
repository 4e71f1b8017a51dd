/* The guest's side of MPI: the MPI 5.0 standard ABI on wasm32. Guest and host values have different C types, so
 * that mixing them does not compile: a guest handle is a one-member struct, passed like the i32 that the guest
 * passes; a guest pointer is a mw_guest_ptr. The constants (MW_GUEST_...) are generated from the table of the API. */
#ifndef MW_MPI_GUEST_ABI_H
#define MW_MPI_GUEST_ABI_H

#include "guest_constants.h"
#include "runtime/guest.h"

/* X(kind, host type, index bits). The order numbers the kinds, beginning with 1, and is part of no ABI. */
#define MW_HANDLE_KINDS(X)                                                                         \
    X(comm, MPI_Comm, 16)                                                                          \
    X(group, MPI_Group, 16)                                                                        \
    X(type, MPI_Datatype, 18)                                                                      \
    X(op, MPI_Op, 14)                                                                              \
    X(request, MPI_Request, 20)                                                                    \
    X(errhandler, MPI_Errhandler, 14)                                                              \
    X(info, MPI_Info, 16)                                                                          \
    X(win, MPI_Win, 14)                                                                            \
    X(file, MPI_File, 14)                                                                          \
    X(message, MPI_Message, 16)                                                                    \
    X(session, mw_host_session, 13)

typedef struct mw_guest_comm { uint32_t value; } mw_guest_comm;
typedef struct mw_guest_group { uint32_t value; } mw_guest_group;
typedef struct mw_guest_type { uint32_t value; } mw_guest_type;
typedef struct mw_guest_op { uint32_t value; } mw_guest_op;
typedef struct mw_guest_request { uint32_t value; } mw_guest_request;
typedef struct mw_guest_errhandler { uint32_t value; } mw_guest_errhandler;
typedef struct mw_guest_info { uint32_t value; } mw_guest_info;
typedef struct mw_guest_win { uint32_t value; } mw_guest_win;
typedef struct mw_guest_file { uint32_t value; } mw_guest_file;
typedef struct mw_guest_message { uint32_t value; } mw_guest_message;
typedef struct mw_guest_session { uint32_t value; } mw_guest_session;

/* MPI_Aint, MPI_Count and MPI_Offset of the guest. An MPI_Aint that holds an address is that address modulo
 * 2^32, so from 2 GiB on it is negative. */
typedef int32_t mw_guest_aint;
typedef int64_t mw_guest_count;
typedef int64_t mw_guest_offset;

/* MPI_Status (MPI 5.0, 20.3.5). `internal` holds what the host's status has beyond the three public fields. */
typedef struct mw_guest_status {
    int32_t source, tag, error;
    int32_t internal[5];
} mw_guest_status;
_Static_assert(sizeof(mw_guest_status) == 32, "the standard ABI's MPI_Status");

#endif
