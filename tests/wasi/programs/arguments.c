/* Arguments and environment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
    printf("argc %d, argv[argc] %s\n", argc, argv[argc] ? "set" : "null");
    for (int i = 1; i < argc; i++)
        printf("%d: [%s] %zu\n", i, argv[i], strlen(argv[i]));
    size_t n = 0;
    while (environ && environ[n])
        n++;
    qsort(environ, n, sizeof *environ, compare);
    for (size_t i = 0; i < n; i++)
        printf("%s\n", environ[i]);
    printf("getenv: %s\n", getenv("NAME") ? getenv("NAME") : "(none)");
    setenv("NEW", "value", 1);
    unsetenv("NAME");
    printf("%s %s\n", getenv("NEW"), getenv("NAME") ? "set" : "unset");
    return 0;
}
