/* What wasi-libc leaves out of <stdio.h>.  */
#ifndef MPIWASM_STDIO_H
#define MPIWASM_STDIO_H

/* wasi-libc declares these two as deprecated. */
#define tmpfile mw_no_tmpfile
#define tmpnam mw_no_tmpnam
#include_next <stdio.h>
#undef tmpfile
#undef tmpnam

#ifdef __cplusplus
extern "C" {
#endif

#ifndef P_tmpdir
#define P_tmpdir "/tmp"
#endif
#ifndef L_tmpnam
#define L_tmpnam 20
#define TMP_MAX 10000
#endif
FILE *tmpfile(void);
char *tmpnam(char *);
FILE *popen(const char *, const char *);
int pclose(FILE *);
char *tempnam(const char *, const char *);

#ifdef __cplusplus
}
#endif

#endif
