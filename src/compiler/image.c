#include "compiler/image.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, WORD = 8 };

static uint32_t append(mw_image_buffer *buffer, const void *bytes, size_t size, size_t alignment)
{
    uint32_t at = (uint32_t)((buffer->size + alignment - 1) & ~(alignment - 1));
    mw_reserve(&buffer->bytes, &buffer->capacity, (uint32_t)(at + size), 1);
    memset(buffer->bytes + buffer->size, 0, at - buffer->size);
    if (bytes)
        memcpy(buffer->bytes + at, bytes, size);
    else
        memset(buffer->bytes + at, 0, size);
    buffer->size = (uint32_t)(at + size);
    return at;
}

uint32_t mw_image_plain(mw_image *image, const void *bytes, size_t size)
{
    return append(&image->plain, bytes, size, ALIGNMENT);
}

uint32_t mw_image_string(mw_image *image, const char *bytes, size_t len)
{
    uint32_t at = append(&image->plain, bytes, len, 1);
    append(&image->plain, "", 1, 1);
    return at;
}

uint32_t mw_image_linked(mw_image *image, const void *bytes, size_t size)
{
    uint32_t before = image->linked.size / WORD;
    uint32_t at = append(&image->linked, bytes, (size + WORD - 1) & ~(size_t)(WORD - 1), ALIGNMENT);
    uint32_t words = image->linked.size / WORD;
    mw_reserve(&image->refs, &image->refs_capacity, words, sizeof *image->refs);
    memset(image->refs + before, 0, (words - before) * sizeof *image->refs);
    return at;
}

void mw_image_write(mw_image *image, uint32_t at, const void *bytes, size_t size)
{
    memcpy(image->linked.bytes + at, bytes, size);
}

void mw_image_ref_plain(mw_image *image, uint32_t at, uint32_t offset)
{
    image->refs[at / WORD] = (mw_image_ref){MW_REF_PLAIN, offset, NULL};
}

void mw_image_ref_linked(mw_image *image, uint32_t at, uint32_t offset)
{
    image->refs[at / WORD] = (mw_image_ref){MW_REF_LINKED, offset, NULL};
}

void mw_image_ref_value(mw_image *image, uint32_t at, LLVMValueRef value)
{
    image->refs[at / WORD] = (mw_image_ref){MW_REF_VALUE, 0, value};
}

static LLVMValueRef into(const mw_unit *u, LLVMValueRef variable, uint32_t offset)
{
    LLVMValueRef index = mw_i64(u, offset);
    return LLVMConstInBoundsGEP2(u->i8, variable, &index, 1);
}

static LLVMValueRef emit_plain(const mw_image *image, mw_unit *u)
{
    LLVMValueRef bytes = LLVMConstStringInContext2(u->context, (const char *)image->plain.bytes, image->plain.size, 1);
    LLVMValueRef variable = LLVMAddGlobal(u->llvm, LLVMTypeOf(bytes), "mw_constants");
    LLVMSetInitializer(variable, bytes);
    LLVMSetGlobalConstant(variable, 1);
    LLVMSetLinkage(variable, LLVMInternalLinkage);
    LLVMSetAlignment(variable, ALIGNMENT);
    return variable;
}

void mw_image_emit(mw_image *image, mw_unit *u, const char *symbol)
{
    LLVMValueRef plain = emit_plain(image, u);
    uint32_t n = image->linked.size / WORD;
    LLVMTypeRef *types = mw_calloc(n, sizeof *types);
    LLVMValueRef *values = mw_calloc(n, sizeof *values);
    for (uint32_t i = 0; i < n; i++)
        types[i] = image->refs[i].kind == MW_REF_NONE ? u->i64 : u->ptr;
    LLVMTypeRef type = LLVMStructTypeInContext(u->context, types, n, 0);
    LLVMValueRef variable = LLVMAddGlobal(u->llvm, type, symbol);
    for (uint32_t i = 0; i < n; i++) {
        const mw_image_ref *ref = &image->refs[i];
        uint64_t word;
        switch (ref->kind) {
        case MW_REF_NONE:
            memcpy(&word, image->linked.bytes + (size_t)i * WORD, WORD);
            values[i] = mw_i64(u, word);
            break;
        case MW_REF_PLAIN:
            values[i] = into(u, plain, ref->offset);
            break;
        case MW_REF_LINKED:
            values[i] = into(u, variable, ref->offset);
            break;
        case MW_REF_VALUE:
            values[i] = ref->value;
            break;
        }
    }
    LLVMSetInitializer(variable, LLVMConstStructInContext(u->context, values, n, 0));
    LLVMSetGlobalConstant(variable, 1);
    LLVMSetAlignment(variable, ALIGNMENT);
    free(types);
    free(values);
    free(image->plain.bytes);
    free(image->linked.bytes);
    free(image->refs);
}
