/* Structures of C, with the pointers among them, as LLVM constants: the host's own struct definitions give the
 * layout, so that nothing has to mirror them. Needs a target with the host's byte order and pointer size, which
 * all targets have (little-endian, 64 bits). */
#ifndef MW_COMPILER_IMAGE_H
#define MW_COMPILER_IMAGE_H

#include "compiler/emit.h"

typedef struct mw_image_buffer {
    uint8_t *bytes;
    uint32_t size, capacity;
} mw_image_buffer;

/* What a word of `linked` points to. */
typedef struct mw_image_ref {
    enum { MW_REF_NONE, MW_REF_PLAIN, MW_REF_LINKED, MW_REF_VALUE } kind;
    uint32_t offset;    /* in `plain` or `linked` */
    LLVMValueRef value; /* a function or variable */
} mw_image_ref;

typedef struct mw_image {
    mw_image_buffer plain;  /* what holds no pointers */
    mw_image_buffer linked; /* what does */
    mw_image_ref *refs;     /* one per 8 bytes of `linked` */
    uint32_t refs_capacity;
} mw_image;

/* Appends a copy (of zeros if `bytes` is NULL), aligned to 16; gives its offset. */
uint32_t mw_image_plain(mw_image *image, const void *bytes, size_t size);
uint32_t mw_image_linked(mw_image *image, const void *bytes, size_t size);
/* A string with a NUL behind it. */
uint32_t mw_image_string(mw_image *image, const char *bytes, size_t len);
/* Overwrites what was appended. */
void mw_image_write(mw_image *image, uint32_t at, const void *bytes, size_t size);
/* The pointer at `at` of `linked` (a multiple of 8). */
void mw_image_ref_plain(mw_image *image, uint32_t at, uint32_t offset);
void mw_image_ref_linked(mw_image *image, uint32_t at, uint32_t offset);
void mw_image_ref_value(mw_image *image, uint32_t at, LLVMValueRef value);

/* Makes the constants; `linked` becomes an exported variable named `symbol`. Frees the image. */
void mw_image_emit(mw_image *image, mw_unit *u, const char *symbol);

#endif
