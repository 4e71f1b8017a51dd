/* Debugging information entries (DWARF 5, 7.5; DWARF 2 to 4): functions, what was inlined into them, where. */
#include "wasm/dwarf_internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    TAG_CLASS_TYPE = 0x02,
    TAG_COMPILE_UNIT = 0x11,
    TAG_STRUCTURE_TYPE = 0x13,
    TAG_UNION_TYPE = 0x17,
    TAG_INLINED_SUBROUTINE = 0x1d,
    TAG_MODULE = 0x1e,
    TAG_SUBPROGRAM = 0x2e,
    TAG_NAMESPACE = 0x39,
    TAG_PARTIAL_UNIT = 0x3c,

    UT_COMPILE = 0x01,
    UT_PARTIAL = 0x03,

    /* Deeper calls count as part of this one: LLVM walks from the innermost outwards. */
    MAX_INLINED = 32,
};

/* The attributes that are used, X(name, number). */
#define ATTRIBUTES(X)                                                                              \
    X(NAME, 0x03) X(STMT_LIST, 0x10) X(LOW_PC, 0x11) X(HIGH_PC, 0x12) X(LANGUAGE, 0x13)            \
    X(COMP_DIR, 0x1b) X(ABSTRACT_ORIGIN, 0x31) X(DECL_FILE, 0x3a) X(DECL_LINE, 0x3b)               \
    X(SPECIFICATION, 0x47) X(RANGES, 0x55) X(CALL_FILE, 0x58) X(CALL_LINE, 0x59)                   \
    X(LINKAGE_NAME, 0x6e) X(STR_OFFSETS_BASE, 0x72) X(ADDR_BASE, 0x73) X(RNGLISTS_BASE, 0x74)

enum {
#define AT_ENUM(name, number) AT_##name,
    ATTRIBUTES(AT_ENUM) NATTRIBUTES
#undef AT_ENUM
};

/* Which of them `number` is, or NATTRIBUTES. */
static unsigned attribute_of(uint64_t number)
{
    switch (number) {
#define AT_CASE(name, number)                                                                      \
    case number:                                                                                   \
        return AT_##name;
        ATTRIBUTES(AT_CASE)
#undef AT_CASE
    case 0x2007: /* DW_AT_MIPS_linkage_name, before version 4 */
        return AT_LINKAGE_NAME;
    default:
        return NATTRIBUTES;
    }
}

typedef struct attribute {
    int64_t implicit;
    uint16_t form;
    uint8_t which;
} attribute;

typedef struct abbreviation {
    uint64_t code;
    uint32_t first, count; /* in attributes */
    uint16_t tag;
    bool has_children;
} abbreviation;

/* An entry whose children are being read. */
typedef struct level {
    uint32_t in;    /* namespace */
    uint32_t scope; /* whose code it is, or MW_DEBUG_NONE */
    uint32_t depth; /* of the scope */
} level;

/* The unit that is being read. */
typedef struct unit {
    mw_dwarf *d;
    uint32_t offset; /* in .debug_info */
    mw_dwarf_encoding encoding;
    mw_dwarf_reader r;
    const mw_dwarf_line_unit *lines;
    uint64_t str_offsets_base, addr_base, rnglists_base, low_pc;

    uint64_t abbreviations_offset; /* of those that were read last */
    bool has_abbreviations;
    mw_dwarf_vector abbreviations, attributes;
    mw_dwarf_vector levels;
} unit;

typedef struct entry {
    uint32_t offset;
    const abbreviation *abbreviation;
    mw_dwarf_value values[NATTRIBUTES];
} entry;

/* The price of what is kept, in attributes that are read. */
enum { RANGE_PRICE = 2, NAMESPACE_PRICE = 4, FUNCTION_PRICE = 8 };

static bool spend(mw_dwarf *d, unsigned price)
{
    bool enough = d->budget >= price;
    d->budget = enough ? d->budget - price : 0;
    return enough;
}

static void *append(mw_dwarf *d, mw_dwarf_vector *vector, size_t size)
{
    void *item = mw_dwarf_append(vector, size);
    d->no_memory |= !item;
    return item;
}

/* ---- Abbreviations -------------------------------------------------------------------------------------------- */

static int compare_codes(const void *a, const void *b)
{
    uint64_t x = ((const abbreviation *)a)->code, y = ((const abbreviation *)b)->code;
    return (x > y) - (x < y);
}

static void read_attributes(unit *u, mw_dwarf_reader *r, abbreviation *out)
{
    out->first = u->attributes.count;
    while (!r->bad && spend(u->d, 1)) {
        uint64_t name = mw_dwarf_uleb(r), form = mw_dwarf_uleb(r);
        int64_t implicit = form == MW_FORM_IMPLICIT_CONST ? mw_dwarf_sleb(r) : 0;
        if (!name && !form)
            return;
        attribute *a = append(u->d, &u->attributes, sizeof *a);
        if (!a)
            return;
        *a = (attribute){implicit, form <= UINT16_MAX ? (uint16_t)form : UINT16_MAX, (uint8_t)attribute_of(name)};
        out->count++;
    }
}

/* Compilers number them from 1 on; nobody has to. */
static void read_abbreviations(unit *u, uint64_t offset)
{
    if (u->has_abbreviations && u->abbreviations_offset == offset)
        return;
    u->abbreviations.count = u->attributes.count = 0;
    mw_dwarf_reader r = mw_dwarf_at(&u->d->abbrev, offset);
    bool ascending = true;
    for (uint64_t before = 0, code; !r.bad && spend(u->d, 1) && (code = mw_dwarf_uleb(&r)) != 0; before = code) {
        uint64_t tag = mw_dwarf_uleb(&r);
        abbreviation *a = append(u->d, &u->abbreviations, sizeof *a);
        if (!a)
            return;
        *a = (abbreviation){.code = code, .tag = tag <= UINT16_MAX ? (uint16_t)tag : 0};
        a->has_children = mw_dwarf_fixed(&r, 1) != 0;
        read_attributes(u, &r, a);
        ascending &= code > before;
    }
    if (!ascending)
        qsort(u->abbreviations.items, u->abbreviations.count, sizeof(abbreviation), compare_codes);
    u->abbreviations_offset = offset;
    u->has_abbreviations = true;
}

static const abbreviation *find_abbreviation(const unit *u, uint64_t code)
{
    const abbreviation *all = u->abbreviations.items, key = {.code = code};
    if (code - 1 < u->abbreviations.count && all[code - 1].code == code)
        return &all[code - 1];
    if (!u->abbreviations.count)
        return NULL;
    return bsearch(&key, all, u->abbreviations.count, sizeof *all, compare_codes);
}

/* ---- Entries and their attributes ------------------------------------------------------------------------------- */

/* False at the end of a list of siblings (abbreviation is NULL then) and where the unit cannot be read on. */
static bool read_entry(unit *u, entry *e)
{
    memset(e, 0, sizeof *e);
    e->offset = (uint32_t)(u->r.pos - u->d->info.bytes);
    uint64_t code = mw_dwarf_uleb(&u->r);
    if (!code)
        return !u->r.bad;
    e->abbreviation = find_abbreviation(u, code);
    if (!e->abbreviation)
        return false;
    const attribute *attributes = u->attributes.items;
    for (uint32_t i = 0; i < e->abbreviation->count; i++) {
        const attribute *a = &attributes[e->abbreviation->first + i];
        if (!spend(u->d, 1))
            return false;
        mw_dwarf_value value = mw_dwarf_read_form(&u->r, a->form, u->encoding, a->implicit);
        if (a->which < NATTRIBUTES)
            e->values[a->which] = value;
    }
    return !u->r.bad;
}

static mw_wasm_name text(const unit *u, const mw_dwarf_value *value)
{
    const mw_dwarf *d = u->d;
    switch (value->form) {
    case MW_FORM_STRING:
        return value->string;
    case MW_FORM_STRP:
        return mw_dwarf_string_at(&d->str, value->number);
    case MW_FORM_LINE_STRP:
        return mw_dwarf_string_at(&d->line_str, value->number);
    case MW_FORM_STRX:
    case MW_FORM_STRX1:
    case MW_FORM_STRX2:
    case MW_FORM_STRX3:
    case MW_FORM_STRX4: {
        if (value->number > d->str_offsets.size)
            break;
        mw_dwarf_reader r = mw_dwarf_at(&d->str_offsets,
                                        u->str_offsets_base + value->number * u->encoding.offset_size);
        uint64_t offset = mw_dwarf_fixed(&r, u->encoding.offset_size);
        return r.bad ? (mw_wasm_name){"", 0} : mw_dwarf_string_at(&d->str, offset);
    }
    default:
        break;
    }
    return (mw_wasm_name){"", 0};
}

/* Entry `index` of .debug_addr. */
static bool indexed_address(const unit *u, uint64_t index, uint64_t *out)
{
    if (index > u->d->addr.size)
        return false;
    mw_dwarf_reader r = mw_dwarf_at(&u->d->addr, u->addr_base + index * u->encoding.address_size);
    *out = mw_dwarf_fixed(&r, u->encoding.address_size);
    return !r.bad;
}

static bool is_address(const mw_dwarf_value *value)
{
    return value->form == MW_FORM_ADDR || value->form == MW_FORM_ADDRX ||
           (value->form >= MW_FORM_ADDRX1 && value->form <= MW_FORM_ADDRX4);
}

static bool address(const unit *u, const mw_dwarf_value *value, uint64_t *out)
{
    *out = value->number;
    return value->form == MW_FORM_ADDR || (is_address(value) && indexed_address(u, value->number, out));
}

/* The entry that an attribute refers to. */
static uint32_t reference(const unit *u, const mw_dwarf_value *value)
{
    uint64_t to = value->number;
    switch (value->form) {
    case MW_FORM_REF1:
    case MW_FORM_REF2:
    case MW_FORM_REF4:
    case MW_FORM_REF8:
    case MW_FORM_REF_UDATA:
        to += u->offset;
        return to >= u->offset && to < MW_DEBUG_NONE ? (uint32_t)to : MW_DEBUG_NONE;
    case MW_FORM_REF_ADDR:
        return to < MW_DEBUG_NONE ? (uint32_t)to : MW_DEBUG_NONE;
    default:
        return MW_DEBUG_NONE;
    }
}

static uint32_t file_of(const unit *u, const mw_dwarf_value *value)
{
    if (!value->form || !u->lines)
        return MW_DEBUG_NONE;
    uint64_t index = u->lines->version >= 5 ? value->number : value->number - 1;
    return index < u->lines->nfiles ? u->lines->first_file + (uint32_t)index : MW_DEBUG_NONE;
}

static uint32_t line_of(const mw_dwarf_value *value)
{
    return value->number <= INT32_MAX ? (uint32_t)value->number : 0;
}

/* ---- Ranges ------------------------------------------------------------------------------------------------------- */

/* An empty range, or one outside the code, is dropped: so are functions that the linker dropped. */
static bool add_range(const unit *u, uint64_t begin, uint64_t end, uint32_t scope)
{
    if (begin == 0 || begin >= end || end > u->d->code_size)
        return false;
    mw_dwarf_range *range = append(u->d, &u->d->ranges, sizeof *range);
    if (range)
        *range = (mw_dwarf_range){(uint32_t)begin, (uint32_t)end, scope};
    return range != NULL;
}

/* .debug_ranges, before version 5. */
static bool add_old_ranges(const unit *u, uint64_t offset, uint32_t scope)
{
    mw_dwarf_reader r = mw_dwarf_at(&u->d->old_ranges, offset);
    unsigned size = u->encoding.address_size;
    uint64_t base = u->low_pc, highest = size == 8 ? UINT64_MAX : UINT32_MAX;
    bool any = false;
    while (!r.bad && spend(u->d, RANGE_PRICE)) {
        uint64_t begin = mw_dwarf_fixed(&r, size), end = mw_dwarf_fixed(&r, size);
        if (r.bad || (!begin && !end))
            break;
        if (begin == highest)
            base = end;
        else
            any |= add_range(u, base + begin, base + end, scope);
    }
    return any;
}

/* .debug_rnglists (7.25). */
static bool add_range_list(const unit *u, uint64_t offset, uint32_t scope)
{
    enum { END, BASE_ADDRESSX, STARTX_ENDX, STARTX_LENGTH, OFFSET_PAIR, BASE_ADDRESS, START_END, START_LENGTH };
    mw_dwarf_reader r = mw_dwarf_at(&u->d->rnglists, offset);
    unsigned size = u->encoding.address_size;
    uint64_t base = u->low_pc;
    bool any = false;
    while (!r.bad && spend(u->d, RANGE_PRICE)) {
        uint64_t kind = mw_dwarf_fixed(&r, 1), begin = 0, end = 0;
        bool good = true;
        if (r.bad || kind == END || kind > START_LENGTH)
            break;
        if (kind == BASE_ADDRESSX || kind == STARTX_ENDX || kind == STARTX_LENGTH)
            good = indexed_address(u, mw_dwarf_uleb(&r), &begin);
        else
            begin = kind == OFFSET_PAIR ? base + mw_dwarf_uleb(&r) : mw_dwarf_fixed(&r, size);
        if (kind == STARTX_ENDX)
            good &= indexed_address(u, mw_dwarf_uleb(&r), &end);
        else if (kind == OFFSET_PAIR)
            end = base + mw_dwarf_uleb(&r);
        else if (kind == START_END)
            end = mw_dwarf_fixed(&r, size);
        else if (kind == STARTX_LENGTH || kind == START_LENGTH)
            end = begin + mw_dwarf_uleb(&r);
        if (kind == BASE_ADDRESSX || kind == BASE_ADDRESS)
            base = good ? begin : base;
        else if (good && !r.bad)
            any |= add_range(u, begin, end, scope);
    }
    return any;
}

/* Adds the code of `e` to `scope`; tells whether there is any. */
static bool add_ranges(const unit *u, const entry *e, uint32_t scope)
{
    const mw_dwarf_value *ranges = &e->values[AT_RANGES], *high = &e->values[AT_HIGH_PC];
    uint64_t begin, end;
    if (address(u, &e->values[AT_LOW_PC], &begin) && high->form) {
        if (!is_address(high))
            end = begin + high->number;
        else if (!address(u, high, &end))
            return false;
        return add_range(u, begin, end, scope);
    }
    if (!ranges->form)
        return false;
    if (u->encoding.version < 5)
        return add_old_ranges(u, ranges->number, scope);
    if (ranges->form != MW_FORM_RNGLISTX)
        return add_range_list(u, ranges->number, scope);
    if (ranges->number > u->d->rnglists.size)
        return false;
    mw_dwarf_reader r = mw_dwarf_at(&u->d->rnglists, u->rnglists_base + ranges->number * u->encoding.offset_size);
    uint64_t offset = mw_dwarf_fixed(&r, u->encoding.offset_size);
    return !r.bad && add_range_list(u, u->rnglists_base + offset, scope);
}

/* ---- Functions and scopes ------------------------------------------------------------------------------------------ */

/* A scope if `e` has code, else `outer`. */
static uint32_t add_scope(unit *u, const entry *e, uint32_t function, uint32_t outer)
{
    mw_dwarf *d = u->d;
    uint32_t index = d->scopes.count;
    if (!add_ranges(u, e, index))
        return outer;
    mw_debug_scope *scope = append(d, &d->scopes, sizeof *scope);
    if (!scope)
        return outer;
    *scope = (mw_debug_scope){function, outer, file_of(u, &e->values[AT_CALL_FILE]),
                              line_of(&e->values[AT_CALL_LINE])};
    return index;
}

static void add_function(unit *u, const entry *e, uint32_t in)
{
    mw_dwarf_function *f = spend(u->d, FUNCTION_PRICE) ? append(u->d, &u->d->functions, sizeof *f) : NULL;
    if (!f)
        return;
    const mw_dwarf_value *origin = &e->values[AT_ABSTRACT_ORIGIN];
    *f = (mw_dwarf_function){
        .entry = e->offset,
        .origin = reference(u, origin->form ? origin : &e->values[AT_SPECIFICATION]),
        .in = in,
        .file = file_of(u, &e->values[AT_DECL_FILE]),
        .line = line_of(&e->values[AT_DECL_LINE]),
        .name = text(u, &e->values[AT_NAME]),
        .linkage = text(u, &e->values[AT_LINKAGE_NAME]),
    };
}

static uint32_t add_namespace(unit *u, const entry *e, uint32_t in)
{
    mw_wasm_name name = mw_dwarf_ended(text(u, &e->values[AT_NAME]));
    if (!name.len && e->abbreviation->tag != TAG_NAMESPACE)
        return in; /* a class without a name */
    if (!name.len)
        name = (mw_wasm_name){"(anonymous namespace)", 21};
    mw_debug_namespace *n = spend(u->d, NAMESPACE_PRICE) ? append(u->d, &u->d->namespaces, sizeof *n) : NULL;
    if (!n)
        return in;
    *n = (mw_debug_namespace){name, in};
    return u->d->namespaces.count - 1;
}

/* What the children of `e` are in. */
static level enter(unit *u, const entry *e, level outer)
{
    switch (e->abbreviation->tag) {
    case TAG_SUBPROGRAM:
        add_function(u, e, outer.in);
        outer.scope = add_scope(u, e, e->offset, MW_DEBUG_NONE);
        outer.depth = 0;
        break;
    case TAG_INLINED_SUBROUTINE:
        if (outer.scope != MW_DEBUG_NONE && outer.depth < MAX_INLINED) {
            uint32_t scope = add_scope(u, e, reference(u, &e->values[AT_ABSTRACT_ORIGIN]), outer.scope);
            outer.depth += scope != outer.scope;
            outer.scope = scope;
        }
        break;
    case TAG_NAMESPACE:
    case TAG_MODULE:
    case TAG_CLASS_TYPE:
    case TAG_STRUCTURE_TYPE:
    case TAG_UNION_TYPE:
        if (e->abbreviation->has_children)
            outer.in = add_namespace(u, e, outer.in);
        break;
    default:
        break;
    }
    return outer;
}

/* ---- Units ----------------------------------------------------------------------------------------------------------- */

static mw_dwarf_line_unit *find_lines(const mw_dwarf *d, uint64_t offset)
{
    mw_dwarf_line_unit *units = d->line_units.items;
    uint32_t low = 0, high = d->line_units.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (units[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < d->line_units.count && units[low].offset == offset ? &units[low] : NULL;
}

static bool is_cxx(uint64_t language)
{
    return language == 0x04 || language == 0x1a || language == 0x21 || language == 0x2b || language == 0x3a;
}

static void read_root(unit *u, const entry *e)
{
    const mw_dwarf_value *v = e->values;
    u->str_offsets_base = v[AT_STR_OFFSETS_BASE].number;
    u->addr_base = v[AT_ADDR_BASE].number;
    u->rnglists_base = v[AT_RNGLISTS_BASE].number;
    if (!address(u, &v[AT_LOW_PC], &u->low_pc))
        u->low_pc = 0;
    u->d->result.is_cxx |= is_cxx(v[AT_LANGUAGE].number);
    mw_dwarf_line_unit *lines = v[AT_STMT_LIST].form ? find_lines(u->d, v[AT_STMT_LIST].number) : NULL;
    if (lines && !lines->has_base) {
        mw_debug_file *files = u->d->files.items;
        mw_wasm_name base = mw_dwarf_ended(text(u, &v[AT_COMP_DIR]));
        for (uint32_t i = 0; i < lines->nfiles; i++)
            files[lines->first_file + i].base = base;
        lines->has_base = true;
    }
    u->lines = lines;
}

/* Leaves the reader at the first entry; false if the unit is of a kind that has no code. */
static bool read_header(unit *u)
{
    uint64_t abbreviations, type = UT_COMPILE;
    u->encoding.version = (uint16_t)mw_dwarf_fixed(&u->r, 2);
    if (u->encoding.version < 2 || u->encoding.version > 5)
        return false;
    if (u->encoding.version >= 5) {
        type = mw_dwarf_fixed(&u->r, 1);
        u->encoding.address_size = (uint8_t)mw_dwarf_fixed(&u->r, 1);
        abbreviations = mw_dwarf_fixed(&u->r, u->encoding.offset_size);
    } else {
        abbreviations = mw_dwarf_fixed(&u->r, u->encoding.offset_size);
        u->encoding.address_size = (uint8_t)mw_dwarf_fixed(&u->r, 1);
    }
    if (u->r.bad || (type != UT_COMPILE && type != UT_PARTIAL) ||
        (u->encoding.address_size != 4 && u->encoding.address_size != 8))
        return false;
    read_abbreviations(u, abbreviations);
    return true;
}

static void read_entries(unit *u)
{
    entry e;
    level at = {MW_DEBUG_NONE, MW_DEBUG_NONE, 0};
    u->levels.count = 0;
    while (u->r.pos < u->r.end && !u->d->no_memory && read_entry(u, &e)) {
        if (!e.abbreviation) { /* the end of a list of children */
            if (u->levels.count <= 1)
                return;
            at = ((level *)u->levels.items)[--u->levels.count];
            continue;
        }
        level inner;
        if (e.abbreviation->tag == TAG_COMPILE_UNIT || e.abbreviation->tag == TAG_PARTIAL_UNIT) {
            read_root(u, &e);
            inner = at;
        } else {
            inner = enter(u, &e, at);
        }
        if (e.abbreviation->has_children) {
            level *l = append(u->d, &u->levels, sizeof *l);
            if (l)
                *l = at;
            at = inner;
        } else if (!u->levels.count) {
            return; /* a unit is one entry and what is in it */
        }
    }
}

void mw_dwarf_read_info(mw_dwarf *d)
{
    unit u = {.d = d};
    mw_dwarf_reader section = mw_dwarf_at(&d->info, 0);
    while (section.pos < section.end && !d->no_memory) {
        u.offset = (uint32_t)(section.pos - d->info.bytes);
        u.encoding = (mw_dwarf_encoding){0};
        u.lines = NULL;
        u.str_offsets_base = u.addr_base = u.rnglists_base = u.low_pc = 0;
        u.r = mw_dwarf_unit(&section, &u.encoding.offset_size);
        if (!section.bad && read_header(&u))
            read_entries(&u);
    }
    mw_dwarf_vector_free(&u.abbreviations);
    mw_dwarf_vector_free(&u.attributes);
    mw_dwarf_vector_free(&u.levels);
}
