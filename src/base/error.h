/* Errors of MPIWasm's own: one table gives the enumerator, its name and its text.
 *
 * The other three kinds of failure have tables of their own and are never mixed with these:
 * traps (abi/abi.h), WASI errnos (wasi/) and MPI error classes (mpi/). */
#ifndef MW_BASE_ERROR_H
#define MW_BASE_ERROR_H

/* X(enumerator, text) */
#define MW_ERRORS(X)                                                                               \
    X(MW_OK, "success")                                                                            \
    X(MW_ERR_NO_MEMORY, "out of memory")                                                           \
    X(MW_ERR_IO, "input/output error")                                                             \
    X(MW_ERR_USAGE, "usage error")                                                                 \
    X(MW_ERR_MALFORMED, "malformed module")                                                        \
    X(MW_ERR_INVALID, "invalid module")                                                            \
    X(MW_ERR_UNSUPPORTED, "unsupported")                                                           \
    X(MW_ERR_LIMIT, "limit exceeded")                                                              \
    X(MW_ERR_LINK, "link error")                                                                   \
    X(MW_ERR_COMPILE, "compilation failed")                                                        \
    X(MW_ERR_OBJECT, "unusable compiled object")                                                   \
    X(MW_ERR_CACHE, "cache error")                                                                 \
    X(MW_ERR_HOST, "host MPI error")                                                               \
    X(MW_ERR_TRAP, "trap")                                                                         \
    X(MW_ERR_EXIT, "guest exit")

#define MW_ERROR_ENUM(e, text) e,
typedef enum mw_error { MW_ERRORS(MW_ERROR_ENUM) } mw_error;
#undef MW_ERROR_ENUM

#define MW_CHECKED __attribute__((warn_unused_result))

/* Text of `error` ("malformed module"); a static string. */
const char *mw_error_text(mw_error error);
/* Name of the enumerator ("MW_ERR_MALFORMED"); a static string. */
const char *mw_error_name(mw_error error);

#endif
