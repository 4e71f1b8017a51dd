"""What the sysroot adds to wasi-libc: POSIX calls that work, and honest failures of those that cannot."""
import os
import unittest

from toolchain import CC, CXX, MPIWASM, Toolchain


MATH = r"""
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The library's own, through pointers that the compiler cannot see through. */
#define LIBRARY(result, name, ...) static result (*volatile lib_##name)(__VA_ARGS__) = name
LIBRARY(double, fmin, double, double);
LIBRARY(double, fmax, double, double);
LIBRARY(double, fdim, double, double);
LIBRARY(double, round, double);
LIBRARY(float, fminf, float, float);
LIBRARY(float, fmaxf, float, float);
LIBRARY(float, fdimf, float, float);
LIBRARY(float, roundf, float);
LIBRARY(long, lround, double);
LIBRARY(long, lrint, double);
LIBRARY(long long, llround, double);
LIBRARY(long long, llrint, double);

static void check(const char *name, double x, double y, double here, double library)
{
    int zeros = x == 0 && y == 0 && here == 0 && library == 0;
    if (memcmp(&here, &library, sizeof here) && !(here != here && library != library) && !zeros)
        printf("%s(%a, %a) = %a, library %a\n", name, x, y, here, library);
}
#define CHECK1(name, x) check(#name, x, 1, name(x), lib_##name(x))
#define CHECK2(name, x, y) check(#name, x, y, name(x, y), lib_##name(x, y))

int main(void)
{
    static const double values[] = {
        0.0, -0.0, 0.5, -0.5, 0.49999999999999994, -0.49999999999999994, 1.5, -1.5, 2.5, -2.5, 1e300, -1e300, 3.3, -3.3,
        4503599627370495.5, -4503599627370495.5, 4503599627370496.0, INFINITY, -INFINITY, NAN, 2147483646.5, 1e-320};
    int count = sizeof values / sizeof *values;
    for (int i = 0; i < count; i++) {
        double x = values[i];
        float fx = (float)x;
        CHECK1(round, x);
        CHECK1(roundf, fx);
        if (fabs(x) < 2147483647) {
            CHECK1(lround, x);
            CHECK1(lrint, x);
        }
        if (fabs(x) < 9e18) {
            CHECK1(llround, x);
            CHECK1(llrint, x);
        }
        for (int j = 0; j < count; j++) {
            double y = values[j];
            float fy = (float)y;
            CHECK2(fmin, x, y);
            CHECK2(fmax, x, y);
            CHECK2(fdim, x, y);
            CHECK2(fminf, fx, fy);
            CHECK2(fmaxf, fx, fy);
            CHECK2(fdimf, fx, fy);
        }
    }
    printf("%d values\n", count);
}
"""


# Prints what strtod makes of many texts; natively the same must come out, to the last bit and character.
NUMBERS = r"""
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252u;

static unsigned next(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 16) % n);
}

static void show(const char *text)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    /* The libraries differ in what else sets errno, and in NaNs. */
    int overflow = value - value != 0 && errno == ERANGE;
    printf("[%s] %016llx %d %d\n", text, value != value ? 1ull : bits, (int)(end - text), overflow);
}

static char *digits(char *p, unsigned n)
{
    for (unsigned i = next(n); i > 0; i--)
        *p++ = "0123456789"[next(4) ? next(10) : 0];
    return p;
}

int main(void)
{
    static const char *const texts[] = {
        "", ".", "-", "+.e5", "e5", "1e", "1e+", "1e-", "1.e5", ".5", "-.5e-3x", "0x1.8p3", "0x", "0xg", " \t\n 12", "inf",
        "-INFINITY", "infinit", "nan", "nan(12)", "9007199254740992", "9007199254740993", "9007199254740993e22", "1e22", "1e23",
        "1e-22", "1e-23", "123456789012345678", "1234567890123456789", "12345678901234567890", "0.000000000000000000000001",
        "0000000000000000000000000001", "1e308", "1.8e308", "1e-400", "4.9e-324", "2.4e-324", "1e99999", "0e99999", "-0", "-0.0e7",
        "1E5", "1e5e5", "1..5", "1.5.5", "+-1", "5,3", "2.2250738585072012e-308", "8.98846567431158e307"};
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++)
        show(texts[i]);
    for (int i = 0; i < 20000; i++) {
        char text[100], *p = text;
        if (next(4) == 0)
            *p++ = "+-"[next(2)];
        p = digits(p, next(8) ? 12 : 25);
        if (next(2)) {
            *p++ = '.';
            p = digits(p, next(8) ? 10 : 30);
        }
        if (next(3) == 0)
            p += sprintf(p, "e%d", (int)next(next(4) ? 50 : 700) - (next(2) ? 25 : 350));
        *p = 0;
        show(text);
    }
    return 0;
}
"""

# memcpy, memmove and memset of all small sizes and places, against loops of bytes.
BYTES = r"""
#include <stdio.h>
#include <string.h>

enum { SIZE = 160 };
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
static void *(*volatile move)(void *, const void *, size_t) = memmove;
static void *(*volatile set)(void *, int, size_t) = memset;
static unsigned char got[SIZE], expected[SIZE], from[SIZE];
static int checks;

static void reset(void)
{
    for (int i = 0; i < SIZE; i++)
        got[i] = expected[i] = (unsigned char)(7 * i + 1);
}

static void compare(const char *name, const void *result, const void *to, int n, int at, int source)
{
    checks++;
    if (result != to || memcmp(got, expected, SIZE))
        printf("%s of %d bytes from %d to %d is wrong\n", name, n, source, at);
}

int main(void)
{
    for (int i = 0; i < SIZE; i++)
        from[i] = (unsigned char)(200 - i);
    for (int n = 0; n <= 70; n++)
        for (int at = 0; at < 40; at += n > 20 ? 3 : 1) {
            reset();
            for (int i = 0; i < n; i++)
                expected[at + i] = (unsigned char)(at + 0x180);
            compare("memset", set(got + at, at + 0x180, (size_t)n), got + at, n, at, 0);
            for (int source = 0; source < 40; source += n > 20 ? 5 : 1) {
                reset();
                for (int i = 0; i < n; i++)
                    expected[at + i] = from[source + i];
                compare("memcpy", copy(got + at, from + source, (size_t)n), got + at, n, at, source);
                reset();
                unsigned char kept[SIZE];
                for (int i = 0; i < SIZE; i++)
                    kept[i] = expected[i];
                for (int i = 0; i < n; i++)
                    expected[at + i] = kept[source + i];
                compare("memmove", move(got + at, got + source, (size_t)n), got + at, n, at, source);
            }
        }
    printf("%d checks\n", checks);
    return 0;
}
"""


# What searches strings and compares bytes, in all small sizes and places up to memory's end, against loops of bytes.
SEARCH = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

enum { PAGE = 65536, LONGEST = 50 };
static size_t (*volatile length)(const char *) = strlen;
static size_t (*volatile span)(const char *, const char *) = strcspn;
static char *(*volatile find)(const char *, int) = strchr;
static char *(*volatile find_or_end)(const char *, int) = strchrnul;
static void *(*volatile find_byte)(const void *, int, size_t) = memchr;
static int (*volatile order)(const void *, const void *, size_t) = memcmp;
static int checks;

static void check(int ok, const char *name, int n, int at, int k)
{
    checks++;
    if (!ok)
        printf("%s of %d bytes at %d is wrong (%d)\n", name, n, at, k);
}

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

/* A string of n bytes at s, with one of `marks` at k if k < n; `at` and what lies before s only tell where it is. */
static void check_string(char *s, int n, int at, int k)
{
    static const char *const rejects[] = {"", "\x80", "q\x80", "q\x80r", "qr\x80t", "qrst\x80"};
    memset(s, 'a', n);
    s[n] = 0;
    if (k < n)
        s[k] = (char)0x80;
    int first = k < n ? k : n;
    check(length(s) == (size_t)n, "strlen", n, at, k);
    for (int i = 0; i < 6; i++)
        check(span(s, rejects[i]) == (size_t)(i ? first : n), "strcspn", n, at, i);
    check(find(s, 0x180) == (k < n ? s + k : NULL), "strchr", n, at, k);
    check(find(s, 0) == s + n, "strchr of 0", n, at, k);
    check(find_or_end(s, 0x80) == s + first, "strchrnul", n, at, k);
    check(find_byte(s, 0x180, n) == (k < n ? s + k : NULL), "memchr", n, at, k);
    check(find_byte(s, 0x80, k) == NULL, "memchr before it", n, at, k);
    check(find_byte(s, 0, (size_t)-1) == s + n, "memchr without an end", n, at, k);
}

static void check_order(unsigned char *a, unsigned char *b, int n, int at)
{
    for (int k = 0; k <= n; k++)
        for (int byte = 0; byte < 2; byte++) {
            memset(a, 0x80, n);
            memset(b, 0x80, n);
            if (k < n)
                a[k] = byte ? 0xff : 1;
            if (k + 1 < n)
                b[k + 1] = byte ? 0xff : 1; /* does not count */
            int expected = k == n ? 0 : byte ? 1 : -1;
            check(sign(order(a, b, n)) == expected && sign(order(b, a, n)) == -expected, "memcmp", n, at, k);
        }
}

int main(void)
{
    char *page = (char *)(__builtin_wasm_memory_grow(0, 1) * PAGE), *end = page + PAGE;
    memset(page, 0x80, PAGE);
    for (int n = 0; n <= LONGEST; n++) {
        for (int at = 0; at < 18; at++) {
            for (int k = 0; k <= n; k++)
                check_string(page + 64 + at, n, at, k);
            check_order((unsigned char *)page + 256 + at, (unsigned char *)page + 512 + at * 7 % 16, n, at);
            memset(page, 0x80, 1024);
        }
        for (int k = 0; k <= n; k++)
            check_string(end - n - 1, n, -1, k);
        check_order((unsigned char *)end - n, (unsigned char *)page, n, -1);
        check(find_byte(end - n, 'b', n) == NULL, "memchr", n, -1, 0);
        memset(page, 0x80, 1024);
    }
    printf("%d checks\n", checks);
    return 0;
}
"""


# The allocator against a model: what blocks hold, where they lie, what the others leave alone; then that it does not grow.
HEAP = r"""
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1000, MB = 1 << 20 };
static struct { unsigned char *at; size_t size; unsigned char fill; } slots[SLOTS];

static uint32_t next(void)
{
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    return state >> 8;
}

static void check(int i, size_t size)
{
    for (size_t k = 0; k < size; k++)
        if (slots[i].at[k] != slots[i].fill) {
            printf("block %d of %zu bytes has changed at %zu\n", i, slots[i].size, k);
            exit(1);
        }
}

static void change(int i)
{
    size_t size = next() % 4 ? next() % 300 : next() % 5000, alignment = 16;
    void *block = slots[i].at;
    uint32_t way = next() % 8;
    if (block && way == 0) {
        block = realloc(block, size ? size : 1);
        slots[i].at = block;
        check(i, size < slots[i].size ? size : slots[i].size);
    } else {
        free(block);
        if (way == 1) {
            block = calloc(1 + next() % 3, size);
            slots[i].at = block;
            slots[i].fill = 0;
            check(i, size);
        } else if (way == 2) {
            alignment = 32u << next() % 4;
            if (posix_memalign(&block, alignment, size))
                abort();
        } else if (way == 3) {
            alignment = 64;
            block = aligned_alloc(alignment, size = (size + 63) / 64 * 64);
        } else {
            block = malloc(size);
        }
    }
    if (!block || (uintptr_t)block % alignment || malloc_usable_size(block) < size) {
        printf("no block of %zu bytes\n", size);
        exit(1);
    }
    slots[i].at = block;
    slots[i].size = size;
    slots[i].fill = (unsigned char)next();
    memset(block, slots[i].fill, size);
}

/* What the library takes for granted of wasi-libc's allocator. */
static void check_headers(void)
{
    for (size_t size = 0; size < 3000; size++) {
        void *block = malloc(size);
        size_t header = ((size_t *)block)[-1];
        if ((header & ~(size_t)7) - 4 != malloc_usable_size(block) || !(header & 2) || header & 8)
            printf("header %zx of %zu bytes\n", header, size);
        free(block);
    }
}

static void fill_and_free(size_t size, size_t bytes)
{
    void **blocks = malloc(bytes / size * sizeof *blocks);
    for (size_t i = 0; i < bytes / size; i++)
        blocks[i] = malloc(size);
    for (size_t i = 0; i < bytes / size; i++)
        free(blocks[i]);
    free(blocks);
}

static void *chain;

static size_t fill_memory(size_t size)
{
    size_t count = 0;
    for (void **block; (block = malloc(size)); count++) {
        *block = chain;
        chain = block;
    }
    return count;
}

static void free_all(void)
{
    for (void *rest; chain; chain = rest) {
        rest = *(void **)chain;
        free(chain);
    }
}

int main(void)
{
    check_headers();
    for (int i = 0; i < 300000; i++) {
        int slot = (int)(next() % SLOTS);
        if (slots[slot].at)
            check(slot, slots[slot].size);
        change(slot);
    }
    for (int i = 0; i < SLOTS; i++)
        free(slots[i].at);
    size_t before = __builtin_wasm_memory_size(0) << 16;
    for (size_t size = 12; size < 2500; size += 16)
        fill_and_free(size, 4 * MB);
    size_t grown = (__builtin_wasm_memory_size(0) << 16) - before;
    if (grown > 16 * MB)
        printf("grown by %zu\n", grown);
    for (size_t size = 40; size < 2000; size += 400) {
        size_t count = fill_memory(size);
        free_all();
        if (count * size < 30 * MB || fill_memory(8 * MB) < 3)
            printf("%zu blocks of %zu bytes\n", count, size);
        free_all();
    }
    puts(!calloc(SIZE_MAX / 4, 8) && !malloc(SIZE_MAX - 8) ? "whole" : "too much");
    return 0;
}
"""

# Functions called through pointers of other types: with arguments that they do not take, without use of their results; each
# type has one function, several near each other, or several far apart in the table.
POINTERS = r"""
#include <stdio.h>
#include <stdlib.h>
static int freed;
static void *release(void *p) { free(p); freed++; return NULL; }
static int next(int a) { return a + 1; }
static int previous(int a) { return a - 1; }
static int seven(void) { return 7; }
static double twice(double x) { return 2 * x; }
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
static long long far(int a, float b, long long c) { return a + (long long)b + c; }
static int sum(int a, int b, double c) { return a + b + (int)c; }
static int product(int a, int b, double c) { return a * b * (int)c; }
static void *volatile pointers[] = {release, next, sum, seven, twice, compare, far, product, previous, NULL, (void *)0x10000};
int main(int argc, char **argv)
{
    void (*forget)(void *) = (void (*)(void *))pointers[0];
    forget(malloc(10));
    for (int i = 1; i < 9; i++)
        if (i != 4 && i != 5 && i != 6)
            printf("%d ", ((int (*)(int, int, double))pointers[i])(3, 4, 5.0));
    printf("%g ", ((double (*)(double, float, int, int, int, int, int, int, int))pointers[4])(3, 4, 5, 6, 7, 8, 9, 10, 11));
    printf("%lld ", ((long long (*)(int, float, long long, int))pointers[6])(3, 4, 5, 6));
    int x[] = {3, 1, 2};
    ((void (*)(const void *, const void *))pointers[5])(x, x + 1);
    qsort(x, 3, sizeof *x, compare);
    printf("%d %d %d %d\n", x[0], x[1], x[2], freed);
    fflush(stdout);
    if (argc > 1)
        switch (*argv[1]) {
        case 'f': return ((int (*)(void))pointers[1])(); /* too few arguments */
        case 't': return ((int (*)(double))pointers[1])(1.0);
        case 'r': return ((int (*)(double))pointers[4])(1.0);
        case 'n': return ((int (*)(int, int))pointers[9])(1, 2);
        case 'o': return ((int (*)(int, int, double))pointers[10])(1, 2, 3.0);
        }
    return 0;
}
"""

SORTING = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static size_t key_size, calls;
static int compare(const void *a, const void *b) { calls++; return memcmp(a, b, key_size); }
/* Elements are a key of random bytes and bytes that tell where they were. */
static int check(size_t n, size_t width, size_t keys, int stable)
{
    unsigned char *x = malloc(n * width + 1);
    size_t place = width > keys + 3 ? 3 : 0, sum = 0, left = 0;
    unsigned random = 1;
    for (size_t i = 0; i < n * width; i++)
        sum += x[i] = (random = random * 1664525 + 1013904223) >> 24;
    for (size_t i = 0; place && i < n; i++)
        for (int k = 0; k < 3; k++) {
            sum -= x[i * width + keys + k];
            sum += x[i * width + keys + k] = i >> (16 - 8 * k);
        }
    key_size = stable ? keys : keys + place;
    x[n * width] = 77;
    qsort(x, n, width, compare);
    for (size_t i = 1; i < n; i++)
        if (memcmp(x + (i - 1) * width, x + i * width, keys + place) > 0)
            return 1;
    for (size_t i = 0; i < n * width; i++)
        left += x[i];

    int wrong = left != sum || x[n * width] != 77;
    free(x);
    return wrong;
}
int main(int argc, char **argv)
{
    static const size_t sizes[] = {0, 1, 2, 3, 7, 100, 5000}, widths[] = {1, 2, 4, 8, 12, 24, 3000};
    int wrong = 0;
    for (int i = 0; i < 7 && argc == 1; i++)
        for (int k = 0; k < 7; k++)
            wrong += check(sizes[i], widths[k], widths[k] > 8 ? 1 : widths[k], 1);
    if (argc > 1) { /* no memory for a copy */
        void *volatile block = malloc(9 << 20), *volatile second = malloc(9 << 20);
        printf("%s ", block && !second ? "one" : "no");
        free(block);
        calls = 0;
        wrong += check((9 << 20) / 12 - 1, 12, 4, 0);
        wrong += calls > 40000000;
    }
    printf("%d wrong\n", wrong);
}
"""

# What gcc 12 takes with warnings, and clang 22 alone would not.
OLD_C = r"""
#include <stdio.h>
static counter;
static long (*first)(long);
static long letter(const char *text) { return text[0]; }
static void nothing(void) { return counter; }
static something(void) { return; }
main(argc, argv) char **argv;
{
    char *copy = strdup("a");
    char *same = &counter;
    counter = copy;
    first = letter;
    *same = 7;
    nothing();
    something();
    printf("%d %c %d %d\n", *same, (int)first(copy), counter != 0, defined_below(3));
    return 0;
}
defined_below(x) { return x + 1; }
"""


class Posix(Toolchain):
    def outcome(self, text, *options, arguments=(), grant=None):
        module = self.link(text, "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", *options)
        granted = ("-d", grant) if grant else ()
        return self.run_ok(MPIWASM, *granted, module, *arguments).splitlines()

    def test_printf_of_long_double(self):
        self.assertEqual(self.outcome('#include <stdio.h>\nint main(void) { printf("%.3Lf\\n", 1.5L); }'), ["1.500"])

    def test_inline_math_is_the_library_s_to_the_bit(self):
        for level in ("-O0", "-O2"):
            self.assertEqual(self.outcome(MATH, level), ["22 values"])
        self.write("loop.c", """
            #include <math.h>
            void f(double *a, const double *b, int n)
            {
                for (int i = 0; i < n; i++)
                    a[i] = fmax(round(a[i]), fmin(b[i], fdim(lround(b[i]), llrint(a[i]))));
            }
            """)
        self.run_ok(CC, "-O2", "-c", "loop.c", "-o", "loop.o")
        self.assertNotIn("call", self.dump("loop.o", "-d"))

    def test_numbers_are_read_as_natively(self):
        self.link(NUMBERS, "-O2")
        self.run_ok("clang-22", "-O2", "-o", "native", "main.c")
        native = self.run_ok("./native").splitlines()
        self.assertGreater(len(native), 20000)
        for guest, expected in zip(self.run_ok(MPIWASM, "main.wasm").splitlines(), native, strict=True):
            self.assertEqual(guest, expected)

    def test_bytes_are_moved_like_by_loops(self):
        self.link(BYTES, "-O2")
        self.assertRegex(self.run_ok(MPIWASM, "main.wasm"), r"^\d{5} checks\n$")

    def test_searches_are_like_loops(self):
        self.link(SEARCH, "-O2")
        self.assertRegex(self.run_ok(MPIWASM, "main.wasm"), r"^\d{6} checks\n$")

    def test_sorting(self):
        # Stable, as glibc's; without memory for a copy of the array still right and not quadratic.
        self.link(SORTING, "-O2")
        self.assertEqual(self.run_ok(MPIWASM, "main.wasm"), "0 wrong\n")
        self.assertEqual(self.run_ok(MPIWASM, "--max-memory", "24M", "main.wasm", "full"), "one 0 wrong\n")

    def test_heap(self):
        for level in ("-O0", "-O2"):
            self.link(HEAP, level, "-fno-builtin")
            self.assertEqual(self.run_ok(MPIWASM, "--max-memory", "64M", "main.wasm"), "whole\n")

    def test_block_freed_twice(self):
        for size in (1, 24, 1000):
            module = self.link(f"""
                #include <stdlib.h>
                int main(void)
                {{
                    void *volatile block = malloc({size}), *volatile other = malloc({size});
                    free(block);
                    free(other);
                    free(block);
                }}
                """)
            self.run_fails(MPIWASM, module, expect="free\\(\\): a block is freed twice")

    def test_own_malloc(self):
        self.assertEqual(self.outcome(r"""
            #include <stdio.h>
            #include <stdlib.h>
            static _Alignas(16) char pool[1 << 20];
            static size_t used;
            static int calls;
            void *malloc(size_t n)
            {
                void *block = pool + used;
                used += (n + 15) & ~(size_t)15;
                calls++;
                return block;
            }
            void free(void *block) { calls -= block != NULL; }
            void *calloc(size_t n, size_t size) { return malloc(n * size); }
            static void bye(void) { puts("bye"); }
            int main(void)
            {
                for (int i = 0; i < 100; i++) /* more than the library has room for without calloc */
                    atexit(bye);
                int before = calls;
                free(malloc(1));
                char *line = NULL;
                size_t room = 0;
                FILE *f = fmemopen("text", 4, "r");
                printf("%d %d\n", before > 0, f && calls > before && line == NULL && room == 0);
                fflush(stdout);
                _Exit(0);
            }
            """), ["1 1"])

    def test_signals_inside_the_guest(self):
        self.assertEqual(self.outcome(r"""
            #include <signal.h>
            #include <stdio.h>
            #include <unistd.h>
            static void plain(int sig) { printf("plain %d\n", sig == SIGUSR1); }
            static void informed(int sig, siginfo_t *info, void *context)
            {
                printf("informed %d %d\n", info->si_signo == sig, context == NULL);
            }
            int main(void)
            {
                struct sigaction action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO}, before;
                sigset_t set, pending;
                signal(SIGUSR1, plain);
                raise(SIGUSR1);
                sigaction(SIGUSR2, &action, NULL);
                sigemptyset(&set);
                sigaddset(&set, SIGUSR2);
                sigprocmask(SIG_BLOCK, &set, NULL);
                kill(getpid(), SIGUSR2);
                sigpending(&pending);
                printf("pending %d\n", sigismember(&pending, SIGUSR2));
                sigprocmask(SIG_UNBLOCK, &set, NULL);
                signal(SIGUSR1, SIG_IGN);
                raise(SIGUSR1);
                sigaction(SIGUSR1, NULL, &before);
                printf("ignored %d\n", before.sa_handler == SIG_IGN);
            }
            """), ["plain 1", "pending 1", "informed 1 1", "ignored 1"])

    def test_signal_without_handler_ends_the_program(self):
        module = self.link("#include <signal.h>\nint main(void) { raise(SIGTERM); return 0; }")
        self.assertEqual(self.run_any(MPIWASM, module).returncode, 128 + 15)

    def test_files(self):
        os.mkdir(self.path("data"))
        os.symlink("real", self.path("data/link"))
        os.mkdir(self.path("data/real"))
        self.assertEqual(self.outcome(r"""
            #include <errno.h>
            #include <stdio.h>
            #include <stdlib.h>
            #include <string.h>
            #include <sys/stat.h>
            #include <unistd.h>
            int main(void)
            {
                char name[] = "/data/fileXXXXXX", directory[] = "/data/dirXXXXXX", bad[] = "/data/short", text[8] = "";
                int fd = mkstemp(name);
                printf("mkstemp %d %d\n", fd > 2, strcmp(name, "/data/fileXXXXXX") != 0);
                printf("write %d\n", (int)write(fd, "abc", 3));
                close(fd);
                printf("unlink %d\n", unlink(name));
                printf("mkdtemp %d\n", mkdtemp(directory) == directory);
                printf("bad %d %d\n", mkstemp(bad), errno == EINVAL);
                setenv("TMPDIR", "/data", 1);
                FILE *file = tmpfile();
                fputs("xyz", file);
                rewind(file);
                printf("tmpfile %s\n", fgets(text, sizeof text, file));
                char *path = realpath("/data/./real/../link/.", NULL);
                printf("realpath %s\n", path ? path : strerror(errno));
                path = realpath("/data/none", NULL);
                printf("missing %d %d\n", path == NULL, errno == ENOENT);
                printf("umask %o %o\n", umask(077), umask(022));
                printf("chmod %d %d\n", chmod("/data/real", 0700), errno == ENOSYS);
            }
            """, grant="data"),
            ["mkstemp 1 1", "write 3", "unlink 0", "mkdtemp 1", "bad -1 1", "tmpfile xyz", "realpath /data/real",
             "missing 1 1", "umask 22 77", "chmod -1 1"])

    def test_clocks_and_limits(self):
        self.assertEqual(self.outcome(r"""
            #include <stdio.h>
            #include <sys/resource.h>
            #include <sys/time.h>
            #include <sys/times.h>
            #include <time.h>
            #include <unistd.h>
            int main(void)
            {
                struct rusage usage;
                struct rlimit limit;
                struct timeval now;
                struct timespec monotonic;
                clock_t begin = clock();
                usleep(200000); /* sleeping is no processor time */
                double slept = (double)(clock() - begin) / CLOCKS_PER_SEC;
                volatile double sum = 0;
                while ((double)(clock() - begin) / CLOCKS_PER_SEC < slept + 0.02)
                    sum += 1;
                getrusage(RUSAGE_SELF, &usage);
                getrlimit(RLIMIT_STACK, &limit);
                gettimeofday(&now, NULL);
                clock_gettime(CLOCK_MONOTONIC_RAW, &monotonic);
                tzset();
                printf("%d %d %llu %d %d %s\n", slept < 0.1, usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec > 0,
                       limit.rlim_cur, now.tv_sec > 1700000000, monotonic.tv_sec > 0, tzname[0]);
                printf("%d %d\n", getpagesize(), (int)sysconf(_SC_PAGESIZE));
            }
            """), ["1 1 8388608 1 1 UTC", "65536 65536"])

    def test_what_cannot_work_says_so(self):
        self.assertEqual(self.outcome(r"""
            #include <dlfcn.h>
            #include <errno.h>
            #include <execinfo.h>
            #include <fenv.h>
            #include <netdb.h>
            #include <pwd.h>
            #include <stdio.h>
            #include <stdlib.h>
            #include <sys/file.h>
            #include <sys/statvfs.h>
            #include <sys/wait.h>
            #include <termios.h>
            #include <unistd.h>
            static int tests;
            static void unsupported(int result)
            {
                tests++;
                if (result != -1 || errno != ENOSYS)
                    printf("test %d: %d, errno %d\n", tests, result, errno);
                errno = 0;
            }
            int main(void)
            {
                int fds[2];
                void *frames[4];
                char name[64];
                struct statvfs fs;
                struct termios settings;
                struct addrinfo *list;
                unsupported(fork());
                unsupported(system("true"));
                unsupported(popen("true", "r") ? 0 : -1);
                unsupported(pipe(fds));
                unsupported(dup(1));
                unsupported(dup2(1, 5));
                unsupported(flock(1, LOCK_EX));
                unsupported(statvfs("/", &fs));
                unsupported(tcgetattr(0, &settings));
                unsupported(execl("/bin/true", "true", NULL));
                printf("%d %d %d\n", system(NULL), wait(NULL), errno == ECHILD);
                printf("%d %d\n", dlopen("libm.so", RTLD_NOW) == NULL, dlerror() != NULL);
                printf("%d %d %d\n", backtrace(frames, 4), getpwuid(getuid()) == NULL, getuid() == 0);
                printf("%d %d\n", gethostname(name, sizeof name), getaddrinfo("localhost", NULL, NULL, &list) != 0);
                printf("%d %d\n", feenableexcept(FE_INVALID), fetestexcept(FE_ALL_EXCEPT));
            }
            """), ["0 -1 1", "1 1", "0 1 0", "0 1", "-1 0"])

    def test_mappings(self):
        os.mkdir(self.path("data"))
        self.write("data/file", "0123456789")
        module = self.link(r"""
            #include <errno.h>
            #include <fcntl.h>
            #include <stdint.h>
            #include <stdio.h>
            #include <sys/mman.h>
            int main(void)
            {
                int fd = open("data/file", O_RDWR);
                char *anonymous = mmap(NULL, 70000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                char *copy = mmap(NULL, 10, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4);
                char *seen = mmap(NULL, 10, PROT_READ, MAP_SHARED, fd, 0);
                printf("%d %d %d\n", (uintptr_t)anonymous % 65536 == 0, anonymous[69999], (uintptr_t)copy % 65536 == 0);
                printf("%s %s\n", copy, seen);
                copy[0] = 'x';
                printf("%d %d %d\n", msync(copy, 10, MS_SYNC), posix_madvise(seen, 10, POSIX_MADV_RANDOM), munmap(copy, 10));
                printf("%d %d\n", mmap(NULL, 10, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED, errno == ENOTSUP);
                printf("%d %d\n", mmap(NULL, 10, PROT_READ, MAP_PRIVATE, 99, 0) == MAP_FAILED, errno == EBADF);
                printf("%d %d\n", munmap(anonymous, 65536), errno == EINVAL);
                printf("%d %d %d\n", munmap(anonymous, 70000), munmap(anonymous, 70000), munmap(seen, 10));
            }
            """)
        self.assertEqual(self.run_ok(MPIWASM, "-d", "data", module).splitlines(),
                         ["1 0 1", "456789 0123456789", "0 0 0", "1 1", "1 1", "-1 1", "0 0 0"])
        self.assertEqual(self.bytes("data/file"), b"0123456789")

    def test_reading_through_stdio(self):
        """In pieces below, at and above a buffer's size, among single characters and some that are put back."""
        os.mkdir(self.path("data"))
        module = self.link(r"""
            #include <stdio.h>
            #define BYTE(i) ((i) * 7 & 255)
            int main(void)
            {
                static unsigned char piece[9000];
                long at = 0, wrong = 0;
                unsigned random = 1;
                size_t wanted, n;
                FILE *f = fopen("data/file", "w+");
                for (int i = 0; i < 100000; i++)
                    putc(BYTE(i), f);
                rewind(f);
                do {
                    random = random * 1664525 + 1013904223;
                    wanted = (random >> 16) % 5000;
                    if (random & 256) {
                        wrong += getc(f) != BYTE(at);
                        if (random & 512)
                            ungetc(BYTE(at), f);
                        else
                            at++;
                    }
                    n = fread(piece, 1, wanted, f);
                    for (size_t i = 0; i < n; i++)
                        wrong += piece[i] != BYTE(at + i);
                    at += n;
                } while (n == wanted);
                printf("%ld %ld %d %d\n", at, wrong, feof(f) != 0, ferror(f) != 0);
                f = freopen("data/file", "a", f);
                n = fread(piece, 1, sizeof piece, f);
                printf("%d %d %d\n", (int)n, feof(f) != 0, ferror(f) != 0);
            }
            """)
        self.assertEqual(self.run_ok(MPIWASM, "-d", "data", module).splitlines(), ["100000 0 1 0", "0 0 1"])

    def test_locks_and_errno_of_old_programs(self):
        self.assertEqual(self.outcome(r"""
            #include <errno.h>
            #include <fcntl.h>
            #include <stdio.h>
            extern int errno;
            int main(void)
            {
                struct flock lock = {.l_type = F_WRLCK};
                extern int errno;
                int *at = &errno;
                printf("%d %d\n", fcntl(1, F_SETLKW, &lock), *at == EINVAL);
            }
            """), ["-1 1"])

    def test_everyday_calls(self):
        self.assertEqual(self.outcome(r"""
            #include <getopt.h>
            #include <malloc.h>
            #include <math.h>
            #include <stdint.h>
            #include <stdio.h>
            #include <stdlib.h>
            #include <string.h>
            #include <strings.h>
            #include <sys/mman.h>
            #include <sys/utsname.h>
            #include <unistd.h>
            int main(int argc, char **argv)
            {
                static const struct option options[] = {{"size", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
                int c, size = 0, verbose = 0;
                while ((c = getopt_long(argc, argv, "vs:", options, NULL)) != -1) {
                    size = c == 's' ? atoi(optarg) : size;
                    verbose |= c == 'v';
                }
                printf("%d %d %s\n", size, verbose, argv[optind]);
                char *line = NULL, copy[] = "a,b", *rest = copy, *duplicate = strdup("duplicate");
                size_t room = 0;
                FILE *memory = fmemopen("first\nsecond\n", 13, "r");
                printf("%d %s", (int)getline(&line, &room, memory), line);
                printf("%s %s %s\n", strsep(&rest, ","), rest, duplicate);
                void *aligned = memalign(4096, 100), *page = NULL;
                printf("%d %d\n", (uintptr_t)aligned % 4096 == 0, posix_memalign(&page, 64, 10));
                void *mapped = mmap(NULL, 100, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                printf("%d %d\n", mapped != MAP_FAILED, munmap(mapped, 100));
                struct utsname name;
                printf("%d %s\n", uname(&name), name.machine);
                printf("%d %.4f\n", strcasecmp("ABC", "abc"), lgamma(10.5));
            }
            """,
            arguments=("-v", "--size", "12", "file")),
            ["12 1 file", "6 first", "a b duplicate", "1 0", "1 0", "0 wasm32", "0 13.9406"])

    def test_both_kinds_of_basename(self):
        """GNU's of <string.h>, and that of <libgen.h>, which wins where both are included, in either order."""
        print_it = 'int main(void) { char path[] = "dir/a/"; printf("[%s]", basename(path)); return 0; }'
        posix, gnu = "#include <libgen.h>\n", "#include <string.h>\n"
        for headers, expected in ((gnu, "[]"), (posix, "[a]"), (gnu + posix, "[a]"), (posix + gnu, "[a]")):
            for compiler, name in ((CC, "main.c"), (CXX, "main.cc")):
                with self.subTest(headers=headers, compiler=compiler):
                    module = self.link(headers + "#include <stdio.h>\n" + print_it, "-D_GNU_SOURCE", compiler=compiler, name=name)
                    self.assertEqual(self.run_ok(MPIWASM, module), expected)
        module = self.link('#include <string.h>\nint main() { return *basename((const char *)"x/") || strcmp(basename("x/y"), "y"); }',
                           compiler=CXX, name="main.cc")
        self.run_ok(MPIWASM, module)

    def test_messages_name_the_program(self):
        module = self.link('#include <err.h>\nint main(void) { errx(3, "leaving %d", 7); }')
        result = self.run_any(MPIWASM, module)
        self.assertEqual(result.returncode, 3)
        self.assertIn("main.wasm: leaving 7", result.stderr)

    def test_environment_and_hostname(self):
        module = self.link('#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\nint main(void) { char h[64];'
                           'gethostname(h, sizeof h); printf("%s %s\\n", h, getenv("K")); }')
        self.assertEqual(self.run_ok(MPIWASM, "--env", "HOSTNAME=node7", "--env", "K=v", module), "node7 v\n")

    def test_calls_that_could_not_be_linked(self):
        self.write("other.c", "int halved(double n) { return (int)(n / 2); } static int twice(void) { return 1; }"
                              "int other(void) { return twice(); }")
        self.write("main.c", "extern int halved(int); int main(int argc, char **argv) { return halved(argc); }")
        self.run_ok(CC, "main.c", "other.c", "-o", "main.wasm", quiet=False)
        self.run_fails(MPIWASM, "main.wasm", expect="trap: unreachable: 'halved' is called with other types than")
        module = self.link("int halved(int) __attribute__((weak)); int main(int argc, char **argv) { return halved(argc); }")
        self.run_fails(MPIWASM, module, expect="trap: unreachable: 'halved' is declared weak and defined nowhere")

    def test_calls_without_declarations(self):
        """Of old C: arguments too many, results that are not there, not asked for, or wider."""
        self.write("other.c", r"""
            #include <stdio.h>
            void clear(int n) { printf("clear %d\n", n); }
            long long wide(void) { return 1234567890123456789; }
            void *nothing(void) { puts("nothing"); return 0; }
            double real(double x) { return x / 2; }
            """)
        self.write("main.c", r"""
            #include <stdio.h>
            void nothing();
            int main(int argc, char **argv)
            {
                clear(3);
                clear(4, 5.0, argv);
                nothing(argc, 2.5);
                printf("%d %d\n", wide(1) == (int)1234567890123456789, nought());
                if (argc > 1)
                    return real(1.0);
                return 0;
            }
            """)
        self.write("nought.c", "void nought(void) {}")
        self.run_ok(CC, "-w", "main.c", "other.c", "nought.c", "-o", "main.wasm", quiet=False)
        said = "clear 3\nclear 4\nnothing\n1 0\n"
        for level in ("-O0", "-O3"):
            self.assertEqual(self.run_ok(MPIWASM, level, "main.wasm"), said)
            self.run_fails(MPIWASM, level, "main.wasm", "real", expect="trap: unreachable: 'real' is called with other types")
        self.run_fails(MPIWASM, "--strict-traps", "main.wasm", expect="trap: unreachable: 'clear' is called with other types")

    def test_old_c(self):
        self.write("old.c", OLD_C)
        done = self.run_any(CC, "-O2", "old.c", "-o", "old.wasm")
        self.assertEqual((done.returncode, done.stderr.count("error:")), (0, 0), done.stderr)
        for warning in ("implicit-int", "implicit-function-declaration", "int-conversion", "incompatible-pointer-types",
                        "incompatible-function-pointer-types", "return-mismatch"):
            self.assertIn("[-W" + warning + "]", done.stderr)
        self.assertEqual(self.run_ok(MPIWASM, "old.wasm"), "7 a 1 4\n")
        self.run_fails(CC, "-Werror=implicit-int", "-c", "old.c", expect="error: .*-Wimplicit-int")

    def test_pointers_of_other_types(self):
        said = "4 12 7 60 2 6 12 1 2 3 1\n"
        for width in ("-m32", "-m64"):
            module = self.link(POINTERS, "-O1", "-w", width)
            for options in (["-O0"], ["-O3"]):
                self.assertEqual(self.run_ok(MPIWASM, *options, module), said)
                for why in ("few", "type", "result"):
                    done = self.run_fails(MPIWASM, *options, module, why, expect="trap: indirect call type mismatch")
                    self.assertEqual(done.stdout, said)
                self.run_fails(MPIWASM, *options, module, "null", expect="trap: uninitialized element")
                self.run_fails(MPIWASM, *options, module, "outside", expect="trap: undefined element")
        # What is not asked for is not there: by --strict-traps, or in modules that do not export the name.
        self.run_fails(MPIWASM, "--strict-traps", module, expect="trap: indirect call type mismatch")

    def test_missing_functions_stay_missing(self):
        self.write("main.c", "int pthread_create(); int main(void) { return pthread_create(); }")
        self.run_fails(CC, "-Wno-deprecated-non-prototype", "main.c", expect="undefined symbol: pthread_create")


if __name__ == "__main__":
    unittest.main()
