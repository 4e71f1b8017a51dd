#include "program.h"
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

/* Its export tells mpiwasm that functions are called as C programs call them: a pointer's type may have more arguments than the
 * function takes, and no result where it has one. */
const char __mpiwasm_c_calls = 1;

const char *mw_program_name(void)
{
    static char *name;
    __wasi_size_t count, size;
    if (name)
        return name;
    if (__wasi_args_sizes_get(&count, &size) || count == 0)
        return "program";
    uint8_t **argv = malloc(count * sizeof *argv), *text = malloc(size);
    if (argv && text && !__wasi_args_get(argv, text)) {
        char *slash = strrchr((char *)argv[0], '/');
        name = strdup(slash ? slash + 1 : (char *)argv[0]);
    }
    free(argv);
    free(text);
    return name ? name : "program";
}
