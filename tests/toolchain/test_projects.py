"""Whole projects: CMake with find_package(MPI), pkg-config, make, and the tools after installation elsewhere."""
import os
import shutil
import shlex
import subprocess
import unittest

from toolchain import BUILD, CC, HELLO, MPIWASM, Toolchain

HERE = os.path.dirname(os.path.abspath(__file__))


class Projects(Toolchain):
    def build_with_cmake(self, prefix):
        toolchain = os.path.join(prefix, "share", "mpiwasm", "cmake", "mpiwasm.cmake")
        out = self.run_ok("cmake", "-S", os.path.join(HERE, "cmake-project"), "-B", "project", "-G", "Ninja",
                          "-DCMAKE_TOOLCHAIN_FILE=" + toolchain, "-DCMAKE_BUILD_TYPE=Release", quiet=False)
        self.assertIn("Found MPI_C: " + prefix, out)
        self.assertIn("Found MPI_CXX: " + prefix, out)
        self.run_ok("ninja", "-C", "project", quiet=False)
        out = self.run_ok("ctest", "--test-dir", "project", "--output-on-failure", quiet=False)
        self.assertIn("100% tests passed, 0 tests failed out of 3", out)
        self.assertEqual(self.bytes("project/part-copy.c"), open(os.path.join(HERE, "cmake-project", "part.c"), "rb").read())
        self.run_ok("cmake", "--install", "project", "--prefix", self.path("installed"), quiet=False)
        self.assertTrue(os.path.exists(self.path("installed/bin/in-cxx.wasm")))

    def install(self):
        """The tools in a directory of their own, moved after installation: nothing may depend on where it was."""
        self.run_ok("cmake", "--install", BUILD, "--prefix", self.path("first"), quiet=False)
        os.rename(self.path("first"), self.path("prefix"))
        return self.path("prefix")

    def test_cmake_in_the_build_tree(self):
        self.build_with_cmake(BUILD)

    def test_install_tree(self):
        prefix = self.install()
        found = subprocess.run(["grep", "-rlIF", BUILD, prefix], stdout=subprocess.PIPE, text=True, check=False).stdout
        self.assertEqual(found, "", "installed files name the build tree")
        for top, directories, files in os.walk(os.path.join(prefix, "share")):
            for name in directories + files:
                path = os.path.join(top, name)
                if os.path.islink(path):
                    self.assertTrue(os.path.exists(path), f"{path}: dangling link to {os.readlink(path)}")
                    self.assertNotIn(BUILD, os.path.realpath(path))
        self.write("main.c", HELLO)
        self.run_ok(os.path.join(prefix, "bin", "mpiwasm-cc"), "-O2", "main.c", "-o", "main.wasm")
        for host in ("openmpi", "mpich"):
            out = self.run_ok("mpirun." + host, "-np", "2", os.path.join(prefix, "bin", "mpiwasm"), "main.wasm",
                              quiet=False, environment={"XDG_CACHE_HOME": self.path("cache")})
            self.assertEqual(sorted(out.splitlines()), ["rank 0 of 2", "rank 1 of 2"])
        self.build_with_cmake(prefix)

    def test_pkg_config(self):
        environment = {"PKG_CONFIG_PATH": os.path.join(BUILD, "share", "mpiwasm", "pkgconfig")}
        self.write("main.c", HELLO)
        for name, option in (("mpiwasm", "-m32"), ("mpiwasm-threads", "-pthread"), ("mpiwasm-openmp", "-fopenmp")):
            cflags = shlex.split(self.run_ok("pkg-config", "--cflags", name, environment=environment))
            libs = shlex.split(self.run_ok("pkg-config", "--libs", name, environment=environment))
            for step, options in (("compile", cflags), ("link", libs)):
                shown = shlex.split(self.run_ok(CC, option, "-showme:" + step))
                paths = [[os.path.realpath(word.removeprefix("--sysroot=")) if "/" in word else word for word in words]
                         for words in (options, shown)]
                self.assertEqual(sorted(paths[0]), sorted(paths[1]))
            # With threads, one option is for C++ sources only.
            self.run_ok("clang-22", *cflags, "-Wno-unused-command-line-argument", "-c", "main.c", "-o", "main.o")
            self.run_ok("clang-22", "main.o", "-o", "main.wasm", *libs)
            self.assertIn("malloc", self.exports("main.wasm"))
            compiler = self.run_ok("pkg-config", "--variable=cc", name, environment=environment).strip()
            self.assertTrue(os.access(compiler, os.X_OK), compiler)

    def test_cmake_finds_threads(self):
        self.write("main.c", "#include <pthread.h>\n#include <stdio.h>\nstatic void *say(void *p) { puts(p); return p; }\n"
                   "int main(void) { pthread_t t; return pthread_create(&t, NULL, say, \"said\") || pthread_join(t, NULL); }\n")
        self.write("CMakeLists.txt", "cmake_minimum_required(VERSION 3.16)\nproject(threads C)\nfind_package(Threads REQUIRED)\n"
                   "add_executable(main main.c)\ntarget_link_libraries(main Threads::Threads)\n")
        toolchain = os.path.join(BUILD, "share", "mpiwasm", "cmake", "mpiwasm.cmake")
        self.run_ok("cmake", "-S", ".", "-B", "project", "-G", "Ninja", "-DCMAKE_TOOLCHAIN_FILE=" + toolchain, quiet=False)
        self.run_ok("ninja", "-C", "project", quiet=False)
        self.assertEqual(self.run_ok(MPIWASM, "project/main.wasm"), "said\n")

    @unittest.skipUnless(shutil.which("make"), "make is not installed")
    def test_makefile_written_for_mpicc(self):
        self.write("main.c", HELLO)
        self.write("Makefile", "CC = mpicc\nCFLAGS = -O3 -g -march=native -Wall\nLDLIBS = -lm\nmain: main.o\n")
        self.run_ok("make", "CC=" + os.path.join(BUILD, "bin", "mpiwasm-cc"))
        self.assertIn("_start", self.exports("main"))


if __name__ == "__main__":
    unittest.main()
