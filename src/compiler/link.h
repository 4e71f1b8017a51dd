/* Object files, which live in memory only, to a shared object. */
#ifndef MW_COMPILER_LINK_H
#define MW_COMPILER_LINK_H

#include "base/report.h"
#include "compiler/emit.h"

/* A file in memory with these bytes; -1 with errno set on failure. */
int mw_object_file(const void *bytes, size_t size);
/* Links the object files into the shared object `path`; on failure no file remains there. */
MW_CHECKED mw_error mw_link(const mw_target *target, const int *objects, unsigned nobjects, const char *path,
                            mw_report *report);

#endif
