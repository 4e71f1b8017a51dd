#include "runtime/symbolize.h"

#include <dwarf.h>
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

/* Appends the calls for which the code at `address` was inlined. */
static unsigned add_calls(Dwarf_Die *unit, uint64_t address, uint32_t *offsets, unsigned n, unsigned max)
{
    Dwarf_Die *innermost = NULL, *chain = NULL;
    if (dwarf_getscopes(unit, address, &innermost) > 0) {
        /* dwarf_getscopes leaves an inlined function for where that was declared; its DIE's own parents are where
         * it was inlined. */
        int length = dwarf_getscopes_die(&innermost[0], &chain);
        for (int i = 0; i < length && n < max; i++) {
            Dwarf_Attribute attribute;
            Dwarf_Word line;
            if (dwarf_tag(&chain[i]) == DW_TAG_inlined_subroutine &&
                !dwarf_formudata(dwarf_attr(&chain[i], DW_AT_call_line, &attribute), &line))
                offsets[n++] = (uint32_t)line;
        }
    }
    free(chain);
    free(innermost);
    return n;
}

unsigned mw_symbolize(const char *object, uint64_t address, uint32_t *offsets, unsigned max)
{
    Dwarf *dwarf = dwarf_of(object);
    if (!dwarf || max == 0)
        return 0;
    /* Unit by unit: the index of addresses (.debug_aranges) is not written. */
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
        Dwarf_Line *line = dwarf_getsrc_die(&die, address);
        int number;
        if (line && !dwarf_lineno(line, &number) && number > 0) {
            offsets[0] = (uint32_t)number;
            return add_calls(&die, address, offsets, 1, max);
        }
    }
    return 0;
}
