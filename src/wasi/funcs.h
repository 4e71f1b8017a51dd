/* The functions that guests import, declared from funcs.def: so a function's C parameters and the signature that
 * the linker checks cannot disagree. */
#ifndef MW_WASI_FUNCS_H
#define MW_WASI_FUNCS_H

#include "runtime/guest.h"

/* MW_WASI_EACH(m, a, b, ...) is m(a) m(b) ..., for one to nine arguments. */
#define MW_WASI_EACH(m, ...)                                                                       \
    MW_WASI_EACH_NTH(__VA_ARGS__, MW_WASI_EACH9, MW_WASI_EACH8, MW_WASI_EACH7, MW_WASI_EACH6,      \
                     MW_WASI_EACH5, MW_WASI_EACH4, MW_WASI_EACH3, MW_WASI_EACH2, MW_WASI_EACH1, )  \
    (m, __VA_ARGS__)
#define MW_WASI_EACH_NTH(a, b, c, d, e, f, g, h, i, n, ...) n
#define MW_WASI_EACH1(m, a) m(a)
#define MW_WASI_EACH2(m, a, ...) m(a) MW_WASI_EACH1(m, __VA_ARGS__)
#define MW_WASI_EACH3(m, a, ...) m(a) MW_WASI_EACH2(m, __VA_ARGS__)
#define MW_WASI_EACH4(m, a, ...) m(a) MW_WASI_EACH3(m, __VA_ARGS__)
#define MW_WASI_EACH5(m, a, ...) m(a) MW_WASI_EACH4(m, __VA_ARGS__)
#define MW_WASI_EACH6(m, a, ...) m(a) MW_WASI_EACH5(m, __VA_ARGS__)
#define MW_WASI_EACH7(m, a, ...) m(a) MW_WASI_EACH6(m, __VA_ARGS__)
#define MW_WASI_EACH8(m, a, ...) m(a) MW_WASI_EACH7(m, __VA_ARGS__)
#define MW_WASI_EACH9(m, a, ...) m(a) MW_WASI_EACH8(m, __VA_ARGS__)

/* A parameter in C and in a mw_host_func's signature. */
#define MW_WASI_CTYPE_none
#define MW_WASI_CTYPE_u32 , uint32_t
#define MW_WASI_CTYPE_u64 , uint64_t
#define MW_WASI_CTYPE_ptr , mw_guest_ptr
#define MW_WASI_CTYPE(type) MW_WASI_CTYPE_##type
#define MW_WASI_LETTER_none ""
#define MW_WASI_LETTER_u32 "i"
#define MW_WASI_LETTER_u64 "I"
#define MW_WASI_LETTER_ptr "i"
#define MW_WASI_LETTER(type) MW_WASI_LETTER_##type

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
