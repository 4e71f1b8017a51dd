/* Line number programs (DWARF 5, 6.2; DWARF 2 to 4). */
#include "wasm/dwarf_internal.h"

enum {
    LNS_COPY = 1,
    LNS_ADVANCE_PC = 2,
    LNS_ADVANCE_LINE = 3,
    LNS_SET_FILE = 4,
    LNS_CONST_ADD_PC = 8,
    LNS_FIXED_ADVANCE_PC = 9,

    LNE_END_SEQUENCE = 1,
    LNE_SET_ADDRESS = 2,
    LNE_DEFINE_FILE = 3,

    LNCT_PATH = 1,
    LNCT_DIRECTORY_INDEX = 2,
};

/* A unit of .debug_line while it is read. */
typedef struct program {
    mw_dwarf *d;
    mw_dwarf_line_unit *unit;
    mw_dwarf_reader r;
    mw_dwarf_encoding encoding;
    mw_dwarf_vector dirs; /* mw_wasm_name */
    uint8_t min_length, line_range, opcode_base;
    int8_t line_base;
    uint8_t lengths[256]; /* operands of the standard opcodes */

    uint64_t address;
    uint32_t file, line;
    uint32_t sequence; /* where the rows of this sequence begin */
} program;

static void add_dir(program *p, mw_wasm_name dir)
{
    mw_wasm_name *item = mw_dwarf_append(&p->dirs, sizeof dir);
    if (item)
        *item = mw_dwarf_ended(dir);
    else
        p->d->no_memory = true;
}

static void add_file(program *p, mw_wasm_name name, uint64_t dir)
{
    mw_debug_file *file = mw_dwarf_append(&p->d->files, sizeof *file);
    if (!file) {
        p->d->no_memory = true;
        return;
    }
    const mw_wasm_name *dirs = p->dirs.items;
    uint64_t index = p->unit->version >= 5 ? dir : dir - 1; /* before version 5, 0 is the working directory */
    file->name = mw_dwarf_ended(name);
    file->dir = index < p->dirs.count ? dirs[index] : (mw_wasm_name){"", 0};
    file->base = p->unit->version >= 5 && p->dirs.count ? dirs[0] : (mw_wasm_name){"", 0};
    p->unit->nfiles++;
}

/* ---- Directories and files ------------------------------------------------------------------------------------ */

static void read_old_tables(program *p)
{
    mw_wasm_name name;
    while ((name = mw_dwarf_string(&p->r)).len)
        add_dir(p, name);
    while ((name = mw_dwarf_string(&p->r)).len) {
        uint64_t dir = mw_dwarf_uleb(&p->r);
        mw_dwarf_uleb(&p->r); /* time */
        mw_dwarf_uleb(&p->r); /* size */
        add_file(p, name, dir);
    }
}

static mw_wasm_name path_of(const program *p, mw_dwarf_value value)
{
    switch (value.form) {
    case MW_FORM_STRING:
        return value.string;
    case MW_FORM_STRP:
        return mw_dwarf_string_at(&p->d->str, value.number);
    case MW_FORM_LINE_STRP:
        return mw_dwarf_string_at(&p->d->line_str, value.number);
    default:
        return (mw_wasm_name){"", 0};
    }
}

/* One of the two tables of version 5. */
static void read_table(program *p, bool is_files)
{
    struct {
        uint64_t type, form;
    } formats[256];
    unsigned nformats = (unsigned)mw_dwarf_fixed(&p->r, 1);
    for (unsigned i = 0; i < nformats; i++) {
        formats[i].type = mw_dwarf_uleb(&p->r);
        formats[i].form = mw_dwarf_uleb(&p->r);
        /* Each entry must take room, so that their number is bounded. */
        if (formats[i].form == MW_FORM_IMPLICIT_CONST || formats[i].form == MW_FORM_FLAG_PRESENT)
            p->r.bad = true;
    }
    uint64_t count = mw_dwarf_uleb(&p->r);
    for (uint64_t i = 0; i < count && nformats && !p->r.bad && !p->d->no_memory; i++) {
        mw_wasm_name path = {"", 0};
        uint64_t dir = 0;
        for (unsigned k = 0; k < nformats; k++) {
            mw_dwarf_value value = mw_dwarf_read_form(&p->r, formats[k].form, p->encoding, 0);
            if (formats[k].type == LNCT_PATH)
                path = path_of(p, value);
            else if (formats[k].type == LNCT_DIRECTORY_INDEX)
                dir = value.number;
        }
        if (p->r.bad)
            break;
        if (is_files)
            add_file(p, path, dir);
        else
            add_dir(p, path);
    }
}

/* Leaves the reader at the program. */
static bool read_header(program *p)
{
    p->unit->version = p->encoding.version = (uint16_t)mw_dwarf_fixed(&p->r, 2);
    if (p->unit->version < 2 || p->unit->version > 5)
        return false;
    if (p->unit->version >= 5) {
        p->encoding.address_size = (uint8_t)mw_dwarf_fixed(&p->r, 1);
        mw_dwarf_skip(&p->r, 1); /* size of segment selectors */
        if (p->encoding.address_size != 4 && p->encoding.address_size != 8)
            return false;
        p->unit->has_base = true;
    }
    uint64_t length = mw_dwarf_fixed(&p->r, p->encoding.offset_size);
    mw_dwarf_reader code = p->r;
    mw_dwarf_skip(&code, length);
    p->min_length = (uint8_t)mw_dwarf_fixed(&p->r, 1);
    if (p->unit->version >= 4)
        mw_dwarf_skip(&p->r, 1); /* maximum operations per instruction */
    mw_dwarf_skip(&p->r, 1);     /* default of is_stmt */
    p->line_base = (int8_t)mw_dwarf_fixed(&p->r, 1);
    p->line_range = (uint8_t)mw_dwarf_fixed(&p->r, 1);
    p->opcode_base = (uint8_t)mw_dwarf_fixed(&p->r, 1);
    for (unsigned i = 1; i < p->opcode_base; i++)
        p->lengths[i] = (uint8_t)mw_dwarf_fixed(&p->r, 1);
    if (p->unit->version >= 5) {
        read_table(p, false);
        read_table(p, true);
    } else {
        read_old_tables(p);
    }
    bool good = !p->r.bad && !code.bad && p->line_range && p->opcode_base;
    p->r = code;
    return good;
}

/* ---- The program ---------------------------------------------------------------------------------------------- */

static void begin_sequence(program *p)
{
    p->address = 0;
    p->file = p->line = 1;
    p->sequence = p->d->rows.count;
}

static void add_row(program *p, uint32_t line)
{
    mw_dwarf *d = p->d;
    uint32_t offset = p->address < d->code_size ? (uint32_t)p->address : d->code_size;
    uint32_t index = p->unit->version >= 5 ? p->file : p->file - 1;
    uint32_t file = index < p->unit->nfiles ? p->unit->first_file + index : MW_DEBUG_NONE;
    if (file == MW_DEBUG_NONE || line > INT32_MAX)
        line = 0;
    mw_debug_row *last = d->rows.count > p->sequence ? (mw_debug_row *)d->rows.items + d->rows.count - 1 : NULL;
    if (last && last->line == line && (last->file == file || !line))
        return;
    if (!last || last->offset != offset) {
        /* More rows than bytes of code say nothing. */
        last = d->rows.count <= d->code_size ? mw_dwarf_append(&d->rows, sizeof *last) : NULL;
        if (!last) {
            d->no_memory = true;
            return;
        }
    }
    *last = (mw_debug_row){offset, file, line};
}

/* The code of a function that the linker dropped is said to be at 0 or at the end of the address space. */
static void end_sequence(program *p)
{
    mw_dwarf_vector *rows = &p->d->rows;
    add_row(p, 0);
    if (rows->count > p->sequence) {
        uint32_t first = ((mw_debug_row *)rows->items)[p->sequence].offset;
        if (first == 0 || first >= p->d->code_size)
            rows->count = p->sequence;
    }
    begin_sequence(p);
}

static void extended(program *p)
{
    uint64_t length = mw_dwarf_uleb(&p->r);
    mw_dwarf_reader r = p->r;
    mw_dwarf_skip(&p->r, length);
    if (p->r.bad || !length)
        return;
    r.end = p->r.pos;
    switch (mw_dwarf_fixed(&r, 1)) {
    case LNE_END_SEQUENCE:
        end_sequence(p);
        break;
    case LNE_SET_ADDRESS:
        p->address = length - 1 <= 8 ? mw_dwarf_fixed(&r, (unsigned)length - 1) : UINT64_MAX;
        break;
    case LNE_DEFINE_FILE: {
        mw_wasm_name name = mw_dwarf_string(&r);
        uint64_t dir = mw_dwarf_uleb(&r);
        if (!r.bad)
            add_file(p, name, dir);
        break;
    }
    default:
        break;
    }
}

static void standard(program *p, uint8_t opcode)
{
    switch (opcode) {
    case LNS_COPY:
        add_row(p, p->line);
        break;
    case LNS_ADVANCE_PC:
        p->address += mw_dwarf_uleb(&p->r) * p->min_length;
        break;
    case LNS_ADVANCE_LINE:
        p->line += (uint32_t)mw_dwarf_sleb(&p->r);
        break;
    case LNS_SET_FILE: {
        uint64_t file = mw_dwarf_uleb(&p->r);
        p->file = file < UINT32_MAX ? (uint32_t)file : UINT32_MAX;
        break;
    }
    case LNS_CONST_ADD_PC:
        p->address += (uint64_t)((255 - p->opcode_base) / p->line_range) * p->min_length;
        break;
    case LNS_FIXED_ADVANCE_PC:
        p->address += mw_dwarf_fixed(&p->r, 2);
        break;
    default:
        for (unsigned i = 0; i < p->lengths[opcode]; i++)
            mw_dwarf_uleb(&p->r);
    }
}

static void run(program *p)
{
    begin_sequence(p);
    while (p->r.pos < p->r.end && !p->d->no_memory) {
        uint8_t opcode = *p->r.pos++;
        if (opcode >= p->opcode_base) {
            unsigned step = (unsigned)(opcode - p->opcode_base);
            p->address += (uint64_t)(step / p->line_range) * p->min_length;
            p->line += (uint32_t)(p->line_base + (int)(step % p->line_range));
            add_row(p, p->line);
        } else if (opcode == 0) {
            extended(p);
        } else {
            standard(p, opcode);
        }
    }
    p->d->rows.count = p->sequence; /* of one that did not end, nothing is known */
}

void mw_dwarf_read_lines(mw_dwarf *d)
{
    mw_dwarf_reader section = mw_dwarf_at(&d->line, 0);
    while (section.pos < section.end && !d->no_memory) {
        mw_dwarf_line_unit *unit = mw_dwarf_append(&d->line_units, sizeof *unit);
        if (!unit) {
            d->no_memory = true;
            return;
        }
        unit->offset = (uint32_t)(section.pos - d->line.bytes);
        unit->first_file = d->files.count;
        program p = {.d = d, .unit = unit, .encoding.address_size = 4};
        p.r = mw_dwarf_unit(&section, &p.encoding.offset_size);
        if (!section.bad && read_header(&p))
            run(&p);
        mw_dwarf_vector_free(&p.dirs);
    }
}
