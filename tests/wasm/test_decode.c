/* The decoder: sections, counts, limits, names, and the exact offset of what is malformed. */
#include "module_bytes.h"

enum { TYPE = 1, IMPORT, FUNCTION, TABLE, MEMORY, GLOBAL, EXPORT, START, ELEMENT, CODE, DATA, DATA_COUNT, TAG };

static void header(void **state)
{
    (void)state;
    static const uint8_t good[] = {HEADER};
    for (size_t i = 0; i < sizeof good; i++)
        expect_bytes(good, i, MW_ERR_MALFORMED, (int64_t)i < 4 ? 0 : -1, "unexpected end", "cut header");
    expect_bytes(good, sizeof good, MW_OK, -1, "", "empty module");
    expect_bytes(BYTES(0, 'a', 's', 'n', 1, 0, 0, 0), MW_ERR_MALFORMED, 0, "magic header not detected", "magic");
    expect_bytes(BYTES(0x7f, 'E', 'L', 'F', 1, 0, 0, 0), MW_ERR_MALFORMED, 0, "magic header not detected", "ELF");
    expect_bytes(BYTES(0, 'a', 's', 'm', 2, 0, 0, 0), MW_ERR_MALFORMED, 4, "unknown binary version 2", "version");
    expect_bytes(BYTES(0, 'a', 's', 'm', 0x0d, 0, 1, 0), MW_ERR_UNSUPPORTED, 4, "the module uses the component model",
                 "component");
}

static void section_framing(void **state)
{
    (void)state;
    module_bytes m = module_begin();
    put(&m, BYTES(14, 0));
    expect(&m, MW_ERR_MALFORMED, 8, "malformed section id 14");

    m = module_begin();
    section(&m, TYPE, BYTES(1, 0x60, 0, 0));
    section(&m, TAG, BYTES(1, 1, 0));
    expect(&m, MW_ERR_MALFORMED, 17, "malformed tag attribute 0x01");

    m = module_begin(); /* tags stand between memories and globals */
    section(&m, TYPE, BYTES(1, 0x60, 0, 0));
    section(&m, MEMORY, BYTES(0));
    section(&m, TAG, BYTES(1, 0, 0));
    section(&m, GLOBAL, BYTES(0));
    expect(&m, MW_OK, -1, "");

    m = module_begin();
    section(&m, GLOBAL, BYTES(0));
    section(&m, TAG, BYTES(0));
    expect(&m, MW_ERR_MALFORMED, 11, "unexpected content after last section");

    m = module_begin();
    put(&m, BYTES(TYPE, 5, 0));
    expect(&m, MW_ERR_MALFORMED, 8, "length out of bounds");

    m = module_begin();
    section(&m, TYPE, BYTES(0, 0));
    expect(&m, MW_ERR_MALFORMED, 11, "section size mismatch");

    m = module_begin();
    section(&m, TYPE, BYTES(0));
    section(&m, TYPE, BYTES(0));
    expect(&m, MW_ERR_MALFORMED, 11, "unexpected content after last section");

    m = module_begin();
    section(&m, IMPORT, BYTES(0));
    section(&m, TYPE, BYTES(0));
    expect(&m, MW_ERR_MALFORMED, 11, "unexpected content after last section");

    m = module_begin(); /* element, data count, code, data: the one order that ids do not follow */
    section(&m, ELEMENT, BYTES(0));
    section(&m, DATA_COUNT, BYTES(0));
    section(&m, CODE, BYTES(0));
    section(&m, DATA, BYTES(0));
    expect(&m, MW_OK, -1, "");

    m = module_begin();
    section(&m, CODE, BYTES(0));
    section(&m, DATA_COUNT, BYTES(0));
    expect(&m, MW_ERR_MALFORMED, 11, "unexpected content after last section");
}

/* A count is believed only as far as bytes are left for its elements. */
static void huge_counts(void **state)
{
    (void)state;
    for (uint8_t id = TYPE; id <= DATA; id++) {
        if (id == START)
            continue;
        module_bytes m = module_begin();
        section(&m, id, BYTES(0xff, 0xff, 0xff, 0xff, 0x0f));
        expect(&m, MW_ERR_MALFORMED, 10, "unexpected end of section");
    }
    module_bytes m = module_begin(); /* parameters of a type, elements of a segment, bytes of a name */
    section(&m, TYPE, BYTES(1, 0x60, 0xff, 0xff, 0xff, 0xff, 0x0f));
    expect(&m, MW_ERR_MALFORMED, 12, "unexpected end of section");
    m = module_begin();
    section(&m, ELEMENT, BYTES(1, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f));
    expect(&m, MW_ERR_MALFORMED, 13, "unexpected end of section");
    m = module_begin();
    section(&m, EXPORT, BYTES(1, 0xff, 0xff, 0xff, 0xff, 0x0f));
    expect(&m, MW_ERR_MALFORMED, 11, "length out of bounds");
    m = module_begin();
    section(&m, DATA, BYTES(1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f));
    expect(&m, MW_ERR_MALFORMED, -1, "unexpected end");
}

static void utf8(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[5];
        size_t size;
        bool good;
    } names[] = {
        {{'a', 'b'}, 2, true},
        {{0}, 1, true},
        {{0xc2, 0x80}, 2, true},
        {{0xc1, 0xbf}, 2, false}, /* overlong */
        {{0xc2}, 1, false},       /* cut */
        {{0x80}, 1, false},       /* continuation first */
        {{0xc2, 'a'}, 2, false},
        {{0xe0, 0xa0, 0x80}, 3, true},
        {{0xe0, 0x9f, 0xbf}, 3, false}, /* overlong */
        {{0xed, 0x9f, 0xbf}, 3, true},
        {{0xed, 0xa0, 0x80}, 3, false}, /* surrogate */
        {{0xef, 0xbf, 0xbf}, 3, true},
        {{0xef, 0xbf}, 2, false},
        {{0xf0, 0x90, 0x80, 0x80}, 4, true},
        {{0xf0, 0x8f, 0xbf, 0xbf}, 4, false}, /* overlong */
        {{0xf4, 0x8f, 0xbf, 0xbf}, 4, true},
        {{0xf4, 0x90, 0x80, 0x80}, 4, false}, /* above U+10FFFF */
        {{0xf5, 0x80, 0x80, 0x80}, 4, false},
        {{0xff}, 1, false},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint8_t content[8] = {(uint8_t)names[i].size};
        memcpy(content + 1, names[i].bytes, names[i].size);
        module_bytes m = module_begin();
        section(&m, 0, content, names[i].size + 1);
        if (names[i].good)
            expect(&m, MW_OK, -1, "");
        else
            expect(&m, MW_ERR_MALFORMED, 10, "malformed UTF-8 encoding");
    }
}

static void types_and_limits(void **state)
{
    (void)state;
    module_bytes m = module_begin();
    section(&m, TYPE, BYTES(1, 0x60, 1, 0x77, 0));
    expect(&m, MW_ERR_MALFORMED, 13, "malformed value type 0x77");
    m = module_begin();
    section(&m, TYPE, BYTES(1, 0x60, 1, 0x6e, 0));
    expect(&m, MW_ERR_UNSUPPORTED, 13, "the module uses garbage collection");
    m = module_begin();
    section(&m, TYPE, BYTES(1, 0x4e, 1, 0x5f, 0));
    expect(&m, MW_ERR_UNSUPPORTED, 13, "the module uses garbage collection");
    m = module_begin();
    section(&m, TYPE, BYTES(1, 0x4e, 2, 0x60, 0, 0));
    expect(&m, MW_ERR_MALFORMED, 16, "unexpected end");
    m = module_begin();
    section(&m, TYPE, BYTES(1, 0x50, 2, 0, 0, 0x60, 0, 0));
    expect(&m, MW_ERR_INVALID, 12, "sub type: 2 supertypes");
    m = module_begin();
    section(&m, TYPE, BYTES(1, 0x60, 1, 0x64, 0xf0, 0x7f, 0)); /* func in two bytes */
    expect(&m, MW_ERR_MALFORMED, 14, "malformed heap type");
    m = module_begin();
    section(&m, MEMORY, BYTES(1, 0x08, 1));
    expect(&m, MW_ERR_MALFORMED, 11, "integer too large");
    m = module_begin();
    section(&m, MEMORY, BYTES(1, 0x81, 0x00, 1));
    expect(&m, MW_ERR_MALFORMED, 11, "integer representation too long");
    m = module_begin();
    section(&m, MEMORY, BYTES(1, 3, 1, 2));
    expect(&m, MW_OK, -1, "");
    m = module_begin();
    section(&m, MEMORY, BYTES(1, 2, 1));
    expect(&m, MW_ERR_INVALID, 11, "shared memory must have maximum");
    m = module_begin();
    section(&m, TABLE, BYTES(1, 0x70, 3, 1, 2));
    expect(&m, MW_ERR_MALFORMED, 12, "integer too large");
    m = module_begin();
    section(&m, MEMORY, BYTES(1, 4, 1));
    expect(&m, MW_OK, -1, "");
    m = module_begin();
    section(&m, TABLE, BYTES(1, 0x7f, 0, 1));
    expect(&m, MW_ERR_MALFORMED, 11, "malformed reference type");
    m = module_begin();
    section(&m, GLOBAL, BYTES(1, 0x7f, 2, 0x41, 0, 0x0b));
    expect(&m, MW_ERR_MALFORMED, 12, "malformed mutability");
    m = module_begin();
    section(&m, IMPORT, BYTES(1, 0, 0, 5, 0));
    expect(&m, MW_ERR_MALFORMED, 13, "malformed import kind");
    m = module_begin();
    section(&m, EXPORT, BYTES(1, 0, 5, 0));
    expect(&m, MW_ERR_MALFORMED, 12, "malformed export kind");
    m = module_begin();
    section(&m, ELEMENT, BYTES(1, 8, 0));
    expect(&m, MW_ERR_MALFORMED, 11, "malformed elements segment kind");
    m = module_begin();
    section(&m, ELEMENT, BYTES(1, 1, 1, 0));
    expect(&m, MW_ERR_MALFORMED, 12, "malformed element kind");
    m = module_begin();
    section(&m, DATA, BYTES(1, 3, 0));
    expect(&m, MW_ERR_MALFORMED, 11, "malformed data segment kind");
}

static void bodies(void **state)
{
    (void)state;
    module_bytes m = module_begin();
    section(&m, TYPE, BYTES(1, 0x60, 0, 0));
    section(&m, FUNCTION, BYTES(1, 0));
    expect(&m, MW_ERR_MALFORMED, 18, "function and code section have inconsistent lengths");

    m = module_begin();
    section(&m, TYPE, BYTES(1, 0x60, 0, 0));
    section(&m, FUNCTION, BYTES(1, 0));
    section(&m, CODE, BYTES(1, 3, 0, 0x0b));
    expect(&m, MW_ERR_MALFORMED, -1, "unexpected end of section or function");

    m = module_begin(); /* two runs whose sum has 33 bits */
    section(&m, TYPE, BYTES(1, 0x60, 0, 0));
    section(&m, FUNCTION, BYTES(1, 0));
    section(&m, CODE, BYTES(1, 14, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7e, 0x0b));
    expect(&m, MW_ERR_MALFORMED, 22, "too many locals");

    m = module_begin(); /* 50,001 locals */
    section(&m, TYPE, BYTES(1, 0x60, 0, 0));
    section(&m, FUNCTION, BYTES(1, 0));
    section(&m, CODE, BYTES(1, 6, 1, 0xd1, 0x86, 0x03, 0x7f, 0x0b));
    expect(&m, MW_ERR_LIMIT, 22, "too many locals: 50001");

    m = module_begin(); /* 50,000 locals and a parameter */
    section(&m, TYPE, BYTES(1, 0x60, 1, 0x7f, 0));
    section(&m, FUNCTION, BYTES(1, 0));
    section(&m, CODE, BYTES(1, 6, 1, 0xd0, 0x86, 0x03, 0x7f, 0x0b));
    expect(&m, MW_ERR_LIMIT, -1, "too many locals: 50001");

    m = module_begin();
    section(&m, DATA_COUNT, BYTES(1));
    expect(&m, MW_ERR_MALFORMED, -1, "data count and data section have inconsistent lengths");
}

static mw_module *decode(const module_bytes *m)
{
    mw_report report = MW_REPORT_INIT;
    mw_module *module = NULL;
    if (mw_module_decode(m->bytes, m->size, &report, &module) != MW_OK)
        fail_msg("%s", report.message);
    return module;
}

/* Everything once, and each field as it stands in the bytes. */
static void contents(void **state)
{
    (void)state;
    module_bytes m = module_begin();
    section(&m, TYPE, BYTES(3, 0x60, 2, 0x7f, 0x7e, 1, 0x7c, 0x60, 0, 0, 0x60, 2, 0x7f, 0x7e, 1, 0x7c));
    section(&m, IMPORT, BYTES(4, 1, 'm', 1, 'f', 0, 2, 1, 'm', 1, 't', 1, 0x70, 1, 1, 9, 1, 'm', 1, 'g', 3, 0x7e, 1,
                              1, 'm', 1, 'h', 0, 1));
    section(&m, FUNCTION, BYTES(1, 1));
    section(&m, TABLE, BYTES(1, 0x6f, 0, 7));
    section(&m, MEMORY, BYTES(1, 1, 2, 3));
    section(&m, GLOBAL, BYTES(1, 0x7f, 0, 0x41, 5, 0x0b));
    section(&m, EXPORT, BYTES(1, 2, 'm', 'e', 2, 0));
    section(&m, START, BYTES(2));
    section(&m, ELEMENT, BYTES(2, 0, 0x41, 0, 0x0b, 2, 0, 1, 5, 0x70, 1, 0xd0, 0x70, 0x0b));
    section(&m, DATA_COUNT, BYTES(2));
    section(&m, CODE, BYTES(1, 6, 2, 1, 0x7f, 2, 0x7d, 0x0b));
    section(&m, DATA, BYTES(2, 0, 0x41, 1, 0x0b, 2, 'h', 'i', 1, 1, 'x'));
    section(&m, 0, BYTES(4, 'n', 'a', 'm', 'e', 0, 3, 2, 'm', 'n', 1, 8, 2, 0, 1, 'F', 2, 2, 'd', 0x1b));
    section(&m, 0, BYTES(1, 'c', 1, 2));

    mw_module *module = decode(&m);
    assert_int_equal(module->ntypes, 3);
    assert_int_equal(module->types[0].nparams, 2);
    assert_int_equal(module->types[0].types[2], MW_WASM_F64);
    assert_int_equal(module->nimports, 4);
    assert_int_equal(module->imports[3].kind, MW_WASM_FUNC);
    assert_int_equal(module->imports[3].index, 1);
    assert_int_equal(module->nimported_funcs, 2);
    assert_int_equal(module->nfuncs, 3);
    assert_int_equal(module->funcs[0].type, 2);
    assert_null(module->funcs[0].code);
    assert_int_equal(module->tables[0].limits.max, 9);
    assert_int_equal(module->tables[1].type, MW_WASM_EXTERNREF);
    assert_true(module->tables[1].limits.max == UINT64_MAX);
    assert_int_equal(module->memories[0].limits.min, 2);
    assert_true(module->globals[0].is_mutable);
    assert_int_equal(module->globals[0].init.size, 0);
    assert_int_equal(module->globals[1].init.size, 3);
    assert_memory_equal(module->exports[0].name.bytes, "me", 2);
    assert_int_equal(module->start, 2);
    assert_int_equal(module->elems[0].mode, MW_WASM_ACTIVE);
    assert_int_equal(module->elems[0].funcs[1], 1);
    assert_int_equal(module->elems[1].mode, MW_WASM_PASSIVE);
    assert_int_equal(module->elems[1].exprs[0].size, 3);
    const mw_wasm_func *func = &module->funcs[2];
    assert_int_equal(func->nlocals, 3);
    assert_int_equal(func->code_size, 1);
    assert_ptr_equal(func->code, module->bytes + func->offset);
    assert_int_equal(func->code[0], 0x0b);
    assert_true(module->code_offset > 0 && module->bytes[module->code_offset - 2] == CODE);
    assert_memory_equal(module->datas[0].bytes, "hi", 2);
    assert_int_equal(module->datas[1].mode, MW_WASM_PASSIVE);
    assert_int_equal(module->ncustoms, 2);
    assert_int_equal(module->customs[1].size, 2);
    assert_memory_equal(module->name.bytes, "mn", 2);
    assert_memory_equal(module->funcs[0].name.bytes, "F", 1);

    char text[4];
    assert_string_equal(mw_name_text(module->funcs[2].name, text, sizeof text), "d?");
    mw_report report = MW_REPORT_INIT;
    if (mw_module_validate(module, MW_FEATURES_IMPLEMENTED, &report) != MW_OK)
        fail_msg("%s", report.message);
    assert_true(module->features ==
                (MW_FEATURE_MUTABLE_GLOBALS | MW_FEATURE_BULK_MEMORY | MW_FEATURE_REFERENCE_TYPES));
    mw_module_free(module);
    free(m.bytes);
}

/* Names are a service: whatever is wrong with the section, the module stands (specification A, "Name Section"). */
static void bad_name_sections(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[24];
        size_t size;
    } sections[] = {
        {{4, 'n', 'a', 'm', 'e', 1, 0xff}, 7},                              /* size cut */
        {{4, 'n', 'a', 'm', 'e', 1, 9, 0}, 8},                              /* subsection too long */
        {{4, 'n', 'a', 'm', 'e', 1, 1, 0xff}, 8},                           /* count cut */
        {{4, 'n', 'a', 'm', 'e', 1, 4, 1, 0, 9, 'x'}, 11},                  /* name too long */
        {{4, 'n', 'a', 'm', 'e', 1, 4, 1, 0, 1, 0xff}, 11},                 /* not UTF-8 */
        {{4, 'n', 'a', 'm', 'e', 1, 4, 1, 77, 1, 'x'}, 11},                 /* no such function */
        {{4, 'n', 'a', 'm', 'e', 1, 6, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}, 13}, /* 2^32 - 1 names */
        {{4, 'n', 'a', 'm', 'e', 0, 2, 5, 'x'}, 9},                         /* module name too long */
    };
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        module_bytes m = module_begin();
        section(&m, 0, sections[i].bytes, sections[i].size);
        expect(&m, MW_OK, -1, "");
    }
}

static void name_text(void **state)
{
    (void)state;
    char text[5];
    assert_string_equal(mw_name_text((mw_wasm_name){"ab", 2}, text, sizeof text), "ab");
    assert_string_equal(mw_name_text((mw_wasm_name){"abcdef", 6}, text, sizeof text), "abcd");
    assert_string_equal(mw_name_text((mw_wasm_name){"abc\xc3\xa4", 5}, text, sizeof text), "abc");
    assert_string_equal(mw_name_text((mw_wasm_name){"\x1b\n\0\x7f", 4}, text, sizeof text), "????");
    assert_string_equal(mw_name_text((mw_wasm_name){NULL, 0}, text, sizeof text), "");
}

/* No prefix of a module is anything but malformed or a module; none reads past its end (AddressSanitizer). */
static void prefixes(void **state)
{
    (void)state;
    module_bytes m = module_begin();
    section(&m, TYPE, BYTES(1, 0x60, 1, 0x7f, 1, 0x7f));
    section(&m, FUNCTION, BYTES(1, 0));
    section(&m, MEMORY, BYTES(1, 0, 1));
    section(&m, CODE, BYTES(1, 9, 1, 1, 0x7b, 0x20, 0, 0x28, 2, 0, 0x0b));
    section(&m, DATA, BYTES(1, 0, 0x41, 0, 0x0b, 1, 'x'));
    for (size_t i = 0; i < m.size; i++) {
        mw_report report;
        mw_error error = decode_and_validate(m.bytes, i, MW_FEATURES_IMPLEMENTED, &report);
        if (error != MW_OK)
            assert_int_equal(error, MW_ERR_MALFORMED);
        if (error != MW_OK)
            assert_true(report.offset <= i);
    }
    expect(&m, MW_OK, -1, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header),           cmocka_unit_test(section_framing), cmocka_unit_test(huge_counts),
        cmocka_unit_test(utf8),             cmocka_unit_test(types_and_limits), cmocka_unit_test(bodies),
        cmocka_unit_test(contents),         cmocka_unit_test(bad_name_sections), cmocka_unit_test(name_text),
        cmocka_unit_test(prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
