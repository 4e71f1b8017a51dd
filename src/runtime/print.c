/* Traps for people. */
#include "runtime/internal.h"
#include "runtime/symbolize.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const trap_texts[] = {
#define TRAP_TEXT(t, text) text,
    MW_TRAPS(TRAP_TEXT)
#undef TRAP_TEXT
};

const char *mw_trap_text(mw_trap_code code)
{
    return (unsigned)code < MW_TRAP_COUNT ? trap_texts[code] : "unknown trap";
}

/* The plugin that reads line tables lies beside this library. It is loaded now, so that no other run pays for
 * libdw. NULL if it is not there: then offsets are not shown. */
static mw_symbolize_fn *load_symbolizer(void)
{
    static mw_symbolize_fn *symbolize;
    static bool tried;
    if (tried)
        return symbolize;
    tried = true;
    Dl_info info;
    char path[4096];
    if (!dladdr((void *)mw_trap_text, &info) || !info.dli_fname)
        return NULL;
    const char *slash = strrchr(info.dli_fname, '/');
    if (!slash || (size_t)snprintf(path, sizeof path, "%.*s/%s", (int)(slash - info.dli_fname), info.dli_fname,
                                   MW_SYMBOLIZE_LIBRARY) >= sizeof path)
        return NULL;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle)
        symbolize = (mw_symbolize_fn *)dlsym(handle, MW_SYMBOLIZE_SYMBOL);
    return symbolize;
}

/* A report is written at once, so that those of several ranks do not mix; and it needs no heap, whose lock whoever
 * trapped may hold. */
typedef struct text {
    char bytes[12288];
    size_t len;
} text;

static __attribute__((format(printf, 2, 3))) void say(text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->bytes + t->len, sizeof t->bytes - t->len, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof t->bytes - t->len)
        t->len += (size_t)n;
    else
        t->bytes[t->len] = 0; /* whole pieces only */
}

/* Names come from the guest: nothing that a terminal obeys is printed, and no more than a line can hold. */
static void say_name(text *t, const char *name)
{
    for (unsigned i = 0; name[i] && i < 200; i++)
        say(t, "%c", mw_printable(name[i]));
}

/* The function whose body holds the module's byte `offset`; `fallback` if none does. */
static uint32_t function_of_offset(const mw_code_descriptor *d, uint32_t offset, uint32_t fallback)
{
    uint32_t best = 0, func = fallback;
    for (uint32_t i = 0; d->func_offsets && i < d->nfuncs - d->nimported_funcs; i++) {
        if (d->func_offsets[i] <= offset && d->func_offsets[i] > best) {
            best = d->func_offsets[i];
            func = d->nimported_funcs + i;
        }
    }
    return func;
}

typedef struct frame {
    const mw_code_descriptor *code;
    uint32_t func;
    mw_place place;
} frame;

/* What was last printed, to count repetitions of: recursion. */
typedef struct last_frame {
    frame frame;
    unsigned repeated;
} last_frame;

static bool is_same(const frame *a, const frame *b)
{
    return a->code == b->code && a->func == b->func && a->place.has_offset == b->place.has_offset &&
           a->place.offset == b->place.offset && a->place.is_inlined == b->place.is_inlined &&
           a->place.line == b->place.line && !strcmp(a->place.function, b->place.function);
}

static void end_repetition(text *t, const char *prefix, last_frame *last)
{
    if (last->repeated)
        say(t, "%s     ... the same %u more time%s\n", prefix, last->repeated, last->repeated == 1 ? "" : "s");
    last->repeated = 0;
}

static void print_frame(text *t, const char *prefix, unsigned *number, last_frame *last, const frame *f)
{
    unsigned i = (*number)++;
    const mw_place *p = &f->place;
    if (i && is_same(&last->frame, f)) {
        last->repeated++;
        return;
    }
    end_repetition(t, prefix, last);
    last->frame = *f;
    say(t, "%s  #%u ", prefix, i);
    if (p->is_inlined) {
        say_name(t, p->function[0] ? p->function : "a function");
        say(t, " (inlined)");
    } else {
        say_name(t, f->code->func_names[f->func]);
        say(t, " (function %" PRIu32, f->func);
        if (p->has_offset)
            say(t, ", offset 0x%" PRIx32, p->offset);
        say(t, ")");
    }
    if (p->file) {
        say(t, " at ");
        say_name(t, p->file);
        say(t, ":%" PRIu32, p->line);
    }
    say(t, "\n");
}

static void print_frames(text *t, const mw_trap *trap, const char *prefix)
{
    mw_symbolize_fn *symbolize = trap->nframes ? load_symbolizer() : NULL;
    unsigned number = 0;
    last_frame last = {0};
    for (unsigned i = 0; i < trap->nframes; i++) {
        const mw_frame *f = &trap->frames[i];
        const mw_code *code = mw_code_of_pc(f->pc);
        mw_place places[32];
        uint32_t func = UINT32_MAX;
        unsigned n = symbolize && code ? symbolize(code->path, f->pc - code->load_bias, places, 32) : 0;
        /* One machine frame is a frame of the guest's for each function that was inlined into it. */
        for (unsigned k = 0; k < n; k++) {
            func = places[k].has_offset ? function_of_offset(f->code, places[k].offset, f->func) : f->func;
            print_frame(t, prefix, &number, &last, &(frame){f->code, func, places[k]});
        }
        if (func != f->func)
            print_frame(t, prefix, &number, &last, &(frame){f->code, f->func, {0}});
    }
    end_repetition(t, prefix, &last);
    if (trap->truncated)
        say(t, "%s  ... more frames\n", prefix);
}

/* C's abort ends in an instruction that traps. wasm-ld puts functions that trap in place of calls which it cannot link, and
 * names them for it. */
static void explain_unreachable(text *t, const mw_trap *trap)
{
    static const struct {
        const char *prefix, *text;
    } stubs[] = {
        {"signature_mismatch:", "is called with other types than it is defined with (the linker warned of it): declare it where it is called"},
        {"undefined_weak:", "is declared weak and defined nowhere"},
    };

    if (trap->code != MW_TRAP_UNREACHABLE || !trap->nframes)
        return;
    const char *name = trap->frames[0].code->func_names[trap->frames[0].func];
    if (!strcmp(name, "abort"))
        say(t, ": the program called abort()");
    for (unsigned i = 0; i < sizeof stubs / sizeof *stubs; i++) {
        size_t length = strlen(stubs[i].prefix);
        if (!strncmp(name, stubs[i].prefix, length)) {
            say(t, ": '");
            say_name(t, name + length);
            say(t, "' %s", stubs[i].text);
        }
    }
}

void mw_trap_print(const mw_trap *trap, const char *prefix, FILE *to)
{
    text t = {.len = 0};
    say(&t, "%strap", prefix);
    if (trap->thread)
        say(&t, " in thread %" PRIu32, trap->thread);
    say(&t, ": %s", trap->code == MW_TRAP_HOST && trap->message[0] ? trap->message
                                                                                 : mw_trap_text(trap->code));
    if (trap->has_address)
        say(&t, " at address 0x%" PRIx64, trap->address);
    if (trap->code != MW_TRAP_HOST && trap->message[0])
        say(&t, ": %s", trap->message);
    explain_unreachable(&t, trap);
    if (trap->code == MW_TRAP_STACK_OVERFLOW)
        say(&t, ": too many calls are open for the stack that they are kept on (--stack-size SIZE gives a larger one)");
    say(&t, "\n");
    print_frames(&t, trap, prefix);
    fwrite(t.bytes, 1, t.len, to);
    fflush(to);
}
