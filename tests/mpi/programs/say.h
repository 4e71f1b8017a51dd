/* Each rank collects lines with say(); finish() prints them all on rank 0, by rank. So the output of a job is one
 * text that does not depend on timing, and native and Wasm runs can be compared. */
#ifndef SAY_H
#define SAY_H

#include <mpi.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char said[1 << 18];
static int said_length;
static int rank, size;

__attribute__((format(printf, 1, 2), unused)) static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    said_length += vsnprintf(said + said_length, sizeof said - said_length, format, args);
    va_end(args);
    if (said_length > (int)sizeof said - 2000)
        MPI_Abort(MPI_COMM_WORLD, 99);
}

__attribute__((unused)) static void say_ints(const char *name, const int *values, int n)
{
    say("%s:", name);
    for (int i = 0; i < n; i++)
        say(" %d", values[i]);
    say("\n");
}

__attribute__((unused)) static void say_doubles(const char *name, const double *values, int n)
{
    say("%s:", name);
    for (int i = 0; i < n; i++)
        say(" %.10g", values[i]);
    say("\n");
}

__attribute__((unused)) static void begin(void)
{
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
}

__attribute__((unused)) static int finish(void)
{
    if (rank != 0) {
        MPI_Send(said, said_length, MPI_CHAR, 0, 999, MPI_COMM_WORLD);
    } else {
        for (int r = 0; r < size; r++) {
            MPI_Status status;
            if (r > 0) {
                MPI_Recv(said, sizeof said, MPI_CHAR, r, 999, MPI_COMM_WORLD, &status);
                MPI_Get_count(&status, MPI_CHAR, &said_length);
            }
            printf("-- rank %d of %d\n%.*s", r, size, said_length, said);
        }
        fflush(stdout);
    }
    MPI_Finalize();
    return 0;
}

#endif
