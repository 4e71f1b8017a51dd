/* Guest exceptions: where they live, how long, and how one is thrown.
 *
 * A throw first looks at the frames from itself outwards and only then unwinds: to the first landing pad of guest code
 * that it finds before a frame of the host. What is found nowhere is a trap at the throw, with all frames still there.
 * So no frame of the host is ever unwound, and no other language's personality routine is asked.
 *
 * An exnref may be anywhere a reference can be, so exceptions are collected: each thread has a heap of its own, and
 * when that has doubled, what its stack, taken word by word, and the exceptions found there do not refer to is freed.
 * References also lie in globals and tables, if a module has any of such a type, and then may get to other threads;
 * as long as such an instance exists, all heaps are collected together, and only while no other thread runs guest
 * code. An address on the stack that only looks like one keeps an exception alive, nothing more; each frame may hold a
 * few of what was there before, so the more stack is in use, the more exceptions are allowed. */
#include "runtime/internal.h"
#include "runtime/stack.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define LEAVE_FRAMES() __asan_handle_no_return()
#else
#define LEAVE_FRAMES() ((void)0)
#endif

/* A heap is collected from FIRST_BYTES on. After that MAX_BYTES may be in use, and MAX_PER_STACK bytes for each byte of
 * stack. */
#define FIRST_BYTES ((size_t)256 << 10)
#define MAX_BYTES ((size_t)32 << 20)
#define MAX_PER_STACK 6
/* What walking the stack and a trap need of it. */
#define STACK_ROOM ((size_t)32 << 10)

enum { NTRACES = 32, MAX_TRACE = 60 };

/* Where an exception was thrown and passed, innermost frame first: for the message should nobody catch it. The last
 * ones of a thread are kept. */
typedef struct trace {
    uint64_t number;
    uintptr_t last_function; /* begin of the function that caught it last: it throws again from there */
    unsigned count;
    bool truncated; /* there were more frames */
    uintptr_t frames[MAX_TRACE];
} trace;

/* Lies directly before the mw_exception. */
typedef struct object {
    struct object *next; /* in its heap */
    struct object *gray; /* while marking: reached, its own references not yet looked at */
    uint64_t trace;      /* its number; 0: never thrown */
    uint32_t size;       /* with this header */
    bool marked, has_refs;
} __attribute__((aligned(16))) object;

struct mw_exception_heap {
    struct mw_exception_heap *next;
    object *objects;
    size_t bytes, trigger;
    trace *traces;        /* [NTRACES] */
    uint64_t last_trace;
    bool abandoned; /* its thread has ended; exceptions of it may still be in globals and tables */
};
typedef struct mw_exception_heap heap;

/* Guards all below, and is held while exceptions are collected. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static heap *heaps;
static unsigned running;        /* threads in guest code */
static mw_instance *watched;    /* the instances with globals or tables that can hold exceptions */

static object *object_of(mw_exception *exception)
{
    return (object *)exception - 1;
}

static mw_exception *exception_of(object *o)
{
    return (mw_exception *)(o + 1);
}

/* ---- Who may refer to exceptions ----------------------------------------------------------------------------------- */

static bool holds_exceptions(mw_valtype type)
{
    return mw_is_ref(type) && mw_ref_heap(type) == MW_HEAP_EXN;
}

void mw_exceptions_watch(mw_instance *instance)
{
    const mw_code_descriptor *d = instance->code;
    bool any = false;
    for (uint32_t i = 0; i < d->nglobals && !any; i++)
        any = holds_exceptions(d->globals[i].type);
    for (uint32_t i = 0; i < d->ntables && !any; i++)
        any = holds_exceptions(d->tables[i].type);
    if (!any)
        return;
    pthread_mutex_lock(&lock);
    mw_private(instance)->next_watched = watched;
    watched = instance;
    pthread_mutex_unlock(&lock);
}

void mw_exceptions_unwatch(mw_instance *instance)
{
    pthread_mutex_lock(&lock);
    for (mw_instance **p = &watched; *p; p = &mw_private(*p)->next_watched) {
        if (*p == instance) {
            *p = mw_private(instance)->next_watched;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
}

void mw_exceptions_enter(void)
{
    pthread_mutex_lock(&lock);
    running++;
    pthread_mutex_unlock(&lock);
}

void mw_exceptions_leave(void)
{
    pthread_mutex_lock(&lock);
    running--;
    pthread_mutex_unlock(&lock);
}

/* ---- Collecting --------------------------------------------------------------------------------------------------- */

/* All objects, in the order of their addresses. */
typedef struct census {
    object **objects;
    size_t count;
    uintptr_t begin, end;
    object *gray;
} census;

static int compare_objects(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)*(object *const *)a, y = (uintptr_t)*(object *const *)b;
    return x < y ? -1 : x > y;
}

static bool take_census(census *c, heap *first, bool all)
{
    size_t n = 0;
    for (heap *h = first; h; h = all ? h->next : NULL)
        for (object *o = h->objects; o; o = o->next)
            n++;
    c->objects = malloc((n ? n : 1) * sizeof *c->objects);
    if (!c->objects)
        return false;
    for (heap *h = first; h; h = all ? h->next : NULL)
        for (object *o = h->objects; o; o = o->next)
            c->objects[c->count++] = o;
    qsort(c->objects, n, sizeof *c->objects, compare_objects);
    if (n) {
        c->begin = (uintptr_t)c->objects[0];
        c->end = (uintptr_t)c->objects[n - 1] + c->objects[n - 1]->size;
    }
    return true;
}

/* `word` may point to an exception or into one. */
static void mark(census *c, uintptr_t word)
{
    if (word < c->begin || word >= c->end)
        return;
    size_t low = 0, high = c->count; /* the last object at or below `word` is in [low, high) */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if ((uintptr_t)c->objects[middle] <= word)
            low = middle;
        else
            high = middle;
    }
    object *o = c->objects[low];
    if (word - (uintptr_t)o >= o->size || o->marked)
        return;
    o->marked = true;
    o->gray = c->gray;
    c->gray = o;
}

__attribute__((no_sanitize("address"))) static void mark_words(census *c, const uint8_t *from, const uint8_t *to)
{
    for (const uint8_t *p = from; p + sizeof(uintptr_t) <= to; p += sizeof(uintptr_t))
        mark(c, *(const uintptr_t *)(const void *)p);
}

static void mark_cells(census *c)
{
    for (mw_instance *in = watched; in; in = mw_private(in)->next_watched) {
        const mw_code_descriptor *d = in->code;
        for (uint32_t i = 0; i < d->nglobals; i++)
            if (holds_exceptions(d->globals[i].type))
                mark(c, (uintptr_t)in->globals[i]->ref);
        for (uint32_t i = 0; i < d->ntables; i++)
            for (uint64_t k = 0; holds_exceptions(d->tables[i].type) && k < in->tables[i]->size; k++)
                mark(c, (uintptr_t)in->tables[i]->elems[k]);
    }
}

static void mark_values(census *c)
{
    while (c->gray) {
        object *o = c->gray;
        c->gray = o->gray;
        mw_exception *exception = exception_of(o);
        const mw_functype *type = mw_functype_of(exception->type_id);
        for (uint32_t i = 0; o->has_refs && i < type->nparams; i++)
            if (holds_exceptions(type->types[i]))
                mark(c, (uintptr_t)exception->values[i].ref);
    }
}

static void sweep(heap *h)
{
    for (object **p = &h->objects; *p;) {
        object *o = *p;
        if (o->marked) {
            o->marked = false;
            p = &o->next;
            continue;
        }
        *p = o->next;
        h->bytes -= o->size;
        free(o);
    }
}

static void free_heap(heap *h)
{
    free(h->traces);
    free(h);
}

static void sweep_all(void)
{
    for (heap **p = &heaps; *p;) {
        heap *h = *p;
        sweep(h);
        if (!h->abandoned || h->objects) {
            p = &h->next;
            continue;
        }
        *p = h->next;
        free_heap(h);
    }
}

/* The part of this thread's stack where guest frames can be; false if that is not known, since a library of the host
 * has switched stacks. */
static bool find_stack(const mw_thread *thread, const uint8_t *here, const uint8_t **end)
{
    if (here >= thread->stack && here < thread->stack_end) {
        *end = thread->stack_end;
        return true;
    }
    *end = thread->callback_base;
    return !thread->run && thread->callback_base && here < thread->callback_base &&
           (size_t)(thread->callback_base - here) < (size_t)1 << 30;
}

/* Guest code called by way of the frame at `here`: everything that it keeps lies at higher addresses. Gives how many
 * bytes may be in use. */
static size_t collect(mw_thread *thread, const uint8_t *here)
{
    heap *own = thread->exceptions;
    const uint8_t *end = here;
    census c = {0};
    pthread_mutex_lock(&lock);
    bool all = watched != NULL;
    own->trigger = own->bytes + FIRST_BYTES;
    if (find_stack(thread, here, &end) && !(all && running > 1) && take_census(&c, all ? heaps : own, all)) {
        mark_words(&c, here, end);
        if (all)
            mark_cells(&c);
        mark_values(&c);
        if (all)
            sweep_all();
        else
            sweep(own);
        /* Enough throws until then that they outweigh the look at the stack. */
        size_t least = FIRST_BYTES > (size_t)(end - here) / 8 ? FIRST_BYTES : (size_t)(end - here) / 8;
        own->trigger = 2 * own->bytes > least ? 2 * own->bytes : least;
        free(c.objects);
    }
    pthread_mutex_unlock(&lock);
    return MAX_BYTES + (end > here ? MAX_PER_STACK * (size_t)(end - here) : 0);
}

/* Not inlined: the callers' registers are in this frame or above it. */
static __attribute__((noinline)) size_t collect_from_here(mw_thread *thread)
{
    __builtin_unwind_init(); /* what callers have in registers is in this frame now */
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    volatile uintptr_t below = 0; /* the saved registers lie below the frame's address */
    (void)below;
    here = here < (uintptr_t)&below ? here : (uintptr_t)&below;
    return collect(thread, (const uint8_t *)((here - 512) & ~(uintptr_t)7));
}

void mw_exceptions_thread_end(mw_thread *thread)
{
    heap *own = thread->exceptions;
    if (!own)
        return;
    thread->exceptions = NULL;
    pthread_mutex_lock(&lock);
    own->abandoned = true;
    heap **p = &heaps;
    while (*p != own)
        p = &(*p)->next;
    if (!watched) {
        sweep(own); /* nothing is marked */
        *p = own->next;
        free_heap(own);
    }
    pthread_mutex_unlock(&lock);
}

/* ---- Making one ------------------------------------------------------------------------------------------------------- */

static heap *heap_of(mw_thread *thread)
{
    if (thread->exceptions)
        return thread->exceptions;
    heap *h = calloc(1, sizeof *h);
    if (h && !(h->traces = calloc(NTRACES, sizeof *h->traces))) {
        free(h);
        h = NULL;
    }
    if (h) {
        h->trigger = FIRST_BYTES;
        pthread_mutex_lock(&lock);
        h->next = heaps;
        heaps = h;
        pthread_mutex_unlock(&lock);
    }
    return thread->exceptions = h;
}

/* Below the runtime's own frames an overflow of the stack would end the process. */
static void check_room(mw_instance *instance, const mw_thread *thread)
{
    const uint8_t *here = __builtin_frame_address(0);
    if (here >= thread->stack && here < thread->stack_end && (size_t)(here - thread->stack) < STACK_ROOM)
        mw_run_trap(instance, MW_TRAP_STACK_OVERFLOW, "");
}

mw_exception *mw_exception_new(mw_instance *instance, uint32_t tagidx)
{
    const mw_tag *tag = instance->tags[tagidx];
    const mw_functype *type = mw_functype_of(tag->type_id);
    size_t size = sizeof(object) + sizeof(mw_exception) + type->nparams * sizeof(mw_value);
    mw_thread *thread = mw_thread_enter();
    heap *h = thread ? heap_of(thread) : NULL;
    if (thread)
        check_room(instance, thread);
    if (h && h->bytes + size > h->trigger) {
        size_t most = collect_from_here(thread);
        if (h->bytes + size > most)
            mw_run_trap(instance, MW_TRAP_HOST, "the program keeps too many exceptions: more than 32 MiB of them");
    }
    object *o = h ? malloc(size) : NULL; /* malloc's 16-byte alignment is that of mw_value */
    if (!o)
        mw_run_trap(instance, MW_TRAP_HOST, "no memory for an exception");
    memset(o, 0, size);
    o->size = (uint32_t)size;
    for (uint32_t i = 0; i < type->nparams; i++)
        o->has_refs |= holds_exceptions(type->types[i]);
    o->next = h->objects;
    h->objects = o;
    h->bytes += size;
    mw_exception *exception = exception_of(o);
    exception->tag = tag->id;
    exception->type_id = tag->type_id;
    return exception;
}

/* ---- Throwing ----------------------------------------------------------------------------------------------------- */

#define EXCEPTION_CLASS UINT64_C(0x4d504957534d4558) /* "MPIWSMEX" */

static uint64_t read_uleb(const uint8_t **p)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = *(*p)++;
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        shift += 7;
    } while (byte & 0x80);
    return value;
}

/* The landing pad of the call at `pc` in a function that begins at `start`, 0 if it has none. LLVM writes the table
 * (Itanium C++ ABI, exception handling tables) with these encodings only. */
static uintptr_t find_landing_pad(const uint8_t *lsda, uintptr_t start, uintptr_t pc)
{
    enum { OMITTED = 0xff, ULEB = 0x01 };
    if (!lsda || *lsda++ != OMITTED) /* landing pads count from the function's begin */
        return 0;
    if (*lsda++ != OMITTED) /* types */
        (void)read_uleb(&lsda);
    if (*lsda++ != ULEB)
        return 0;
    uint64_t size = read_uleb(&lsda);
    for (const uint8_t *end = lsda + size; lsda < end;) {
        uint64_t begin = read_uleb(&lsda), length = read_uleb(&lsda), pad = read_uleb(&lsda);
        (void)read_uleb(&lsda); /* action */
        if (pc - start < begin)
            return 0;
        if (pc - start - begin < length)
            return pad ? start + pad : 0;
    }
    return 0;
}

/* A throw on its way; the header comes first. What the unwinder leaves on the stack becomes part of the guest's next
 * frames, unwritten: a plain pointer there would keep the exception alive as long as these last. So it is handed over
 * as its complement, and the landing pad takes it back. */
typedef struct flight {
    struct _Unwind_Exception header;
    uintptr_t hidden;        /* ~exception */
    bool in_guest;           /* the walk has left the runtime's own frames */
    unsigned own_frames;
    uintptr_t pad, cfa;      /* where it lands */
    trace *trace;
} flight;

static void note_frame(flight *f, uintptr_t pc, uintptr_t function)
{
    trace *t = f->trace;
    if (!f->in_guest && t->last_function == function)
        return; /* the frame that caught it throws it again */
    if (t->count < MAX_TRACE)
        t->frames[t->count++] = pc;
    else
        t->truncated = true;
}

static _Unwind_Reason_Code visit_frame(struct _Unwind_Context *context, void *arg)
{
    flight *f = arg;
    int before = 0;
    uintptr_t pc = _Unwind_GetIPInfo(context, &before);
    if (!before)
        pc--; /* a return address may already belong to the next function */
    if (!mw_code_of_pc(pc))
        return f->in_guest || ++f->own_frames > 8 ? _URC_END_OF_STACK : _URC_NO_REASON;
    uintptr_t function = _Unwind_GetRegionStart(context);
    note_frame(f, pc, function);
    f->in_guest = true;
    f->pad = find_landing_pad((const uint8_t *)_Unwind_GetLanguageSpecificData(context), function, pc);
    if (!f->pad)
        return _URC_NO_REASON;
    f->cfa = _Unwind_GetCFA(context);
    f->trace->last_function = function;
    return _URC_END_OF_STACK;
}

static _Unwind_Reason_Code go_on(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                                 struct _Unwind_Exception *unwound, struct _Unwind_Context *context, void *arg)
{
    (void)version, (void)class, (void)unwound, (void)context, (void)arg;
    return actions & _UA_END_OF_STACK ? _URC_END_OF_STACK : _URC_NO_REASON;
}

/* Exceptions that are not ours pass guest code without a stop. */
_Unwind_Reason_Code mw_exception_personality(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                                             struct _Unwind_Exception *unwound, struct _Unwind_Context *context)
{
    (void)version;
    if (class != EXCEPTION_CLASS || !(actions & _UA_FORCE_UNWIND))
        return _URC_CONTINUE_UNWIND;
    const flight *f = (const flight *)unwound;
    if (_Unwind_GetCFA(context) != f->cfa)
        return _URC_CONTINUE_UNWIND;
    _Unwind_SetGR(context, __builtin_eh_return_data_regno(0), f->hidden);
    _Unwind_SetGR(context, __builtin_eh_return_data_regno(1), 0);
    _Unwind_SetIP(context, f->pad);
    return _URC_INSTALL_CONTEXT;
}

/* The name that the tag has in an import or export of the instance that threw, and what it carries. */
static void describe(const mw_instance *instance, const mw_exception *exception, char *text, size_t size)
{
    const mw_code_descriptor *d = instance->code;
    const char *name = NULL;
    uint32_t len = 0;
    char type[200];
    for (uint32_t i = 0; i < d->nexports && !name; i++)
        if (d->exports[i].kind == MW_EXTERN_TAG && instance->tags[d->exports[i].index]->id == exception->tag)
            name = d->exports[i].name, len = d->exports[i].name_len;
    for (uint32_t i = 0; i < d->nimports && !name; i++)
        if (d->imports[i].kind == MW_EXTERN_TAG && instance->tags[d->imports[i].index]->id == exception->tag)
            name = d->imports[i].name, len = d->imports[i].name_len;
    mw_functype_print(mw_functype_of(exception->type_id), type, sizeof type);
    char *results = strstr(type, " -> ()");
    if (results)
        *results = 0;
    snprintf(text, size, "%s%.*s%s%s", name ? "\"" : "", (int)(len < 100 ? len : 100), name ? name : "",
             name ? "\" " : "one that carries ", type);
    for (; *text; text++)
        *text = mw_printable(*text);
}

/* Apart from the frames of the walk, where the plain pointer must not be. */
static __attribute__((noinline)) void begin_flight(flight *f, heap *h, mw_exception *exception)
{
    object *o = object_of(exception);
    f->header.exception_class = EXCEPTION_CLASS;
    f->hidden = ~(uintptr_t)exception;
    f->trace = &h->traces[o->trace % NTRACES];
    if (o->trace && f->trace->number == o->trace)
        return;
    o->trace = ++h->last_trace;
    f->trace = &h->traces[o->trace % NTRACES];
    *f->trace = (trace){.number = o->trace};
}

void mw_exception_throw(mw_instance *instance, mw_exception *exception)
{
    flight f = {.hidden = 0};
    mw_thread *thread = mw_thread_enter();
    if (!thread || !heap_of(thread))
        mw_run_trap(instance, MW_TRAP_HOST, "no memory for an exception");
    check_room(instance, thread);
    begin_flight(&f, thread->exceptions, exception);
    _Unwind_Backtrace(visit_frame, &f);
    if (!f.pad) {
        char text[300];
        describe(instance, (mw_exception *)~f.hidden, text, sizeof text);
        mw_run_uncaught(text, f.trace->frames, f.trace->count, f.trace->truncated);
    }
    LEAVE_FRAMES();
    _Unwind_ForcedUnwind(&f.header, go_on, NULL);
    mw_run_trap(instance, MW_TRAP_HOST, "internal error: the unwinder did not reach a landing pad");
}
