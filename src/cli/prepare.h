/* From a module's file to loaded code: the cache, and the compiler where the cache has nothing. */
#ifndef MW_CLI_PREPARE_H
#define MW_CLI_PREPARE_H

#include "cli/options.h"
#include "runtime/instance.h"
#include "wasm/module.h"
#include <sys/stat.h>

/* A module or object, read only where its bytes are needed: a start from the cache may do without. */
typedef struct mw_file {
    const char *path;
    size_t size;
    const uint8_t *bytes; /* once read: memory that nobody else can change */
    mw_hash content;      /* of the bytes, once known */
    bool has_content;
    int fd;
    struct stat status; /* as it was opened */
} mw_file;

typedef enum mw_file_kind { MW_FILE_MODULE, MW_FILE_OBJECT } mw_file_kind;

/* Opens the file at `path` (kept by reference) and tells modules from precompiled objects by their first bytes;
 * anything else is MW_ERR_MALFORMED. mw_file_close ends it. */
MW_CHECKED mw_error mw_file_open(const char *path, mw_report *report, mw_file *out, mw_file_kind *kind);
void mw_file_close(mw_file *file);

/* Reads, decodes and validates; a refusal names the file and the offset. The module refers to the file's bytes. */
MW_CHECKED mw_error mw_file_validate(mw_file *file, uint64_t disabled_features, mw_report *report,
                                     mw_module **out);

/* Compiles `file` into an object at `path` with the options' target. */
MW_CHECKED mw_error mw_file_compile(mw_file *file, const mw_options *options, const char *path,
                                    mw_report *report);

/* Makes the object for `file` present in the cache. `path` is the caller's to free. */
MW_CHECKED mw_error mw_file_cache(mw_file *file, const mw_options *options, mw_report *report, char **path,
                                  bool *made);

/* Loaded code for the module or object at `path` (with options->spawned: of the guest's beneath the granted directories):
 * from the cache, or compiled, without a cache if that cannot be used (said on standard error). */
MW_CHECKED mw_error mw_prepare(const char *path, const mw_options *options, mw_report *report, mw_code **out);

#endif
