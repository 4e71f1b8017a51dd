"""Results of MPICH's test suite as docs/mpich-suite.md, and the exceptions with their reasons."""

import collections
import fnmatch
import json
import sys

HOST_NAMES = {"openmpi": "Open MPI", "mpich": "MPICH"}

HEAD = """\
# MPICH's test suite

MPICH 4.0's own tests in C, unchanged, from Debian's source package. Each is built with the host's `mpicc` and with
`mpiwasm-cc` and run with both: what passes natively on a host MPI must pass as Wasm on it. Written by
`tests/mpi/mpich_suite.py --table` from the results of `tests/mpi/mpich_suite.py --all` (`script/test --full` runs both); CI
runs the slice in `tests/mpi/mpich_suite.list`.

"""

TAIL = """
Not run: directories in other languages (`cxx`, `f77`, `f90`, `f08`); `perf`, whose tests measure time; `basic`, `manual`, `ckpoint`
and `ft`, which the suite itself leaves out; tests that configure leaves out where pointers have 4 bytes, and those that need
more than 2 GB. Where the suite's lists have many ranks, tests run with 2 to 4, or, if they do not pass natively with these,
with as many as the lists say. What does not pass natively mostly needs functions that the host lacks (Open MPI 4.1 has no
sessions, partitioned communication or large counts), tests what MPICH alone promises, or did not end in its time on two
cores, where ranks wait by spinning.

Open MPI 4.1 reads the length of a probed message after it has given up the lock that protects it: where threads probe for
and receive the same messages (`threads/pt2pt/mt_iprobe_*`, `mt_probe_*`), a count is wrong once in a while, natively too.
"""


class Exceptions:
    """Lines `hosts pattern: reason`; the pattern is that of a program (rma/win_*) or of a test with its arguments."""

    def __init__(self, path):
        self.rows = []
        for line in path.read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                where, _, reason = line.partition(": ")
                hosts, _, pattern = where.partition(" ")
                self.rows.append((hosts.split(","), pattern.strip(), reason.strip()))

    def row(self, result):
        for row in self.rows:
            names = (result["test"], result["test"].split()[0])
            if result["host"] in row[0] and any(fnmatch.fnmatchcase(name, row[1]) for name in names):
                return row
        return None

    def reason(self, result):
        row = self.row(result)
        return row[2] if row else None


def read(path):
    """(host, test name) -> result"""
    if not path.exists():
        return {}
    results = (json.loads(line) for line in path.read_text().splitlines())
    return {(r["host"], r["test"]): r for r in results}


def count(results, *verdicts):
    return sum(r["verdict"] in verdicts for r in results)


def write(path, exceptions, target, tests):
    """`tests` are those of the suite's lists; what has no result yet is told."""
    known = read(path)
    results = list(known.values())
    if not results:
        sys.exit("mpich_suite: no results of --all in %s" % path)
    hosts = [h for h in HOST_NAMES if any(r["host"] == h for r in results)]
    lines = [HEAD, "| directory | " + " | ".join("%s: tests | pass natively | pass as Wasm too" % HOST_NAMES[h]
                                                   for h in hosts) + " |",
             "|---|" + "---:|" * (3 * len(hosts))]

    def row(name, chosen):
        cells = []
        for host in hosts:
            of = [r for r in chosen if r["host"] == host]
            cells += [len(of), count(of, "pass", "fail"), count(of, "pass")]
        lines.append("| %s | %s |" % (name, " | ".join(map(str, cells))))

    for directory in sorted({r["directory"] for r in results}):
        row(directory, [r for r in results if r["directory"] == directory])
    row("**all**", results)

    for host in hosts:
        left = collections.Counter(t.directory for t in tests if (host, t.name) not in known)
        if left:
            lines += ["", "Without a result yet on %s: %s." % (
                HOST_NAMES[host], ", ".join("%d of `%s`" % (n, d) for d, n in sorted(left.items())))]

    failed = [r for r in results if r["verdict"] == "fail"]
    lines += ["", "## Exceptions", ""]
    if not failed:
        lines.append("None.")
    for hosts_of, pattern, reason in exceptions.rows:
        of = [r for r in failed if exceptions.row(r) == (hosts_of, pattern, reason)]
        if of:
            names = sorted({"`%s`" % r["test"] for r in of})
            where = ", ".join(HOST_NAMES[h] for h in hosts if any(r["host"] == h for r in of))
            lines.append("- %s (%s): %s" % (", ".join(names), where, reason))
    unexplained = [r for r in failed if not exceptions.row(r)]
    lines += ["- `%s` (%s): not explained yet" % (r["test"], HOST_NAMES[r["host"]]) for r in unexplained]
    for r in unexplained:
        print("no reason is given for %s: %s" % (r["host"], r["test"]))
    target.write_text("\n".join(lines) + "\n" + TAIL)
    sys.exit(bool(unexplained))
