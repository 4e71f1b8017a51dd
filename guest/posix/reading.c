/* Reading files through stdio. wasi-libc fills its buffer of 1 KB with each read, also with one that does not need it: two
 * pieces for the kernel, and from then on no read that begins at a page. Reads of a buffer's size and more go to where the
 * program wants them, as in other C libraries.
 * Linked with --wrap=__stdio_read, the function behind a FILE; it is called when nothing is left in its buffer. */
#include <stdio.h>
#include <unistd.h>

size_t __real___stdio_read(FILE *file, unsigned char *to, size_t length);

size_t __wrap___stdio_read(FILE *file, unsigned char *to, size_t length)
{
    if (length >= BUFSIZ) {
        ssize_t n = read(fileno(file), to, length);
        if (n > 0)
            return (size_t)n;
    }
    /* It finds the end or the error once more, and says so in the FILE. */
    return __real___stdio_read(file, to, length);
}
