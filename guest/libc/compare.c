/* Comparisons of long double (IEEE binary128), which the compiler calls. It takes their result as an int; those of LLVM
 * 22's builtins for wasm64 return a long, so that a call of them is a call of a function of another type. */
#include <stdint.h>

typedef struct bits {
    uint64_t low, high;
} bits;

#define SIGN (UINT64_C(1) << 63)
#define INFINITY_HIGH (UINT64_C(0x7fff) << 48)

static bits bits_of(long double x)
{
    bits b;
    _Static_assert(sizeof x == sizeof b, "binary128");
    __builtin_memcpy(&b, &x, sizeof b);
    return b;
}

static int is_nan(bits b)
{
    uint64_t magnitude = b.high & ~SIGN;
    return magnitude > INFINITY_HIGH || (magnitude == INFINITY_HIGH && b.low);
}

/* -1, 0, 1 for less, equal, greater; `unordered` if one is not a number. */
static int compare(long double x, long double y, int unordered)
{
    bits a = bits_of(x), b = bits_of(y);
    if (is_nan(a) || is_nan(b))
        return unordered;
    if (!((a.high | b.high) & ~SIGN) && !(a.low | b.low)) /* two zeros */
        return 0;
    if ((a.high ^ b.high) & SIGN)
        return a.high & SIGN ? -1 : 1;
    int order = a.high != b.high ? (a.high < b.high ? -1 : 1) : a.low != b.low ? (a.low < b.low ? -1 : 1) : 0;
    return a.high & SIGN ? -order : order;
}

int __eqtf2(long double a, long double b);
int __netf2(long double a, long double b);
int __lttf2(long double a, long double b);
int __letf2(long double a, long double b);
int __gttf2(long double a, long double b);
int __getf2(long double a, long double b);
int __unordtf2(long double a, long double b);

int __eqtf2(long double a, long double b)
{
    return compare(a, b, 1);
}

int __netf2(long double a, long double b)
{
    return compare(a, b, 1);
}

int __lttf2(long double a, long double b)
{
    return compare(a, b, 1);
}

int __letf2(long double a, long double b)
{
    return compare(a, b, 1);
}

int __gttf2(long double a, long double b)
{
    return compare(a, b, -1);
}

int __getf2(long double a, long double b)
{
    return compare(a, b, -1);
}

int __unordtf2(long double a, long double b)
{
    return is_nan(bits_of(a)) || is_nan(bits_of(b));
}
