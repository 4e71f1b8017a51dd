/* copies FROM TO: a file of the source tree to the build tree, by absolute paths; the source tree cannot be written to. */
#include <stdio.h>

int main(int argc, char **argv)
{
    FILE *from = argc == 3 ? fopen(argv[1], "r") : NULL, *to = from ? fopen(argv[2], "w") : NULL;
    if (!to || fopen(argv[1], "r+"))
        return 1;
    for (int c; (c = getc(from)) != EOF;)
        putc(c, to);
    return fclose(from) || fclose(to);
}
