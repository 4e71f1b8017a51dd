"""Programs that are compiled natively and to WebAssembly, and must behave the same: standard output, exit code, and
the directory tree they leave. Usage: run_programs.py [-m64] [NAME]..."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

SOURCES = pathlib.Path(__file__).parent / "programs"
BUILD = pathlib.Path(os.environ["MW_BUILD_DIR"])
BIN = BUILD / "bin"
TIMEOUT = 120

GUEST_FLAGS = []

INPUT = "42 2.5e-3 word rest of line\nsecond line\n\nlast line without newline"


class Failure(Exception):
    pass


def run(command, cwd, stdin="", env=None):
    return subprocess.run([str(c) for c in command], cwd=cwd, input=stdin, env=env, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT)


def must(command, cwd):
    result = run(command, cwd, env=os.environ)
    if result.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")


def source_of(name):
    c = SOURCES / f"{name}.c"
    return c if c.exists() else SOURCES / f"{name}.cpp"


def build(name, work):
    """The native program (None if it is only for guests) and the module."""
    source = source_of(name)
    plus = source.suffix == ".cpp"
    native, wasm = work / name, work / f"{name}.wasm"
    must([BIN / ("mpiwasm-c++" if plus else "mpiwasm-cc"), *GUEST_FLAGS, "-O1", source, "-o", wasm], work)
    if name == "sandbox":
        return None, wasm
    must(["g++" if plus else "gcc", "-O1", "-D_GNU_SOURCE", "-w", source, "-o", native], work)
    return native, wasm


def tree(top):
    """Names and contents; links by their target; times left out."""
    found = {}
    for path in sorted(top.rglob("*")):
        name = str(path.relative_to(top))
        if path.is_symlink():
            found[name] = "-> " + os.readlink(path)
        elif path.is_dir():
            found[name] = "directory"
        else:
            found[name] = path.read_bytes()
    return found


def guest(wasm, args, cwd, options=(), stdin=""):
    return run([BIN / "mpiwasm", "-O0", *options, wasm, *args], cwd, stdin, {**os.environ, "LANG": "C"})


def code(returncode):
    """As a shell gives it: a native program that aborts and a guest that does."""
    return 128 - returncode if returncode < 0 else returncode


def compare(name, native, wasm, work, args=(), stdin="", env=None, stderr=False):
    env = env or {}
    results = []
    for kind in ("native", "guest"):
        cwd = work / kind
        shutil.rmtree(cwd, ignore_errors=True)
        (cwd / "data").mkdir(parents=True)
        if kind == "native":
            result = run([native, *args], cwd, stdin, env)
        else:
            options = ["-d", "data"]
            for item in env.items():
                options += ["--env", "=".join(item)]
            result = guest(wasm, args, cwd, options, stdin)
        results.append((code(result.returncode), result.stdout, tree(cwd), result.stderr if stderr else None))
    expected, got = results
    for what, e, g in zip(("exit code", "output", "tree", "errors"), expected, got):
        if e != g:
            detail = f"natively {e!r}\nas guest {g!r}"
            if what == "output":
                lines = [f"natively: {a}\nas guest: {b}" for a, b in zip(e.split("\n"), g.split("\n")) if a != b]
                detail = "\n".join(lines[:20]) or f"{len(e)} and {len(g)} bytes"
            raise Failure(f"{name} {' '.join(args)}: {what} differs\n{detail}")
    if not expected[1]:
        raise Failure(f"{name}: no output")


def expect(name, got, wanted):
    if got.strip() != wanted.strip():
        raise Failure(f"{name}: got\n{got}\nnot\n{wanted}")


# ---- Tests ----------------------------------------------------------------------------------------------------------


def test_arguments(native, wasm, work):
    compare("arguments", native, wasm, work, ["one", "", "two words", "--flag", "-d", "ünï", "a" * 5000],
            env={"NAME": "value", "EMPTY": "", "EQUALS": "a=b=c"})
    compare("arguments", native, wasm, work)


def test_streams(native, wasm, work):
    compare("streams", native, wasm, work, stdin=INPUT, stderr=True)


def test_files(native, wasm, work):
    compare("files", native, wasm, work, ["data"])


def test_fopen_modes(native, wasm, work):
    compare("fopen_modes", native, wasm, work, ["data"])


def test_large(native, wasm, work):
    compare("large", native, wasm, work, ["data"])


def test_wide(native, wasm, work):
    compare("wide", native, wasm, work, ["data"], env={"NAME": "value"})


def test_directories(native, wasm, work):
    compare("directories", native, wasm, work, ["data"])


def test_clocks(native, wasm, work):
    compare("clocks", native, wasm, work)


def test_ends(native, wasm, work):
    for how in ("none", "return", "exit", "exit255", "exit256", "_exit", "abort", "assert"):
        compare("ends", native, wasm, work, [how])


def test_iostreams(native, wasm, work):
    compare("iostreams", native, wasm, work, ["argument"], "the quick brown fox jumps over the lazy dog the end",
            stderr=True)


def test_sandbox(native, wasm, work):
    """Nothing is granted by default; outside of what is, nothing can be reached; read-only is read-only."""
    paths = ["/etc/passwd", "secret", "/data/../secret", "/data/link", "/data/file", "/data/new"]
    for name in ("data", "outside"):
        (work / name).mkdir()
    (work / "secret").write_text("secret\n")
    (work / "data" / "file").write_text("file\n")
    (work / "data" / "link").symlink_to("../secret")
    nothing = "".join(f"{p}: open ENOENT, stat ENOENT, create ENOENT\n" for p in paths)
    quiet = "getenv(\"HOME\") != NULL = 0\ngetenv(\"PATH\") != NULL = 0\n"
    # wasi-libc says ENOENT where no granted directory's name matches, and ENOTCAPABLE comes from the host.
    result = guest(wasm, paths, work)
    got = result.stdout.replace("ENOTCAPABLE", "ENOENT")
    expect("nothing granted", got, nothing + quiet)

    result = guest(wasm, paths[2:], work, ["-d", "data"])
    expect("-d", result.stdout, """/data/../secret: open ENOTCAPABLE, stat ENOTCAPABLE, create ENOTCAPABLE
/data/link: open ENOTCAPABLE, stat ENOTCAPABLE, create ENOTCAPABLE
/data/file: open ok, stat ok, create ok
/data/new: open ENOENT, stat ENOENT, create ok
""" + quiet)
    (work / "data" / "new").unlink()
    result = guest(wasm, paths[2:], work, ["--dir-ro", "data"])
    expect("--dir-ro", result.stdout, """/data/../secret: open ENOTCAPABLE, stat ENOTCAPABLE, create EROFS
/data/link: open ENOTCAPABLE, stat ENOTCAPABLE, create EROFS
/data/file: open ok, stat ok, create EROFS
/data/new: open ENOENT, stat ENOENT, create EROFS
""" + quiet)
    result = guest(wasm, ["/in/file", "/data/file", "file"], work, ["-d", "data::/in", "-d", "outside::."])
    expect("-d DIR::GUEST", result.stdout, """/in/file: open ok, stat ok, create ok
/data/file: open ENOENT, stat ENOENT, create ENOENT
file: open ENOENT, stat ENOENT, create ok
""" + quiet)
    if (work / "secret").read_text() != "secret\n" or not (work / "outside" / "file").exists():
        raise Failure("sandbox: the tree is not as it must be")


def main():
    if sys.argv[1:2] == ["-m64"]:
        GUEST_FLAGS.append(sys.argv.pop(1))
    names = sys.argv[1:] or sorted(name[5:] for name in globals() if name.startswith("test_"))
    failures = 0
    for name in names:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="wasi-program-") as work:
            work = pathlib.Path(work)
            try:
                globals()["test_" + name](*build(name, work), work)
                print(f"ok {name} ({time.monotonic() - started:.1f} s)")
            except (Failure, subprocess.TimeoutExpired) as failure:
                failures += 1
                print(f"FAILED {name}: {failure}")
        sys.stdout.flush()
    return 1 if failures else 0


sys.exit(main())
