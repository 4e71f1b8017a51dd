/* The allocator's older names, and knobs of glibc's that this one lacks. */
#include "unsupported.h"
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

void *memalign(size_t alignment, size_t size)
{
    void *block;
    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    int error = posix_memalign(&block, alignment, size);
    if (!error)
        return block;
    errno = error;
    return NULL;
}

void *valloc(size_t size)
{
    return memalign(getpagesize(), size);
}

int mallopt(int parameter, int value)
{
    (void)parameter, (void)value;
    return 0;
}

int malloc_trim(size_t pad)
{
    (void)pad;
    return 0;
}

/* The allocator owns the break. */
int brk(void *end)
{
    (void)end;
    errno = ENOMEM;
    return -1;
}
