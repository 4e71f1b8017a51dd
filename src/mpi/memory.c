/* Guest memory that MPI hands out: MPI_Alloc_mem, buffers for MPI_Bsend, and the short-lived blocks in which
 * callbacks find their arguments. It comes from the guest's own malloc, so that it and the guest's heap never overlap;
 * a guest that exports none gets grown pages, which are never given back. */
#include "mpi/callbacks.h"
#include "mpi/large.h"
#include "mpi/state.h"
#include "shims.h"

#include <stdlib.h>

typedef mw_guest_addr malloc_fn(mw_context *context, mw_guest_addr);
typedef void free_fn(mw_context *context, mw_guest_addr);
#define MALLOC_SIGNATURE MW_BY_WIDTH("i:i", "I:I")
#define FREE_SIGNATURE MW_BY_WIDTH("i:", "I:")
#define MOST_BYTES MW_BY_WIDTH(INT32_MAX, INT64_MAX)

mw_guest_ptr mw_guest_alloc(mw_instance *instance, uint64_t bytes)
{
    const mw_func *guest_malloc = mw_exported_function(instance, "malloc", MALLOC_SIGNATURE);
    mw_guest_addr addr = 0;

    if (bytes == 0)
        bytes = 1;
    if (bytes > MOST_BYTES)
        return (mw_guest_ptr){0};
    if (guest_malloc) {
        addr = ((malloc_fn *)guest_malloc->code)(guest_malloc->context, (mw_guest_addr)bytes);
    } else {
        int64_t old = mw_guest_memory_grow(instance, (bytes + MW_PAGE_BYTES - 1) / MW_PAGE_BYTES);
        addr = old > 0 ? (mw_guest_addr)((uint64_t)old * MW_PAGE_BYTES) : 0;
    }
    /* The guest's malloc may say anything. */
    return (mw_guest_ptr){mw_guest_contains(instance, addr, bytes) ? addr : 0};
}

void mw_guest_release(mw_instance *instance, mw_guest_ptr p)
{
    const mw_func *guest_free = mw_exported_function(instance, "free", FREE_SIGNATURE);
    if (p.addr != 0 && guest_free && mw_exported_function(instance, "malloc", MALLOC_SIGNATURE))
        ((free_fn *)guest_free->code)(guest_free->context, p.addr);
}

/* One block of guest memory serves all callbacks in progress on a thread, as a stack; what does not fit gets its own.
 * The guest's malloc runs between frames of the host's library here, so it counts as a callback. */
static __thread mw_guest_ptr stack __attribute__((tls_model("initial-exec")));
static __thread uint64_t stack_size __attribute__((tls_model("initial-exec")));
static __thread uint64_t stack_top __attribute__((tls_model("initial-exec")));

bool mw_guest_block_begin(mw_instance *instance, uint64_t bytes, mw_guest_block *block)
{
    bytes = (bytes + 15) & ~(uint64_t)15;
    if (stack_top == 0 && bytes > stack_size) {
        uint64_t size = bytes * 2 < 4096 ? 4096 : bytes * 2;
        mw_callback_enter();
        mw_guest_release(instance, stack);
        stack = mw_guest_alloc(instance, size);
        mw_callback_leave();
        stack_size = stack.addr ? size : 0;
    }
    block->own = bytes > stack_size - stack_top;
    block->level = stack_top;
    if (block->own) {
        mw_callback_enter();
        block->p = mw_guest_alloc(instance, bytes);
        mw_callback_leave();
        return block->p.addr != 0;
    }
    block->p = (mw_guest_ptr){stack.addr + (mw_guest_addr)stack_top};
    stack_top += bytes;
    return true;
}

void mw_guest_block_end(mw_instance *instance, mw_guest_block *block)
{
    if (!block->own) {
        stack_top = block->level;
        return;
    }
    mw_callback_enter();
    mw_guest_release(instance, block->p);
    mw_callback_leave();
}

int32_t mw_MPI_Alloc_mem(mw_instance *instance, mw_guest_aint size, mw_guest_info info, mw_guest_ptr baseptr)
{
    mw_call call = MW_CALL("MPI_Alloc_mem");
    MPI_Info host_info;
    mw_guest_word *out;
    MW_TRY(mw_in_running(&call));
    MW_TRY(mw_in_info_or_null(&call, "info", info, &host_info));
    MW_TRY(mw_out_word(&call, "baseptr", baseptr, &out));
    if (size < 0)
        return mw_raise_error(&call, MW_GUEST_ERR_ARG, "size", "%lld is negative", (long long)size);
    mw_guest_ptr p = mw_guest_alloc(instance, (uint64_t)size);
    if (p.addr == 0)
        return mw_raise_error(&call, MW_GUEST_ERR_NO_MEM, NULL, "no memory for %lld bytes", (long long)size);
    *out = p.addr;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Free_mem(mw_instance *instance, mw_guest_ptr base)
{
    mw_call call = MW_CALL("MPI_Free_mem");
    MW_TRY(mw_in_running(&call));
    mw_guest_release(instance, base);
    return MW_GUEST_SUCCESS;
}

/* The host copies messages of MPI_Bsend into the guest's own buffer. It also keeps its bookkeeping there (lists
 * with pointers), which a guest could forge: so the host gets memory of its own of the same size, and the
 * guest's address is only remembered for MPI_Buffer_detach. */
static struct {
    void *host;
    mw_guest_ptr guest;
    int64_t size;
} attached;

static int32_t attach(const mw_call *call, mw_guest_ptr buffer, int64_t size)
{
    void *span;
    MW_TRY(mw_in_running(call));
    MW_TRY(mw_in_large_count(call, "size", size));
    MW_TRY(mw_out_span(call, "buffer", buffer, (uint64_t)size, &span));
    if (attached.host)
        return mw_raise_error(call, MW_GUEST_ERR_BUFFER, "buffer", "a buffer is attached already");
    /* MW_GUEST_BSEND_OVERHEAD covers that of the host for every message. */
    _Static_assert(MW_GUEST_BSEND_OVERHEAD >= MPI_BSEND_OVERHEAD, "the guest's buffer suffices for the host");
    void *host = malloc(size > 0 ? (size_t)size : 1);
    if (!host)
        return mw_raise_error(call, MW_GUEST_ERR_NO_MEM, NULL, "no memory for %lld bytes", (long long)size);
    int rc = MW_LARGE(MPI_Buffer_attach)(host, size);
    if (rc != MPI_SUCCESS) {
        free(host);
        return mw_result(rc);
    }
    attached.host = host;
    attached.guest = buffer;
    attached.size = size;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Buffer_attach(mw_instance *instance, mw_guest_ptr buffer, int32_t size)
{
    mw_call call = MW_CALL("MPI_Buffer_attach");
    return attach(&call, buffer, size);
}

int32_t mw_MPI_Buffer_attach_c(mw_instance *instance, mw_guest_ptr buffer, mw_guest_count size)
{
    mw_call call = MW_CALL("MPI_Buffer_attach_c");
    return attach(&call, buffer, size);
}

/* Returns when all messages in the buffer have been sent. */
static int32_t detach(const mw_call *call, mw_guest_word *out_addr, int64_t *size)
{
    void *host;
    mw_large_int host_size;
    if (!attached.host)
        return mw_raise_error(call, MW_GUEST_ERR_BUFFER, NULL, "no buffer is attached");
    MW_TRY(mw_result(MW_LARGE(MPI_Buffer_detach)(&host, &host_size)));
    free(attached.host);
    attached.host = NULL;
    *out_addr = attached.guest.addr;
    *size = attached.size;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Buffer_detach(mw_instance *instance, mw_guest_ptr buffer_addr, mw_guest_ptr size)
{
    mw_call call = MW_CALL("MPI_Buffer_detach");
    mw_guest_word *out_addr;
    int32_t *out_size;
    int64_t bytes;
    MW_TRY(mw_in_running(&call));
    MW_TRY(mw_out_word(&call, "buffer_addr", buffer_addr, &out_addr));
    MW_TRY(mw_out_i32(&call, "size", size, &out_size));
    MW_TRY(detach(&call, out_addr, &bytes));
    *out_size = bytes <= INT32_MAX ? (int32_t)bytes : MW_GUEST_UNDEFINED; /* attached by MPI_Buffer_attach_c */
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Buffer_detach_c(mw_instance *instance, mw_guest_ptr buffer_addr, mw_guest_ptr size)
{
    mw_call call = MW_CALL("MPI_Buffer_detach_c");
    mw_guest_word *out_addr;
    int64_t *out_size;
    MW_TRY(mw_in_running(&call));
    MW_TRY(mw_out_word(&call, "buffer_addr", buffer_addr, &out_addr));
    MW_TRY(mw_out_i64(&call, "size", size, &out_size));
    return detach(&call, out_addr, out_size);
}

/* Hosts before MPI 4.1 wait for the messages in the buffer when it is detached only. */
int32_t mw_MPI_Buffer_flush(mw_instance *instance)
{
    mw_call call = MW_CALL("MPI_Buffer_flush");
    void *host;
    mw_large_int host_size;
    MW_TRY(mw_in_running(&call));
    if (!attached.host)
        return MW_GUEST_SUCCESS;
    MW_TRY(mw_result(MW_LARGE(MPI_Buffer_detach)(&host, &host_size)));
    int rc = MW_LARGE(MPI_Buffer_attach)(attached.host, attached.size);
    if (rc != MPI_SUCCESS) {
        free(attached.host);
        attached.host = NULL;
    }
    return mw_result(rc);
}
