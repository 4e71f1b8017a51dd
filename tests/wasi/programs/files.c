/* POSIX files: everything beneath one directory, argv[1]. */
#include "check.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char *show_text(int fd)
{
    static char text[256];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n < 0 ? 0 : n] = 0;
    return text;
}

static void show_stat(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0) {
        printf("lstat %s: %s\n", path, errno_name(errno));
        return;
    }
    printf("%s: %s %lld bytes %d links\n", path,
           S_ISREG(st.st_mode) ? "file" : S_ISDIR(st.st_mode) ? "directory" : S_ISLNK(st.st_mode) ? "link" : "other",
           S_ISREG(st.st_mode) ? (long long)st.st_size : 0, S_ISREG(st.st_mode) ? (int)st.st_nlink : 0);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    (void)argc;
    /* All paths are relative to the directory's descriptor or built from its name. */
    char path[512];
#define IN(name) (snprintf(path, sizeof path, "%s/%s", argv[1], name), path)
    int dir = open(argv[1], O_RDONLY | O_DIRECTORY);
    SHOW_OK(dir >= 0, (void)0);

    int fd = openat(dir, "a", O_RDWR | O_CREAT | O_EXCL, 0644);
    SHOW_OK(fd >= 0, (void)0);
    SHOW(openat(dir, "a", O_RDWR | O_CREAT | O_EXCL, 0644));
    SHOW(write(fd, "hello, world", 12));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(lseek(fd, -5, SEEK_END));
    char buffer[16] = "";
    SHOW(read(fd, buffer, sizeof buffer));
    puts(buffer);
    SHOW(lseek(fd, -1, SEEK_SET));
    SHOW(lseek(fd, 100, SEEK_SET));
    SHOW(read(fd, buffer, sizeof buffer));
    SHOW(pwrite(fd, "HELLO", 5, 0));
    puts(show_text(fd));
    struct iovec iov[3] = {{"one", 3}, {NULL, 0}, {" two", 4}};
    lseek(fd, 0, SEEK_SET);
    SHOW(writev(fd, iov, 3));
    puts(show_text(fd));
    SHOW(ftruncate(fd, 5));
    puts(show_text(fd));
    SHOW(ftruncate(fd, 20));
    show_stat(IN("a"));
    SHOW(ftruncate(fd, -1));
    SHOW(fsync(fd));
    SHOW(fdatasync(fd));
    SHOW(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    SHOW(close(fd));
    SHOW(close(fd));

    fd = openat(dir, "a", O_WRONLY | O_APPEND);
    SHOW(write(fd, "end", 3));
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(write(fd, "END", 3));
    SHOW(read(fd, buffer, 1));
    SHOW(fcntl(fd, F_GETFL) & (O_APPEND | O_ACCMODE) ? 1 : 0);
    close(fd);
    show_stat(IN("a"));
    fd = openat(dir, "a", O_RDONLY);
    SHOW(write(fd, "x", 1));
    SHOW(ftruncate(fd, 0) == -1);
    close(fd);
    fd = openat(dir, "a", O_WRONLY | O_TRUNC);
    close(fd);
    show_stat(IN("a"));

    SHOW(mkdirat(dir, "d", 0755));
    SHOW(mkdirat(dir, "d", 0755));
    SHOW(mkdirat(dir, "none/d", 0755));
    SHOW(renameat(dir, "a", dir, "d/b"));
    show_stat(IN("d/b"));
    SHOW(unlinkat(dir, "d", AT_REMOVEDIR));
    SHOW(unlinkat(dir, "d", 0) == -1);
    SHOW(linkat(dir, "d/b", dir, "c", 0));
    show_stat(IN("c"));
    SHOW(symlinkat("d/b", dir, "s"));
    show_stat(IN("s"));
    memset(buffer, 0, sizeof buffer);
    SHOW(readlinkat(dir, "s", buffer, sizeof buffer));
    puts(buffer);
    SHOW(readlinkat(dir, "c", buffer, sizeof buffer));
    fd = openat(dir, "s", O_WRONLY);
    SHOW(write(fd, "through", 7));
    close(fd);
    show_stat(IN("d/b"));
    SHOW(openat(dir, "s", O_RDONLY | O_NOFOLLOW));
    SHOW(openat(dir, "s/x", O_RDONLY));
    SHOW(openat(dir, "none", O_RDONLY));
    SHOW(openat(dir, "c", O_RDONLY | O_DIRECTORY));
    SHOW(openat(dir, "d", O_WRONLY));
    SHOW(openat(dir, "", O_RDONLY));
    SHOW(symlinkat("loop", dir, "loop"));
    SHOW(openat(dir, "loop", O_RDONLY));

    struct timespec times[2] = {{1000, 2000}, {3000, 4000}};
    SHOW(utimensat(dir, "c", times, 0));
    struct stat st;
    SHOW(fstatat(dir, "c", &st, 0));
    printf("%lld.%ld %lld.%ld\n", (long long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long long)st.st_mtim.tv_sec,
           st.st_mtim.tv_nsec);
    SHOW(faccessat(dir, "c", R_OK | W_OK, 0));
    SHOW(faccessat(dir, "none", F_OK, 0));
    SHOW(unlinkat(dir, "c", 0));
    SHOW(unlinkat(dir, "c", 0));
    SHOW(rename(IN("d/b"), argv[1]) == -1);
    char name[400];
    memset(name, 'n', sizeof name - 1);
    name[399] = 0;
    SHOW(openat(dir, name, O_WRONLY | O_CREAT, 0644));
    SHOW(lseek(dir, 0, SEEK_SET) >= -1);
    SHOW(read(dir, buffer, 1));
    SHOW(write(dir, buffer, 1));
    SHOW(close(dir));
    SHOW(chdir(argv[1]));
    SHOW(access("d/b", R_OK));
    return 0;
}
