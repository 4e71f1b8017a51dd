#include "base/bytes.h"

#include <string.h>

static mw_error past_end(mw_bytes *b)
{
    return mw_fail_at(b->report, MW_ERR_MALFORMED, b->base_offset + (uint64_t)(b->end - b->start),
                      "unexpected end");
}

mw_error mw_read_u8(mw_bytes *b, uint8_t *out)
{
    if (b->pos == b->end)
        return past_end(b);
    *out = *b->pos++;
    return MW_OK;
}

mw_error mw_read_fixed(mw_bytes *b, void *out, size_t size)
{
    if (mw_bytes_left(b) < size)
        return past_end(b);
    memcpy(out, b->pos, size);
    b->pos += size;
    return MW_OK;
}

mw_error mw_read_bytes(mw_bytes *b, uint32_t size, mw_bytes *out)
{
    if (mw_bytes_left(b) < size)
        return past_end(b);
    *out = mw_bytes_of(b->pos, size, mw_bytes_offset(b), b->report);
    b->pos += size;
    return MW_OK;
}

/* An integer of `bits` bits has at most ceil(bits / 7) bytes, and the unused bits of the last one are zero or,
 * for a signed integer, copies of the sign bit (5.2.2). */
static mw_error read_leb(mw_bytes *b, unsigned bits, bool is_signed, uint64_t *out)
{
    const uint8_t *p = b->pos;
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (p == b->end)
            return past_end(b);
        uint8_t byte = *p++;
        unsigned left = bits - shift; /* bits that this byte may give; > 0 */
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (left <= 7) {
            if (byte & 0x80)
                return mw_fail_at(b->report, MW_ERR_MALFORMED, mw_bytes_offset(b),
                                  "integer representation too long");
            unsigned unused = (unsigned)(byte & 0x7f) >> (is_signed ? left - 1 : left);
            unsigned ones = 0x7fu >> (is_signed ? left - 1 : left);
            if (unused != 0 && !(is_signed && unused == ones))
                return mw_fail_at(b->report, MW_ERR_MALFORMED, mw_bytes_offset(b), "integer too large");
        }
        if (!(byte & 0x80)) {
            unsigned used = shift + 7;
            if (is_signed && used < 64 && (byte & 0x40))
                value |= ~UINT64_C(0) << used;
            break;
        }
    }
    b->pos = p;
    *out = value;
    return MW_OK;
}

mw_error mw_read_u32(mw_bytes *b, uint32_t *out)
{
    uint64_t value = 0;
    if (b->pos < b->end && *b->pos < 0x80) {
        *out = *b->pos++;
        return MW_OK;
    }
    mw_error error = read_leb(b, 32, false, &value);
    if (error == MW_OK)
        *out = (uint32_t)value;
    return error;
}

mw_error mw_read_u64(mw_bytes *b, uint64_t *out)
{
    return read_leb(b, 64, false, out);
}

mw_error mw_read_s32(mw_bytes *b, int32_t *out)
{
    uint64_t value = 0;
    mw_error error = read_leb(b, 32, true, &value);
    if (error == MW_OK)
        *out = (int32_t)(uint32_t)value;
    return error;
}

mw_error mw_read_s33(mw_bytes *b, int64_t *out)
{
    uint64_t value = 0;
    mw_error error = read_leb(b, 33, true, &value);
    if (error == MW_OK)
        *out = (int64_t)value;
    return error;
}

mw_error mw_read_s64(mw_bytes *b, int64_t *out)
{
    uint64_t value = 0;
    mw_error error = read_leb(b, 64, true, &value);
    if (error == MW_OK)
        *out = (int64_t)value;
    return error;
}
