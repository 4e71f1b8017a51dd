"""Compiling hostile modules: time and memory grow with the module's size, not with its square.

Each shape (shapes.py) is compiled at a size and at twice that size. Doubling may take three times as long (LLVM's sorts
and the noise of a busy machine), not four times; and whatever the shape, a byte of module costs no more than
SECONDS_PER_MB and BYTES_PER_BYTE say, which docs/architecture.md promises.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import shapes  # noqa: E402

MPIWASM = pathlib.Path(os.environ["MW_BUILD_DIR"]) / "bin/mpiwasm"
SECONDS_PER_MB = 200      # of CPU time, on an old and busy core
BYTES_PER_BYTE = 6000     # of memory, beyond BASE_BYTES
BASE_BYTES = 150 << 20
SLACK_SECONDS = 1.0
SLACK_BYTES = 32 << 20


class Bounds(unittest.TestCase):
    def compile(self, data, level):
        """CPU seconds and bytes of memory."""
        with tempfile.TemporaryDirectory() as directory:
            module = os.path.join(directory, "m.wasm")
            with open(module, "wb") as f:
                f.write(data)
            command = ["prlimit", "--cpu=300", "--as=16000000000", MPIWASM, "compile", "-j1", f"-O{level}", "-o", module + ".o", module]
            process = subprocess.Popen(command, stderr=subprocess.PIPE)
            with process.stderr:
                errors = process.stderr.read().decode(errors="replace")
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
            self.assertEqual(status, 0, errors[:500])
            return usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10

    def grows(self, name):
        function, size, levels = shapes.SHAPES[name]
        for level in levels:
            small, large = function(size // 2), function(size)
            time1, memory1 = self.compile(small, level)
            time2, memory2 = self.compile(large, level)
            what = f"-O{level}, {len(small)} and {len(large)} bytes: {time1:.2f} s, {time2:.2f} s, {memory1 >> 20} MB, {memory2 >> 20} MB"
            with self.subTest(level=level):
                self.assertLess(time2, 3 * time1 + SLACK_SECONDS, what)
                self.assertLess(time2, SECONDS_PER_MB * len(large) / (1 << 20) + SLACK_SECONDS, what)
                self.assertLess(memory2, 2.5 * memory1 + SLACK_BYTES, what)
                self.assertLess(memory2, BYTES_PER_BYTE * len(large) + BASE_BYTES, what)


for _name in shapes.SHAPES:
    setattr(Bounds, f"test_{_name}", lambda self, name=_name: self.grows(name))

if __name__ == "__main__":
    unittest.main()
