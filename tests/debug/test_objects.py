"""What a compiled object holds for debuggers, read by LLVM's tools and binutils; and modules whose names or DWARF are
made to do harm."""
import os
import random
import re
import struct
import time
import unittest

from debugging import BUILD, LLVM, MPIWASM, Debugging, symbolize_module
from test_places import TOOL, parse

SCOPES = os.path.join(BUILD, "tests", "debug", "scopes-v{}-O2.wasm")


def leb(n):
    out = bytearray()
    while True:
        out.append(n & 0x7f | (0x80 if n > 0x7f else 0))
        n >>= 7
        if not n:
            return bytes(out)


def section(kind, content):
    return bytes([kind]) + leb(len(content)) + content


def custom(name, content):
    return section(0, leb(len(name)) + name.encode() + content)


def read_sections(module):
    """(kind, content) of each."""
    at, sections = 8, []
    while at < len(module):
        kind, size, shift = module[at], 0, 0
        at += 1
        while True:
            byte = module[at]
            at += 1
            size |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                break
        sections.append((kind, module[at:at + size]))
        at += size
    return sections


def write_sections(sections):
    return b"\0asm\1\0\0\0" + b"".join(section(kind, content) for kind, content in sections)


class Lines(Debugging):
    """Each row of the object's line table has the line that the module's has at its discriminator."""

    def compile(self, module):
        self.run_ok(MPIWASM, "compile", "-o", "program.so", module)
        return self.path("program.so")

    def line_table(self, dumped):
        """(address, line, column, file, discriminator) of each row."""
        for unit in re.split(r"^debug_line\[", dumped, flags=re.M)[1:]:
            names = {int(n): name for n, name in re.findall(r'file_names\[ *(\d+)\]:\n +name: "([^"]*)"', unit)}
            for row in re.findall(r"^(0x[0-9a-f]+) +(\d+) +(\d+) +(\d+) +\d+ +(\d+) ", unit, re.M):
                yield int(row[0], 0), int(row[1]), int(row[2]), os.path.basename(names[int(row[3])]), int(row[4])

    def check(self, module, module_name, at_least):
        code_offset = int(re.search(r" Code start=0x([0-9a-f]+)", self.run_ok("wasm-objdump", "-h", module)).group(1), 16)
        places = {int(address, 16): frames for address, frames in map(parse, self.run_ok(TOOL, module).splitlines())}
        table = self.run_ok(os.path.join(LLVM, "llvm-dwarfdump"), "--debug-line", self.compile(module))
        checked = 0
        for _, line, column, file, discriminator in self.line_table(table):
            if not discriminator or file == module_name:
                continue
            _, guest_file, guest_line = places[discriminator - code_offset][0]
            self.assertEqual(column, 0 if guest_line else 1)
            if guest_line:
                self.assertEqual((file, line), (guest_file, guest_line), hex(discriminator))
                checked += 1
        self.assertGreater(checked, at_least)
        return places, code_offset

    def test_lines(self):
        self.check(self.build("trap.cc", "-O3", "-g"), "program.wasm", 1000)

    def test_functions(self):
        """addresses of the object, symbolized, are in the functions that the module's are in, inlined ones too."""
        for version in (4, 5):
            places, code_offset = self.check(SCOPES.format(version), f"scopes-v{version}-O2.wasm", 50)
            table = self.run_ok(os.path.join(LLVM, "llvm-dwarfdump"), "--debug-line", self.path("program.so"))
            rows = [(address, at) for address, _, _, _, at in self.line_table(table) if at]
            found = symbolize_module(self, self.path("program.so"), [hex(address) for address, _ in rows])
            inlined = 0
            for (address, at), frames in zip(rows, found):
                expected = [function for function, _, _ in places[at - code_offset]]
                if [function for function, _, _ in frames] == expected:
                    inlined += len(expected) > 1
            # Where an address has several rows, the last one counts for the symbolizer.
            self.assertGreater(inlined, len(rows) // 2)

    def test_other_tools(self):
        self.compile(self.build("trap.cc", "-O3", "-g"))
        self.assertIn("No errors.", self.run_ok(os.path.join(LLVM, "llvm-dwarfdump"), "--verify", "program.so"))
        listing = self.run_ok("objdump", "-d", "-l", "program.so")
        self.assertRegex(listing, r"<smooth\(mesh::Field const&, int\)\.f\d+>:\n(?:.*\n)*?.*/trap\.cc:\d+ \(discriminator")


class Hostile(Debugging):
    def compile(self, module, name="hostile.wasm", limit=60):
        with open(self.path(name), "wb") as file:
            file.write(module)
        begin = time.monotonic()
        result = self.run_any(MPIWASM, "compile", "-O1", "-o", "hostile.so", self.path(name))
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stderr[:2000])
        self.assertLess(time.monotonic() - begin, limit)

    def test_names(self):
        """A function's name is anything: it becomes a symbol without doing harm."""
        names = [b"", b"a\0b", b"same", b"same", b"x" * 1000000, b"at@plt", b"line\nbreak", b'quote"\\', b"memcpy",
                 "π::über".encode(), b"\x1b[31m", b".f0", b"$$", b"a b c", b"mw_invoke.t0"]
        bodies = leb(len(names)) + leb(4) + b"\0\x10\x01\x0b" + (leb(2) + b"\0\x0b") * (len(names) - 1)
        function_names = leb(len(names)) + b"".join(leb(i) + leb(len(n)) + n for i, n in enumerate(names))
        module = write_sections([(1, b"\1\x60\0\0"), (3, leb(len(names)) + b"\0" * len(names)), (7, b"\1\6_start\0\0"),
                                 (10, bodies)]) + custom("name", section(1, function_names))
        self.compile(module)
        self.run_ok(MPIWASM, "run", self.path("hostile.wasm"))
        symbols = self.run_any("nm", "hostile.so").stdout
        for symbol in ("wasm-function[0].f0", "a?b.f1", "same.f2", "same.f3", "x" * 500, "at_plt.f5", "line?break.f6",
                       'quote"\\.f7', "memcpy.f8", "π::über.f9", "?[31m.f10", "a b c.f13", "mw_invoke.t0.f14"):
            self.assertIn(f" t {symbol}", symbols)

    def test_mutants(self):
        """Modules with damaged DWARF compile, and to the same code."""
        with open(SCOPES.format(4), "rb") as file:
            original = file.read()
        sections = read_sections(original)
        chance = random.Random(20220408)

        def code():
            # Addresses within the code section only: nothing of the DWARF goes into it.
            return re.sub(r"^.*file format.*$", "", self.run_ok("objdump", "-d", "--no-addresses", "hostile.so"), flags=re.M)

        self.compile(original)
        expected = code()
        for _ in range(25):
            changed = []
            for kind, content in sections:
                content = bytearray(content)
                if kind == 0 and content[1:7] == b".debug" and chance.random() < 0.5:
                    for _ in range(chance.randrange(1, 20)):
                        content[chance.randrange(14, len(content))] = chance.choice((0, 1, 0x7f, 0x80, 0xff, chance.randrange(256)))
                    if chance.random() < 0.3:
                        del content[chance.randrange(14, len(content)):]
                changed.append((kind, bytes(content)))
            self.compile(write_sections(changed))
            self.assertEqual(code(), expected)

    BODY = b"\0" + b"\x41\0\x40\0\x1a" * 500 + b"\x0b"  # memory.grow, dropped

    def module(self, **dwarf):
        body = self.BODY
        code = b"\1" + leb(len(body)) + body
        self.base = len(code) - len(body)
        module = write_sections([(1, b"\1\x60\0\0"), (3, b"\1\0"), (5, b"\1\0\1"), (7, b"\1\6_start\0\0"), (10, code)])
        return module + b"".join(custom(".debug_" + name, content) for name, content in dwarf.items())

    def line_program(self, files=b"f.c\0\0\0\0\0"):
        header = bytes([1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1]) + b"\0" + files
        program = b"\0\5\2" + struct.pack("<I", 4) + b"\1" + b"\2\5\3\1\1" * 500 + b"\0\1\1"
        unit = struct.pack("<HI", 4, len(header)) + header + program
        return struct.pack("<I", len(unit)) + unit

    @staticmethod
    def abbreviation(code, tag, children, *attributes):
        return leb(code) + leb(tag) + bytes([children]) + b"".join(leb(a) + leb(f) for a, f in attributes) + b"\0\0"

    @staticmethod
    def unit(abbreviations, entries):
        content = struct.pack("<HIB", 4, abbreviations, 4) + entries
        return struct.pack("<I", len(content)) + content

    def test_bombs(self):
        """Little input that asks for much work: reading it stays linear."""
        # 20,000 units, each with abbreviations that begin one later in the same long list.
        one = self.abbreviation(1, 0x11, 0, (3, 8))
        self.compile(self.module(line=self.line_program(), abbrev=one * 20000 + b"\0",
                                 info=b"".join(self.unit(len(one) * i, b"\1\0") for i in range(20000))))
        # 200,000 entries of one byte with 100,000 attributes that take no room.
        flags = leb(1) + leb(0x11) + b"\0" + (leb(0x3f) + leb(0x19)) * 100000 + b"\0\0\0"
        self.compile(self.module(line=self.line_program(), abbrev=self.abbreviation(2, 0x11, 1) + flags,
                                 info=self.unit(0, b"\2" + b"\1" * 200000)))
        # 50,000 inlined calls that share a list of 50,000 ranges, each within the one before.
        abbrev = (self.abbreviation(1, 0x11, 1, (0x10, 0x17)) + self.abbreviation(2, 0x2e, 1, (0x11, 1), (0x12, 6)) +
                  self.abbreviation(3, 0x1d, 1, (0x55, 0x17)) + b"\0")
        entries = b"\1" + struct.pack("<I", 0) + b"\2" + struct.pack("<II", 3, len(self.BODY)) + b"\3\0\0\0\0" * 50000
        ranges = b"".join(struct.pack("<II", 4 + i % 2000, 5 + i % 2000) for i in range(50000)) + b"\0" * 8
        self.compile(self.module(line=self.line_program(), abbrev=abbrev, info=self.unit(0, entries), ranges=ranges))
        # Namespaces within one another, and a name of a megabyte that all share.
        abbrev = (self.abbreviation(1, 0x39, 1, (3, 0x0e)) + self.abbreviation(2, 0x2e, 1, (3, 0x0e), (0x11, 1), (0x12, 6)) +
                  b"\0")
        entries = b"\1\0\0\0\0" * 100000 + (b"\2\0\0\0\0" + struct.pack("<II", 3, len(self.BODY))) * 1000
        self.compile(self.module(line=self.line_program(), abbrev=abbrev, info=self.unit(0, entries), str=b"n" * 1000000))
        # Version 5: 2**60 files that take no room; and more rows than there are bytes of code.
        header = bytes([4, 0]) + struct.pack("<I", 100) + bytes([1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1])
        for formats in (b"\0" + leb(1 << 60), b"\1\1\x19" + leb(1 << 60)):
            unit = struct.pack("<H", 5) + header + formats * 2 + b"\0" * 100
            self.compile(self.module(line=struct.pack("<I", len(unit)) + unit))
        rows = b"\0\5\2" + struct.pack("<I", 4) + b"\x2b" * 3000000 + b"\0\1\1"
        self.compile(self.module(line=self.line_program()[:-1] + b"\0\1\1" + struct.pack("<I", 0) + rows))
        many = self.line_program()
        self.compile(self.module(line=many * 2000))

    def test_deep_scopes(self):
        """Every instruction in a call of its own that was inlined through 32 others."""
        abbrev = (self.abbreviation(1, 0x11, 1, (0x10, 0x17)) + self.abbreviation(2, 0x2e, 1, (3, 8), (0x11, 1), (0x12, 6)) +
                  self.abbreviation(3, 0x1d, 1, (0x31, 0x13), (0x11, 1), (0x12, 6), (0x58, 0x0b), (0x59, 6)) + b"\0")
        entries = b"\1" + struct.pack("<I", 0) + b"\2f\0" + struct.pack("<II", 3, len(self.BODY))
        for i in range(500):
            for depth in range(40):
                entries += b"\3" + struct.pack("<IIIBI", 16, 4 + 5 * i, 5, 1, 40 * i + depth + 1)
            entries += b"\0" * 40
        self.compile(self.module(line=self.line_program(), abbrev=abbrev, info=self.unit(0, entries + b"\0\0")))


if __name__ == "__main__":
    unittest.main()
