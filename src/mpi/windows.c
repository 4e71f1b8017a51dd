/* Windows: their creation, the memory that MPI hands out with them, and what is asked of them. The operations
 * themselves are generated from the table; windows.h has their checks. */
#include "mpi/windows.h"
#include "mpi/state.h"
#include "shims.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- Checks at the origin ------------------------------------------------------------------------------------ */

int32_t mw_raise_target(const mw_call *call, const char *argument, int rank, int64_t displacement, int64_t count)
{
    const mw_exposure *exposure = mw_exposure_of(call->win->window, rank);
    return mw_raise_error(call, MW_GUEST_ERR_RMA_RANGE, argument,
                          "%lld elements at displacement %lld do not lie in the window of rank %d, which has %lld bytes",
                          (long long)count, (long long)displacement, rank, (long long)exposure->bytes);
}

int32_t mw_raise_as_long(const mw_call *call, const char *argument, int64_t count, const mw_type_slot *type,
                         int64_t target_count, const mw_type_slot *target_type)
{
    return mw_raise_error(call, MW_GUEST_ERR_COUNT, argument, "%lld elements of %lld bytes do not match %lld of %lld bytes "
                          "at the target", (long long)count, (long long)type->size, (long long)target_count,
                          (long long)target_type->size);
}

int32_t mw_in_rma_elements(const mw_call *call, const char *argument, const mw_type_slot *type)
{
    return type->base || type->size == 0
               ? MW_GUEST_SUCCESS
               : mw_raise_error(call, MW_GUEST_ERR_TYPE, argument, "its elements are of several predefined datatypes");
}

int32_t mw_in_rma_op(const mw_call *call, const char *argument, mw_guest_op handle, const mw_type_slot *type,
                     MPI_Op *out)
{
    mw_op_slot *slot;
    MW_TRY(mw_in_op_slot(call, argument, handle, &slot));
    if (slot->callback)
        return mw_raise_error(call, MW_GUEST_ERR_OP, argument, "accumulates take predefined operations only");
    if ((type->flags & MW_TYPE_QUAD) && slot->builtin != (uint8_t)MW_GUEST_REPLACE &&
        slot->builtin != (uint8_t)MW_GUEST_NO_OP)
        return mw_raise_error(call, MW_GUEST_ERR_OP, argument, "the host cannot compute with the guest's long double");
    if (slot->builtin != (uint8_t)MW_GUEST_NO_OP)
        MW_TRY(mw_in_rma_elements(call, "target_datatype", type));
    *out = slot->host;
    return MW_GUEST_SUCCESS;
}

mw_guest_win mw_win_of_host(MPI_Win host)
{
    uint32_t found;
    MW_FIND_HOST(win, MW_FIRST_DYNAMIC_INDEX, host, found);
    return (mw_guest_win){found ? found : MW_GUEST_WIN_NULL};
}

/* ---- Creation ------------------------------------------------------------------------------------------------ */

/* Where host windows may begin: the memory of a guest is aligned to more. */
enum { HOST_ALIGNMENT = 64 };

/* A window that is being created; collective over `comm`. */
typedef struct creation {
    mw_call *call;
    const mw_comm_slot *comm;
    MPI_Info info;
    mw_guest_word *out_win;
    mw_win_slot *slot;
    mw_window *window;
    mw_exposure own;
} creation;

static void abandon(creation *c)
{
    if (c->window)
        free(c->window->exposures);
    free(c->window);
    if (c->slot)
        mw_win_free(c->slot);
}

static int32_t begin(creation *c, mw_call *call, int32_t flavor, mw_guest_comm comm, mw_guest_info info,
                     mw_guest_ptr win)
{
    *c = (creation){.call = call};
    MW_TRY(mw_in_comm(call, "comm", comm, &c->comm));
    if (c->comm->inter)
        return mw_raise_error(call, MW_GUEST_ERR_COMM, "comm", "an intercommunicator has no windows");
    MW_TRY(mw_in_info_or_null(call, "info", info, &c->info));
    MW_TRY(mw_out_word(call, "win", win, &c->out_win));
    c->slot = mw_win_take();
    c->window = calloc(1, sizeof *c->window);
    if (!c->slot || !c->window) {
        abandon(c);
        return mw_raise_error(call, MW_GUEST_ERR_INTERN, NULL, "too many windows");
    }
    c->slot->window = c->window;
    c->window->flavor = flavor;
    c->window->rank = c->comm->rank;
    c->window->size = c->comm->size;
    return MW_GUEST_SUCCESS;
}

/* As many bytes as a guest's memory can ever have: all that 32 bits address, or what was reserved. */
static uint64_t most_bytes(const mw_instance *instance)
{
    return MW_GUEST_BITS == 32 ? UINT64_C(1) << 32 : instance->memories[0]->reserved;
}

static int32_t in_size(const mw_call *call, mw_guest_aint size, mw_guest_aint unit)
{
    if (size < 0)
        return mw_raise_error(call, MW_GUEST_ERR_SIZE, "size", "%lld is negative", (long long)size);
    if ((uint64_t)size > most_bytes(call->instance)) /* so that no sum of sizes wraps */
        return mw_raise_error(call, MW_GUEST_ERR_SIZE, "size", "%lld bytes do not fit the guest's memory", (long long)size);
    if (unit <= 0)
        return mw_raise_error(call, MW_GUEST_ERR_DISP, "disp_unit", "%lld is not positive", (long long)unit);
    return MW_GUEST_SUCCESS;
}

/* Tells all ranks what each exposes: one entry where it is the same everywhere, as it mostly is. */
static int32_t exchange(creation *c)
{
    mw_window *w = c->window;
    const mw_exposure *own = &c->own;
    int64_t bounds[] = {own->bytes, -own->bytes, own->unit, -own->unit, own->origin, -own->origin};

    MW_TRY(mw_result(MPI_Allreduce(MPI_IN_PLACE, bounds, 6, MPI_INT64_T, MPI_MIN, c->comm->host)));
    w->uniform = bounds[0] == -bounds[1] && bounds[2] == -bounds[3] && bounds[4] == -bounds[5];
    w->exposures = calloc(w->uniform ? 1 : (size_t)w->size, sizeof *w->exposures);
    int there = w->exposures != NULL, everywhere = 0;
    MW_TRY(mw_result(MPI_Allreduce(&there, &everywhere, 1, MPI_INT, MPI_MIN, c->comm->host)));
    if (!everywhere)
        return mw_raise_error(c->call, MW_GUEST_ERR_NO_MEM, NULL, "no memory for a window of %d ranks", w->size);
    if (w->uniform) {
        w->exposures[0] = *own;
        return MW_GUEST_SUCCESS;
    }
    return mw_result(MPI_Allgather(own, sizeof *own, MPI_BYTE, w->exposures, sizeof *own, MPI_BYTE, c->comm->host));
}

/* The guest's handle, once the host has the window. */
static int32_t publish(creation *c, MPI_Win host)
{
    MW_SET_HOST(c->slot, host);
    *c->out_win = mw_win_publish(c->slot).value;
    return MW_GUEST_SUCCESS;
}

/* A window over `bytes` bytes of the guest's memory at `base`. */
static int32_t create_over(creation *c, mw_guest_ptr base, int64_t bytes, mw_guest_aint unit)
{
    MPI_Win host;
    mw_guest_addr at = bytes > 0 ? base.addr : 0; /* that of an empty window may be any */
    int64_t skew = at % HOST_ALIGNMENT;
    c->window->base = base;
    c->own = (mw_exposure){.bytes = bytes, .unit = unit, .origin = skew};
    MW_TRY(exchange(c));
    MW_TRY(mw_result(MPI_Win_create(c->call->instance->memory0 + at - skew, (MPI_Aint)(bytes + skew), 1, c->info,
                                    c->comm->host, &host)));
    return publish(c, host);
}

static int32_t win_create(mw_call *call, mw_guest_ptr base, mw_guest_aint size, mw_guest_aint unit,
                          mw_guest_info info, mw_guest_comm comm, mw_guest_ptr win)
{
    creation c;
    void *span;
    MW_TRY(begin(&c, call, MW_GUEST_WIN_FLAVOR_CREATE, comm, info, win));
    int32_t error = in_size(call, size, unit);
    if (!error)
        error = mw_in_span(call, "base", size > 0 ? base : (mw_guest_ptr){0}, (uint64_t)size, &span);
    if (!error)
        error = create_over(&c, base, size, unit);
    if (error)
        abandon(&c);
    return error;
}

/* Ordinary memory where pages were shared. */
static bool own_pages(void *at, uint64_t bytes)
{
    return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

/* Ordinary memory again where a segment was mapped. If there is none to be had, the segment stays: it is memory too. */
static void unmap_segment(mw_instance *instance, mw_window *w)
{
    if (!w->shared.mapped)
        return;
    (void)own_pages(instance->memory0 + w->shared.first.addr, w->shared.mapped);
    if (w->shared.host)
        (void)own_pages(w->shared.host, w->shared.mapped);
    w->shared.mapped = 0;
    w->shared.host = NULL;
}

static void give_back(mw_instance *instance, mw_window *w)
{
    unmap_segment(instance, w);
    mw_guest_release(instance, w->block);
    w->block.addr = 0;
}

/* Guest memory for `bytes` bytes of whole pages, which then are at w->shared.first. */
static void *take_pages(mw_instance *instance, mw_window *w, uint64_t bytes)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    w->block = mw_guest_alloc(instance, bytes + page);
    w->shared.first.addr = (mw_guest_addr)((w->block.addr + page - 1) & ~(page - 1));
    return w->block.addr ? instance->memory0 + w->shared.first.addr : NULL;
}

/* Maps shared memory of the host's a second time over guest memory; false if it is not shared. */
static bool map_again(mw_instance *instance, mw_window *w, void *memory, uint64_t bytes)
{
    void *at = take_pages(instance, w, bytes);
    /* A length of 0 leaves the old mapping where it is, if it is a shared one. UCX replaces mremap by a function that does not
     * know the new address; so that it forgets what was there, the pages go first, by an mmap that it sees. */
    if (!at || mmap(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
        return false;
    w->shared.mapped = bytes;
    return syscall(SYS_mremap, memory, 0, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, at) == (long)(intptr_t)at;
}

/* Maps the window's pages in guest memory, shared ones, a second time over those at w->shared.host; see map_again. */
static bool replace_pages(mw_instance *instance, mw_window *w)
{
    void *from = instance->memory0 + w->shared.first.addr, *to = w->shared.host;
    return own_pages(to, w->shared.mapped) && syscall(SYS_mremap, from, 0, w->shared.mapped, MREMAP_MAYMOVE | MREMAP_FIXED,
                                                      to) == (long)(intptr_t)to;
}

/* The first whole page of a block. */
static char *whole_pages(char *block)
{
    return block + (-(uintptr_t)block & (uintptr_t)(sysconf(_SC_PAGESIZE) - 1));
}

#if defined(OPEN_MPI)
/* A window of one process: the host's own, too, since Open MPI 4.1 without any single copy between processes makes no other for
 * MPI_THREAD_MULTIPLE. Its memory comes from malloc and cannot be mapped twice, so the guest's takes the place of its whole
 * pages. A shared window is asked for, since no network device knows its memory by its frames. `room`: whole pages. */
static int32_t allocate_alone(creation *c, int64_t room, int64_t bytes, mw_guest_aint unit, bool *made)
{
    mw_window *w = c->window;
    mw_instance *instance = c->call->instance;
    char *memory = NULL;
    MPI_Win host;

    if (MPI_Win_allocate_shared(room + sysconf(_SC_PAGESIZE), 1, c->info, c->comm->host, &memory, &host) != MPI_SUCCESS)
        return MW_GUEST_SUCCESS;
    void *at = take_pages(instance, w, (uint64_t)room);
    if (at && mmap(at, (size_t)room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
        w->shared.mapped = (uint64_t)room;
        w->shared.host = whole_pages(memory);
        *made = replace_pages(instance, w);
    }
    w->base = w->shared.parts = w->shared.first;
    c->own = (mw_exposure){.bytes = bytes, .unit = unit, .origin = whole_pages(memory) - memory};
    int32_t error = *made ? exchange(c) : MW_GUEST_SUCCESS;
    if (!*made || error) {
        give_back(instance, w);
        MPI_Win_free(&host);
    }
    return error || !*made ? error : publish(c, host);
}
#else
/* Other hosts' windows of one process are over memory of the guest's, which they know best. */
static int32_t allocate_alone(creation *c, int64_t room, int64_t bytes, mw_guest_aint unit, bool *made)
{
    (void)c, (void)room, (void)bytes, (void)unit, (void)made;
    return MW_GUEST_SUCCESS;
}
#endif

/* The host's own window with the memory that it allocates, mapped a second time into the guest's where it is shared memory, as
 * on one node it is: a host knows faster ways to that than to memory of the guest's, and Open MPI 4.1 without any single
 * copy between processes has no other window for MPI_THREAD_MULTIPLE. Only pages that are the window's alone are mapped.
 * *made says whether it was possible; if not, nothing was done. */
static int32_t allocate_at_host(creation *c, int64_t bytes, mw_guest_aint unit, bool *made)
{
    mw_window *w = c->window;
    mw_instance *instance = c->call->instance;
    int64_t page = sysconf(_SC_PAGESIZE), room = bytes > 0 ? (bytes + page - 1) & ~(page - 1) : page;
    int mapped, everywhere = 0;
    char *memory = NULL;
    MPI_Win host;

    *made = false;
    if (w->size == 1)
        return allocate_alone(c, room, bytes, unit, made);
    MW_TRY(mw_result(MPI_Win_allocate(room + page, 1, c->info, c->comm->host, &memory, &host)));
    char *first = whole_pages(memory);
    mapped = map_again(instance, w, first, (uint64_t)room);
    MPI_Allreduce(&mapped, &everywhere, 1, MPI_INT, MPI_MIN, c->comm->host);
    if (!everywhere) {
        give_back(instance, w);
        return mw_result(MPI_Win_free(&host));
    }
    w->base = w->shared.first;
    c->own = (mw_exposure){.bytes = bytes, .unit = unit, .origin = first - memory};
    *made = true;
    int32_t error = exchange(c);
    if (error)
        MPI_Win_free(&host);
    return error ? error : publish(c, host);
}

static int32_t allocate_in_guest(creation *c, int64_t bytes, mw_guest_aint unit)
{
    c->window->block = mw_guest_alloc(c->call->instance, (uint64_t)bytes);
    if (c->window->block.addr == 0)
        return mw_raise_error(c->call, MW_GUEST_ERR_NO_MEM, NULL, "no memory for %lld bytes", (long long)bytes);
    return create_over(c, c->window->block, bytes, unit);
}

static int32_t win_allocate(mw_call *call, mw_guest_aint size, mw_guest_aint unit, mw_guest_info info,
                            mw_guest_comm comm, mw_guest_ptr baseptr, mw_guest_ptr win)
{
    creation c;
    mw_guest_word *out_base = NULL;
    bool made = false;
    MW_TRY(begin(&c, call, MW_GUEST_WIN_FLAVOR_ALLOCATE, comm, info, win));
    int32_t error = in_size(call, size, unit);
    if (!error)
        error = mw_out_word(call, "baseptr", baseptr, &out_base);
    if (!error)
        error = allocate_at_host(&c, size, unit, &made);
    if (!error && !made)
        error = allocate_in_guest(&c, size, unit);
    if (error) {
        give_back(call->instance, c.window);
        abandon(&c);
        return error;
    }
    *out_base = c.window->base.addr;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Win_create_dynamic(mw_instance *instance, mw_guest_info info, mw_guest_comm comm, mw_guest_ptr win)
{
    mw_call call = MW_CALL("MPI_Win_create_dynamic");
    creation c;
    MPI_Win host;
    const int64_t all = (int64_t)most_bytes(instance);
    MW_TRY(begin(&c, &call, MW_GUEST_WIN_FLAVOR_DYNAMIC, comm, info, win));
    c.own = (mw_exposure){.bytes = all, .unit = 1, .origin = (intptr_t)instance->memory0};
    int32_t error = exchange(&c);
    if (!error)
        error = mw_result(MPI_Win_create_dynamic(c.info, c.comm->host, &host));
    if (error) {
        abandon(&c);
        return error;
    }
    return publish(&c, host);
}

/* ---- Shared windows (MPI 4.1, 12.2.3) ---------------------------------------------------------------------------
 *
 * One segment of the node's memory holds the parts of all ranks, one after the other. Every rank maps it over a block
 * of its own linear memory, so that guests share it by plain loads and stores. It is the host's own shared window where that
 * can be mapped so. */

enum { SHARED_NAME = 64 };

/* Opens the segment of `bytes` bytes that rank 0 makes; -1 on every rank if it fails on one. */
static int open_segment(MPI_Comm comm, int rank, uint64_t bytes)
{
    static unsigned made;
    char name[SHARED_NAME] = "";
    int fd = -1;
    if (rank == 0) {
        snprintf(name, sizeof name, "/mpiwasm-%ld-%u", (long)getpid(), made++);
        fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        /* Room is taken now: a page that is missing later would end the program. */
        if (fd >= 0 && posix_fallocate(fd, 0, (off_t)bytes)) {
            close(fd);
            shm_unlink(name);
            fd = -1;
        }
        if (fd < 0)
            name[0] = 0;
    }
    if (MPI_Bcast(name, SHARED_NAME, MPI_CHAR, 0, comm) != MPI_SUCCESS)
        name[0] = 0;
    if (rank != 0 && name[0])
        fd = shm_open(name, O_RDWR | O_CLOEXEC, 0);
    int there = fd >= 0, everywhere = 0;
    MPI_Allreduce(&there, &everywhere, 1, MPI_INT, MPI_MIN, comm);
    if (rank == 0 && name[0])
        shm_unlink(name);
    if (!everywhere && fd >= 0)
        close(fd);
    return everywhere ? fd : -1;
}

/* Maps the segment `fd` (-1: none) over a block of guest memory. */
static bool map_segment(mw_instance *instance, mw_window *w, int fd, uint64_t bytes)
{
    void *at = fd >= 0 ? take_pages(instance, w, bytes) : NULL;
    if (!at || mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
        return false;
    w->shared.mapped = bytes;
    return true;
}

static bool same_node(const mw_comm_slot *comm)
{
    MPI_Comm node;
    int size = 0, all = 0;
    if (MPI_Comm_split_type(comm->host, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node) != MPI_SUCCESS)
        return false;
    MPI_Comm_size(node, &size);
    MPI_Comm_free(&node);
    int same = size == comm->size;
    MPI_Allreduce(&same, &all, 1, MPI_INT, MPI_MIN, comm->host);
    return all;
}

/* Guest address of a rank's part of a shared window. */
static mw_guest_addr part_of(const mw_window *w, int rank)
{
    int64_t before = 0;
    for (int i = 0; i < rank; i++)
        before += mw_exposure_of(w, i)->bytes;
    return w->shared.parts.addr + (mw_guest_addr)before;
}

/* Where this process sees the host's shared window begin, if parts of `asked` bytes lie there one after the other. */
static char *parts_at_host(const mw_window *w, MPI_Win host, const int64_t *asked)
{
    char *begin = NULL, *expected = NULL;
    for (int i = 0; i < w->size; i++) {
        MPI_Aint size;
        int unit;
        char *at;
        if (MPI_Win_shared_query(host, i, &size, &unit, &at) != MPI_SUCCESS || size < asked[i])
            return NULL;
        if (i == 0)
            begin = expected = at;
        if (asked[i] > 0 && at != expected)
            return NULL;
        expected += asked[i];
    }
    return begin;
}

/* The host's own shared window, mapped a second time, as in allocate_at_host. A page more before the first part and one
 * after the last make all pages the window's alone. */
static int32_t share_at_host(creation *c, int64_t bytes, bool *made)
{
    mw_window *w = c->window;
    mw_instance *instance = c->call->instance;
    int64_t page = sysconf(_SC_PAGESIZE), *asked = calloc((size_t)w->size, sizeof *asked);
    int64_t own = c->own.bytes + (w->rank == 0 ? page : 0) + (w->rank == w->size - 1 ? page : 0);
    int there = asked != NULL, everywhere = 0;
    MPI_Win host;
    void *memory;

    *made = false;
    MPI_Allreduce(&there, &everywhere, 1, MPI_INT, MPI_MIN, c->comm->host);
    int32_t error = MW_GUEST_SUCCESS;
    if (w->size > 1 && everywhere &&
        !(error = mw_result(MPI_Allgather(&own, 1, MPI_INT64_T, asked, 1, MPI_INT64_T, c->comm->host))) &&
        !(error = mw_result(MPI_Win_allocate_shared(own, 1, c->info, c->comm->host, &memory, &host)))) {
        char *begin = parts_at_host(w, host, asked);
        int64_t head = begin ? (int64_t)((uintptr_t)(begin + page) & (uintptr_t)(page - 1)) : 0;
        int mapped = begin && map_again(instance, w, begin + page - head,
                                        (uint64_t)((head + (bytes ? bytes : 1) + page - 1) & ~(page - 1)));
        MPI_Allreduce(&mapped, &everywhere, 1, MPI_INT, MPI_MIN, c->comm->host);
        if (everywhere) {
            w->shared.parts.addr = w->shared.first.addr + (mw_guest_addr)head;
            c->own.origin = w->rank == 0 ? page : 0;
            error = exchange(c);
        } else {
            give_back(instance, w);
        }
        *made = everywhere && !error;
        if (!*made)
            MPI_Win_free(&host);
        else
            error = publish(c, host);
    }
    free(asked);
    return error;
}

/* A segment of our own. The host's window of each rank is all of it. */
static int32_t share_segment(creation *c, int64_t bytes)
{
    mw_window *w = c->window;
    mw_instance *instance = c->call->instance;
    int64_t page = sysconf(_SC_PAGESIZE), end = 0;
    MPI_Win host;

    MW_TRY(mw_result(MPI_Scan(&c->own.bytes, &end, 1, MPI_INT64_T, MPI_SUM, c->comm->host)));
    c->own.origin = end - c->own.bytes;
    MW_TRY(exchange(c));
    bytes = bytes ? (bytes + page - 1) & ~(page - 1) : page;
    int fd = open_segment(c->comm->host, w->rank, (uint64_t)bytes);
    int mapped = map_segment(instance, w, fd, (uint64_t)bytes), everywhere = 0;
    if (fd >= 0)
        close(fd);
    MPI_Allreduce(&mapped, &everywhere, 1, MPI_INT, MPI_MIN, c->comm->host);
    if (!everywhere)
        return mw_raise_error(c->call, MW_GUEST_ERR_NO_MEM, NULL, "no %lld bytes of memory that the ranks could share",
                              (long long)bytes);
    w->shared.parts = w->shared.first;
    MW_TRY(mw_result(MPI_Win_create(instance->memory0 + w->shared.first.addr, (MPI_Aint)bytes, 1, c->info, c->comm->host,
                                    &host)));
    return publish(c, host);
}

/* Parts lie one after the other, in the order of ranks. */
static int32_t create_shared(creation *c)
{
    int64_t bytes = 0, page = sysconf(_SC_PAGESIZE);
    bool made = false;

    if (c->window->size == 1) {
        int64_t room = c->own.bytes > 0 ? (c->own.bytes + page - 1) & ~(page - 1) : page;
        MW_TRY(allocate_alone(c, room, c->own.bytes, (mw_guest_aint)c->own.unit, &made));
        if (made)
            return MW_GUEST_SUCCESS;
    }
    if (!same_node(c->comm))
        return mw_raise_error(c->call, MW_GUEST_ERR_RMA_SHARED, "comm", "its ranks do not share a node's memory");
    MW_TRY(mw_result(MPI_Allreduce(&c->own.bytes, &bytes, 1, MPI_INT64_T, MPI_SUM, c->comm->host)));
    MW_TRY(share_at_host(c, bytes, &made));
    return made ? MW_GUEST_SUCCESS : share_segment(c, bytes);
}

static int32_t win_allocate_shared(mw_call *call, mw_guest_aint size, mw_guest_aint unit, mw_guest_info info,
                                   mw_guest_comm comm, mw_guest_ptr baseptr, mw_guest_ptr win)
{
    creation c;
    mw_guest_word *out_base = NULL;
    MW_TRY(begin(&c, call, MW_GUEST_WIN_FLAVOR_SHARED, comm, info, win));
    c.own = (mw_exposure){.bytes = size, .unit = unit};
    int32_t error = in_size(call, size, unit);
    if (!error)
        error = mw_out_word(call, "baseptr", baseptr, &out_base);
    if (!error)
        error = create_shared(&c);
    if (error) {
        give_back(call->instance, c.window);
        abandon(&c);
        return error;
    }
    c.window->base.addr = part_of(c.window, c.window->rank);
    *out_base = c.window->base.addr;
    return MW_GUEST_SUCCESS;
}

/* `unit_bytes`: of what goes to disp_unit, an int or (the large form) an MPI_Aint. */
static int32_t win_shared_query(mw_call *call, mw_guest_win win, int32_t rank, mw_guest_ptr size,
                                mw_guest_ptr disp_unit, size_t unit_bytes, mw_guest_ptr baseptr)
{
    const mw_win_slot *slot;
    mw_guest_aint *out_size;
    mw_guest_word *out_base;
    void *out_unit;
    int host_rank;
    MW_TRY(mw_in_win(call, "win", win, &slot));
    MW_TRY(mw_in_target(call, "rank", rank, &host_rank));
    MW_TRY(mw_out_address(call, "size", size, &out_size));
    MW_TRY(mw_out_span(call, "disp_unit", disp_unit, unit_bytes, &out_unit));
    MW_TRY(mw_out_word(call, "baseptr", baseptr, &out_base));
    const mw_window *w = slot->window;
    if (w->flavor != MW_GUEST_WIN_FLAVOR_SHARED)
        return mw_raise_error(call, MW_GUEST_ERR_RMA_FLAVOR, "win", "not a window of MPI_Win_allocate_shared");
    if (host_rank == MPI_PROC_NULL) { /* the lowest rank that has any memory */
        host_rank = 0;
        while (host_rank < w->size - 1 && mw_exposure_of(w, host_rank)->bytes == 0)
            host_rank++;
    }
    const mw_exposure *exposure = mw_exposure_of(w, host_rank);
    *out_size = (mw_guest_aint)exposure->bytes;
    memcpy(out_unit, &exposure->unit, unit_bytes); /* the low bytes come first */
    /* Nowhere, if it is nothing: programs take the hosts at that. */
    *out_base = exposure->bytes ? part_of(w, host_rank) : 0;
    return MW_GUEST_SUCCESS;
}

/* ---- The rest -------------------------------------------------------------------------------------------------- */

/* The large forms have an MPI_Aint where the plain ones have an int. */
#define BOTH(SHIM, name) SHIM(name, int32_t) SHIM(name##_c, mw_guest_aint)
#define CREATE_SHIM(name, integer)                                                                 \
    int32_t mw_##name(mw_instance *instance, mw_guest_ptr base, mw_guest_aint size, integer unit,  \
                      mw_guest_info info, mw_guest_comm comm, mw_guest_ptr win)                    \
    {                                                                                              \
        mw_call call = MW_CALL(#name);                                                             \
        return win_create(&call, base, size, unit, info, comm, win);                               \
    }
#define ALLOCATE_SHIM(name, integer, allocate)                                                     \
    int32_t mw_##name(mw_instance *instance, mw_guest_aint size, integer unit, mw_guest_info info, \
                      mw_guest_comm comm, mw_guest_ptr baseptr, mw_guest_ptr win)                  \
    {                                                                                              \
        mw_call call = MW_CALL(#name);                                                             \
        return allocate(&call, size, unit, info, comm, baseptr, win);                              \
    }
#define QUERY_SHIM(name, integer)                                                                  \
    int32_t mw_##name(mw_instance *instance, mw_guest_win win, int32_t rank, mw_guest_ptr size,    \
                      mw_guest_ptr disp_unit, mw_guest_ptr baseptr)                                \
    {                                                                                              \
        mw_call call = MW_CALL(#name);                                                             \
        return win_shared_query(&call, win, rank, size, disp_unit, sizeof(integer), baseptr);      \
    }
BOTH(CREATE_SHIM, MPI_Win_create)
ALLOCATE_SHIM(MPI_Win_allocate, int32_t, win_allocate)
ALLOCATE_SHIM(MPI_Win_allocate_c, mw_guest_aint, win_allocate)
ALLOCATE_SHIM(MPI_Win_allocate_shared, int32_t, win_allocate_shared)
ALLOCATE_SHIM(MPI_Win_allocate_shared_c, mw_guest_aint, win_allocate_shared)
BOTH(QUERY_SHIM, MPI_Win_shared_query)

/* The slot outlives the host call, since delete callbacks get the window's handle. */
int32_t mw_MPI_Win_free(mw_instance *instance, mw_guest_ptr win)
{
    mw_call call = MW_CALL("MPI_Win_free");
    const mw_win_slot *slot;
    mw_guest_word *handle;
    MW_TRY(mw_out_word(&call, "win", win, &handle));
    MW_TRY(mw_in_win(&call, "win", (mw_guest_win){*handle}, &slot));
    MW_TRY(mw_in_attributes(&call, "win", *handle));
    MPI_Win host = slot->host;
    mw_window *w = slot->window;
    mw_leaving leaving;
    mw_leave_begin(&leaving, (mw_slot_head *)&slot->head);
    if (w->shared.host) /* before the host gives it back, which is memory of its heap */
        (void)own_pages(w->shared.host, w->shared.mapped);
    int rc = MPI_Win_free(&host);
    mw_leave_end(&leaving, rc == MPI_SUCCESS);
    if (rc != MPI_SUCCESS) {
        if (w->shared.host)
            (void)replace_pages(instance, w);
        return mw_result(rc);
    }
    w->shared.host = NULL;
    mw_win_free((mw_win_slot *)slot);
    *handle = MW_GUEST_WIN_NULL;
    give_back(instance, w);
    mw_guest_release(instance, w->integers);
    free(w->exposures);
    free(w);
    return MW_GUEST_SUCCESS;
}

static int32_t in_dynamic(const mw_call *call, const mw_win_slot *slot)
{
    return slot->window->flavor == MW_GUEST_WIN_FLAVOR_DYNAMIC
               ? MW_GUEST_SUCCESS
               : mw_raise_error(call, MW_GUEST_ERR_RMA_FLAVOR, "win", "not a window of MPI_Win_create_dynamic");
}

int32_t mw_MPI_Win_attach(mw_instance *instance, mw_guest_win win, mw_guest_ptr base, mw_guest_aint size)
{
    mw_call call = MW_CALL("MPI_Win_attach");
    const mw_win_slot *slot;
    void *span;
    MW_TRY(mw_in_win(&call, "win", win, &slot));
    MW_TRY(in_dynamic(&call, slot));
    MW_TRY(in_size(&call, size, 1));
    MW_TRY(mw_in_span(&call, "base", base, (uint64_t)size, &span));
    return mw_result(MPI_Win_attach(slot->host, span, size));
}

int32_t mw_MPI_Win_detach(mw_instance *instance, mw_guest_win win, mw_guest_ptr base)
{
    mw_call call = MW_CALL("MPI_Win_detach");
    const mw_win_slot *slot;
    MW_TRY(mw_in_win(&call, "win", win, &slot));
    MW_TRY(in_dynamic(&call, slot));
    return mw_result(MPI_Win_detach(slot->host, mw_host_address(instance, base)));
}

/* MPI_WIN_BASE is an address; the others are addresses of integers, which must lie in guest memory (12.2.6). */
int32_t mw_window_attribute(const mw_call *call, int32_t keyval, mw_guest_word *out, bool *known)
{
    mw_window *w = call->win->window;
    const mw_exposure *own = mw_exposure_of(w, w->rank);
    bool dynamic = w->flavor == MW_GUEST_WIN_FLAVOR_DYNAMIC;
    int *model, flag = 0;
    if (MPI_Win_get_attr(call->win->host, MPI_WIN_MODEL, &model, &flag) != MPI_SUCCESS)
        flag = 0;
    const struct values {
        mw_guest_aint size;
        int32_t unit, flavor, model;
    } values = {dynamic ? 0 : (mw_guest_aint)own->bytes, (int32_t)own->unit, w->flavor,
                mw_out_window_model(flag ? *model : MPI_WIN_SEPARATE)};
    static const struct {
        int32_t keyval;
        uint32_t offset;
    } rows[] = {{MW_GUEST_WIN_SIZE, offsetof(struct values, size)},
                {MW_GUEST_WIN_DISP_UNIT, offsetof(struct values, unit)},
                {MW_GUEST_WIN_CREATE_FLAVOR, offsetof(struct values, flavor)},
                {MW_GUEST_WIN_MODEL, offsetof(struct values, model)}};
    uint32_t i = 0;

    *known = true;
    if (keyval == MW_GUEST_WIN_BASE) {
        *out = w->base.addr;
        return MW_GUEST_SUCCESS;
    }
    while (i < 4 && rows[i].keyval != keyval)
        i++;
    *known = i < 4;
    if (!*known)
        return MW_GUEST_SUCCESS;
    if (w->integers.addr == 0)
        w->integers = mw_guest_alloc(call->instance, sizeof values);
    if (w->integers.addr == 0)
        return mw_raise_error(call, MW_GUEST_ERR_NO_MEM, NULL, "no guest memory for the attribute");
    memcpy(call->instance->memory0 + w->integers.addr, &values, sizeof values);
    *out = w->integers.addr + rows[i].offset;
    return MW_GUEST_SUCCESS;
}
