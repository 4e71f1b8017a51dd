// C++ exceptions (Itanium C++ ABI, 2) over WebAssembly's: what clang's code calls with -fwasm-exceptions, for programs
// that are linked with -fexceptions. The library's own parts that clang compiled without exceptions still abort where
// they would throw.
//
// A throw carries the address of the header below, which lies before the object. Where it lands, clang's code asks
// _Unwind_CallPersonality which handler takes it, and hands the address to __cxa_begin_catch or throws it on.
#include "thrown.h"

#include <cstddef>
#include <cstdint>

// The tag of all C++ exceptions.
__asm__(".globl __cpp_exception\n"
        ".tagtype __cpp_exception i32\n"
        "__cpp_exception:\n");

namespace __cxxabiv1 {
// libc++abi's type_infos answer whether a handler of the type takes an object, and adjust the object's address.
class __shim_type_info : public std::type_info {
public:
    ~__shim_type_info() override;
    virtual void noop1() const;
    virtual void noop2() const;
    virtual bool can_catch(const __shim_type_info *thrown, void *&object) const = 0;
};

// Before each object that is thrown.
struct alignas(16) __cxa_exception {
    __cxa_exception *primary; // of another throw of the same object (std::rethrow_exception): where that is; else null
    std::type_info *type;
    void *(*destructor)(void *);
    unsigned references; // of the object: throws of it, and std::exception_ptrs, of any thread
    int handlers;        // that are open; negative while the exception is on its way out of one by `throw;`
    __cxa_exception *next; // of those that are being handled, the innermost first
    void *adjusted;        // the object as the handler sees it
};
} // namespace __cxxabiv1
using __cxxabiv1::__shim_type_info;
using header = __cxxabiv1::__cxa_exception;

namespace {

thread_local header *caught;
thread_local unsigned uncaught;
thread_local header *latest; // that was thrown

header *header_of(void *object)
{
    return static_cast<header *>(object) - 1;
}

void *object_of(header *h)
{
    return (h->primary ? h->primary : h) + 1;
}

[[noreturn]] void start(header *h)
{
    uncaught++;
    latest = h;
    __builtin_wasm_throw(0, h);
}

void release(header *h)
{
    if (__atomic_sub_fetch(&h->references, 1, __ATOMIC_ACQ_REL))
        return;
    if (h->destructor)
        h->destructor(h + 1);
    std::free(h);
}

// The last handler is left.
void finish(header *h)
{
    if (h->primary) {
        release(h->primary);
        std::free(h);
    } else {
        release(h);
    }
}

} // namespace

// ---- Which handler takes an exception -----------------------------------------------------------------------------

extern "C" {
// Shared with the code that clang makes: landing pad and table in, number of the type that caught it out.
struct {
    std::uintptr_t landing_pad;
    const std::uint8_t *table;
    std::uintptr_t selector;
} __wasm_lpad_context;
}

namespace {

std::uint32_t read_unsigned(const std::uint8_t *&p)
{
    std::uint32_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        std::uint8_t byte = *p++;
        value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
}

std::int32_t read_signed(const std::uint8_t *&p)
{
    const std::uint8_t *begin = p;
    std::uint32_t value = read_unsigned(p);
    unsigned bits = 7 * static_cast<unsigned>(p - begin);
    return bits < 32 && p[-1] & 0x40 ? static_cast<std::int32_t>(value | ~0u << bits) : static_cast<std::int32_t>(value);
}

// The table of a function (Itanium C++ ABI, "Exception Handling Tables"), as clang writes it for WebAssembly: an entry
// of the call-site table per landing pad, and addresses of type_infos, which end at `types`, the first one last.
struct table {
    const std::uint8_t *types, *sites, *actions;

    explicit table(const std::uint8_t *p)
    {
        enum { OMITTED = 0xff };
        if (*p++ != OMITTED)
            read_unsigned(p);
        types = nullptr;
        if (*p++ != OMITTED) {
            std::uint32_t size = read_unsigned(p);
            types = p + size;
        }
        p++; // the encoding of call sites: LEB128
        std::uint32_t size = read_unsigned(p);
        sites = p;
        actions = p + size;
    }

    const std::type_info *type(std::uint32_t number) const
    {
        const std::type_info *type;
        std::memcpy(&type, types - number * sizeof type, sizeof type);
        return type;
    }
};

// A handler for `type`, null for `...`.
bool takes(const std::type_info *type, header *h, void *&object)
{
    object = object_of(h);
    return !type || static_cast<const __shim_type_info *>(type)->can_catch(
                        static_cast<const __shim_type_info *>(h->type), object);
}

// A dynamic exception specification: types that may pass, numbers behind the type_infos, up to a 0.
bool may_pass(const table &t, std::int32_t filter, header *h)
{
    void *ignored;
    const std::uint8_t *p = t.types - filter - 1;
    while (std::uint32_t number = read_unsigned(p))
        if (takes(t.type(number), h, ignored))
            return true;
    return false;
}

} // namespace

extern "C" {

int _Unwind_CallPersonality(void *thrown)
{
    header *h = static_cast<header *>(thrown);
    const table t(__wasm_lpad_context.table);
    const std::uint8_t *site = t.sites;
    __wasm_lpad_context.selector = 0;
    for (std::uintptr_t i = 0; i < __wasm_lpad_context.landing_pad; i++) {
        read_unsigned(site);
        read_unsigned(site);
    }
    read_unsigned(site); // the landing pad's number
    std::uint32_t action = read_unsigned(site);
    if (!action)
        return 0;
    for (const std::uint8_t *p = t.actions + action - 1;;) {
        std::int32_t number = read_signed(p);
        const std::uint8_t *from = p;
        std::int32_t next = read_signed(p);
        void *object;
        if (number > 0 ? takes(t.type(number), h, object) : number < 0 && !may_pass(t, number, h)) {
            h->adjusted = number > 0 ? object : object_of(h);
            __wasm_lpad_context.selector = static_cast<std::uintptr_t>(number);
            return 0;
        }
        if (!next)
            return 0;
        p = from + next;
    }
}

// ---- Throwing --------------------------------------------------------------------------------------------------------

void *__cxa_allocate_exception(std::size_t size) noexcept
{
    void *memory = size < SIZE_MAX - sizeof(header) ? std::aligned_alloc(16, (sizeof(header) + size + 15) & ~15u) : nullptr;
    if (!memory) {
        std::fputs("no memory for a C++ exception\n", stderr);
        std::abort();
    }
    std::memset(memory, 0, sizeof(header));
    return static_cast<header *>(memory) + 1;
}

void __cxa_free_exception(void *object) noexcept
{
    std::free(header_of(object));
}

header *__cxa_init_primary_exception(void *object, std::type_info *type, void *(*destructor)(void *)) noexcept
{
    header *h = header_of(object);
    h->type = type;
    h->destructor = destructor;
    return h;
}

void __cxa_throw(void *object, std::type_info *type, void *(*destructor)(void *))
{
    __cxa_init_primary_exception(object, type, destructor);
    header_of(object)->references = 1;
    start(header_of(object));
}

void __cxa_rethrow()
{
    header *h = caught;
    if (!h)
        std::terminate();
    h->handlers = -h->handlers;
    start(h);
}

// ---- Catching --------------------------------------------------------------------------------------------------------

void *__cxa_get_exception_ptr(void *thrown) noexcept
{
    return static_cast<header *>(thrown)->adjusted;
}

void *__cxa_begin_catch(void *thrown) noexcept
{
    header *h = static_cast<header *>(thrown);
    if (h->handlers < 0) { // thrown again by its handler: it is still in the list
        h->handlers = -h->handlers + 1;
    } else if (h->handlers++ == 0) {
        h->next = caught;
        caught = h;
    }
    uncaught--;
    return h->adjusted;
}

void __cxa_end_catch()
{
    header *h = caught;
    if (!h)
        return;
    if (h->handlers < 0) { // on its way to the next handler
        if (++h->handlers == 0)
            caught = h->next;
    } else if (--h->handlers == 0) {
        caught = h->next;
        finish(h);
    }
}

// ---- What the library asks for --------------------------------------------------------------------------------------------

std::type_info *__cxa_current_exception_type()
{
    return caught ? caught->type : nullptr;
}

unsigned __cxa_uncaught_exceptions() noexcept
{
    return uncaught;
}

bool __cxa_uncaught_exception() noexcept
{
    return uncaught > 0;
}

void __cxa_increment_exception_refcount(void *object) noexcept
{
    if (object)
        __atomic_add_fetch(&header_of(object)->references, 1, __ATOMIC_RELAXED);
}

void __cxa_decrement_exception_refcount(void *object) noexcept
{
    if (object)
        release(header_of(object));
}

void *__cxa_current_primary_exception() noexcept
{
    if (!caught)
        return nullptr;
    void *object = object_of(caught);
    __cxa_increment_exception_refcount(object);
    return object;
}

void __cxa_rethrow_primary_exception(void *object)
{
    if (!object)
        return;
    header *primary = header_of(object);
    header *again = header_of(__cxa_allocate_exception(0));
    again->primary = primary;
    again->type = primary->type;
    __atomic_add_fetch(&primary->references, 1, __ATOMIC_RELAXED);
    start(again);
}

// ---- Nobody catches it -------------------------------------------------------------------------------------------------

int __real___main_void();

// Says what was thrown; mpiwasm says where. A destructor and no handler: what a cleanup passes on is still the
// exception that was thrown there, while `throw;` throws another.
int __wrap___main_void()
{
    struct report {
        ~report()
        {
            if (!uncaught)
                return;
            print_thrown(latest->type, object_of(latest));
            std::fputs("\n", stderr);
        }
    } report;
    return __real___main_void();
}

} // extern "C"
