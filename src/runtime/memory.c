#include "runtime/memory.h"

#include "runtime/ranges.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALIGNMENT ((size_t)2 << 20) /* a huge page: what the guest sees as aligned then is */

/* Growth since the last look at the machine's free memory after which we look again. Smaller requests are left
 * to the kernel, as a native program's would be. */
#define CHECK_BYTES (UINT64_C(16) << 20)

static mw_ranges reservations;
static pthread_mutex_t grow_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t unchecked_bytes; /* under grow_lock */

const mw_memory *mw_memory_of_address(uintptr_t address)
{
    return mw_ranges_find(&reservations, address);
}

/* ---- What the host has ------------------------------------------------------------------------------------ */

/* Reads a small file into `text`, NUL-terminated; false if it cannot be read. */
static bool read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, size - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

static uint64_t field_of(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static bool number_in(const char *dir, const char *file, uint64_t *out)
{
    char path[4400], text[64];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    if (!read_text(path, text, sizeof text) || text[0] < '0' || text[0] > '9') /* "max": no limit */
        return false;
    *out = strtoull(text, NULL, 10);
    return true;
}

/* Lowers *available to what each control group from `path` up to the root of the hierarchy at `mount` leaves. Page
 * cache counts as used there although it can be reclaimed, so inactive file pages are given back. */
static void limit_by_cgroup(const char *mount, const char *path, bool v2, uint64_t *available)
{
    char dir[4300];
    if ((size_t)snprintf(dir, sizeof dir, "%s%s", mount, path) >= sizeof dir)
        return;
    for (;;) {
        uint64_t limit, used;
        if (number_in(dir, v2 ? "memory.max" : "memory.limit_in_bytes", &limit) &&
            number_in(dir, v2 ? "memory.current" : "memory.usage_in_bytes", &used)) {
            char file[4400], stat[8192];
            snprintf(file, sizeof file, "%s/memory.stat", dir);
            uint64_t cache = 0;
            if (read_text(file, stat, sizeof stat))
                cache = field_of(stat, v2 ? "\ninactive_file " : "\ntotal_inactive_file ");
            used = used > cache ? used - cache : 0;
            uint64_t left = limit > used ? limit - used : 0;
            if (left < *available)
                *available = left;
        }
        char *slash = strrchr(dir, '/');
        if (!slash || (size_t)(slash - dir) < strlen(mount))
            return;
        *slash = 0;
    }
}

bool mw_host_has_memory(uint64_t bytes)
{
    char text[8192];
    if (!read_text("/proc/meminfo", text, sizeof text))
        return true;
    uint64_t available = (field_of(text, "\nMemAvailable:") + field_of(text, "\nSwapFree:")) * 1024;
    if (!available)
        return true;
    if (read_text("/proc/self/cgroup", text, sizeof text)) {
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            char *v1 = strstr(line, ":memory:");
            if (v1)
                limit_by_cgroup("/sys/fs/cgroup/memory", v1 + strlen(":memory:"), false, &available);
            else if (!strncmp(line, "0::", 3))
                limit_by_cgroup("/sys/fs/cgroup", line + 3, true, &available);
        }
    }
    return bytes <= available;
}

/* All the memory that the machine has, swap included: no process of it can have more. 0: not known. */
static uint64_t host_memory(void)
{
    char text[8192];
    if (!read_text("/proc/meminfo", text, sizeof text))
        return 0;
    return (field_of(text, "MemTotal:") + field_of(text, "\nSwapTotal:")) * 1024;
}

/* ---- Memories --------------------------------------------------------------------------------------------- */

/* Address space of `size` bytes aligned to ALIGNMENT, inaccessible; NULL with errno. */
static uint8_t *reserve(size_t size)
{
    size_t padded = size + ALIGNMENT;
    uint8_t *whole = mmap(NULL, padded, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (whole == MAP_FAILED)
        return NULL;
    uint8_t *base = (uint8_t *)(((uintptr_t)whole + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1));
    if (base != whole)
        munmap(whole, (size_t)(base - whole));
    if (base + size != whole + padded)
        munmap(base + size, (size_t)(whole + padded - (base + size)));
    return base;
}

/* Makes `delta` more pages accessible. RLIMIT_DATA and strict overcommit make mprotect fail; otherwise the
 * kernel promises anything, so large requests are compared with what there is. */
static bool commit(mw_memory *memory, uint64_t delta)
{
    if (delta == 0)
        return true;
    uint64_t bytes = delta * MW_PAGE_BYTES;
    if (unchecked_bytes + bytes >= CHECK_BYTES) {
        if (!mw_host_has_memory(bytes)) {
            errno = ENOMEM;
            return false;
        }
        unchecked_bytes = 0;
    } else {
        unchecked_bytes += bytes;
    }
    return !mprotect(memory->base + memory->pages * MW_PAGE_BYTES, bytes, PROT_READ | PROT_WRITE);
}

/* What owners of several memories have left (mw_memory_create's `left`) changes under the lock: instances for threads
 * draw on their first one's. */
static bool take(uint64_t *left, uint64_t pages)
{
    pthread_mutex_lock(&grow_lock);
    bool enough = !left || pages <= *left;
    if (left && enough)
        *left -= pages;
    pthread_mutex_unlock(&grow_lock);
    return enough;
}

static void give_back(uint64_t *left, uint64_t pages)
{
    pthread_mutex_lock(&grow_lock);
    if (left)
        *left += pages;
    pthread_mutex_unlock(&grow_lock);
}

/* The most pages that a memory can ever get. */
static uint64_t most_pages(bool is64, const uint64_t *left)
{
    uint64_t most = is64 ? MW_MAX_LIMIT64 / MW_PAGE_BYTES : MW_MAX_PAGES32;
    if (is64) {
        uint64_t machine = host_memory() / MW_PAGE_BYTES;
        most = machine && machine < most ? machine : most;
    }
    pthread_mutex_lock(&grow_lock);
    most = left && *left < most ? *left : most;
    pthread_mutex_unlock(&grow_lock);
    return most;
}

static mw_error too_large(mw_limits_desc limits, bool is64, uint64_t most, mw_report *report)
{
    if (!is64 && most == MW_MAX_PAGES32)
        return mw_fail(report, MW_ERR_LIMIT,
                       "the module's memory begins with %" PRIu64 " pages of 64 KiB, but a 32-bit memory can have "
                       "at most %" PRIu64 " here (64 KiB less than 4 GiB)", limits.min, (uint64_t)MW_MAX_PAGES32);
    return mw_fail(report, MW_ERR_LIMIT, "the module's memory begins with %" PRIu64 " KiB, more than the %" PRIu64
                   " KiB that it may have", limits.min * 64, most * 64);
}

/* Bytes before the base that are out of the guest's bounds. */
static uint64_t below(const mw_memory *memory)
{
    return memory->is64 ? MW_SLACK_BYTES64 : 0;
}

static void unreserve(const mw_memory *memory)
{
    munmap(memory->base - memory->before, memory->before + memory->reserved);
}

/* Reserves what the memory may grow to and what code may reach beyond (MW_RESERVED_BYTES32, MW_GUARD_BYTES64). Where
 * the process may not have so much address space, a 64-bit memory makes do with less. */
static mw_error reserve_for(mw_memory *memory, uint64_t min, mw_report *report)
{
    for (;;) {
        memory->reserved = MW_RESERVED_BYTES32;
        if (memory->is64) {
            uint64_t bytes = memory->max_pages * MW_PAGE_BYTES;
            memory->limit = bytes < MW_MIN_LIMIT64 ? MW_MIN_LIMIT64 : bytes;
            memory->reserved = memory->limit + MW_GUARD_BYTES64;
        }
        memory->base = reserve(memory->before + memory->reserved);
        if (memory->base) {
            memory->base += memory->before;
            return MW_OK;
        }
        if (!memory->is64 || memory->max_pages == min || memory->limit == MW_MIN_LIMIT64)
            return mw_fail(report, MW_ERR_NO_MEMORY, "cannot reserve %" PRIu64 " GiB of address space for the guest's "
                           "memory: %s (a limit on address space, \"ulimit -v\", must allow it)",
                           (memory->before + memory->reserved) >> 30, strerror(errno));
        memory->max_pages = memory->max_pages / 2 > min ? memory->max_pages / 2 : min;
    }
}

/* Commits what the memory begins with; on failure it is as it was. */
static mw_error begin(mw_memory *memory, uint64_t pages, uint64_t *left, mw_report *report)
{
    /* Only a wish: without transparent huge pages everything still works. */
    (void)madvise(memory->base, memory->reserved, MADV_HUGEPAGE);

    pthread_mutex_lock(&grow_lock);
    bool committed = commit(memory, pages);
    int saved_errno = errno;
    pthread_mutex_unlock(&grow_lock);
    if (!committed)
        return mw_fail(report, MW_ERR_NO_MEMORY, "the guest's memory begins with %" PRIu64 " MiB, which this host "
                       "does not have: %s", pages * MW_PAGE_BYTES >> 20, strerror(saved_errno));
    if (mw_ranges_add(&reservations, (uintptr_t)memory->base - below(memory),
                      (uintptr_t)memory->base + memory->reserved, memory))
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    memory->left = left;
    memory->pages = pages;
    return MW_OK;
}

mw_error mw_memory_reserve(mw_memory *memory, uint64_t before, mw_report *report)
{
    *memory = (mw_memory){.before = (before + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1)};
    mw_error error = reserve_for(memory, 0, report);
    if (error) {
        *memory = (mw_memory){0};
        return error;
    }
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), size = (before + page - 1) & ~(page - 1);
    if (mprotect(memory->base - size, size, PROT_READ | PROT_WRITE)) {
        error = mw_fail(report, MW_ERR_NO_MEMORY, "out of memory: %s", strerror(errno));
        unreserve(memory);
        *memory = (mw_memory){0};
    }
    return error;
}

mw_error mw_memory_create_reserved(mw_memory *memory, mw_memory_desc desc, uint64_t *left, mw_report *report)
{
    mw_limits_desc limits = desc.limits;
    uint64_t most = most_pages(desc.is64, left);
    if (limits.min > most || !take(left, limits.min))
        return too_large(limits, desc.is64, most, report);
    memory->max_pages = limits.max < most ? limits.max : most;
    memory->declared_max = limits.max;
    memory->is64 = desc.is64;
    mw_error error = MW_OK;
    if (!memory->base) {
        memory->before = below(memory);
        error = reserve_for(memory, limits.min, report);
    }
    if (!error)
        error = begin(memory, limits.min, left, report);
    if (error)
        give_back(left, limits.min);
    return error;
}

mw_error mw_memory_create(mw_memory *memory, mw_memory_desc desc, uint64_t *left, mw_report *report)
{
    *memory = (mw_memory){0};
    mw_error error = mw_memory_create_reserved(memory, desc, left, report);
    if (error && memory->base)
        unreserve(memory);
    if (error)
        *memory = (mw_memory){0};
    return error;
}

void mw_memory_destroy(mw_memory *memory)
{
    if (!memory->base)
        return;
    mw_ranges_remove(&reservations, (uintptr_t)memory->base - below(memory), memory);
    unreserve(memory);
    give_back(memory->left, memory->pages);
    *memory = (mw_memory){0};
}

mw_error mw_shared_memory_create(mw_memory_desc desc, uint64_t *left, mw_report *report, mw_memory **out)
{
    mw_memory *memory = malloc(sizeof *memory);
    if (!memory)
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    mw_error error = mw_memory_create(memory, desc, left, report);
    if (error) {
        free(memory);
        return error;
    }
    if (!take(left, memory->max_pages - memory->pages))
        memory->max_pages = memory->pages;
    memory->left = NULL;
    memory->shared = 1;
    memory->refs = 1;
    *out = memory;
    return MW_OK;
}

void mw_memory_hold(mw_memory *memory)
{
    if (memory->shared)
        __atomic_add_fetch(&memory->refs, 1, __ATOMIC_RELAXED);
}

void mw_memory_release(mw_memory *memory)
{
    if (!memory->shared || __atomic_sub_fetch(&memory->refs, 1, __ATOMIC_ACQ_REL))
        return;
    mw_memory_destroy(memory);
    free(memory);
}

int64_t mw_memory_grow(mw_memory *memory, uint64_t delta)
{
    pthread_mutex_lock(&grow_lock);
    uint64_t old = memory->pages;
    int64_t result = -1;
    bool fits = delta <= memory->max_pages && old <= memory->max_pages - delta;
    if (fits && memory->left)
        fits = delta <= *memory->left;
    if (fits && commit(memory, delta)) {
        if (memory->left)
            *memory->left -= delta;
        __atomic_store_n(&memory->pages, old + delta, __ATOMIC_SEQ_CST);
        result = (int64_t)old;
    }
    pthread_mutex_unlock(&grow_lock);
    return result;
}
