"""Tables of a program that was measured natively, as a guest, and natively once more: what the second native measurement
differs by is noise."""
import math
import re

UNITS = ((1 << 20, "M"), (1 << 10, "K"), (1, ""))


def size_name(size):
    for unit, letter in UNITS:
        if size >= unit and size % unit == 0:
            return f"{size // unit}{letter}"
    return str(size)


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def rows(run):
    """For each operation the times of Wasm and of the second native measurement, as multiples of native's, by size."""
    ratios = {}
    for name, values in run["values"].items():
        match = re.match(r"(.*), (\d+) bytes$", name)
        ratios.setdefault(match[1], {})[int(match[2])] = [min(values[kind]) / min(values["native"])
                                                          for kind in ("wasm", "again")]
    sizes = sorted({size for by_size in ratios.values() for size in by_size})
    yield ("time / native's", *map(size_name, sizes), "geometric mean")
    everything = []
    for operation, by_size in ratios.items():
        everything.extend(by_size.values())
        for i, kind in enumerate(("Wasm", "native again")):
            yield (f"{operation}, {kind}", *(f"{by_size[s][i]:.2f}" if s in by_size else "" for s in sizes),
                   f"{geometric_mean([r[i] for r in by_size.values()]):.3f}")
    for i, kind in enumerate(("Wasm", "native again")):
        yield (f"all, {kind}", *("" for _ in sizes), f"{geometric_mean([r[i] for r in everything]):.3f}")
