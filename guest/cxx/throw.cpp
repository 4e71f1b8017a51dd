// What `throw` does in a guest until exceptions are there: says what was thrown and aborts, so that the trap's report
// shows where. mpiwasm-c++ compiles with -fignore-exceptions: try blocks run, handlers never do.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <exception>
#include <typeinfo>

namespace __cxxabiv1 {
// The layout of the Itanium C++ ABI, 2.9.5: a class with one public base at offset 0. libc++abi keeps these to itself.
class __class_type_info : public std::type_info {
public:
    ~__class_type_info() override;
};
class __si_class_type_info : public __class_type_info {
public:
    ~__si_class_type_info() override;
    const __class_type_info *base;
};
} // namespace __cxxabiv1

// Whether the thrown object begins with a std::exception: followed through single inheritance, as all of the standard
// library's exceptions are made.
static bool is_exception(const std::type_info *type)
{
    while (*type != typeid(std::exception)) {
        if (typeid(*type) != typeid(__cxxabiv1::__si_class_type_info))
            return false;
        type = static_cast<const __cxxabiv1::__si_class_type_info *>(type)->base;
    }
    return true;
}

// Writes the name of a plain or nested class from its mangled form, [N] [St] (length name)... [E]; any other as it is.
// The library's demangler would add 150 KB to every program that can throw, which is nearly every one.
static void print_name(const char *mangled)
{
    const char *at = mangled + (*mangled == 'N');
    char text[256];
    size_t used = 0;
    auto put = [&](const char *part, size_t length) {
        if (used + length + 3 > sizeof text)
            return false;
        if (used)
            used += std::snprintf(text + used, sizeof text - used, "::");
        used += std::snprintf(text + used, sizeof text - used, "%.*s", (int)length, part);
        return true;
    };
    bool plain = true;
    if (at[0] == 'S' && at[1] == 't') {
        plain = put("std", 3);
        at += 2;
    }
    while (plain && *at >= '1' && *at <= '9') {
        char *name;
        size_t length = std::strtoul(at, &name, 10);
        plain = length <= std::strlen(name) && put(name, length);
        at = name + length;
    }
    plain = plain && used && !std::strcmp(at, *mangled == 'N' ? "E" : "");
    std::fputs(plain ? text : mangled, stderr);
}

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

void __cxa_throw(void *object, std::type_info *type, void *(*)(void *))
{
    std::fflush(nullptr);
    std::fputs("exception of type ", stderr);
    print_name(type->name());
    std::fputs(" thrown", stderr);
    if (is_exception(type))
        std::fprintf(stderr, ": %s", static_cast<std::exception *>(object)->what());
    std::fputs("\n(guests of mpiwasm have no C++ exceptions yet: a throw ends the program)\n", stderr);
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
