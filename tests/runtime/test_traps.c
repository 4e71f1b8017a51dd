/* Traps, faults that are not the guest's, exits, nesting, stacks. */
#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unwind.h>

static const char *frame_name(const fixture *f, unsigned i)
{
    assert_true(i < f->trap.nframes);
    return f->trap.frames[i].code->func_names[f->trap.frames[i].func];
}

static void expect_trap(fixture *f, const char *name, int32_t arg, mw_trap_code code)
{
    assert_int_equal(call_export(f, name, arg, 0, NULL), MW_ERR_TRAP);
    assert_int_equal(f->trap.code, code);
}

/* ---- Traps ---------------------------------------------------------------------------------------------------------- */

static void page_faults_become_traps(void **state)
{
    (void)state;
    fixture f = fixture_make();
    static const uint32_t addresses[] = {65536, 65533, 0x7fffffff, 0xfffffff0, 0xffffffff};
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
            expect_trap(&f, "outer", (int32_t)addresses[i], MW_TRAP_MEMORY_OUT_OF_BOUNDS);
            assert_true(f.trap.has_address);
            /* The CPU reports the first byte that it could not read. */
            assert_int_equal(f.trap.address, addresses[i] == 65533 ? 65536 : addresses[i]);
            assert_string_equal(f.trap.message, "");
            assert_int_equal(f.trap.nframes, 2);
            assert_string_equal(frame_name(&f, 0), "load");
            assert_string_equal(frame_name(&f, 1), "outer");
            assert_ptr_equal(f.trap.frames[0].instance, f.instance);
        }
    int32_t r;
    assert_int_equal(call_export(&f, "add", 1, 2, &r), MW_OK);
    assert_int_equal(r, 3);
    /* The signal is not left blocked. */
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    assert_false(sigismember(&mask, SIGSEGV));
    fixture_free(&f);
}

static void overflow_of_the_programs_own_stack_is_explained(void **state)
{
    (void)state;
    fixture f = fixture_make();
    /* Global 0 is the stack pointer of C programs: here it begins at 100007 and falls below 0. */
    f.instance->globals[0]->i32 = -96;
    expect_trap(&f, "load", -80, MW_TRAP_MEMORY_OUT_OF_BOUNDS);
    assert_non_null(strstr(f.trap.message, "the program's own stack of 97 KiB overflowed"));
    f.instance->globals[0]->i32 = 99999;
    expect_trap(&f, "load", -80, MW_TRAP_MEMORY_OUT_OF_BOUNDS);
    assert_string_equal(f.trap.message, "");
    fixture_free(&f);
}

static void raised_traps(void **state)
{
    (void)state;
    fixture f = fixture_make();
    expect_trap(&f, "unreachable", 0, MW_TRAP_UNREACHABLE);
    assert_int_equal(f.trap.nframes, 1);
    assert_string_equal(frame_name(&f, 0), "unreachable");
    assert_false(f.trap.has_address);
    expect_trap(&f, "illegal", 0, MW_TRAP_UNREACHABLE); /* ud2 */
    assert_string_equal(frame_name(&f, 0), "illegal");
    for (int i = 0; i < MW_TRAP_COUNT; i++)
        assert_true(strlen(mw_trap_text((mw_trap_code)i)) > 0);
    fixture_free(&f);
}

/* A library routine that compiled code calls directly faults like the code itself. */
static void faults_in_library_routines(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* its memset is called through a wrapper */
#endif
    fixture f = fixture_make();
    expect_trap(&f, "libcall", 65536 - 50, MW_TRAP_MEMORY_OUT_OF_BOUNDS);
    assert_string_equal(frame_name(&f, 0), "libcall");
    fixture_free(&f);
}

static void stack_overflow_is_a_trap(void **state)
{
    (void)state;
    mw_set_guest_stack_size(256 << 10);
    fixture f = fixture_make();
    for (int i = 0; i < 3; i++) {
        expect_trap(&f, "recurse", 0, MW_TRAP_STACK_OVERFLOW);
        assert_int_equal(f.trap.nframes, MW_TRAP_MAX_FRAMES);
        assert_true(f.trap.truncated);
        assert_string_equal(frame_name(&f, MW_TRAP_MAX_FRAMES - 1), "recurse");
    }
    mw_set_guest_stack_size(64 << 20);
    expect_trap(&f, "recurse", 0, MW_TRAP_STACK_OVERFLOW);
    fixture_free(&f);
}

static void *overflow_on_a_thread(void *arg)
{
    fixture f = *(fixture *)arg;
    mw_error error = call_export(&f, "recurse", 0, 0, NULL);
    return (void *)(intptr_t)(error == MW_ERR_TRAP && f.trap.code == MW_TRAP_STACK_OVERFLOW);
}

static void threads_have_stacks_of_their_own(void **state)
{
    (void)state;
    fixture f = fixture_make();
    mw_set_guest_stack_size(1 << 20);
    for (int round = 0; round < 20; round++) {
        pthread_t threads[4];
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, overflow_on_a_thread, &f), 0);
        for (int i = 0; i < 4; i++) {
            void *ok;
            pthread_join(threads[i], &ok);
            assert_non_null(ok);
        }
    }
    mw_set_guest_stack_size(64 << 20);
    fixture_free(&f);
}

/* ---- Host functions ---------------------------------------------------------------------------------------------------- */

static int32_t raise_trap(mw_instance *in, int32_t n)
{
    mw_raise_trap(in, MW_TRAP_HOST, "bad count %d", n);
}

static int32_t raise_exit(mw_instance *in, int32_t n)
{
    mw_raise_exit(in, n);
}

static void host_functions_end_the_run(void **state)
{
    (void)state;
    fixture f = fixture_make();
    host_behaviour = raise_trap;
    expect_trap(&f, "call_host", 17, MW_TRAP_HOST);
    assert_string_equal(f.trap.message, "bad count 17");
    assert_int_equal(f.trap.nframes, 1);
    assert_string_equal(frame_name(&f, 0), "call_host");
    host_behaviour = raise_exit;
    assert_int_equal(call_export(&f, "call_host", 42, 0, NULL), MW_ERR_EXIT);
    assert_int_equal(f.exit_code, 42);
    fixture_free(&f);
}

static fixture *nesting;
static mw_error inner_error;

static int32_t call_back(mw_instance *in, int32_t n)
{
    (void)in;
    /* Runs inside a run: the inner one ends here, the outer one goes on. */
    inner_error = call_export(nesting, "load", n, 0, NULL);
    return 5;
}

static void runs_nest(void **state)
{
    (void)state;
    fixture f = fixture_make();
    int32_t r;
    nesting = &f;
    host_behaviour = call_back;
    assert_int_equal(call_export(&f, "call_host", -16, 0, &r), MW_OK);
    assert_int_equal(r, 6);
    assert_int_equal(inner_error, MW_ERR_TRAP);
    assert_int_equal(f.trap.nframes, 2); /* of both runs */
    assert_string_equal(frame_name(&f, 1), "call_host");
    assert_int_equal(call_export(&f, "call_host", 16, 0, &r), MW_OK);
    assert_int_equal(inner_error, MW_OK);
    fixture_free(&f);
}

/* What a host library does that calls a guest callback in the middle of its work. */
static int32_t callback_in_library(mw_instance *in, int32_t n)
{
    const mw_func *load = mw_exported_function(in, "load", "i:i");
    mw_callback_enter();
    int32_t r = ((int32_t(*)(mw_context *, int32_t))load->code)(load->context, n);
    mw_callback_leave();
    return r;
}

static int32_t exit_in_library(mw_instance *in, int32_t n)
{
    mw_callback_enter();
    mw_raise_exit(in, n);
}

/* A frame of the host between the guest and the fault. */
static __attribute__((noinline)) void store_there(volatile uint8_t *p)
{
    *p = 1;
    __asm__ volatile("" ::: "memory");
}

static int32_t host_faults_in_guest_memory(mw_instance *in, int32_t n)
{
    store_there(in->memory0 + (uint32_t)n);
    return 0;
}

static void print_end(const mw_trap *trap, int exit_code, bool is_exit)
{
    if (is_exit)
        fprintf(stderr, "exit %d\n", exit_code);
    else
        mw_trap_print(trap, "P: ", stderr);
    _exit(99);
}

typedef struct ending {
    const char *function;
    int32_t arg;
    int32_t (*behaviour)(mw_instance *, int32_t);
    mw_nested_end_fn *end;
} ending;

static void run_ending(void *arg)
{
    const ending *e = arg;
    fixture f = fixture_make();
    mw_set_nested_end(e->end);
    host_behaviour = e->behaviour;
    mw_error error = call_export(&f, e->function, e->arg, 0, NULL);
    fprintf(stderr, "came back with %s", mw_error_name(error));
    _exit(1);
}

static void frames_of_host_libraries_are_never_skipped(void **state)
{
    (void)state;
    char err[8000];
    int status = in_child(run_ending, &(ending){"call_host", -16, callback_in_library, print_end}, err, sizeof err);
    assert_int_equal(WEXITSTATUS(status), 99);
    assert_non_null(strstr(err, "P: trap: out of bounds memory access at address 0xfffffff0\nP:   #0 load (function "));
    assert_non_null(strstr(err, "P:   #1 call_host (function "));

    status = in_child(run_ending, &(ending){"call_host", -16, callback_in_library, NULL}, err, sizeof err);
    assert_int_equal(WEXITSTATUS(status), 134);
    assert_non_null(strstr(err, "mpiwasm: trap: out of bounds memory access at address 0xfffffff0\n"));

    status = in_child(run_ending, &(ending){"call_host", 3, exit_in_library, print_end}, err, sizeof err);
    assert_int_equal(WEXITSTATUS(status), 99);
    assert_string_equal(err, "exit 3\n");

    status = in_child(run_ending, &(ending){"call_host", 70000, host_faults_in_guest_memory, print_end}, err,
                      sizeof err);
    assert_int_equal(WEXITSTATUS(status), 99);
    assert_non_null(strstr(err, "at address 0x11170: in a function of the host\nP:   #0 call_host "));
}

/* Host code with a larger frame than is left of the guest's stack. */
static int32_t use_much_stack(mw_instance *in, int32_t n)
{
    (void)in;
    volatile uint8_t room[32 << 10];
    for (size_t i = sizeof room; i > 0; i -= 1024)
        store_there(room + i - 1);
    return n + room[0];
}

static void host_code_may_overflow_the_stack(void **state)
{
    (void)state;
    char err[20000];
    int status = in_child(run_ending, &(ending){"recurse_host", 0, use_much_stack, print_end}, err, sizeof err);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 99);
    assert_non_null(strstr(err, "P: trap: call stack exhausted: too many calls are open"));
    assert_non_null(strstr(err, "recurse_host"));
    assert_non_null(strstr(err, "P:   ... more frames\n"));
    assert_non_null(strstr(err, " more times\n")); /* recursion is counted, not listed */
    assert_true(strlen(err) < 2000);
}

static void *run_callback(void *arg)
{
    return (void *)(intptr_t)callback_in_library(((fixture *)arg)->instance, -16);
}

static void trap_on_progress_thread(void *arg)
{
    (void)arg;
    fixture f = fixture_make();
    mw_set_nested_end(print_end);
    pthread_t thread;
    pthread_create(&thread, NULL, run_callback, &f);
    pthread_join(thread, NULL);
}

static void callbacks_on_other_threads_trap_too(void **state)
{
    (void)state;
    char err[8000];
    int status = in_child(trap_on_progress_thread, NULL, err, sizeof err);
    assert_int_equal(WEXITSTATUS(status), 99);
    assert_non_null(strstr(err, "P: trap: out of bounds memory access at address 0xfffffff0\nP:   #0 load "));
}

/* ---- Faults that are not the guest's ------------------------------------------------------------------------------------- */

static uint8_t *page;
static volatile int handled;

static void repair(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)context;
    if ((uint8_t *)info->si_addr != page + 8)
        _exit(50);
    handled++;
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static void repair_plain(int sig)
{
    (void)sig;
    handled++;
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static struct sigaction chained;

/* A library that comes after us and chains to who was there. */
static void chain(int sig, siginfo_t *info, void *context)
{
    handled += 10;
    if (handled > 1000)
        _exit(51); /* going round in circles */
    if (chained.sa_flags & SA_SIGINFO)
        chained.sa_sigaction(sig, info, context);
    else
        chained.sa_handler(sig);
}

static void fault_on_page(void)
{
    mprotect(page, 4096, PROT_NONE);
    store_there(page + 8);
}

static void foreign_faults_reach_their_handlers(void *arg)
{
    int variant = *(int *)arg;
    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_DFL); /* none of the test framework's or of a sanitizer's */
    struct sigaction action = {0};
    if (variant == 1) {
        action.sa_handler = repair_plain;
    } else {
        action.sa_sigaction = repair;
        action.sa_flags = SA_SIGINFO;
    }
    if (variant != 3)
        sigaction(SIGSEGV, &action, NULL);
    fixture f = fixture_make();
    if (variant == 2) {
        action.sa_sigaction = chain;
        sigaction(SIGSEGV, &action, &chained);
        if (mw_trap_install(NULL) || mw_trap_install(NULL))
            _exit(52);
    }
    if (variant == 4)
        raise(SIGSEGV); /* sent, not a fault: the handler there exits with 50 */
    fault_on_page();
    fault_on_page();
    int32_t r;
    if (call_export(&f, "load", -16, 0, &r) != MW_ERR_TRAP)
        _exit(53);
    fault_on_page();
    _exit(handled);
}

static void other_faults_pass(void **state)
{
    (void)state;
    char err[4000];
    int variant = 0, status = in_child(foreign_faults_reach_their_handlers, &variant, err, sizeof err);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
    variant = 1;
    status = in_child(foreign_faults_reach_their_handlers, &variant, err, sizeof err);
    assert_int_equal(WEXITSTATUS(status), 3);
    variant = 2; /* once through the later handler, then its chain to ours, then to the first */
    status = in_child(foreign_faults_reach_their_handlers, &variant, err, sizeof err);
    assert_int_equal(WEXITSTATUS(status), 33);
    variant = 3; /* nobody was there: the default */
    status = in_child(foreign_faults_reach_their_handlers, &variant, err, sizeof err);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    variant = 4;
    status = in_child(foreign_faults_reach_their_handlers, &variant, err, sizeof err);
    assert_int_equal(WEXITSTATUS(status), 50);
}

/* ---- Printing and walking --------------------------------------------------------------------------------------------------- */

#if defined(HAVE_SYMBOLIZE)
/* The line of fake.c on which "load" reads memory. */
static long load_line(void)
{
    FILE *f = fopen(FAKE_SOURCE, "r");
    char line[300];
    assert_non_null(f);
    for (long n = 1; fgets(line, sizeof line, f); n++)
        if (strstr(line, "return *(volatile int32_t *)")) {
            fclose(f);
            return n;
        }
    fclose(f);
    return -1;
}
#endif

static void prints(void **state)
{
    (void)state;
    fixture f = fixture_make();
    char *text = NULL;
    size_t size;
    expect_trap(&f, "outer", -16, MW_TRAP_MEMORY_OUT_OF_BOUNDS);
    FILE *to = open_memstream(&text, &size);
    mw_trap_print(&f.trap, "mpiwasm: rank 3: ", to);
    fclose(to);
    assert_non_null(strstr(text, "mpiwasm: rank 3: trap: out of bounds memory access at address 0xfffffff0\n"
                                 "mpiwasm: rank 3:   #0 load (function 2"));
#if defined(HAVE_SYMBOLIZE)
    /* Compiled from C, the fake's lines are those of its source. */
    const char *offset = strstr(text, ", offset 0x");
    assert_non_null(offset);
    assert_int_equal(strtol(offset + strlen(", offset "), NULL, 16), load_line());
#endif
    free(text);
    mw_trap host = {.code = MW_TRAP_HOST, .message = "MPI_Send: bad count"};
    to = open_memstream(&text, &size);
    mw_trap_print(&host, "p: ", to);
    fclose(to);
    assert_string_equal(text, "p: trap: MPI_Send: bad count\n");
    free(text);
    fixture_free(&f);
}

typedef struct seen {
    bool guest, main;
} seen;

static seen walked;
static uintptr_t main_begin, main_end;

static _Unwind_Reason_Code look(struct _Unwind_Context *context, void *arg)
{
    (void)arg;
    uintptr_t pc = (uintptr_t)_Unwind_GetIP(context);
    walked.main |= pc >= main_begin && pc < main_end;
    return _URC_NO_REASON;
}

static int32_t walk(mw_instance *in, int32_t n)
{
    (void)in;
    _Unwind_Backtrace(look, NULL);
    return n;
}

/* Debuggers and profilers see where the guest was called from. */
static void unwinders_cross_the_stacks(void **state)
{
    (void)state;
    fixture f = fixture_make();
    walked = (seen){0};
    main_begin = (uintptr_t)unwinders_cross_the_stacks;
    main_end = main_begin + 2000;
    host_behaviour = walk;
    assert_int_equal(call_export(&f, "call_host", 1, 0, NULL), MW_OK);
    assert_true(walked.main);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_faults_pass), /* first: its children must be the first to install the handler */
        cmocka_unit_test(page_faults_become_traps),
        cmocka_unit_test(overflow_of_the_programs_own_stack_is_explained),
        cmocka_unit_test(raised_traps),
        cmocka_unit_test(faults_in_library_routines),
        cmocka_unit_test(stack_overflow_is_a_trap),
        cmocka_unit_test(threads_have_stacks_of_their_own),
        cmocka_unit_test(host_functions_end_the_run),
        cmocka_unit_test(runs_nest),
        cmocka_unit_test(frames_of_host_libraries_are_never_skipped),
        cmocka_unit_test(host_code_may_overflow_the_stack),
        cmocka_unit_test(callbacks_on_other_threads_trap_too),
        cmocka_unit_test(prints),
        cmocka_unit_test(unwinders_cross_the_stacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
