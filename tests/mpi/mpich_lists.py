"""MPICH's test lists and makefiles: which programs there are, how they are run and what they are built from.

A line of a test list is `program ranks key=value...`, as the suite's runtests reads it: arg, env, mpiexecarg (any
number of each), timeLimit in seconds, resultTest (what counts as success), mem in GB, xfail, strict, mpiversion.
"""

import re

# Directories of the suite with programs in C. Those below count with their parent.
DIRECTORIES = ("attr", "coll", "comm", "datatype", "errhan", "errors", "group", "impls", "info", "init", "io", "mpi_t",
               "part", "pt2pt", "rma", "spawn", "threads", "topo")

# Subdirectories that are left out, all in other languages.
OTHER_LANGUAGES = {"cxx", "f77", "f90", "f08"}

# What configure puts in for its variables. With 4-byte pointers it leaves out @largetest@, natively too here.
VARIABLES = {"largetest": "#", "comm_overlap": "", "namepub_tests": "", "ch3_tests": "#", "ch4_tests": ""}

DEFAULT_SECONDS = 180


class Test:
    """One line of a list. `name` tells it from all others."""

    def __init__(self, program, ranks, options=()):
        self.program, self.ranks = program, ranks
        self.args, self.env, self.mpiexec = [], {}, []
        self.seconds, self.result, self.memory = DEFAULT_SECONDS, "", 0.0
        for option in options:
            key, _, value = option.partition("=")
            if key == "arg":
                self.args.append(value)
            elif key == "env":
                name, _, self.env[name] = value.partition("=")
            elif key == "mpiexecarg":
                self.mpiexec.append(value)
            elif key == "timeLimit":
                self.seconds = int(value)
            elif key == "resultTest":
                self.result = value
            elif key == "mem":
                self.memory = float(value)
            elif key not in ("xfail", "strict", "mpiversion", "mpix", "lock") and "/" not in key:
                # xfail: whoever expects it to fail, what passes natively must pass. strict, mpix: a program that the
                # host does not have the functions for fails natively. A path is a slip in one line of the lists.
                raise ValueError("%s: unknown option %s" % (program, option))

    @property
    def directory(self):
        return self.program.split("/")[0]

    @property
    def name(self):
        env = ["%s=%s" % item for item in sorted(self.env.items())]
        return " ".join([self.program, str(self.ranks)] + env + self.args)


def substitute(line):
    return re.sub(r"@(\w+)@", lambda m: VARIABLES.get(m.group(1), ""), line).split("#")[0].split()


def read_list(suite, directory, found):
    """The tests of a directory and of those below it that its list names; `found` names those that came before."""
    for name in ("testlist", "testlist.in"):
        path = suite / directory / name
        if not path.exists():
            continue
        for line in path.read_text().splitlines():
            fields = substitute(line)
            if len(fields) < 2 or not fields[1].isdigit():
                continue
            test = Test("%s/%s" % (directory, fields[0]), int(fields[1]), fields[2:])
            if test.name not in found:
                found.add(test.name)
                yield test
    for path in sorted(p for p in (suite / directory).iterdir() if p.is_dir() and p.name not in OTHER_LANGUAGES):
        yield from read_list(suite, "%s/%s" % (directory, path.name), found)


def everything(suite):
    found = set()
    for directory in DIRECTORIES:
        yield from read_list(suite, directory, found)


class Makefiles:
    """What automake would build a program from: NAME_SOURCES and NAME_CPPFLAGS of its directory's Makefile.am."""

    def __init__(self, suite):
        self.suite, self.read = suite, {}

    def variables(self, directory):
        if directory not in self.read:
            path = self.suite / directory / "Makefile.am"
            text = path.read_text().replace("\\\n", " ") if path.exists() else ""
            self.read[directory] = dict(re.findall(r"^(\w+)\s*\+?=\s*(.*)$", text, re.M))
            self.read[directory]["threads"] = "Makefile_threads.mtest" in text
        return self.read[directory]

    def program(self, program):
        """(sources, preprocessor options, whether it uses threads)"""
        directory, _, name = program.rpartition("/")
        variables = self.variables(directory)
        name = re.sub(r"\W", "_", name)
        sources = [s for s in variables.get(name + "_SOURCES", "").split() if s.endswith(".c")]
        if not sources:
            sources = [program.rpartition("/")[2] + ".c"]
        flags = [f for f in variables.get(name + "_CPPFLAGS", "").split() if f.startswith("-D")]
        return [self.suite / directory / s for s in sources], flags, variables["threads"]
