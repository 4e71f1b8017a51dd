#!/usr/bin/env python3
"""The table of MPI's API and its generator, without MPI: src/mpi/api, src/mpi/gen."""

import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src/mpi/gen"))

import api  # noqa: E402
import guest  # noqa: E402
import legacy  # noqa: E402
import matrix  # noqa: E402
import shims  # noqa: E402

FUNCTIONS = api.load()
BY_NAME = {f.name: f for f in FUNCTIONS}
CONSTANTS = api.load_constants()
FILES = dict(shims.files(FUNCTIONS))
SHIMS = {f.name: shims.shim(f) for f in FUNCTIONS if f.status == "auto"}


def function(text):
    """The one function of a table's text."""
    return api.parse(text, "test")[0]


def shim_of(name):
    return SHIMS[name]


class Table(unittest.TestCase):
    def test_whole_standard(self):
        # MPI 4.1, appendix A: 503 functions and 159 large-count forms; 10 more were removed in MPI 3.0.
        standard = [f for f in FUNCTIONS if not f.removed]
        self.assertEqual(sum(not f.large for f in standard), 503)
        self.assertEqual(sum(f.large for f in standard), 159)
        self.assertEqual(len(FUNCTIONS) - len(standard), 10)

    def test_every_chapter_is_read(self):
        files = {path.stem for path in api.directory().glob("*.api")}
        self.assertEqual(files, set(api.CHAPTERS) | {"constants"})

    def test_sorted_for_people(self):
        for chapter in api.CHAPTERS:
            names = [f.name.lower() for f in FUNCTIONS if f.chapter == chapter and not f.large]
            self.assertEqual(names, sorted(names), chapter)

    def test_every_kind_is_used(self):
        used = {p.kind.name for f in FUNCTIONS for p in f.params}
        self.assertEqual(set(shims.kinds.ALL) - used, set())

    def test_every_attribute_is_used(self):
        used = {key for f in FUNCTIONS for p in f.params for key in p.attributes}
        self.assertEqual(used, api.Parameter.ATTRIBUTES)

    def test_extents_are_explicit(self):
        for f in FUNCTIONS:
            for p in f.params:
                where = "%s.%s" % (f.name, p.name)
                if p.kind.name in ("buffer", "region"):
                    self.assertTrue(p.kind.args, where)
                if p.kind.name == "string" and p.direction == "out":
                    self.assertIsNotNone(p.kind.length, where)

    def test_deprecated_and_removed(self):
        self.assertEqual(BY_NAME["MPI_Attr_get"].deprecated, "2.0")
        self.assertEqual(BY_NAME["MPI_Type_struct"].removed, "3.0")
        self.assertIsNone(BY_NAME["MPI_Send"].deprecated)


class Mistakes(unittest.TestCase):
    def refused(self, text, message):
        with self.assertRaisesRegex(api.TableError, message):
            function(text)

    def test_header(self):
        self.refused("MPI_X 1.1", "a name, a version and a status")
        self.refused("MPI_X 1.1 perhaps", "unknown status")
        self.refused("MPI_X 1.1 auto fast", "unknown attribute 'fast'")
        self.refused("MPI_X 1.1 unsupported", "has a reason")
        self.refused("MPI_X 1.1 auto -- because", "has a reason")
        self.refused("MPI_X 1.1 guest", "has a body")
        self.refused("MPI_X 1.1 auto large large", "twice")
        self.refused("MPI_X 1.1 auto large=maybe", "large=maybe")

    def test_parameter(self):
        self.refused("    x in int", "before the first function")
        self.refused("MPI_X 1.1 auto\n    x in", "a name, a direction and a kind")
        self.refused("MPI_X 1.1 auto\n    x into int", "unknown direction")
        self.refused("MPI_X 1.1 auto\n    x in integer", "unknown kind")
        self.refused("MPI_X 1.1 auto\n    x in int[n]", "no parameter 'n'")
        self.refused("MPI_X 1.1 auto\n    x in int[)]", "not an expression|unknown kind")
        self.refused("MPI_X 1.1 auto\n    x in int sometimes", "unknown attribute")
        self.refused("MPI_X 1.1 auto\n    x in int\n    x in int", "two parameters")

    def test_line_is_named(self):
        self.refused("# comment\n\nMPI_X 1.1 auto\n    x in integer", "table:4")

    def test_auto_needs_a_conversion(self):
        with self.assertRaises(shims.CannotGenerate):
            shims.shim(function("MPI_X 1.1 auto\n    comm in comm\n    x out t_enum"))


class Declarations(unittest.TestCase):
    def test_prototypes(self):
        for name, expected in {
            "MPI_Send": "int MPI_Send(const void *buf, int count, MPI_Datatype datatype, int dest, int tag, MPI_Comm comm)",
            "MPI_Send_c": "int MPI_Send_c(const void *buf, MPI_Count count, MPI_Datatype datatype, int dest, int tag, "
                          "MPI_Comm comm)",
            "MPI_Wtime": "double MPI_Wtime(void)",
            "MPI_Init": "int MPI_Init(int *argc, char ***argv)",
            "MPI_Waitall": "int MPI_Waitall(int count, MPI_Request array_of_requests[], MPI_Status array_of_statuses[])",
            "MPI_Group_range_incl": "int MPI_Group_range_incl(MPI_Group group, int n, int ranges[][3], "
                                    "MPI_Group *newgroup)",
            "MPI_Pcontrol": "int MPI_Pcontrol(int level, ...)",
            "MPI_Op_create_c": "int MPI_Op_create_c(MPI_User_function_c *user_fn, int commute, MPI_Op *op)",
            "MPI_Type_get_envelope_c":
                "int MPI_Type_get_envelope_c(MPI_Datatype datatype, MPI_Count *num_integers, MPI_Count *num_addresses, "
                "MPI_Count *num_large_counts, MPI_Count *num_datatypes, int *combiner)",
            "MPI_Comm_f2c": "MPI_Comm MPI_Comm_f2c(MPI_Fint comm)",
            "MPI_Alltoallw": "int MPI_Alltoallw(const void *sendbuf, const int sendcounts[], const int sdispls[], "
                             "const MPI_Datatype sendtypes[], void *recvbuf, const int recvcounts[], "
                             "const int rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm)",
        }.items():
            self.assertEqual(BY_NAME[name].prototype(), expected)

    def test_signatures(self):
        for name, expected in {
            "MPI_Send": "iiiiii:i", "MPI_Send_c": "iIiiii:i", "MPI_Wtime": ":F", "MPI_File_read_at": "iIiiii:i",
            "MPI_Type_create_resized": "iiii:i", "MPI_Type_create_resized_c": "iIIi:i", "MPI_Init": "ii:i",
        }.items():
            self.assertEqual(shims.signature(BY_NAME[name]), expected)

    def test_header_declares_all_twice(self):
        text = guest.header(FUNCTIONS, CONSTANTS)
        for name in BY_NAME:
            self.assertEqual(len(re.findall(r"\b%s\(" % name, text)), 1, name)
            self.assertEqual(len(re.findall(r"\bP%s\(" % name, text)), 1, name)
        for constant in CONSTANTS:
            self.assertRegex(text, r"\b%s\b" % constant.name)

    def test_constants_are_unique(self):
        names = [c.name for c in CONSTANTS]
        self.assertEqual(len(names), len(set(names)))
        self.assertTrue(all(name.startswith("MPI_") for name in names))

    def test_values(self):
        # Some of each table of MPI 5.0, appendix A, by hand.
        values = {c.name: c.value for c in CONSTANTS}
        for name, expected in {
            "MPI_OP_NULL": 0x20, "MPI_SUM": 0x21, "MPI_REPLACE": 0x3C, "MPI_COMM_NULL": 0x100, "MPI_COMM_WORLD": 0x101,
            "MPI_COMM_SELF": 0x102, "MPI_GROUP_EMPTY": 0x109, "MPI_WIN_NULL": 0x110, "MPI_FILE_NULL": 0x118,
            "MPI_MESSAGE_NO_PROC": 0x129, "MPI_INFO_ENV": 0x131, "MPI_ERRORS_RETURN": 0x143, "MPI_REQUEST_NULL": 0x180,
            "MPI_DATATYPE_NULL": 0x200, "MPI_INT": 0x209, "MPI_DOUBLE": 0x214, "MPI_BYTE": 0x247, "MPI_INT64_T": 0x258,
            "MPI_ERR_VALUE_TOO_LARGE": 59, "MPI_BOTTOM": 0, "MPI_IN_PLACE": 1, "MPI_UNWEIGHTED": 10, "MPI_TAG_UB": 501,
        }.items():
            self.assertEqual(values[name], expected, name)

    def test_handles_are_below_the_zero_page(self):
        # MPI 5.0, 20.2: predefined handles differ from any address, and of one kind from each other.
        values = {}
        for c in CONSTANTS:
            if c.type in guest.HANDLE_TYPES and not c.type.startswith("MPI_T_"):
                self.assertTrue(0 < c.value < 0x1000, c.name)
                values.setdefault((c.type, c.value), []).append(c.name)
        aliases = sorted(names for names in values.values() if len(names) > 1)
        self.assertEqual(aliases, [["MPI_C_FLOAT_COMPLEX", "MPI_C_COMPLEX"], ["MPI_LONG_LONG", "MPI_LONG_LONG_INT"]])


class Shims(unittest.TestCase):
    def test_every_auto_row_is_generated(self):
        for name, text in SHIMS.items():
            self.assertIn("mw_%s(" % name, text)

    def test_every_import_has_one_definition_and_one_entry(self):
        sources = "".join(text for name, text in FILES.items() if name.startswith("shims-"))
        definitions = re.findall(r"\bmw_(MPI_\w+)\(mw_instance [^;{]*\)\n\{", sources)
        entries = re.findall(r'\{"(MPI_\w+)"', FILES["imports.c"])
        for f in FUNCTIONS:
            branches = 2 if "#else" in SHIMS.get(f.name, "") else 1
            self.assertEqual(definitions.count(f.name), 0 if f.status == "guest" else branches, f.name)
            self.assertEqual(entries.count(f.name), f.status != "guest", f.name)

    def test_imports_are_sorted(self):
        names = re.findall(r'\{"(MPI_\w+)"', FILES["imports.c"])
        self.assertEqual(names, sorted(names))

    def test_every_argument_is_converted(self):
        # A parameter that a shim receives but neither checks nor passes on would be a hole.
        for f in FUNCTIONS:
            if f.status != "auto" or f.returns != "int":
                continue
            text = SHIMS[f.name]
            for p in f.params:
                self.assertRegex(text[text.index("{"):], r"\b%s\b" % p.name, f.name)

    def test_pointers_reach_the_host_only_through_checks(self):
        for f in FUNCTIONS:
            if f.status != "auto":
                continue
            call = re.search(r"= mw_result\((?:MW_LARGE\()?%s\)?\((.*?)\)\);" % f.base, SHIMS[f.name], re.S)
            for p in f.params:
                if call and p.is_pointer():
                    self.assertNotRegex(call[1], r"(?<![\w.>-])%s\b" % p.name, f.name)

    def test_order(self):
        text = shim_of("MPI_Send")
        steps = ["mw_in_comm", "mw_in_message_type", "mw_in_count", "mw_in_dest", "mw_in_tag", "mw_in_buffer", "MPI_Send(host"]
        positions = [text.index(step) for step in steps]
        self.assertEqual(positions, sorted(positions))

    def condition(self, name, parameter):
        return shims.Shim(BY_NAME[name]).conditions[parameter]

    def test_significance(self):
        for name, parameter, expected in [
            ("MPI_Gather", "sendbuf", "member"),
            ("MPI_Gather", "sendtype", "member && !in_place"),
            ("MPI_Gather", "recvbuf", "role == MW_ROLE_ROOT"),
            ("MPI_Gatherv", "displs", "role == MW_ROLE_ROOT"),
            ("MPI_Scatter", "recvcount", "member && !in_place"),
            ("MPI_Reduce", "datatype", "role != MW_ROLE_NONE"),
            ("MPI_Reduce", "op", "role != MW_ROLE_NONE"),
            ("MPI_Bcast", "buffer", "role != MW_ROLE_NONE"),
            ("MPI_Alltoallw", "sendtypes", "!in_place"),
            ("MPI_Alltoallw", "recvtypes", None),
            ("MPI_Allreduce", "datatype", None),
            ("MPI_Send", "datatype", None),
            ("MPI_Intercomm_create", "peer_comm", "host_local_comm->rank == local_leader"),
        ]:
            self.assertEqual(self.condition(name, parameter), expected, (name, parameter))

    def test_extents(self):
        for name, expected in [
            ("MPI_Alltoall", "mw_product(recvcount, host_comm->remote_size)"),
            ("MPI_Reduce_scatter", "in_place ? mw_sum(host_recvcounts, host_comm->size)"),
            ("MPI_Reduce_scatter_c", "in_place ? mw_large_sum(host_recvcounts, host_comm->size)"),
            ("MPI_Neighbor_allgather", "mw_product(recvcount, host_comm->indegree)"),
            ("MPI_Ineighbor_alltoallw", "mw_in_buffer_w_aint"),
            ("MPI_Alltoallw", "mw_in_buffer_w("),
            ("MPI_Alltoallw_c", "mw_in_large_buffer_w("),
            ("MPI_Alltoallw_c", "mw_in_large_displs"),
            ("MPI_Ineighbor_alltoallw_c", "mw_in_large_buffer_w_aint"),
            ("MPI_Ineighbor_alltoallw_c", "mw_in_aints"),
            ("MPI_Type_indexed_c", "mw_in_large_shifts"),
            ("MPI_Type_create_struct_c", "mw_in_large_bytes"),
            ("MPI_Type_create_struct_c", "mw_large_reach_dot"),
            ("MPI_Type_create_struct_c", "mw_out_large_type"),
            ("MPI_Graph_create", "(nnodes > 0 ? host_indx[nnodes - 1] : 0)"),
            ("MPI_Dist_graph_create", "mw_sum(host_degrees, n)"),
            ("MPI_Type_create_struct", "mw_reach_dot(host_array_of_blocklengths, slots_array_of_types, count)"),
        ]:
            self.assertIn(expected, " ".join(shim_of(name).split()).replace("( ", "("), name)

    def test_plain_operations_get_no_more_than_an_int(self):
        for name, expected in [
            ("MPI_Allreduce_c", "mw_in_op_count(&call, \"op\", op, count)"),
            ("MPI_Reduce_scatter", "mw_in_op_count(&call, \"op\", op, mw_sum(host_recvcounts, host_comm->size))"),
            ("MPI_Reduce_scatter_block", "mw_in_op_count(&call, \"op\", op, mw_product(recvcount, host_comm->size))"),
        ]:
            self.assertIn(expected, " ".join(shim_of(name).split()).replace("( ", "("), name)
        self.assertNotIn("mw_in_op_count", shim_of("MPI_Allreduce"))

    def test_constructors_of_datatypes_are_bounded(self):
        for f in FUNCTIONS:
            if f.status == "auto" and f.name not in ("MPI_Type_dup", "MPI_Type_match_size", "MPI_File_get_view") \
                    and f.first("type") and any(p.kind.name == "type" and p.direction == "out" for p in f.params):
                if "f90" not in f.name:
                    self.assertIn("mw_in_reach", SHIMS[f.name], f.name)

    def test_arrays_outlive_the_call(self):
        self.assertIn("mw_kept_begin", shim_of("MPI_Ialltoallv"))
        self.assertIn("mw_out_request_kept", shim_of("MPI_Ialltoallv"))
        self.assertIn("mw_scratch_begin", shim_of("MPI_Alltoallv"))
        self.assertIn("MW_REQUEST_PERSISTENT", shim_of("MPI_Send_init"))

    def test_windows(self):
        self.assertIn('mw_in_target_disp(&call, "target_disp", target_disp, host_target_rank, target_count,',
                      shim_of("MPI_Put"))
        self.assertIn("mw_in_as_long", shim_of("MPI_Accumulate"))
        self.assertIn("mw_in_rma_op", shim_of("MPI_Fetch_and_op"))
        self.assertIn("if (op.value != MW_GUEST_NO_OP) {\n        MW_TRY(mw_in_buffer", shim_of("MPI_Get_accumulate"))

    def test_no_memory_on_the_fast_path(self):
        for name in ("MPI_Send", "MPI_Recv", "MPI_Isend", "MPI_Bcast", "MPI_Allreduce", "MPI_Comm_rank"):
            self.assertNotIn("arena", shim_of(name))

    def test_newer_functions_need_a_newer_host(self):
        self.assertIn("#if MW_HOST_MPI >= 40", shim_of("MPI_Allreduce_init"))
        self.assertNotIn("#if", shim_of("MPI_Send_c"))  # the plain form does, where the count fits


class Legacy(unittest.TestCase):
    def test_what_has_no_wrapper(self):
        """Of the functions of MPI 3.1 in its chapters only those whose parameters the artifact's ABI cannot express."""
        made = {f.name for f, _ in legacy.wrappers(FUNCTIONS)}
        missing = [f.name for f in FUNCTIONS if f.chapter in legacy.CHAPTERS and not f.large and f.since <= (3, 1)
                   and f.status in ("auto", "manual") and f.name not in made]
        for name in missing:
            types = {p.scalar_c(False) for p in BY_NAME[name].params}
            self.assertTrue(types & {"MPI_Count", "MPI_File"} or name in legacy.LEFT_OUT, name)
        for name in ("MPI_Send", "MPI_Irecv", "MPI_Waitall", "MPI_Allreduce", "MPI_Alltoallv", "MPI_Comm_split", "MPI_Put"):
            self.assertIn(name, made)

    def test_translation(self):
        text = dict((f.name, text) for f, text in legacy.wrappers(FUNCTIONS))
        self.assertIn("mw_legacy_in_recv_tag(tag)", text["MPI_Recv"])
        self.assertIn("mw_legacy_statuses_out", text["MPI_Recv"])
        self.assertIn("mw_legacy_place_out_comm(instance, newcomm)", text["MPI_Comm_split"])
        self.assertNotIn("legacy_in", text["MPI_Wtime"])


class Matrix(unittest.TestCase):
    def test_committed_copy_is_current(self):
        self.assertEqual((ROOT / "docs/support-matrix.md").read_text(), matrix.matrix(FUNCTIONS),
                         "run src/mpi/gen/generate.py --out docs matrix")

    def test_every_function_is_listed(self):
        rows = re.findall(r"^\| (MPI_\w+) \|", matrix.matrix(FUNCTIONS), re.M)
        self.assertEqual(sorted(rows), sorted(BY_NAME))

    def test_listing(self):
        lines = matrix.listing(FUNCTIONS).splitlines()
        self.assertIn("MPI_Send\tauto\t1.1", lines)
        self.assertEqual(len(lines), len(FUNCTIONS))


if __name__ == "__main__":
    unittest.main()
