/* For test_opcodes.py: without an argument prints opcodes.def, a row a line; with a module's path, the operators of
 * each of its functions as the reader sees them, a function a line. */
#include "wasm/operator.h"

#include <stdio.h>
#include <stdlib.h>

static void print_table(void)
{
    for (int op = 0; op < MW_OP_COUNT; op++) {
        const mw_op_info *info = mw_op_info_of((mw_opcode)op);
        printf("%d %s %u %u %d %s %u %llu\n", op, info->name, info->prefix, info->code, (int)info->imm,
               info->signature ? info->signature : "-", info->natural_align, (unsigned long long)info->feature);
    }
}

static int print_module(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file)
        fclose(file);
    mw_report report = MW_REPORT_INIT;
    mw_module *module = NULL;
    mw_error error = mw_module_decode(bytes, size, &report, &module);
    if (error == MW_OK)
        error = mw_module_validate(module, MW_FEATURES_IMPLEMENTED, &report);
    if (error != MW_OK) {
        fprintf(stderr, "%s: %s at %llu: %s\n", path, mw_error_name(error), (unsigned long long)report.offset,
                report.message);
        mw_module_free(module);
        return 1;
    }
    for (uint32_t i = module->nimported_funcs; i < module->nfuncs; i++) {
        const mw_wasm_func *func = &module->funcs[i];
        mw_bytes code = mw_bytes_of(func->code, func->code_size, func->offset, &report);
        mw_operator op;
        while (mw_bytes_left(&code) > 0 && mw_operator_read(&code, &op) == MW_OK) {
            mw_imm_kind imm = mw_op_info_of(op.op)->imm;
            printf("%d", (int)op.op);
            if (imm == MW_IMM_MEMARG || imm == MW_IMM_MEMARG_LANE)
                printf(":%u:%llu", op.memarg.align, (unsigned long long)op.memarg.offset);
            printf(" ");
        }
        printf("\n");
    }
    mw_module_free(module);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return print_module(argv[1]);
    print_table();
    return 0;
}
