/* glibc's traps on floating-point exceptions, which WebAssembly has none of: asking for one fails. */
#include <fenv.h>

int feenableexcept(int exceptions)
{
    return exceptions ? -1 : 0;
}

int fedisableexcept(int exceptions)
{
    (void)exceptions;
    return 0;
}

int fegetexcept(void)
{
    return 0;
}
