#include "compiler/target.h"

#include <llvm-c/Target.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What CPUs have, for the loader's check, as LLVM's C interface does not tell it: each line adds to `base`. CPUs
 * that are not listed compile well; the check then knows only the features that were asked for by name. */
static const struct {
    const char *cpu, *base, *features;
} cpus[] = {
    {"x86-64", NULL, "+sse,+sse2,+cmov"},
    {"x86-64-v2", "x86-64", "+cx16,+popcnt,+sahf,+sse3,+sse4.1,+sse4.2,+ssse3"},
    {"x86-64-v3", "x86-64-v2", "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+xsave"},
    {"x86-64-v4", "x86-64-v3", "+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl"},
    {"nehalem", "x86-64-v2", ""},
    {"sandybridge", "x86-64-v2", "+avx,+pclmul,+xsave"},
    {"ivybridge", "sandybridge", "+f16c,+rdrnd,+fsgsbase"},
    {"haswell", "x86-64-v3", "+pclmul,+rdrnd,+fsgsbase"},
    {"broadwell", "haswell", "+adx,+rdseed,+prfchw"},
    {"skylake", "broadwell", "+aes,+clflushopt"},
    {"skylake-avx512", "skylake", "+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl,+clwb"},
    {"cascadelake", "skylake-avx512", "+avx512vnni"},
    {"cooperlake", "cascadelake", "+avx512bf16"},
    {"icelake-server", "skylake-avx512",
     "+avx512vnni,+avx512ifma,+avx512vbmi,+avx512vbmi2,+avx512bitalg,+avx512vpopcntdq,+gfni,+vaes,+vpclmulqdq,+sha"},
    {"sapphirerapids", "icelake-server", "+avx512bf16,+avx512fp16,+avxvnni,+amx-tile,+amx-int8,+amx-bf16"},
    {"emeraldrapids", "sapphirerapids", ""},
    {"graniterapids", "sapphirerapids", "+amx-fp16"},
    {"znver1", "x86-64-v3", "+adx,+aes,+clflushopt,+clzero,+fsgsbase,+pclmul,+prfchw,+rdrnd,+rdseed,+sha,+sse4a"},
    {"znver2", "znver1", "+clwb"},
    {"znver3", "znver2", "+vaes,+vpclmulqdq"},
    {"znver4", "znver3",
     "+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl,+avx512vnni,+avx512ifma,+avx512vbmi,+avx512vbmi2,"
     "+avx512bitalg,+avx512vpopcntdq,+avx512bf16,+gfni"},
    {"znver5", "znver4", "+avxvnni,+avx512vp2intersect,+movdiri,+movdir64b"},
    {"generic", NULL, ""},
    {"cortex-a72", "generic", "+neon,+crc"},
    {"thunderx2t99", "cortex-a72", "+lse,+rdm"},
    {"cortex-a76", "thunderx2t99", "+fullfp16,+dotprod,+rcpc"},
    {"neoverse-n1", "cortex-a76", ""},
    {"neoverse-v1", "cortex-a76", "+rcpc-immo,+complxnum,+jsconv,+flagm,+fp16fml,+bf16,+i8mm,+sve"},
    {"neoverse-n2", "neoverse-v1", "+fptoint,+altnzcv,+sb,+sve2"},
    {"neoverse-v2", "neoverse-n2", ""},
    {"grace", "neoverse-v2", ""},
    {"neoverse-n3", "neoverse-n2", ""},
    {"neoverse-v3", "neoverse-n2", ""},
    {"a64fx", "thunderx2t99", "+fullfp16,+complxnum,+sve"},
    {"tsv110", "thunderx2t99", "+fullfp16,+fp16fml,+dotprod,+complxnum,+jsconv"},
    {"ampere1", "cortex-a76",
     "+rcpc-immo,+complxnum,+jsconv,+flagm,+fp16fml,+bf16,+i8mm,+fptoint,+altnzcv,+sb"},
    {"ampere1b", "ampere1", "+cssc"},
};

static void init_llvm(void)
{
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeAArch64AsmParser();
}

static char *copy(const char *text)
{
    char *c = strdup(text);
    if (!c)
        abort();
    return c;
}

static char *llvm_copy(char *message)
{
    char *c = copy(message);
    LLVMDisposeMessage(message);
    return c;
}

/* Appends the comma-separated list `more` to *list. */
static void append(char **list, const char *more)
{
    if (!*more)
        return;
    size_t n = *list ? strlen(*list) : 0;
    char *joined = mw_calloc(n + strlen(more) + 2, 1);
    if (n)
        memcpy(joined, *list, n);
    if (n)
        joined[n++] = ',';
    strcpy(joined + n, more);
    free(*list);
    *list = joined;
}

/* Takes "+name" out of the list. */
static void remove_feature(char *list, const char *name)
{
    size_t n = strlen(name);
    for (char *f = list; f && *f;) {
        char *comma = strchr(f, ',');
        size_t len = comma ? (size_t)(comma - f) : strlen(f);
        if (len == n + 1 && strncmp(f + 1, name, n) == 0)
            memmove(f, comma ? comma + 1 : f + len, strlen(comma ? comma + 1 : f + len) + 1);
        else
            f = comma ? comma + 1 : NULL;
    }
}

/* x86: without one that is a base, LLVM uses none of those behind it either. */
static const struct {
    const char *name;
    bool is_base;
} x86_chain[] = {
    {"sse2", true},     {"sse3", true},     {"ssse3", true},        {"sse4.1", true},  {"sse4.2", true},
    {"avx", true},      {"fma", false},     {"f16c", false},        {"vaes", false},   {"vpclmulqdq", false},
    {"avx2", true},     {"avx512f", true},  {"avx512bw", false},    {"avx512cd", false}, {"avx512dq", false},
    {"avx512vl", false},
};

static void switch_off(char *list, const char *name)
{
    enum { N = sizeof x86_chain / sizeof *x86_chain };
    size_t i = 0;
    while (i < N && strcmp(x86_chain[i].name, name) != 0)
        i++;
    remove_feature(list, name);
    if (i < N && x86_chain[i].is_base)
        for (i++; i < N; i++)
            remove_feature(list, x86_chain[i].name);
}

/* Appends those of `features` that are switched on, takes out those that are switched off. */
static void append_required(char **list, const char *features)
{
    char *all = copy(features), *rest;
    for (char *f = strtok_r(all, ",", &rest); f; f = strtok_r(NULL, ",", &rest))
        if (*f == '+')
            append(list, f);
        else if (*f == '-')
            switch_off(*list, f + 1);
    free(all);
}

static void append_cpu(char **list, const char *cpu)
{
    for (size_t i = 0; cpu && i < sizeof cpus / sizeof *cpus; i++)
        if (strcmp(cpus[i].cpu, cpu) == 0) {
            append_cpu(list, cpus[i].base);
            append(list, cpus[i].features);
        }
}

bool mw_target_has(const mw_target *target, const char *feature)
{
    size_t n = strlen(feature);
    for (const char *f = target->required; f; f = strchr(f, ',') ? strchr(f, ',') + 1 : NULL)
        if (*f == '+' && strncmp(f + 1, feature, n) == 0 && (f[n + 1] == ',' || f[n + 1] == 0))
            return true;
    return false;
}

static mw_arch arch_of(const char *triple)
{
    if (strncmp(triple, "x86_64", 6) == 0)
        return MW_ARCH_X86_64;
    if (strncmp(triple, "aarch64", 7) == 0 || strncmp(triple, "arm64", 5) == 0)
        return MW_ARCH_AARCH64;
    return MW_ARCH_OTHER;
}

static void choose_cpu(mw_target *t, const mw_compile_options *options, const char *host_triple)
{
    bool is_host = arch_of(host_triple) == t->arch;
    if (options->cpu && strcmp(options->cpu, "native") != 0) {
        t->cpu = copy(options->cpu);
        append_cpu(&t->required, t->cpu);
    } else if (is_host) {
        t->cpu = llvm_copy(LLVMGetHostCPUName());
        t->features = llvm_copy(LLVMGetHostCPUFeatures());
        append_required(&t->required, t->features);
    } else {
        t->cpu = copy(t->arch == MW_ARCH_X86_64 ? "x86-64" : "generic");
        append_cpu(&t->required, t->cpu);
    }
    if (options->features) {
        append(&t->features, options->features);
        append_required(&t->required, options->features);
    }
    if (!t->features)
        t->features = copy("");
    if (!t->required)
        t->required = copy("");
}

/* LLVM has no way to ask whether it knows a CPU or a feature; it complains on the standard error, so that is read. */
static mw_error check_names(const mw_target *t, mw_report *report)
{
    int file = memfd_create("mpiwasm", MFD_CLOEXEC), saved = dup(STDERR_FILENO);
    if (file < 0 || saved < 0 || dup2(file, STDERR_FILENO) < 0) {
        if (file >= 0)
            close(file);
        if (saved >= 0)
            close(saved);
        return MW_OK;
    }
    LLVMTargetMachineRef machine = mw_target_machine(t, 0);
    if (machine)
        LLVMDisposeTargetMachine(machine);
    dup2(saved, STDERR_FILENO);
    close(saved);
    char complaint[256];
    ssize_t n = pread(file, complaint, sizeof complaint - 1, 0);
    close(file);
    if (n <= 0)
        return MW_OK;
    complaint[n] = 0;
    complaint[strcspn(complaint, "(\n")] = 0;
    size_t len = strlen(complaint);
    while (len && complaint[len - 1] == ' ')
        complaint[--len] = 0;
    return mw_fail(report, MW_ERR_USAGE, "%s (%s)", complaint, t->triple);
}

mw_error mw_target_init(mw_target *t, const mw_compile_options *options, mw_report *report)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_llvm);
    memset(t, 0, sizeof *t);
    char *host = llvm_copy(LLVMGetDefaultTargetTriple());
    if (options->triple) {
        char *normal = LLVMNormalizeTargetTriple(options->triple);
        t->triple = llvm_copy(normal);
    } else {
        t->triple = copy(host);
    }
    t->arch = arch_of(t->triple);
    choose_cpu(t, options, host);
    free(host);

    LLVMTargetRef target;
    char *message = NULL;
    mw_error error = MW_OK;
    if (t->arch == MW_ARCH_OTHER || LLVMGetTargetFromTriple(t->triple, &target, &message))
        error = mw_fail(report, MW_ERR_USAGE, "cannot compile for '%s': targets are x86_64-linux-gnu and aarch64-linux-gnu",
                        options->triple ? options->triple : t->triple);
    else if (options->cpu || options->features)
        error = check_names(t, report);
    LLVMDisposeMessage(message);
    if (error)
        mw_target_free(t);
    return error;
}

void mw_target_free(mw_target *t)
{
    free(t->triple);
    free(t->cpu);
    free(t->features);
    free(t->required);
    memset(t, 0, sizeof *t);
}

LLVMTargetMachineRef mw_target_machine(const mw_target *t, int opt_level)
{
    static const LLVMCodeGenOptLevel levels[] = {LLVMCodeGenLevelNone, LLVMCodeGenLevelLess, LLVMCodeGenLevelDefault,
                                                 LLVMCodeGenLevelAggressive};
    LLVMTargetRef target;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(t->triple, &target, &message)) {
        LLVMDisposeMessage(message);
        return NULL;
    }
    char *features = copy(t->features);
    /* Without optimization LLVM 22 makes of an arithmetic shift of bytes by what turns out to be zero a wrong matrix for
     * GFNI's instructions. */
    if ((opt_level & 3) == 0 && t->arch == MW_ARCH_X86_64)
        append(&features, "-gfni");
    LLVMTargetMachineRef machine = LLVMCreateTargetMachine(target, t->triple, t->cpu, features, levels[opt_level & 3],
                                                           LLVMRelocPIC, LLVMCodeModelDefault);
    free(features);
    return machine;
}
