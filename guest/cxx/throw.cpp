// What `throw` does in a program that is linked without -fexceptions: says what was thrown and aborts, so that the trap's
// report shows where. mpiwasm-c++ then compiles with -fignore-exceptions: try blocks run, handlers never do.
#include "thrown.h"

extern "C" {

void *__cxa_allocate_exception(size_t size) noexcept
{
    void *object = std::malloc(size);
    if (!object)
        std::abort();
    return object;
}

void __cxa_free_exception(void *object) noexcept
{
    std::free(object);
}

// Of std::make_exception_ptr. Nothing can be done with such an exception but to forget it.
__cxxabiv1::__cxa_exception *__cxa_init_primary_exception(void *, std::type_info *, void *(*)(void *)) noexcept
{
    return nullptr;
}

void __cxa_throw(void *object, std::type_info *type, void *(*)(void *))
{
    print_thrown(type, object);
    std::fputs("\n(mpiwasm-c++ -fexceptions makes programs that catch exceptions; here a throw ends the program)\n", stderr);
    std::abort();
}

void __cxa_rethrow()
{
    std::terminate();
}

void *__cxa_begin_catch(void *object) noexcept
{
    return object;
}

void __cxa_end_catch()
{
}
}
