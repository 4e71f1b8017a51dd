#!/usr/bin/env python3
"""generate.py FILE: writes the table of calls that hostile.c makes, from the table of MPI's API.

Every function that is implemented and can be called at any time between MPI_Init and MPI_Finalize is in it.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src/mpi/gen"))

import api  # noqa: E402
import kinds  # noqa: E402

# They end the job or the library, by design.
LEFT_OUT = {"MPI_Init", "MPI_Init_thread", "MPI_Finalize", "MPI_Abort", "MPI_Pcontrol"}


def class_of(function, param):
    """What hostile.c takes a parameter for."""
    k, out = param.kind, param.direction == "out"
    if k.name in ("buffer", "region", "address", "pointer", "attribute", "state", "t_value", "t_object"):
        return "BUFFER"
    if k.name == "function":
        return "FUNCTION"
    if k.name in ("strings", "string_lists"):
        return k.name.upper()
    if k.name == "string":
        return "OUT" if out else "STRING"
    if k.name == "status" and k.length is None:
        return "OUT"
    if k.length is not None:
        if out or k.name == "status":
            return "OUT"
        if param.scalar_c(function.large) == "MPI_Count":
            return "LONGS"
        if param.scalar_c(function.large) == "MPI_Aint" and k.name != "displ":
            return "AINTS"
        return {"type": "TYPES", "request": "REQUESTS", "info": "INFOS", "displ": "ZEROS", "shift": "ZEROS",
                "rank": "ZEROS", "range": "ZEROS", "weight": "ONES"}.get(
                    k.name, "ONES")
    if k.name == "group" and function.name.startswith("MPI_Win_"):
        return "EMPTY_GROUP"  # nobody answers, nothing blocks
    if k.name == "request" and function.name.startswith("MPI_P"):
        return "PARTITIONED_RECV" if function.name == "MPI_Parrived" else "PARTITIONED_SEND"
    if k.name in kinds.HANDLES:
        name = "request" if k.name == "persistent" else k.name
        if param.direction == "in":
            return "FILE_HANDLE" if name == "file" else name.upper()
        return "OUT" if out else name.upper() + "_PLACE"
    if param.direction != "in":
        return "OUT"
    return {"count": "COUNT", "length": "COUNT", "dest": "PEER", "source": "PEER", "root": "ROOT", "rank": "ROOT",
            "target": "TARGET",
            "tag": "TAG", "recv_tag": "TAG", "bytes": "BYTES", "aint": "BYTES"}.get(k.name, "INT")


def cast(param, large, value):
    k = param.kind
    if param.is_pointer():
        if k.name == "function":
            text = param.declaration(large)
            return "(%s)(uintptr_t)%s" % (text[:text.rindex(" ") + 1] + "*", value)
        return "(void *)(uintptr_t)%s" % value
    c = param.scalar_c(large)
    return "(%s)%s%s" % (c, "(uintptr_t)" if k.name in kinds.HANDLES else "", value)


def main():
    out, table = ["/* Generated from src/mpi/api. */"], []
    for f in api.load():
        if f.status not in ("auto", "manual") or f.name in LEFT_OUT:
            continue
        values = ", ".join(cast(p, f.large, "a[%d]" % i) for i, p in enumerate(f.params))
        call = "%s(%s);" % (f.name, values)
        out.append("static void call_%s(const int64_t *a)\n{\n    (void)a;\n    %s\n}" % (f.name, call))
        table.append('    {"%s", call_%s, %d, {%s}},' % (
            f.name, f.name, len(f.params), ", ".join(class_of(f, p) for p in f.params) or "0"))
    out.append("static const struct call calls[] = {\n%s\n};" % "\n".join(table))
    Path(sys.argv[1]).write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
