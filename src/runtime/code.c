/* The loader of compiled objects. */
#include "runtime/internal.h"

#include "runtime/ranges.h"
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#define HOST_NAME "x86-64"
#elif defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#define HOST_NAME "aarch64"
#else
#error "unknown host architecture"
#endif

static mw_ranges texts;

const mw_code *mw_code_of_pc(uintptr_t pc)
{
    return mw_ranges_find(&texts, pc);
}

bool mw_code_function_of_pc(const mw_code *code, uintptr_t pc, uint32_t *func)
{
    /* Functions are not in the order of their indices, and the table is not sorted: a linear look is nothing
     * beside the trap that asks, and needs neither memory nor preparation at the start. */
    const mw_code_descriptor *d = code->desc;
    uintptr_t best = 0;
    for (uint32_t i = 0; i < d->nfuncs - d->nimported_funcs; i++) {
        mw_code_ptr tail_code = d->tail_code ? d->tail_code[i] : NULL;
        uintptr_t begin = (uintptr_t)(tail_code ? tail_code : d->code[i]);
        if (begin <= pc && begin > best) {
            best = begin;
            *func = d->nimported_funcs + i;
        }
    }
    for (uint32_t i = 0; d->tail_code && i < d->nfuncs - d->nimported_funcs; i++)
        if (d->tail_code[i] && (uintptr_t)d->code[i] <= pc && (uintptr_t)d->code[i] > best)
            return false; /* an entry: its function's frame is another */
    for (uint32_t i = 0; i < d->ntypes; i++) {
        uintptr_t begin = (uintptr_t)d->types[i].invoke;
        if (begin <= pc && begin > best)
            return false;
    }
    return best != 0;
}

void mw_code_attach(mw_code *code, mw_instance *instance)
{
    __atomic_add_fetch(&code->refs, 1, __ATOMIC_RELAXED);
    if (__atomic_fetch_add(&code->ninstances, 1, __ATOMIC_ACQ_REL) == 0)
        __atomic_store_n(&code->instance, instance, __ATOMIC_RELAXED);
}

void mw_code_detach(mw_code *code, mw_instance *instance)
{
    /* Which of several instances stays is not known: none is reported then. */
    if (__atomic_load_n(&code->instance, __ATOMIC_RELAXED) == instance)
        __atomic_store_n(&code->instance, NULL, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&code->ninstances, 1, __ATOMIC_RELEASE);
    mw_code_unload(code);
}

/* ---- Looking at the file before the dynamic loader does ---------------------------------------------------- */

/* The dynamic loader maps segments without comparing them with the file's size: a truncated file makes it die of
 * SIGBUS. So nothing gets to it unless header, segments and sections lie within the file (lld writes the section
 * headers last, so any truncation shows), and it is an object for this machine. */
static mw_error check_elf(const uint8_t *file, uint64_t size, const char *path, mw_report *report,
                          uint64_t *text_begin, uint64_t *text_end)
{
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)file;
    if (size < sizeof *h || memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 ||
        h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_type != ET_DYN)
        return mw_fail(report, MW_ERR_OBJECT, "%s is not a compiled module", path);
    if (h->e_machine != HOST_MACHINE)
        return mw_fail(report, MW_ERR_OBJECT, "%s was compiled for another architecture than this host's (" HOST_NAME
                       ")", path);
    *text_begin = UINT64_MAX;
    *text_end = 0;
    if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phoff > size || h->e_phoff % 8 ||
        h->e_phnum > (size - h->e_phoff) / sizeof(Elf64_Phdr) ||
        (h->e_shnum && (h->e_shentsize != sizeof(Elf64_Shdr) || h->e_shoff > size ||
                        h->e_shnum > (size - h->e_shoff) / sizeof(Elf64_Shdr))))
        goto truncated;
    /* After a crash of the machine the end of a file may read as zeros. */
    const Elf64_Shdr *sh = (const Elf64_Shdr *)(file + h->e_shoff);
    if (h->e_shnum && (h->e_shoff % 8 || h->e_shstrndx >= h->e_shnum || sh[h->e_shstrndx].sh_type != SHT_STRTAB))
        goto truncated;
    const Elf64_Phdr *ph = (const Elf64_Phdr *)(file + h->e_phoff);
    bool has_dynamic = false, is_program = false;
    for (unsigned i = 0; i < h->e_phnum; i++) {
        if (ph[i].p_offset > size || ph[i].p_filesz > size - ph[i].p_offset)
            goto truncated;
        has_dynamic |= ph[i].p_type == PT_DYNAMIC;
        is_program |= ph[i].p_type == PT_INTERP;
        if (ph[i].p_type == PT_LOAD && ph[i].p_flags & PF_X) {
            if (ph[i].p_vaddr < *text_begin)
                *text_begin = ph[i].p_vaddr;
            if (ph[i].p_vaddr + ph[i].p_memsz > *text_end)
                *text_end = ph[i].p_vaddr + ph[i].p_memsz;
        }
    }
    if (!has_dynamic || is_program)
        return mw_fail(report, MW_ERR_OBJECT, "%s is not a compiled module", path);
    return MW_OK;

truncated:
    return mw_fail(report, MW_ERR_OBJECT, "the compiled module %s is truncated or damaged", path);
}

/* After a crash of the machine any block of a file may read as zeros. What is cached is always sealed, and so is what
 * the compiler makes; an object without a seal may still be loaded by its name. */
typedef enum seal_rule { SEAL_NEEDED, SEAL_OPTIONAL, SEAL_KNOWN } seal_rule;

static mw_error check_seal(const uint8_t *file, uint64_t size, bool is_needed, const char *path, mw_report *report)
{
    mw_code_seal seal = {0};
    if (size >= sizeof seal)
        memcpy(&seal, file + size - sizeof seal, sizeof seal);
    if (memcmp(seal.magic, MW_SEAL_MAGIC, sizeof seal.magic)) {
        if (!is_needed)
            return MW_OK;
        return mw_fail(report, MW_ERR_OBJECT, "the compiled module %s is truncated or damaged: it has no seal", path);
    }
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)file;
    const Elf64_Phdr *ph = (const Elf64_Phdr *)(file + h->e_phoff);
    bool whole = seal.size <= size - sizeof seal && h->e_phoff + h->e_phnum * sizeof *ph <= seal.size;
    for (unsigned i = 0; i < h->e_phnum && whole; i++)
        whole = ph[i].p_type != PT_LOAD || ph[i].p_offset + ph[i].p_filesz <= seal.size;
    if (whole) {
        madvise((void *)file, seal.size, MADV_POPULATE_READ); /* one fault instead of hundreds */
        mw_hash hash = mw_hash_parts(&(mw_hash_part){file, seal.size}, 1);
        whole = !memcmp(hash.bytes, seal.hash, sizeof seal.hash);
    }
    return whole ? MW_OK : mw_fail(report, MW_ERR_OBJECT, "the compiled module %s is truncated or damaged", path);
}

static mw_error check_file(const char *path, seal_rule seal, mw_report *report, uint64_t *text_begin,
                           uint64_t *text_end)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        mw_error error = mw_fail(report, MW_ERR_OBJECT, "cannot open %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return error;
    }
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf64_Ehdr)) {
        close(fd);
        return mw_fail(report, MW_ERR_OBJECT, "%s is not a compiled module", path);
    }
    size_t size = (size_t)st.st_size;
    void *file = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (file == MAP_FAILED)
        return mw_fail(report, MW_ERR_OBJECT, "cannot read %s: %s", path, strerror(errno));
    mw_error error = check_elf(file, size, path, report, text_begin, text_end);
    if (!error && seal != SEAL_KNOWN)
        error = check_seal(file, size, seal == SEAL_NEEDED, path, report);
    munmap(file, size);
    return error;
}

/* ---- Loading ------------------------------------------------------------------------------------------------ */

/* The texts of the libraries that the table points into: what faults there, called by guest code, faulted for it. */
static mw_ranges library_texts;

static int add_library_text(struct dl_phdr_info *info, size_t size, void *address)
{
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + ph->p_vaddr, end = begin + ph->p_memsz;
        if (ph->p_type == PT_LOAD && ph->p_flags & PF_X && (uintptr_t)address >= begin && (uintptr_t)address < end) {
            /* Without it such a fault still ends the run, only not as gently. */
            (void)!mw_ranges_add(&library_texts, begin, end, &library_texts);
            return 1;
        }
    }
    return 0;
}

static void note_libraries(void)
{
    dl_iterate_phdr(add_library_text, (void *)memcpy);
    if (!mw_ranges_find(&library_texts, (uintptr_t)fma))
        dl_iterate_phdr(add_library_text, (void *)fma);
}

bool mw_is_library_routine(uintptr_t pc)
{
    return mw_ranges_find(&library_texts, pc) != NULL;
}

static void fill_libcalls(mw_libcalls *calls)
{
#define FILL(name) calls->name = (mw_code_ptr)name;
    MW_LIBCALLS(FILL)
#undef FILL
    calls->personality = (mw_code_ptr)mw_exception_personality;
}

static mw_error check_descriptor(const mw_code_descriptor *d, const mw_hash *key, const char *path, mw_report *report)
{
    if (!d || d->magic != MW_ABI_MAGIC)
        return mw_fail(report, MW_ERR_OBJECT, "%s is not a compiled module", path);
    if (d->abi_version != MW_ABI_VERSION)
        return mw_fail(report, MW_ERR_OBJECT, "%s was compiled by another version of mpiwasm (format %u, not %u); "
                       "compile the module again", path, d->abi_version, MW_ABI_VERSION);
    if (key && memcmp(d->key, key->bytes, sizeof d->key))
        return mw_fail(report, MW_ERR_OBJECT, "%s was compiled from another module or with other options", path);
    return mw_cpu_check(d->features, path, report);
}

static bool is_noexec(const char *path)
{
    struct statvfs fs;
    return !statvfs(path, &fs) && fs.f_flag & ST_NOEXEC;
}

static mw_error load(const char *path, const mw_hash *key, seal_rule seal, mw_report *report, mw_code **out)
{
    mw_error error = MW_OK;
    uint64_t text_begin = 0, text_end = 0;
    mw_code *code = calloc(1, sizeof *code);
    if (!code)
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    code->refs = 1;
    /* Absolute: a name without a slash would be searched for in the library path. */
    code->path = realpath(path, NULL);
    if (!code->path) {
        error = mw_fail(report, MW_ERR_OBJECT, "cannot open %s: %s", path, strerror(errno));
        goto fail;
    }
    error = check_file(code->path, seal, report, &text_begin, &text_end);
    if (error)
        goto fail;
    code->handle = dlopen(code->path, RTLD_NOW | RTLD_LOCAL);
    if (!code->handle && is_noexec(code->path)) {
        error = mw_fail(report, MW_ERR_OBJECT, "cannot load %s: its file system is mounted noexec; choose another "
                        "directory for compiled modules", code->path);
        goto fail;
    }
    if (!code->handle) {
        error = mw_fail(report, MW_ERR_OBJECT, "cannot load %s: %s", code->path, dlerror());
        goto fail;
    }
    code->desc = dlsym(code->handle, MW_DESCRIPTOR_SYMBOL);
    error = check_descriptor(code->desc, key, code->path, report);
    if (error)
        goto fail;

    struct link_map *map;
    if (dlinfo(code->handle, RTLD_DI_LINKMAP, &map)) {
        error = mw_fail(report, MW_ERR_OBJECT, "cannot load %s: %s", code->path, dlerror());
        goto fail;
    }
    code->load_bias = map->l_addr;
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, note_libraries);
    if (code->desc->libcalls)
        fill_libcalls(code->desc->libcalls);
    code->type_ids = calloc(code->desc->ntypes + 1u, sizeof *code->type_ids);
    if (!code->type_ids || !mw_functypes_intern(code->desc->types, code->desc->ntypes, code->type_ids) ||
        (text_begin < text_end &&
         mw_ranges_add(&texts, code->load_bias + text_begin, code->load_bias + text_end, code))) {
        error = mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
        goto fail;
    }
    code->text_begin = code->load_bias + text_begin;
    *out = code;
    return MW_OK;

fail:
    mw_code_unload(code);
    return error;
}

mw_error mw_code_load(const char *path, const mw_hash *key, mw_report *report, mw_code **out)
{
    return load(path, key, key ? SEAL_NEEDED : SEAL_OPTIONAL, report, out);
}

mw_error mw_code_load_whole(const char *path, const mw_hash *key, mw_report *report, mw_code **out)
{
    return load(path, key, SEAL_KNOWN, report, out);
}

void mw_code_unload(mw_code *code)
{
    if (!code || __atomic_sub_fetch(&code->refs, 1, __ATOMIC_ACQ_REL))
        return;
    if (code->text_begin)
        mw_ranges_remove(&texts, code->text_begin, code);
    if (code->handle)
        dlclose(code->handle);
    free(code->type_ids);
    free(code->path);
    free(code);
}

const mw_code_descriptor *mw_code_descriptor_of(const mw_code *code)
{
    return code->desc;
}
