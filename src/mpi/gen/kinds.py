"""The semantic kinds of parameters: what the guest declares and what it passes.

A kind says how a parameter looks in C, how it looks in the large-count form of its function (MPI 4.1,
2.5.8), and which type a shim receives. How shims convert it is shims.py's to say.
"""

from collections import namedtuple

# c, large: the C type in the plain form and in the `_c` form.
Scalar = namedtuple("Scalar", "c large")


def _same(*names, c):
    return {name: Scalar(c, c) for name in names}


SCALARS = {
    # ints that differ in what they may hold
    **_same(
        "int", "logical", "length", "rank", "root", "dest", "source", "target", "tag", "recv_tag",
        "thread_level", "comparison", "topology", "combiner", "order", "split_type", "typeclass",
        "amode", "whence", "lock_type", "assert", "weight", "cumulative", "factor", c="int",
    ),
    "count": Scalar("int", "MPI_Count"),   # elements or bytes, not negative
    "shift": Scalar("int", "MPI_Count"),   # distance in elements, or a position; may be negative
    "displ": Scalar("int", "MPI_Aint"),    # displacement of a v- or w-collective
    "unit": Scalar("int", "MPI_Aint"),     # displacement unit of a window
    "bytes": Scalar("MPI_Aint", "MPI_Count"),  # distance in bytes
    **_same("aint", c="MPI_Aint"),
    # target_disp(count, type): displacement in a target's window of so many elements of that type
    **_same("target_disp", c="MPI_Aint"),
    **_same("count64", c="MPI_Count"),
    **_same("offset", c="MPI_Offset"),
    **_same("fint", c="MPI_Fint"),
    **_same("t_cb_safety", c="MPI_T_cb_safety"),
    **_same("t_source_order", c="MPI_T_source_order"),
}

HANDLES = {
    "comm": "MPI_Comm",
    "group": "MPI_Group",
    "type": "MPI_Datatype",
    "op": "MPI_Op",
    "request": "MPI_Request",
    "persistent": "MPI_Request",  # a request that is made inactive and started by MPI_Start
    "errhandler": "MPI_Errhandler",
    "info": "MPI_Info",
    "win": "MPI_Win",
    "file": "MPI_File",
    "message": "MPI_Message",
    "session": "MPI_Session",
    "t_enum": "MPI_T_enum",
    "t_cvar": "MPI_T_cvar_handle",
    "t_pvar": "MPI_T_pvar_handle",
    "t_pvar_session": "MPI_T_pvar_session",
    "t_event": "MPI_T_event_registration",
    "t_event_instance": "MPI_T_event_instance",
}

# Pointers to bytes: const where MPI only reads them.
BYTES = {
    "buffer",   # buffer(count, type), buffer(counts, displacements, type or types)
    "region",   # region(size in bytes)
    "address",  # an address that MPI does not read through
    "t_value",  # value of a control or performance variable; its extent is the handle's
}

# Plain C types, whatever the direction.
POINTERS = {
    "pointer": "void *",    # where MPI writes an address
    "attribute": "void *",  # attribute value, or where it is written
    "state": "void *",      # extra state of callbacks
    "t_object": "void *",   # address of a handle whose kind the variable says
    "strings": "char *[]",
    "string_lists": "char **[]",
    "arguments": "char ***",
}

STRUCTS = {"status": "MPI_Status", "f_status": "MPI_Fint", "f08_status": "MPI_F08_status"}

# range: triplets of ints (MPI_Group_range_incl). function(TYPE): a callback of that type.
OTHERS = {"string", "range", "function", "varargs"}

ALL = set(SCALARS) | set(HANDLES) | BYTES | set(POINTERS) | set(STRUCTS) | OTHERS

# WebAssembly type letter (runtime/host_module.h), by C type: of those that are as wide on every guest and no i32. Types as
# wide as pointers. And a type in a shim's prototype.
WASM = {"MPI_Count": "I", "MPI_Offset": "I", "double": "F"}
WORDS = set(HANDLES.values()) | {"MPI_Aint", "void *"}
SHIM = {
    "MPI_Aint": "mw_guest_aint",
    "MPI_Count": "mw_guest_count",
    "MPI_Offset": "mw_guest_offset",
    "MPI_Fint": "int32_t",
    "double": "double",
}


def wasm_type(c, bits):
    """The letter of a scalar C type for guests whose pointers have so many bits."""
    return "I" if bits == 64 and c in WORDS else WASM.get(c, "i")
