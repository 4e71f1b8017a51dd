/* As programs of configurations do: what it found out is in a file. */
#include <stdio.h>

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "w") : NULL;
    return !file || fprintf(file, "%zu\n", sizeof(long)) < 0 || fclose(file);
}
