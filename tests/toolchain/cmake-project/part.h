#ifndef PART_H
#define PART_H

#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 1 + 2 + ... + size */
int sum_of_ranks(MPI_Comm comm);

#ifdef __cplusplus
}
#endif
#endif
