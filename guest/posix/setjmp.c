/* What clang's lowering of setjmp and longjmp calls (LLVM, WebAssemblyLowerEmscriptenEHSjLj.cpp). It numbers the calls
 * of setjmp in a function from 1 on, and names each call of the function by an address in its frame. */
#include <setjmp.h>

/* The tag of longjmp's exception, which carries the address of jmp_buf's __arguments. */
__asm__(".globl __c_longjmp\n"
#ifdef __wasm64__
        ".tagtype __c_longjmp i64\n"
#else
        ".tagtype __c_longjmp i32\n"
#endif
        "__c_longjmp:\n");

void __wasm_setjmp(struct __jmp_buf_tag *env, unsigned label, void *invocation);
unsigned __wasm_setjmp_test(struct __jmp_buf_tag *env, void *invocation);
void __wasm_longjmp(struct __jmp_buf_tag *env, int value);

void __wasm_setjmp(struct __jmp_buf_tag *env, unsigned label, void *invocation)
{
    env->__invocation = invocation;
    env->__label = label;
}

/* The number of the setjmp if it was in this call of the function, or 0: then it belongs to a caller. */
unsigned __wasm_setjmp_test(struct __jmp_buf_tag *env, void *invocation)
{
    return env->__invocation == invocation ? env->__label : 0;
}

__attribute__((target("exception-handling"))) void __wasm_longjmp(struct __jmp_buf_tag *env, int value)
{
    env->__arguments.__env = env;
    env->__arguments.__value = value ? value : 1;
    __builtin_wasm_throw(1, &env->__arguments); /* 1: __c_longjmp */
}
