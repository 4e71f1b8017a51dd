#include "base/words.h"

#include <string.h>

static bool stands_for_itself(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("._-/", c));
}

size_t mw_word_put(char *to, size_t room, const char *word, size_t length)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t need = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)word[i];
        if (stands_for_itself(c)) {
            if (need + 1 <= room)
                to[need] = (char)c;
            need += 1;
        } else {
            if (need + 3 <= room)
                memcpy(to + need, (const char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
            need += 3;
        }
    }
    return need;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One word, in place; *end is what follows it, a comma or the text's end. */
static bool decode(char *from, char **end)
{
    char *to = from;
    while (*from && *from != ',') {
        if (*from != '%') {
            if (!stands_for_itself((unsigned char)*from))
                return false;
            *to++ = *from++;
            continue;
        }
        int high = digit(from[1]), low = high < 0 ? -1 : digit(from[2]);
        if (low < 0 || (high | low) == 0)
            return false;
        *to++ = (char)(high << 4 | low);
        from += 3;
    }
    *end = from;
    if (to < from) /* else the separator is the NUL's place */
        *to = 0;
    return true;
}

bool mw_words_split(char *text, char **words, size_t max, size_t *n)
{
    for (*n = 0; *n < max;) {
        char *end;
        words[(*n)++] = text;
        if (!decode(text, &end))
            return false;
        bool last = *end == 0;
        *end = 0;
        if (last)
            return true;
        text = end + 1;
    }
    return false;
}
