/* The ways in which a program ends; argv[1] chooses. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void handler(void)
{
    puts("at exit");
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    atexit(handler);
    printf("%s\n", how);
    if (strcmp(how, "return") == 0)
        return 7;
    if (strcmp(how, "exit") == 0)
        exit(42);
    if (strcmp(how, "exit255") == 0)
        exit(255);
    if (strcmp(how, "exit256") == 0) /* the host's exit code has 8 bits */
        exit(256);
    fflush(stdout);
    if (strcmp(how, "_exit") == 0)
        _exit(3);
    if (strcmp(how, "abort") == 0)
        abort();
    if (strcmp(how, "assert") == 0)
        assert(argc == 99);
    return 0;
}
