/* memchr, memcmp, strlen, strchr, strchrnul and strcspn, 16 bytes at a time: wasi-libc's look at single bytes or at words of four.
 *
 * Where the end is not known vectors are read at multiples of 16, so that the bytes around the string that are read with it are
 * in memory, too. */
#include <limits.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK = 16 };
typedef unsigned char vector __attribute__((vector_size(BLOCK), may_alias));
typedef signed char lanes __attribute__((vector_size(BLOCK)));
typedef unsigned char vector_anywhere __attribute__((vector_size(BLOCK), aligned(1), may_alias));
typedef uint64_t word64 __attribute__((aligned(1), may_alias));
typedef uint32_t word32 __attribute__((aligned(1), may_alias));

static inline vector splat(int byte)
{
    return (vector){0} + (unsigned char)byte;
}

/* A bit for each byte; `truth` is 0 or -1 in each. */
static inline unsigned bits_of(lanes truth)
{
    return (unsigned)__builtin_wasm_bitmask_i8x16(truth);
}

static inline const char *block_of(const void *p)
{
    return (const char *)((uintptr_t)p & ~(uintptr_t)(BLOCK - 1));
}

static inline const char *first_of(const char *block, unsigned bits)
{
    return block + __builtin_ctz(bits);
}

/* The first 0 of the string or byte that is one of the four. */
static inline const char *find(const char *s, int a, int b, int c, int d)
{
    vector va = splat(a), vb = splat(b), vc = splat(c), vd = splat(d), zero = {0};
    const char *block = block_of(s);
    vector v = *(const vector *)block;
    unsigned before = (unsigned)(s - block);
    unsigned bits = bits_of((v == zero) | (v == va) | (v == vb) | (v == vc) | (v == vd)) >> before << before;
    while (!bits) {
        block += BLOCK;
        v = *(const vector *)block;
        bits = bits_of((v == zero) | (v == va) | (v == vb) | (v == vc) | (v == vd));
    }
    return first_of(block, bits);
}

size_t strlen(const char *s)
{
    return (size_t)(find(s, 0, 0, 0, 0) - s);
}

char *__strchrnul(const char *s, int byte)
{
    return (char *)find(s, byte, byte, byte, byte);
}

char *strchrnul(const char *s, int byte) __attribute__((weak, alias("__strchrnul")));

char *strchr(const char *s, int byte)
{
    const char *found = find(s, byte, byte, byte, byte);
    return *found == (char)byte ? (char *)found : NULL;
}

size_t strcspn(const char *s, const char *bytes)
{
    enum { WORD_BITS = sizeof(size_t) * CHAR_BIT };
    if (!bytes[0] || !bytes[1])
        return (size_t)(find(s, bytes[0], bytes[0], bytes[0], bytes[0]) - s);
    if (!bytes[2] || !bytes[3])
        return (size_t)(find(s, bytes[0], bytes[1], bytes[2], bytes[2]) - s);
    if (!bytes[4])
        return (size_t)(find(s, bytes[0], bytes[1], bytes[2], bytes[3]) - s);
    size_t set[(UCHAR_MAX + 1) / WORD_BITS] = {1}; /* the 0 */
    for (; *bytes; bytes++)
        set[(unsigned char)*bytes / WORD_BITS] |= (size_t)1 << (unsigned char)*bytes % WORD_BITS;
    const char *p = s;
    while (!(set[(unsigned char)*p / WORD_BITS] >> (unsigned char)*p % WORD_BITS & 1))
        p++;
    return (size_t)(p - s);
}

void *memchr(const void *start, int byte, size_t n)
{
    if (!n)
        return NULL;
    vector wanted = splat(byte);
    const char *block = block_of(start);
    size_t before = (size_t)((const char *)start - block), left = BLOCK - before;
    unsigned bits = bits_of(*(const vector *)block == wanted) >> before << before;
    if (bits) {
        size_t at = (size_t)__builtin_ctz(bits) - before;
        return at < n ? (char *)start + at : NULL;
    }
    for (; n > left; n -= left, left = BLOCK) {
        block += BLOCK;
        bits = bits_of(*(const vector *)block == wanted);
        if (bits)
            return (size_t)__builtin_ctz(bits) < n - left ? (char *)first_of(block, bits) : NULL;
    }
    return NULL;
}

static inline int order64(uint64_t a, uint64_t b)
{
    a = __builtin_bswap64(a);
    b = __builtin_bswap64(b);
    return a < b ? -1 : a > b;
}

static inline int compare_few(const unsigned char *a, const unsigned char *b, size_t n)
{
    if (n >= 8) {
        int order = order64(*(const word64 *)a, *(const word64 *)b);
        return order ? order : order64(*(const word64 *)(a + n - 8), *(const word64 *)(b + n - 8));
    }
    if (n >= 4) {
        int order = order64(*(const word32 *)a, *(const word32 *)b);
        return order ? order : order64(*(const word32 *)(a + n - 4), *(const word32 *)(b + n - 4));
    }
    for (; n; a++, b++, n--)
        if (*a != *b)
            return *a - *b;
    return 0;
}

int memcmp(const void *first, const void *second, size_t n)
{
    const unsigned char *a = first, *b = second;
    if (n < BLOCK)
        return compare_few(a, b, n);
    for (size_t i = 0;; i = i + 2 * BLOCK <= n ? i + BLOCK : n - BLOCK) { /* the last ones overlap */
        unsigned bits = bits_of(*(const vector_anywhere *)(a + i) != *(const vector_anywhere *)(b + i));
        if (bits) {
            i += (size_t)__builtin_ctz(bits);
            return a[i] - b[i];
        }
        if (i + BLOCK == n)
            return 0;
    }
}
