/* BLAKE3, from the C sources of the package librust-blake3-dev (neither libLLVM nor a Rust compiler is
 * needed on the path of a cached start). */
#ifndef MW_BASE_HASH_H
#define MW_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define MW_HASH_BYTES 32
#define MW_HASH_HEX (2 * MW_HASH_BYTES + 1)

typedef struct mw_hash {
    uint8_t bytes[MW_HASH_BYTES];
} mw_hash;

/* A part of what is hashed: the parts are hashed one after the other, each preceded by its length, so that
 * no two different lists of parts give the same input. */
typedef struct mw_hash_part {
    const void *bytes;
    size_t size;
} mw_hash_part;

mw_hash mw_hash_parts(const mw_hash_part *parts, size_t nparts);

/* Writes the hash as 64 lower-case hexadecimal digits and a NUL. */
void mw_hash_hex(const mw_hash *hash, char hex[MW_HASH_HEX]);

#endif
