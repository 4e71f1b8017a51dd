#!/usr/bin/env python3
"""library.py SYSROOT BUILD: libc++ and libc++abi with threads, built in BUILD for mpiwasm-c++ -pthread from the Debian source
package llvm-toolchain-19. Debian's binary packages have them without threads only: reference counts in the library would not
be atomic. Like Debian's they are built without exceptions.

SYSROOT/include/wasm32-wasip1-threads/libc++/v1 gets the headers, where the wrapper lets clang look, and
SYSROOT/lib/wasm32-wasip1-threads the libraries.
"""
import concurrent.futures
import glob
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGET = "wasm32-wasip1-threads"
AR = os.environ.get("LLVM_AR", "llvm-ar-22")
# As Debian's for wasm32, but for threads.
SITE = {
    "_LIBCPP_ABI_VERSION": "2", "_LIBCPP_ABI_NAMESPACE": "__2", "_LIBCPP_HAS_MUSL_LIBC": "",
    "_LIBCPP_HAS_THREAD_API_PTHREAD": "", "_LIBCPP_HAS_NO_VENDOR_AVAILABILITY_ANNOTATIONS": "",
    "_LIBCPP_HAS_NO_TIME_ZONE_DATABASE": "", "_LIBCPP_PSTL_BACKEND_SERIAL": "", "_LIBCPP_HARDENING_MODE_DEFAULT": "2",
}
# Windows' and z/OS's, and what has further sources of its own.
LEFT_OUT = ("src/support/", "src/experimental/", "src/pstl/", "src/filesystem/int128_builtins")
ABI = ("abort_message", "cxa_aux_runtime", "cxa_default_handlers", "cxa_demangle", "cxa_exception_storage", "cxa_guard",
       "cxa_handlers", "cxa_noexception", "cxa_thread_atexit", "cxa_vector", "cxa_virtual", "fallback_malloc",
       "private_typeinfo", "stdlib_exception", "stdlib_new_delete", "stdlib_stdexcept", "stdlib_typeinfo")


def fail(text):
    sys.exit("library.py: " + text)


def write_headers(cxx, abi, to):
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(os.path.join(cxx, "include"), to, ignore=shutil.ignore_patterns("*.in", "CMakeLists.txt"))
    for header in glob.glob(os.path.join(abi, "include", "*.h")):
        shutil.copy(header, to)
    shutil.copy(os.path.join(cxx, "vendor/llvm/default_assertion_handler.in"), os.path.join(to, "__assertion_handler"))
    with open(os.path.join(to, "__config_site"), "w", encoding="utf-8") as file:
        file.write("#ifndef _LIBCPP___CONFIG_SITE\n#define _LIBCPP___CONFIG_SITE\n" + "".join(
            "#define %s %s\n" % pair for pair in SITE.items()) + "#endif\n")


def build(sources, flags, directory, archive):
    os.makedirs(directory)
    compiler = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(sys.argv[1]))), "bin", "mpiwasm-c++")

    def compile_one(source):
        made = os.path.join(directory, source.replace("/", "-")[-60:] + ".o")
        command = [compiler, "-pthread", "-std=c++23", "-O2", "-DNDEBUG", "-w", "-fno-exceptions", *flags, "-c", source, "-o", made]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return made, result.returncode and result.stdout[-3000:]

    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        results = list(pool.map(compile_one, sources))
    for made, message in results:
        if message:
            fail(made + ":\n" + message)
    if os.path.exists(archive):
        os.unlink(archive)
    subprocess.run([AR, "rcsD", archive] + [made for made, _ in results], check=True)


def main():
    if len(sys.argv) != 3:
        fail("usage: library.py SYSROOT BUILD")
    sysroot, directory = (os.path.abspath(path) for path in sys.argv[1:])
    fetched = subprocess.run([os.path.join(ROOT, "script", "fetch-source"), "llvm-toolchain-19:libcxx",
                              "llvm-toolchain-19:libcxxabi"], stdout=subprocess.PIPE, text=True, check=False)
    if fetched.returncode:
        fail("no source of libc++; -DMW_THREADS_CXX=OFF builds without mpiwasm-c++ -pthread")
    cxx, abi = fetched.stdout.split()[-2:]
    shutil.rmtree(directory, ignore_errors=True)
    lib = os.path.join(sysroot, "lib", TARGET)
    write_headers(cxx, abi, os.path.join(sysroot, "include", TARGET, "libc++", "v1"))
    sources = sorted(glob.glob(os.path.join(cxx, "src", "**", "*.cpp"), recursive=True))
    sources = [s for s in sources if not any(part in s for part in LEFT_OUT)]
    # No file of a guest has the type DT_SOCK.
    flags = ["-D_LIBCPP_BUILDING_LIBRARY", "-DLIBCXX_BUILDING_LIBCXXABI", "-DDT_SOCK=12", "-I" + os.path.join(cxx, "src")]
    build(sources, flags, os.path.join(directory, "cxx"), os.path.join(lib, "libc++.a"))
    flags = ["-D_LIBCXXABI_BUILDING_LIBRARY", "-D_LIBCPP_BUILDING_LIBRARY", "-I" + os.path.join(abi, "include"),
             "-I" + os.path.join(cxx, "src")]
    build([os.path.join(abi, "src", name + ".cpp") for name in ABI], flags, os.path.join(directory, "abi"),
          os.path.join(lib, "libc++abi.a"))


if __name__ == "__main__":
    main()
