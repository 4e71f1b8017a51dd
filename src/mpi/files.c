/* Files: opening and closing them beneath the granted directories, and views. The host's library opens what WASI has
 * resolved, by a path that means exactly that file; data goes between it and the guest's memory by generated shims. */
#include "mpi/files.h"
#include "mpi/callbacks.h"
#include "mpi/state.h"
#include "shims.h"
#include "wasi/errno.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

const mw_file_slot mw_null_file = {.host = MPI_FILE_NULL};

mw_guest_file mw_file_of_host(MPI_File host)
{
    uint32_t found;
    MW_FIND_HOST(file, MW_FIRST_DYNAMIC_INDEX, host, found);
    return (mw_guest_file){found ? found : MW_GUEST_FILE_NULL};
}

int32_t mw_raise_file(const mw_call *call, const char *argument, const char *path, uint16_t wasi_errno)
{
    switch ((mw_wasi_errno)wasi_errno) {
    case MW_WASI_ESUCCESS:
        return MW_GUEST_SUCCESS;
    case MW_WASI_ENOENT:
        return mw_raise_error(call, MW_GUEST_ERR_NO_SUCH_FILE, argument, "there is no file %s", path);
    case MW_WASI_ENOTCAPABLE:
        return mw_raise_error(call, MW_GUEST_ERR_ACCESS, argument, "%s lies in no directory that was granted", path);
    case MW_WASI_EACCES:
    case MW_WASI_EPERM:
        return mw_raise_error(call, MW_GUEST_ERR_ACCESS, argument, "no permission for %s", path);
    case MW_WASI_EEXIST:
        return mw_raise_error(call, MW_GUEST_ERR_FILE_EXISTS, argument, "%s exists", path);
    case MW_WASI_EROFS:
        return mw_raise_error(call, MW_GUEST_ERR_READ_ONLY, argument, "%s can only be read", path);
    case MW_WASI_ENOSPC:
        return mw_raise_error(call, MW_GUEST_ERR_NO_SPACE, argument, "no space for %s", path);
    case MW_WASI_EDQUOT:
        return mw_raise_error(call, MW_GUEST_ERR_QUOTA, argument, "the quota does not allow %s", path);
    case MW_WASI_EISDIR:
    case MW_WASI_ENOTDIR:
    case MW_WASI_ENAMETOOLONG:
    case MW_WASI_ELOOP:
        return mw_raise_error(call, MW_GUEST_ERR_BAD_FILE, argument, "%s is not the name of a file", path);
    default:
        return mw_raise_error(call, MW_GUEST_ERR_IO, argument, "%s: error %u of the host", path, wasi_errno);
    }
}

/* ---- Opening ------------------------------------------------------------------------------------------------- */

/* Changes with the machine, and with the /dev/shm where containers of a machine have each their own. */
static int64_t node_identity(void)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    struct stat st;
    char id[64] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (file) {
        (void)!fgets(id, sizeof id, file);
        fclose(file);
    }
    for (const char *c = id; *c; c++)
        hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    if (!stat("/dev/shm", &st))
        hash = (hash ^ st.st_dev) * UINT64_C(0x100000001b3) ^ st.st_ino;
    return (int64_t)(hash >> 2); /* its negative exists */
}

/* Exactly one way of access, and no creation without writing (14.2.1): said before anything is created. */
static int32_t check_amode(const mw_call *call, int32_t amode)
{
    int32_t access = amode & (MW_GUEST_MODE_RDONLY | MW_GUEST_MODE_WRONLY | MW_GUEST_MODE_RDWR);
    if (access == 0 || (access & (access - 1)) != 0)
        return mw_raise_error(call, MW_GUEST_ERR_AMODE, "amode", "0x%x is not one way of access", (unsigned)amode);
    if (access == MW_GUEST_MODE_RDONLY && (amode & (MW_GUEST_MODE_CREATE | MW_GUEST_MODE_EXCL)))
        return mw_raise_error(call, MW_GUEST_ERR_AMODE, "amode", "a file cannot be created for reading only");
    if (access == MW_GUEST_MODE_RDWR && (amode & MW_GUEST_MODE_SEQUENTIAL))
        return mw_raise_error(call, MW_GUEST_ERR_AMODE, "amode", "sequential access is not for reading and writing");
    return MW_GUEST_SUCCESS;
}

/* Resolves the name on every rank; rank 0 creates the file for all. Collective: the errno of all, the worst one's. */
static uint16_t resolve(mw_instance *instance, mw_file *file, bool *local)
{
    bool creates = file->amode & MW_GUEST_MODE_CREATE;
    unsigned flags = file->amode & MW_GUEST_MODE_RDONLY ? 0 : MW_WASI_HOST_WRITE;
    unsigned create = flags | MW_WASI_HOST_CREATE | (file->amode & MW_GUEST_MODE_EXCL ? MW_WASI_HOST_EXCLUSIVE : 0);
    int64_t mine[3] = {0, node_identity(), 0}, all[3] = {0};

    mine[2] = -mine[1];
    file->host.fd = -1;
    if (creates) {
        if (file->rank == 0)
            mine[0] = mw_wasi_open_host_file(instance, file->path, create, &file->host);
        MPI_Bcast(&mine[0], 1, MPI_INT64_T, 0, file->comm);
    }
    if (mine[0] == 0 && file->host.fd < 0)
        mine[0] = mw_wasi_open_host_file(instance, file->path, flags, &file->host);
    MPI_Allreduce(mine, all, 3, MPI_INT64_T, MPI_MAX, file->comm);
    *local = all[1] == -all[2];
    return (uint16_t)all[0];
}

/* Ends what is not the host's; not collective. */
static void free_file(mw_file *file)
{
    if (!file)
        return;
    if (file->host.fd >= 0)
        mw_wasi_close_host_file(&file->host);
    if (file->comm != MPI_COMM_NULL)
        MPI_Comm_free(&file->comm);
    if (file->shared.fd >= 0)
        close(file->shared.fd);
    free(file->shared.beside);
    free(file->path);
    free(file);
}

static int32_t open_file(mw_call *call, mw_file *file, const mw_comm_slot *comm, int host_amode, MPI_Info info,
                         MPI_File *out)
{
    bool local;
    MPI_Offset size;
    MW_TRY(mw_raise_file(call, "filename", file->path, resolve(call->instance, file, &local)));
    if (!mw_shared_pointer_begin(file, local))
        return mw_raise_error(call, MW_GUEST_ERR_NO_MEM, NULL, "no memory for a file");
    MW_TRY(mw_result(MPI_File_open(comm->host, file->host.path, host_amode & ~MPI_MODE_SEQUENTIAL, info, out)));
    if ((file->amode & MW_GUEST_MODE_APPEND) && MPI_File_get_size(*out, &size) == MPI_SUCCESS)
        file->shared.start = size;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_File_open(mw_instance *instance, mw_guest_comm comm, mw_guest_ptr filename, int32_t amode,
                         mw_guest_info info, mw_guest_ptr fh)
{
    mw_call call = MW_CALL("MPI_File_open");
    mw_arena arena = mw_scratch_begin();
    const mw_comm_slot *host_comm;
    MPI_Info host_info;
    MPI_File host = MPI_FILE_NULL;
    mw_guest_word *out;
    int32_t error;
    char *path;
    int host_amode;

    call.file = &mw_null_file;
    mw_handler_begin();
    if ((error = mw_in_comm(&call, "comm", comm, &host_comm)) ||
        (error = mw_in_string(&call, &arena, "filename", filename, 65536, &path)) ||
        (error = mw_in_amode(&call, "amode", amode, &host_amode)) || (error = check_amode(&call, amode)) ||
        (error = mw_in_info_or_null(&call, "info", info, &host_info)) ||
        (error = mw_out_word(&call, "fh", fh, &out)))
        goto out;
    *out = MW_GUEST_FILE_NULL;
    if (host_comm->inter) {
        error = mw_raise_error(&call, MW_GUEST_ERR_COMM, "comm", "files are opened by intracommunicators");
        goto out;
    }
    mw_file_slot *slot = mw_file_take();
    mw_file *file = calloc(1, sizeof *file);
    if (file)
        *file = (mw_file){.host.fd = -1, .path = strdup(path), .amode = amode, .comm = MPI_COMM_NULL,
                          .rank = host_comm->rank, .etype_size = 1, .shared.fd = -1};
    if (!slot || !file || !file->path)
        error = mw_raise_error(&call, MW_GUEST_ERR_INTERN, NULL, "too many files");
    else if (!(error = mw_result(MPI_Comm_dup(host_comm->host, &file->comm))))
        error = open_file(&call, file, host_comm, host_amode, host_info, &host);
    if (error) {
        free_file(file);
        if (slot)
            mw_file_free(slot);
        goto out;
    }
    MW_SET_HOST(slot, host);
    slot->file = file;
    *out = mw_file_publish(slot).value;
out:
    mw_arena_end(&arena);
    return error ? mw_handler_code(error) : MW_GUEST_SUCCESS;
}

/* ---- Closing and deleting -------------------------------------------------------------------------------------- */

int32_t mw_MPI_File_close(mw_instance *instance, mw_guest_ptr fh)
{
    mw_call call = MW_CALL("MPI_File_close");
    const mw_file_slot *slot;
    mw_guest_word *handle;
    MW_TRY(mw_out_word(&call, "fh", fh, &handle));
    MW_TRY(mw_in_file(&call, "fh", (mw_guest_file){*handle}, &slot));
    MPI_File host = slot->host;
    mw_file *file = slot->file;
    if (file->split)
        return mw_raise_error(&call, MW_GUEST_ERR_OTHER, "fh", "%s_begin has not ended", file->split);
    mw_leaving leaving;
    mw_leave_begin(&leaving, (mw_slot_head *)&slot->head);
    int32_t failed = mw_result(MPI_File_close(&host));
    mw_leave_end(&leaving, !failed);
    MW_TRY(failed);
    mw_file_free((mw_file_slot *)slot);
    *handle = MW_GUEST_FILE_NULL;
    MPI_Barrier(file->comm); /* nobody uses any more what is now removed */
    mw_shared_pointer_end(instance, file);
    uint16_t error = 0;
    if ((file->amode & MW_GUEST_MODE_DELETE_ON_CLOSE) && file->rank == 0)
        error = mw_wasi_unlink_host_file(instance, file->path);
    call.file = &mw_null_file;
    int32_t result = mw_raise_file(&call, NULL, file->path, error);
    free_file(file);
    return result;
}

int32_t mw_MPI_File_delete(mw_instance *instance, mw_guest_ptr filename, mw_guest_info info)
{
    mw_call call = MW_CALL("MPI_File_delete");
    mw_arena arena = mw_scratch_begin();
    MPI_Info host_info;
    char *path;
    int32_t error;

    call.file = &mw_null_file;
    if (!(error = mw_in_running(&call)) && !(error = mw_in_info_or_null(&call, "info", info, &host_info)) &&
        !(error = mw_in_string(&call, &arena, "filename", filename, 65536, &path)))
        error = mw_raise_file(&call, "filename", path, mw_wasi_unlink_host_file(instance, path));
    mw_arena_end(&arena);
    return error;
}

/* ---- Modes and views ------------------------------------------------------------------------------------------- */

int32_t mw_MPI_File_get_amode(mw_instance *instance, mw_guest_file fh, mw_guest_ptr amode)
{
    mw_call call = MW_CALL("MPI_File_get_amode");
    const mw_file_slot *slot;
    int32_t *out;
    MW_TRY(mw_in_file(&call, "fh", fh, &slot));
    MW_TRY(mw_out_i32(&call, "amode", amode, &out));
    *out = slot->file->amode;
    return MW_GUEST_SUCCESS;
}

int32_t mw_raise_sequential(const mw_call *call, const char *argument)
{
    return mw_raise_error(call, MW_GUEST_ERR_UNSUPPORTED_OPERATION, argument,
                          "the file was opened for sequential access (MPI_MODE_SEQUENTIAL)");
}

/* Where a view begins, in bytes. MPI_DISPLACEMENT_CURRENT is for sequential files, and they have no other (14.3). */
static int32_t displacement(const mw_call *call, const mw_file_slot *slot, int64_t disp, MPI_Offset *out)
{
    int64_t position;

    *out = disp;
    if (disp != MW_GUEST_DISPLACEMENT_CURRENT)
        return mw_in_random(call, "disp", slot);
    if (!(slot->file->amode & MW_GUEST_MODE_SEQUENTIAL))
        return mw_raise_error(call, MW_GUEST_ERR_ARG, "disp", "MPI_DISPLACEMENT_CURRENT is for sequential access");
    MW_TRY(mw_shared_pointer_get(call, slot->file, &position));
    return mw_result(MPI_File_get_byte_offset(slot->host, position, out));
}

int32_t mw_MPI_File_set_view(mw_instance *instance, mw_guest_file fh, mw_guest_offset disp, mw_guest_type etype,
                             mw_guest_type filetype, mw_guest_ptr datarep, mw_guest_info info)
{
    mw_call call = MW_CALL("MPI_File_set_view");
    mw_arena arena = mw_scratch_begin();
    const mw_file_slot *slot;
    const mw_type_slot *host_etype, *host_filetype;
    MPI_Info host_info;
    MPI_Offset host_disp;
    char *name;
    int32_t error;

    if ((error = mw_in_file(&call, "fh", fh, &slot)) || (error = mw_in_type(&call, "etype", etype, &host_etype)) ||
        (error = mw_in_type(&call, "filetype", filetype, &host_filetype)) ||
        (error = mw_in_string(&call, &arena, "datarep", datarep, MW_GUEST_MAX_DATAREP_STRING, &name)) ||
        (error = mw_in_info_or_null(&call, "info", info, &host_info)) ||
        (error = displacement(&call, slot, disp, &host_disp)))
        goto out;
    bool external = strcmp(name, "external32") == 0;
    if (external && ((error = mw_in_external(&call, "etype", host_etype)) ||
                     (error = mw_in_external(&call, "filetype", host_filetype))))
        goto out;
    /* Hosts divide by the one and walk through the other. */
    if (host_etype->size == 0 || host_filetype->size % host_etype->size != 0)
        error = mw_raise_error(&call, MW_GUEST_ERR_ARG, "filetype", "%lld bytes are not a number of etypes of %lld bytes",
                               (long long)host_filetype->size, (long long)host_etype->size);
    else if (host_filetype->true_lb < 0 || host_filetype->extent < 0)
        error = mw_raise_error(&call, MW_GUEST_ERR_IO, "filetype", "a file has no negative displacements");
    else
        error = mw_result(MPI_File_set_view(slot->host, host_disp, host_etype->host, host_filetype->host, name, host_info));
    if (!error) {
        slot->file->etype_size = host_etype->size;
        slot->file->external = external;
        error = mw_shared_pointer_reset(&call, slot->file);
    }
out:
    mw_arena_end(&arena);
    return error;
}

/* The host may write all that is asked for: what the file system cannot hold is refused at once. */
int32_t mw_MPI_File_preallocate(mw_instance *instance, mw_guest_file fh, mw_guest_offset size)
{
    mw_call call = MW_CALL("MPI_File_preallocate");
    const mw_file_slot *slot;
    struct statvfs fs;
    struct stat st;
    MW_TRY(mw_in_file(&call, "fh", fh, &slot));
    int fd = slot->file->host.fd;
    if (!fstatvfs(fd, &fs) && !fstat(fd, &st) && size > st.st_size &&
        (uint64_t)(size - st.st_size) / fs.f_frsize >= fs.f_bavail)
        return mw_raise_error(&call, MW_GUEST_ERR_NO_SPACE, "size", "no space for %lld bytes", (long long)size);
    return mw_result(MPI_File_preallocate(slot->host, size));
}

/* ---- Split collective accesses --------------------------------------------------------------------------------- */

int32_t mw_in_split_begin(const mw_call *call, const mw_file_slot *slot, const char *access)
{
    if (slot->file->split)
        return mw_raise_error(call, MW_GUEST_ERR_OTHER, "fh", "%s_begin has not ended", slot->file->split);
    slot->file->split = access;
    return MW_GUEST_SUCCESS;
}

int32_t mw_in_split_end(const mw_call *call, const mw_file_slot *slot, const char *access)
{
    return slot->file->split && strcmp(slot->file->split, access) == 0
               ? MW_GUEST_SUCCESS
               : mw_raise_error(call, MW_GUEST_ERR_OTHER, "fh", "there was no %s_begin", access);
}

void mw_split_over(const mw_file_slot *slot)
{
    slot->file->split = NULL;
}

/* ---- Data representations (14.5.3) ------------------------------------------------------------------------------- */

/* A registered representation; lives as long as the process, as the host's registration does. */
typedef struct registration {
    const mw_func *extent_func;
    mw_guest_addr extra_state;
} registration;

typedef int32_t extent_code(mw_context *context, mw_guest_word datatype, mw_guest_addr extent, mw_guest_addr extra_state);

static int file_extent(MPI_Datatype host, MPI_Aint *out, void *extra)
{
    const registration *d = extra;
    const mw_func *func = mw_func_here(d->extent_func);
    mw_instance *instance = mw_instance_here(mw_mpi_instance);
    mw_guest_block block;
    bool made;
    mw_guest_aint extent = 0;

    if (!mw_guest_block_begin(instance, 16, &block))
        return MPI_ERR_NO_MEM;
    memset(instance->memory0 + block.p.addr, 0, sizeof extent);
    mw_guest_type type = mw_type_of_host(host, 0, &made);
    mw_callback_enter();
    int32_t error = ((extent_code *)func->code)(func->context, type.value, block.p.addr, d->extra_state);
    mw_callback_leave();
    memcpy(&extent, instance->memory0 + block.p.addr, sizeof extent);
    mw_guest_block_end(instance, &block);
    if (made && mw_type_find(type))
        mw_type_free(mw_type_find(type));
    *out = extent;
    return mw_host_error_code(error);
}

static int32_t register_datarep(mw_call *call, mw_guest_ptr name, mw_guest_ptr read_fn, mw_guest_ptr write_fn,
                                mw_guest_ptr extent_fn, mw_guest_ptr extra_state)
{
    mw_arena arena = mw_scratch_begin();
    char *host_name;
    int32_t error;

    call->file = &mw_null_file;
    if ((error = mw_in_running(call)) ||
        (error = mw_in_string(call, &arena, "datarep", name, MW_GUEST_MAX_DATAREP_STRING, &host_name)))
        goto out;
    const mw_func *extent_func = mw_guest_function(call->instance, extent_fn.addr, MW_BY_WIDTH("iii:i", "III:i"));
    if (read_fn.addr || write_fn.addr) {
        /* MPICH and Open MPI refuse them, too, when such a view is set. */
        error = mw_raise_error(call, MW_GUEST_ERR_UNSUPPORTED_DATAREP, NULL, "no host MPI calls conversion functions");
        goto out;
    }
    if (!extent_func) {
        error = mw_raise_error(call, MW_GUEST_ERR_ARG, "dtype_file_extent_fn", "%llu is not an extent function",
                               (unsigned long long)extent_fn.addr);
        goto out;
    }
    registration *d = malloc(sizeof *d);
    if (!d) {
        error = mw_raise_error(call, MW_GUEST_ERR_NO_MEM, NULL, "no memory for a data representation");
        goto out;
    }
    *d = (registration){extent_func, extra_state.addr};
    error = mw_result(MPI_Register_datarep(host_name, MPI_CONVERSION_FN_NULL, MPI_CONVERSION_FN_NULL, file_extent, d));
    if (error)
        free(d);
out:
    mw_arena_end(&arena);
    return error;
}

#define REGISTER_SHIM(name)                                                                        \
    int32_t mw_##name(mw_instance *instance, mw_guest_ptr datarep, mw_guest_ptr read_conversion_fn, \
                      mw_guest_ptr write_conversion_fn, mw_guest_ptr dtype_file_extent_fn,         \
                      mw_guest_ptr extra_state)                                                    \
    {                                                                                              \
        mw_call call = MW_CALL(#name);                                                             \
        return register_datarep(&call, datarep, read_conversion_fn, write_conversion_fn,           \
                                dtype_file_extent_fn, extra_state);                                \
    }
REGISTER_SHIM(MPI_Register_datarep)
REGISTER_SHIM(MPI_Register_datarep_c)
