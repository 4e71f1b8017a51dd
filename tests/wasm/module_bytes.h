/* Builds modules byte by byte for the tests of decoder and validator. */
#ifndef MW_TESTS_MODULE_BYTES_H
#define MW_TESTS_MODULE_BYTES_H

#include "wasm/module.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first */
#include <cmocka.h>

typedef struct module_bytes {
    uint8_t *bytes;
    size_t size, capacity;
} module_bytes;

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define HEADER 0x00, 'a', 's', 'm', 0x01, 0x00, 0x00, 0x00

static inline void put(module_bytes *m, const uint8_t *bytes, size_t size)
{
    while (m->size + size > m->capacity) {
        m->capacity = m->capacity ? 2 * m->capacity : 256;
        m->bytes = realloc(m->bytes, m->capacity);
        assert_non_null(m->bytes);
    }
    memcpy(m->bytes + m->size, bytes, size);
    m->size += size;
}

static inline void put_u32(module_bytes *m, uint32_t value)
{
    do {
        uint8_t byte = (value & 0x7f) | (value > 0x7f ? 0x80 : 0);
        put(m, &byte, 1);
        value >>= 7;
    } while (value);
}

/* A signed LEB128 that is not negative: the index of a heap or block type. */
static inline void put_s33(module_bytes *m, uint32_t value)
{
    for (; value > 0x3f; value >>= 7) {
        uint8_t byte = (value & 0x7f) | 0x80;
        put(m, &byte, 1);
    }
    uint8_t last = (uint8_t)value;
    put(m, &last, 1);
}

static inline module_bytes module_begin(void)
{
    module_bytes m = {0};
    put(&m, BYTES(HEADER));
    return m;
}

static inline void section(module_bytes *m, uint8_t id, const uint8_t *bytes, size_t size)
{
    put(m, &id, 1);
    put_u32(m, (uint32_t)size);
    put(m, bytes, size);
}

/* Copies into an allocation of exactly the size, so that AddressSanitizer sees a read past the end. */
static inline mw_error decode_and_validate(const uint8_t *bytes, size_t size, uint64_t features, mw_report *report)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    *report = (mw_report)MW_REPORT_INIT;
    mw_module *module = NULL;
    mw_error error = mw_module_decode(copy, size, report, &module);
    if (error == MW_OK)
        error = mw_module_validate(module, features, report);
    mw_module_free(module);
    free(copy);
    return error;
}

static inline bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* `offset`: where the error must be, or -1 for anywhere. */
static inline void expect_bytes(const uint8_t *bytes, size_t size, mw_error error, int64_t offset, const char *message,
                                const char *what)
{
    mw_report report;
    mw_error got = decode_and_validate(bytes, size, MW_FEATURES_IMPLEMENTED, &report);
    if (got != error || !starts_with(report.message, message) ||
        (offset >= 0 && report.offset != (uint64_t)offset))
        fail_msg("%s: %s at %lld: '%s'; expected %s at %lld: '%s'", what, mw_error_name(got),
                 (long long)report.offset, report.message, mw_error_name(error), (long long)offset, message);
    assert_int_equal(report.error, error);
}

static inline void expect(module_bytes *m, mw_error error, int64_t offset, const char *message)
{
    expect_bytes(m->bytes, m->size, error, offset, message, "module");
    free(m->bytes);
    *m = (module_bytes){0};
}

#endif
