/* external32 (MPI 4.1, 14.5.2): every byte of packed data, which are the same on all machines. */
#include "say.h"
#include <stdint.h>

static void say_bytes(const char *what, const unsigned char *bytes, MPI_Aint n)
{
    say("%s:", what);
    for (MPI_Aint i = 0; i < n; i++)
        say(" %02x", bytes[i]);
    say("\n");
}

/* Packs, says the bytes, unpacks again and compares. */
static void there_and_back(const char *what, const void *values, int count, MPI_Datatype type, int bytes)
{
    unsigned char packed[256] = {0}, back[256];
    MPI_Aint room, at = 0;
    MPI_Pack_external_size("external32", count, type, &room);
    MPI_Pack_external("external32", values, count, type, packed, sizeof packed, &at);
    say("%ld %ld ", (long)room, (long)at);
    say_bytes(what, packed, at);
    memset(back, 0xee, sizeof back);
    at = 0;
    MPI_Unpack_external("external32", packed, room, &at, back, count, type);
    say("%s back: %d at %ld\n", what, memcmp(back, values, bytes), (long)at);
}
#define PACK(type, mpi_type, ...)                                                                  \
    do {                                                                                           \
        type values[] = {__VA_ARGS__};                                                             \
        there_and_back(#mpi_type, values, sizeof values / sizeof values[0], mpi_type, sizeof values); \
    } while (0)

/* Of elements of one kind: MPICH 4.0 crashes with others. */
static void derived(void)
{
    MPI_Datatype vector, resized;
    int16_t values[16], back[16];
    unsigned char packed[100];
    MPI_Aint at = 0, room;
    for (int i = 0; i < 16; i++)
        values[i] = (int16_t)(0x100 * i + 15 - i), back[i] = -1;
    MPI_Type_vector(2, 1, 3, MPI_INT16_T, &vector); /* elements 0 and 3 */
    MPI_Type_create_resized(vector, 0, 5 * sizeof(int16_t), &resized);
    MPI_Type_commit(&resized);
    MPI_Pack_external_size("external32", 3, resized, &room);
    MPI_Pack_external("external32", values, 3, resized, packed, sizeof packed, &at);
    say("%ld ", (long)room);
    say_bytes("vector", packed, at);
    at = 0;
    MPI_Unpack_external("external32", packed, room, &at, back, 3, resized);
    for (int i = 0; i < 16; i++)
        say(" %d", back[i]);
    say("\n");
    MPI_Type_free(&resized);
    MPI_Type_free(&vector);
}

int main(void)
{
    begin();
    PACK(char, MPI_CHAR, 'M', 'P', 'I');
    PACK(unsigned char, MPI_BYTE, 0, 127, 255);
    PACK(short, MPI_SHORT, 1, -2, 0x1234);
    PACK(int, MPI_INT, 1, -2, 0x12345678);
    PACK(unsigned, MPI_UNSIGNED, 0xdeadbeef);
    PACK(long long, MPI_LONG_LONG, 1, -2, 0x123456789abcdef0);
    PACK(int8_t, MPI_INT8_T, -1, 5);
    PACK(uint16_t, MPI_UINT16_T, 0xabcd);
    PACK(int32_t, MPI_INT32_T, 0x01020304);
    PACK(uint64_t, MPI_UINT64_T, 0x0102030405060708);
    PACK(float, MPI_FLOAT, 1.5f, -0.0f, 1e30f);
    PACK(double, MPI_DOUBLE, 1.5, -0.0, 1e300);
    derived();
    return finish();
}
