/* strtod for the numbers that files are full of: at most 2^53 as digits, scaled by at most 10^22 either way, which one
 * rounded operation turns into the nearest double, as both operands are exact (Clinger, "How to read floating point
 * numbers accurately", 1990). wasi-libc reads all numbers by 128-bit arithmetic in software; it still reads the others.
 *
 * mpiwasm-cc links with --wrap=strtod. */
#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

double __wrap_strtod(const char *restrict text, char **restrict end);
double __real_strtod(const char *restrict text, char **restrict end);

enum { MAX_DIGITS = 18, MAX_SCALE = 22 };

typedef struct decimal {
    uint64_t digits;
    int scale; /* a power of 10 */
    const char *end;
} decimal;

/* Reads digits, counting those that are significant; false if there are too many of these. */
static bool read_digits(const char **p, decimal *out, int *significant)
{
    for (; **p >= '0' && **p <= '9'; ++*p) {
        if (*significant == MAX_DIGITS)
            return false;
        out->digits = out->digits * 10 + (uint64_t)(**p - '0');
        *significant += out->digits != 0;
    }
    return true;
}

/* An exponent, if one is there: "1e" and "1e+" end before the e. */
static bool read_exponent(const char **p, int *scale)
{
    if ((**p | 32) != 'e')
        return true;
    const char *q = *p + 1;
    bool negative = *q == '-';
    q += *q == '-' || *q == '+';
    if (*q < '0' || *q > '9')
        return true;
    int exponent = 0;
    for (; *q >= '0' && *q <= '9'; q++)
        if ((exponent = exponent * 10 + (*q - '0')) > 1000)
            return false;
    *scale += negative ? -exponent : exponent;
    *p = q;
    return true;
}

/* A decimal number without sign that has the exact form; false leaves it to the library, as it does infinities, NaNs,
 * hexadecimal numbers and what is no number. */
static bool read_decimal(const char *p, decimal *out)
{
    const char *start = p;
    int significant = 0;
    *out = (decimal){0};
    if (*p == '0' && (p[1] | 32) == 'x')
        return false;
    if (!read_digits(&p, out, &significant))
        return false;
    ptrdiff_t count = p - start;
    if (*p == '.') {
        const char *fraction = ++p;
        if (!read_digits(&p, out, &significant))
            return false;
        if (p - fraction > MAX_SCALE)
            return false;
        out->scale = -(int)(p - fraction);
        count += p - fraction;
    }
    if (count == 0 || !read_exponent(&p, &out->scale))
        return false;
    out->end = p;
    return out->digits <= UINT64_C(1) << 53 && out->scale >= -MAX_SCALE && out->scale <= MAX_SCALE;
}

double __wrap_strtod(const char *restrict text, char **restrict end)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *p = text;
    decimal d;
    while (isspace((unsigned char)*p))
        p++;
    bool negative = *p == '-';
    p += *p == '-' || *p == '+';
    if (!read_decimal(p, &d))
        return __real_strtod(text, end);
    if (end)
        *end = (char *)d.end;
    double value = (double)d.digits;
    value = d.scale < 0 ? value / powers[-d.scale] : value * powers[d.scale];
    return negative ? -value : value;
}
