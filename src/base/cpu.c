#include "base/cpu.h"

#include <stdint.h>
#include <stdio.h>

#if defined(__x86_64__)
#include <cpuid.h>

static uint64_t xcr0(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

/* Leaves and registers that hold features. Left out on purpose: leaf 1 EBX (the APIC id differs from core to core)
 * and everything about caches and topology. */
void mw_cpu_identity(char *out, size_t size)
{
    uint32_t a = 0, b = 0, c = 0, d = 0, max = 0, vendor[3] = {0};
    __get_cpuid(0, &max, &vendor[0], &vendor[2], &vendor[1]);
    int n = snprintf(out, size, "x86_64 %.12s", (const char *)vendor);
    __get_cpuid(1, &a, &b, &c, &d);
    uint64_t os = c & bit_OSXSAVE ? xcr0() : 0;
    n += snprintf(out + n, size - (size_t)n, " 1:%x,%x,%x xcr0:%llx", a, c, d, (unsigned long long)os);
    for (uint32_t sub = 0; sub < 2; sub++) {
        a = b = c = d = 0;
        if (max >= 7)
            __cpuid_count(7, sub, a, b, c, d);
        n += snprintf(out + n, size - (size_t)n, " 7.%u:%x,%x,%x,%x", sub, sub ? a : 0, b, c, d);
    }
    c = d = 0;
    __get_cpuid(0x80000001, &a, &b, &c, &d);
    snprintf(out + n, size - (size_t)n, " ext:%x,%x", c, d);
}

#elif defined(__aarch64__)
#include <sys/auxv.h>

void mw_cpu_identity(char *out, size_t size)
{
    char midr[32] = "unknown";
    FILE *f = fopen("/sys/devices/system/cpu/cpu0/regs/identification/midr_el1", "re");
    if (f) {
        if (fscanf(f, "%31s", midr) != 1)
            snprintf(midr, sizeof midr, "unknown");
        fclose(f);
    }
    snprintf(out, size, "aarch64 midr:%s hwcap:%lx,%lx", midr, getauxval(AT_HWCAP), getauxval(AT_HWCAP2));
}

#else
#error "only x86-64 and AArch64 hosts are supported"
#endif
