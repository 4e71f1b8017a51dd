// What to say of an exception that ends the program.
#ifndef MPIWASM_GUEST_THROWN_H
#define MPIWASM_GUEST_THROWN_H

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

// "exception of type T thrown: what it says", without a line end.
static void print_thrown(const std::type_info *type, const void *object)
{
    std::fflush(nullptr);
    std::fputs("exception of type ", stderr);
    print_name(type->name());
    std::fputs(" thrown", stderr);
    if (is_exception(type))
        std::fprintf(stderr, ": %s", static_cast<const std::exception *>(object)->what());
}

#endif
