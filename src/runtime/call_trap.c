/* What is said of a call by a table that traps: who called what, and as what. */
#include "runtime/internal.h"
#include "runtime/stack.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Names come from the guest: nothing that a terminal obeys, and no more than a sentence can hold. */
typedef struct name {
    char text[104];
} name;

static name quoted(const char *of)
{
    name out;
    size_t n = 0;
    out.text[n++] = '\'';
    for (; of[n - 1] && n < sizeof out.text - 2; n++)
        out.text[n] = mw_printable(of[n - 1]);
    out.text[n++] = '\'';
    out.text[n] = 0;
    return out;
}

/* The innermost frame of the guest's; empty if there is none. */
static name caller(void)
{
    mw_trap here = {0};
    mw_backtrace(&here, 0, NULL);
    if (!here.nframes)
        return (name){"a function"};
    return quoted(here.frames[0].code->func_names[here.frames[0].func]);
}

static void print_type(uint32_t id, char *text, size_t size)
{
    const mw_functype *type = mw_functype_of(id);
    if (mw_functype_print(type, text, size) >= (int)size)
        snprintf(text, size, "with %" PRIu32 " parameters", type->nparams);
}

void mw_call_trap(mw_instance *instance, uint32_t code, uint32_t type, uint32_t tableidx, uint64_t index)
{
    char as[112] = "", message[sizeof((mw_trap *)0)->message];
    name from = caller();
    const mw_table *table = instance->tables[tableidx];
    uint64_t size = __atomic_load_n(&table->size, __ATOMIC_ACQUIRE);
    const mw_func *func = index < size ? table->elems[index] : NULL;
    if (type < instance->code->ntypes) {
        int n = snprintf(as, sizeof as, " as a function of type ");
        print_type(instance->type_ids[type], as + n, sizeof as - (size_t)n);
    }
    if (code == MW_TRAP_UNDEFINED_ELEMENT) {
        snprintf(message, sizeof message, "%s calls element %" PRIu64 "%s, but its table of functions has %" PRIu64, from.text,
                 index, as, size);
    } else if (code == MW_TRAP_UNINITIALIZED_ELEMENT) {
        char which[80] = "a null function pointer";
        if (index && index != UINT64_MAX)
            snprintf(which, sizeof which, "element %" PRIu64 " of its table of functions, which is null,", index);
        snprintf(message, sizeof message, "%s calls %s%s", from.text, which, as);
    } else if (func) {
        char its[96];
        print_type(func->type_id, its, sizeof its);
        name callee = func->instance ? quoted(func->instance->code->func_names[func->index]) : (name){"a function of the host"};
        snprintf(message, sizeof message, "%s calls %s, which is of type %s,%s", from.text, callee.text, its, as);
    } else {
        snprintf(message, sizeof message, "%s calls a function of another type%s", from.text, as);
    }
    mw_run_trap(instance, (mw_trap_code)code, message);
}
