"""Runs modules for the attacks' tests through differential-engine, in all the ways that code is made."""

import os
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "fuzz"), str(HERE.parent / "instructions")]
from differential import Engine  # noqa: E402

BUILD = pathlib.Path(os.environ["MW_BUILD_DIR"])
VARIANTS = ["O0", "O0,strict", "O3", "O3,strict", "O3,cpu=x86-64"]
if os.environ.get("ATTACKS_NODE"):  # checks what the tests expect against another engine
    VARIANTS = ["node"]


def bits(value, letter="i"):
    return f"{letter}:{value & (0xFFFFFFFF if letter in 'if' else (1 << 64) - 1):x}"


class Attack(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        if VARIANTS == ["node"]:
            cls.engine = Engine(["node", HERE.parent / "fuzz/engine.mjs"], 60)
        else:
            cls.engine = Engine([BUILD / "tests/fuzz/differential-engine"], 150)
        cls.directory = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.engine.close()
        cls.directory.cleanup()

    def answer(self, module, calls, variant):
        """What each call (name, results, arguments...) does, as a line; a refused module is one line. Then how the run
        of the engine ended."""
        path = pathlib.Path(self.directory.name)
        (path / "module.wasm").write_bytes(module)
        lines = [" ".join(["call", name.encode().hex(), results or "-", *arguments]) for name, results, *arguments in calls]
        (path / "script").write_text("".join(line + "\n" for line in lines), encoding="ascii")
        return self.engine.ask(path / "module.wasm", path / "script", variant)

    def check(self, module, *expected):
        """Each of `expected`: (call, line, or several that are right), a call being (name, results, arguments...)."""
        for variant in VARIANTS:
            *lines, end = self.answer(module, [call for call, _ in expected], variant)
            self.assertEqual(end, "end", lines[-3:])
            for (call, line), got in zip(expected, lines, strict=True):
                if got not in (line if isinstance(line, tuple) else (line,)):
                    self.assertEqual(got, line, f"{variant}: {call}")
