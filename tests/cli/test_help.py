"""The table of options (src/cli/options.def), --help, the man page and the README say the same."""
import os
import re
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MPIWASM = os.path.join(os.environ["MW_BUILD_DIR"], "bin", "mpiwasm")
COMMANDS = {"R": "run", "C": "compile", "I": "inspect", "K": "cache", "D": "doctor"}


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


def options():
    """(letter, name, argument, commands, help) of every row of the table."""
    row = re.compile(r'^MW_OPTION\(\w+,\s*(0|\'.\'),\s*"([^"]+)",\s*(NULL|"[^"]+"),\s*"(\w+)",\s*"((?:[^"\\]|\\.)*)"\)',
                     re.M)
    found = [(m[1].strip("'") if m[1] != "0" else None, m[2], None if m[3] == "NULL" else m[3].strip('"'), m[4],
              m[5].replace('\\"', '"')) for m in row.finditer(read("src", "cli", "options.def"))]
    assert len(found) == read("src", "cli", "options.def").count("\nMW_OPTION("), "a row was not understood"
    return found


class Help(unittest.TestCase):
    def test_help_lists_each_commands_options(self):
        for letter, command in COMMANDS.items():
            text = subprocess.run([MPIWASM, command, "--help"], capture_output=True, text=True, check=True).stdout
            listed = set(re.findall(r"--([a-z-]+)", "\n".join(line[:32] for line in text.splitlines())))
            self.assertEqual(listed, {name for _, name, _, commands, _ in options() if letter in commands}, command)
            for _, name, argument, commands, help_text in options():
                if letter in commands:
                    self.assertIn(help_text, text)
                    if argument:
                        self.assertIn(f"--{name} {argument}", text)

    def test_man_page_lists_every_option_with_its_commands(self):
        page = read("docs", "man", "mpiwasm.1")
        section = page[page.index(".SH OPTIONS"):page.index(".SH EXIT STATUS")].replace("\\-", "-")
        documented = {}
        for entry in section.split(".TP\n")[1:]:
            head, text = entry.split("\n", 1)
            m = re.match(r'\.B[IR] "(?:-(.), )?--([a-z-]+)(?: " (\S+))?"? "? ?\(([a-z, ]+)\)"', head)
            self.assertTrue(m, head)
            documented[m[2]] = (m[1], m[3], m[4], text.strip())
        for letter, name, argument, commands, help_text in options():
            self.assertIn(name, documented)
            self.assertEqual(documented[name], (letter, argument, ", ".join(COMMANDS[c] for c in commands), help_text))
        self.assertEqual(len(documented), len(options()))

    def test_readme_names_only_options_that_exist(self):
        known = {name for _, name, _, _, _ in options()} | {"version"}
        for line in re.findall(r"^.*\bmpiwasm (?!-cc|-c\+\+).*$", read("README.md"), re.M):
            command = line.split("mpiwasm ", 1)[1].split(".wasm")[0]
            for option in re.findall(r"(?<![\w-])--([a-z][a-z-]+)", command):
                self.assertIn(option, known, line)

    def test_every_option_is_accepted(self):
        for letter, command in COMMANDS.items():
            for short, name, argument, commands, _ in options():
                if letter in commands and name != "help":
                    sample = {"DIR[::GUEST]": "/tmp", "NAME=VALUE": "A=1", "BYTES": "1M", "LEVEL": "2", "N": "1",
                              "ELEMENTS": "9", "NAME,...": "gc", "fast|off": "off", "fast|deterministic": "fast"}.get(argument, "x")
                    args = [f"--{name}"] + ([sample] if argument else [])
                    run = subprocess.run([MPIWASM, command, *args, "--help"], capture_output=True, text=True)
                    self.assertEqual(run.returncode, 0, (command, args, run.stderr))


if __name__ == "__main__":
    sys.exit(unittest.main())
