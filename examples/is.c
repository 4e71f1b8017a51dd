/* Integer sort in the manner of the NAS parallel benchmark IS: every rank has random keys, each round ranks them all
 * by buckets, of which every rank gets a consecutive range.
 *
 *     mpirun -np 4 mpiwasm is.wasm [log2 of the keys] [rounds]
 *
 * A round counts keys per bucket, sums the counts over all ranks (Allreduce), cuts the buckets into ranges of about
 * equal size, exchanges the keys (Alltoall, Alltoallv) and counts each key's occurrences. Afterwards the keys
 * are put in order and checked. */
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKET_BITS = 10, BUCKETS = 1 << BUCKET_BITS };

typedef struct sorter {
    int rank, size;
    int key_bits;           /* keys are in [0, 2^key_bits) */
    int count;              /* keys that this rank made */
    uint32_t *keys;         /* them */
    uint32_t *sorted;       /* them by bucket: the send buffer */
    uint32_t *received;     /* the keys of this rank's range; room for `capacity` */
    int received_count, capacity;
    int *occurrences;       /* of each key of this rank's range, then their running sum */
    uint32_t range_begin, range_end;
} sorter;

/* The generator of the NAS benchmarks: x' = 5^13 x mod 2^46, as a number in (0, 1). */
static double next_random(uint64_t *x)
{
    *x = *x * 1220703125u & ((1ull << 46) - 1);
    return (double)*x * 0x1p-46;
}

/* Advances the generator by n steps. */
static uint64_t skip_random(uint64_t x, uint64_t n)
{
    const uint64_t mask = (1ull << 46) - 1;
    for (uint64_t factor = 1220703125u; n; n >>= 1, factor = factor * factor & mask)
        if (n & 1)
            x = x * factor & mask;
    return x;
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        fprintf(stderr, "is: no memory for %zu x %zu bytes\n", count, size);
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    return memory;
}

/* Keys are the mean of four random numbers: many in the middle, few at the ends. */
static void make_keys(sorter *s, int log2_keys)
{
    long long total = 1ll << log2_keys, first = total * s->rank / s->size;
    s->count = (int)(total * (s->rank + 1) / s->size - first);
    s->key_bits = log2_keys - 4 > BUCKET_BITS ? log2_keys - 4 : BUCKET_BITS;
    s->keys = allocate(s->count, sizeof *s->keys);
    s->sorted = allocate(s->count, sizeof *s->sorted);
    s->capacity = (int)(total / s->size * 3 / 2 + total / BUCKETS + 4096);
    s->received = allocate(s->capacity, sizeof *s->received);
    s->occurrences = allocate((size_t)1 << s->key_bits, sizeof *s->occurrences);

    uint64_t x = skip_random(314159265, 4 * (uint64_t)first);
    double quarter = (double)(1u << s->key_bits) / 4;
    for (int i = 0; i < s->count; i++) {
        double sum = next_random(&x);
        for (int k = 0; k < 3; k++)
            sum += next_random(&x);
        s->keys[i] = (uint32_t)(quarter * sum);
    }
}

/* Sorts the keys by bucket into s->sorted and counts each bucket's. */
static void fill_buckets(sorter *s, int counts[BUCKETS])
{
    int shift = s->key_bits - BUCKET_BITS, next[BUCKETS];
    memset(counts, 0, BUCKETS * sizeof *counts);
    for (int i = 0; i < s->count; i++)
        counts[s->keys[i] >> shift]++;
    next[0] = 0;
    for (int b = 1; b < BUCKETS; b++)
        next[b] = next[b - 1] + counts[b - 1];
    for (int i = 0; i < s->count; i++) {
        uint32_t key = s->keys[i];
        s->sorted[next[key >> shift]++] = key;
    }
}

/* Gives every rank consecutive buckets with about the same number of keys. Rank r's are [cut[r], cut[r + 1]). */
static void cut_buckets(const sorter *s, const int totals[BUCKETS], int *cut)
{
    long long all = 0, sum = 0;
    for (int b = 0; b < BUCKETS; b++)
        all += totals[b];
    int rank = 0;
    cut[0] = 0;
    for (int b = 0; b < BUCKETS; b++) {
        sum += totals[b];
        while (rank + 1 < s->size && sum >= all * (rank + 1) / s->size)
            cut[++rank] = b + 1;
    }
    while (rank < s->size)
        cut[++rank] = BUCKETS;
}

/* Sends every key to the rank that has its bucket. */
static void exchange_keys(sorter *s, const int counts[BUCKETS], const int *cut)
{
    int *table = allocate(4 * (size_t)s->size, sizeof *table);
    int *send_counts = table, *send_offsets = table + s->size;
    int *receive_counts = table + 2 * s->size, *receive_offsets = table + 3 * s->size;
    for (int r = 0, offset = 0; r < s->size; r++) {
        send_offsets[r] = offset;
        for (int b = cut[r]; b < cut[r + 1]; b++)
            send_counts[r] += counts[b];
        offset += send_counts[r];
    }
    MPI_Alltoall(send_counts, 1, MPI_INT, receive_counts, 1, MPI_INT, MPI_COMM_WORLD);
    s->received_count = 0;
    for (int r = 0; r < s->size; r++) {
        receive_offsets[r] = s->received_count;
        s->received_count += receive_counts[r];
    }
    if (s->received_count > s->capacity) {
        fprintf(stderr, "is: rank %d: %d keys are more than its share\n", s->rank, s->received_count);
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    MPI_Alltoallv(s->sorted, send_counts, send_offsets, MPI_UINT32_T, s->received, receive_counts, receive_offsets,
                  MPI_UINT32_T, MPI_COMM_WORLD);
    free(table);
}

/* One round: afterwards occurrences[k - range_begin] is how many of this rank's keys are <= k. */
static void rank_keys(sorter *s, int round)
{
    static int counts[BUCKETS], totals[BUCKETS];
    int *cut = allocate((size_t)s->size + 1, sizeof *cut);
    int shift = s->key_bits - BUCKET_BITS;
    if (s->count > round) /* so that no round is the same as another */
        s->keys[round] = (uint32_t)round;
    fill_buckets(s, counts);
    MPI_Allreduce(counts, totals, BUCKETS, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    cut_buckets(s, totals, cut);
    exchange_keys(s, counts, cut);

    s->range_begin = (uint32_t)cut[s->rank] << shift;
    s->range_end = (uint32_t)cut[s->rank + 1] << shift;
    uint32_t range = s->range_end - s->range_begin;
    memset(s->occurrences, 0, range * sizeof *s->occurrences);
    int *occurrences = s->occurrences;
    for (int i = 0; i < s->received_count; i++)
        occurrences[s->received[i] - s->range_begin]++;
    for (uint32_t k = 1; k < range; k++)
        occurrences[k] += occurrences[k - 1];
    free(cut);
}

/* Puts the received keys in order and checks: each is in this rank's range, they ascend within and between ranks,
 * none is lost. Gives a checksum of the keys with their places. */
static int verify(sorter *s, uint64_t *checksum)
{
    uint32_t *ordered = allocate(s->received_count, sizeof *ordered), below = 0, last = s->range_begin;
    int errors = 0;
    for (int i = s->received_count - 1; i >= 0; i--) {
        uint32_t key = s->received[i];
        if (key < s->range_begin || key >= s->range_end)
            errors++;
        else
            ordered[--s->occurrences[key - s->range_begin]] = key;
    }
    long long mine = s->received_count, before = 0;
    MPI_Exscan(&mine, &before, 1, MPI_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
    if (s->rank == 0)
        before = 0;

    uint64_t sum[3] = {0, 0, 0}, all[3]; /* with places; received; made */
    for (int i = 0; i < s->received_count; i++) {
        errors += i > 0 && ordered[i] < ordered[i - 1];
        sum[0] += (uint64_t)(before + i + 1) * ordered[i];
        sum[1] += ordered[i] + 1ull;
    }
    for (int i = 0; i < s->count; i++)
        sum[2] += s->keys[i] + 1ull;
    if (s->received_count > 0)
        last = ordered[s->received_count - 1];
    MPI_Sendrecv(&last, 1, MPI_UINT32_T, s->rank + 1 < s->size ? s->rank + 1 : MPI_PROC_NULL, 0, &below, 1,
                 MPI_UINT32_T, s->rank > 0 ? s->rank - 1 : MPI_PROC_NULL, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    errors += s->received_count > 0 && ordered[0] < below;

    MPI_Allreduce(MPI_IN_PLACE, &errors, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    MPI_Allreduce(sum, all, 3, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
    *checksum = all[0];
    free(ordered);
    return errors + (all[1] != all[2]);
}

int main(int argc, char **argv)
{
    sorter s = {0};
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &s.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &s.size);
    int log2_keys = argc > 1 ? atoi(argv[1]) : 23, rounds = argc > 2 ? atoi(argv[2]) : 10;
    if (log2_keys < 12 || log2_keys > 28 || rounds < 1 || s.size > BUCKETS) {
        fprintf(stderr, "usage: is [log2 of the keys, 12 to 28] [rounds]\n");
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    make_keys(&s, log2_keys);

    rank_keys(&s, 0); /* warm-up: memory touched, connections made */
    double best = 1e300;
    for (int round = 1; round <= rounds; round++) {
        MPI_Barrier(MPI_COMM_WORLD);
        double seconds = -MPI_Wtime();
        rank_keys(&s, round);
        seconds += MPI_Wtime();
        MPI_Allreduce(MPI_IN_PLACE, &seconds, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
        best = seconds < best ? seconds : best;
    }

    uint64_t checksum;
    int errors = verify(&s, &checksum);
    if (s.rank == 0) {
        printf("is: 2^%d keys of %d bits, %d rounds, %d ranks\n", log2_keys, s.key_bits, rounds, s.size);
        printf("check: %s, checksum %016llx\n", errors ? "WRONG" : "sorted", (unsigned long long)checksum);
        printf("rate: %.2f Mop/s\n", (double)(1ll << log2_keys) / best * 1e-6);
    }
    free(s.keys);
    free(s.sorted);
    free(s.received);
    free(s.occurrences);
    MPI_Finalize();
    return errors != 0;
}
