#!/usr/bin/env python3
"""libomp.py BUILD SYSROOT: LLVM's OpenMP runtime for programs with threads, built in BUILD from Debian's source package of
LLVM 19, which knows WASI. SYSROOT/lib/wasm32-wasip1-threads gets libomp.a, SYSROOT/include/wasm32-wasip1-threads omp.h.

CC names the wrapper that compiles for guests. What CMake would configure for WebAssembly is said here.
"""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from sources import archive, compile_all, fail, fetch, read, replace, write  # noqa: E402

CC, AR = os.environ.get("CC", "mpiwasm-cc"), os.environ.get("LLVM_AR", "llvm-ar-22")
TARGET = "wasm32-wasip1-threads"
# What runtime/src/CMakeLists.txt takes for a static library of a Unix, with its assembler's file, which has data only.
SOURCES = ["kmp_%s.cpp" % name for name in (
    "affinity", "alloc", "atomic", "barrier", "cancel", "collapse", "csupport", "debug", "dispatch", "environment", "error",
    "ftn_cdecl", "ftn_extra", "global", "gsupport", "i18n", "io", "itt", "lock", "runtime", "sched", "settings", "str",
    "taskdeps", "tasking", "threadprivate", "utility", "version", "wait_release")] + ["z_Linux_util.cpp", "z_Linux_asm.S"]
HAS = ("LIBOMP_HAVE_WEAK_ATTRIBUTE", "LIBOMP_HAVE_ALIGNED_ALLOC", "LIBOMP_HAVE_POSIX_MEMALIGN")
VALUES = {"LIBOMP_LEGAL_ARCH": "WebAssembly", "LIBOMP_LIB_FILE": "libomp.a", "LIBOMP_VERSION_MAJOR": "5",
          "LIBOMP_VERSION_MINOR": "0", "LIBOMP_VERSION_BUILD": "20140926", "LIBOMP_BUILD_DATE": "No_Timestamp"}
# Variables that a parallel region shares with its surroundings, at the most. Each is an argument of the function that clang
# makes of the region, and an indirect call has to name all of them. libomp's own function for WebAssembly knows 15.
MAX_SHARED = 127


def change(src):
    # A thread's number is in a thread-local variable, not looked up by the stack that it runs on.
    replace(src, "kmp_global.cpp", ("#if (KMP_OS_LINUX || KMP_OS_AIX) && defined(KMP_TDATA_GTID)",
                                    "#if (KMP_OS_LINUX || KMP_OS_AIX || KMP_OS_WASI) && defined(KMP_TDATA_GTID)"))
    # Stacks as on x86-64, for programs that were made there; OMP_STACKSIZE is another size.
    replace(src, "kmp.h", ("#define KMP_DEFAULT_STKSIZE ((size_t)(1024 * 1024))",
                           "#define KMP_DEFAULT_STKSIZE ((size_t)(4 * 1024 * 1024))"))
    # Ours is in invoke_source.
    replace(src, "z_Linux_util.cpp", ("int __kmp_invoke_microtask(microtask_t pkfn,",
                                      "__attribute__((unused)) static int invoke_microtask(microtask_t pkfn,"))


def configure(source, src):
    """kmp_config.h, omp.h and the messages' texts, as CMake makes them."""
    def valued(text):
        return re.sub(r"@(\w+)@", lambda m: VALUES[m.group(1)], text)
    config = re.sub(r"#cmakedefine01 (\w+)", lambda m: "#define %s %d" % (m.group(1), m.group(1) in HAS),
                    read(os.path.join(src, "kmp_config.h.cmake")))
    write(os.path.join(src, "kmp_config.h"), valued(config))
    write(os.path.join(src, "omp.h"), valued(read(os.path.join(src, "include/omp.h.var"))))
    for kind, name in (("enum", "id"), ("default", "default")):
        subprocess.run([sys.executable, os.path.join(source, "runtime/tools/message-converter.py"),
                        "--%s=kmp_i18n_%s.inc" % (kind, name), "i18n/en_US.txt"], cwd=src, check=True)


def invoke_source():
    """__kmp_invoke_microtask: calls the function of a parallel region with its shared variables."""
    lines = ["#include <stdio.h>", "#include <stdlib.h>", "",
             "int __kmp_invoke_microtask(void *f, int gtid, int tid, int argc, void **shared)", "{", "    switch (argc) {"]
    for n in range(MAX_SHARED + 1):
        lines.append("    case %d: ((void (*)(int *, int *%s))f)(&gtid, &tid%s); return 1;" % (
            n, ", void *" * n, "".join(", shared[%d]" % i for i in range(n))))
    lines += ["    }", '    fprintf(stderr, "OMP: Error: a parallel region shares %%d variables with its surroundings, more '
              'than %d: put some of them into a structure\\n", argc);' % MAX_SHARED, "    exit(1);", "}", ""]
    return "\n".join(lines)


def main():
    if len(sys.argv) != 3:
        fail("usage: libomp.py BUILD SYSROOT")
    build, sysroot = (os.path.abspath(path) for path in sys.argv[1:])
    source, = fetch(["llvm-toolchain-19:openmp"], "-DMW_OPENMP=OFF builds without mpiwasm-cc -fopenmp")
    shutil.rmtree(build, ignore_errors=True)
    src = shutil.copytree(os.path.join(source, "runtime/src"), os.path.join(build, "src"))
    change(src)
    configure(source, src)
    write(os.path.join(src, "invoke.c"), invoke_source())
    # GNU: declarations that libomp expects of a Unix. No exceptions pass through it, and of libc++ only headers are used, for
    # which Debian's, without threads, do.
    flags = ["-O2", "-w", "-D_GNU_SOURCE", "-DNDEBUG", "-I" + src, "-I" + os.path.join(src, "i18n"),
             "-I" + os.path.join(src, "thirdparty/ittnotify"), "-ffile-prefix-map=%s=libomp" % src]
    plus = ["-x", "c++", "-std=c++17", "-fno-exceptions", "-fno-rtti", "-nostdinc++", "-isystem",
            os.path.join(sysroot, "include/c++/v1")]
    library = os.path.join(build, "libomp.a")
    archive(AR, library, compile_all([([CC, "-pthread", *flags, *(plus if name.endswith(".cpp") else []), "-c",
                                        os.path.join(src, name)], os.path.join(build, os.path.splitext(name)[0] + ".o"))
                                      for name in SOURCES + ["invoke.c"]]))
    header = os.path.join(sysroot, "include", TARGET, "omp.h")
    if os.path.lexists(header):  # a link to the one that says what is missing
        os.remove(header)
    shutil.copy(os.path.join(src, "omp.h"), header)
    shutil.copy(library, os.path.join(sysroot, "lib", TARGET, "libomp.a"))


if __name__ == "__main__":
    main()
