"""docs/support-matrix.md, and the list of functions that tests go through."""

from api import CHAPTERS

TEXTS = {
    "auto": "yes",
    "manual": "yes",
    "guest": "yes, inside the guest",
    "unsupported": "no",
}


def _version(version):
    return ".".join(str(n) for n in version)


def _notes(function):
    notes = []
    if function.reason:
        notes.append(function.reason)
    # Large-count forms fall back on the plain form where the counts fit.
    needed = function.base_since if function.large else function.since
    if needed >= (4, 0) and function.status in ("auto", "manual") and not function.everywhere:
        notes.append("needs a host with MPI %s" % _version(needed))
    if function.deprecated:
        notes.append("deprecated in MPI %s" % function.deprecated)
    if function.removed:
        notes.append("removed in MPI %s" % function.removed)
    return "; ".join(notes)


def matrix(functions):
    done = [f for f in functions if f.status != "unsupported"]
    standard = [f for f in functions if not f.removed]
    out = ["""\
# Which functions of MPI work

Generated from `src/mpi/api` by `src/mpi/gen/generate.py`; a test compares the two. Every function is declared in the
guest's `mpi.h` and links. One that is not supported fails when it is called, with its name, through the error handler
(`MPI_ERR_UNSUPPORTED_OPERATION`).

| chapter | functions | supported |
|---|---:|---:|"""]
    for chapter in CHAPTERS:
        members = [f for f in functions if f.chapter == chapter]
        out.append("| [%s](#%s) | %d | %d |" % (chapter, chapter, len(members), sum(f in done for f in members)))
    out.append("| all | %d | %d |" % (len(functions), len(done)))
    out.append("\nMPI 4.1 has %d of them, %d being large-count forms (`_c`); %d were removed in MPI 3.0." % (
        len(standard), sum(f.large for f in standard), len(functions) - len(standard)))
    for chapter in CHAPTERS:
        out.append("\n## %s\n\n| function | since | supported | |\n|---|---|---|---|" % chapter)
        for f in functions:
            if f.chapter == chapter:
                out.append("| %s | %s | %s | %s |" % (f.name, _version(f.since), TEXTS[f.status], _notes(f)))
    return "\n".join(out) + "\n"


def listing(functions):
    """One line a function: name, status, version; for tests."""
    return "".join("%s\t%s\t%s\n" % (f.name, f.status, _version(f.since)) for f in functions)
