"""A copy of wasi-libc's sources, and changes of it."""
import os
import sys


def fail(text):
    sys.exit("libc.py: " + text)


def rewrite(tree, path, change):
    """Replaces a file by what `change` makes of its text."""
    path = os.path.join(tree, path)
    with open(path, encoding="utf-8") as file:
        before = file.read()
    text = change(before)
    if text == before:
        fail(path + " is not the one that this tool knows")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def replace(tree, path, *pairs):
    """Replaces texts of a file by others; each must be there."""
    def change(text):
        for old, new in pairs:
            if old not in text:
                fail("%s has no %r: it is not the one that this tool knows" % (path, old))
            text = text.replace(old, new)
        return text
    rewrite(tree, path, change)
