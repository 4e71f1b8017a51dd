/* Which cores a compilation may use, from what is known of the processes around. */
#include "cli/cores.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static cpu_set_t mask(uint64_t bits)
{
    cpu_set_t out;
    CPU_ZERO(&out);
    for (int i = 0; i < 64; i++)
        if (bits >> i & 1)
            CPU_SET(i, &out);
    return out;
}

static uint64_t bits(cpu_set_t set)
{
    uint64_t out = 0;
    for (int i = 0; i < 64; i++)
        if (CPU_ISSET(i, &set))
            out |= UINT64_C(1) << i;
    return out;
}

static uint64_t choose(uint64_t own, uint64_t parent, bool ours, uint64_t siblings)
{
    mw_core_witnesses w = {mask(own), mask(parent), ours, mask(siblings)};
    return bits(mw_cores_choose(&w));
}

static void test_launcher_of_the_job(void **state)
{
    (void)state;
    assert_int_equal(choose(0x1, 0xff, true, 0), 0xff);
    assert_int_equal(choose(0x10, 0xf0, true, 0), 0xf0); /* taskset or a cpuset around mpirun */
    assert_int_equal(choose(0x3, 0x3, true, 0), 0x3);
    assert_int_equal(choose(0x1, 0x1, true, 0xff), 0x1);
}

static void test_launcher_of_the_system(void **state)
{
    (void)state;
    assert_int_equal(choose(0x1, 0xff, false, 0x7), 0x7);  /* another job's cores stay out */
    assert_int_equal(choose(0x1, 0xff, false, 0x6), 0x7);
    assert_int_equal(choose(0x1, 0xff, false, 0), 0x1);    /* nobody else is there yet */
    assert_int_equal(choose(0x1, 0x0f, false, 0xff), 0xf); /* not more than the launcher has either */
}

static void test_no_witness(void **state)
{
    (void)state;
    assert_int_equal(choose(0x6, 0, true, 0), 0x6);
    assert_int_equal(choose(0x6, 0, false, 0xff), 0x6);
    assert_int_equal(choose(0x6, 0x3, true, 0), 0x6); /* bound by something that is not the parent */
    assert_int_equal(choose(0x6, 0x8, false, 0xff), 0x6);
}

static void test_this_process(void **state)
{
    (void)state;
    cpu_set_t before, during, after;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    mw_cores cores = mw_cores_widen();
    assert_int_equal(sched_getaffinity(0, sizeof during, &during), 0);
    mw_cores_restore(&cores);
    assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
    assert_true(CPU_EQUAL(&before, &after));
    assert_int_equal(cores.count, CPU_COUNT(&during));
    CPU_AND(&during, &during, &before);
    assert_true(CPU_EQUAL(&during, &before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_launcher_of_the_job),
        cmocka_unit_test(test_launcher_of_the_system),
        cmocka_unit_test(test_no_witness),
        cmocka_unit_test(test_this_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
