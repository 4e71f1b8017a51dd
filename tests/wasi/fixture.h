/* An instance made by hand, with one memory and granted directories, on which the tests call WASI's functions as a
 * guest would. No runtime is needed: mw_raise_exit and mw_raise_trap come back to RAISES. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "wasi/state.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define GUEST_PAGES 4
#define GUEST_BYTES (GUEST_PAGES * 65536u)

/* The host's directories: root/rw is granted as descriptor 3 ("/rw"), root/ro read-only as 4 ("/ro"); root/outside
 * and root/secret are not granted. */
enum { RW = 3, RO = 4 };
#define SECRET "not for guests\n"

typedef struct fixture {
    mw_instance instance;
    mw_memory memory, *memories[1];
    char root[64];
    uint32_t top; /* next free byte of guest memory */
} fixture;

extern fixture fx;
#define GUEST (&fx.instance)

/* For cmocka. The environment variable WASI_WALK makes paths be walked instead of openat2. */
int fixture_up(void **state);
int fixture_down(void **state);
/* A second attach with other directories, argv or environment. */
void fixture_attach(const mw_wasi_config *config);

/* Host path of `name` under the root; a static buffer, four of them in turn. */
const char *host(const char *name);
void host_write(const char *name, const char *text);
char *host_read(const char *name); /* static buffer */
bool host_exists(const char *name);
void host_clear(const char *name); /* removes all that is in a directory, and makes it if need be */

/* Guest memory. `room` gives zeroed bytes. */
mw_guest_ptr room(uint32_t size);
mw_guest_ptr put(const void *bytes, uint32_t size);
uint32_t load32(mw_guest_ptr p);
uint64_t load64(mw_guest_ptr p);
void *at(mw_guest_ptr p, uint32_t size);
mw_guest_ptr iovec(mw_guest_ptr buf, uint32_t size); /* an array of one */
#define PATH_ARG(text) put(text, (uint32_t)strlen(text)), (uint32_t)strlen(text)

/* The usual calls, with results as C values. */
#define ALL_RIGHTS ((mw_wasi_rights)0x0fffffff)
mw_wasi_rights file_rights(void);
mw_wasi_rights dir_rights(void);
mw_wasi_errno open_at(uint32_t dir, const char *path, uint32_t lookup, uint32_t oflags, mw_wasi_rights rights,
                      uint32_t *fd);
uint32_t must_open(uint32_t dir, const char *path, uint32_t oflags, mw_wasi_rights rights);
mw_wasi_errno write_text(uint32_t fd, const char *text);
mw_wasi_errno read_text(uint32_t fd, char *text, uint32_t size);
mw_wasi_errno stat_at(uint32_t dir, const char *path, uint32_t lookup, mw_wasi_filestat *out);

#define FOLLOW MW_WASI_LOOKUP_SYMLINK_FOLLOW
#define READ_RIGHTS ((mw_wasi_rights)(MW_WASI_RIGHT_FD_READ | MW_WASI_RIGHT_FD_SEEK | MW_WASI_RIGHT_FD_FILESTAT_GET))
#define WRITE_RIGHTS ((mw_wasi_rights)(MW_WASI_RIGHT_FD_WRITE | MW_WASI_RIGHT_FD_SEEK))

/* assert_errno(NOENT, call(...)) */
#define assert_errno(expected, call)                                                               \
    assert_errno_at(MW_WASI_E##expected, (mw_wasi_errno)(call), #call, __FILE__, __LINE__)
#define assert_ok(call) assert_errno(SUCCESS, call)
void assert_errno_at(mw_wasi_errno expected, mw_wasi_errno got, const char *call, const char *file, int line);

/* What the last call raised. */
extern jmp_buf raised;
extern int raised_exit;         /* -1: none */
extern mw_trap_code raised_trap;
extern char raised_message[256];
#define RAISES(call) (raised_exit = -1, raised_trap = MW_TRAP_NONE, setjmp(raised) ? true : ((void)(call), false))

#endif
