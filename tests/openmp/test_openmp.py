"""mpiwasm-cc -fopenmp: how programs are built, what of the environment reaches them, and MPI and OpenMP in one program."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "toolchain"))
from toolchain import BUILD, CC, CXX, MPIWASM, Toolchain  # noqa: E402

SETTINGS = r"""
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    int n = 0;
    omp_sched_t kind;
    int chunk;
    omp_get_schedule(&kind, &chunk);
    #pragma omp parallel reduction(+ : n)
    n++;
    printf("threads %d, schedule %d of %d, secret %s\n", n, (int)kind & 7, chunk, getenv("SECRET") ? "told" : "kept");
    return 0;
}
"""

# Two threads that wait for each other with nothing but volatile variables, as old codes do.
VOLATILE = r"""
#include <omp.h>
#include <stdio.h>
static volatile int turn, rounds;
int main(void)
{
    #pragma omp parallel num_threads(2)
    for (int i = 0; i < 100; i++) {
        while (turn != omp_get_thread_num())
            ;
        rounds++;
        turn = !turn;
    }
    printf("%d\n", rounds);
    return 0;
}
"""

HYBRID = r"""
#include <mpi.h>
#include <stdio.h>
static double field[2][1 << 12];
int main(int argc, char **argv)
{
    int provided, rank, size;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    enum { N = 1 << 12 };
    double sum = 0, all = 0;
    int threads = 0;
    #pragma omp parallel num_threads(2)
    {
        #pragma omp atomic
        threads++;
        #pragma omp for
        for (int i = 0; i < N; i++)
            field[0][i] = rank * N + i;
        for (int step = 0; step < 10; step++) {
            double *from = field[step & 1], *to = field[~step & 1];
            #pragma omp master
            {
                int right = (rank + 1) % size, left = (rank + size - 1) % size;
                MPI_Sendrecv(&from[N - 1], 1, MPI_DOUBLE, right, 0, &from[0], 1, MPI_DOUBLE, left, 0, MPI_COMM_WORLD,
                             MPI_STATUS_IGNORE);
            }
            #pragma omp barrier
            #pragma omp for schedule(dynamic, 100)
            for (int i = 0; i < N; i++)
                to[i] = 0.5 * (from[i] + from[i ? i - 1 : 0]);
        }
        #pragma omp for reduction(+ : sum)
        for (int i = 0; i < N; i++)
            sum += (long)(field[0][i] * 1024); /* whole numbers: the same sum in every order */
    }
    MPI_Reduce(&sum, &all, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    if (!rank)
        printf("%d ranks of %d threads: %.0f\n", size, threads, all);
    MPI_Finalize();
    return provided < MPI_THREAD_FUNNELED;
}
"""

# Of C++ what several threads do to one object: reference counts, a static variable's first use, streams, exceptions.
CXX_PROGRAM = r"""
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>
struct counted { double value; };
static std::string text(int i)
{
    static std::vector<int> table(10, 3);
    std::ostringstream out;
    out << i * table[i % 10];
    return out.str();
}
int main()
{
    auto shared = std::make_shared<counted>(counted{2});
    double sum = 0;
    long caught = 0, length = 0;
    #pragma omp parallel for num_threads(4) reduction(+ : sum, caught, length) schedule(dynamic, 16)
    for (int i = 0; i < 20000; i++) {
        std::shared_ptr<counted> copy = shared;
        std::unique_ptr<counted> own(new counted{1.0 * i});
        sum += copy->value + own->value;
        length += text(i).size();
        try {
            if (i % 100 == 0)
                throw std::to_string(i);
        } catch (const std::string &message) {
            caught += message == std::to_string(i);
        }
    }
    std::cout << sum << " " << shared.use_count() << " " << caught << " " << length << std::endl;
    return 0;
}
"""


def shares(n):
    """A program whose parallel region shares n variables with its surroundings."""
    names = ["v%d" % i for i in range(n)]
    return ("#include <stdio.h>\nint main(int argc, char **argv)\n{\n    (void)argv;\n    int "
            + ", ".join("%s = argc" % name for name in names)
            + ";\n    #pragma omp parallel num_threads(3)\n    {\n"
            + "".join("        #pragma omp atomic\n        %s += %d;\n" % (name, i) for i, name in enumerate(names))
            + "    }\n    printf(\"%d\\n\", " + " + ".join(names) + ");\n    return 0;\n}\n")


class OpenMP(Toolchain):
    def run_with(self, module, *options, **environment):
        return self.run_ok(MPIWASM, *options, module, environment=environment)

    def test_settings_reach_programs_with_threads(self):
        module = self.link(SETTINGS, "-O2", "-fopenmp", "-Wall", "-Wextra")
        for name in [name for name in os.environ if name.startswith(("OMP_", "KMP_"))]:
            self.addCleanup(os.environ.__setitem__, name, os.environ.pop(name))
        allowed = os.sched_getaffinity(0)
        self.assertEqual(self.run_with(module), "threads %d, schedule 1 of 0, secret kept\n" % len(allowed))
        self.addCleanup(os.sched_setaffinity, 0, allowed)
        os.sched_setaffinity(0, {min(allowed)})
        self.assertEqual(self.run_with(module), "threads 1, schedule 1 of 0, secret kept\n")
        settings = {"OMP_NUM_THREADS": "3", "OMP_SCHEDULE": "dynamic,7", "SECRET": "1"}
        self.assertEqual(self.run_with(module, **settings), "threads 3, schedule 2 of 7, secret kept\n")
        self.assertEqual(self.run_with(module, "--env", "OMP_NUM_THREADS=2", **settings),
                         "threads 2, schedule 2 of 7, secret kept\n")
        self.assertIn("threads 3, schedule 2 of 7, secret told\n", self.run_with(module, "--env-all", **settings))
        self.run_fails(MPIWASM, "--max-threads", "1", module, expect="OMP: Error", environment=settings)

    def test_settings_do_not_reach_others(self):
        module = self.link("#include <stdlib.h>\nint main(void) { return getenv(\"OMP_NUM_THREADS\") != NULL; }")
        self.run_with(module, OMP_NUM_THREADS="2")

    def test_volatile_variables_are_read_again(self):
        self.assertEqual(self.run_with(self.link(VOLATILE, "-O3", "-fopenmp")), "200\n")

    def test_shared_variables(self):
        for n in (0, 1, 16, 40, 127):
            module = self.link(shares(n), "-O1", "-fopenmp") if n else self.link(shares(1).replace("= argc", "= 1"), "-fopenmp")
            count = n or 1
            self.assertEqual(self.run_with(module, "-O1"), "%d\n" % (count + 3 * sum(range(count))))
        module = self.link(shares(128), "-O1", "-fopenmp")
        self.run_fails(MPIWASM, "-O1", module, expect="OMP: Error: a parallel region shares 128 variables with its "
                                                      "surroundings, more than 127: put some of them into a structure")

    def test_cxx(self):
        module = self.link(CXX_PROGRAM, "-O2", "-fopenmp", "-fexceptions", "-Wall", compiler=CXX, name="main.cpp")
        length = sum(len(str(3 * i)) for i in range(20000))
        self.assertEqual(self.run_with(module), "2.0003e+08 1 200 %d\n" % length)

    def test_options(self):
        main = "#ifndef _OPENMP\n#error no OpenMP\n#endif\n#include <omp.h>\nint main(void) { return omp_get_num_procs() < 1; }"
        for option in ("-fopenmp", "-fopenmp=libomp", "-fopenmp=libgomp", "-qopenmp"):
            self.run_with(self.link(main, option))
        self.run_ok(CC, "-fopenmp", "-c", "main.c", "-o", "main.o")
        for library in ("-lgomp", "-lomp", "-liomp5"):
            self.run_ok(CC, "main.o", library, "-o", "main.wasm")
            self.run_with("main.wasm")
        self.run_fails(CC, "-fopenmp", "-m64", "main.c", expect="-m64: programs with threads have 32-bit addresses; build "
                                                                "without it or without -pthread and -fopenmp")
        self.run_fails(CC, "main.c", expect="omp.h: build with mpiwasm-cc -fopenmp")
        self.run_fails(CC, "-fopenmp", "-fno-openmp", "main.c", expect="no OpenMP")
        simd = "int main(int n, char **v) { int s = 0;\n#pragma omp simd reduction(+ : s)\n" \
               "for (int i = 0; i < n; i++) s += v[i][0];\nreturn s == 1; }"
        self.assertNotIn("wasi.thread-spawn", self.imports(self.link(simd, "-fopenmp-simd")))

    def test_cmake_finds_it(self):
        self.write("main.c", SETTINGS)
        self.write("CMakeLists.txt", "cmake_minimum_required(VERSION 3.16)\nproject(omp C)\nfind_package(OpenMP REQUIRED)\n"
                   "add_executable(main main.c)\ntarget_link_libraries(main OpenMP::OpenMP_C)\n")
        toolchain = os.path.join(BUILD, "share", "mpiwasm", "cmake", "mpiwasm.cmake")
        out = self.run_ok("cmake", "-S", ".", "-B", "project", "-G", "Ninja", "-DCMAKE_TOOLCHAIN_FILE=" + toolchain, quiet=False)
        self.assertIn("Found OpenMP_C", out)
        self.run_ok("ninja", "-C", "project", quiet=False)
        self.assertIn("threads 2,", self.run_with("project/main.wasm", OMP_NUM_THREADS="2"))

    def test_with_mpi(self):
        serial = self.link(HYBRID, "-O3", "-Wno-unknown-pragmas", output="serial.wasm")
        module = self.link(HYBRID, "-O3", "-fopenmp", "-Wall", "-Wextra")
        for host in ("openmpi", "mpich"):
            if not os.path.exists(os.path.join(BUILD, "lib", "mpiwasm", "libmpiwasm-%s.so" % host)):
                continue
            for ranks in ("1", "2"):
                one, two = (self.run_ok("mpirun." + host, "-np", ranks, MPIWASM, program, quiet=False)
                            for program in (serial, module))
                self.assertEqual(two, one.replace("of 1 threads", "of 2 threads"))
                self.assertIn(ranks + " ranks of 2 threads", two)


if __name__ == "__main__":
    unittest.main()
