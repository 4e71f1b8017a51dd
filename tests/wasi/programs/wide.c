/* 64-bit pointers: sizes and limits, and more than 4 GiB of memory, of which little is touched. */
#include "check.h"
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

static const long double values[] = {0.0L, -0.0L, 1.0L, -1.0L, 1e30L, 1e-30L, -1e30L, INFINITY, -INFINITY, NAN};

/* long double is compared by functions of ours (guest/wasm64/compare.c). */
static void comparisons(void)
{
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < 10; j++) {
            volatile long double a = values[i], b = values[j];
            printf("%d%d%d%d%d%d%d ", a < b, a <= b, a > b, a >= b, a == b, a != b, isunordered(a, b));
        }
    puts("");
}

static jmp_buf here;

static void jump(long value)
{
    longjmp(here, (int)value);
}

static int ascending(const void *a, const void *b)
{
    return *(const long *)a < *(const long *)b ? -1 : *(const long *)a > *(const long *)b;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    printf("%zu %zu %zu %zu\n", sizeof(void *), sizeof(long), sizeof(size_t), sizeof(struct iovec));
    printf("%jd %ju %jd %ju %ld\n", (intmax_t)INTPTR_MIN, (uintmax_t)UINTPTR_MAX, (intmax_t)PTRDIFF_MAX, (uintmax_t)SIZE_MAX,
           LONG_MAX);
    printf("%" PRIdPTR " %" PRIxPTR " %Lg\n", (intptr_t)-5, (uintptr_t)1 << 40, 1.5L);
    comparisons();
    if (setjmp(here) == 0)
        jump(42);
    else
        puts("jumped");

    const size_t size = ((size_t)4 << 30) + ((size_t)256 << 20);
    char *p = malloc(size);
    if (!p)
        return 3;
    char *far = p + size - 4096;
    p[0] = 'a';
    p[(size_t)2 << 30] = 'b';
    p[((size_t)4 << 30) + 1] = 'c';
    memcpy(far, "from above 4 GiB\n", 18);
    printf("%c%c%c%c %zu\n", p[0], p[(size_t)2 << 30], p[((size_t)4 << 30) + 1], far[0], strlen(far));

    char path[512];
    snprintf(path, sizeof path, "%s/file", argv[1]);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    struct iovec parts[3] = {{far, 5}, {p, 1}, {far + 5, 12}};
    SHOW(writev(fd, parts, 3));
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(read(fd, far + 1000, 100));
    printf("%s", far + 1000);
    SHOW(close(fd));

    long *numbers = (long *)(far + 2048);
    for (long i = 0; i < 20; i++)
        numbers[i] = i * 7 % 20 + (1l << 40);
    qsort(numbers, 20, sizeof *numbers, ascending);
    for (int i = 0; i < 20; i++)
        printf("%ld ", numbers[i] - (1l << 40));
    puts(getenv("NAME") ? getenv("NAME") : "");
    free(p);
    return 0;
}
