/* Starts processes of itself in the way that its argument names, and talks with them: what each of them says comes to rank 0
 * of those who started it. Where the host cannot start any, says so. In a job of its own each, since Open MPI 4.1 at times
 * loses a process that it starts while others end. */
#include "../programs/say.h"

#define PROGRAM "./processes"

/* A child's report, then work together, then the end of the connection. */
static void child(MPI_Comm parent, int argc, char **argv)
{
    char text[4096], name[MPI_MAX_OBJECT_NAME];
    int remote, inter, flag, *appnum, length = 0, sum = 0;
    MPI_Comm all;

    MPI_Comm_remote_size(parent, &remote);
    MPI_Comm_test_inter(parent, &inter);
    MPI_Comm_get_name(parent, name, &length);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_APPNUM, &appnum, &flag);
    length = snprintf(text, sizeof text, "child %d of %d, %d remote, inter %d, %s, application %d, arguments:", rank, size, remote,
                      inter, name, flag ? *appnum : -1);
    for (int i = 1; i < argc; i++)
        length += snprintf(text + length, sizeof text - length, " '%s'", argv[i]);
    MPI_Send(text, length + 1, MPI_CHAR, 0, 7, parent);
    MPI_Intercomm_merge(parent, 1, &all);
    MPI_Comm_rank(all, &remote);
    MPI_Allreduce(&remote, &sum, 1, MPI_INT, MPI_SUM, all);
    MPI_Send(&sum, 1, MPI_INT, 0, 8, parent);
    MPI_Comm_free(&all);
    MPI_Comm_disconnect(&parent);
    MPI_Comm_get_parent(&parent);
    if (parent != MPI_COMM_NULL)
        MPI_Abort(MPI_COMM_WORLD, 98);
}

static void hear(const char *what, int error, MPI_Comm children, const int *codes, int ncodes)
{
    char text[4096];
    int me, n, all_size;
    MPI_Comm all;

    if (error) {
        say("%s: cannot\n", what);
        return;
    }
    MPI_Comm_rank(children, &me);
    MPI_Comm_remote_size(children, &n);
    say("%s: %d started\n", what, n);
    for (int i = 0; i < ncodes; i++)
        say(" code %d", codes[i]);
    say("\n");
    for (int i = 0; me == 0 && i < n; i++) {
        MPI_Recv(text, sizeof text, MPI_CHAR, i, 7, children, MPI_STATUS_IGNORE);
        say("  %s\n", text);
    }
    MPI_Intercomm_merge(children, 0, &all);
    MPI_Comm_size(all, &all_size);
    MPI_Comm_rank(all, &me);
    int sum = 0;
    MPI_Allreduce(&me, &sum, 1, MPI_INT, MPI_SUM, all);
    say("  together %d, sum %d\n", all_size, sum);
    for (int i = 0; me == 0 && i < n; i++) {
        MPI_Recv(&sum, 1, MPI_INT, i, 8, children, MPI_STATUS_IGNORE);
        say("  child %d has %d\n", i, sum);
    }
    MPI_Comm_free(&all);
    MPI_Comm_disconnect(&children);
    say("  disconnected %d\n", children == MPI_COMM_NULL);
}

static void parents(const char *how)
{
    char *odd[] = {"one two", "a,b%2C", "", "\"quoted\" 'twice' \\", "--dir", "=x", "\xc3\xa9t\xc3\xa9", NULL};
    char *first[] = {"first", NULL}, *second[] = {NULL}, **lists[] = {first, second}, *commands[] = {PROGRAM, PROGRAM};
    int codes[3] = {77, 77, 77}, maxprocs[] = {1, 2}, error;
    MPI_Comm children = MPI_COMM_NULL;
    MPI_Info infos[2] = {MPI_INFO_NULL, MPI_INFO_NULL};

    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    if (!strcmp(how, "one")) {
        error = MPI_Comm_spawn(PROGRAM, odd, 2, MPI_INFO_NULL, size - 1, MPI_COMM_WORLD, &children, codes);
        hear(how, error, children, codes, 2);
    }
    if (!strcmp(how, "alone") && rank == size - 1) {
        error = MPI_Comm_spawn(PROGRAM, MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, MPI_COMM_SELF, &children, MPI_ERRCODES_IGNORE);
        hear(how, error, children, NULL, 0);
    }
    if (!strcmp(how, "several")) {
        MPI_Info_create(&infos[0]);
        MPI_Info_set(infos[0], "soft", "1:2");
        MPI_Info_set(infos[0], "nobody_knows", "this key");
        error = MPI_Comm_spawn_multiple(2, commands, lists, maxprocs, infos, 0, MPI_COMM_WORLD, &children, codes);
        hear(how, error, children, codes, 3);
        MPI_Info_free(&infos[0]);
    }
    if (!strcmp(how, "plain")) {
        error = MPI_Comm_spawn_multiple(2, commands, MPI_ARGVS_NULL, maxprocs, infos, 0, MPI_COMM_WORLD, &children,
                                        MPI_ERRCODES_IGNORE);
        hear(how, error, children, NULL, 0);
    }
}

int main(int argc, char **argv)
{
    MPI_Comm parent;
    int *value, flag;

    begin();
    MPI_Comm_get_parent(&parent);
    if (parent != MPI_COMM_NULL) {
        child(parent, argc, argv);
        MPI_Finalize();
        return 0;
    }
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_APPNUM, &value, &flag);
    say("application %d\n", flag ? *value : -1);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_UNIVERSE_SIZE, &value, &flag);
    say("universe %d\n", flag ? *value : -1);
    parents(argc > 1 ? argv[1] : "");
    return finish();
}
