/* What mw_debug_info_read found, for comparison with what others find: for each instruction of the module a line with
 * its address as DWARF counts it and the functions it belongs to with their lines, from the inside out:
 *   0x2a at@scopes.cc:11 sum@scopes.cc:20
 * usage: print_places FILE */
#include "wasm/dwarf.h"
#include "wasm/operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const mw_debug_info *info;

static void print_place(uint32_t function, uint32_t file, uint32_t line)
{
    mw_debug_function f = mw_debug_function_at(info, function);
    mw_wasm_name name = file == MW_DEBUG_NONE ? (mw_wasm_name){"?", 1} : info->files[file].name;
    const char *slash = memrchr(name.bytes, '/', name.len);
    if (slash)
        name = (mw_wasm_name){slash + 1, (uint32_t)(name.bytes + name.len - slash - 1)};
    printf("\t%.*s@%.*s:%u", (int)f.name.len, f.name.bytes, (int)name.len, name.bytes, line);
}

static void print_instruction(const mw_module *m, uint32_t offset)
{
    uint32_t row = mw_debug_row_at(info, offset), span = mw_debug_span_at(info, offset);
    uint32_t scope = span == MW_DEBUG_NONE ? MW_DEBUG_NONE : info->spans[span].scope;
    uint32_t file = MW_DEBUG_NONE, line = 0;
    if (row != MW_DEBUG_NONE && info->rows[row].line) {
        file = info->rows[row].file;
        line = info->rows[row].line;
    }
    printf("0x%x", offset - (uint32_t)m->code_offset);
    for (; scope != MW_DEBUG_NONE; scope = info->scopes[scope].parent) {
        print_place(info->scopes[scope].function, file, line);
        file = info->scopes[scope].call_file;
        line = info->scopes[scope].call_line;
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    static uint8_t bytes[16 << 20];
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    mw_report report = MW_REPORT_INIT;
    mw_module *m;
    if (mw_module_decode(bytes, size, &report, &m) || mw_module_validate(m, MW_FEATURES_IMPLEMENTED, &report)) {
        fprintf(stderr, "print_places: %s\n", report.message);
        return 1;
    }
    mw_debug_info *read = mw_debug_info_read(m);
    info = read;
    for (uint32_t i = m->nimported_funcs; info && i < m->nfuncs; i++) {
        mw_bytes code = mw_bytes_of(m->funcs[i].code, m->funcs[i].code_size, m->funcs[i].offset, NULL);
        mw_operator op;
        while (mw_bytes_left(&code) && mw_operator_read(&code, &op) == MW_OK)
            print_instruction(m, (uint32_t)op.offset);
    }
    mw_debug_info_free(read);
    mw_module_free(m);
    fclose(file);
    return 0;
}
