#include "cli/commands.h"
#include "cli/message.h"
#include "cli/prepare.h"

#include <stdlib.h>

int mw_cmd_compile(const mw_options *options)
{
    for (int i = 0; i < options->nargs; i++) {
        mw_report report = MW_REPORT_INIT;
        mw_file file;
        mw_file_kind kind;
        char *path = NULL;
        bool made = true;
        mw_error error = mw_file_open(options->args[i], &report, &file, &kind);
        if (error == MW_OK && kind != MW_FILE_MODULE)
            error = mw_fail(&report, MW_ERR_USAGE, "'%s' is compiled already", file.path);
        else if (error == MW_OK && options->output)
            error = mw_file_compile(&file, options, options->output, &report);
        else if (error == MW_OK)
            error = mw_file_cache(&file, options, &report, &path, &made);
        if (error != MW_OK) {
            mw_message("%s", report.message);
            return error == MW_ERR_IO ? MW_EXIT_NOT_FOUND : error == MW_ERR_USAGE ? MW_EXIT_USAGE : MW_EXIT_FAILURE;
        }
        if (path)
            printf("%s%s\n", path, made ? "" : " (was there)");
        free(path);
        mw_file_close(&file);
    }
    return MW_EXIT_OK;
}
