/* The human message of a failure. The caller owns it and passes it down; the first message wins, since
 * the innermost function knows best what, where and why. */
#ifndef MW_BASE_REPORT_H
#define MW_BASE_REPORT_H

#include "base/error.h"
#include <stdint.h>

typedef struct mw_report {
    mw_error error;      /* MW_OK while nothing was reported */
    uint64_t offset;     /* byte offset in the module, or MW_NO_OFFSET */
    char message[1024];  /* one sentence without a final newline; "" while nothing was reported */
} mw_report;

#define MW_NO_OFFSET UINT64_MAX
#define MW_REPORT_INIT {MW_OK, MW_NO_OFFSET, ""}

/* Records `error` with a printf-style message unless something is recorded already. `report` may be NULL.
 * Returns `error`, so that a function can end with `return mw_fail(...)`. */
mw_error mw_fail(mw_report *report, mw_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, for a failure at a byte offset of the module; the message itself does not repeat the offset. */
mw_error mw_fail_at(mw_report *report, mw_error error, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A character of a name that a guest chose, as messages may have it: nothing that a terminal obeys. */
static inline char mw_printable(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
}

#endif
