"""APT with a list of sources and directories of its own: the system's APT is not touched. For the scripts beside it."""
import glob
import os
import re
import subprocess
import sys


def archives(kind):
    """The system's entries of Debian's archives, as entries for `kind` ("deb", "deb-src")."""
    entries = []
    for path in ["/etc/apt/sources.list"] + sorted(glob.glob("/etc/apt/sources.list.d/*")):
        if not os.path.isfile(path):
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if path.endswith(".sources"):
            text = re.sub(r"^#.*\n", "", text, flags=re.M)
            for stanza in re.split(r"\n\s*\n", text):
                if re.search(r"^URIs:.*\bdebian", stanza, re.M):
                    entries.append(re.sub(r"^Types:.*$", f"Types: {kind}", stanza.strip(), flags=re.M))
        elif path.endswith(".list"):
            for line in text.splitlines():
                match = re.match(r"deb\s+(?:\[(.*?)\]\s+)?(\S*debian\S*)\s+(\S+)\s+(.+)", line.strip())
                if match:
                    options, uri, suite, components = match.groups()
                    signed = re.search(r"signed-by=(\S+)", options or "")
                    entries.append(f"Types: {kind}\nURIs: {uri}\nSuites: {suite}\nComponents: {components}"
                                   + (f"\nSigned-By: {signed.group(1)}" if signed else ""))
    if not entries:
        sys.exit("no Debian archive in /etc/apt: nowhere to get packages from")
    return "\n\n".join(entries) + "\n"


class Apt:
    """`state`: its directory. `architecture`: packages for this one, as on a machine where none is installed."""

    def __init__(self, state, kind, architecture=None):
        for sub in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(state, sub), exist_ok=True)
        sources = os.path.join(state, "debian.sources")
        with open(sources, "w", encoding="utf-8") as file:
            file.write(archives(kind))
        options = {"Dir::Etc::SourceList": sources, "Dir::Etc::SourceParts": "/dev/null",
                   "Dir::State::Lists": os.path.join(state, "lists"), "Dir::Cache": os.path.join(state, "cache"),
                   "APT::Sandbox::User": "root", "Acquire::Languages": "none", "APT::Install-Recommends": "false"}
        if architecture:
            status = os.path.join(state, "status")
            with open(status, "w", encoding="utf-8"):
                pass
            options |= {"APT::Architecture": architecture, "APT::Architectures": architecture,
                        "Dir::State::status": status}
        self.command = ["apt-get", "-q", "-y"] + [part for item in options.items() for part in ("-o", "=".join(item))]

    def run(self, arguments, directory):
        return subprocess.run(self.command + arguments, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
