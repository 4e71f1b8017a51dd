"""The readers of DWARF against LLVM's, for every instruction of modules in DWARF 4 and 5, of 32 and 64 bits."""
import glob
import os
import unittest

from debugging import BUILD, Debugging, symbolize_module

TOOL = os.path.join(BUILD, "bin", "print_places")
MAX_INLINED = 32  # src/wasm/dwarf_info.c follows no more


def parse(line):
    address, *frames = line.split("\t")
    places = []
    for frame in frames:
        function, where = frame.rsplit("@", 1)
        file, number = where.rsplit(":", 1)
        places.append((function, file, int(number)))
    return address, places


def comparable(frames):
    """Without what differs by intent: the file of a line that is none."""
    return [(function, file if line else None, line) for function, file, line in frames]


class Places(Debugging):
    def compare(self, module, at_least):
        ours = [parse(line) for line in self.run_ok(TOOL, module).splitlines()]
        theirs = symbolize_module(self, module, [address for address, _ in ours])
        self.assertEqual(len(ours), len(theirs))
        known = inlined = 0
        for (address, mine), other in zip(ours, theirs):
            if not mine:  # the DWARF has no function there
                self.assertEqual(len(other), 1, f"{module} {address}: {other}")
                continue
            known += 1
            inlined += len(mine) > 1
            mine, other = comparable(mine), comparable(other)
            if len(other) > MAX_INLINED + 1:
                # The innermost that is followed has the line of the code itself.
                cut = other[-MAX_INLINED - 1:]
                cut[0] = (cut[0][0], *other[0][1:])
                other = cut
            self.assertEqual(mine, other, f"{module} {address}")
        self.assertGreater(known, at_least)
        return inlined

    def test_own_program(self):
        modules = sorted(glob.glob(os.path.join(BUILD, "tests", "debug", "scopes-*.wasm")))
        self.assertEqual(len(modules), 5)
        inlined = {os.path.basename(module): self.compare(module, 200) for module in modules}
        for name in ("scopes-v4-O2.wasm", "scopes-v5-O2.wasm", "scopes-memory64.wasm"):
            self.assertGreater(inlined[name], 200)

    def test_with_libraries(self):
        """Debian's C library has DWARF of its own, made by another version of clang."""
        for version in "45":
            module = self.build("trap.cc", "-O3", "-g", f"-gdwarf-{version}")
            self.assertGreater(self.compare(module, 3000), 500)

    def test_none(self):
        module = self.build("trap.cc", "-O3", "-s")
        self.assertEqual(self.run_ok(TOOL, module), "")


if __name__ == "__main__":
    unittest.main()
