/* qsort as a merge sort with a copy of the array, as glibc has it; musl's smoothsort moves elements two to three times as often.
 * Of equal elements the first stays the first. Without memory for the copy it is a heap sort. */
#include <stdlib.h>
#include <string.h>

typedef int (*compare_with)(const void *, const void *);

static void swap(char *a, char *b, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        char c = a[i];
        a[i] = b[i];
        b[i] = c;
    }
}

static void sift(char *base, size_t root, size_t n, size_t width, compare_with compare)
{
    for (size_t child; root < n / 2; root = child) {
        child = 2 * root + 1;
        if (child + 1 < n && compare(base + child * width, base + (child + 1) * width) < 0)
            child++;
        if (compare(base + root * width, base + child * width) >= 0)
            return;
        swap(base + root * width, base + child * width, width);
    }
}

static void heap_sort(char *base, size_t n, size_t width, compare_with compare)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(base, i, n, width, compare);
    for (size_t i = n; i-- > 1;) {
        swap(base, base + i * width, width);
        sift(base, 0, i, width, compare);
    }
}

static inline void move(char *to, const char *from, size_t width)
{
    if (width == 4)
        memcpy(to, from, 4);
    else if (width == 8)
        memcpy(to, from, 8);
    else
        memcpy(to, from, width);
}

static void merge_sort(char *base, size_t n, size_t width, compare_with compare, char *copy)
{
    if (n < 2)
        return;
    size_t half = n / 2, left = half, right = n - half;
    char *a = base, *b = base + half * width, *to = copy;
    merge_sort(a, left, width, compare, copy);
    merge_sort(b, right, width, compare, copy);
    for (; left && right; to += width)
        if (compare(a, b) <= 0) {
            move(to, a, width);
            a += width;
            left--;
        } else {
            move(to, b, width);
            b += width;
            right--;
        }
    /* What remains on the right is in its place. */
    memcpy(to, a, left * width);
    memcpy(base, copy, (n - right) * width);
}

void qsort(void *base, size_t n, size_t width, compare_with compare)
{
    if (n < 2 || !width)
        return;
    enum { ON_STACK = 1024 };
    char small[ON_STACK], *copy = n * width <= ON_STACK ? small : malloc(n * width);
    if (!copy) {
        heap_sort(base, n, width, compare);
        return;
    }
    merge_sort(base, n, width, compare, copy);
    if (copy != small)
        free(copy);
}
