/* Memory mapping without pages: anonymous memory, and files that are read when they are mapped, on page boundaries. Nothing
 * writes a mapping back, so that a shared one which could be written to is refused rather than lost. */
#include "lock.h"
#include "unsupported.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mapping {
    struct mapping *next;
    char *start;
    size_t length; /* in whole pages */
};

static struct mapping *mappings;
MW_LOCK(lock);

static void *no_mapping(int error)
{
    errno = error;
    return MAP_FAILED;
}

/* Reads until `length` bytes or the end of the file, whose rest stays zero. */
static bool read_file(int fd, char *start, size_t length, off_t offset)
{
    while (length > 0) {
        ssize_t n = pread(fd, start, length, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        start += n;
        length -= (size_t)n;
        offset += n;
    }
    return true;
}

void *mmap(void *hint, size_t length, int protection, int flags, int fd, off_t offset)
{
    size_t page = (size_t)getpagesize(), whole = (length + page - 1) & ~(page - 1);
    bool file = !(flags & MAP_ANONYMOUS);
    (void)hint;

    if (length == 0 || offset < 0 || !(flags & (MAP_PRIVATE | MAP_SHARED)))
        return no_mapping(EINVAL);
    if ((flags & MAP_FIXED) || (protection & PROT_EXEC) || (file && !(flags & MAP_PRIVATE) && (protection & PROT_WRITE)))
        return no_mapping(ENOTSUP);
    struct mapping *m = whole < length ? NULL : malloc(sizeof *m);
    char *start = m ? aligned_alloc(page, whole) : NULL;
    if (!start) {
        free(m);
        return no_mapping(ENOMEM);
    }
    memset(start, 0, whole);
    if (file && !read_file(fd, start, length, offset)) {
        free(start);
        free(m);
        return MAP_FAILED;
    }
    mw_lock(lock);
    *m = (struct mapping){mappings, start, whole};
    mappings = m;
    mw_unlock(lock);
    return start;
}

/* Takes the mapping out of the list, where `address` and `length` are those of a whole one. NULL without an error: there is no
 * mapping at all. */
static struct mapping *take(const char *start, size_t whole, int *error)
{
    for (struct mapping **link = &mappings, *m; (m = *link); link = &m->next) {
        if (m->start == start && m->length == whole) {
            *link = m->next;
            return m;
        }
        if ((uintptr_t)start - (uintptr_t)m->start < m->length || (uintptr_t)m->start - (uintptr_t)start < whole) {
            *error = EINVAL;
            return NULL;
        }
    }
    return NULL;
}

/* Memory goes back whole: to unmap a part of a mapping is refused, of no mapping is nothing to do. */
int munmap(void *address, size_t length)
{
    size_t page = (size_t)getpagesize();
    int error = 0;
    mw_lock(lock);
    struct mapping *m = take(address, (length + page - 1) & ~(page - 1), &error);
    mw_unlock(lock);
    if (m)
        free(m->start);
    free(m);
    if (!error)
        return 0;
    errno = error;
    return -1;
}

/* No mapping has anything to write. */
int msync(void *address, size_t length, int flags)
{
    (void)address, (void)length, (void)flags;
    return 0;
}

/* Advice may be ignored. */
int posix_madvise(void *address, size_t length, int advice)
{
    (void)address, (void)length, (void)advice;
    return 0;
}

int madvise(void *address, size_t length, int advice)
{
    return posix_madvise(address, length, advice);
}

int mprotect(void *address, size_t length, int protection)
{
    (void)address, (void)length;
    return protection == (PROT_READ | PROT_WRITE) ? 0 : mw_unsupported();
}

int mlock(const void *address, size_t length)
{
    (void)address, (void)length;
    return mw_unsupported();
}

int munlock(const void *address, size_t length)
{
    (void)address, (void)length;
    return mw_unsupported();
}

int mlockall(int flags)
{
    (void)flags;
    return mw_unsupported();
}

int munlockall(void)
{
    return mw_unsupported();
}

int shm_open(const char *name, int flags, mode_t mode)
{
    (void)name, (void)flags, (void)mode;
    return mw_unsupported();
}

int shm_unlink(const char *name)
{
    (void)name;
    return mw_unsupported();
}
