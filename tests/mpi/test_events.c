/* Unit tests of the tool interface's events, which no packaged host MPI has: one host event is made here, in place of the
 * library's functions. Guest functions are C functions here. */
#include "guest.h"
#include "shims.h"

#include <pthread.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- In place of the runtime's --------------------------------------------------------------------------------------- */

static mw_func functions[8]; /* function pointer i of the guest */
static const char *signatures[8];

const mw_func *mw_guest_function(mw_instance *instance, uint64_t index, const char *signature)
{
    (void)instance;
    return index < 8 && signatures[index] && !strcmp(signatures[index], signature) ? &functions[index] : NULL;
}

mw_instance *mw_instance_here(mw_instance *instance)
{
    return instance;
}

const mw_func *mw_func_here(const mw_func *func)
{
    return func;
}

#define NO_INFO ((mw_guest_info){MW_GUEST_INFO_NULL})

static int setup(void **state)
{
    (void)state;
    return make_guest();
}

#if MPI_VERSION >= 4

/* ---- The host's event: an int and an unsigned long, of source 0 --------------------------------------------------------- */

typedef struct host_data {
    int rank;
    unsigned long bytes;
} host_data;

static struct {
    bool live;
    void *object;
    struct {
        MPI_T_event_cb_function *function;
        void *user_data;
    } callbacks[4];
    MPI_T_event_dropped_cb_function *dropped;
} registration;
static __thread host_data *current; /* while a callback runs */

#define REGISTRATION ((MPI_T_event_registration)(void *)&registration)
#define INSTANCE ((MPI_T_event_instance)(void *)&current)

int MPI_T_source_get_num(int *num)
{
    *num = 1;
    return MPI_SUCCESS;
}

int MPI_T_source_get_info(int index, char *name, int *name_len, char *desc, int *desc_len, MPI_T_source_order *ordering,
                          MPI_Count *ticks, MPI_Count *max, MPI_Info *info)
{
    assert_int_equal(index, 0);
    strcpy(name, "clock");
    strcpy(desc, "a source");
    *name_len = 6;
    *desc_len = 9;
    *ordering = MPI_T_SOURCE_ORDERED;
    *ticks = 1000;
    *max = INT64_MAX;
    *info = MPI_INFO_NULL;
    return MPI_SUCCESS;
}

int MPI_T_source_get_timestamp(int index, MPI_Count *timestamp)
{
    assert_int_equal(index, 0);
    *timestamp = 0x123456789abc;
    return MPI_SUCCESS;
}

int MPI_T_event_get_num(int *num)
{
    *num = 1;
    return MPI_SUCCESS;
}

int MPI_T_event_get_index(const char *name, int *index)
{
    *index = 0;
    return strcmp(name, "message") ? MPI_T_ERR_INVALID_NAME : MPI_SUCCESS;
}

int MPI_T_event_get_info(int index, char *name, int *name_len, int *verbosity, MPI_Datatype types[], MPI_Aint displacements[],
                         int *n, MPI_T_enum *enumtype, MPI_Info *info, char *desc, int *desc_len, int *bind)
{
    assert_int_equal(index, 0);
    assert_true(*n >= 2);
    strcpy(name, "message");
    strcpy(desc, "a message");
    *name_len = 8;
    *desc_len = 10;
    *verbosity = MPI_T_VERBOSITY_USER_ALL;
    types[0] = MPI_INT;
    types[1] = MPI_UNSIGNED_LONG;
    displacements[0] = offsetof(host_data, rank);
    displacements[1] = offsetof(host_data, bytes);
    *n = 2;
    *enumtype = (MPI_T_enum)0x31415926; /* MPICH 4.0 does not set it */
    *info = MPI_INFO_NULL;
    *bind = MPI_T_BIND_NO_OBJECT;
    return MPI_SUCCESS;
}

int MPI_T_event_handle_alloc(int index, void *object, MPI_Info info, MPI_T_event_registration *out)
{
    assert_int_equal(index, 0);
    assert_false(registration.live);
    (void)info;
    memset(&registration, 0, sizeof registration);
    registration.live = true;
    registration.object = object;
    *out = REGISTRATION;
    return MPI_SUCCESS;
}

int MPI_T_event_handle_free(MPI_T_event_registration er, void *user_data, MPI_T_event_free_cb_function function)
{
    assert_true(registration.live && er == REGISTRATION && !function);
    (void)user_data;
    registration.live = false;
    return MPI_SUCCESS;
}

int MPI_T_event_register_callback(MPI_T_event_registration er, MPI_T_cb_safety safety, MPI_Info info, void *user_data,
                                  MPI_T_event_cb_function function)
{
    assert_true(registration.live && er == REGISTRATION && safety < 4);
    (void)info;
    registration.callbacks[safety].function = function;
    registration.callbacks[safety].user_data = user_data;
    return MPI_SUCCESS;
}

int MPI_T_event_set_dropped_handler(MPI_T_event_registration er, MPI_T_event_dropped_cb_function function)
{
    assert_true(registration.live && er == REGISTRATION);
    registration.dropped = function;
    return MPI_SUCCESS;
}

int MPI_T_event_copy(MPI_T_event_instance instance, void *buffer)
{
    assert_true(instance == INSTANCE && current);
    memcpy(buffer, current, sizeof *current);
    return MPI_SUCCESS;
}

int MPI_T_event_get_source(MPI_T_event_instance instance, int *source)
{
    assert_true(instance == INSTANCE && current);
    *source = 0;
    return MPI_SUCCESS;
}

int MPI_T_event_get_timestamp(MPI_T_event_instance instance, MPI_Count *timestamp)
{
    assert_true(instance == INSTANCE && current);
    *timestamp = 1000 + current->rank;
    return MPI_SUCCESS;
}

/* As the host's library does: the callback of the lowest level that is at least `level`. */
static void raise_event(MPI_T_cb_safety level, int rank, unsigned long bytes)
{
    host_data data = {rank, bytes};
    for (int i = level; i < 4; i++)
        if (registration.live && registration.callbacks[i].function) {
            current = &data;
            registration.callbacks[i].function(INSTANCE, REGISTRATION, level, registration.callbacks[i].user_data);
            current = NULL;
            return;
        }
}

/* ---- The guest's functions ------------------------------------------------------------------------------------------------ */

enum { EVENT_CB = 1, DROPPED_CB, FREED_CB, WRONG_CB, ENDING_CB };

static int calls, freed, order[4000];
static int64_t lost;
static mw_guest_word stale_instance, seen_data;

static void guest_event(mw_instance *instance, mw_guest_word event, mw_guest_word er, int32_t safety, mw_guest_word user_data)
{
    unsigned long bytes;
    int64_t timestamp;
    assert_int_equal(mw_MPI_T_event_read(instance, event, 0, at(256)), 0);
    int rank = load(256);
    assert_int_equal(mw_MPI_T_event_read(instance, event, 1, at(260)), 0);
    memcpy(&bytes, memory.base + 260, 8);
    assert_int_equal(bytes, 0x100000000ul + (unsigned)rank);
    memset(memory.base + 272, 0x5a, 24);
    assert_int_equal(mw_MPI_T_event_copy(instance, event, at(272)), 0);
    assert_int_equal(load(272), rank);
    assert_int_equal(load(276), 0x5a5a5a5a); /* between the elements */
    assert_memory_equal(memory.base + 280, &bytes, 8);
    assert_int_equal(load(288), 0x5a5a5a5a); /* behind */
    assert_int_equal(mw_MPI_T_event_copy(instance, event, at(BYTES - 15)), MW_GUEST_T_ERR_INVALID);
    assert_int_equal(mw_MPI_T_event_read(instance, event, 1, at(BYTES - 4)), MW_GUEST_T_ERR_INVALID);
    assert_int_equal(mw_MPI_T_event_read(instance, event, 2, at(256)), MW_GUEST_T_ERR_INVALID_INDEX);
    assert_int_equal(mw_MPI_T_event_read(instance, event, -1, at(256)), MW_GUEST_T_ERR_INVALID_INDEX);
    assert_int_equal(mw_MPI_T_event_get_source(instance, event, at(256)), 0);
    assert_int_equal(load(256), 0);
    assert_int_equal(mw_MPI_T_event_get_timestamp(instance, event, at(256)), 0);
    memcpy(&timestamp, memory.base + 256, 8);
    assert_int_equal(timestamp, 1000 + rank);
    assert_int_equal(safety, MW_GUEST_T_CB_REQUIRE_MPI_RESTRICTED);
    assert_null(current); /* not from within the host */
    (void)er;
    seen_data = user_data;
    stale_instance = event;
    order[calls++] = rank;
}

static void guest_dropped(mw_instance *instance, int64_t count, mw_guest_word er, int32_t source, int32_t safety,
                          mw_guest_word user_data)
{
    (void)instance, (void)er, (void)source, (void)safety, (void)user_data;
    lost += count;
}

static void guest_freed(mw_instance *instance, mw_guest_word er, int32_t safety, mw_guest_word user_data)
{
    (void)safety;
    assert_int_equal(user_data, 77);
    assert_int_equal(mw_MPI_T_event_handle_set_info(instance, er, NO_INFO), MW_GUEST_T_ERR_INVALID_HANDLE);
    freed++;
}

/* Frees its registration and ends the interface, from within. */
static void guest_ending(mw_instance *instance, mw_guest_word event, mw_guest_word er, int32_t safety, mw_guest_word user_data)
{
    (void)safety, (void)user_data;
    assert_int_equal(mw_MPI_T_event_handle_free(instance, er, at(0), at(0)), 0);
    assert_int_equal(mw_MPI_T_event_read(instance, event, 0, at(256)), 0);
    assert_int_equal(mw_MPI_T_finalize(instance), 0);
    calls++;
}

static mw_guest_word alloc(void)
{
    assert_int_equal(mw_MPI_T_event_handle_alloc(&guest, 0, at(0), NO_INFO, at(64)), 0);
    return load_word(64);
}

static int32_t listen(mw_guest_word er, int32_t level, uint32_t function, uint32_t user_data)
{
    return mw_MPI_T_event_register_callback(&guest, er, level, NO_INFO, at(user_data), at(function));
}

static void poll(void)
{
    assert_int_equal(mw_MPI_T_event_get_num(&guest, at(64)), 0);
}

static void test_begin(void **state)
{
    (void)state;
    functions[EVENT_CB].code = (mw_code_ptr)guest_event;
    functions[DROPPED_CB].code = (mw_code_ptr)guest_dropped;
    functions[FREED_CB].code = (mw_code_ptr)guest_freed;
    functions[ENDING_CB].code = (mw_code_ptr)guest_ending;
    signatures[EVENT_CB] = signatures[ENDING_CB] = MW_BY_WIDTH("iiii:", "IIiI:");
    signatures[DROPPED_CB] = MW_BY_WIDTH("Iiiii:", "IIiiI:");
    signatures[FREED_CB] = MW_BY_WIDTH("iii:", "IiI:");
    signatures[WRONG_CB] = "i:i";
    for (int i = 0; i < 8; i++) {
        functions[i].instance = &guest;
        functions[i].context = (mw_context *)&guest; /* as of a host function */
    }
    assert_int_equal(mw_MPI_T_event_get_num(&guest, at(64)), MW_GUEST_T_ERR_NOT_INITIALIZED);
    assert_int_equal(mw_MPI_T_init_thread(&guest, MW_GUEST_THREAD_SINGLE, at(64)), 0);
}

static void test_queries(void **state)
{
    (void)state;
    int64_t value;
    poll();
    assert_int_equal(load(64), 1);
    assert_int_equal(mw_MPI_T_source_get_num(&guest, at(64)), 0);
    assert_int_equal(load(64), 1);
    store(64, 4), store(68, 100);
    assert_int_equal(mw_MPI_T_source_get_info(&guest, 0, at(128), at(64), at(160), at(68), at(72), at(80), at(88), at(96)), 0);
    assert_string_equal((char *)memory.base + 128, "clo");
    assert_int_equal(load(64), 6);
    assert_string_equal((char *)memory.base + 160, "a source");
    assert_int_equal(load(72), MW_GUEST_T_SOURCE_ORDERED);
    assert_int_equal(load(80), 1000);
    assert_int_equal(load(96), MW_GUEST_INFO_NULL);
    assert_int_equal(mw_MPI_T_source_get_info(&guest, 0, at(0), at(0), at(0), at(0), at(0), at(0), at(0), at(0)), 0);
    assert_int_equal(mw_MPI_T_source_get_info(&guest, 1, at(0), at(0), at(0), at(0), at(0), at(0), at(0), at(0)),
                     MW_GUEST_T_ERR_INVALID_INDEX);
    assert_int_equal(mw_MPI_T_source_get_timestamp(&guest, 0, at(64)), 0);
    memcpy(&value, memory.base + 64, 8);
    assert_int_equal(value, 0x123456789abc);
    assert_int_equal(mw_MPI_T_source_get_timestamp(&guest, -1, at(64)), MW_GUEST_T_ERR_INVALID_INDEX);
    store(68, 100), store(84, 100);
    store(80, 1), store_word(320 + WORD, 1);
    assert_int_equal(mw_MPI_T_event_get_info(&guest, 0, at(128), at(68), at(72), at(320), at(352), at(80), at(368), at(96),
                                             at(160), at(84), at(88)), 0);
    assert_string_equal((char *)memory.base + 128, "message");
    assert_int_equal(load(72), MW_GUEST_T_VERBOSITY_USER_ALL);
    assert_int_equal(load_word(320), MW_GUEST_INT);
    assert_int_equal(load_word(320 + WORD), 1); /* room for one element only */
    assert_int_equal(load(80), 2);
    assert_int_equal(load_word(368), 0); /* no enumeration */
    assert_int_equal(load(88), MW_GUEST_T_BIND_NO_OBJECT);
    store(80, 2);
    assert_int_equal(mw_MPI_T_event_get_info(&guest, 0, at(0), at(0), at(0), at(320), at(352), at(80), at(0), at(0), at(0),
                                             at(0), at(0)), 0);
    assert_int_equal(load_word(320 + WORD), MW_BY_WIDTH(MW_GUEST_UNSIGNED_LONG_LONG, MW_GUEST_UNSIGNED_LONG));
    assert_int_equal(load_word(352 + WORD), 8);
    assert_int_equal(mw_MPI_T_event_get_info(&guest, 0, at(0), at(0), at(0), at(BYTES - 4), at(0), at(80), at(0), at(0), at(0),
                                             at(0), at(0)), MW_GUEST_T_ERR_INVALID);
    strcpy((char *)memory.base + 128, "message");
    assert_int_equal(mw_MPI_T_event_get_index(&guest, at(128), at(64)), 0);
    strcpy((char *)memory.base + 128, "nothing");
    assert_int_equal(mw_MPI_T_event_get_index(&guest, at(128), at(64)), MW_GUEST_T_ERR_INVALID_NAME);
    assert_int_equal(mw_MPI_T_category_get_num_events(&guest, 0, at(64)), 0);
    assert_int_equal(mw_MPI_T_category_get_num_events(&guest, -1, at(64)), MW_GUEST_T_ERR_INVALID_INDEX);
    assert_int_equal(mw_MPI_T_category_get_events(&guest, 0, -1, at(64)), MW_GUEST_T_ERR_INVALID);
}

static void test_delivery(void **state)
{
    (void)state;
    mw_guest_word er = alloc();
    assert_int_equal(listen(er, 7, EVENT_CB, 0), MW_GUEST_T_ERR_INVALID);
    assert_int_equal(listen(er, MW_GUEST_T_CB_REQUIRE_NONE, WRONG_CB, 0), MW_GUEST_T_ERR_INVALID);
    assert_int_equal(listen(er ^ 1u << 16, MW_GUEST_T_CB_REQUIRE_NONE, EVENT_CB, 0), MW_GUEST_T_ERR_INVALID_HANDLE);
    assert_int_equal(listen(er, MW_GUEST_T_CB_REQUIRE_THREAD_SAFE, EVENT_CB, 0xf0000000u), 0);
    raise_event(MPI_T_CB_REQUIRE_MPI_RESTRICTED, 1, 0x100000001ul);
    raise_event(MPI_T_CB_REQUIRE_MPI_RESTRICTED, 2, 0x100000002ul);
    raise_event(MPI_T_CB_REQUIRE_ASYNC_SIGNAL_SAFE, 3, 0); /* nobody listens */
    assert_int_equal(calls, 0);
    poll();
    assert_int_equal(calls, 2);
    assert_true(order[0] == 1 && order[1] == 2);
    assert_int_equal(seen_data, 0xf0000000u);
    assert_int_equal(mw_MPI_T_event_read(&guest, stale_instance, 0, at(256)), MW_GUEST_T_ERR_INVALID_HANDLE);
    assert_int_equal(mw_MPI_T_event_get_source(&guest, stale_instance, at(256)), MW_GUEST_T_ERR_INVALID_HANDLE);
    assert_int_equal(mw_MPI_T_event_read(&guest, er, 0, at(256)), MW_GUEST_T_ERR_INVALID_HANDLE);
    /* what waits is delivered before the registration ends, and nothing after */
    raise_event(MPI_T_CB_REQUIRE_MPI_RESTRICTED, 4, 0x100000004ul);
    assert_int_equal(mw_MPI_T_event_handle_free(&guest, er, at(77), at(FREED_CB)), 0);
    assert_true(calls == 3 && freed == 1);
    assert_int_equal(mw_MPI_T_event_handle_free(&guest, er, at(77), at(FREED_CB)), MW_GUEST_T_ERR_INVALID_HANDLE);
    /* a callback that was taken back hears no more */
    er = alloc();
    assert_int_equal(listen(er, MW_GUEST_T_CB_REQUIRE_MPI_RESTRICTED, EVENT_CB, 0), 0);
    raise_event(MPI_T_CB_REQUIRE_MPI_RESTRICTED, 5, 0x100000005ul);
    assert_int_equal(listen(er, MW_GUEST_T_CB_REQUIRE_MPI_RESTRICTED, 0, 0), 0);
    assert_int_equal(calls, 4);
    raise_event(MPI_T_CB_REQUIRE_MPI_RESTRICTED, 6, 0x100000006ul);
    poll();
    assert_int_equal(calls, 4);
    assert_int_equal(mw_MPI_T_event_handle_free(&guest, er, at(0), at(0)), 0);
}

/* More than the queue holds: what is lost is counted. Events come from several threads. */
#define EACH 700
static void *raise_many(void *argument)
{
    int first = *(int *)argument;
    for (int i = 0; i < EACH; i++)
        raise_event(MPI_T_CB_REQUIRE_MPI_RESTRICTED, first + i, 0x100000000ul + (unsigned)(first + i));
    return NULL;
}

static void test_overflow(void **state)
{
    (void)state;
    pthread_t threads[2];
    int firsts[2] = {0, 10000};
    mw_guest_word er = alloc();
    calls = 0, lost = 0;
    assert_int_equal(listen(er, MW_GUEST_T_CB_REQUIRE_MPI_RESTRICTED, EVENT_CB, 0), 0);
    assert_int_equal(mw_MPI_T_event_set_dropped_handler(&guest, er, at(WRONG_CB)), MW_GUEST_T_ERR_INVALID);
    assert_int_equal(mw_MPI_T_event_set_dropped_handler(&guest, er, at(DROPPED_CB)), 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, raise_many, &firsts[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    poll();
    assert_int_equal(calls, 1024);
    assert_int_equal(lost, 2 * EACH - 1024);
    int last[2] = {-1, -1};
    for (int i = 0; i < calls; i++) { /* each thread's in their order */
        int which = order[i] >= 10000;
        assert_true(order[i] > last[which]);
        last[which] = order[i];
    }
    registration.dropped(5, REGISTRATION, 0, MPI_T_CB_REQUIRE_NONE, registration.callbacks[1].user_data);
    raise_event(MPI_T_CB_REQUIRE_MPI_RESTRICTED, 6, 0x100000006ul);
    poll();
    assert_int_equal(lost, 2 * EACH - 1024 + 5);
    assert_int_equal(mw_MPI_T_event_handle_free(&guest, er, at(0), at(0)), 0);
}

static void test_end(void **state)
{
    (void)state;
    mw_guest_word er = alloc();
    calls = 0;
    assert_int_equal(listen(er, MW_GUEST_T_CB_REQUIRE_MPI_RESTRICTED, ENDING_CB, 0), 0);
    raise_event(MPI_T_CB_REQUIRE_MPI_RESTRICTED, 7, 0);
    raise_event(MPI_T_CB_REQUIRE_MPI_RESTRICTED, 8, 0);
    assert_int_equal(mw_MPI_T_event_get_num(&guest, at(64)), MW_GUEST_T_ERR_NOT_INITIALIZED);
    assert_int_equal(calls, 1);
    assert_false(registration.live);
    assert_int_equal(mw_MPI_T_finalize(&guest), MW_GUEST_T_ERR_NOT_INITIALIZED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begin),    cmocka_unit_test(test_queries), cmocka_unit_test(test_delivery),
        cmocka_unit_test(test_overflow), cmocka_unit_test(test_end),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

#else

/* A host with MPI 3: every function fails by name. */
static void test_absent(void **state)
{
    (void)state;
    store(64, 0), (void)load(64);
    if (!setjmp(trapped)) {
        (void)mw_MPI_T_event_get_num(&guest, at(64));
        fail();
    }
    assert_non_null(strstr(trap_message, "MPI_T_event_get_num: this host's MPI 3.1 does not have it"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_absent)};
    return cmocka_run_group_tests(tests, setup, NULL);
}

#endif
