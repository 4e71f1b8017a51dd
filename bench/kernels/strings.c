/* Text: numbers into a buffer, lines taken apart again, words compared and counted. */
#include "kernel.h"

enum { LINES = 2000, WORDS = 64 };
static char *text;
static size_t length;
static int counts[WORDS];
static double total;
static const char *const words[] = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"};

static void setup(void)
{
    text = allocate(LINES * 80);
}

static void write_text(void)
{
    char *p = text;
    for (int i = 0; i < LINES; i++)
        p += snprintf(p, 80, "%s %d %s %.6f %s\n", words[i % 8], i * 7919, words[i / 8 % 8], i * 0.015625, words[i / 64 % 8]);
    length = (size_t)(p - text);
}

static void count_word(const char *start, size_t n)
{
    for (int w = 0; w < 8; w++)
        if (strlen(words[w]) == n && !memcmp(words[w], start, n)) {
            counts[w]++;
            return;
        }
}

static void read_text(void)
{
    memset(counts, 0, sizeof counts);
    total = 0;
    for (const char *line = text; line < text + length;) {
        const char *end = memchr(line, '\n', (size_t)(text + length - line));
        while (line < end) {
            size_t n = strcspn(line, " \n");
            if (*line >= '0' && *line <= '9')
                total += strtod(line, NULL);
            else
                count_word(line, n);
            line += n + 1;
        }
        line = end + 1;
    }
}

static void step(void)
{
    write_text();
    read_text();
}

static double checksum(void)
{
    double sum = total;
    for (int w = 0; w < 8; w++)
        sum += counts[w] * w;
    return sum;
}

KERNEL(30)
