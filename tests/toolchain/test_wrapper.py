"""mpiwasm-cc and mpiwasm-c++: every option, what they refuse, what they put into a module."""
import os
import shlex
import unittest

from toolchain import BIN, CC, CXX, HELLO, MPIWASM, Toolchain

LOOP = """
void scale(double *x, const double *y, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = 2 * y[i];
}
"""


class Options(Toolchain):
    def test_show_is_the_command_that_runs(self):
        self.write("main.c", HELLO)
        for option in ("-show", "-showme", "--showme"):
            shown = self.run_ok(CC, option, "-O2", "main.c", "-o", "a b.wasm", "-DTEXT='x y'")
            words = shlex.split(shown)
            self.assertIn("a b.wasm", words)
            self.assertIn("-DTEXT='x y'", words)
            self.run_ok(*words)
            self.assertTrue(os.path.exists(self.path("a b.wasm")))
            os.unlink(self.path("a b.wasm"))

    def test_shown_options_build_a_program_with_plain_clang(self):
        self.write("main.c", HELLO)
        compile_options = shlex.split(self.run_ok(CC, "-showme:compile"))
        link_options = shlex.split(self.run_ok(CC, "-showme:link"))
        self.run_ok("clang-22", *compile_options, "-c", "main.c", "-o", "main.o")
        self.run_ok("clang-22", "main.o", "-o", "main.wasm", *link_options)
        self.assertIn("malloc", self.exports("main.wasm"))

    def test_info(self):
        self.assertRegex(self.run_ok(CC, "-compile_info"), r"^clang-22 .*--sysroot=.* -c\n$")
        self.assertRegex(self.run_ok(CC, "-link_info"), r"^clang-22 .*-lmpi_abi ")
        self.assertRegex(self.run_ok(CXX, "-compile-info"), r"^clang-22 --driver-mode=g\+\+ .*-fignore-exceptions")
        self.assertEqual(self.run_ok(CC, "-showme:command"), "clang-22\n")
        self.assertEqual(self.run_ok(CC, "-showme:libs"), "mpi_abi\n")
        self.assertRegex(self.run_ok(CC, "-showme:version"), r"MPIWasm \d+\.\d+")
        self.assertTrue(os.path.exists(os.path.join(self.run_ok(CC, "-showme:incdirs").strip(), "mpi.h")))
        self.assertTrue(os.path.exists(os.path.join(self.run_ok(CC, "-showme:libdirs").strip(), "libmpi_abi.a")))
        self.run_fails(CC, "-showme:nonsense", expect="-showme:nonsense: unknown")

    def test_questions_to_clang_pass_through(self):
        self.assertIn("clang version", self.run_ok(CC, "--version"))
        self.assertEqual(self.run_ok(CC, "-dumpmachine"), "wasm32-unknown-wasip1\n")
        self.assertIn("libclang_rt", self.run_ok(CC, "-print-libgcc-file-name"))
        self.assertIn("clang version", self.run_any(CC, "-v").stderr)

    def test_modes_without_linking_are_quiet(self):
        self.write("main.c", HELLO)
        self.assertIn("MPI_Init", self.run_ok(CC, "-E", "main.c"))
        self.assertIn("mpi.h", self.run_ok(CC, "-M", "main.c"))
        self.run_ok(CC, "-MM", "main.c")
        self.run_ok(CC, "-fsyntax-only", "main.c")
        self.run_ok(CC, "-S", "main.c")
        self.run_ok(CC, "-O3", "-MMD", "-MF", "deps", "-c", "main.c")
        self.assertIn("main.c", self.run_ok("cat", "deps"))
        self.run_ok(CC, "main.o")
        self.assertIn("_start", self.exports("a.out"))
        self.run_ok(CC, "-x", "c", "-", "-o", "stdin.wasm", text=HELLO)
        self.run_ok(CC, "-flto", "-O2", "main.c", "-o", "lto.wasm")

    def test_refused(self):
        self.write("main.c", HELLO)
        self.run_fails(CC, "-shared", "main.c", expect=r"mpiwasm-cc: -shared: a guest is one module")
        self.run_fails(CC, "-pthread", "-m64", "main.c", expect=r"mpiwasm-cc: -m64: programs with threads have 32-bit addresses")
        self.run_fails(CC, "-x", "c", "-", text="#include <pthread.h>\n", expect="build with mpiwasm-cc -pthread")
        self.run_fails(CXX, "-m64", "main.c", expect=r"mpiwasm-cc: -m64: C\+\+ programs have 32-bit addresses")
        self.run_fails(CC, "none.c", expect=r"no such file or directory: 'none.c'")

    def test_threads_have_a_target_of_their_own(self):
        self.write("main.c", "#include <pthread.h>\n#include <mpi.h>\nint main(void) { return pthread_self() == 0; }")
        self.assertEqual(self.run_ok(CC, "-pthread", "-dumpmachine"), "wasm32-unknown-wasip1-threads\n")
        include, lib = (self.run_ok(CC, "-pthread", "-showme:" + what).strip() for what in ("incdirs", "libdirs"))
        for path in (include + "/mpi.h", include + "/pthread.h", lib + "/libmpi.a", lib + "/libc.a"):
            self.assertTrue(os.path.exists(path), path)
        self.run_ok(CC, "-pthread", "main.c", "-o", "main.wasm")
        self.assertIn("env.memory", self.imports("main.wasm"))
        self.run_ok(MPIWASM, "main.wasm")
        # Both when compiling and when linking.
        self.write("part.c", "#include <errno.h>\nint part(void) { return errno; }")
        self.write("main.c", "int part(void);\nint main(void) { return part(); }")
        self.run_ok(CC, "-c", "part.c")
        self.run_fails(CC, "-pthread", "main.c", "part.o", expect="shared-memory is disallowed by part.o")

    def test_options_for_native_machines_change_nothing(self):
        self.write("main.c", HELLO)
        self.run_ok(CC, "-O2", "main.c", "-o", "main.wasm")
        os.rename(self.path("main.wasm"), self.path("plain.wasm"))  # the module names itself
        self.run_ok(CC, "-O2", "-march=native", "-mtune=native", "-mavx2", "-mfma", "-rdynamic", "-fcf-protection",
                    "-Wl,-rpath,/somewhere", "-Wl,-rpath=/elsewhere", "-Wl,--as-needed", "-Wl,--start-group", "-lm",
                    "-Wl,--end-group", "-Wl,-z,relro,-z,now", "-Wl,--enable-new-dtags", "main.c", "-lrt", "-ldl", "-lm",
                    "-lpthread", "-o", "main.wasm")
        with open(self.path("plain.wasm"), "rb") as plain, open(self.path("main.wasm"), "rb") as same:
            self.assertEqual(plain.read(), same.read())

    def test_other_clang(self):
        self.write("main.c", HELLO)
        self.run_fails(CC, "main.c", environment={"MPIWASM_CLANG": "no-such-clang"},
                       expect="no-such-clang: not found; install clang 22 or let MPIWASM_CLANG name it")
        self.assertTrue(self.run_ok(CC, "-show", "main.c", environment={"MPIWASM_CLANG": "/usr/bin/clang-22"})
                        .startswith("/usr/bin/clang-22 "))

    def test_called_through_links(self):
        self.write("main.c", HELLO)
        self.write("main.cc", HELLO.replace("<stdio.h>", "<cstdio>"))
        os.symlink(CC, self.path("mpicc"))
        os.symlink("mpicc", self.path("again"))
        os.symlink(CC, self.path("mpicxx"))
        self.run_ok(self.path("again"), "main.c", "-o", "c.wasm")
        self.run_ok(self.path("mpicxx"), "main.cc", "-o", "cxx.wasm")
        self.run_ok("mpiwasm-cc", "main.c", "-o", "c.wasm", environment={"PATH": f"{BIN}:{os.environ['PATH']}"})
        self.run_ok("./mpicc", "main.c", "-o", "c.wasm")


class Modules(Toolchain):
    def test_imports_and_exports(self):
        module = self.link(HELLO)
        self.assertEqual(self.exports(module), {"memory", "_start", "__indirect_function_table", "malloc", "free",
                                                "__mpiwasm_c_calls"})
        mpi = {name for name in self.imports(module) if not name.startswith("wasi_snapshot_preview1.")}
        self.assertEqual(mpi, {"mpi_abi_1." + name for name in ("MPI_Init", "MPI_Comm_rank", "MPI_Comm_size",
                                                                "MPI_Finalize")})

    def test_stack_is_large_and_lies_first(self):
        self.assertIn("init i32=8388608", self.dump(self.link(HELLO), "-x"))
        module = self.link(HELLO, "-Wl,-z,stack-size=1048576")
        self.assertIn("init i32=1048576", self.dump(module, "-x"))

    def test_names_stay_and_can_be_stripped(self):
        self.assertIn('func[', self.dump(self.link(HELLO), "-x", "-j", "name"))
        self.assertNotIn('name: "name"', self.dump(self.link(HELLO, "-s"), "-h"))
        self.assertIn(".debug_line", self.dump(self.link(HELLO, "-g"), "-h"))

    def test_loops_stay_scalar_and_rolled(self):
        self.write("loop.c", LOOP)
        for options in (["-O2"], ["-O3"], ["-O3", "-msimd128"]):
            self.run_ok(CC, *options, "-c", "loop.c", "-o", "loop.o")
            code = self.dump("loop.o", "-d")
            self.assertEqual(code.count("f64.store"), 1, code)
            self.assertNotIn("v128", code)
        self.run_ok(CC, "-O3", "-msimd128", "-fvectorize", "-c", "loop.c", "-o", "loop.o")
        self.assertIn("v128.store", self.dump("loop.o", "-d"))
        self.run_ok(CC, "-O3", "-mllvm", "-unroll-runtime=true", "-c", "loop.c", "-o", "loop.o")

    def test_structures_are_copied_at_once(self):
        self.write("copy.c", """
            #ifdef __wasm_simd128__
            #error intrinsics
            #endif
            typedef struct pair { double a, b; } pair;
            void copy(pair *to, const pair *from) { *to = *from; }
            """)
        self.run_ok(CC, "-O2", "-c", "copy.c", "-o", "copy.o")
        self.assertIn("v128.store", self.dump("copy.o", "-d"))
        self.run_ok(CC, "-O2", "-mno-simd128", "-c", "copy.c", "-o", "copy.o")
        self.assertNotIn("v128", self.dump("copy.o", "-d"))
        self.run_fails(CC, "-O2", "-msimd128", "-c", "copy.c", "-o", "copy.o", expect="intrinsics")

    def test_function_that_mpi_lacks_fails_to_link(self):
        self.write("main.c", "int MPI_Compute(void); int main(void) { return MPI_Compute(); }")
        self.run_fails(CC, "main.c", expect="undefined symbol: MPI_Compute")

    def test_archives_and_objects(self):
        self.write("part.c", "#include <mpi.h>\nint part(void) { int r; MPI_Comm_rank(MPI_COMM_WORLD, &r); return r; }")
        self.write("main.c", HELLO.replace("int main", "int part(void);\nint main").replace("rank, size);", "part(), size);"))
        self.run_ok(CC, "-c", "part.c", "main.c")
        self.run_ok("llvm-ar-22", "rcs", "libpart.a", "part.o")
        self.run_ok(CC, "main.o", "-L.", "-lpart", "-lmpi", "-o", "main.wasm")
        self.assertIn("mpi_abi_1.MPI_Comm_rank", self.imports("main.wasm"))

    def test_headers_alone(self):
        include = self.run_ok(CC, "-showme:incdirs").strip()
        # These say at compile time that they are not there; netdb and others must not come from the host.
        refused = {"pthread.h": "build with mpiwasm-cc -pthread", "omp.h": "build with mpiwasm-cc -fopenmp"}
        names = {os.path.relpath(os.path.join(top, name), include) for top, _, files in os.walk(include)
                 for name in files if name.endswith(".h")}
        names |= {"complex.h", "dirent.h", "fcntl.h", "inttypes.h", "math.h", "regex.h", "sys/mman.h", "sys/utsname.h",
                  "sys/times.h", "sys/socket.h", "wchar.h", "tgmath.h"}
        self.assertIn("mpi.h", names)
        for name in sorted(names):
            for language, standard in (("c", "c99"), ("c", "gnu17"), ("c++", "c++17")):
                command = (CC, "-x", language, "-std=" + standard, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-")
                with self.subTest(header=name, standard=standard):
                    text = f"#include <{name}>\n"
                    if name in refused:
                        self.run_fails(*command, text=text, expect=refused[name])
                    elif name == "tgmath.h" and language == "c++":
                        continue  # C++ has overloading in its place
                    else:
                        self.run_ok(*command, text=text)

    def test_headers_of_the_host_stay_out(self):
        self.run_fails(CC, "-x", "c", "-fsyntax-only", "-", text="#include <gnu/libc-version.h>\n",
                       expect="'gnu/libc-version.h' file not found")


class Runs(Toolchain):
    def ranks(self, module, ranks=2, host="openmpi"):
        return sorted(self.run_ok(f"mpirun.{host}", "-np", str(ranks), MPIWASM, module, quiet=False).splitlines())

    def test_c_on_both_hosts(self):
        for level in ("-O0", "-O2"):
            module = self.link(HELLO, level)
            for host in ("openmpi", "mpich"):
                self.assertEqual(self.ranks(module, host=host), ["rank 0 of 2", "rank 1 of 2"])

    def test_cxx(self):
        module = self.link(r"""
            #include <algorithm>
            #include <complex>
            #include <iostream>
            #include <map>
            #include <memory>
            #include <mpi.h>
            #include <numeric>
            #include <string>
            #include <vector>
            struct shape { virtual ~shape() = default; virtual double area() const = 0; };
            struct square : shape { double a; explicit square(double side) : a(side) {} double area() const override { return a * a; } };
            int main(int argc, char **argv)
            {
                MPI_Init(&argc, &argv);
                std::vector<double> v(100);
                std::iota(v.begin(), v.end(), 1);
                double sum = 0, mine = std::accumulate(v.begin(), v.end(), 0.0);
                MPI_Reduce(&mine, &sum, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
                std::map<std::string, int> words{{"b", 2}, {"a", 1}};
                std::unique_ptr<shape> s = std::make_unique<square>(3);
                int rank;
                MPI_Comm_rank(MPI_COMM_WORLD, &rank);
                if (rank == 0)
                    std::cout << sum << ' ' << words.begin()->first << ' ' << s->area() << ' '
                              << std::norm(std::complex<double>(3, 4)) << std::endl;
                MPI_Finalize();
            }
            """, "-O2", "-std=c++17", compiler=CXX, name="main.cpp")
        self.assertEqual(self.ranks(module), ["10100 a 9 25"])

    def test_cxx_file_streams(self):
        """Written, read, sought and appended: to the byte what the host's own C++ library does."""
        text = r"""
            #include <fstream>
            #include <iostream>
            #include <sstream>
            #include <string>
            int main()
            {
                std::ofstream out("data.txt");
                out << "first line\n" << 42 << ' ' << 2.5 << " word\n" << std::string(100000, 'x') << '\n';
                out.close();

                std::ifstream in("data.txt");
                std::string line, word;
                int i = 0;
                double d = 0;
                std::getline(in, line);
                std::streampos second = in.tellg();
                in >> i >> d >> word;
                std::cout << in.is_open() << ' ' << line << '|' << second << '|' << i << '|' << d << '|' << word << '\n';
                in.ignore().seekg(0, std::ios::end);
                std::cout << in.tellg() << ' ';
                in.seekg(second) >> i >> line >> word >> line >> word;
                std::cout << i << ' ' << line.size() << ' ' << in.eof() << in.fail() << '\n';
                in.clear();
                in.seekg(-2, std::ios::end);
                std::cout << char(in.get()) << in.get() << ' ' << in.get() << in.eof() << '\n';

                std::ofstream("data.txt", std::ios::app) << "the end" << std::endl;
                std::fstream both("data.txt", std::ios::in | std::ios::out);
                both.seekp(6) << "LINE";
                both.seekg(0);
                std::getline(both, line);
                both.seekg(-8, std::ios::end);
                std::getline(both, word);
                std::cout << line << '|' << word << '\n';

                const double numbers[] = {1.0 / 3, -0.0, 1e300};
                double back[4] = {};
                std::ofstream("data.bin", std::ios::binary).write(reinterpret_cast<const char *>(numbers), sizeof numbers);
                std::ifstream binary("data.bin", std::ios::binary);
                binary.read(reinterpret_cast<char *>(back), sizeof back);
                std::cout << binary.gcount() << ' ' << (back[0] == numbers[0]) << (back[2] == numbers[2]) << binary.eof() << '\n';
                std::ostringstream all;
                all << std::ifstream("data.txt").rdbuf();
                std::cout << all.str().size() << '\n';

                std::wofstream("wide.txt") << L"wide " << 7;
                std::wstring wide;
                std::wifstream("wide.txt") >> wide;
                std::cout << wide.size() << '\n';

                std::ifstream missing("missing.txt");
                std::ofstream nowhere("missing/file.txt");
                nowhere << 1;
                std::cout << missing.is_open() << missing.fail() << nowhere.is_open() << nowhere.fail() << std::endl;
                return !std::ifstream("/etc/passwd");
            }
            """
        self.write("main.cpp", text)
        self.run_ok("c++", "main.cpp", "-o", "main.native")
        expected = self.run_ok("./main.native")
        written = {name: self.bytes(name) for name in ("data.txt", "data.bin", "wide.txt")}
        for options in (("-O0", "-std=c++11"), ("-O2", "-std=c++23")):
            for name in written:
                os.unlink(self.path(name))
            self.run_ok(CXX, *options, "main.cpp", "-o", "main.wasm")
            # The last line asks for a file outside the granted directory, which natively opens.
            result = self.run_any(MPIWASM, "-d", ".", "main.wasm")
            self.assertEqual((result.stdout, result.returncode), (expected, 1), result.stderr)
            self.assertEqual({name: self.bytes(name) for name in written}, written)

    def test_file_streams_alone_are_turned_on(self):
        for standard in ("c++98", "c++11", "c++17", "c++20", "c++23"):
            self.link("""
                #include <fstream>
                #include <version>
                #ifdef __cpp_lib_filesystem
                #error promised, but the library has no such functions
                #endif
                int main() { return std::fstream("x").is_open(); }
                """, f"-std={standard}", "-Wall", "-Wextra", "-pedantic", compiler=CXX, name="main.cpp")

    def test_throw_ends_the_program_and_says_what(self):
        module = self.link(r"""
            #include <iostream>
            #include <stdexcept>
            #include <vector>
            namespace mine { struct trouble {}; }
            int main(int argc, char **)
            {
                try {
                    if (argc == 1)
                        std::cout << "nothing thrown" << std::endl;
                    else if (argc == 2)
                        throw std::runtime_error("too many arguments");
                    else if (argc == 3)
                        throw mine::trouble();
                    std::vector<int> v(1);
                    if (argc == 4)
                        v.at(argc) = 1;
                    return 0;
                } catch (...) {
                    return 3;
                }
            }
            """, "-O2", compiler=CXX, name="main.cpp")
        self.assertEqual(self.run_ok(MPIWASM, module), "nothing thrown\n")
        for arguments, message in ((["a"], "std::runtime_error thrown: too many arguments"),
                                   (["a", "b"], "mine::trouble thrown"), (["a", "b", "c"], "std::out_of_range thrown: vector")):
            result = self.run_fails(MPIWASM, module, *arguments, expect="exception of type " + message)
            self.assertEqual(result.returncode, 134)
            self.assertIn("mpiwasm-c++ -fexceptions makes programs that catch exceptions", result.stderr)

    def test_interposition_through_pmpi(self):
        module = self.link(r"""
            #include <mpi.h>
            #include <stdio.h>
            static int sends;
            int MPI_Send(const void *buf, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm)
            {
                sends++;
                return PMPI_Send(buf, count, type, to, tag, comm);
            }
            int main(int argc, char **argv)
            {
                int rank, value = 41;
                MPI_Init(&argc, &argv);
                MPI_Comm_rank(MPI_COMM_WORLD, &rank);
                if (rank == 1) {
                    value++;
                    MPI_Send(&value, 1, MPI_INT, 0, 0, MPI_COMM_WORLD);
                } else {
                    MPI_Recv(&value, 1, MPI_INT, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
                }
                printf("%d sends, value %d\n", sends, value);
                MPI_Finalize();
            }
            """)
        self.assertEqual(self.ranks(module), ["0 sends, value 42", "1 sends, value 42"])

    def test_overflow_of_the_stack_is_a_trap(self):
        module = self.link("int f(volatile int *p) { volatile char a[4096]; a[0] = *p; return *p ? f(p) + a[0] : 0; }\n"
                           "int main(void) { int x = 1; return f(&x); }", "-O0")
        self.run_fails(MPIWASM, module, expect="mpiwasm: .*")


if __name__ == "__main__":
    unittest.main()
