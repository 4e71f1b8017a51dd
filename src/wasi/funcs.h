/* The functions that guests import, declared from funcs.def: so a function's C parameters and the signature that
 * the linker checks cannot disagree. */
#ifndef MW_WASI_FUNCS_H
#define MW_WASI_FUNCS_H

#include "runtime/guest.h"

/* MW_WASI_EACH(m, a, b, ...) is m(a, 2) m(b, 1) ..., for one to nine arguments: each with a number of its own. */
#define MW_WASI_EACH(m, ...)                                                                       \
    MW_WASI_EACH_NTH(__VA_ARGS__, MW_WASI_EACH9, MW_WASI_EACH8, MW_WASI_EACH7, MW_WASI_EACH6,      \
                     MW_WASI_EACH5, MW_WASI_EACH4, MW_WASI_EACH3, MW_WASI_EACH2, MW_WASI_EACH1, )  \
    (m, __VA_ARGS__)
#define MW_WASI_EACH_NTH(a, b, c, d, e, f, g, h, i, n, ...) n
#define MW_WASI_EACH1(m, a) m(a, 1)
#define MW_WASI_EACH2(m, a, ...) m(a, 2) MW_WASI_EACH1(m, __VA_ARGS__)
#define MW_WASI_EACH3(m, a, ...) m(a, 3) MW_WASI_EACH2(m, __VA_ARGS__)
#define MW_WASI_EACH4(m, a, ...) m(a, 4) MW_WASI_EACH3(m, __VA_ARGS__)
#define MW_WASI_EACH5(m, a, ...) m(a, 5) MW_WASI_EACH4(m, __VA_ARGS__)
#define MW_WASI_EACH6(m, a, ...) m(a, 6) MW_WASI_EACH5(m, __VA_ARGS__)
#define MW_WASI_EACH7(m, a, ...) m(a, 7) MW_WASI_EACH6(m, __VA_ARGS__)
#define MW_WASI_EACH8(m, a, ...) m(a, 8) MW_WASI_EACH7(m, __VA_ARGS__)
#define MW_WASI_EACH9(m, a, ...) m(a, 9) MW_WASI_EACH8(m, __VA_ARGS__)

/* A parameter in C, and in a mw_host_func's signature for modules with 32-bit and with 64-bit pointers. */
#define MW_WASI_CTYPE_none
#define MW_WASI_CTYPE_u32 , uint32_t
#define MW_WASI_CTYPE_u64 , uint64_t
#define MW_WASI_CTYPE_ptr , mw_guest_ptr
#define MW_WASI_CTYPE_size , uint64_t
#define MW_WASI_CTYPE(type, n) MW_WASI_CTYPE_##type
#define MW_WASI_LETTER_none ""
#define MW_WASI_LETTER_u32 "i"
#define MW_WASI_LETTER_u64 "I"
#define MW_WASI_LETTER_ptr "i"
#define MW_WASI_LETTER_size "i"
#define MW_WASI_LETTER(type, n) MW_WASI_LETTER_##type
#define MW_WASI_WIDE_LETTER_none ""
#define MW_WASI_WIDE_LETTER_u32 "i"
#define MW_WASI_WIDE_LETTER_u64 "I"
#define MW_WASI_WIDE_LETTER_ptr "I"
#define MW_WASI_WIDE_LETTER_size "I"
#define MW_WASI_WIDE_LETTER(type, n) MW_WASI_WIDE_LETTER_##type

/* The functions take pointers and sizes of 64 bits. */
#define W(name, ...) uint32_t mw_wasi_##name(mw_instance *instance MW_WASI_EACH(MW_WASI_CTYPE, __VA_ARGS__));
#define V(name, ...)                                                                               \
    W(name, __VA_ARGS__)                                                                           \
    W(unstable_##name, __VA_ARGS__)
#define E(name, ...) void mw_wasi_##name(mw_instance *instance MW_WASI_EACH(MW_WASI_CTYPE, __VA_ARGS__));
#include "wasi/funcs.def"
#undef W
#undef V
#undef E

#endif
