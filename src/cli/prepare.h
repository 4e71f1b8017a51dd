/* From a module's file to loaded code: the cache, and the compiler where the cache has nothing. */
#ifndef MW_CLI_PREPARE_H
#define MW_CLI_PREPARE_H

#include "cli/options.h"
#include "runtime/instance.h"
#include "wasm/module.h"

/* A file's bytes, in memory that nobody else can change. */
typedef struct mw_file {
    const char *path;
    const uint8_t *bytes;
    size_t size;
} mw_file;

typedef enum mw_file_kind { MW_FILE_MODULE, MW_FILE_OBJECT } mw_file_kind;

/* Reads the file at `path` (kept by reference) and tells modules from precompiled objects by their first bytes;
 * anything else is MW_ERR_MALFORMED. mw_file_close ends it. */
MW_CHECKED mw_error mw_file_open(const char *path, mw_report *report, mw_file *out, mw_file_kind *kind);
void mw_file_close(mw_file *file);

/* Decodes and validates; a refusal names the file and the offset. */
MW_CHECKED mw_error mw_file_validate(const mw_file *file, uint64_t disabled_features, mw_report *report,
                                     mw_module **out);

/* Compiles `file` into an object at `path` with the options' target. */
MW_CHECKED mw_error mw_file_compile(const mw_file *file, const mw_options *options, const char *path,
                                    mw_report *report);

/* The cache key of `file` compiled with `options`; needs no compiler. */
mw_hash mw_file_key(const mw_file *file, const mw_options *options);

/* Makes the object for `file` present in the cache. `path` is the caller's to free. */
MW_CHECKED mw_error mw_file_cache(const mw_file *file, const mw_options *options, mw_report *report, char **path,
                                  bool *made);

/* Loaded code for the module or object at `path` (with options->spawned: of the guest's beneath the granted directories):
 * from the cache, or compiled, without a cache if that cannot be used (said on standard error). */
MW_CHECKED mw_error mw_prepare(const char *path, const mw_options *options, mw_report *report, mw_code **out);

#endif
