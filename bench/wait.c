/* Waits until standard input ends: something to look at while it runs. */
#include <stdio.h>

int main(void)
{
    puts("waiting");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
