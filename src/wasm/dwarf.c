/* The readers of DWARF put together: what they found, sorted by where it is in the code. */
#include "wasm/dwarf_internal.h"

#include <stdlib.h>
#include <string.h>

void *mw_dwarf_append(mw_dwarf_vector *vector, size_t size)
{
    if (vector->count == vector->capacity) {
        uint64_t wanted = vector->capacity ? 2 * (uint64_t)vector->capacity : 64;
        if (wanted >= MW_DEBUG_NONE)
            return NULL;
        void *items = realloc(vector->items, wanted * size);
        if (!items)
            return NULL;
        vector->items = items;
        vector->capacity = (uint32_t)wanted;
    }
    return memset((char *)vector->items + size * vector->count++, 0, size);
}

void mw_dwarf_vector_free(mw_dwarf_vector *vector)
{
    free(vector->items);
    *vector = (mw_dwarf_vector){0};
}

/* ---- Searching ----------------------------------------------------------------------------------------------- */

/* The last item of an ascending array whose first word is at most `key`. */
static uint32_t last_at_most(const void *items, uint32_t count, size_t size, uint32_t key)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2, word;
        memcpy(&word, (const char *)items + size * middle, sizeof word);
        if (word <= key)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : MW_DEBUG_NONE;
}

static uint32_t find_function(const mw_dwarf *d, uint32_t entry)
{
    const mw_dwarf_function *functions = d->functions.items;
    uint32_t i = last_at_most(functions, d->functions.count, sizeof *functions, entry);
    return i != MW_DEBUG_NONE && functions[i].entry == entry ? i : MW_DEBUG_NONE;
}

/* ---- Sorting ---------------------------------------------------------------------------------------------------- */

/* The end of a sequence is not to hide the beginning of the next one at the same place. */
static int compare_rows(const void *a, const void *b)
{
    const mw_debug_row *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

/* From addresses to offsets; one row for each, the last. */
static void sort_rows(mw_dwarf *d)
{
    mw_debug_row *rows = d->rows.items;
    bool sorted = true;
    for (uint32_t i = 1; i < d->rows.count && sorted; i++)
        sorted = compare_rows(&rows[i - 1], &rows[i]) <= 0;
    if (!sorted)
        qsort(rows, d->rows.count, sizeof *rows, compare_rows);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < d->rows.count; i++) {
        if (kept && rows[kept - 1].offset == rows[i].offset)
            kept--;
        rows[kept++] = rows[i];
    }
    for (uint32_t i = 0; i < kept; i++)
        rows[i].offset += (uint32_t)d->module->code_offset;
    d->rows.count = kept;
}

/* What contains comes before what it contains. */
static int compare_ranges(const void *a, const void *b)
{
    const mw_dwarf_range *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end > y->end ? -1 : 1;
    return (x->scope > y->scope) - (x->scope < y->scope);
}

static void add_span(mw_dwarf *d, uint32_t address, uint32_t scope)
{
    uint32_t offset = address + (uint32_t)d->module->code_offset;
    mw_debug_span *last = d->spans.count ? (mw_debug_span *)d->spans.items + d->spans.count - 1 : NULL;
    if (!last || last->offset != offset)
        last = mw_dwarf_append(&d->spans, sizeof *last);
    if (last)
        *last = (mw_debug_span){offset, scope};
    else
        d->no_memory = true;
}

/* Spans from ranges within one another: `open` holds those around the current place. One that is not inside of the one
 * around it is cut. */
static void make_spans(mw_dwarf *d)
{
    mw_dwarf_range *ranges = d->ranges.items;
    mw_dwarf_vector open = {0};
    if (d->ranges.count)
        qsort(ranges, d->ranges.count, sizeof *ranges, compare_ranges);
    for (uint32_t i = 0; i <= d->ranges.count; i++) {
        uint32_t begin = i < d->ranges.count ? ranges[i].begin : UINT32_MAX;
        mw_dwarf_range *stack = open.items;
        while (open.count && stack[open.count - 1].end <= begin) {
            uint32_t end = stack[--open.count].end;
            add_span(d, end, open.count ? stack[open.count - 1].scope : MW_DEBUG_NONE);
        }
        if (i == d->ranges.count)
            break;
        uint32_t most = open.count ? stack[open.count - 1].end : UINT32_MAX;
        mw_dwarf_range *top = mw_dwarf_append(&open, sizeof *top);
        if (!top) {
            d->no_memory = true;
            break;
        }
        *top = ranges[i];
        if (top->end > most)
            top->end = most;
        add_span(d, begin, top->scope);
    }
    mw_dwarf_vector_free(&open);
}

/* ---- The whole ----------------------------------------------------------------------------------------------------- */

static void find_sections(mw_dwarf *d)
{
#define EMPTY(field, text) d->field.bytes = (const uint8_t *)"";
    MW_DWARF_SECTIONS(EMPTY)
#undef EMPTY
    for (uint32_t i = 0; i < d->module->ncustoms; i++) {
        const mw_wasm_custom *c = &d->module->customs[i];
#define FIND(field, text)                                                                          \
        if (c->name.len == sizeof text - 1 && !memcmp(c->name.bytes, text, sizeof text - 1))       \
            d->field = *c;
        MW_DWARF_SECTIONS(FIND)
#undef FIND
    }
    d->budget = 1 << 16;
#define COUNT(field, text) d->budget += UINT64_C(4) * d->field.size;
    MW_DWARF_SECTIONS(COUNT)
#undef COUNT
}

static uint32_t code_size(const mw_module *m)
{
    if (m->nfuncs == m->nimported_funcs)
        return 0;
    const mw_wasm_func *last = &m->funcs[m->nfuncs - 1];
    return last->offset + last->code_size - (uint32_t)m->code_offset;
}

mw_debug_info *mw_debug_info_read(const mw_module *module)
{
    mw_dwarf *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->module = module;
    d->code_size = code_size(module);
    d->result.dwarf = d;
    find_sections(d);
    mw_dwarf_read_lines(d);
    if (d->rows.count && !d->no_memory) {
        mw_dwarf_read_info(d);
        mw_debug_scope *scopes = d->scopes.items;
        for (uint32_t i = 0; i < d->scopes.count; i++)
            scopes[i].function = find_function(d, scopes[i].function);
        sort_rows(d);
        make_spans(d);
    }
    if (!d->rows.count || d->no_memory) {
        mw_debug_info_free(&d->result);
        return NULL;
    }
    mw_debug_info *info = &d->result;
#define RESULT(field)                                                                              \
    info->n##field = d->field.count;                                                               \
    info->field = d->field.items;
    RESULT(files)
    RESULT(rows)
    RESULT(namespaces)
    RESULT(scopes)
    RESULT(spans)
#undef RESULT
    info->nfunctions = d->functions.count;
    return info;
}

void mw_debug_info_free(mw_debug_info *info)
{
    if (!info)
        return;
    mw_dwarf *d = info->dwarf;
    mw_dwarf_vector *const vectors[] = {&d->files,     &d->rows,   &d->line_units, &d->namespaces,
                                        &d->functions, &d->scopes, &d->ranges,     &d->spans};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        mw_dwarf_vector_free(vectors[i]);
    free(d);
}

/* ---- Questions ----------------------------------------------------------------------------------------------------- */

uint32_t mw_debug_row_at(const mw_debug_info *info, uint32_t offset)
{
    return last_at_most(info->rows, info->nrows, sizeof *info->rows, offset);
}

uint32_t mw_debug_span_at(const mw_debug_info *info, uint32_t offset)
{
    return last_at_most(info->spans, info->nspans, sizeof *info->spans, offset);
}

/* An entry may leave the name to its declaration, and that to another one: an inlined method to the abstract function,
 * this to what stands in its class. */
mw_debug_function mw_debug_function_at(const mw_debug_info *info, uint32_t function)
{
    enum { MAX_HOPS = 4 };
    mw_debug_function out = {{"", 0}, {"", 0}, MW_DEBUG_NONE, MW_DEBUG_NONE, 0};
    for (unsigned hop = 0; hop < MAX_HOPS && function != MW_DEBUG_NONE; hop++) {
        const mw_dwarf_function *f = (const mw_dwarf_function *)info->dwarf->functions.items + function;
        if (!out.name.len)
            out.name = mw_dwarf_ended(f->name);
        if (!out.linkage.len)
            out.linkage = mw_dwarf_ended(f->linkage);
        if (out.file == MW_DEBUG_NONE)
            out.file = f->file;
        if (!out.line)
            out.line = f->line;
        if (f->in != MW_DEBUG_NONE)
            out.in = f->in;
        function = find_function(info->dwarf, f->origin);
    }
    return out;
}
