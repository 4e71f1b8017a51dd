/* The readers of DWARF against arbitrary bytes. Whatever the sections hold, what comes out must keep the promises of
 * dwarf.h, and nothing outside of the sections may be read.
 *
 * Built twice: with libFuzzer (script/fuzz dwarf), whose input is a module, and with a main of its own that mutates
 * the sections of modules with a seeded generator a bounded number of times: fuzz_dwarf SEED ROUNDS FILE... */
#include "wasm/dwarf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "fuzz_dwarf: %s\n", what);
    abort();
}

/* Reads every byte: a sanitizer sees those that are not there. */
static void check_name(mw_wasm_name name)
{
    for (uint32_t i = 0; i < name.len; i++)
        require(name.bytes[i] != 0, "a name holds a NUL");
}

static void check_file(const mw_debug_info *info, uint32_t file)
{
    require(file == MW_DEBUG_NONE || file < info->nfiles, "a file that there is not");
}

static void check_places(const mw_module *m, const mw_debug_info *info)
{
    require(info->nrows > 0, "no rows");
    for (uint32_t i = 0; i < info->nrows; i++) {
        const mw_debug_row *row = &info->rows[i];
        require(!i || row[-1].offset < row->offset, "rows do not ascend");
        require(row->offset >= m->code_offset && row->offset <= m->size, "a row outside of the code");
        require(!row->line || row->file < info->nfiles, "a line in no file");
    }
    for (uint32_t i = 0; i < info->nspans; i++) {
        const mw_debug_span *span = &info->spans[i];
        require(!i || span[-1].offset < span->offset, "spans do not ascend");
        require(span->offset > m->code_offset && span->offset <= m->size, "a span outside of the code");
        require(span->scope == MW_DEBUG_NONE || span->scope < info->nscopes, "a scope that there is not");
    }
}

static void check(const mw_module *m, const mw_debug_info *info)
{
    check_places(m, info);
    for (uint32_t i = 0; i < info->nfiles; i++) {
        check_name(info->files[i].base);
        check_name(info->files[i].dir);
        check_name(info->files[i].name);
    }
    for (uint32_t i = 0; i < info->nnamespaces; i++) {
        uint32_t parent = info->namespaces[i].parent;
        require(parent == MW_DEBUG_NONE || parent < i, "a namespace within itself");
        check_name(info->namespaces[i].name);
    }
    for (uint32_t i = 0; i < info->nscopes; i++) {
        const mw_debug_scope *s = &info->scopes[i];
        require(s->parent == MW_DEBUG_NONE || s->parent < i, "a scope within itself");
        require(s->function == MW_DEBUG_NONE || s->function < info->nfunctions, "a function that there is not");
        check_file(info, s->call_file);
    }
    for (uint32_t i = 0; i < info->nfunctions; i++) {
        mw_debug_function f = mw_debug_function_at(info, i);
        check_name(f.name);
        check_name(f.linkage);
        check_file(info, f.file);
        require(f.in == MW_DEBUG_NONE || f.in < info->nnamespaces, "a namespace that there is not");
    }
    require(mw_debug_function_at(info, MW_DEBUG_NONE).name.len == 0, "no function has a name");
}

static bool read_info(const mw_module *m)
{
    mw_debug_info *info = mw_debug_info_read(m);
    if (info)
        check(m, info);
    mw_debug_info_free(info);
    return info != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    mw_report report = MW_REPORT_INIT;
    mw_module *module = NULL;
    if (mw_module_decode(bytes, size, &report, &module) == MW_OK)
        read_info(module);
    mw_module_free(module);
    return 0;
}

#ifndef MW_LIBFUZZER

static uint64_t random_state;

static uint64_t next_random(void) /* xorshift64* */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

static bool is_dwarf(const mw_wasm_custom *section)
{
    return section->name.len > 6 && !memcmp(section->name.bytes, ".debug", 6) && section->size;
}

/* Changes a few bytes of the section and now and then cuts it. The copy is as large as the section, so that
 * AddressSanitizer sees its end. */
static void mutate(mw_wasm_custom *section)
{
    static const uint8_t interesting[] = {0x00, 0x01, 0x02, 0x05, 0x7f, 0x80, 0xff, 0x0f, 0x19, 0x21};
    uint32_t size = next_random() % 4 ? section->size : 1 + (uint32_t)(next_random() % section->size);
    uint8_t *bytes = malloc(size);
    require(bytes != NULL, "no memory");
    memcpy(bytes, section->bytes, size);
    for (unsigned n = (unsigned)(next_random() % 6); n > 0; n--) {
        /* Headers, which are few bytes, as often as all the rest. */
        size_t at = next_random() % (next_random() % 2 && size > 64 ? 64 : size);
        switch (next_random() % 3) {
        case 0:
            bytes[at] ^= (uint8_t)(1u << next_random() % 8);
            break;
        case 1:
            bytes[at] = (uint8_t)next_random();
            break;
        default:
            bytes[at] = interesting[next_random() % sizeof interesting];
        }
    }
    section->bytes = bytes;
    section->size = size;
}

static bool read_mutant(mw_module *m)
{
    mw_wasm_custom *original = m->customs;
    mw_wasm_custom *changed = calloc(m->ncustoms, sizeof *changed);
    require(changed != NULL, "no memory");
    memcpy(changed, original, m->ncustoms * sizeof *changed);
    uint32_t which = (uint32_t)next_random();
    for (uint32_t i = 0; i < m->ncustoms; i++)
        if (is_dwarf(&changed[i]) && (which >> i % 16 & 1 || i == which % m->ncustoms))
            mutate(&changed[i]);
    m->customs = changed;
    bool read = read_info(m);
    m->customs = original;
    for (uint32_t i = 0; i < m->ncustoms; i++)
        if (changed[i].bytes != original[i].bytes)
            free((void *)changed[i].bytes);
    free(changed);
    return read;
}

int main(int argc, char **argv)
{
    static uint8_t bytes[1 << 20];
    if (argc < 4) {
        fprintf(stderr, "usage: fuzz_dwarf SEED ROUNDS FILE...\n");
        return 2;
    }
    random_state = strtoull(argv[1], NULL, 0) | 1;
    unsigned long rounds = strtoul(argv[2], NULL, 0), some = 0, none = 0;
    for (int i = 3; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
        mw_report report = MW_REPORT_INIT;
        mw_module *m;
        require(size > 0 && mw_module_decode(bytes, size, &report, &m) == MW_OK, "a file of the corpus is not a module");
        require(read_info(m), "a file of the corpus has no DWARF");
        for (unsigned long round = 0; round < rounds; round++)
            if (read_mutant(m))
                some++;
            else
                none++;
        mw_module_free(m);
        fclose(file);
    }
    printf("%lu mutants: %lu with lines, %lu without\n", some + none, some, none);
    require(some > 0 && none > 0, "the mutations change nothing, or all is refused");
    return 0;
}

#endif
