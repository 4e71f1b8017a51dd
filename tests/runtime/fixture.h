/* What the runtime's tests share: a linker that offers "env", and an instance of the fake module. */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first. */
#include <cmocka.h>

#include "runtime/guest.h"
#include "runtime/instance.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAKE(name) FAKE_DIR "/" name ".so"

/* What env.host does; set by the test. */
extern int32_t (*host_behaviour)(mw_instance *instance, int32_t n);
extern const mw_host_module env_module;

typedef struct fixture {
    mw_code *code;
    mw_linker *linker;
    mw_instance *instance;
    mw_trap trap;
    int exit_code;
} fixture;

fixture fixture_make(void);
void fixture_free(fixture *f);

/* Invokes an export with i32 arguments; the result in *out, if there is one. */
mw_error call_export(fixture *f, const char *name, int32_t a, int32_t b, int32_t *out);

/* Runs `body` in a child whose standard error is written to `err` (NUL-terminated); its wait status. */
int in_child(void (*body)(void *), void *arg, char *err, size_t size);

#endif
