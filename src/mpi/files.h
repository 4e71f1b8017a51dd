/* Files of MPI-IO (MPI 4.1, chapter 14), and their shared file pointers. */
#ifndef MW_MPI_FILES_H
#define MW_MPI_FILES_H

#include "mpi/convert.h"
#include "wasi/wasi.h"

/* The shared file pointer of an open file, in etypes of the view. It is ours and not the host's: hosts keep theirs in
 * files that they name after the file's path, and the path that they are given here is a descriptor's. It is a number in
 * a small file that the first use creates: in /dev/shm where all ranks share it, else hidden beside the file. */
typedef struct mw_shared_pointer {
    bool local;      /* in /dev/shm */
    char name[64];   /* in /dev/shm; the same on all ranks */
    char *beside;    /* guest path of the hidden file */
    int fd;          /* -1 until this rank has used it */
    int64_t start;   /* what the number counts from: the end of a file opened with MPI_MODE_APPEND, else 0 */
} mw_shared_pointer;

typedef struct mw_file {
    mw_wasi_host_file host;
    char *path;         /* as the guest named it */
    int32_t amode;      /* the guest's */
    MPI_Comm comm;      /* a duplicate of the guest's, for what is collective here */
    int rank;
    int64_t etype_size; /* of the view */
    bool external;      /* the view's data representation is external32 */
    mw_shared_pointer shared;
    const char *split;  /* the split collective access in progress ("MPI_File_read_all"), or NULL */
} mw_file;

/* The object of errors before a file is open: MPI_FILE_NULL, whose error handler files inherit. */
extern const mw_file_slot mw_null_file;

/* Raises the error class that a WASI errno stands for. */
int32_t mw_raise_file(const mw_call *call, const char *argument, const char *path, uint16_t wasi_errno);

/* Files opened with MPI_MODE_SEQUENTIAL have a shared file pointer only (14.2.1). That is ours: the host's library does
 * not know that they are sequential, and the rest of it is checked here. */
int32_t mw_raise_sequential(const mw_call *call, const char *argument) __attribute__((cold));
MW_INLINE int32_t mw_in_random(const mw_call *call, const char *argument, const mw_file_slot *slot)
{
    return MW_LIKELY(!(slot->file->amode & MW_GUEST_MODE_SEQUENTIAL)) ? MW_GUEST_SUCCESS
                                                                       : mw_failed(mw_raise_sequential(MW_COPY(call), argument));
}

/* The datatype of an access. */
static inline int32_t mw_in_file_type(const mw_call *call, const char *argument, const mw_file_slot *slot,
                                      const mw_type_slot *type)
{
    return MW_LIKELY(!slot->file->external) ? MW_GUEST_SUCCESS : mw_in_external(call, argument, type);
}

/* Split collective accesses: one at a time on a file, ended by its own function (14.4.5). */
int32_t mw_in_split_begin(const mw_call *call, const mw_file_slot *slot, const char *access);
int32_t mw_in_split_end(const mw_call *call, const mw_file_slot *slot, const char *access);
void mw_split_over(const mw_file_slot *slot);

mw_guest_file mw_file_of_host(MPI_File host); /* MPI_FILE_NULL if the guest does not have it */

/* ---- Shared file pointers (shared_pointer.c) ------------------------------------------------------------------ */

/* Collective: names the pointer of a file that is being opened. False without memory. */
bool mw_shared_pointer_begin(mw_file *file, bool local);
/* Collective, after all ranks have let go of it. */
void mw_shared_pointer_end(mw_instance *instance, mw_file *file);
/* The number: where the next access begins. */
int32_t mw_shared_pointer_get(const mw_call *call, mw_file *file, int64_t *out);
/* Collective: back to the beginning of a new view. */
int32_t mw_shared_pointer_reset(const mw_call *call, mw_file *file);

#endif
