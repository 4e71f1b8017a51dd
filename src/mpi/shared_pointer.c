/* Shared file pointers (MPI 4.1, 14.4.4): a number that ranks fetch and advance, and the operations at it, which become
 * operations at explicit offsets. Collective ones take a place for all ranks at once. */
#include "mpi/files.h"
#include "mpi/shim.h"
#include "mpi/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A lock of the file excludes other processes, not other threads of this one. */
static pthread_mutex_t thread_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- The number ------------------------------------------------------------------------------------------------ */

bool mw_shared_pointer_begin(mw_file *file, bool local)
{
    static unsigned opened;
    mw_shared_pointer *p = &file->shared;
    char id[32] = "";

    p->local = local;
    if (file->rank == 0)
        snprintf(id, sizeof id, "%ld.%u", (long)getpid(), __atomic_add_fetch(&opened, 1, __ATOMIC_RELAXED));
    MPI_Bcast(id, sizeof id, MPI_CHAR, 0, file->comm);
    snprintf(p->name, sizeof p->name, "/mpiwasm-shfp-%s", id);
    const char *slash = strrchr(file->path, '/');
    int directory = slash ? (int)(slash + 1 - file->path) : 0;
    return asprintf(&p->beside, "%.*s.%s.shfp.%s", directory, file->path, file->path + directory, id) >= 0;
}

/* Opens it, as the first use of it on this rank; it is created by the first rank that comes. */
static int32_t open_number(const mw_call *call, mw_file *file)
{
    mw_shared_pointer *p = &file->shared;
    mw_wasi_host_file beside;
    uint16_t error;

    if (p->fd >= 0)
        return MW_GUEST_SUCCESS;
    if (p->local) {
        p->fd = shm_open(p->name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        return p->fd >= 0 ? MW_GUEST_SUCCESS
                          : mw_raise_error(call, MW_GUEST_ERR_IO, NULL, "no shared file pointer: %s", strerror(errno));
    }
    if (!(error = mw_wasi_open_host_file(call->instance, p->beside, MW_WASI_HOST_CREATE, &beside)))
        p->fd = beside.fd;
    return mw_raise_file(call, NULL, p->beside, error);
}

void mw_shared_pointer_end(mw_instance *instance, mw_file *file)
{
    if (file->rank != 0) /* most files have none: then there is nothing to remove */
        return;
    if (file->shared.local)
        shm_unlink(file->shared.name);
    else
        (void)!mw_wasi_unlink_host_file(instance, file->shared.beside);
}

typedef enum update { ADD, SET, GET } update;

/* *old is the number before. */
static int32_t change(const mw_call *call, mw_file *file, update what, int64_t value, int64_t *old)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = sizeof value};
    int64_t now = 0, then;
    bool done = false;

    pthread_mutex_lock(&thread_lock);
    int32_t error = open_number(call, file);
    if (!error) {
        int fd = file->shared.fd, locked;
        while ((locked = fcntl(fd, F_OFD_SETLKW, &lock)) && errno == EINTR)
            ;
        if (!locked) {
            done = pread(fd, &now, sizeof now, 0) >= 0; /* nothing in it yet: 0 */
            then = what == SET ? value : now;
            if (what == ADD)
                done = done && !__builtin_add_overflow(now, value, &then);
            if (what != GET)
                done = done && pwrite(fd, &then, sizeof then, 0) == sizeof then;
            lock.l_type = F_UNLCK;
            (void)fcntl(fd, F_OFD_SETLK, &lock);
        }
    }
    pthread_mutex_unlock(&thread_lock);
    if (!error && !done)
        error = mw_raise_error(call, MW_GUEST_ERR_IO, NULL, "the shared file pointer cannot be moved");
    *old = now + file->shared.start;
    return error;
}

int32_t mw_shared_pointer_get(const mw_call *call, mw_file *file, int64_t *out)
{
    return change(call, file, GET, 0, out);
}

int32_t mw_shared_pointer_reset(const mw_call *call, mw_file *file)
{
    int64_t old;
    int32_t error = MW_GUEST_SUCCESS;
    file->shared.start = 0;
    MPI_Barrier(file->comm); /* nobody uses the old view any more */
    /* Created by this, should another rank have used it: rank 0 cannot know. */
    if (file->rank == 0)
        error = change(call, file, SET, 0, &old);
    MPI_Barrier(file->comm);
    return error;
}

/* ---- Operations --------------------------------------------------------------------------------------------------- */

/* An access at the shared file pointer. */
typedef struct shared_access {
    const mw_file_slot *slot;
    const mw_type_slot *type;
    void *buf;
    int64_t count, etypes;
} shared_access;

static int32_t begin(mw_call *call, mw_guest_file fh, mw_guest_ptr buf, int64_t count, mw_guest_type datatype,
                     shared_access *out)
{
    MW_TRY(mw_in_file(call, "fh", fh, &out->slot));
    MW_TRY(mw_in_type(call, "datatype", datatype, &out->type));
    MW_TRY(mw_in_file_type(call, "datatype", out->slot, out->type));
    MW_TRY(mw_in_large_count(call, "count", count));
    MW_TRY(mw_in_buffer(call, "buf", buf, count, out->type, &out->buf));
    out->count = count;
    int64_t bytes = mw_product(count, out->type->size), etype = out->slot->file->etype_size;
    if (bytes % etype != 0)
        return mw_raise_error(call, MW_GUEST_ERR_IO, "count", "%lld bytes are not a number of etypes of %lld bytes",
                              (long long)bytes, (long long)etype);
    out->etypes = bytes / etype;
    return MW_GUEST_SUCCESS;
}

/* Takes this rank's place alone. */
static int32_t take_place(const mw_call *call, const shared_access *a, int64_t *offset)
{
    return change(call, a->slot->file, ADD, a->etypes, offset);
}

/* Takes places for all ranks, in their order (14.4.4, "Collective Operations"). */
static int32_t take_places(const mw_call *call, const shared_access *a, int64_t *offset)
{
    mw_file *file = a->slot->file;
    int64_t end = 0, total = 0, base[2] = {0, 0};
    int32_t error = MW_GUEST_SUCCESS;
    MW_TRY(mw_result(MPI_Scan(&a->etypes, &end, 1, MPI_INT64_T, MPI_SUM, file->comm)));
    MW_TRY(mw_result(MPI_Allreduce(&a->etypes, &total, 1, MPI_INT64_T, MPI_SUM, file->comm)));
    if (file->rank == 0)
        base[1] = error = change(call, file, ADD, total, &base[0]);
    MW_TRY(mw_result(MPI_Bcast(base, 2, MPI_INT64_T, 0, file->comm)));
    if (base[1] && !error)
        error = mw_raise_error(call, (int32_t)base[1], NULL, "rank 0 could not move the shared file pointer");
    *offset = base[0] + end - a->etypes;
    return error;
}

/* X(MPI name, how to take a place, the host's operation at an offset) */
#define BLOCKING(X)                                                                                \
    X(MPI_File_read_shared, take_place, MPI_File_read_at)                                          \
    X(MPI_File_write_shared, take_place, MPI_File_write_at)                                        \
    X(MPI_File_read_ordered, take_places, MPI_File_read_at_all)                                    \
    X(MPI_File_write_ordered, take_places, MPI_File_write_at_all)
#define NONBLOCKING(X)                                                                             \
    X(MPI_File_iread_shared, MPI_File_iread_at)                                                    \
    X(MPI_File_iwrite_shared, MPI_File_iwrite_at)
#define SPLIT(X)                                                                                   \
    X(MPI_File_read_ordered, MPI_File_read_at_all)                                                 \
    X(MPI_File_write_ordered, MPI_File_write_at_all)

/* The plain form and the large one, which differ in the count's type. */
#define BLOCKING_SHIM(name, count_type, take, host_call)                                           \
    int32_t mw_##name(mw_instance *instance, mw_guest_file fh, mw_guest_ptr buf, count_type count, \
                      mw_guest_type datatype, mw_guest_ptr status)                                 \
    {                                                                                              \
        mw_call call = MW_CALL(#name);                                                             \
        mw_guest_status *guest_status;                                                             \
        MPI_Status host_status = {0};                                                              \
        shared_access a;                                                                           \
        int64_t offset;                                                                            \
        MW_TRY(begin(&call, fh, buf, count, datatype, &a));                                        \
        MW_TRY(mw_out_status_span(&call, "status", status, &guest_status));                        \
        MW_TRY(take(&call, &a, &offset));                                                          \
        int32_t error = mw_result(host_call(a.slot->host, offset, a.buf, a.count, a.type->host,    \
                                            MW_HOST_STATUS(guest_status, &host_status)));          \
        if (!error)                                                                                \
            mw_put_status(guest_status, &host_status);                                             \
        return error;                                                                              \
    }
#define BLOCKING_SHIMS(name, take, host_call)                                                      \
    BLOCKING_SHIM(name, int32_t, take, host_call)                                                  \
    BLOCKING_SHIM(name##_c, mw_guest_count, take, MW_LARGE(host_call))
BLOCKING(BLOCKING_SHIMS)

#define NONBLOCKING_SHIM(name, count_type, host_call)                                              \
    int32_t mw_##name(mw_instance *instance, mw_guest_file fh, mw_guest_ptr buf, count_type count, \
                      mw_guest_type datatype, mw_guest_ptr request)                                \
    {                                                                                              \
        mw_call call = MW_CALL(#name);                                                             \
        MPI_Request host = MPI_REQUEST_NULL;                                                       \
        shared_access a;                                                                           \
        int64_t offset;                                                                            \
        mw_guest_word *out;                                                                        \
        MW_TRY(begin(&call, fh, buf, count, datatype, &a));                                        \
        MW_TRY(mw_out_word(&call, "request", request, &out));                                      \
        MW_TRY(take_place(&call, &a, &offset));                                                    \
        int32_t error = mw_result(host_call(a.slot->host, offset, a.buf, a.count, a.type->host, &host)); \
        return error ? error : mw_out_request(&call, host, 0, out);                                \
    }
#define NONBLOCKING_SHIMS(name, host_call)                                                         \
    NONBLOCKING_SHIM(name, int32_t, host_call)                                                     \
    NONBLOCKING_SHIM(name##_c, mw_guest_count, MW_LARGE(host_call))
NONBLOCKING(NONBLOCKING_SHIMS)

#define SPLIT_SHIM(name, access, count_type, host_call)                                           \
    int32_t mw_##name(mw_instance *instance, mw_guest_file fh, mw_guest_ptr buf, count_type count, \
                      mw_guest_type datatype)                                                      \
    {                                                                                              \
        mw_call call = MW_CALL(#name);                                                             \
        shared_access a;                                                                           \
        int64_t offset;                                                                            \
        MW_TRY(begin(&call, fh, buf, count, datatype, &a));                                        \
        MW_TRY(mw_in_split_begin(&call, a.slot, access));                                          \
        int32_t error = take_places(&call, &a, &offset);                                           \
        if (!error)                                                                                \
            error = mw_result(host_call(a.slot->host, offset, a.buf, a.count, a.type->host));      \
        if (error)                                                                                 \
            mw_split_over(a.slot);                                                                 \
        return error;                                                                              \
    }
#define SPLIT_SHIMS(name, host_call)                                                               \
    SPLIT_SHIM(name##_begin, #name, int32_t, host_call##_begin)                                    \
    SPLIT_SHIM(name##_begin_c, #name, mw_guest_count, MW_LARGE(host_call##_begin))                 \
    int32_t mw_##name##_end(mw_instance *instance, mw_guest_file fh, mw_guest_ptr buf, mw_guest_ptr status) \
    {                                                                                              \
        mw_call call = MW_CALL(#name "_end");                                                      \
        const mw_file_slot *slot;                                                                  \
        mw_guest_status *guest_status;                                                             \
        MPI_Status host_status = {0};                                                              \
        MW_TRY(mw_in_file(&call, "fh", fh, &slot));                                                \
        MW_TRY(mw_in_split_end(&call, slot, #name));                                               \
        MW_TRY(mw_out_status_span(&call, "status", status, &guest_status));                        \
        mw_split_over(slot);                                                                       \
        int32_t error = mw_result(host_call##_end(slot->host, mw_host_address(instance, buf),      \
                                                  MW_HOST_STATUS(guest_status, &host_status)));    \
        if (!error)                                                                                \
            mw_put_status(guest_status, &host_status);                                             \
        return error;                                                                              \
    }
SPLIT(SPLIT_SHIMS)

/* ---- Seeking -------------------------------------------------------------------------------------------------------- */

/* The end of the file in etypes of the view: what the individual file pointer says there. It is put back. */
static int32_t end_of_view(const mw_file_slot *slot, int64_t *out)
{
    MPI_Offset before, end;
    MW_TRY(mw_result(MPI_File_get_position(slot->host, &before)));
    MW_TRY(mw_result(MPI_File_seek(slot->host, 0, MPI_SEEK_END)));
    MW_TRY(mw_result(MPI_File_get_position(slot->host, &end)));
    *out = end;
    return mw_result(MPI_File_seek(slot->host, before, MPI_SEEK_SET));
}

/* Collective; all ranks pass the same (14.4.4). */
int32_t mw_MPI_File_seek_shared(mw_instance *instance, mw_guest_file fh, mw_guest_offset offset, int32_t whence)
{
    mw_call call = MW_CALL("MPI_File_seek_shared");
    const mw_file_slot *slot;
    int host_whence;
    int64_t from = 0, old, to;
    int32_t error = MW_GUEST_SUCCESS;
    MW_TRY(mw_in_file(&call, "fh", fh, &slot));
    MW_TRY(mw_in_random(&call, "fh", slot));
    MW_TRY(mw_in_whence(&call, "whence", whence, &host_whence));
    mw_file *file = slot->file;
    MPI_Barrier(file->comm);
    if (file->rank == 0) {
        if (whence == MW_GUEST_SEEK_CUR)
            error = change(&call, file, GET, 0, &from);
        else if (whence == MW_GUEST_SEEK_END)
            error = end_of_view(slot, &from);
        if (!error && (__builtin_add_overflow(from, offset, &to) || to < 0))
            error = mw_raise_error(&call, MW_GUEST_ERR_ARG, "offset", "%lld is before the beginning of the file",
                                   (long long)offset);
        if (!error)
            error = change(&call, file, SET, to - file->shared.start, &old);
    }
    int32_t all = error;
    MPI_Bcast(&all, 1, MPI_INT32_T, 0, file->comm);
    return all && !error ? mw_raise_error(&call, all, NULL, "rank 0 could not seek") : error;
}

int32_t mw_MPI_File_get_position_shared(mw_instance *instance, mw_guest_file fh, mw_guest_ptr offset)
{
    mw_call call = MW_CALL("MPI_File_get_position_shared");
    const mw_file_slot *slot;
    int64_t *out, now;
    MW_TRY(mw_in_file(&call, "fh", fh, &slot));
    MW_TRY(mw_out_i64(&call, "offset", offset, &out));
    MW_TRY(change(&call, slot->file, GET, 0, &now));
    *out = now;
    return MW_GUEST_SUCCESS;
}
