/* setjmp and longjmp over WebAssembly's exceptions: clang turns a function that calls setjmp into one that catches what
 * longjmp throws. There are no signal masks, so the variants that save them are the same. */
#ifndef _SETJMP_H
#define _SETJMP_H

#ifdef __cplusplus
extern "C" {
#endif

/* Which setjmp of which call of its function; then what longjmp hands over. */
typedef struct __jmp_buf_tag {
    void *__invocation;
    unsigned __label;
    struct {
        void *__env;
        int __value;
    } __arguments;
} jmp_buf[1];
typedef jmp_buf sigjmp_buf;

int setjmp(jmp_buf) __attribute__((__returns_twice__));
_Noreturn void longjmp(jmp_buf, int);

#define setjmp setjmp
#define _setjmp setjmp
#define _longjmp longjmp
#define sigsetjmp(env, save) ((void)(save), setjmp(env))
#define siglongjmp longjmp

#ifdef __cplusplus
}
#endif

#endif
