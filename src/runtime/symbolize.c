#include "runtime/symbolize.h"

#include <elfutils/libdw.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The object of the last question stays open: all frames of a trap are usually in one. */
static char *open_path;
static int open_fd = -1;
static Dwarf *open_dwarf;

static Dwarf *dwarf_of(const char *object)
{
    if (open_path && !strcmp(open_path, object))
        return open_dwarf;
    if (open_dwarf)
        dwarf_end(open_dwarf);
    if (open_fd >= 0)
        close(open_fd);
    free(open_path);
    open_dwarf = NULL;
    open_path = strdup(object);
    open_fd = open(object, O_RDONLY | O_CLOEXEC);
    if (open_fd >= 0)
        open_dwarf = dwarf_begin(open_fd, DWARF_C_READ);
    return open_dwarf;
}

bool mw_symbolize(const char *object, uint64_t address, uint32_t *offset)
{
    Dwarf *dwarf = dwarf_of(object);
    if (!dwarf)
        return false;
    /* Unit by unit: the index of addresses (.debug_aranges) is not written. */
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
        Dwarf_Line *line = dwarf_getsrc_die(&die, address);
        int number;
        if (line && !dwarf_lineno(line, &number) && number > 0) {
            *offset = (uint32_t)number;
            return true;
        }
    }
    return false;
}
