#!/usr/bin/env python3
"""library.py SYSROOT BUILD: libc++ and libc++abi with threads, built in BUILD for mpiwasm-c++ -pthread from the Debian source
package llvm-toolchain-19. Debian's binary packages have them without threads only: reference counts in the library would not
be atomic. Like Debian's they are built without exceptions.

SYSROOT/include/wasm32-wasip1-threads/libc++/v1 gets the headers, where the wrapper lets clang look, and
SYSROOT/lib/wasm32-wasip1-threads the libraries.
"""
import glob
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from sources import archive, compile_all, fail, fetch, write  # noqa: E402

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


def write_headers(cxx, abi, to):
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(os.path.join(cxx, "include"), to, ignore=shutil.ignore_patterns("*.in", "CMakeLists.txt"))
    for header in glob.glob(os.path.join(abi, "include", "*.h")):
        shutil.copy(header, to)
    shutil.copy(os.path.join(cxx, "vendor/llvm/default_assertion_handler.in"), os.path.join(to, "__assertion_handler"))
    write(os.path.join(to, "__config_site"), "#ifndef _LIBCPP___CONFIG_SITE\n#define _LIBCPP___CONFIG_SITE\n" + "".join(
        "#define %s %s\n" % pair for pair in SITE.items()) + "#endif\n")


def build(sources, flags, directory, library):
    os.makedirs(directory)
    compiler = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(sys.argv[1]))), "bin", "mpiwasm-c++")
    command = [compiler, "-pthread", "-std=c++23", "-O2", "-DNDEBUG", "-w", "-fno-exceptions", *flags, "-c"]
    archive(AR, library, compile_all([([*command, source], os.path.join(directory, source.replace("/", "-")[-60:] + ".o"))
                                      for source in sources]))


def main():
    if len(sys.argv) != 3:
        fail("usage: library.py SYSROOT BUILD")
    sysroot, directory = (os.path.abspath(path) for path in sys.argv[1:])
    cxx, abi = fetch(["llvm-toolchain-19:libcxx", "llvm-toolchain-19:libcxxabi"],
                     "-DMW_THREADS_CXX=OFF builds without mpiwasm-c++ -pthread")
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
