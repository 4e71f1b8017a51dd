/* The guest's mpi.h against the MPI 5.0 standard ABI (20.3 and appendix A), in C89, C11 and C++17 alike. Values are
 * the standard's, written here by hand. */
#include <mpi.h>
#include <stddef.h>

#define CHECK(name, condition) typedef char check_##name[(condition) ? 1 : -1]

CHECK(aint, sizeof(MPI_Aint) == sizeof(void *));
CHECK(count, sizeof(MPI_Count) == 8);
CHECK(offset, sizeof(MPI_Offset) == 8);
CHECK(fint, sizeof(MPI_Fint) == 4);
CHECK(handle, sizeof(MPI_Comm) == sizeof(void *) && sizeof(MPI_Datatype) == sizeof(void *));
CHECK(status_size, sizeof(MPI_Status) == 32);
CHECK(status_source, offsetof(MPI_Status, MPI_SOURCE) == 0);
CHECK(status_tag, offsetof(MPI_Status, MPI_TAG) == 4);
CHECK(status_error, offsetof(MPI_Status, MPI_ERROR) == 8);
CHECK(status_internal, offsetof(MPI_Status, MPI_internal) == 12);

/* Integer constants are usable in the preprocessor and in case labels. */
#if MPI_VERSION < 3 || MPI_ABI_VERSION != 1 || MPI_ABI_SUBVERSION != 0 || MPI_SUCCESS != 0
#error "versions"
#endif
#if MPI_ANY_SOURCE != -1 || MPI_ANY_TAG != -2 || MPI_PROC_NULL != -3 || MPI_ROOT != -4 || MPI_UNDEFINED != -32766
#error "special ranks and tags"
#endif
#if MPI_THREAD_MULTIPLE != 4096 || MPI_MAX_PROCESSOR_NAME != 256 || MPI_ERR_LASTCODE != 16383 || MPI_BSEND_OVERHEAD != 512
#error "other constants"
#endif

int label(int value);
int label(int value)
{
    switch (value) {
    case MPI_ERR_BUFFER:
    case MPI_UNDEFINED:
    case MPI_COMBINER_VECTOR:
    case MPI_KEYVAL_INVALID:
        return 1;
    default:
        return 0;
    }
}

/* Handles initialize static objects, callbacks have the standard's types. */
static MPI_Datatype types[] = {MPI_INT, MPI_DOUBLE, MPI_DATATYPE_NULL};
static MPI_Op op = MPI_SUM;
static void add(void *in, void *inout, int *len, MPI_Datatype *type)
{
    (void)in, (void)inout, (void)len, (void)type;
}
static void handler(MPI_Comm *comm, int *code, ...)
{
    (void)comm, (void)code;
}

int use(MPI_Comm comm);
int use(MPI_Comm comm)
{
    MPI_Status status;
    MPI_Errhandler errhandler;
    int keyval;
    MPI_Comm_create_errhandler(handler, &errhandler);
    MPI_Comm_create_keyval(MPI_COMM_DUP_FN, MPI_COMM_NULL_DELETE_FN, &keyval, NULL);
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, &keyval, NULL);
    MPI_Op_create(add, 1, &op);
    MPI_Pcontrol(1, "more", 2.0);
    MPI_Recv(MPI_BOTTOM, 1, types[0], MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &status);
    PMPI_Send(MPI_IN_PLACE, 0, types[1], 0, 0, comm);
    return MPI_Waitall(0, NULL, MPI_STATUSES_IGNORE);
}
