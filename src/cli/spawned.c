#include "cli/spawned.h"

#include "base/words.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

mw_error mw_spawned_words(int ntexts, char **texts, mw_report *report, int *nwords, char ***words)
{
    size_t size = 1, n;
    for (int i = 0; i < ntexts; i++)
        size += strlen(texts[i]);
    char *all = malloc(size), *end = all;
    *words = malloc((size + 1) * sizeof **words); /* a word takes a byte or the comma behind it */
    if (!all || !*words || size > INT_MAX)
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    for (int i = 0; i < ntexts; i++)
        end = stpcpy(end, texts[i]);
    *end = 0;
    if (!mw_words_split(all, *words, size, &n))
        return mw_fail(report, MW_ERR_USAGE, "'" MW_SPAWNED_COMMAND "' is for processes that MPI_Comm_spawn starts");
    (*words)[n] = NULL;
    *nwords = (int)n;
    return MW_OK;
}
