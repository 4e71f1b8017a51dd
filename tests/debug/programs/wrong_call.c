/* Calls function pointers, of which one is a function of another type, one null, and one no function. */
#include <stdint.h>
#include <stdlib.h>

typedef int function(int);

static int twice(int n)
{
    return 2 * n;
}

static int thrice(int n)
{
    return 3 * n;
}

static double half(double x)
{
    return x / 2;
}

static double (*const volatile other)(double) = half;

__attribute__((noinline)) static int apply(function *volatile *functions, int which)
{
    function *f = functions[which];
    return f(which) + 1; // call
}

int main(int argc, char **argv)
{
    function *volatile functions[] = {twice, thrice, (function *)(intptr_t)other, NULL, (function *)(intptr_t)100000};
    int sum = apply(functions, 0) + apply(functions, 1) - 5;
    return sum + apply(functions, argc > 1 ? atoi(argv[1]) : 0); // main
}
