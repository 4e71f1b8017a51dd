/* The one for programs with threads is libomp's own. */
#error "omp.h: build with mpiwasm-cc -fopenmp, or guard with _OPENMP"
