/* What a guest sees of what it was not given. Only for guests: natively all this would work. */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void attempt(const char *path)
{
    struct stat st;
    errno = 0;
    int opened = open(path, O_RDONLY);
    printf("%s: open %s", path, opened >= 0 ? "ok" : errno_name(errno));
    errno = 0;
    printf(", stat %s", stat(path, &st) == 0 ? "ok" : errno_name(errno));
    errno = 0;
    opened = open(path, O_WRONLY | O_CREAT, 0644);
    printf(", create %s\n", opened >= 0 ? "ok" : errno_name(errno));
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        attempt(argv[i]);
    SHOW(getenv("HOME") != NULL);
    SHOW(getenv("PATH") != NULL);
    return 0;
}
