/* One thread per guest; parallelism is MPI's. Guard with _OPENMP, which is not defined. */
#error "omp.h: guests of mpiwasm have no threads yet; build without OpenMP (one rank per core)"
