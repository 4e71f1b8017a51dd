/* What each of fopen's modes does to a file that exists and to one that does not. */
#include "check.h"
#include <stdlib.h>

static void try(const char *path, const char *mode, const char *content)
{
    remove(path);
    if (content) {
        FILE *f = fopen(path, "w");
        fputs(content, f);
        fclose(f);
    }
    printf("%-4s %-8s: ", mode, content ? content : "(none)");
    errno = 0;
    FILE *f = fopen(path, mode);
    if (!f) {
        printf("%s\n", errno_name(errno));
        return;
    }
    char text[32] = "";
    size_t n = fread(text, 1, 3, f);
    printf("read %zu [%s]%s, ", n, text, ferror(f) ? " error" : "");
    clearerr(f);
    fseek(f, 0, SEEK_CUR);
    n = fwrite("XY", 1, 2, f);
    int flushed = fflush(f);
    printf("wrote %zu%s, at %ld", n, flushed || ferror(f) ? " error" : "", ftell(f));
    fclose(f);
    f = fopen(path, "r");
    memset(text, 0, sizeof text);
    if (fread(text, 1, sizeof text - 1, f)) {}
    fclose(f);
    printf(" -> [%s]\n", text);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    char path[512], other[512];
    snprintf(path, sizeof path, "%s/file", argv[1]);
    snprintf(other, sizeof other, "%s/other", argv[1]);
    const char *modes[] = {"r", "w", "a", "r+", "w+", "a+", "rb", "wb", "ab", "r+b", "wx", "w+x"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        try(path, modes[i], "content");
        try(path, modes[i], NULL);
    }
    /* Positions, pushed back characters, lines, other buffers. */
    FILE *f = fopen(path, "w+");
    for (int i = 0; i < 1000; i++)
        fprintf(f, "line %d\n", i);
    rewind(f);
    char line[64];
    for (int i = 0; i < 500; i++)
        fgets(line, sizeof line, f);
    printf("%s", line);
    fpos_t position;
    fgetpos(f, &position);
    fseek(f, -9, SEEK_END);
    fgets(line, sizeof line, f);
    printf("%s", line);
    fsetpos(f, &position);
    ungetc('#', f);
    fgets(line, sizeof line, f);
    printf("%s", line);
    SHOW(fseek(f, -1, SEEK_SET));
    fclose(f);
    f = fopen(path, "r");
    setvbuf(f, NULL, _IONBF, 0);
    SHOW(fgetc(f));
    SHOW(ftell(f));
    f = freopen(other, "w", f);
    SHOW_OK(f != NULL, (void)0);
    fputs("other", f);
    fclose(f);
    SHOW(rename(other, path));
    f = fopen(path, "r");
    fgets(line, sizeof line, f);
    puts(line);
    fclose(f);
    SHOW(remove(path));
    SHOW(remove(path));
    SHOW_OK(fopen(argv[1], "w") != NULL, (void)0);
    return 0;
}
