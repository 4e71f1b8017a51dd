#include "runtime/symbolize.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT_GNU_DISCRIMINATOR 0x2136 /* dwarf.h lacks it */

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

/* The path as the guest's compiler was given it: without the directory that it is relative to. */
static const char *shortened(Dwarf_Files *files, const char *path)
{
    const char *const *dirs;
    size_t ndirs, longest = 0;
    if (dwarf_getsrcdirs(files, &dirs, &ndirs))
        return path;
    for (size_t i = 0; i < ndirs; i++) {
        size_t length = dirs[i] ? strlen(dirs[i]) : 0;
        if (length > longest && !strncmp(path, dirs[i], length) && path[length] == '/')
            longest = length + 1;
    }
    return path + longest;
}

/* Fills in `place`. A line of the module itself, which is the file that the unit is named after, is an offset; so is a
 * discriminator. */
static void set_place(Dwarf_Die *unit, Dwarf_Files *files, const char *path, Dwarf_Word line, Dwarf_Word discriminator,
                      mw_place *place)
{
    const char *module = dwarf_diename(unit);
    *place = (mw_place){.has_offset = discriminator != 0, .offset = (uint32_t)discriminator};
    if (!path || !line)
        return;
    if (!module || strcmp(path, module)) {
        place->file = shortened(files, path);
        place->line = (uint32_t)line;
    } else {
        place->has_offset = true;
        place->offset = (uint32_t)line;
    }
}

static bool first_place(Dwarf_Die *unit, Dwarf_Files *files, uint64_t address, mw_place *place)
{
    Dwarf_Line *line = dwarf_getsrc_die(unit, address);
    int number, column;
    unsigned discriminator;
    if (!line || dwarf_lineno(line, &number) || dwarf_linecol(line, &column) ||
        dwarf_linediscriminator(line, &discriminator))
        return false;
    const char *path = dwarf_linesrc(line, NULL, NULL);
    if (discriminator && column) /* the line is that of other code */
        path = NULL;
    set_place(unit, files, path, number > 0 ? (Dwarf_Word)number : 0, discriminator, place);
    return place->has_offset || place->file;
}

static Dwarf_Word number_of(Dwarf_Die *die, unsigned attribute)
{
    Dwarf_Attribute found;
    Dwarf_Word number;
    return dwarf_attr(die, attribute, &found) && !dwarf_formudata(&found, &number) ? number : 0;
}

/* "outer::inner::name" of the function that `die` is an inlined activation of. */
static void name_inlined(Dwarf_Die *die, char *out, size_t size)
{
    Dwarf_Attribute attribute;
    Dwarf_Die function, *chain = NULL;
    size_t used = 0;
    *out = 0;
    if (!dwarf_attr(die, DW_AT_abstract_origin, &attribute) || !dwarf_formref_die(&attribute, &function))
        return;
    for (int i = dwarf_getscopes_die(&function, &chain) - 1; i >= 0; i--) {
        const char *name = dwarf_diename(&chain[i]);
        if (!name || (i && dwarf_tag(&chain[i]) != DW_TAG_namespace))
            continue;
        int n = snprintf(out + used, size - used, "%s%s", used ? "::" : "", name);
        used += n > 0 ? (size_t)n : 0;
        if (used >= size)
            break;
    }
    free(chain);
}

/* Appends the calls that the code at `address` was inlined for, by the guest's compiler or by LLVM here: LLVM knows the
 * call's instruction. */
static unsigned add_calls(Dwarf_Die *unit, Dwarf_Files *files, uint64_t address, mw_place *places, unsigned n,
                          unsigned max)
{
    Dwarf_Die *innermost = NULL, *chain = NULL;
    if (dwarf_getscopes(unit, address, &innermost) > 0) {
        /* dwarf_getscopes leaves an inlined function for where that was declared; its DIE's own parents are where
         * it was inlined. */
        int length = dwarf_getscopes_die(&innermost[0], &chain);
        for (int i = 0; i < length && n < max; i++) {
            if (dwarf_tag(&chain[i]) != DW_TAG_inlined_subroutine)
                continue;
            const mw_place *inner = &places[n - 1];
            const char *path = dwarf_filesrc(files, number_of(&chain[i], DW_AT_call_file), NULL, NULL);
            set_place(unit, files, path, number_of(&chain[i], DW_AT_call_line),
                      number_of(&chain[i], AT_GNU_DISCRIMINATOR), &places[n]);
            if (!places[n].has_offset) {
                places[n].has_offset = inner->has_offset;
                places[n].offset = inner->offset;
                places[n - 1].is_inlined = true;
                name_inlined(&chain[i], places[n - 1].function, sizeof places[n - 1].function);
            }
            n++;
        }
    }
    free(chain);
    free(innermost);
    return n;
}

unsigned mw_symbolize(const char *object, uint64_t address, mw_place *places, unsigned max)
{
    Dwarf *dwarf = dwarf_of(object);
    if (!dwarf || max == 0)
        return 0;
    /* Unit by unit: the index of addresses (.debug_aranges) is not written. */
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    Dwarf_Files *files;
    size_t nfiles;
    while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0)
        if (!dwarf_getsrcfiles(&die, &files, &nfiles) && first_place(&die, files, address, &places[0]))
            return add_calls(&die, files, address, places, 1, max);
    return 0;
}
