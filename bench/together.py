"""Many processes of one program at a time, as the ranks of a node are: processor time and memory for each of them."""
import re
import resource
import subprocess

COUNTS = (1, 4, 16, 64)


def memory_of(pid):
    """(proportional, private) kilobytes: what is shared counts in parts, or not at all."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        fields = dict(re.findall(r"^(\w+): +(\d+) kB", file.read(), re.MULTILINE))
    return int(fields["Pss"]), int(fields["Private_Clean"]) + int(fields["Private_Dirty"])


def run(command, count):
    """(seconds of processor time, proportional kB, private kB), each for one of `count` processes of bench/wait.c."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(count)]
    for process in processes:
        if process.stdout.readline() != b"waiting\n":
            raise RuntimeError(f"{' '.join(command)} did not start")
    sizes = [memory_of(process.pid) for process in processes]
    for process in processes:
        process.stdin.close()
        process.stdout.close()
        process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds / count, sum(s[0] for s in sizes) / count, sum(s[1] for s in sizes) / count


def measure(commands, rounds):
    """[{kind, count, seconds: [...], pss_kb, private_kb}] of {kind: command}."""
    results = []
    for count in COUNTS:
        for kind, command in commands.items():
            runs = [run(command, count) for _ in range(rounds)]
            results.append({"kind": kind, "count": count, "seconds": [r[0] for r in runs],
                            "pss_kb": min(r[1] for r in runs), "private_kb": min(r[2] for r in runs)})
    return results


def rows(results):
    yield ("processes at a time", "", "processor time each", "memory each, shared parts divided", "private memory each")
    for r in results:
        yield (str(r["count"]), r["kind"], f"{min(r['seconds']) * 1e3:.2f} ms", f"{r['pss_kb'] / 1024:.2f} MB",
               f"{r['private_kb'] / 1024:.2f} MB")
