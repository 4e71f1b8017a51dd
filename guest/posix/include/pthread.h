/* One thread per guest; parallelism is MPI's. */
#error "pthread.h: guests of mpiwasm have no threads yet; build without threads (one rank per core)"
