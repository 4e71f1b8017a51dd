/* Bytes, strings and attribute values of DWARF. */
#include "wasm/dwarf_internal.h"

#include <string.h>

static uint64_t bad(mw_dwarf_reader *r)
{
    r->bad = true;
    r->pos = r->end;
    return 0;
}

uint64_t mw_dwarf_fixed(mw_dwarf_reader *r, unsigned size)
{
    uint64_t value = 0;
    if ((size_t)(r->end - r->pos) < size)
        return bad(r);
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)*r->pos++ << 8 * i;
    return value;
}

uint64_t mw_dwarf_uleb(mw_dwarf_reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; r->pos < r->end; shift += 7) {
        uint8_t byte = *r->pos++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    return bad(r);
}

int64_t mw_dwarf_sleb(mw_dwarf_reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; r->pos < r->end;) {
        uint8_t byte = *r->pos++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
        if (!(byte & 0x80)) {
            if (shift < 64 && (byte & 0x40))
                value |= ~UINT64_C(0) << shift;
            return (int64_t)value;
        }
    }
    return (int64_t)bad(r);
}

void mw_dwarf_skip(mw_dwarf_reader *r, uint64_t size)
{
    if ((uint64_t)(r->end - r->pos) < size)
        bad(r);
    else
        r->pos += size;
}

mw_wasm_name mw_dwarf_string(mw_dwarf_reader *r)
{
    const uint8_t *begin = r->pos, *end = r->pos < r->end ? memchr(begin, 0, (size_t)(r->end - begin)) : NULL;
    if (!end) {
        bad(r);
        return (mw_wasm_name){"", 0};
    }
    r->pos = end + 1;
    return (mw_wasm_name){(const char *)begin, (uint32_t)(end - begin)};
}

mw_dwarf_reader mw_dwarf_unit(mw_dwarf_reader *r, uint8_t *offset_size)
{
    uint64_t length = mw_dwarf_fixed(r, 4);
    *offset_size = 4;
    if (length == UINT32_MAX) {
        length = mw_dwarf_fixed(r, 8);
        *offset_size = 8;
    }
    mw_dwarf_reader unit = *r;
    mw_dwarf_skip(r, length);
    unit.bad = r->bad;
    unit.end = r->pos;
    return unit;
}

mw_dwarf_reader mw_dwarf_at(const mw_wasm_custom *section, uint64_t offset)
{
    mw_dwarf_reader r = {section->bytes, section->bytes + section->size, false};
    mw_dwarf_skip(&r, offset);
    return r;
}

mw_wasm_name mw_dwarf_string_at(const mw_wasm_custom *section, uint64_t offset)
{
    if (offset >= section->size)
        return (mw_wasm_name){"", 0};
    return (mw_wasm_name){(const char *)section->bytes + offset, (uint32_t)(section->size - offset)};
}

mw_wasm_name mw_dwarf_ended(mw_wasm_name name)
{
    uint32_t most = name.len < MW_DWARF_NAME_BYTES ? name.len : MW_DWARF_NAME_BYTES;
    return (mw_wasm_name){name.bytes, most ? (uint32_t)strnlen(name.bytes, most) : 0};
}

/* The size of values of `form` that are a number of fixed size; 0 for all others. */
static unsigned fixed_size(uint64_t form, mw_dwarf_encoding encoding)
{
    switch (form) {
    case MW_FORM_DATA1:
    case MW_FORM_FLAG:
    case MW_FORM_REF1:
    case MW_FORM_STRX1:
    case MW_FORM_ADDRX1:
        return 1;
    case MW_FORM_DATA2:
    case MW_FORM_REF2:
    case MW_FORM_STRX2:
    case MW_FORM_ADDRX2:
        return 2;
    case MW_FORM_STRX3:
    case MW_FORM_ADDRX3:
        return 3;
    case MW_FORM_DATA4:
    case MW_FORM_REF4:
    case MW_FORM_REF_SUP4:
    case MW_FORM_STRX4:
    case MW_FORM_ADDRX4:
        return 4;
    case MW_FORM_DATA8:
    case MW_FORM_REF8:
    case MW_FORM_REF_SIG8:
    case MW_FORM_REF_SUP8:
        return 8;
    case MW_FORM_ADDR:
        return encoding.address_size;
    case MW_FORM_REF_ADDR:
        return encoding.version == 2 ? encoding.address_size : encoding.offset_size;
    case MW_FORM_STRP:
    case MW_FORM_LINE_STRP:
    case MW_FORM_SEC_OFFSET:
    case MW_FORM_STRP_SUP:
        return encoding.offset_size;
    default:
        return 0;
    }
}

mw_dwarf_value mw_dwarf_read_form(mw_dwarf_reader *r, uint64_t form, mw_dwarf_encoding encoding, int64_t implicit)
{
    while (form == MW_FORM_INDIRECT && !r->bad)
        form = mw_dwarf_uleb(r);
    mw_dwarf_value value = {.form = (uint16_t)form};
    unsigned size = fixed_size(form, encoding);
    if (size) {
        value.number = mw_dwarf_fixed(r, size);
        return value;
    }
    switch (form) {
    case MW_FORM_UDATA:
    case MW_FORM_REF_UDATA:
    case MW_FORM_STRX:
    case MW_FORM_ADDRX:
    case MW_FORM_LOCLISTX:
    case MW_FORM_RNGLISTX:
        value.number = mw_dwarf_uleb(r);
        break;
    case MW_FORM_SDATA:
        value.number = (uint64_t)mw_dwarf_sleb(r);
        break;
    case MW_FORM_IMPLICIT_CONST:
        value.number = (uint64_t)implicit;
        break;
    case MW_FORM_FLAG_PRESENT:
        value.number = 1;
        break;
    case MW_FORM_STRING:
        value.string = mw_dwarf_string(r);
        break;
    case MW_FORM_BLOCK1:
        mw_dwarf_skip(r, mw_dwarf_fixed(r, 1));
        break;
    case MW_FORM_BLOCK2:
        mw_dwarf_skip(r, mw_dwarf_fixed(r, 2));
        break;
    case MW_FORM_BLOCK4:
        mw_dwarf_skip(r, mw_dwarf_fixed(r, 4));
        break;
    case MW_FORM_BLOCK:
    case MW_FORM_EXPRLOC:
        mw_dwarf_skip(r, mw_dwarf_uleb(r));
        break;
    case MW_FORM_DATA16:
        mw_dwarf_skip(r, 16);
        break;
    default:
        bad(r);
    }
    return value;
}
