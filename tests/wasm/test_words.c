/* Lists of words as text (base/words.h): what one side writes the other reads, and nothing else is read. */
#include "base/words.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void there_and_back(void **state)
{
    (void)state;
    char every[256], text[2000], *words[5];
    size_t n, size = 0;
    for (int i = 1; i < 256; i++)
        every[i - 1] = (char)i;
    every[255] = 0;
    const char *const list[] = {"", every, "a,b", "-d/x._", ""};
    for (size_t i = 0; i < 5; i++) {
        size_t length = strlen(list[i]), need = mw_word_put(NULL, 0, list[i], length);
        if (i)
            text[size++] = ',';
        assert_int_equal(mw_word_put(text + size, sizeof text - size, list[i], length), need);
        size += need;
    }
    text[size] = 0;
    for (size_t i = 0; i < size; i++) /* only bytes that no launcher gives a meaning */
        assert_true(text[i] > ' ' && text[i] < 127 && !strchr("\"'\\=#$;&|<>*?()[]{}~`!:", text[i]));
    assert_non_null(strstr(text, ",-d/x._,"));
    assert_true(mw_words_split(text, words, 5, &n));
    assert_int_equal(n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(words[i], list[i]);
}

static void no_room(void **state)
{
    (void)state;
    char text[8];
    memset(text, '#', sizeof text);
    assert_int_equal(mw_word_put(text, 4, "a%bc", 4), 6);
    assert_memory_equal(text, "a%25####", 8);
    memset(text, '#', sizeof text);
    assert_int_equal(mw_word_put(text, 2, "%%", 2), 6);
    assert_memory_equal(text, "########", 8);
}

static void refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"%", "%4", "%4g", "%a0", "%00", "a b", "a=b", "a,b%", "\xff", "a,b,c"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *text = strdup(texts[i]), *words[2]; /* of its own size, for AddressSanitizer */
        size_t n;
        assert_false(mw_words_split(text, words, 2, &n));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(no_room), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
