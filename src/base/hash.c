#include "base/hash.h"

#include <blake3.h>

mw_hash mw_hash_parts(const mw_hash_part *parts, size_t nparts)
{
    mw_hash hash;
    blake3_hasher hasher;
    blake3_hasher_init(&hasher);
    for (size_t i = 0; i < nparts; i++) {
        uint64_t size = parts[i].size;
        blake3_hasher_update(&hasher, &size, sizeof size);
        blake3_hasher_update(&hasher, parts[i].bytes, parts[i].size);
    }
    blake3_hasher_finalize(&hasher, hash.bytes, MW_HASH_BYTES);
    return hash;
}

void mw_hash_hex(const mw_hash *hash, char hex[MW_HASH_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < MW_HASH_BYTES; i++) {
        hex[2 * i] = digits[hash->bytes[i] >> 4];
        hex[2 * i + 1] = digits[hash->bytes[i] & 15];
    }
    hex[MW_HASH_HEX - 1] = 0;
}
