/* What wasi-libc leaves out of <malloc.h>.  */
#ifndef MPIWASM_MALLOC_H
#define MPIWASM_MALLOC_H

#include_next <malloc.h>

#ifdef __cplusplus
extern "C" {
#endif

void *valloc(size_t);
void *memalign(size_t, size_t);

/* Parameters of glibc's allocator. This allocator has none to set: mallopt returns 0, an error. */
#define M_MMAP_THRESHOLD (-3)
#define M_TRIM_THRESHOLD (-1)
#define M_TOP_PAD (-2)
#define M_MMAP_MAX (-4)
int mallopt(int, int);
int malloc_trim(size_t);

#ifdef __cplusplus
}
#endif

#endif
