"""setjmp and longjmp in C, exceptions in C++ (mpiwasm-c++ -fexceptions), and how both end at frames of the host."""
import unittest

from toolchain import CC, CXX, MPIWASM, Toolchain

JUMPS = r"""
#include <setjmp.h>
#include <stdio.h>

static jmp_buf outer, inner;

static void deep(int n)
{
    if (n == 0)
        longjmp(outer, 0);
    deep(n - 1);
    printf("not reached\n");
}

/* A setjmp that is not the one that is jumped to lets the jump pass. */
static void both(int which)
{
    if (setjmp(inner) == 0)
        longjmp(which ? outer : inner, 5);
    printf("inner\n");
}

int main(void)
{
    volatile int kept = 1, loops = 0;
    int result = setjmp(outer);
    printf("%d %d\n", result, kept);
    if (result == 0) {
        kept = 2;
        deep(1000);
    }
    if (result == 1) {
        kept = 3;
        both(0);
        both(1);
    }
    sigjmp_buf again;
    result = sigsetjmp(again, 1);
    if (++loops < 10000)
        siglongjmp(again, loops);
    printf("%d %d\n", result, loops);
    return 0;
}
"""

HANDLERS = r"""
#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

static int alive, checks, failed;
#define CHECK(x) (checks++, (x) ? 0 : (failed++, printf("line %d: %s\n", __LINE__, #x)))

struct left { virtual ~left() {} int l = 1; };
struct right { virtual ~right() {} int r = 2; };
struct both : left, right { int b = 3; };
struct shared_base { virtual ~shared_base() {} int s = 4; };
struct one : virtual shared_base {};
struct two : virtual shared_base {};
struct diamond : one, two {};
struct hidden : private right {};
struct counted {
    int id;
    counted(int i = 0) : id(i) { alive++; }
    counted(const counted &c) : id(c.id) { alive++; }
    ~counted() { alive--; }
};
struct half_made {
    counted a, b;
    half_made() : a(1), b(2) { throw 5; }
};

static int deep(int n)
{
    counted c(n);
    if (n == 0)
        throw both();
    return deep(n - 1) + c.id;
}

static int fails_in_initializer() try { throw 'x'; } catch (char c) { return c; }

struct watches {
    int &seen;
    ~watches() { seen = std::uncaught_exceptions(); }
};

int main()
{
    try { throw 42; } catch (long) { CHECK(0); } catch (int i) { CHECK(i == 42); }
    try { throw &checks; } catch (const int *p) { CHECK(p == &checks); }
    try { throw (both *)nullptr; } catch (right *p) { CHECK(p == nullptr); }
    both object;
    try { throw &object; } catch (right *p) { CHECK(p == &object && p->r == 2); }
    try { deep(1000); } catch (right &r) { CHECK(r.r == 2 && dynamic_cast<both &>(r).b == 3); }
    CHECK(alive == 0);
    try { throw diamond(); } catch (shared_base &s) { CHECK(s.s == 4); }
    try { throw hidden(); } catch (right &) { CHECK(0); } catch (...) { checks++; }
    try { half_made(); } catch (int i) { CHECK(i == 5); }
    CHECK(alive == 0);
    CHECK(fails_in_initializer() == 'x');
    try {
        try { throw counted(7); } catch (counted &c) { c.id = 8; throw; }
    } catch (counted &c) { CHECK(c.id == 8); }
    CHECK(alive == 0);
    try {
        try { throw 1; } catch (int) {
            counted c;
            try { throw std::string("inner"); } catch (std::string &s) { CHECK(s == "inner"); }
            try { throw; } catch (int again) { CHECK(again == 1); }
            throw 2.5;
        }
    } catch (double d) { CHECK(d == 2.5); }
    CHECK(alive == 0);
    int during = -1, after = -1;
    try { watches w{during}; throw 1; } catch (int) { watches w{after}; }
    CHECK(during == 1 && after == 0 && std::uncaught_exceptions() == 0);

    std::exception_ptr kept;
    try { throw std::out_of_range("kept"); } catch (...) { kept = std::current_exception(); }
    for (int i = 0; i < 2; i++)
        try { std::rethrow_exception(kept); } catch (std::logic_error &e) { CHECK(!std::string("kept").compare(e.what())); }
    try { std::rethrow_exception(std::make_exception_ptr(counted(3))); } catch (counted &c) { CHECK(c.id == 3); }
    kept = nullptr;
    CHECK(alive == 0);
    try {
        try { throw std::runtime_error("cause"); } catch (...) { std::throw_with_nested(std::logic_error("effect")); }
    } catch (std::logic_error &e) {
        try { std::rethrow_if_nested(e); CHECK(0); } catch (std::runtime_error &cause) { CHECK(!std::string("cause").compare(cause.what())); }
    }
    std::vector<int> v(100);
    try { v.at(100) = 1; CHECK(0); } catch (std::out_of_range &) { checks++; }
    for (int i = 0; i < 100; i++)
        v[i] = i * 37 % 101;
    try {
        std::sort(v.begin(), v.end(), [](int a, int b) { if (a == 77 || b == 77) throw "compare"; return a < b; });
        CHECK(0);
    } catch (const char *s) { CHECK(!std::string("compare").compare(s)); }
    int sum = 0;
    for (int i = 0; i < 100000; i++)
        try { if (i % 2) throw i; sum++; } catch (int n) { sum += n & 1; }
    CHECK(sum == 100000);
    printf("%d checks, %d failed\n", checks, failed);
    return failed != 0;
}
"""

UNCAUGHT = r"""
#include <cstdio>
#include <stdexcept>
#include <vector>
namespace mine { struct trouble {}; }
struct cleans { ~cleans() { puts("cleaned"); } };
static void __attribute__((noinline)) thrower(int argc)
{
    if (argc == 1)
        throw std::runtime_error("no arguments");
    if (argc == 2)
        throw mine::trouble();
    std::vector<int>(1).at(argc) = 0;
}
int main(int argc, char **)
{
    cleans c;
    thrower(argc);
}
"""

CALLBACK = r"""
#include <mpi.h>
#include <cstdio>
#include <stdexcept>
static void op(void *, void *inout, int *, MPI_Datatype *)
{
    try {
        throw std::runtime_error("inside");
    } catch (std::runtime_error &) {
        *(int *)inout = 77;
    }
    if (LETS_IT_OUT)
        throw std::runtime_error("let out");
}
int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Op mine;
    MPI_Op_create(op, 1, &mine);
    int value = 1, sum = 0;
    try {
        MPI_Reduce_local(&value, &sum, 1, MPI_INT, mine);
        printf("%d\n", sum);
    } catch (...) {
        puts("caught across the host");
    }
    MPI_Finalize();
    return 0;
}
"""


class Jumps(Toolchain):
    def test_setjmp(self):
        for options in (["-O0"], ["-O2"], ["-O2", "-flto"]):
            with self.subTest(options=options):
                module = self.link(JUMPS, "-Wall", "-Wextra", "-Werror", *options)
                self.assertEqual(self.run_ok(MPIWASM, module), "0 1\n1 2\ninner\n5 3\n9999 10000\n")

    def test_setjmp_in_cxx(self):
        for options in ([], ["-fexceptions"]):
            with self.subTest(options=options):
                module = self.link(JUMPS, "-O2", *options, compiler=CXX, name="main.cpp")
                self.assertEqual(self.run_ok(MPIWASM, module), "0 1\n1 2\ninner\n5 3\n9999 10000\n")

    def test_jump_to_a_function_that_has_returned(self):
        module = self.link("#include <setjmp.h>\nstatic jmp_buf env;\n__attribute__((noinline)) static int f(void) "
                           "{ return setjmp(env); }\nint main(void) { f(); longjmp(env, 1); }", "-O1")
        result = self.run_fails(MPIWASM, module, expect="trap: unhandled exception")
        self.assertEqual(result.returncode, 134)

    def test_other_code_stays_as_it_is(self):
        text = "#include <stdio.h>\nint main(void) { printf(\"%d\\n\", 3); return 0; }"
        module = self.link(text, "-O2")
        self.assertNotRegex(self.run_ok(MPIWASM, "inspect", module), "exception-handling")


class Exceptions(Toolchain):
    def test_handlers(self):
        for options in (["-O0"], ["-O2"], ["-O2", "-flto"]):
            with self.subTest(options=options):
                module = self.link(HANDLERS, "-fexceptions", *options, compiler=CXX, name="main.cpp")
                self.assertRegex(self.run_ok(MPIWASM, module), r"^\d\d checks, 0 failed\n$")

    def test_uncaught(self):
        module = self.link(UNCAUGHT, "-O1", "-fexceptions", compiler=CXX, name="main.cpp")
        for arguments, message in (([], "std::runtime_error thrown: no arguments"), (["a"], "mine::trouble thrown"),
                                   (["a", "b"], "std::out_of_range thrown: vector")):
            result = self.run_fails(MPIWASM, module, *arguments, expect="exception of type " + message)
            self.assertEqual((result.returncode, result.stdout), (134, "cleaned\n"))
            # Where it was thrown, although handlers on the way threw it on.
            self.assertRegex(result.stderr, r"(?s)trap: unhandled exception.*thrower.*main")

    def test_noexcept(self):
        module = self.link("static void f() noexcept { throw 1; }\nint main() { try { f(); } catch (...) { return 0; } }",
                           "-O0", "-fexceptions", "-Wno-exceptions", compiler=CXX, name="main.cpp")
        self.assertEqual(self.run_fails(MPIWASM, module, expect="trap: unreachable").returncode, 134)

    def test_callbacks(self):
        for lets_it_out in (0, 1):
            module = self.link(CALLBACK, "-O1", "-fexceptions", f"-DLETS_IT_OUT={lets_it_out}", compiler=CXX,
                               name="main.cpp")
            for host in ("openmpi", "mpich"):
                with self.subTest(lets_it_out=lets_it_out, host=host):
                    command = (f"mpirun.{host}", "-np", "1", MPIWASM, module)
                    if not lets_it_out:
                        self.assertEqual(self.run_ok(*command, quiet=False), "77\n")
                        continue
                    result = self.run_fails(*command, expect="unhandled exception")
                    self.assertNotIn("caught across the host", result.stdout)


if __name__ == "__main__":
    unittest.main()
