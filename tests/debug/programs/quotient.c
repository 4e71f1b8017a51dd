// A small function that clang leaves alone and the compiler inlines, called in a function that clang inlines.
#include <stdlib.h>

__attribute__((noinline)) static int quotient(int a, int b)
{
    return a / b; // quotient
}

static inline int sum(int from, int to)
{
    int s = 0;
    for (int i = from; i >= to; i--)
        s += quotient(100, i); // sum
    return s;
}

__attribute__((noinline)) static int work(int to)
{
    return sum(5, to) + sum(2, 1); // work
}

int main(int argc, char **argv)
{
    int to = argc > 1 ? atoi(argv[1]) : 1;
    return work(to) != 378; // main
}
