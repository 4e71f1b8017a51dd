/* The code cache: compiled objects by key, in one directory that several users never share. */
#ifndef MW_RUNTIME_CACHE_H
#define MW_RUNTIME_CACHE_H

#include "base/hash.h"
#include "base/report.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

typedef struct mw_cache mw_cache;

/* Opens (and makes) the cache directory: `dir`, else $MPIWASM_CACHE_DIR, else $XDG_CACHE_HOME/mpiwasm, else
 * ~/.cache/mpiwasm. MW_ERR_CACHE if it cannot be made or written, or if others can write to it. */
MW_CHECKED mw_error mw_cache_open(const char *dir, mw_report *report, mw_cache **out);
void mw_cache_close(mw_cache *cache);
const char *mw_cache_dir(const mw_cache *cache);

/* Path of the object for `key`; the caller frees it. Says nothing about whether it is there. */
char *mw_cache_path(const mw_cache *cache, const mw_hash *key);

/* Makes the object for `key` present: if it is absent, one process of this node takes the lock, calls `make` with a
 * temporary path in the cache's directory and renames it into place, while the others wait for it. If the holder
 * of the lock dies, the next one takes over. *path is the object's path, which the caller frees. *made says
 * whether this call made it. */
typedef mw_error mw_cache_make_fn(void *arg, const char *path, mw_report *report);
MW_CHECKED mw_error mw_cache_get(mw_cache *cache, const mw_hash *key, mw_cache_make_fn *make, void *arg,
                                 mw_report *report, char **path, bool *made);

/* Removes one object, as when it turned out to be truncated or foreign. */
void mw_cache_remove(mw_cache *cache, const mw_hash *key);

/* What one process found out about a file, for the others: a hash, by the file's device, inode, size and times, and by `what`
 * was asked. mw_cache_recall is false if nothing is known. mw_cache_remember does nothing about a file that changed within
 * the last MW_CACHE_SETTLED_S seconds: it could change once more without its times' telling, all the more if it is written
 * to through a mapping, whose writes are dated when they reach the disk. */
#define MW_CACHE_SETTLED_S 60
bool mw_cache_recall(const mw_cache *cache, const char *what, const struct stat *file, mw_hash *out);
void mw_cache_remember(const mw_cache *cache, const char *what, const struct stat *file, const mw_hash *found);

/* Calls `visit` for each object. */
typedef void mw_cache_visit_fn(void *arg, const char *path, const char *key_hex, uint64_t bytes, int64_t mtime_s);
MW_CHECKED mw_error mw_cache_list(mw_cache *cache, mw_cache_visit_fn *visit, void *arg, mw_report *report);
/* Removes all files of the cache; the number of objects and bytes removed. */
MW_CHECKED mw_error mw_cache_clear(mw_cache *cache, mw_report *report, unsigned *nobjects, uint64_t *bytes);

#endif
