"""For the scripts that build libraries of guests: sources of Debian's packages, changes of copies of them, and compiling them."""
import concurrent.futures
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def fail(text):
    sys.exit("%s: %s" % (os.path.basename(sys.argv[0]), text))


def fetch(names, without):
    """The directories of source packages or of folders in them (script/fetch-source). `without`: how to build without."""
    fetched = subprocess.run([os.path.join(ROOT, "script", "fetch-source"), *names], stdout=subprocess.PIPE, text=True, check=False)
    if fetched.returncode:
        fail("no source of %s; %s" % (", ".join(names), without))
    return fetched.stdout.split()[-len(names):]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def rewrite(tree, path, change):
    """Replaces a file by what `change` makes of its text."""
    path = os.path.join(tree, path)
    before = read(path)
    text = change(before)
    if text == before:
        fail(path + " is not the one that this tool knows")
    write(path, text)


def replace(tree, path, *pairs):
    """Replaces texts of a file by others; each must be there."""
    def change(text):
        for old, new in pairs:
            if old not in text:
                fail("%s has no %r: it is not the one that this tool knows" % (path, old))
            text = text.replace(old, new)
        return text
    rewrite(tree, path, change)


def compile_all(jobs):
    """Runs compilers, as many at a time as there are processors. `jobs`: command without the object, object. The objects."""
    def compile_one(job):
        command, made = job
        result = subprocess.run([*command, "-o", made], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return made, result.returncode and result.stdout[-4000:]

    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        results = list(pool.map(compile_one, jobs))
    for made, message in results:
        if message:
            fail(made + ":\n" + message)
    return [made for made, _ in results]


def archive(ar, path, objects):
    if os.path.exists(path):
        os.unlink(path)
    subprocess.run([ar, "rcsD", path, *objects], check=True)
