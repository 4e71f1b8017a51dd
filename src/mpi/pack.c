/* Packing, in the host's and in the external format (MPI 4.1, 5.2 and 5.3). */
#include "mpi/large.h"
#include "shims.h"

/* What the two buffers and their lengths are called. */
typedef struct names {
    const char *buffer, *count, *packed, *size;
} names;
static const names packing = {"inbuf", "incount", "outbuf", "outsize"};
static const names unpacking = {"outbuf", "outcount", "inbuf", "insize"};

/* One call: `count` elements in `buffer`, and `size` packed bytes. */
typedef struct pack {
    const names *names;
    bool large;         /* the guest's position has 64 bits */
    int64_t count, size;
    const mw_type_slot *type;
    char *datarep;      /* of the external forms */
    void *buffer, *packed, *guest_position;
    int64_t position;
} pack;

/* Buffers and position, behind which the packed buffer must not be exceeded. */
static int32_t in_pack(const mw_call *call, pack *k, mw_guest_ptr buffer, mw_guest_type datatype, mw_guest_ptr packed,
                       mw_guest_ptr position)
{
    int32_t narrow;
    MW_TRY(mw_in_type(call, "datatype", datatype, &k->type));
    MW_TRY(mw_in_large_count(call, k->names->count, k->count));
    MW_TRY(mw_in_count(call, k->names->size, k->size));
    MW_TRY(mw_in_buffer(call, k->names->buffer, buffer, k->count, k->type, &k->buffer));
    MW_TRY(mw_in_span(call, k->names->packed, packed, (uint64_t)k->size, &k->packed));
    MW_TRY(mw_out_span(call, "position", position, k->large ? 8 : 4, &k->guest_position));
    if (k->large) {
        memcpy(&k->position, k->guest_position, sizeof k->position);
    } else {
        memcpy(&narrow, k->guest_position, sizeof narrow);
        k->position = narrow;
    }
    return k->position >= 0 && k->position <= k->size
               ? MW_GUEST_SUCCESS
               : mw_raise_error(call, MW_GUEST_ERR_ARG, "position", "%lld is not in a buffer of %lld bytes",
                                (long long)k->position, (long long)k->size);
}

static int32_t enough(const mw_call *call, const pack *k, int64_t bytes)
{
    return bytes <= k->size - k->position
               ? MW_GUEST_SUCCESS
               : mw_raise_error(call, MW_GUEST_ERR_TRUNCATE, k->names->size, "%lld bytes are too few", (long long)k->size);
}

static void put_position(const pack *k)
{
    int32_t narrow = (int32_t)k->position;
    if (k->large)
        memcpy(k->guest_position, &k->position, sizeof k->position);
    else
        memcpy(k->guest_position, &narrow, sizeof narrow);
}

/* ---- The host's format ---------------------------------------------------------------------------------------- */

static int32_t in_native(mw_call *call, pack *k, mw_guest_ptr buffer, mw_guest_type datatype, mw_guest_ptr packed,
                         mw_guest_ptr position, mw_guest_comm comm)
{
    const mw_comm_slot *host_comm;
    MW_TRY(mw_in_comm(call, "comm", comm, &host_comm));
    MW_TRY(mw_in_large_count(call, k->names->size, k->size));
    MW_TRY(in_pack(call, k, buffer, datatype, packed, position));
    int64_t bytes;
    return enough(call, k, __builtin_mul_overflow(k->type->size, k->count, &bytes) ? INT64_MAX : bytes);
}

/* `host_pack` is MPI_Pack or its large form, `integer` what these count in. */
#define PACK(host_pack, integer)                                                                   \
    integer host_position = k.position;                                                            \
    int rc = host_pack(k.buffer, k.count, k.type->host, k.packed, k.size, &host_position, call.comm->host); \
    k.position = host_position;                                                                    \
    if (rc == MPI_SUCCESS)                                                                         \
        put_position(&k);                                                                          \
    return mw_result(rc)

int32_t mw_MPI_Pack(mw_instance *instance, mw_guest_ptr inbuf, int32_t incount, mw_guest_type datatype,
                    mw_guest_ptr outbuf, int32_t outsize, mw_guest_ptr position, mw_guest_comm comm)
{
    mw_call call = MW_CALL("MPI_Pack");
    pack k = {.names = &packing, .large = false, .count = incount, .size = outsize};
    MW_TRY(in_native(&call, &k, inbuf, datatype, outbuf, position, comm));
    PACK(MPI_Pack, int);
}

int32_t mw_MPI_Pack_c(mw_instance *instance, mw_guest_ptr inbuf, mw_guest_count incount, mw_guest_type datatype,
                      mw_guest_ptr outbuf, mw_guest_count outsize, mw_guest_ptr position, mw_guest_comm comm)
{
    mw_call call = MW_CALL("MPI_Pack_c");
    pack k = {.names = &packing, .large = true, .count = incount, .size = outsize};
    MW_TRY(in_native(&call, &k, inbuf, datatype, outbuf, position, comm));
    PACK(MW_LARGE(MPI_Pack), mw_large_int);
}

#define UNPACK(host_unpack, integer)                                                               \
    integer host_position = k.position;                                                            \
    int rc = host_unpack(k.packed, k.size, &host_position, k.buffer, k.count, k.type->host, call.comm->host); \
    k.position = host_position;                                                                    \
    if (rc == MPI_SUCCESS)                                                                         \
        put_position(&k);                                                                          \
    return mw_result(rc)

int32_t mw_MPI_Unpack(mw_instance *instance, mw_guest_ptr inbuf, int32_t insize, mw_guest_ptr position,
                      mw_guest_ptr outbuf, int32_t outcount, mw_guest_type datatype, mw_guest_comm comm)
{
    mw_call call = MW_CALL("MPI_Unpack");
    pack k = {.names = &unpacking, .large = false, .count = outcount, .size = insize};
    MW_TRY(in_native(&call, &k, outbuf, datatype, inbuf, position, comm));
    UNPACK(MPI_Unpack, int);
}

int32_t mw_MPI_Unpack_c(mw_instance *instance, mw_guest_ptr inbuf, mw_guest_count insize, mw_guest_ptr position,
                        mw_guest_ptr outbuf, mw_guest_count outcount, mw_guest_type datatype, mw_guest_comm comm)
{
    mw_call call = MW_CALL("MPI_Unpack_c");
    pack k = {.names = &unpacking, .large = true, .count = outcount, .size = insize};
    MW_TRY(in_native(&call, &k, outbuf, datatype, inbuf, position, comm));
    UNPACK(MW_LARGE(MPI_Unpack), mw_large_int);
}

/* ---- The external format, whose sizes and positions are MPI_Aints ------------------------------------------------- */

/* MPICH 4.0 divides by the size of the one kind of element that it finds, and ends the process where there are several, or
 * where external32 has another size. */
int32_t mw_in_external(const mw_call *call, const char *argument, const mw_type_slot *type)
{
#if !defined(OPEN_MPI)
    if (type->base == 0 || mw_type_is_pair(type->base) || type->base == MW_GUEST_WCHAR)
        return mw_raise_error(call, MW_GUEST_ERR_UNSUPPORTED_OPERATION, argument,
                              "this host's MPI converts to external32 only what has elements of one kind");
#else
    (void)call, (void)argument, (void)type;
#endif
    return MW_GUEST_SUCCESS;
}

static int32_t in_external(const mw_call *call, pack *k, mw_arena *arena, mw_guest_ptr datarep, mw_guest_ptr buffer,
                           mw_guest_type datatype, mw_guest_ptr packed, mw_guest_ptr position)
{
    mw_large_aint needed;
    MW_TRY(mw_in_running(call));
    MW_TRY(mw_in_string(call, arena, "datarep", datarep, MW_GUEST_MAX_DATAREP_STRING, &k->datarep));
    MW_TRY(in_pack(call, k, buffer, datatype, packed, position));
    MW_TRY(mw_in_external(call, "datatype", k->type));
    MW_TRY(mw_result(MW_LARGE(MPI_Pack_external_size)(k->datarep, k->count, k->type->host, &needed)));
    return enough(call, k, needed);
}

#define PACK_EXTERNAL(host_pack, integer)                                                          \
    mw_arena arena = mw_scratch_begin();                                                           \
    int32_t error = in_external(&call, &k, &arena, datarep, inbuf, datatype, outbuf, position);    \
    if (!error) {                                                                                  \
        integer host_position = k.position;                                                        \
        error = mw_result(host_pack(k.datarep, k.buffer, k.count, k.type->host, k.packed, k.size, &host_position)); \
        k.position = host_position;                                                                \
    }                                                                                              \
    if (!error)                                                                                    \
        put_position(&k);                                                                          \
    mw_arena_end(&arena);                                                                          \
    return error

int32_t mw_MPI_Pack_external(mw_instance *instance, mw_guest_ptr datarep, mw_guest_ptr inbuf, int32_t incount,
                             mw_guest_type datatype, mw_guest_ptr outbuf, mw_guest_aint outsize,
                             mw_guest_ptr position)
{
    mw_call call = MW_CALL("MPI_Pack_external");
    pack k = {.names = &packing, .large = MW_GUEST_BITS == 64, .count = incount, .size = outsize};
    PACK_EXTERNAL(MPI_Pack_external, MPI_Aint);
}

int32_t mw_MPI_Pack_external_c(mw_instance *instance, mw_guest_ptr datarep, mw_guest_ptr inbuf, mw_guest_count incount,
                               mw_guest_type datatype, mw_guest_ptr outbuf, mw_guest_count outsize,
                               mw_guest_ptr position)
{
    mw_call call = MW_CALL("MPI_Pack_external_c");
    pack k = {.names = &packing, .large = true, .count = incount, .size = outsize};
    PACK_EXTERNAL(MW_LARGE(MPI_Pack_external), mw_large_aint);
}

#define UNPACK_EXTERNAL(host_unpack, integer)                                                      \
    mw_arena arena = mw_scratch_begin();                                                           \
    int32_t error = in_external(&call, &k, &arena, datarep, outbuf, datatype, inbuf, position);    \
    if (!error) {                                                                                  \
        integer host_position = k.position;                                                        \
        error = mw_result(host_unpack(k.datarep, k.packed, k.size, &host_position, k.buffer, k.count, k.type->host)); \
        k.position = host_position;                                                                \
    }                                                                                              \
    if (!error)                                                                                    \
        put_position(&k);                                                                          \
    mw_arena_end(&arena);                                                                          \
    return error

int32_t mw_MPI_Unpack_external(mw_instance *instance, mw_guest_ptr datarep, mw_guest_ptr inbuf, mw_guest_aint insize,
                               mw_guest_ptr position, mw_guest_ptr outbuf, int32_t outcount, mw_guest_type datatype)
{
    mw_call call = MW_CALL("MPI_Unpack_external");
    pack k = {.names = &unpacking, .large = MW_GUEST_BITS == 64, .count = outcount, .size = insize};
    UNPACK_EXTERNAL(MPI_Unpack_external, MPI_Aint);
}

int32_t mw_MPI_Unpack_external_c(mw_instance *instance, mw_guest_ptr datarep, mw_guest_ptr inbuf,
                                 mw_guest_count insize, mw_guest_ptr position, mw_guest_ptr outbuf,
                                 mw_guest_count outcount, mw_guest_type datatype)
{
    mw_call call = MW_CALL("MPI_Unpack_external_c");
    pack k = {.names = &unpacking, .large = true, .count = outcount, .size = insize};
    UNPACK_EXTERNAL(MW_LARGE(MPI_Unpack_external), mw_large_aint);
}
