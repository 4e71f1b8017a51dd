/* Groups and communicators: every constructor, intercommunicators, names, comparison. */
#include "say.h"

static void describe(const char *name, MPI_Comm comm)
{
    int r, n, inter, sum;
    if (comm == MPI_COMM_NULL) {
        say("%s: null\n", name);
        return;
    }
    MPI_Comm_rank(comm, &r);
    MPI_Comm_size(comm, &n);
    MPI_Comm_test_inter(comm, &inter);
    say("%s: %d of %d, inter %d", name, r, n, inter);
    if (inter) {
        MPI_Comm_remote_size(comm, &n);
        say(", remote %d\n", n);
        return;
    }
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, comm);
    say(", sum of ranks %d\n", sum);
}

static void say_compare(const char *name, int result)
{
    say("%s: %s\n", name,
        result == MPI_IDENT ? "ident" : result == MPI_CONGRUENT ? "congruent" : result == MPI_SIMILAR ? "similar"
        : result == MPI_UNEQUAL ? "unequal" : "?");
}

static void groups(void)
{
    MPI_Group world, even, rest, both, common, range;
    int n, r, result, ranks[16], translated[16], nranks = 0;
    MPI_Comm_group(MPI_COMM_WORLD, &world);
    for (int i = 0; i < size; i += 2)
        ranks[nranks++] = i;
    MPI_Group_incl(world, nranks, ranks, &even);
    MPI_Group_excl(world, nranks, ranks, &rest);
    MPI_Group_size(even, &n);
    MPI_Group_rank(even, &r);
    say("even: size %d, rank %d\n", n, r == MPI_UNDEFINED ? -1 : r);
    MPI_Group_size(rest, &n);
    say("odd: size %d, empty %d\n", n, rest == MPI_GROUP_EMPTY);
    MPI_Group_union(rest, even, &both);
    MPI_Group_compare(both, world, &result);
    say_compare("union", result);
    MPI_Group_intersection(even, rest, &common);
    say("intersection empty: %d\n", common == MPI_GROUP_EMPTY);
    MPI_Group_difference(world, even, &range);
    MPI_Group_compare(range, rest, &result);
    say_compare("difference", result);
    MPI_Group_free(&range);
    int triplet[1][3] = {{size - 1, 0, -1}};
    MPI_Group_range_incl(world, 1, triplet, &range);
    MPI_Group_translate_ranks(range, 1, (int[]){0}, world, translated);
    say("translated %d\n", translated[0]);
    MPI_Group_translate_ranks(world, nranks, ranks, rest, translated);
    say("translated undefined %d\n", translated[0] == MPI_UNDEFINED);
    MPI_Group_free(&range);
    MPI_Group_range_excl(world, 1, triplet, &range);
    say("all excluded %d\n", range == MPI_GROUP_EMPTY);
    MPI_Comm comm;
    MPI_Comm_create(MPI_COMM_WORLD, even, &comm);
    describe("create", comm);
    if (comm != MPI_COMM_NULL)
        MPI_Comm_free(&comm);
    if (rank % 2 == 0) {
        MPI_Comm_create_group(MPI_COMM_WORLD, even, 5, &comm);
        describe("create_group", comm);
        MPI_Comm_free(&comm);
    }
    MPI_Group_free(&world);
    MPI_Group_free(&even);
    if (rest != MPI_GROUP_EMPTY)
        MPI_Group_free(&rest);
    MPI_Group_free(&both);
    say("group null %d\n", both == MPI_GROUP_NULL);
}

static void intercommunicators(void)
{
    MPI_Comm half, inter, merged, dup;
    int low = rank < size / 2, peer = rank + 100, got = -1, result;
    if (size < 2)
        return;
    MPI_Comm_split(MPI_COMM_WORLD, low, rank, &half);
    MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, low ? size / 2 : 0, 7, &inter);
    describe("inter", inter);
    int remote, local;
    MPI_Comm_remote_size(inter, &remote);
    MPI_Comm_rank(half, &local);
    if (local < remote && local < size - remote)
        MPI_Sendrecv(&peer, 1, MPI_INT, local, 1, &got, 1, MPI_INT, local, 1, inter, MPI_STATUS_IGNORE);
    say("from the other half: %d\n", got);
    int value = rank * 10, sum = 0;
    MPI_Allreduce(&value, &sum, 1, MPI_INT, MPI_SUM, inter);
    say("allreduce over inter: %d\n", sum);
    value = rank + 1000;
    MPI_Bcast(&value, 1, MPI_INT, low ? (local == 0 ? MPI_ROOT : MPI_PROC_NULL) : 0, inter);
    say("bcast over inter: %d\n", value);
    int gathered[16] = {0};
    MPI_Gather(&rank, 1, MPI_INT, gathered, 1, MPI_INT, low ? 0 : (local == 0 ? MPI_ROOT : MPI_PROC_NULL), inter);
    say_ints("gather over inter", gathered, size / 2);
    MPI_Intercomm_merge(inter, !low, &merged);
    describe("merged", merged);
    MPI_Comm_dup(inter, &dup);
    MPI_Comm_compare(inter, dup, &result);
    say_compare("dup of inter", result);
    MPI_Group group;
    int n;
    MPI_Comm_remote_group(inter, &group);
    MPI_Group_size(group, &n);
    say("remote group %d\n", n);
    MPI_Group_free(&group);
    MPI_Comm_free(&dup);
    MPI_Comm_free(&merged);
    MPI_Comm_free(&inter);
    MPI_Comm_free(&half);
}

int main(void)
{
    MPI_Comm comm, other;
    int result, length;
    char name[MPI_MAX_OBJECT_NAME];
    begin();
    describe("world", MPI_COMM_WORLD);
    describe("self", MPI_COMM_SELF);
    MPI_Comm_get_name(MPI_COMM_WORLD, name, &length);
    say("%s %d\n", name, length);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    describe("dup", comm);
    MPI_Comm_compare(MPI_COMM_WORLD, comm, &result);
    say_compare("dup", result);
    MPI_Comm_compare(MPI_COMM_WORLD, MPI_COMM_WORLD, &result);
    say_compare("world", result);
    MPI_Comm_set_name(comm, "a name");
    MPI_Comm_get_name(comm, name, &length);
    say("%s %d\n", name, length);
    MPI_Info info;
    MPI_Info_create(&info);
    MPI_Request request;
    MPI_Comm_idup(comm, &other, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    describe("idup", other);
    MPI_Barrier(other);
    MPI_Comm_free(&other);
    MPI_Comm_dup_with_info(comm, info, &other);
    describe("dup_with_info", other);
    MPI_Info_free(&info);
    MPI_Comm_free(&other);
    MPI_Comm_free(&comm);
    say("freed %d\n", comm == MPI_COMM_NULL);
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &comm);
    describe("split", comm);
    MPI_Comm_compare(MPI_COMM_WORLD, comm, &result);
    say_compare("split", result);
    MPI_Comm_free(&comm);
    MPI_Comm_split(MPI_COMM_WORLD, rank ? MPI_UNDEFINED : 0, 0, &comm);
    describe("split undefined", comm);
    if (comm != MPI_COMM_NULL)
        MPI_Comm_free(&comm);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &comm);
    describe("split_type", comm);
    MPI_Comm_free(&comm);
    groups();
    intercommunicators();
    MPI_Comm parent;
    MPI_Comm_get_parent(&parent);
    say("parent null %d\n", parent == MPI_COMM_NULL);
    /* many handles, in and out of order */
    MPI_Comm many[20];
    for (int i = 0; i < 20; i++)
        MPI_Comm_dup(i ? many[i - 1] : MPI_COMM_WORLD, &many[i]);
    for (int i = 0; i < 20; i++)
        MPI_Comm_free(&many[(i * 7) % 20]);
    return finish();
}
