/* Writes and reads as IOR does with a file for each rank, in transfers of one size: nanoseconds for each transfer, the best
 * of many passes as rank 0 sees them.
 *
 *     io DIRECTORY
 *
 * The buffer begins on a page, as IOR has it. The files stay in the page cache: what is measured is the way to it, not a
 * disk. */
#include <fcntl.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PASSES = 60, LARGEST = 16 << 20, PASS_BYTES = 1 << 20 };

static int rank, size;
static char *buffer;
static char path[4096];
static int fd;
static FILE *file;

static void fail(const char *what)
{
    perror(what);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

/* Each moves `total` bytes, `bytes` at a time, from the file's beginning on. */
static void write_all(size_t total, size_t bytes)
{
    lseek(fd, 0, SEEK_SET);
    for (size_t at = 0; at < total; at += bytes)
        if (write(fd, buffer, bytes) != (ssize_t)bytes)
            fail("write");
}

static void read_all(size_t total, size_t bytes)
{
    lseek(fd, 0, SEEK_SET);
    for (size_t at = 0; at < total; at += bytes)
        if (read(fd, buffer, bytes) != (ssize_t)bytes)
            fail("read");
}

static void pwrite_all(size_t total, size_t bytes)
{
    for (size_t at = total; at > 0; at -= bytes)
        if (pwrite(fd, buffer, bytes, (off_t)(at - bytes)) != (ssize_t)bytes)
            fail("pwrite");
}

static void pread_all(size_t total, size_t bytes)
{
    for (size_t at = total; at > 0; at -= bytes)
        if (pread(fd, buffer, bytes, (off_t)(at - bytes)) != (ssize_t)bytes)
            fail("pread");
}

static void fwrite_all(size_t total, size_t bytes)
{
    rewind(file);
    for (size_t at = 0; at < total; at += bytes)
        if (fwrite(buffer, 1, bytes, file) != bytes)
            fail("fwrite");
    fflush(file);
}

static void fread_all(size_t total, size_t bytes)
{
    rewind(file);
    for (size_t at = 0; at < total; at += bytes)
        if (fread(buffer, 1, bytes, file) != bytes)
            fail("fread");
}

static void measure(const char *name, void (*run)(size_t, size_t), size_t bytes)
{
    size_t total = bytes > PASS_BYTES ? bytes : PASS_BYTES;
    double best = 1e300;
    run(total, bytes);
    for (int pass = 0; pass < PASSES; pass++) {
        double seconds = -MPI_Wtime();
        run(total, bytes);
        seconds += MPI_Wtime();
        best = seconds < best ? seconds : best;
    }
    if (rank == 0)
        printf("value: %s, %zu bytes = %.1f ns\n", name, bytes, best * 1e9 / (double)(total / bytes));
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc < 2 || !(buffer = aligned_alloc(4096, LARGEST)))
        fail("io DIRECTORY");
    memset(buffer, 'x', LARGEST);
    snprintf(path, sizeof path, "%s/io.%d", argv[1], rank);
    fd = open(path, O_RDWR | O_CREAT, 0666);
    file = fopen(path, "r+b");
    if (fd < 0 || !file)
        fail(path);
    for (size_t bytes = 4096; bytes <= LARGEST; bytes *= 4) {
        MPI_Barrier(MPI_COMM_WORLD);
        measure("write", write_all, bytes);
        measure("read", read_all, bytes);
        measure("pwrite", pwrite_all, bytes);
        measure("pread", pread_all, bytes);
        measure("fwrite", fwrite_all, bytes);
        measure("fread", fread_all, bytes);
    }
    fclose(file);
    close(fd);
    unlink(path);
    MPI_Finalize();
    return 0;
}
