/* Programs with threads have another target, whose pthread.h is musl's. */
#error "pthread.h: build with mpiwasm-cc -pthread (compiling and linking)"
