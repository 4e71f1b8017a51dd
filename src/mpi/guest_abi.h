/* The guest's side of MPI: the MPI 5.0 standard ABI on wasm32 or wasm64 (MW_GUEST_BITS: the sources are compiled for each).
 * Guest and host values have different C types, so that mixing them does not compile: a guest handle is a one-member
 * struct, passed like the i32 or i64 that the guest passes; a guest pointer is a mw_guest_ptr. The constants (MW_GUEST_...)
 * are generated from the table of the API. */
#ifndef MW_MPI_GUEST_ABI_H
#define MW_MPI_GUEST_ABI_H

#include "guest_constants.h"
#include "runtime/guest.h"

/* A handle or pointer as it lies in guest memory. All valid handles fit 32 bits. */
typedef mw_guest_addr mw_guest_word;

/* What depends on the width of the guest's pointers: signatures of its functions, types of its memory. */
#if MW_GUEST_BITS == 64
#define MW_BY_WIDTH(narrow, wide) wide
#else
#define MW_BY_WIDTH(narrow, wide) narrow
#endif

/* X(kind, host type, index bits). The order numbers the kinds, beginning with 1, and is part of no ABI. */
#define MW_HANDLE_KINDS(X)                                                                         \
    X(comm, MPI_Comm, 17)                                                                          \
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

typedef struct mw_guest_comm { mw_guest_word value; } mw_guest_comm;
typedef struct mw_guest_group { mw_guest_word value; } mw_guest_group;
typedef struct mw_guest_type { mw_guest_word value; } mw_guest_type;
typedef struct mw_guest_op { mw_guest_word value; } mw_guest_op;
typedef struct mw_guest_request { mw_guest_word value; } mw_guest_request;
typedef struct mw_guest_errhandler { mw_guest_word value; } mw_guest_errhandler;
typedef struct mw_guest_info { mw_guest_word value; } mw_guest_info;
typedef struct mw_guest_win { mw_guest_word value; } mw_guest_win;
typedef struct mw_guest_file { mw_guest_word value; } mw_guest_file;
typedef struct mw_guest_message { mw_guest_word value; } mw_guest_message;
typedef struct mw_guest_session { mw_guest_word value; } mw_guest_session;

/* MPI_Aint, MPI_Count and MPI_Offset of the guest. An MPI_Aint that holds an address is that address modulo
 * 2^32 (wasm32), so from 2 GiB on it is negative. */
#if MW_GUEST_BITS == 64
typedef int64_t mw_guest_aint;
#else
typedef int32_t mw_guest_aint;
#endif
typedef int64_t mw_guest_count;
typedef int64_t mw_guest_offset;

/* MPI_Status (MPI 5.0, 20.3.5). `internal` holds what the host's status has beyond the three public fields. */
typedef struct mw_guest_status {
    int32_t source, tag, error;
    int32_t internal[5];
} mw_guest_status;
_Static_assert(sizeof(mw_guest_status) == 32, "the standard ABI's MPI_Status");

#endif
