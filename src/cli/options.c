#include "cli/options.h"

#include "base/words.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum option_id {
#define MW_OPTION(id, ...) OPTION_##id,
#include "cli/options.def"
#undef MW_OPTION
};

static const struct option_row {
    enum option_id id;
    char letter;
    const char *name, *argument, *commands, *help;
} rows[] = {
#define MW_OPTION(id, letter, name, argument, commands, help) {OPTION_##id, letter, name, argument, commands, help},
#include "cli/options.def"
#undef MW_OPTION
};
enum { NROWS = sizeof rows / sizeof *rows };

/* An option as it was given. */
struct mw_given {
    const struct option_row *row;
    const char *value; /* argv's, or NULL */
};

extern char **environ;

void mw_options_print(char command, FILE *to)
{
    for (int i = 0; i < NROWS; i++) {
        const struct option_row *row = &rows[i];
        if (!strchr(row->commands, command))
            continue;
        char left[64];
        int n = row->letter ? snprintf(left, sizeof left, "  -%c, --%s", row->letter, row->name)
                            : snprintf(left, sizeof left, "      --%s", row->name);
        if (row->argument)
            snprintf(left + n, sizeof left - (size_t)n, " %s", row->argument);
        fprintf(to, "%-32s %s\n", left, row->help);
    }
}

/* Room for `count + 1` elements, in powers of two. */
static void *grow(void *array, int count, size_t size)
{
    if (count & (count - 1))
        return array;
    void *grown = realloc(array, (count ? 2 * (size_t)count : 1) * size);
    return grown;
}

static mw_error parse_bytes(const char *name, const char *text, mw_report *report, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    static const char units[] = "KMGT";
    const char *unit = *end ? strchr(units, *end) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (unit)
        end++;
    if (errno || end == text || *end || text[0] == '-' || value == 0 || value > (UINT64_MAX >> shift))
        return mw_fail(report, MW_ERR_USAGE, "--%s: '%s' is not a size such as 64M", name, text);
    *out = (uint64_t)value << shift;
    return MW_OK;
}

static mw_error parse_count(const char *name, const char *text, mw_report *report, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || value == 0)
        return mw_fail(report, MW_ERR_USAGE, "--%s: '%s' is not a number from 1 on", name, text);
    *out = value;
    return MW_OK;
}

static mw_error parse_int(const char *name, const char *text, int min, int max, mw_report *report, int *out)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < min || value > max)
        return mw_fail(report, MW_ERR_USAGE, "--%s: '%s' is not a number from %d to %d", name, text, min, max);
    *out = (int)value;
    return MW_OK;
}

/* "fast", or `other`. */
static mw_error parse_fast(const char *name, const char *text, const char *other, mw_report *report, bool *out)
{
    *out = strcmp(text, "fast") == 0;
    if (!*out && strcmp(text, other) != 0)
        return mw_fail(report, MW_ERR_USAGE, "--%s: '%s' is neither fast nor %s", name, text, other);
    return MW_OK;
}

/* "DIR::GUEST", or "DIR" alone: a child of the guest's root with the directory's own name, so that its place on
 * the host does not show; the current directory is the guest's too. */
static mw_error add_dir(mw_options *options, const char *text, bool read_only, mw_report *report)
{
    mw_wasi_dir *dirs = grow(options->dirs, options->ndirs, sizeof *dirs);
    if (!dirs)
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    options->dirs = dirs;

    const char *separator = strstr(text, "::");
    char *host = separator ? strndup(text, (size_t)(separator - text)) : strdup(text);
    char *guest = NULL;
    if (host && separator) {
        guest = strdup(separator + 2);
    } else if (host && (strcmp(host, ".") == 0 || strcmp(host, "./") == 0)) {
        guest = strdup(".");
    } else if (host && *host) {
        char *real = realpath(host, NULL);
        if (!real) {
            mw_fail(report, MW_ERR_USAGE, "cannot grant the directory '%s': %s", host, strerror(errno));
            free(host);
            return MW_ERR_USAGE;
        }
        const char *name = strrchr(real, '/') + 1;
        guest = malloc(strlen(name) + 2);
        if (guest)
            sprintf(guest, "/%s", name);
        free(real);
    }
    if (host && (!*host || (guest && !*guest))) {
        mw_fail(report, MW_ERR_USAGE, "--dir: '%s' is not DIR or DIR::GUEST", text);
        free(host);
        free(guest);
        return MW_ERR_USAGE;
    }
    dirs[options->ndirs++] = (mw_wasi_dir){host, guest, read_only};
    return host && guest ? MW_OK : mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
}

static mw_error add_env(mw_options *options, const char *text, mw_report *report)
{
    char *entry;
    const char *equals = strchr(text, '=');
    if (equals == text || !*text)
        return mw_fail(report, MW_ERR_USAGE, "--env: '%s' is not NAME=VALUE or NAME", text);
    if (equals) {
        entry = strdup(text);
    } else {
        const char *value = getenv(text);
        if (!value)
            return mw_fail(report, MW_ERR_USAGE, "--env: there is no environment variable '%s' to pass on", text);
        entry = malloc(strlen(text) + strlen(value) + 2);
        if (entry)
            sprintf(entry, "%s=%s", text, value);
    }
    size_t name_len = (equals ? (size_t)(equals - text) : strlen(text)) + 1;
    for (int i = 0; entry && i < options->nenv; i++)
        if (strncmp(options->env[i], entry, name_len) == 0) {
            free(options->env[i]);
            options->env[i] = entry;
            return MW_OK;
        }
    char **env = entry ? grow(options->env, options->nenv, sizeof *env) : NULL;
    if (!env) {
        free(entry);
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    }
    options->env = env;
    env[options->nenv++] = entry;
    return MW_OK;
}

static mw_error add_whole_env(mw_options *options, mw_report *report)
{
    mw_error error = MW_OK;
    for (char **e = environ; *e && error == MW_OK; e++)
        if (strchr(*e, '=') > *e)
            error = add_env(options, *e, report);
    return error;
}

static mw_error unknown_feature(const char *name, const char *text, int len, mw_report *report)
{
    char known[400] = "";
    size_t n = 0;
    for (int i = 0; i < MW_FEATURE_COUNT; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", mw_feature_name(UINT64_C(1) << i));
    return mw_fail(report, MW_ERR_USAGE, "--%s: there is no feature '%.*s'; there are %s", name, len, text, known);
}

/* A comma list of features' names. */
static mw_error disable_features(mw_options *options, const char *name, const char *text, mw_report *report)
{
    for (;;) {
        size_t n = strcspn(text, ",");
        uint64_t feature = 1, end = UINT64_C(1) << MW_FEATURE_COUNT;
        while (feature < end && (strncmp(mw_feature_name(feature), text, n) || mw_feature_name(feature)[n]))
            feature <<= 1;
        if (feature == end)
            return unknown_feature(name, text, (int)n, report);
        options->disabled_features |= feature;
        if (!text[n])
            return MW_OK;
        text += n + 1;
    }
}

static mw_error apply(mw_options *o, const struct option_row *row, const char *value, mw_report *report)
{
    mw_compile_options *c = &o->compile;
    switch (row->id) {
    case OPTION_DIR: return add_dir(o, value, false, report);
    case OPTION_DIR_RO: return add_dir(o, value, true, report);
    case OPTION_ENV: return add_env(o, value, report);
    case OPTION_ENV_ALL: return add_whole_env(o, report);
    case OPTION_MPI: o->mpi = value; break;
    case OPTION_STACK_SIZE: return parse_bytes(row->name, value, report, &o->stack_bytes);
    case OPTION_MAX_MEMORY: return parse_bytes(row->name, value, report, &o->max_memory_bytes);
    case OPTION_MAX_TABLE: return parse_count(row->name, value, report, &o->max_table_elems);
    case OPTION_MAX_THREADS: return parse_int(row->name, value, 0, 65536, report, &o->max_threads);
    case OPTION_ALLOW_SPAWN: o->allow_spawn = true; break;
    case OPTION_ALLOW_OBJECT: o->allow_object = true; break;
    case OPTION_OUTPUT: o->output = value; break;
    case OPTION_TARGET: c->triple = value; break;
    case OPTION_CPU: c->cpu = value; break;
    case OPTION_FEATURES: c->features = value; break;
    case OPTION_OPT: return parse_int(row->name, value, 0, 3, report, &c->opt_level);
    case OPTION_FP_CONTRACT: return parse_fast(row->name, value, "off", report, &c->fp_contract_fast);
    case OPTION_RELAXED_SIMD: return parse_fast(row->name, value, "deterministic", report, &c->relaxed_simd_fast);
    case OPTION_FAST_MATH: c->fast_math = true; break;
    case OPTION_DISABLE: return disable_features(o, row->name, value, report);
    case OPTION_STRICT_TRAPS: c->strict_traps = true; break;
    case OPTION_THREADS: return parse_int(row->name, value, 1, 4096, report, &c->threads);
    case OPTION_SAVE_TEMPS: c->keep_intermediate = true; break;
    case OPTION_CACHE_DIR: o->cache_dir = value; break;
    case OPTION_NO_CACHE: o->no_cache = true; break;
    case OPTION_VERBOSE: o->verbose = true; break;
    case OPTION_HELP: o->help = true; break;
    }
    return MW_OK;
}

static const struct option_row *find_row(char command, const char *arg, const char **value)
{
    *value = NULL;
    for (int i = 0; i < NROWS; i++) {
        const struct option_row *row = &rows[i];
        if (!strchr(row->commands, command))
            continue;
        if (arg[1] == '-') {
            size_t n = strlen(row->name);
            if (strncmp(arg + 2, row->name, n) == 0 && (!arg[2 + n] || arg[2 + n] == '=')) {
                *value = arg[2 + n] ? arg + 3 + n : NULL;
                return row;
            }
        } else if (row->letter && arg[1] == row->letter && (!arg[2] || row->argument)) {
            *value = arg[2] ? arg + 2 : NULL;
            return row;
        }
    }
    return NULL;
}

/* One option at argv[*i], its argument included. */
static mw_error parse_option(mw_options *options, int argc, char **argv, int *i, mw_report *report)
{
    const char *value;
    const struct option_row *row = find_row(options->command, argv[*i], &value);
    if (!row)
        return mw_fail(report, MW_ERR_USAGE, "there is no option '%s' here; --help lists them", argv[*i]);
    if (!row->argument && value)
        return mw_fail(report, MW_ERR_USAGE, "--%s takes no argument", row->name);
    if (row->argument && !value && *i + 1 == argc)
        return mw_fail(report, MW_ERR_USAGE, "--%s needs an argument: %s", row->name, row->argument);
    if (row->argument && !value)
        value = argv[++*i];
    struct mw_given *given = grow(options->given, options->ngiven, sizeof *given);
    if (!given)
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    options->given = given;
    given[options->ngiven++] = (struct mw_given){row, value};
    return apply(options, row, value, report);
}

mw_error mw_options_parse(char command, int argc, char **argv, mw_report *report, mw_options *out)
{
    mw_error error = MW_OK;
    *out = (mw_options){.command = command, .max_threads = MW_DEFAULT_MAX_THREADS,
                         .compile = {.opt_level = 3, .closed = true}, .args = argv};
    int i = 0;
    for (; i < argc && error == MW_OK; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (argv[i][0] == '-' && argv[i][1])
            error = parse_option(out, argc, argv, &i, report);
        else if (command == 'R')
            break;
        else
            argv[out->nargs++] = argv[i];
    }
    if (command == 'R')
        out->args = argv + i;
    while (i < argc)
        out->args[out->nargs++] = argv[i++];
    if (error != MW_OK)
        mw_options_free(out);
    return error;
}

/* ---- The same options again ---------------------------------------------------------------------------------------- */

/* Adds a word to *text, which grows. */
static mw_error add_word(char **text, size_t *size, const char *word, mw_report *report)
{
    size_t length = strlen(word), need = mw_word_put(NULL, 0, word, length), comma = *size != 0;
    char *grown = realloc(*text, *size + comma + need + 1);
    if (!grown)
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    if (comma)
        grown[*size] = ',';
    mw_word_put(grown + *size + comma, need, word, length);
    *size += comma + need;
    grown[*size] = 0;
    *text = grown;
    return MW_OK;
}

/* Names of files that this process's directory gives a meaning. NULL: no memory. */
static char *absolute(const char *path)
{
    char *here = *path == '/' ? strdup("") : getcwd(NULL, 0);
    char *result = here ? malloc(strlen(here) + strlen(path) + 2) : NULL;
    if (result)
        sprintf(result, "%s%s%s", here, *here ? "/" : "", path);
    free(here);
    return result;
}

/* A granted directory as --dir says it; NULL, with a report, where it cannot. */
static char *dir_again(const mw_wasi_dir *dir, mw_report *report)
{
    char *host = realpath(dir->host_path, NULL), *result = NULL;
    if (!host) {
        mw_fail(report, MW_ERR_USAGE, "cannot grant the directory '%s': %s", dir->host_path, strerror(errno));
    } else if (strstr(host, "::")) {
        mw_fail(report, MW_ERR_USAGE, "--allow-spawn: the granted directory '%s' has '::' in its name, which --dir cannot "
                "say to the processes that are started", host);
    } else if (!(result = malloc(strlen(host) + strlen(dir->guest_path) + 3))) {
        mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    } else {
        sprintf(result, "%s::%s", host, dir->guest_path);
    }
    free(host);
    return result;
}

mw_error mw_options_again(const mw_options *options, mw_report *report, char **out)
{
    size_t size = 0;
    int dir = 0;
    mw_error error = MW_OK;
    *out = NULL;
    for (int i = 0; i < options->ngiven && error == MW_OK; i++) {
        const struct option_row *row = options->given[i].row;
        const char *value = options->given[i].value;
        char name[64], *made = NULL;
        if (row->id == OPTION_ALLOW_OBJECT)
            continue;
        if (row->id == OPTION_DIR || row->id == OPTION_DIR_RO) {
            if (!(made = dir_again(&options->dirs[dir++], report)))
                error = report->error;
        } else if (row->id == OPTION_CACHE_DIR || (row->id == OPTION_MPI && strchr(value, '/'))) {
            if (!(made = absolute(value)))
                error = mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
        }
        snprintf(name, sizeof name, "--%s", row->name);
        if (error == MW_OK)
            error = add_word(out, &size, name, report);
        if (error == MW_OK && value)
            error = add_word(out, &size, made ? made : value, report);
        free(made);
    }
    if (error != MW_OK) {
        free(*out);
        *out = NULL;
    }
    return error;
}

void mw_options_free(mw_options *options)
{
    for (int i = 0; i < options->ndirs; i++) {
        free((char *)options->dirs[i].host_path);
        free((char *)options->dirs[i].guest_path);
    }
    free(options->dirs);
    for (int i = 0; i < options->nenv; i++)
        free(options->env[i]);
    free(options->env);
    free(options->given);
    *options = (mw_options){0};
}
