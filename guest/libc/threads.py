"""wasi-libc for programs with threads (wasi-threads). musl's own threads, locks and semaphores, which wasi-libc of this
version leaves out, are built with it, and what musl's sources say for _REENTRANT; below them, in place of Linux, lies
guest/libc/threads. What wasi-libc itself keeps between calls becomes each thread's own or is put under a lock."""
import glob
import os
import shutil

from sources import replace

TARGET = "wasm32-wasip1-threads"
WITHOUT = "-DMW_THREADS=OFF builds without mpiwasm-cc -pthread"
HEADERS = ("pthread.h", "sched.h", "limits.h")
FLAGS = ["-D_WASI_EMULATED_MMAN", "-D_WASI_EMULATED_SIGNAL", "-fno-strict-aliasing", "-fms-volatile"]
MAKE = ("THREAD_MODEL=posix",)
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "threads")
ASSEMBLY = (os.path.join(HERE, "start.s"),)
ASSEMBLER_FLAGS = ("-matomics", "-mbulk-memory", "-mexception-handling", "-mreference-types")
MUSL = "libc-top-half/musl/"
ARCH = ("syscall_arch.h", "pthread_arch.h", "atomic_arch.h")
# Of musl's src/thread, what needs Linux: ours is in guest/libc/threads and guest/posix/signal.c. sem_open needs files in memory
# that processes share.
NOT_TAKEN = ("__set_thread_area", "__syscall_cp", "__tls_get_addr", "__unmapself", "clone", "syscall_cp", "synccall", "tls",
             "pthread_cancel", "pthread_condattr_setclock", "pthread_getattr_np", "pthread_getcpuclockid", "pthread_kill",
             "pthread_setname_np", "pthread_sigmask", "sem_open", "sem_unlink", "thrd_sleep")
SCHEDULING = ("sched_get_priority_max", "sched_getparam", "sched_getscheduler", "sched_setparam", "sched_setscheduler")
UPSTREAM = "#ifdef __wasilibc_unmodified_upstream"


def makefile(tree):
    taken = ["thread/" + os.path.basename(path) for path in sorted(glob.glob(os.path.join(tree, MUSL, "src/thread/*.c")))
             if os.path.basename(path)[:-2] not in NOT_TAKEN]
    taken += ["sched/%s.c" % name for name in SCHEDULING]
    last = "    $(wildcard $(LIBC_TOP_HALF_MUSL_SRC_DIR)/crypt/*.c)\n"
    replace(tree, "Makefile",
            ("%/flockfile.c %/funlockfile.c %/__lockfile.c %/ftrylockfile.c", ""),
            (last, last[:-1] + " \\\n    $(addprefix $(LIBC_TOP_HALF_MUSL_SRC_DIR)/, " + " ".join(taken) + ")\n"))


def headers(tree):
    """What wasi-libc left out of them: scheduling and limits of semaphores."""
    declared = ("void *memcpy(void *__restrict, const void *__restrict, size_t);\nint memcmp(const void *, const void *, size_t);\n"
                "void *memset (void *, int, size_t);\nvoid *calloc(size_t, size_t);\nvoid free(void *);\n")
    replace(tree, MUSL + "include/sched.h", (UPSTREAM + " /* WASI has no CPU scheduling support. */\n", "#if 1\n"),
            (declared, "#include <stdlib.h>\n#include <string.h>\n"))  # in C++ they must agree
    replace(tree, MUSL + "include/limits.h", (UPSTREAM + " /* WASI has no semaphores */\n", "#if 1\n"))
    replace(tree, MUSL + "include/pthread.h",
            ("int pthread_setname_np(pthread_t, const char *);\n",
             "int pthread_setname_np(pthread_t, const char *);\nint pthread_getname_np(pthread_t, char *, size_t);\n"))


def clocks(tree):
    """A clockid_t is an address; a condition variable has the number of its clock, and a zeroed one CLOCK_REALTIME."""
    replace(tree, MUSL + "src/thread/__timedwait.c",
            ("__clock_gettime(clk, &to)", "__clock_gettime(!clk ? CLOCK_REALTIME : clk == (clockid_t)1 ? CLOCK_MONOTONIC "
             ": clk, &to)"))
    replace(tree, MUSL + "src/thread/pthread_cond_timedwait.c", ("__timedwait_cp(fut, seq, clock,", "__timedwait_cp(fut, seq, (clockid_t)clock,"))
    replace(tree, MUSL + "src/thread/pthread_attr_get.c",
            ("*clk = a->__attr & 0x7fffffff", "*clk = a->__attr & 0x7fffffff ? CLOCK_MONOTONIC : CLOCK_REALTIME"))


def locks(tree):
    """Sources of musl in which wasi-libc left out the lock, and those of wasi-libc that refuse threads."""
    replace(tree, MUSL + "src/prng/random.c", (UPSTREAM + "\nstatic volatile int lock", "#if 1\nstatic volatile int lock"))
    for path, name in (("preopens.c", "__wasilibc_register_preopened_fd doesn't yet support multiple threads"),
                       ("chdir.c", "chdir doesn't yet support multiple threads"),
                       ("getcwd.c", "getcwd doesn't yet support multiple threads")):
        replace(tree, "libc-bottom-half/sources/" + path, ('#error "%s"' % name, ""))
    # Buffers of paths, each thread's own. Of the current directory: who changes it while others use it is not safe.
    replace(tree, "libc-bottom-half/sources/chdir.c", ("    static char *", "    static _Thread_local char *"),
            ("    static size_t ", "    static _Thread_local size_t "))
    replace(tree, "libc-bottom-half/sources/getentropy.c",
            ("#error With threads support, getentropy is not intended to be a cancellation point.", ""))


def change(tree):
    for name in ARCH:
        shutil.copy(os.path.join(HERE, name), os.path.join(tree, MUSL, "arch/wasm32", name))
    for path in glob.glob(os.path.join(HERE, "*.c")):
        shutil.copy(path, os.path.join(tree, "libc-top-half/sources", "threads_" + os.path.basename(path)))
    sigset = os.path.join(os.path.dirname(os.path.dirname(HERE)), "posix/include/__typedef_sigset_t.h")
    shutil.copy(sigset, os.path.join(tree, "libc-bottom-half/headers/public/__typedef_sigset_t.h"))
    makefile(tree)
    headers(tree)
    clocks(tree)
    locks(tree)
    for name in ("clock_nanosleep", "nanosleep"):  # sleep.c
        os.remove(os.path.join(tree, "libc-bottom-half/cloudlibc/src/libc/time/%s.c" % name))
    # The allocator is behind the lock of guest/posix/heap.c.
    replace(tree, "dlmalloc/src/dlmalloc.c", ("#define USE_LOCKS 1", "#define USE_LOCKS 0"))
    replace(tree, MUSL + "src/conf/sysconf.c",
            ("unsigned char set[128] = {1};\n\t\tint i, cnt;\n\t\t__syscall(SYS_sched_getaffinity, 0, sizeof set, set);\n"
             "\t\tfor (i=cnt=0; i<sizeof set; i++)\n\t\t\tfor (; set[i]; set[i]&=set[i]-1, cnt++);\n\t\treturn cnt;",
             "extern int __mw_processors(void);\n\t\treturn __mw_processors();"))
