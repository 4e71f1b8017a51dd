#!/usr/bin/env python3
"""libc.py VARIANT BUILD SYSROOT: wasi-libc for another target than Debian's binary package has it for, built in BUILD from its
Debian source package. A variant (wasm64.py, threads.py) knows what differs. SYSROOT/lib/<its target> gets the libraries,
SYSROOT/include/<its target> the headers that differ from wasm32's.
"""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import threads  # noqa: E402
import wasm64  # noqa: E402
from sources import fail, fetch  # noqa: E402

VARIANTS = {"wasm64": wasm64, "threads": threads}
CLANG, AR, NM = (os.environ.get(name, name.lower().replace("_", "-") + "-22") for name in ("CLANG", "LLVM_AR", "LLVM_NM"))
PARTS = ("Makefile", "dlmalloc", "libc-bottom-half", "libc-top-half")
LIBRARIES = ("libc.a", "libc-printscan-long-double.a", "libc-printscan-no-floating-point.a", "libwasi-emulated-mman.a",
             "libwasi-emulated-process-clocks.a", "libwasi-emulated-getpid.a", "libwasi-emulated-signal.a")
EMPTY = ("m", "rt", "pthread", "crypt", "util", "xnet", "resolv", "dl")  # as the makefile's `finish` makes them


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in VARIANTS:
        fail("usage: libc.py {%s} BUILD SYSROOT" % "|".join(VARIANTS))
    variant = VARIANTS[sys.argv[1]]
    build, final = (os.path.abspath(path) for path in sys.argv[2:])
    tree, sysroot = os.path.join(build, "tree"), os.path.join(build, "sysroot")
    source, = fetch(["wasi-libc"], variant.WITHOUT)
    shutil.rmtree(build, ignore_errors=True)
    os.makedirs(tree)
    for part in PARTS:
        copy = shutil.copytree if os.path.isdir(os.path.join(source, part)) else shutil.copy
        copy(os.path.join(source, part), os.path.join(tree, part))
    variant.change(tree)
    flags = " ".join(["-O2", "-DNDEBUG", "-w", "-Wno-error"] + variant.FLAGS)
    lib = os.path.join(sysroot, "lib", variant.TARGET)
    command = ["make", "-s", "-C", tree, "-j%d" % len(os.sched_getaffinity(0)), "CC=" + CLANG, "AR=" + AR, "NM=" + NM,
               "TARGET_TRIPLE=" + variant.TARGET, "MULTIARCH_TRIPLE=" + variant.TARGET, "EXTRA_CFLAGS=" + flags,
               "SYSROOT=" + sysroot, *variant.MAKE, "startup_files"]
    result = subprocess.run(command + [os.path.join(lib, name) for name in LIBRARIES], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode:
        fail("make failed:\n" + result.stdout[-4000:])
    for name in EMPTY:
        subprocess.run([AR, "crs", os.path.join(lib, "lib%s.a" % name)], check=True)
    for path in variant.ASSEMBLY:
        made = os.path.join(build, os.path.basename(path) + ".o")
        subprocess.run([CLANG, "--target=" + variant.TARGET, *variant.ASSEMBLER_FLAGS, "-c", path, "-o", made], check=True)
        subprocess.run([AR, "rcs", os.path.join(lib, "libc.a"), made], check=True)
    # As for wasm32 (CMakeLists.txt): clang then takes crt1.o.
    shutil.copytree(lib, os.path.join(final, "lib", variant.TARGET), dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("crt1-command.o"))
    for header in variant.HEADERS:
        to = os.path.join(final, "include", variant.TARGET, header)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(os.path.join(sysroot, "include", header), to)


if __name__ == "__main__":
    main()
