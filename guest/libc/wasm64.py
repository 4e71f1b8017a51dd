"""wasi-libc for 64-bit pointers. The sources say "wasm32 only" in a header and in the calls of the system interface, both
generated from the interface's description: there pointers and sizes become as wide as the target's. The rest, and the
makefile, serve both."""
import re

from sources import fail, rewrite

TARGET = "wasm64-wasip1"
WITHOUT = "-DMW_WASM64=OFF builds without mpiwasm-cc -m64"
# Headers that differ from wasm32's.
HEADERS = ("wasi/api.h", "bits/stdint.h", "bits/posix.h")
# musl has the compare-and-swap of a pointer from the one of an int where the two are as wide.
FLAGS = ["-D'a_cas_p(p,t,s)=__sync_val_compare_and_swap((void *volatile *)(p),(void *)(t),(void *)(s))'"]
MAKE = ()
ASSEMBLY = ()
BITS = "libc-top-half/musl/arch/wasm32/bits/"


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


def change(tree):
    rewrite(tree, "libc-bottom-half/headers/public/wasi/api.h", widen_api)
    rewrite(tree, "libc-bottom-half/sources/__wasilibc_real.c", widen_real)
    rewrite(tree, BITS + "stdint.h", widen_limits)
    rewrite(tree, BITS + "posix.h", widen_model)
