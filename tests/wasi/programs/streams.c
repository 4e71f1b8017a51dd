/* Standard streams: formatted input and output, buffering, end of file. */
#include "check.h"
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    char word[32], line[128];
    int i, n;
    double d;
    n = scanf("%d %lf %31s", &i, &d, word);
    printf("%d: %d %.17g %s\n", n, i, d, word);
    printf("%5d|%-8s|%08.3f|%x|%#o|%e|%c|%%|%p\n", 42, "left", 3.14159, 255u, 8u, 12345.678, 'c', (void *)0x10);
    printf("%lld %llu %zu %hhd\n", -9223372036854775807ll, 18446744073709551615ull, sizeof(double), (signed char)-5);
    printf("%g %g %g %a\n", 1e100, 1.0 / 3, -0.0, 0.1);
    fgets(line, sizeof line, stdin);
    while (fgets(line, sizeof line, stdin))
        printf("[%.*s] %zu\n", (int)strcspn(line, "\n"), line, strlen(line));
    printf("eof %d error %d\n", !!feof(stdin), !!ferror(stdin));
    SHOW(getchar());
    clearerr(stdin);
    SHOW(getchar());
    fprintf(stderr, "to standard error\n");
    /* Raw and buffered output keep their order when flushed. */
    fputs("buffered ", stdout);
    fflush(stdout);
    if (write(1, "raw\n", 4) != 4)
        return 1;
    for (i = 0; i < 5000; i++)
        printf("%d ", i);
    putchar('\n');
    SHOW(isatty(0));
    SHOW(isatty(1));
    fflush(stdout);
    SHOW(write(0, "x", 1));
    SHOW(close(0));
    SHOW(read(0, line, 1));
    return 0;
}
