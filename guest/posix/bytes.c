/* memcpy, memmove, memset by memory.copy and memory.fill, which the host does with its own C library's vector loops; those
 * of wasi-libc are built for machines without these instructions. Few bytes are moved by overlapping words. */
#include <stdint.h>
#include <string.h>

typedef uint16_t __attribute__((aligned(1), may_alias)) word16;
typedef uint32_t __attribute__((aligned(1), may_alias)) word32;
typedef uint64_t __attribute__((aligned(1), may_alias)) word64;

/* All is loaded before anything is stored, so that the two may overlap. */
static inline void move_few(char *to, const char *from, size_t n)
{
    if (n >= 8) {
        uint64_t first = *(const word64 *)from, last = *(const word64 *)(from + n - 8);
        *(word64 *)to = first;
        *(word64 *)(to + n - 8) = last;
    } else if (n >= 4) {
        uint32_t first = *(const word32 *)from, last = *(const word32 *)(from + n - 4);
        *(word32 *)to = first;
        *(word32 *)(to + n - 4) = last;
    } else if (n >= 2) {
        uint16_t first = *(const word16 *)from, last = *(const word16 *)(from + n - 2);
        *(word16 *)to = first;
        *(word16 *)(to + n - 2) = last;
    } else if (n) {
        *to = *from;
    }
}

static inline void copy(void *to, const void *from, size_t n)
{
    __asm__ volatile("local.get %0\n local.get %1\n local.get %2\n memory.copy 0, 0" : : "r"(to), "r"(from), "r"(n) : "memory");
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    if (n <= 16)
        move_few(to, from, n);
    else
        copy(to, from, n);
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    if (n <= 16)
        move_few(to, from, n);
    else
        copy(to, from, n);
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    char *p = to;
    if (n > 16) {
        __asm__ volatile("local.get %0\n local.get %1\n local.get %2\n memory.fill 0" : : "r"(to), "r"(byte), "r"(n) : "memory");
        return to;
    }
    uint64_t bytes = 0x0101010101010101 * (uint64_t)(unsigned char)byte;
    if (n >= 8) {
        *(word64 *)p = bytes;
        *(word64 *)(p + n - 8) = bytes;
    } else if (n >= 4) {
        *(word32 *)p = (uint32_t)bytes;
        *(word32 *)(p + n - 4) = (uint32_t)bytes;
    } else if (n >= 2) {
        *(word16 *)p = (uint16_t)bytes;
        *(word16 *)(p + n - 2) = (uint16_t)bytes;
    } else if (n) {
        *p = (char)bytes;
    }
    return to;
}
