#include "base/report.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name, *text;
} errors[] = {
#define MW_ERROR_ROW(e, text) {#e, text},
    MW_ERRORS(MW_ERROR_ROW)
#undef MW_ERROR_ROW
};

const char *mw_error_text(mw_error error)
{
    return (unsigned)error < sizeof errors / sizeof *errors ? errors[error].text : "unknown error";
}

const char *mw_error_name(mw_error error)
{
    return (unsigned)error < sizeof errors / sizeof *errors ? errors[error].name : "MW_ERR_UNKNOWN";
}

static mw_error record(mw_report *report, mw_error error, uint64_t offset, const char *format, va_list args)
{
    if (report && report->error == MW_OK) {
        report->error = error;
        report->offset = offset;
        vsnprintf(report->message, sizeof report->message, format, args);
    }
    return error;
}

mw_error mw_fail(mw_report *report, mw_error error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    record(report, error, MW_NO_OFFSET, format, args);
    va_end(args);
    return error;
}

mw_error mw_fail_at(mw_report *report, mw_error error, uint64_t offset, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    record(report, error, offset, format, args);
    va_end(args);
    return error;
}
