/* A reader of bytes that never goes past its end; LEB128 as the WebAssembly binary format has it (5.2.2). */
#ifndef MW_BASE_BYTES_H
#define MW_BASE_BYTES_H

#include "base/report.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `start` is kept so that an offset in the whole module can be told: base_offset + (pos - start). */
typedef struct mw_bytes {
    const uint8_t *start, *pos, *end;
    uint64_t base_offset;
    mw_report *report; /* where a read past the end is reported; may be NULL */
} mw_bytes;

static inline mw_bytes mw_bytes_of(const void *bytes, size_t size, uint64_t base_offset, mw_report *report)
{
    const uint8_t *p = bytes;
    return (mw_bytes){p, p, p + size, base_offset, report};
}

static inline uint64_t mw_bytes_offset(const mw_bytes *b)
{
    return b->base_offset + (uint64_t)(b->pos - b->start);
}

static inline size_t mw_bytes_left(const mw_bytes *b)
{
    return (size_t)(b->end - b->pos);
}

/* Each returns MW_OK, or MW_ERR_MALFORMED with the offset reported and the reader where it was. */
MW_CHECKED mw_error mw_read_u8(mw_bytes *b, uint8_t *out);
MW_CHECKED mw_error mw_read_fixed(mw_bytes *b, void *out, size_t size); /* `size` bytes, unchanged */
MW_CHECKED mw_error mw_read_u32(mw_bytes *b, uint32_t *out);            /* unsigned LEB128 */
MW_CHECKED mw_error mw_read_u64(mw_bytes *b, uint64_t *out);
MW_CHECKED mw_error mw_read_s32(mw_bytes *b, int32_t *out);             /* signed LEB128 */
MW_CHECKED mw_error mw_read_s33(mw_bytes *b, int64_t *out);
MW_CHECKED mw_error mw_read_s64(mw_bytes *b, int64_t *out);
/* Splits off the next `size` bytes as a reader of their own with the same report. */
MW_CHECKED mw_error mw_read_bytes(mw_bytes *b, uint32_t size, mw_bytes *out);

#endif
