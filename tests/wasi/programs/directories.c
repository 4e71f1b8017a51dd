/* Reading directories: all entries once, positions, rewinding. */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    enum { N = 400 };
    static char names[N + 8][80], path[512];
    for (int i = 0; i < N; i++) {
        /* Names of different lengths cut the buffers at different places. */
        snprintf(path, sizeof path, "%s/%0*d", argv[1], 3 + i % 60, i);
        if (i % 50 == 0)
            mkdir(path, 0755);
        else
            close(open(path, O_WRONLY | O_CREAT, 0644));
    }
    DIR *dir = opendir(argv[1]);
    int n = 0, directories = 0;
    struct dirent *entry;
    while ((entry = readdir(dir)) && n < N + 8) {
        if (entry->d_type == DT_DIR)
            directories++;
        snprintf(names[n++], sizeof names[0], "%s", entry->d_name);
    }
    qsort(names, n, sizeof names[0], compare);
    printf("%d entries, %d directories\n", n, directories);
    for (int i = 0; i < n; i++)
        puts(names[i]);
    rewinddir(dir);
    int again = 0;
    while (readdir(dir))
        again++;
    SHOW(again);
    rewinddir(dir);
    for (int i = 0; i < 123; i++)
        readdir(dir);
    long position = telldir(dir);
    char name[80];
    snprintf(name, sizeof name, "%s", readdir(dir)->d_name);
    for (int i = 0; i < 200; i++)
        readdir(dir);
    seekdir(dir, position);
    SHOW(strcmp(name, readdir(dir)->d_name));
    SHOW(closedir(dir));
    snprintf(path, sizeof path, "%s/none", argv[1]);
    SHOW_OK(opendir(path) != NULL, (void)0);
    snprintf(path, sizeof path, "%s/0001", argv[1]);
    SHOW_OK(opendir(path) != NULL, (void)0);
    return 0;
}
