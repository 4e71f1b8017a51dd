#include "fixture.h"

int32_t (*host_behaviour)(mw_instance *instance, int32_t n);

static int32_t host(mw_instance *instance, int32_t n)
{
    return host_behaviour ? host_behaviour(instance, n) : n;
}

static const mw_host_func env_funcs[] = {
    {"a", ":", NULL},
    {"host", "i:i", (mw_code_ptr)host},
    {"z", ":", NULL},
};
const mw_host_module env_module = {"env", env_funcs, 3};

fixture fixture_make(void)
{
    fixture f = {0};
    mw_report report = MW_REPORT_INIT;
    host_behaviour = NULL;
    if (mw_trap_install(&report) || mw_code_load(FAKE("fake"), NULL, &report, &f.code) ||
        mw_linker_new(&report, &f.linker) || mw_linker_add_host(f.linker, &env_module, &report) ||
        mw_instantiate(f.code, f.linker, NULL, &report, NULL, &f.instance))
        fail_msg("%s", report.message);
    return f;
}

void fixture_free(fixture *f)
{
    mw_instance_free(f->instance);
    mw_linker_free(f->linker);
    mw_code_unload(f->code);
}

mw_error call_export(fixture *f, const char *name, int32_t a, int32_t b, int32_t *out)
{
    mw_extern e;
    assert_true(mw_instance_export(f->instance, name, strlen(name), &e));
    assert_int_equal(e.kind, MW_EXTERN_FUNC);
    mw_value v[4] = {{.i32 = a}, {.i32 = b}};
    f->exit_code = -1;
    mw_error error = mw_invoke(e.of.func, v, &f->trap, &f->exit_code);
    if (out)
        *out = v[0].i32;
    return error;
}

int in_child(void (*body)(void *), void *arg, char *err, size_t size)
{
    int fds[2], status;
    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(20);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        body(arg);
        _exit(0);
    }
    close(fds[1]);
    size_t len = 0;
    for (ssize_t n; (n = read(fds[0], err + len, size - 1 - len)) > 0;)
        len += (size_t)n;
    err[len] = 0;
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}
