#!/usr/bin/env python3
"""libc.py BUILD SYSROOT: wasi-libc for programs with 64-bit pointers, built in BUILD from its Debian source package.

Debian's binary package has the library for wasm32 only. The sources say "wasm32 only" in a header and in the calls of the
system interface, both generated from the interface's description: there pointers and sizes become as wide as the
target's. The rest, and the makefile, serve both. SYSROOT/lib/wasm64-wasip1 gets the libraries, and
SYSROOT/include/wasm64-wasip1 the headers that differ from wasm32's.
"""
import os
import re
import shutil
import subprocess
import sys

CLANG, AR, NM = (os.environ.get(name, name.lower() + "-22") for name in ("CLANG", "LLVM_AR", "LLVM_NM"))
TARGET = "wasm64-wasip1"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PARTS = ("Makefile", "dlmalloc", "libc-bottom-half", "libc-top-half")
API = "libc-bottom-half/headers/public/wasi/api.h"
REAL = "libc-bottom-half/sources/__wasilibc_real.c"
BITS = "libc-top-half/musl/arch/wasm32/bits/"
# musl has the compare-and-swap of a pointer from the one of an int where the two are as wide.
CAS_P = "a_cas_p(p,t,s)=__sync_val_compare_and_swap((void *volatile *)(p),(void *)(t),(void *)(s))"
HEADERS = ("wasi/api.h", "bits/stdint.h", "bits/posix.h")
LIBRARIES = ("libc.a", "libc-printscan-long-double.a", "libc-printscan-no-floating-point.a", "libwasi-emulated-mman.a",
             "libwasi-emulated-process-clocks.a", "libwasi-emulated-getpid.a", "libwasi-emulated-signal.a")
EMPTY = ("m", "rt", "pthread", "crypt", "util", "xnet", "resolv", "dl")  # as the makefile's `finish` makes them


def fail(text):
    sys.exit("libc.py: " + text)


def widen_api(text):
    """The header without the refusal of wasm64, and without the assertions on structures that hold pointers or sizes."""
    text = re.sub(r"#ifndef __wasm32__\n#error [^\n]*\n#endif\n", "", text)
    narrow = ("void*", "__wasi_size_t", "__wasi_iovec_t", "__wasi_ciovec_t", "__wasi_prestat_dir_t", "__wasi_prestat_t")
    return "\n".join(line for line in text.split("\n") if not (
        line.startswith("_Static_assert") and any("(" + name in line for name in narrow)))


def widen_call(match):
    """One function: the import's declaration, and the definition that calls it."""
    name, parameters, attributes, declared, body = match.groups()
    kinds = {words[-1]: parameter for parameter in declared.split(",") if (words := re.findall(r"\w+", parameter))}
    kinds.update((local, "size_t") for local in re.findall(r"size_t (\w+) = strlen", body))
    types = parameters.split(", ") if parameters else []
    call = re.search(r"__imported_wasi_\w+\((.*)\);", body)
    arguments = call.group(1).split(", ") if call.group(1) else []
    for i, argument in enumerate(arguments):
        kind = kinds[argument.split()[-1]]
        if "*" in kind or re.search(r"\b(__wasi_)?size_t\b", kind):
            types[i] = "intptr_t arg%d" % i
            arguments[i] = "(intptr_t) " + argument.split()[-1]
    body = body.replace(call.group(1), ", ".join(arguments)) if arguments else body
    return name + "(" + ", ".join(types) + ")" + attributes + "(" + declared + "){" + body + "}\n"


def widen_real(text):
    pattern = r"(\w+ __imported_wasi_\w+)\(([^)]*)\)( __attribute__\(\(\n.*?\n\)\);\n\n[^(]*)\(([^)]*)\)\s*\{(.*?)\n?\}\n"
    text, n = re.subn(pattern, widen_call, text, flags=re.S)
    if n != text.count("__import_name__"):
        fail("%d of the %d functions of the system interface were understood" % (n, text.count("__import_name__")))
    return text


def widen_limits(text):
    return re.sub(r"(#define (?:INTPTR|UINTPTR|PTRDIFF|SIZE)_\w+ +U?INT)32", r"\g<1>64", text)


def widen_model(text):
    return text.replace("ILP32_OFFBIG", "LP64_OFF64")


def rewrite(path, change):
    with open(path, encoding="utf-8") as file:
        before = file.read()
    text = change(before)
    if text == before:
        fail(path + " is not the one that this tool knows")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    if len(sys.argv) != 3:
        fail("usage: libc.py BUILD SYSROOT")
    build, final = (os.path.abspath(path) for path in sys.argv[1:])
    tree, sysroot = os.path.join(build, "tree"), os.path.join(build, "sysroot")
    fetched = subprocess.run([os.path.join(ROOT, "script", "fetch-source"), "wasi-libc"], stdout=subprocess.PIPE, text=True,
                             check=False)
    if fetched.returncode:
        fail("no source of wasi-libc; -DMW_WASM64=OFF builds without mpiwasm-cc -m64")
    source = fetched.stdout.strip()
    shutil.rmtree(build, ignore_errors=True)
    os.makedirs(tree)
    for part in PARTS:
        copy = shutil.copytree if os.path.isdir(os.path.join(source, part)) else shutil.copy
        copy(os.path.join(source, part), os.path.join(tree, part))
    rewrite(os.path.join(tree, API), widen_api)
    rewrite(os.path.join(tree, REAL), widen_real)
    rewrite(os.path.join(tree, BITS, "stdint.h"), widen_limits)
    rewrite(os.path.join(tree, BITS, "posix.h"), widen_model)
    flags = "-O2 -DNDEBUG -w -Wno-error -D'%s'" % CAS_P
    lib = os.path.join(sysroot, "lib", TARGET)
    command = ["make", "-s", "-C", tree, "-j%d" % len(os.sched_getaffinity(0)), "CC=" + CLANG, "AR=" + AR, "NM=" + NM,
               "TARGET_TRIPLE=" + TARGET, "MULTIARCH_TRIPLE=" + TARGET, "EXTRA_CFLAGS=" + flags,
               "SYSROOT=" + sysroot, "startup_files"]
    result = subprocess.run(command + [os.path.join(lib, name) for name in LIBRARIES], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode:
        fail("make failed:\n" + result.stdout[-4000:])
    for name in EMPTY:
        subprocess.run([AR, "crs", os.path.join(lib, "lib%s.a" % name)], check=True)
    # As for wasm32 (CMakeLists.txt): clang then takes crt1.o.
    shutil.copytree(lib, os.path.join(final, "lib", TARGET), dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("crt1-command.o"))
    for header in HEADERS:
        to = os.path.join(final, "include", TARGET, header)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(os.path.join(sysroot, "include", header), to)


if __name__ == "__main__":
    main()
