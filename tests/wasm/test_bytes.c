/* Readers of base/bytes.h: what LEB128 allows and what not (specification 5.2.2). */
#include "module_bytes.h"

typedef struct {
    const char *what;
    uint8_t bytes[12];
    size_t size;
    mw_error error;
    const char *message; /* of a failure */
    int64_t value;       /* of a success */
    size_t used;
} leb_case;

#define B(...) {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define TOO_LONG MW_ERR_MALFORMED, "integer representation too long", 0, 0
#define TOO_LARGE MW_ERR_MALFORMED, "integer too large", 0, 0
#define AT_END MW_ERR_MALFORMED, "unexpected end", 0, 0

static const leb_case u32_cases[] = {
    {"0", B(0x00), MW_OK, "", 0, 1},
    {"127", B(0x7f), MW_OK, "", 127, 1},
    {"128", B(0x80, 0x01), MW_OK, "", 128, 2},
    {"padded 0", B(0x80, 0x80, 0x80, 0x80, 0x00), MW_OK, "", 0, 5},
    {"2^32 - 1", B(0xff, 0xff, 0xff, 0xff, 0x0f), MW_OK, "", 0xffffffff, 5},
    {"2^32", B(0x80, 0x80, 0x80, 0x80, 0x10), TOO_LARGE},
    {"six bytes", B(0x80, 0x80, 0x80, 0x80, 0x80, 0x00), TOO_LONG},
    {"nothing", {0}, 0, AT_END},
    {"cut", B(0x80, 0x80), AT_END},
};

static const leb_case u64_cases[] = {
    {"2^64 - 1", B(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), MW_OK, "", -1, 10},
    {"2^64", B(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02), TOO_LARGE},
    {"eleven bytes", B(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00), TOO_LONG},
};

static const leb_case s32_cases[] = {
    {"63", B(0x3f), MW_OK, "", 63, 1},
    {"-64", B(0x40), MW_OK, "", -64, 1},
    {"-1", B(0x7f), MW_OK, "", -1, 1},
    {"128", B(0x80, 0x01), MW_OK, "", 128, 2},
    {"padded -1", B(0xff, 0xff, 0xff, 0xff, 0x7f), MW_OK, "", -1, 5},
    {"2^31 - 1", B(0xff, 0xff, 0xff, 0xff, 0x07), MW_OK, "", INT32_MAX, 5},
    {"-2^31", B(0x80, 0x80, 0x80, 0x80, 0x78), MW_OK, "", INT32_MIN, 5},
    {"2^31", B(0x80, 0x80, 0x80, 0x80, 0x08), TOO_LARGE},
    {"-2^31 - 1", B(0xff, 0xff, 0xff, 0xff, 0x77), TOO_LARGE},
    {"sign bits that differ", B(0x80, 0x80, 0x80, 0x80, 0x70), TOO_LARGE},
    {"six bytes", B(0x80, 0x80, 0x80, 0x80, 0x80, 0x00), TOO_LONG},
};

static const leb_case s33_cases[] = {
    {"2^32 - 1", B(0xff, 0xff, 0xff, 0xff, 0x0f), MW_OK, "", 0xffffffff, 5},
    {"-2^32", B(0x80, 0x80, 0x80, 0x80, 0x70), MW_OK, "", -INT64_C(0x100000000), 5},
    {"2^32", B(0x80, 0x80, 0x80, 0x80, 0x10), TOO_LARGE},
};

static const leb_case s64_cases[] = {
    {"-1", B(0x7f), MW_OK, "", -1, 1},
    {"2^63 - 1", B(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00), MW_OK, "", INT64_MAX, 10},
    {"-2^63", B(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f), MW_OK, "", INT64_MIN, 10},
    {"2^63", B(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01), TOO_LARGE},
    {"eleven bytes", B(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00), TOO_LONG},
};

#define CHECK_CASES(cases, type, read)                                                             \
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {                                    \
        const leb_case *c = &cases[i];                                                             \
        mw_report report = MW_REPORT_INIT;                                                         \
        mw_bytes b = mw_bytes_of(c->bytes, c->size, 100, &report);                                 \
        type value = 0;                                                                            \
        mw_error error = read(&b, &value);                                                         \
        if (error != c->error || strcmp(report.message, c->message) != 0 ||                        \
            value != (type)c->value || mw_bytes_offset(&b) != 100 + c->used)                       \
            fail_msg(#read " of %s: %s, '%s', value %lld, offset %lld", c->what,                   \
                     mw_error_name(error), report.message, (long long)value,                       \
                     (long long)mw_bytes_offset(&b));                                              \
    }

static void leb128(void **state)
{
    (void)state;
    CHECK_CASES(u32_cases, uint32_t, mw_read_u32)
    CHECK_CASES(u64_cases, uint64_t, mw_read_u64)
    CHECK_CASES(s32_cases, int32_t, mw_read_s32)
    CHECK_CASES(s33_cases, int64_t, mw_read_s33)
    CHECK_CASES(s64_cases, int64_t, mw_read_s64)
}

static void bytes_split(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4, 5};
    mw_report report = MW_REPORT_INIT;
    mw_bytes b = mw_bytes_of(bytes, sizeof bytes, 10, &report), part;
    uint8_t byte = 0;
    assert_int_equal(mw_read_u8(&b, &byte), MW_OK);
    assert_int_equal(byte, 1);
    assert_int_equal(mw_read_bytes(&b, 3, &part), MW_OK);
    assert_int_equal(mw_bytes_offset(&part), 11);
    assert_int_equal(mw_bytes_left(&part), 3);
    assert_int_equal(mw_bytes_left(&b), 1);
    uint8_t pair[2];
    assert_int_equal(mw_read_fixed(&b, pair, sizeof pair), MW_ERR_MALFORMED);
    assert_int_equal(report.offset, 15); /* where the bytes end */
    assert_int_equal(mw_bytes_left(&b), 1);
    assert_int_equal(mw_read_bytes(&b, UINT32_MAX, &part), MW_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(leb128), cmocka_unit_test(bytes_split)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
