/* Whether this CPU, under this operating system, has what an object was compiled for. Features have LLVM's names.
 *
 * A name that the tables lack is ignored: it is a tuning flag, or newer than this file. Should such code reach an
 * instruction that the CPU does not know, the trap says for which CPU it was compiled. */
#include "runtime/internal.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

enum { EAX, EBX, ECX, EDX };
/* State that the operating system must save and restore, in XCR0. */
enum { OS_NONE = 0, OS_AVX = 0x6, OS_AVX512 = 0xe6, OS_AMX = 0x60000, OS_APX = 0x80000 };

static const struct {
    const char *name;
    uint32_t leaf, subleaf;
    uint8_t reg, bit;
    uint32_t os;
} features[] = {
    /* name            leaf      sub reg bit  state */
    {"sse3",             0x1,      0, ECX, 0, OS_NONE},
    {"pclmul",           0x1,      0, ECX, 1, OS_NONE},
    {"ssse3",            0x1,      0, ECX, 9, OS_NONE},
    {"fma",              0x1,      0, ECX, 12, OS_AVX},
    {"cx16",             0x1,      0, ECX, 13, OS_NONE},
    {"sse4.1",           0x1,      0, ECX, 19, OS_NONE},
    {"sse4.2",           0x1,      0, ECX, 20, OS_NONE},
    {"crc32",            0x1,      0, ECX, 20, OS_NONE},
    {"movbe",            0x1,      0, ECX, 22, OS_NONE},
    {"popcnt",           0x1,      0, ECX, 23, OS_NONE},
    {"aes",              0x1,      0, ECX, 25, OS_NONE},
    {"xsave",            0x1,      0, ECX, 27, OS_NONE}, /* OSXSAVE: usable, not only present */
    {"avx",              0x1,      0, ECX, 28, OS_AVX},
    {"f16c",             0x1,      0, ECX, 29, OS_AVX},
    {"rdrnd",            0x1,      0, ECX, 30, OS_NONE},
    {"cmov",             0x1,      0, EDX, 15, OS_NONE},
    {"sse",              0x1,      0, EDX, 25, OS_NONE},
    {"sse2",             0x1,      0, EDX, 26, OS_NONE},
    {"fsgsbase",         0x7,      0, EBX, 0, OS_NONE},
    {"bmi",              0x7,      0, EBX, 3, OS_NONE},
    {"avx2",             0x7,      0, EBX, 5, OS_AVX},
    {"bmi2",             0x7,      0, EBX, 8, OS_NONE},
    {"rtm",              0x7,      0, EBX, 11, OS_NONE},
    {"avx512f",          0x7,      0, EBX, 16, OS_AVX512},
    {"avx512dq",         0x7,      0, EBX, 17, OS_AVX512},
    {"rdseed",           0x7,      0, EBX, 18, OS_NONE},
    {"adx",              0x7,      0, EBX, 19, OS_NONE},
    {"avx512ifma",       0x7,      0, EBX, 21, OS_AVX512},
    {"clflushopt",       0x7,      0, EBX, 23, OS_NONE},
    {"clwb",             0x7,      0, EBX, 24, OS_NONE},
    {"avx512cd",         0x7,      0, EBX, 28, OS_AVX512},
    {"sha",              0x7,      0, EBX, 29, OS_NONE},
    {"avx512bw",         0x7,      0, EBX, 30, OS_AVX512},
    {"avx512vl",         0x7,      0, EBX, 31, OS_AVX512},
    {"avx512vbmi",       0x7,      0, ECX, 1, OS_AVX512},
    {"waitpkg",          0x7,      0, ECX, 5, OS_NONE},
    {"avx512vbmi2",      0x7,      0, ECX, 6, OS_AVX512},
    {"gfni",             0x7,      0, ECX, 8, OS_NONE},
    {"vaes",             0x7,      0, ECX, 9, OS_AVX},
    {"vpclmulqdq",       0x7,      0, ECX, 10, OS_AVX},
    {"avx512vnni",       0x7,      0, ECX, 11, OS_AVX512},
    {"avx512bitalg",     0x7,      0, ECX, 12, OS_AVX512},
    {"avx512vpopcntdq",  0x7,      0, ECX, 14, OS_AVX512},
    {"movdiri",          0x7,      0, ECX, 27, OS_NONE},
    {"movdir64b",        0x7,      0, ECX, 28, OS_NONE},
    {"avx512vp2intersect", 0x7,    0, EDX, 8, OS_AVX512},
    {"amx-bf16",         0x7,      0, EDX, 22, OS_AMX},
    {"avx512fp16",       0x7,      0, EDX, 23, OS_AVX512},
    {"amx-tile",         0x7,      0, EDX, 24, OS_AMX},
    {"amx-int8",         0x7,      0, EDX, 25, OS_AMX},
    {"sha512",           0x7,      1, EAX, 0, OS_AVX},
    {"avxvnni",          0x7,      1, EAX, 4, OS_AVX},
    {"avx512bf16",       0x7,      1, EAX, 5, OS_AVX512},
    {"amx-fp16",         0x7,      1, EAX, 21, OS_AMX},
    {"avxifma",          0x7,      1, EAX, 23, OS_AVX},
    {"avxvnniint8",      0x7,      1, EDX, 4, OS_AVX},
    {"avxneconvert",     0x7,      1, EDX, 5, OS_AVX},
    {"amx-complex",      0x7,      1, EDX, 8, OS_AMX},
    {"avxvnniint16",     0x7,      1, EDX, 10, OS_AVX},
    {"avx10.1",          0x7,      1, EDX, 19, OS_AVX512},
    {"avx10.1-512",      0x7,      1, EDX, 19, OS_AVX512},
    {"egpr",             0x7,      1, EDX, 21, OS_APX},
    {"ndd",              0x7,      1, EDX, 21, OS_APX},
    {"ccmp",             0x7,      1, EDX, 21, OS_APX},
    {"nf",               0x7,      1, EDX, 21, OS_APX},
    {"sahf",             0x80000001, 0, ECX, 0, OS_NONE},
    {"lzcnt",            0x80000001, 0, ECX, 5, OS_NONE},
    {"sse4a",            0x80000001, 0, ECX, 6, OS_NONE},
    {"prfchw",           0x80000001, 0, ECX, 8, OS_NONE},
    {"xop",              0x80000001, 0, ECX, 11, OS_AVX},
    {"fma4",             0x80000001, 0, ECX, 16, OS_AVX},
    {"tbm",              0x80000001, 0, ECX, 21, OS_NONE},
    {"mwaitx",           0x80000001, 0, ECX, 29, OS_NONE},
    {"clzero",           0x80000008, 0, EBX, 0, OS_NONE},
};

static uint64_t enabled_state(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return 0;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool host_has(size_t i)
{
    unsigned regs[4] = {0};
    if (!__get_cpuid_count(features[i].leaf, features[i].subleaf, &regs[EAX], &regs[EBX], &regs[ECX], &regs[EDX]))
        return false;
    return regs[features[i].reg] >> features[i].bit & 1 && (enabled_state() & features[i].os) == features[i].os;
}

#elif defined(__aarch64__)
#include <sys/auxv.h>

/* Bits of AT_HWCAP and AT_HWCAP2 (Documentation/arch/arm64/elf_hwcaps.rst). */
static const struct {
    const char *name;
    unsigned long type;
    uint8_t bit;
} features[] = {
    {"fp-armv8", AT_HWCAP, 0}, {"neon", AT_HWCAP, 1},    {"aes", AT_HWCAP, 3},      {"sha2", AT_HWCAP, 6},
    {"crc", AT_HWCAP, 7},      {"lse", AT_HWCAP, 8},     {"fullfp16", AT_HWCAP, 10}, {"rdm", AT_HWCAP, 12},
    {"jsconv", AT_HWCAP, 13},  {"complxnum", AT_HWCAP, 14}, {"rcpc", AT_HWCAP, 15}, {"ccpp", AT_HWCAP, 16},
    {"sha3", AT_HWCAP, 17},    {"sm4", AT_HWCAP, 19},    {"dotprod", AT_HWCAP, 20}, {"sve", AT_HWCAP, 22},
    {"fp16fml", AT_HWCAP, 23}, {"lse2", AT_HWCAP, 25},   {"rcpc-immo", AT_HWCAP, 26}, {"flagm", AT_HWCAP, 27},
    {"sb", AT_HWCAP, 29},      {"sve2", AT_HWCAP2, 1},   {"sve-aes", AT_HWCAP2, 2}, {"sve2-aes", AT_HWCAP2, 2},
    {"sve2-bitperm", AT_HWCAP2, 4}, {"sve2-sha3", AT_HWCAP2, 5}, {"sve2-sm4", AT_HWCAP2, 6},
    {"altnzcv", AT_HWCAP2, 7}, {"fptoint", AT_HWCAP2, 8}, {"f32mm", AT_HWCAP2, 10}, {"f64mm", AT_HWCAP2, 11},
    {"i8mm", AT_HWCAP2, 13},   {"bf16", AT_HWCAP2, 14},  {"sme", AT_HWCAP2, 23},
    {"cssc", AT_HWCAP2, 34},   {"sve2p1", AT_HWCAP2, 36}, {"sme2", AT_HWCAP2, 37},     {"mops", AT_HWCAP2, 43},
};

static bool host_has(size_t i)
{
    return getauxval(features[i].type) >> features[i].bit & 1;
}
#endif

mw_error mw_cpu_check(const char *list, const char *path, mw_report *report)
{
    char lacking[600] = "";
    size_t len = 0;
    unsigned count = 0;
    for (const char *s = list; s && *s;) {
        const char *comma = strchrnul(s, ',');
        size_t n = (size_t)(comma - s) - 1;
        for (size_t i = 0; *s == '+' && i < sizeof features / sizeof *features; i++) {
            if (strlen(features[i].name) != n || memcmp(features[i].name, s + 1, n) || host_has(i))
                continue;
            count++;
            if (len + n + 3 < sizeof lacking)
                len += (size_t)snprintf(lacking + len, sizeof lacking - len, "%s%s", len ? ", " : "",
                                        features[i].name);
        }
        s = *comma ? comma + 1 : comma;
    }
    if (!count)
        return MW_OK;
    return mw_fail(report, MW_ERR_OBJECT, "%s was compiled for a CPU with %s, which this host's CPU lacks; compile the "
                   "module on this host or with --cpu", path, lacking);
}
