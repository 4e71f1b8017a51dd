/* <libgen.h>, whose basename may stand beside <string.h>'s of GNU: who includes both gets this one, as with glibc. */
#ifndef MPIWASM_LIBGEN_H
#define MPIWASM_LIBGEN_H

#ifdef __cplusplus
extern "C" {
#endif

char *dirname(char *);
char *__xpg_basename(char *) __asm__("basename");
#define basename __xpg_basename

#ifdef __cplusplus
}
#endif

#endif
