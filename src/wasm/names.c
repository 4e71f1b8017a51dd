#include "wasm/internal.h"

/* RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
bool mw_is_utf8(const uint8_t *p, size_t size)
{
    const uint8_t *end = p + size;
    while (p < end) {
        uint8_t first = *p++;
        if (first < 0x80)
            continue;
        unsigned more;
        uint8_t low = 0x80, high = 0xbf; /* range of the second byte */
        if (first >= 0xc2 && first <= 0xdf) {
            more = 1;
        } else if (first >= 0xe0 && first <= 0xef) {
            more = 2;
            low = first == 0xe0 ? 0xa0 : 0x80;
            high = first == 0xed ? 0x9f : 0xbf;
        } else if (first >= 0xf0 && first <= 0xf4) {
            more = 3;
            low = first == 0xf0 ? 0x90 : 0x80;
            high = first == 0xf4 ? 0x8f : 0xbf;
        } else {
            return false;
        }
        if ((size_t)(end - p) < more || *p < low || *p > high)
            return false;
        p++;
        while (--more > 0)
            if ((*p++ & 0xc0) != 0x80)
                return false;
    }
    return true;
}

const char *mw_name_text(mw_wasm_name name, char *text, size_t size)
{
    size_t n = name.len < size - 1 ? name.len : size - 1;
    while (n > 0 && n < name.len && ((uint8_t)name.bytes[n] & 0xc0) == 0x80)
        n--;
    for (size_t i = 0; i < n; i++)
        text[i] = mw_printable(name.bytes[i]);
    text[n] = 0;
    return text;
}

static bool read_name(mw_bytes *b, mw_wasm_name *out)
{
    uint32_t len;
    mw_bytes text;
    if (mw_read_u32(b, &len) != MW_OK || mw_read_bytes(b, len, &text) != MW_OK || !mw_is_utf8(text.pos, len))
        return false;
    *out = (mw_wasm_name){(const char *)text.pos, len};
    return true;
}

static bool read_function_names(mw_module *module, mw_bytes *b)
{
    uint32_t count, index;
    mw_wasm_name name;
    if (mw_read_u32(b, &count) != MW_OK)
        return false;
    while (count-- > 0) {
        if (mw_read_u32(b, &index) != MW_OK || !read_name(b, &name))
            return false;
        if (index < module->nfuncs)
            module->funcs[index].name = name;
    }
    return true;
}

void mw_decode_name_section(mw_module *module, const mw_wasm_custom *section)
{
    enum { MODULE_NAME = 0, FUNCTION_NAMES = 1 };
    mw_bytes b = mw_bytes_of(section->bytes, section->size, 0, NULL);
    uint8_t id;
    uint32_t size;
    mw_bytes sub;
    while (mw_read_u8(&b, &id) == MW_OK && mw_read_u32(&b, &size) == MW_OK &&
           mw_read_bytes(&b, size, &sub) == MW_OK) {
        if (id == MODULE_NAME && !read_name(&sub, &module->name))
            return;
        if (id == FUNCTION_NAMES && !read_function_names(module, &sub))
            return;
    }
}
