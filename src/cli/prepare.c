#include "cli/prepare.h"

#include "base/cpu.h"
#include "cli/code_hash.h"
#include "cli/cores.h"
#include "cli/message.h"
#include "cli/plugins.h"
#include "cli/version.h"
#include "runtime/cache.h"
#include "wasi/errno.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Memory of our own rather than a mapping of the file, which a guest that runs elsewhere may be able to write: what was
 * validated is what is compiled. */
static uint8_t *read_all(int fd, size_t size, mw_report *report, const char *path)
{
    uint8_t *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (bytes == MAP_FAILED) {
        mw_fail(report, MW_ERR_NO_MEMORY, "no memory for the %zu bytes of '%s'", size, path);
        return NULL;
    }
    size_t have = 0;
    ssize_t n = 1;
    while (have < size && n > 0) {
        n = read(fd, bytes + have, size - have);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            have += (size_t)n;
    }
    if (n < 0 || have < size) {
        mw_fail(report, MW_ERR_IO, "cannot read '%s': %s", path, n < 0 ? strerror(errno) : "it becomes shorter");
        munmap(bytes, size);
        return NULL;
    }
    return bytes;
}

/* Takes over `fd`. */
static mw_error open_file(int fd, const char *path, mw_report *report, mw_file *out, mw_file_kind *kind)
{
    char magic[4] = "";
    *out = (mw_file){.path = path, .fd = fd};
    if (fstat(fd, &out->status) != 0) {
        mw_fail(report, MW_ERR_IO, "cannot read '%s': %s", path, strerror(errno));
        goto fail;
    }
    if (!S_ISREG(out->status.st_mode)) {
        mw_fail(report, MW_ERR_IO, "cannot read '%s': it is not a regular file", path);
        goto fail;
    }
    out->size = (size_t)out->status.st_size;
    if (pread(fd, magic, sizeof magic, 0) < 0) {
        mw_fail(report, MW_ERR_IO, "cannot read '%s': %s", path, strerror(errno));
        goto fail;
    }
    if (!memcmp(magic, "\0asm", sizeof magic)) {
        *kind = MW_FILE_MODULE;
    } else if (!memcmp(magic, "\177ELF", sizeof magic)) {
        *kind = MW_FILE_OBJECT;
    } else {
        mw_fail(report, MW_ERR_MALFORMED, "'%s' is not a WebAssembly module: it does not begin with \"\\0asm\"", path);
        goto fail;
    }
    return MW_OK;

fail:
    mw_file_close(out);
    return report->error;
}

mw_error mw_file_open(const char *path, mw_report *report, mw_file *out, mw_file_kind *kind)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return mw_fail(report, MW_ERR_IO, "cannot read '%s': %s", path, strerror(errno));
    return open_file(fd, path, report, out, kind);
}

/* The module of a process that a guest started: the name is the guest's. */
static mw_error open_granted(const char *path, const mw_options *options, mw_report *report, mw_file *out,
                             mw_file_kind *kind)
{
    int fd;
    uint16_t error = mw_wasi_open_granted(options->dirs, options->ndirs, path, &fd);
    if (error)
        return mw_fail(report, MW_ERR_IO, "cannot read '%s' in the granted directories: %s", path,
                       mw_wasi_errno_name((mw_wasi_errno)error));
    return open_file(fd, path, report, out, kind);
}

void mw_file_close(mw_file *file)
{
    if (file->bytes)
        munmap((void *)file->bytes, file->size);
    file->bytes = NULL;
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

static mw_error read_file(mw_file *file, mw_report *report)
{
    if (file->bytes)
        return MW_OK;
    file->bytes = read_all(file->fd, file->size, report, file->path);
    if (!file->bytes)
        return report->error;
    mw_hash content = mw_hash_parts(&(mw_hash_part){file->bytes, file->size}, 1);
    if (file->has_content && memcmp(&content, &file->content, sizeof content))
        return mw_fail(report, MW_ERR_IO, "'%s' has changed, but not its times; \"mpiwasm cache clear\" forgets what it was",
                       file->path);
    file->content = content;
    file->has_content = true;
    return MW_OK;
}

mw_error mw_file_validate(mw_file *file, uint64_t disabled_features, mw_report *report, mw_module **out)
{
    mw_report inner = MW_REPORT_INIT;
    mw_module *module;
    mw_error error = read_file(file, report);
    if (error != MW_OK)
        return error;
    error = mw_module_decode(file->bytes, file->size, &inner, &module);
    if (error == MW_OK) {
        error = mw_module_validate(module, MW_FEATURES_IMPLEMENTED & ~disabled_features, &inner);
        if (error == MW_OK) {
            *out = module;
            return MW_OK;
        }
        mw_module_free(module);
    }
    if (inner.offset != MW_NO_OFFSET)
        return mw_fail_at(report, error, inner.offset, "'%s' is refused (%s) at byte 0x%llx: %s", file->path,
                          mw_error_text(error), (unsigned long long)inner.offset, inner.message);
    return mw_fail(report, error, "'%s' is refused (%s): %s", file->path, mw_error_text(error), inner.message);
}

/* ---- Progress ------------------------------------------------------------------------------------------- */

typedef struct progress {
    const char *path;
    double start_s;
    bool shown;
} progress;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void show_progress(void *arg, unsigned done, unsigned total)
{
    progress *p = arg;
    if (now_s() - p->start_s < 1.0 && !p->shown)
        return;
    p->shown = true;
    fprintf(stderr, "\rmpiwasm: compiling %s: %u %%", p->path, total ? 100 * done / total : 0);
}

/* ---- Compiling ------------------------------------------------------------------------------------------ */

typedef struct compile_job {
    mw_file *file;
    const mw_options *options;
    mw_hash key;
} compile_job;

static mw_error compile_to(void *arg, const char *path, mw_report *report)
{
    compile_job *job = arg;
    const mw_compiler *compiler;
    mw_module *module;
    mw_error error = mw_file_validate(job->file, job->options->disabled_features, report, &module);
    if (error != MW_OK)
        return error;
    error = mw_load_compiler(report, &compiler);
    if (error == MW_OK) {
        progress shown = {job->file->path, now_s(), false};
        mw_compile_options options = job->options->compile;
        if (mw_message_rank() <= 0 && isatty(STDERR_FILENO)) {
            options.progress = show_progress;
            options.progress_arg = &shown;
        }
        mw_cores cores = mw_cores_widen(); /* the node's other ranks wait */
        if (options.threads <= 0)
            options.threads = cores.count;
        error = compiler->compile(module, &options, &job->key, path, report);
        mw_cores_restore(&cores);
        if (shown.shown)
            fprintf(stderr, "\r\033[K");
        if (error == MW_OK && job->options->verbose)
            mw_message("compiled '%s' in %.2f s with %s, threads: %d", job->file->path, now_s() - shown.start_s,
                       compiler->version, options.threads);
    }
    mw_module_free(module);
    return error;
}

static mw_hash key_of(const mw_hash *content, const mw_options *options)
{
    const mw_compile_options *c = &options->compile;
    char cpu[256] = "", flags[80];
    if (!c->cpu && !c->triple)
        mw_cpu_identity(cpu, sizeof cpu);
    snprintf(flags, sizeof flags, "abi %d O%d strict %d contract %d fast %d relaxed %d", MW_ABI_VERSION,
             c->opt_level, c->strict_traps, c->fp_contract_fast, c->fast_math, c->relaxed_simd_fast);
#define PART(text) {text ? text : "", text ? strlen(text) : 0}
    const char *version = MW_VERSION " " MW_CODE_HASH " " MW_LLVM_VERSION, *triple = c->triple, *name = c->cpu;
    const char *features = c->features, *this_cpu = cpu, *all_flags = flags;
    const mw_hash_part parts[] = {PART(version), PART(triple), PART(name), PART(features), PART(this_cpu),
                                  PART(all_flags), {content, sizeof *content}};
#undef PART
    return mw_hash_parts(parts, sizeof parts / sizeof *parts);
}

static bool is_unchanged(const mw_file *file)
{
    struct stat now;
    return !fstat(file->fd, &now) && now.st_size == file->status.st_size &&
           !memcmp(&now.st_mtim, &file->status.st_mtim, sizeof now.st_mtim) &&
           !memcmp(&now.st_ctim, &file->status.st_ctim, sizeof now.st_ctim);
}

/* The job of compiling `file`, with the key of what comes of it. If another process of this user has hashed the file
 * as it is now, the file is not read; `cache` may be NULL. */
static mw_error make_job(mw_file *file, const mw_options *options, const mw_cache *cache, mw_report *report,
                         compile_job *out)
{
    static const char what[] = "module";
    if (!file->has_content)
        file->has_content = cache && mw_cache_recall(cache, what, &file->status, &file->content);
    if (!file->has_content) {
        mw_error error = read_file(file, report);
        if (error != MW_OK)
            return error;
        if (cache && mw_message_rank() <= 0 && is_unchanged(file))
            mw_cache_remember(cache, what, &file->status, &file->content);
    }
    *out = (compile_job){file, options, key_of(&file->content, options)};
    return MW_OK;
}

mw_error mw_file_compile(mw_file *file, const mw_options *options, const char *path, mw_report *report)
{
    compile_job job;
    mw_error error = make_job(file, options, NULL, report, &job);
    return error ? error : compile_to(&job, path, report);
}

mw_error mw_file_cache(mw_file *file, const mw_options *options, mw_report *report, char **path, bool *made)
{
    mw_cache *cache;
    mw_error error = mw_cache_open(options->cache_dir, report, &cache);
    if (error != MW_OK)
        return error;
    compile_job job;
    error = make_job(file, options, cache, report, &job);
    if (error == MW_OK)
        error = mw_cache_get(cache, &job.key, compile_to, &job, report, path, made);
    mw_cache_close(cache);
    return error;
}

/* ---- Loading -------------------------------------------------------------------------------------------- */

/* A directory of this run's own; the object is gone from it as soon as it is loaded. */
static mw_error load_uncached(compile_job *job, mw_report *report, mw_code **out)
{
    const char *tmp = getenv("TMPDIR");
    char dir[4096], path[4200];
    snprintf(dir, sizeof dir, "%s/mpiwasm-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return mw_fail(report, MW_ERR_IO, "cannot make a temporary directory '%s': %s", dir, strerror(errno));
    snprintf(path, sizeof path, "%s/module.mwo", dir);
    mw_error error = compile_to(job, path, report);
    if (error == MW_OK) {
        error = mw_code_load(path, &job->key, report, out);
        unlink(path);
    }
    rmdir(dir);
    return error;
}

/* What the cache has at `path`. Its seal is compared by one process of this user on each node after each boot, as a crash
 * is what it is for. */
static mw_error load_object(const mw_cache *cache, const char *path, const mw_hash *key, mw_report *report, mw_code **out)
{
    char what[64] = "object ";
    struct stat status;
    mw_hash known;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    size_t length = strlen(what);
    ssize_t n = fd < 0 ? -1 : read(fd, what + length, sizeof what - length - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0 || stat(path, &status))
        return mw_code_load(path, key, report, out);
    if (mw_cache_recall(cache, what, &status, &known) && !memcmp(&known, key, sizeof known))
        return mw_code_load_whole(path, key, report, out);
    mw_error error = mw_code_load(path, key, report, out);
    if (error == MW_OK)
        mw_cache_remember(cache, what, &status, key);
    return error;
}

/* An object that does not load (truncated, foreign) is compiled again, once. */
static mw_error load_cached(mw_cache *cache, compile_job *job, mw_report *report, mw_code **out)
{
    mw_error error = MW_OK;
    for (int attempt = 0; attempt < 2; attempt++) {
        char *path;
        bool made;
        error = mw_cache_get(cache, &job->key, compile_to, job, report, &path, &made);
        if (error != MW_OK)
            return error;
        mw_report inner = MW_REPORT_INIT;
        error = load_object(cache, path, &job->key, attempt ? report : &inner, out);
        if (job->options->verbose)
            mw_message("%s '%s'", made ? "made" : "found in the cache:", path);
        if (error == MW_ERR_OBJECT && attempt == 0) {
            mw_message("the cached object '%s' is replaced: %s", path, inner.message);
            mw_cache_remove(cache, &job->key);
        } else if (error != MW_OK && attempt == 0) {
            *report = inner;
        }
        free(path);
        if (error != MW_ERR_OBJECT)
            break;
    }
    return error;
}

static mw_error prepare_module(mw_file *file, const mw_options *options, mw_report *report, mw_code **out)
{
    compile_job job;
    mw_error error;
    if (!options->no_cache) {
        mw_report inner = MW_REPORT_INIT;
        mw_cache *cache;
        error = mw_cache_open(options->cache_dir, &inner, &cache);
        if (error == MW_OK) {
            error = make_job(file, options, cache, &inner, &job);
            if (error == MW_OK)
                error = load_cached(cache, &job, &inner, out);
            mw_cache_close(cache);
        }
        if (error != MW_ERR_CACHE) {
            if (error != MW_OK)
                *report = inner;
            return error;
        }
        mw_message("running without a cache: %s", inner.message);
    }
    error = make_job(file, options, NULL, report, &job);
    return error ? error : load_uncached(&job, report, out);
}

/* An object, cached or given, was validated when it was made, perhaps with other features allowed. */
static mw_error refuse_features(const char *path, uint64_t disabled, mw_report *report, mw_code *code)
{
    uint64_t used = mw_code_descriptor_of(code)->module_features & disabled;
    if (!used)
        return MW_OK;
    mw_code_unload(code);
    return mw_fail(report, MW_ERR_UNSUPPORTED, "'%s' is refused (%s): the module uses %s: not enabled", path,
                   mw_error_text(MW_ERR_UNSUPPORTED), mw_feature_name(used));
}

mw_error mw_prepare(const char *path, const mw_options *options, mw_report *report, mw_code **out)
{
    mw_file file;
    mw_file_kind kind;
    mw_error error = options->spawned ? open_granted(path, options, report, &file, &kind)
                                      : mw_file_open(path, report, &file, &kind);
    if (error != MW_OK)
        return error;
    if (kind == MW_FILE_MODULE)
        error = prepare_module(&file, options, report, out);
    else if (!options->allow_object || options->spawned)
        error = mw_fail(report, MW_ERR_USAGE,
                        "'%s' is native code, which the sandbox cannot check: if this program made it from a module that "
                        "you trust, give --allow-precompiled",
                        path);
    else
        error = mw_code_load(path, NULL, report, out);
    mw_file_close(&file);
    return error == MW_OK ? refuse_features(path, options->disabled_features, report, *out) : error;
}
