/* Decoder and validator against arbitrary bytes. What passes must keep the promise of module.h: every reader of
 * operators over a function's code and over a constant expression succeeds and ends where the code ends.
 *
 * Built twice: with libFuzzer (script/fuzz decoder), and with a main of its own that mutates a corpus with a
 * seeded generator a bounded number of times: fuzz_module SEED ROUNDS FILE... */
#include "wasm/operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "fuzz_module: %s\n", what);
    abort();
}

static void read_all(mw_bytes code)
{
    mw_operator op = {0};
    uint32_t label;
    while (mw_bytes_left(&code) > 0) {
        require(mw_operator_read(&code, &op) == MW_OK, "a validated body holds an unreadable operator");
        if (mw_op_info_of(op.op)->imm == MW_IMM_LABELS) {
            for (uint64_t i = 0; i <= op.labels.count; i++)
                require(mw_read_u32(&op.labels.targets, &label) == MW_OK, "a br_table ends early");
            require(mw_bytes_left(&op.labels.targets) == 0, "a br_table has bytes left");
        }
    }
    require(op.op == MW_OP_END, "a validated body does not end with end");
}

static void read_expr(const mw_wasm_expr *expr)
{
    read_all(mw_bytes_of(expr->bytes, expr->size, 0, NULL));
}

/* Its bytes are there, and as text it stays within its room. */
static void read_name(const mw_module *m, mw_wasm_name name)
{
    char text[16];
    require(name.len == 0 || ((const uint8_t *)name.bytes >= m->bytes &&
                              (const uint8_t *)name.bytes + name.len <= m->bytes + m->size), "a name is not of the module");
    require(strlen(mw_name_text(name, text, sizeof text)) < sizeof text, "a name has no end");
}

static void read_names(const mw_module *m)
{
    read_name(m, m->name);
    for (uint32_t i = 0; i < m->nfuncs; i++)
        read_name(m, m->funcs[i].name);
    for (uint32_t i = 0; i < m->nimports; i++) {
        read_name(m, m->imports[i].module);
        read_name(m, m->imports[i].name);
    }
    for (uint32_t i = 0; i < m->nexports; i++)
        read_name(m, m->exports[i].name);
}

static void read_module(const mw_module *m)
{
    require((m->features & ~(uint64_t)MW_FEATURES_IMPLEMENTED) == 0, "a feature that is not implemented was let through");
    read_names(m);
    for (uint32_t i = m->nimported_funcs; i < m->nfuncs; i++) {
        const mw_wasm_func *f = &m->funcs[i];
        require(f->type < m->ntypes && f->code == m->bytes + f->offset, "a function is wrong");
        read_all(mw_bytes_of(f->code, f->code_size, f->offset, NULL));
    }
    for (uint32_t i = m->nimported_globals; i < m->nglobals; i++)
        read_expr(&m->globals[i].init);
    for (uint32_t i = 0; i < m->ndatas; i++)
        if (m->datas[i].mode == MW_WASM_ACTIVE)
            read_expr(&m->datas[i].offset);
    for (uint32_t i = 0; i < m->nelems; i++) {
        if (m->elems[i].mode == MW_WASM_ACTIVE)
            read_expr(&m->elems[i].offset);
        for (uint32_t j = 0; m->elems[i].exprs && j < m->elems[i].count; j++)
            read_expr(&m->elems[i].exprs[j]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    mw_report report = MW_REPORT_INIT;
    mw_module *module = NULL;
    mw_error error = mw_module_decode(bytes, size, &report, &module);
    if (error == MW_OK)
        error = mw_module_validate(module, MW_FEATURES_IMPLEMENTED, &report);
    require(error == report.error, "the report and the error differ");
    if (error == MW_OK)
        read_module(module);
    else
        require(report.message[0] != 0, "a refusal without a reason");
    mw_module_free(module);
    return error == MW_OK;
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

/* Flips, replaces, inserts and removes a few bytes; the size stays below `capacity`. */
static size_t mutate(uint8_t *bytes, size_t size, size_t capacity)
{
    static const uint8_t interesting[] = {0x00, 0x01, 0x0b, 0x40, 0x7f, 0x80, 0xff, 0xfc, 0xfd, 0x6f, 0x70, 0x7b};
    for (unsigned n = 1 + next_random() % 4; n > 0 && size > 0; n--) {
        size_t at = next_random() % size;
        switch (next_random() % 5) {
        case 0:
            bytes[at] ^= (uint8_t)(1u << next_random() % 8);
            break;
        case 1:
            bytes[at] = (uint8_t)next_random();
            break;
        case 2:
            bytes[at] = interesting[next_random() % sizeof interesting];
            break;
        case 3:
            if (size < capacity) {
                memmove(bytes + at + 1, bytes + at, size - at);
                bytes[at] = interesting[next_random() % sizeof interesting];
                size++;
            }
            break;
        case 4:
            memmove(bytes + at, bytes + at + 1, size - at - 1);
            size--;
            break;
        }
    }
    return size;
}

int main(int argc, char **argv)
{
    enum { CAPACITY = 1 << 16 };
    static uint8_t original[CAPACITY / 2];
    if (argc < 4) {
        fprintf(stderr, "usage: fuzz_module SEED ROUNDS FILE...\n");
        return 2;
    }
    random_state = strtoull(argv[1], NULL, 0) | 1;
    unsigned long rounds = strtoul(argv[2], NULL, 0), accepted = 0, refused = 0;
    for (int i = 3; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        size_t size = file ? fread(original, 1, sizeof original, file) : 0;
        if (file)
            fclose(file);
        require(size > 0 && LLVMFuzzerTestOneInput(original, size) == 1, "a file of the corpus is not a module");
        for (unsigned long round = 0; round < rounds; round++) {
            uint8_t *bytes = malloc(CAPACITY);
            require(bytes != NULL, "no memory");
            memcpy(bytes, original, size);
            size_t mutated = mutate(bytes, size, CAPACITY);
            uint8_t *exact = realloc(bytes, mutated ? mutated : 1); /* AddressSanitizer sees the end */
            if (LLVMFuzzerTestOneInput(exact, mutated))
                accepted++;
            else
                refused++;
            free(exact);
        }
    }
    printf("%lu mutants: %lu accepted, %lu refused\n", accepted + refused, accepted, refused);
    require(refused > accepted / 8, "the mutations change nothing");
    return 0;
}

#endif
