/* The ABI of the paper's artifact: MPI imported from `env`, with its constants. Written from the list of its values; what
 * the list leaves out (MPI_REQUEST_NULL, ...) programs here do without. */
#ifndef MPI_H
#define MPI_H

#include <stddef.h>

typedef int MPI_Comm, MPI_Datatype, MPI_Op, MPI_Request, MPI_Group, MPI_Info, MPI_Win, MPI_Errhandler;
typedef ptrdiff_t MPI_Aint;
typedef long MPI_Offset;
typedef int MPI_Fint;
typedef struct MPI_Status {
    int MPI_SOURCE, MPI_TAG, MPI_ERROR, cancelled;
    long long bytes;
} MPI_Status;
typedef void MPI_User_function(void *, void *, int *, MPI_Datatype *);

enum { MPI_COMM_WORLD, MPI_COMM_SELF, MPI_COMM_NULL };
enum {
    MPI_INT8_T, MPI_INT16_T, MPI_INT32_T, MPI_INT, MPI_INT64_T, MPI_UINT8_T, MPI_UINT16_T, MPI_UINT32_T, MPI_UNSIGNED,
    MPI_UINT64_T, MPI_LONG, MPI_LONG_LONG, MPI_LONG_LONG_INT, MPI_FLOAT, MPI_DOUBLE, MPI_DOUBLE_INT, MPI_CHAR, MPI_C_BOOL,
    MPI_BYTE, MPI_DATATYPE_NULL = -1
};
enum {
    MPI_MAX, MPI_MIN, MPI_SUM, MPI_PROD, MPI_LAND, MPI_LOR, MPI_BAND, MPI_BOR, MPI_MAXLOC, MPI_MINLOC, MPI_OP_NULL
};
#define MPI_BOTTOM ((void *)0)
#define MPI_IN_PLACE ((void *)1)
#define MPI_STATUS_IGNORE ((MPI_Status *)0)
#define MPI_STATUSES_IGNORE ((MPI_Status *)0)
enum {
    MPI_SUCCESS = 0, MPI_ERR_OTHER = 1, MPI_ANY_SOURCE = -1, MPI_ANY_TAG = -1, MPI_UNDEFINED = -32766, MPI_INFO_NULL = 0,
    MPI_MAX_PROCESSOR_NAME = 256, MPI_MAX_OBJECT_NAME = 128, MPI_COMM_TYPE_SHARED = 0
};
enum { MPI_IDENT, MPI_CONGRUENT, MPI_SIMILAR, MPI_UNEQUAL };
enum { MPI_THREAD_SINGLE, MPI_THREAD_FUNNELED, MPI_THREAD_SERIALIZED, MPI_THREAD_MULTIPLE };
enum { MPI_WIN_BASE = 1, MPI_WIN_SIZE, MPI_WIN_DISP_UNIT, MPI_WIN_CREATE_FLAVOR, MPI_WIN_MODEL };

/* The label keeps them apart from the functions of the standard ABI's library, which is linked too. */
#define ENV(result, name, parameters)                                                              \
    extern result name parameters __asm__("env_" #name)                                            \
        __attribute__((import_module("env"), import_name(#name)))
ENV(int, MPI_Init, (int *, char ***));
ENV(int, MPI_Init_thread, (int *, char ***, int, int *));
ENV(int, MPI_Finalize, (void));
ENV(int, MPI_Abort, (MPI_Comm, int));
ENV(int, MPI_Comm_rank, (MPI_Comm, int *));
ENV(int, MPI_Comm_size, (MPI_Comm, int *));
ENV(int, MPI_Comm_dup, (MPI_Comm, MPI_Comm *));
ENV(int, MPI_Comm_split, (MPI_Comm, int, int, MPI_Comm *));
ENV(int, MPI_Comm_split_type, (MPI_Comm, int, int, MPI_Info, MPI_Comm *));
ENV(int, MPI_Comm_compare, (MPI_Comm, MPI_Comm, int *));
ENV(int, MPI_Comm_free, (MPI_Comm *));
ENV(int, MPI_Query_thread, (int *));
ENV(int, MPI_Send, (const void *, int, MPI_Datatype, int, int, MPI_Comm));
ENV(int, MPI_Recv, (void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Status *));
ENV(int, MPI_Isend, (const void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request *));
ENV(int, MPI_Irecv, (void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request *));
ENV(int, MPI_Sendrecv, (const void *, int, MPI_Datatype, int, int, void *, int, MPI_Datatype, int, int, MPI_Comm,
    MPI_Status *));
ENV(int, MPI_Probe, (int, int, MPI_Comm, MPI_Status *));
ENV(int, MPI_Wait, (MPI_Request *, MPI_Status *));
ENV(int, MPI_Waitall, (int, MPI_Request *, MPI_Status *));
ENV(int, MPI_Get_count, (const MPI_Status *, MPI_Datatype, int *));
ENV(int, MPI_Barrier, (MPI_Comm));
ENV(int, MPI_Bcast, (void *, int, MPI_Datatype, int, MPI_Comm));
ENV(int, MPI_Reduce, (const void *, void *, int, MPI_Datatype, MPI_Op, int, MPI_Comm));
ENV(int, MPI_Allreduce, (const void *, void *, int, MPI_Datatype, MPI_Op, MPI_Comm));
ENV(int, MPI_Allgather, (const void *, int, MPI_Datatype, void *, int, MPI_Datatype, MPI_Comm));
ENV(int, MPI_Alltoall, (const void *, int, MPI_Datatype, void *, int, MPI_Datatype, MPI_Comm));
ENV(int, MPI_Alltoallw, (const void *, const int *, const int *, const MPI_Datatype *, void *, const int *, const int
    *, const MPI_Datatype *, MPI_Comm));
ENV(int, MPI_Op_create, (MPI_User_function *, int, MPI_Op *));
ENV(int, MPI_Op_free, (MPI_Op *));
ENV(int, MPI_Type_size, (MPI_Datatype, int *));
ENV(int, MPI_Type_contiguous, (int, MPI_Datatype, MPI_Datatype *));
ENV(int, MPI_Type_commit, (MPI_Datatype *));
ENV(int, MPI_Type_free, (MPI_Datatype *));
ENV(int, MPI_Alloc_mem, (MPI_Aint, MPI_Info, void *));
ENV(int, MPI_Free_mem, (void *));
ENV(int, MPI_Win_create, (void *, MPI_Aint, int, MPI_Info, MPI_Comm, MPI_Win *));
ENV(int, MPI_Win_get_attr, (MPI_Win, int, void *, int *));
ENV(int, MPI_Win_fence, (int, MPI_Win));
ENV(int, MPI_Put, (const void *, int, MPI_Datatype, int, MPI_Aint, int, MPI_Datatype, MPI_Win));
ENV(int, MPI_Win_free, (MPI_Win *));
ENV(int, MPI_Get_processor_name, (char *, int *));
ENV(double, MPI_Wtime, (void));

#endif
