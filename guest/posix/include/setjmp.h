/* longjmp needs WebAssembly's exception handling, which neither this library nor wasi-libc uses yet. */
#error "setjmp.h: guests of mpiwasm have no setjmp/longjmp yet"
