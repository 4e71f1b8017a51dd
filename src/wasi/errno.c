#include "wasi/errno.h"
#include <errno.h>

mw_wasi_errno mw_wasi_errno_of(int host_errno)
{
    switch (host_errno) {
/* Entries without a host errno get a case that no errno has. */
#define MAP(name, number, host)                                                                    \
    case (host) ? (host) : -(number)-1:                                                            \
        return MW_WASI_E##name;
        MW_WASI_ERRNOS(MAP)
#undef MAP
    case 0:
        return MW_WASI_ESUCCESS;
    default:
        return MW_WASI_EIO;
    }
}

const char *mw_wasi_errno_name(mw_wasi_errno error)
{
    static const char *const names[] = {
#define NAME(name, number, host) [number] = #name,
        MW_WASI_ERRNOS(NAME)
#undef NAME
    };
    return (unsigned)error < MW_WASI_ERRNO_COUNT ? names[error] : "unknown";
}
