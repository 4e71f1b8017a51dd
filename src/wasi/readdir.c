/* fd_readdir.
 *
 * A cookie is an entry's number. The host's own positions would need no memory here, but on ext4 and others they
 * are hashes of 63 bits, and wasi-libc's telldir has 31 for them. So each directory keeps the host's positions of the
 * entries that were read; those past them are found by reading on. */
#include "wasi/state.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct mw_wasi_positions {
    uint64_t known, capacity;
    off_t at[]; /* [known]: where entry i is read; at[0] is 0 */
} mw_wasi_positions;

void mw_wasi_positions_free(mw_wasi_positions *positions)
{
    free(positions);
}

static mw_wasi_errno know_position(mw_wasi_fd *f, uint64_t entry, off_t position)
{
    mw_wasi_positions *p = f->positions;
    if (!p || entry >= p->capacity) {
        uint64_t capacity = p ? 2 * p->capacity : 64;
        p = realloc(p, sizeof *p + capacity * sizeof *p->at);
        if (!p)
            return MW_WASI_ENOMEM;
        if (!f->positions)
            p->known = 0;
        p->capacity = capacity;
        f->positions = p;
    }
    p->at[entry] = position;
    p->known = entry + 1;
    return MW_WASI_ESUCCESS;
}

static uint8_t filetype_of_dirent(uint8_t d_type)
{
    switch (d_type) {
    case DT_BLK:
        return MW_WASI_FILETYPE_BLOCK_DEVICE;
    case DT_CHR:
        return MW_WASI_FILETYPE_CHARACTER_DEVICE;
    case DT_DIR:
        return MW_WASI_FILETYPE_DIRECTORY;
    case DT_REG:
        return MW_WASI_FILETYPE_REGULAR_FILE;
    case DT_LNK:
        return MW_WASI_FILETYPE_SYMBOLIC_LINK;
    case DT_SOCK:
        return MW_WASI_FILETYPE_SOCKET_STREAM;
    default:
        return MW_WASI_FILETYPE_UNKNOWN;
    }
}

typedef struct buffer {
    uint8_t *bytes;
    uint64_t size, used;
} buffer;

/* Appends what fits; false when the buffer is full. */
static bool append(buffer *b, const void *bytes, size_t size)
{
    size_t fits = size < b->size - b->used ? size : b->size - b->used;
    memcpy(b->bytes + b->used, bytes, fits);
    b->used += fits;
    return fits == size && b->used < b->size;
}

/* Appends entry number `number`; false when the buffer is full. */
static bool append_entry(const mw_wasi_fd *f, uint64_t own_ino, const struct dirent64 *entry, uint64_t number,
                         buffer *b)
{
    size_t name_len = strlen(entry->d_name);
    /* What lies above a granted directory is none of the guest's business: the guest's root is its own parent. */
    bool above = f->preopen && strcmp(entry->d_name, "..") == 0;
    const mw_wasi_dirent guest = {
        .next = number + 1,
        .ino = above ? own_ino : entry->d_ino,
        .namlen = (uint32_t)name_len,
        .type = filetype_of_dirent(entry->d_type),
    };
    return append(b, &guest, sizeof guest) && append(b, entry->d_name, name_len);
}

/* Fills the buffer with entries from number `first` on; the last one may be cut, which tells the guest that there
 * are more. */
static mw_wasi_errno read_entries(mw_wasi_fd *f, uint64_t own_ino, uint64_t first, buffer *b)
{
    if (first == 0 || !f->positions) { /* from the beginning, as things are now */
        mw_wasi_errno error = know_position(f, 0, 0);
        if (error)
            return error;
    }
    uint64_t number = first < f->positions->known ? first : f->positions->known - 1;
    if (lseek(f->host, f->positions->at[number], SEEK_SET) < 0)
        return mw_wasi_errno_of(errno);
    while (b->used < b->size) {
        _Alignas(struct dirent64) char raw[8192];
        ssize_t n = getdents64(f->host, raw, sizeof raw);
        if (n < 0 && b->used == 0)
            return mw_wasi_errno_of(errno);
        if (n <= 0)
            break;
        for (ssize_t at = 0; at < n; number++) {
            const struct dirent64 *entry = (const void *)(raw + at);
            at += entry->d_reclen;
            if (number >= first && !append_entry(f, own_ino, entry, number, b))
                return MW_WASI_ESUCCESS;
            mw_wasi_errno error = know_position(f, number + 1, entry->d_off);
            if (error)
                return error;
        }
    }
    return MW_WASI_ESUCCESS;
}

uint32_t mw_wasi_fd_readdir(mw_instance *instance, uint32_t fd, mw_guest_ptr buf, uint64_t buf_len, uint64_t cookie,
                            mw_guest_ptr used_out)
{
    mw_wasi_state *state = mw_wasi_state_of(instance);
    buffer b = {.bytes = mw_guest_span(instance, buf, buf_len), .size = buf_len};
    void *used_at = mw_wasi_word_at(instance, used_out);
    mw_wasi_fd *f;
    mw_wasi_errno error = mw_wasi_fd_use(state, fd, 0, &f);
    if (error)
        return error;
    struct stat st;
    if (f->filetype != MW_WASI_FILETYPE_DIRECTORY)
        error = MW_WASI_ENOTDIR;
    else if (!(atomic_load_explicit(&f->rights, memory_order_relaxed) & MW_WASI_RIGHT_FD_READDIR))
        error = MW_WASI_ENOTCAPABLE;
    else if (!b.bytes || !used_at)
        error = MW_WASI_EFAULT;
    else if (fstat(f->host, &st) != 0)
        error = mw_wasi_errno_of(errno);
    if (!error) {
        pthread_mutex_lock(&state->dir_lock);
        error = read_entries(f, st.st_ino, cookie, &b);
        pthread_mutex_unlock(&state->dir_lock);
    }
    if (!error)
        mw_wasi_put_word(instance, used_at, b.used);
    mw_wasi_fd_drop(f);
    return error;
}
