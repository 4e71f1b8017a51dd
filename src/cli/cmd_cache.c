#include "cli/commands.h"
#include "cli/message.h"
#include "runtime/cache.h"

#include <string.h>
#include <time.h>

static void print_object(void *arg, const char *path, const char *key_hex, uint64_t bytes, int64_t mtime_s)
{
    unsigned *count = arg;
    time_t seconds = (time_t)mtime_s;
    struct tm when;
    char date[32];
    (void)path;
    strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", localtime_r(&seconds, &when));
    printf("%.16s  %10llu bytes  %s\n", key_hex, (unsigned long long)bytes, date);
    ++*count;
}

int mw_cmd_cache(const mw_options *options)
{
    mw_report report = MW_REPORT_INIT;
    mw_cache *cache;
    const char *verb = options->args[0];
    mw_error error = mw_cache_open(options->cache_dir, &report, &cache);
    if (error == MW_OK) {
        unsigned count = 0;
        uint64_t bytes = 0;
        if (strcmp(verb, "path") == 0) {
            printf("%s\n", mw_cache_dir(cache));
        } else if (strcmp(verb, "list") == 0) {
            error = mw_cache_list(cache, print_object, &count, &report);
            if (error == MW_OK && count == 0)
                printf("the cache is empty\n");
        } else if (strcmp(verb, "clear") == 0) {
            error = mw_cache_clear(cache, &report, &count, &bytes);
            if (error == MW_OK)
                printf("removed %u objects, %llu bytes\n", count, (unsigned long long)bytes);
        } else {
            mw_message("'cache %s' is not known: list, clear or path", verb);
            mw_cache_close(cache);
            return MW_EXIT_USAGE;
        }
        mw_cache_close(cache);
    }
    if (error != MW_OK) {
        mw_message("%s", report.message);
        return MW_EXIT_FAILURE;
    }
    return MW_EXIT_OK;
}
