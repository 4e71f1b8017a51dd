/* What a guest must not get, and what makes its host stumble, by MPI's dynamic processes: rights CASE. */
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int rank, refused /* or as it must be */, other;

static void count(int error, int expected)
{
    int error_class;
    MPI_Error_class(error, &error_class);
    if (error_class == expected)
        refused++;
    else
        fprintf(stderr, "check %d: class %d in place of %d\n", refused + other++, error_class, expected);
}

static int spawn(const char *command, char **argv, int maxprocs)
{
    MPI_Comm children;
    return MPI_Comm_spawn(command, argv, maxprocs, MPI_INFO_NULL, 0, MPI_COMM_SELF, &children, MPI_ERRCODES_IGNORE);
}

/* Modules and other files that are not the guest's to run. */
static void files(void)
{
    static const char *const names[] = {
        "missing", "", ".", "../outside", "../outside.wasm", "/outside.wasm", "/etc/passwd", "./link", "./up/outside.wasm",
        "./text", "./native", "./object.mwo", "./fifo", "/proc/self/exe", "./proc", "-h", "--help",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        count(spawn(names[i], MPI_ARGV_NULL, 1), MPI_ERR_SPAWN);
    for (int n = -1; n < 1; n++)
        count(spawn("./rights", MPI_ARGV_NULL, n), MPI_ERR_ARG);
    count(spawn("./rights", MPI_ARGV_NULL, 0x7fffffff), MPI_ERR_ARG);
}

/* Argument lists that lead out of memory or that no launcher could take. */
static void arguments(void)
{
    static char *list[70000];
    static char text[70000];
    char *end = (char *)(uintptr_t)(__builtin_wasm_memory_size(0) * 65536);
    char *const wild[] = {(char *)1, (char *)15, end, end - 1, (char *)0x7fffffff, (char *)0xffffffff};
    for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
        memset(list, 0, sizeof list);
        end[-1] = 'x';
        list[0] = "good", list[1] = wild[i];
        count(spawn("./rights", list, 1), MPI_ERR_ARG);
        count(spawn("./rights", (char **)wild[i], 1), MPI_ERR_ARG);
    }
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        list[i] = "";
    count(spawn("./rights", list, 1), MPI_ERR_SPAWN);
    memset(text, 'x', sizeof text - 1);
    list[0] = text, list[1] = NULL;
    count(spawn("./rights", list, 1), MPI_ERR_ARG);
    memset(text + 30000, 0, 1);
    memset(text, '%', 30000); /* three bytes each on the way */
    count(spawn("./rights", list, 1), MPI_ERR_SPAWN);
}

static void ports(void)
{
    static char text[5000];
    static const char *const names[] = {
        "", "a", ":", "1.0", "1:0", "1.0:", ".0:1", "1.:1", "1.0:99999999999", "99.99999999999:1", "1.0:1\n", "1.0:1 x",
        "1.0;1:1", "tag#0", "tag#$", "tag#-1$", "tag#123456$", "tag#0$tag#0$", "tag#0$x", "#$", "port#1$",
        "tag#0$description#a b$", "tag#0$description#\"$", "tag#0$port#1$\n", "%s%n", "tag#0$\xff#x$",
    };
    MPI_Comm made;
    memset(text, '1', sizeof text - 1);
    for (size_t i = 0; i <= sizeof names / sizeof *names; i++) {
        const char *name = i < sizeof names / sizeof *names ? names[i] : text;
        int error = i < sizeof names / sizeof *names ? MPI_ERR_PORT : MPI_ERR_ARG;
        count(MPI_Comm_connect(name, MPI_INFO_NULL, 0, MPI_COMM_SELF, &made), error);
        count(MPI_Comm_accept(name, MPI_INFO_NULL, 0, MPI_COMM_SELF, &made), error);
        count(MPI_Close_port(name), error);
    }
    count(MPI_Close_port("1.0:1"), MPI_ERR_PORT); /* not open here */
    count(MPI_Close_port("tag#0$"), MPI_ERR_PORT);
}

/* Any text may be a service's name and be published for it; none gets into what the host's protocols mean by it. */
static void names(void)
{
    static const char *const texts[] = {
        "a b=c port=d", "two\nlines", "%s%n", "pmix.rng", "1.0:1:connect", "\xff\x01", "\"'$#", "tag#0$x", "cmd=finalize\n",
    };
    static char text[2000], found[MPI_MAX_PORT_NAME];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        count(MPI_Publish_name(texts[i], MPI_INFO_NULL, texts[i]), MPI_SUCCESS);
        count(MPI_Lookup_name(texts[i], MPI_INFO_NULL, found), MPI_SUCCESS);
        count(strcmp(found, texts[i]) ? MPI_ERR_OTHER : MPI_SUCCESS, MPI_SUCCESS);
        count(MPI_Unpublish_name(texts[i], MPI_INFO_NULL, texts[i]), MPI_SUCCESS);
    }
    count(MPI_Lookup_name("", MPI_INFO_NULL, found), MPI_ERR_SERVICE);
    count(MPI_Publish_name("service", MPI_INFO_NULL, ""), MPI_ERR_PORT);
    memset(text, '\n', 200);
    count(MPI_Lookup_name(text, MPI_INFO_NULL, found), MPI_ERR_SERVICE);
    memset(text, '\n', 1000);
    count(MPI_Publish_name("service", MPI_INFO_NULL, text), MPI_ERR_PORT);
}

/* Info keys by which native programs give children programs, environments, parameters, hosts and directories. */
static void info(const char *self)
{
    static const char *const keys[][2] = {
        {"env", "FROM_INFO=1"}, {"ompi_param", "FROM_INFO=1"}, {"host", "nowhere.invalid"}, {"hosts", "nowhere.invalid"},
        {"hostfile", "/nowhere"}, {"add-host", "nowhere.invalid"}, {"add-hostfile", "/nowhere"}, {"path", "/nowhere"},
        {"wdir", "/nowhere"}, {"file", "/nowhere"}, {"arch", "none"}, {"ompi_prefix", "/nowhere"}, {"personality", "none"},
        {"ompi_preload_binary", "true"}, {"ompi_non_mpi", "true"}, {"mapper", "none"}, {"map_by", "none"},
        {"soft", "1;execname=/bin/false"},
    };
    static char text[10001];
    char *argv[] = {"child", "two\nlines\nexecname=/bin/false\n", text, NULL};
    MPI_Comm children;
    MPI_Info all;
    MPI_Info_create(&all);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        MPI_Info_set(all, keys[i][0], keys[i][1]);
    memset(text, '\n', sizeof text - 1);
    int report[4], error = MPI_Comm_spawn(self, argv, 1, all, 0, MPI_COMM_SELF, &children, MPI_ERRCODES_IGNORE);
    MPI_Info_free(&all);
    if (error) {
        printf("no child\n");
        return;
    }
    MPI_Recv(report, 4, MPI_INT, 0, 0, children, MPI_STATUS_IGNORE);
    MPI_Comm_disconnect(&children);
    printf("FROM_INFO %d, GIVEN %d, 64 MB %d, arguments %d\n", report[0], report[1], report[2], report[3]);
}

static void child(MPI_Comm parent, int argc, char **argv)
{
    void *volatile memory = malloc(64 << 20);
    int report[] = {getenv("FROM_INFO") != NULL, getenv("GIVEN") && !strcmp(getenv("GIVEN"), "a=b,c"), memory != NULL,
                    argc == 4 && !strcmp(argv[2], "two\nlines\nexecname=/bin/false\n") && strlen(argv[3]) == 10000};
    MPI_Send(report, 4, MPI_INT, 0, 0, parent);
    MPI_Comm_disconnect(&parent);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    char port[MPI_MAX_PORT_NAME];
    MPI_Comm made, parent;
    int size;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_get_parent(&parent);
    if (parent != MPI_COMM_NULL)
        child(parent, argc, argv);
    /* Without --allow-spawn, with the default error handler. */
    if (!strcmp(what, "spawn"))
        MPI_Comm_spawn("./rights", MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &made, MPI_ERRCODES_IGNORE);
    if (!strcmp(what, "open"))
        MPI_Open_port(MPI_INFO_NULL, port);
    if (!strcmp(what, "accept"))
        MPI_Comm_accept("1.0:1", MPI_INFO_NULL, 0, MPI_COMM_SELF, &made);
    if (!strcmp(what, "connect"))
        MPI_Comm_connect("1.0:1", MPI_INFO_NULL, 0, MPI_COMM_SELF, &made);
    if (!strcmp(what, "publish"))
        MPI_Publish_name("service", MPI_INFO_NULL, "1.0:1");
    if (!strcmp(what, "lookup"))
        MPI_Lookup_name("service", MPI_INFO_NULL, port);
    if (!strcmp(what, "join"))
        MPI_Comm_join(0, &made);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (!strcmp(what, "files"))
        files();
    if (!strcmp(what, "arguments"))
        arguments();
    if (!strcmp(what, "ports"))
        ports();
    if (!strcmp(what, "names"))
        names();
    if (!strcmp(what, "info"))
        info("./rights");
    /* The root alone sees what is wrong; nobody waits for it. */
    if (!strcmp(what, "everywhere")) {
        count(MPI_Comm_spawn("missing", MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &made, MPI_ERRCODES_IGNORE),
              MPI_ERR_SPAWN);
        count(MPI_Comm_connect(rank == 1 ? "x" : NULL, MPI_INFO_NULL, 1, MPI_COMM_WORLD, &made), MPI_ERR_PORT);
        MPI_Allreduce(MPI_IN_PLACE, &refused, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    }
    if (rank == 0 && parent == MPI_COMM_NULL)
        printf("right %d, other %d\n", refused, other);
    MPI_Finalize();
    return 0;
}
