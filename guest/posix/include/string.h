/* What wasi-libc leaves out of <string.h>: GNU's basename, which changes nothing and finds an empty name in "a/". */
#ifndef MPIWASM_STRING_H
#define MPIWASM_STRING_H

#include_next <string.h>

/* Not where <libgen.h> has made the name that of POSIX's. */
#if defined _GNU_SOURCE && !defined basename
#ifdef __cplusplus
extern "C++" {
char *basename(char *) __asm__("__gnu_basename");
const char *basename(const char *) __asm__("__gnu_basename");
}
#else
char *basename(const char *) __asm__("__gnu_basename");
#endif
#endif

#endif
