/* Counts lines, words and bytes of a file, each rank its part, and writes the result beside it.
 *
 *     mpirun -np 4 mpiwasm -d ./data io.wasm /data/in
 *
 * reads ./data/in and writes ./data/in.counts: the guest sees the directory that was granted, and no other. */
#include <ctype.h>
#include <errno.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES, WORDS, BYTES, COUNTS };

static void give_up(const char *path)
{
    fprintf(stderr, "io: %s: %s\n", path, strerror(errno));
    MPI_Abort(MPI_COMM_WORLD, 2);
}

/* Adds the counts of bytes [begin, end). A word belongs to the part in which it begins, so the byte before the
 * part decides whether its first letter begins one. */
static void count_part(FILE *file, long long begin, long long end, long long counts[COUNTS])
{
    int inside = 0;
    if (begin > 0) {
        fseeko(file, begin - 1, SEEK_SET);
        inside = !isspace(getc(file));
    }
    for (long long at = begin; at < end; at++) {
        int c = getc(file);
        if (c == EOF)
            return;
        counts[BYTES]++;
        counts[LINES] += c == '\n';
        counts[WORDS] += !inside && !isspace(c);
        inside = !isspace(c);
    }
}

int main(int argc, char **argv)
{
    int rank, size;
    long long length = 0, part[COUNTS] = {0}, total[COUNTS];

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc != 2) {
        if (rank == 0)
            fprintf(stderr, "usage: io FILE\n");
        MPI_Finalize();
        return 1;
    }

    FILE *file = fopen(argv[1], "rb");
    if (!file)
        give_up(argv[1]);
    if (rank == 0) {
        fseeko(file, 0, SEEK_END);
        length = ftello(file);
        fseeko(file, 0, SEEK_SET);
    }
    MPI_Bcast(&length, 1, MPI_LONG_LONG, 0, MPI_COMM_WORLD);
    count_part(file, length * rank / size, length * (rank + 1) / size, part);
    fclose(file);
    MPI_Reduce(part, total, COUNTS, MPI_LONG_LONG, MPI_SUM, 0, MPI_COMM_WORLD);

    if (rank == 0) {
        char path[1024];
        snprintf(path, sizeof path, "%s.counts", argv[1]);
        FILE *result = fopen(path, "w");
        if (!result)
            give_up(path);
        fprintf(result, "%lld lines, %lld words, %lld bytes\n", total[LINES], total[WORDS], total[BYTES]);
        if (fclose(result))
            give_up(path);
        printf("io: %lld lines, %lld words, %lld bytes\n", total[LINES], total[WORDS], total[BYTES]);
    }
    MPI_Finalize();
    return 0;
}
