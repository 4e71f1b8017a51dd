/* Offsets beyond 4 GiB, in a file with holes. */
#define _FILE_OFFSET_BITS 64
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    char path[512];
    snprintf(path, sizeof path, "%s/large", argv[1]);
    const off_t far = ((off_t)5 << 30) + 3;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    SHOW(sizeof(off_t));
    SHOW(lseek(fd, far, SEEK_SET));
    SHOW(write(fd, "far", 3));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(pwrite(fd, "farther", 7, far + ((off_t)1 << 32)));
    struct stat st;
    fstat(fd, &st);
    SHOW(st.st_size);
    char text[8] = "";
    SHOW(pread(fd, text, 3, far));
    puts(text);
    SHOW(pread(fd, text, 3, 100));
    SHOW(text[0]);
    SHOW(ftruncate(fd, (off_t)6 << 30));
    SHOW(lseek(fd, 0, SEEK_END));
    SHOW(close(fd));
    FILE *f = fopen(path, "r+");
    SHOW(fseeko(f, far + 1, SEEK_SET));
    SHOW(fgetc(f));
    SHOW(ftello(f));
    SHOW(fseeko(f, -10, SEEK_END));
    SHOW(ftello(f));
    fclose(f);
    SHOW(unlink(path));
    return 0;
}
