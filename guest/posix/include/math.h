/* Functions of <math.h> that WebAssembly has no instruction for, but a few of them give: inline, so that they cost no
 * call in a loop and the host's compiler can vectorize it. Results are the library's to the bit, but for the sign of
 * fmin and fmax of two zeros, which C leaves open (7.12.12). The library's own remain, for their addresses. */
#ifndef MPIWASM_MATH_H
#define MPIWASM_MATH_H

#include_next <math.h>

#ifdef __cplusplus
extern "C" {
#endif

#define __MPIWASM_INLINE extern __inline __attribute__((__gnu_inline__, __always_inline__))

/* A NaN counts as missing: the other argument is the result. */
__MPIWASM_INLINE double fmin(double x, double y)
{
    return x < y || y != y ? x : y;
}

__MPIWASM_INLINE float fminf(float x, float y)
{
    return x < y || y != y ? x : y;
}

__MPIWASM_INLINE double fmax(double x, double y)
{
    return x > y || y != y ? x : y;
}

__MPIWASM_INLINE float fmaxf(float x, float y)
{
    return x > y || y != y ? x : y;
}

__MPIWASM_INLINE double fdim(double x, double y)
{
    return x != x ? x : y != y ? y : x > y ? x - y : 0;
}

__MPIWASM_INLINE float fdimf(float x, float y)
{
    return x != x ? x : y != y ? y : x > y ? x - y : 0;
}

/* Halves away from zero. The difference is exact, so no half is missed. */
__MPIWASM_INLINE double round(double x)
{
    double whole = __builtin_trunc(x);
    return __builtin_fabs(x - whole) >= 0.5 ? whole + __builtin_copysign(1.0, x) : whole;
}

__MPIWASM_INLINE float roundf(float x)
{
    float whole = __builtin_truncf(x);
    return __builtin_fabsf(x - whole) >= 0.5f ? whole + __builtin_copysignf(1.0f, x) : whole;
}

__MPIWASM_INLINE long lround(double x)
{
    return (long)round(x);
}

__MPIWASM_INLINE long long llround(double x)
{
    return (long long)round(x);
}

/* The only rounding mode is to nearest, halves to even: an instruction. */
__MPIWASM_INLINE long lrint(double x)
{
    return (long)__builtin_rint(x);
}

__MPIWASM_INLINE long long llrint(double x)
{
    return (long long)__builtin_rint(x);
}

#undef __MPIWASM_INLINE

#ifdef __cplusplus
}
#endif

#endif
