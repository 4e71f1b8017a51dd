/* MPI-IO: opening and deleting, explicit offsets, views, collective, split and nonblocking access, shared file
 * pointers, errors. The files that it leaves are compared, too. */
#include "say.h"

enum { N = 16 };

static int class_of(int error)
{
    int class = -1;
    MPI_Error_class(error, &class);
    return class;
}

static void open_close(void)
{
    MPI_File fh;
    MPI_Offset bytes;
    MPI_Group group;
    MPI_Info info;
    int amode, flag, members;
    say("missing %d\n", class_of(MPI_File_open(MPI_COMM_WORLD, "missing", MPI_MODE_RDONLY, MPI_INFO_NULL, &fh)) ==
                            MPI_ERR_NO_SUCH_FILE);
    say("null %d\n", fh == MPI_FILE_NULL);
    MPI_File_open(MPI_COMM_WORLD, "plain", MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &fh);
    MPI_File_get_amode(fh, &amode);
    say("amode %d\n", amode == (MPI_MODE_CREATE | MPI_MODE_RDWR));
    MPI_File_get_group(fh, &group);
    MPI_Group_size(group, &members);
    say("members %d\n", members);
    MPI_Group_free(&group);
    MPI_File_set_size(fh, 100);
    MPI_Barrier(MPI_COMM_WORLD); /* Open MPI returns on some ranks before the file has the size */
    MPI_File_get_size(fh, &bytes);
    say("size %lld\n", (long long)bytes);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_File_preallocate(fh, 200);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_File_get_size(fh, &bytes);
    say("size %lld\n", (long long)bytes);
    MPI_File_set_atomicity(fh, 1);
    say("atomic %d\n", MPI_File_get_atomicity(fh, &flag)); /* Open MPI 4.1 then says this or that, natively too */
    MPI_File_get_info(fh, &info);
    MPI_File_set_info(fh, info);
    MPI_Info_free(&info);
    MPI_File_close(&fh);
    say("null %d\n", fh == MPI_FILE_NULL);
    say("exists %d\n", MPI_File_open(MPI_COMM_WORLD, "plain", MPI_MODE_CREATE | MPI_MODE_EXCL | MPI_MODE_WRONLY,
                                     MPI_INFO_NULL, &fh) != MPI_SUCCESS);
    MPI_File_open(MPI_COMM_WORLD, "passing", MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE, MPI_INFO_NULL,
                  &fh);
    MPI_File_close(&fh);
    say("deleted %d\n", MPI_File_open(MPI_COMM_WORLD, "passing", MPI_MODE_RDONLY, MPI_INFO_NULL, &fh) != MPI_SUCCESS);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) {
        MPI_File_open(MPI_COMM_SELF, "own", MPI_MODE_CREATE | MPI_MODE_WRONLY, MPI_INFO_NULL, &fh);
        MPI_File_close(&fh);
        say("delete %d\n", MPI_File_delete("own", MPI_INFO_NULL));
        say("delete %d\n", MPI_File_delete("own", MPI_INFO_NULL) != MPI_SUCCESS);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

static void offsets(void)
{
    int values[N], got[N], count;
    MPI_Status status;
    MPI_Request requests[2];
    MPI_Offset position, byte;
    MPI_File fh;
    for (int i = 0; i < N; i++)
        values[i] = 1000 * rank + i;
    MPI_File_open(MPI_COMM_WORLD, "offsets", MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &fh);
    MPI_Offset mine = (MPI_Offset)rank * sizeof values;
    MPI_File_write_at(fh, mine, values, N, MPI_INT, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    say("wrote %d\n", count);
    MPI_File_sync(fh);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_File_sync(fh);
    MPI_Offset other = (MPI_Offset)((rank + 1) % size) * sizeof values;
    memset(got, 0, sizeof got);
    MPI_File_read_at_all(fh, other, got, N, MPI_INT, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    say("read %d\n", count);
    say_ints("of the next", got, N);
    memset(got, 0, sizeof got);
    MPI_File_iread_at(fh, mine, got, N / 2, MPI_INT, &requests[0]);
    MPI_File_iread_at(fh, mine + (MPI_Offset)sizeof values / 2, got + N / 2, N / 2, MPI_INT, &requests[1]);
    MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    say("same %d\n", memcmp(got, values, sizeof got) == 0);
    MPI_File_seek(fh, mine, MPI_SEEK_SET);
    MPI_File_read(fh, got, 4, MPI_INT, MPI_STATUS_IGNORE);
    MPI_File_get_position(fh, &position);
    say("position %lld\n", (long long)(position - mine));
    MPI_File_seek(fh, -4, MPI_SEEK_CUR);
    MPI_File_iread(fh, got, 1, MPI_INT, &requests[0]);
    MPI_Wait(&requests[0], MPI_STATUS_IGNORE);
    say("last again %d\n", got[0]);
    MPI_File_seek(fh, 0, MPI_SEEK_END);
    MPI_File_get_position(fh, &position);
    MPI_File_get_byte_offset(fh, position, &byte);
    say("end %lld %lld\n", (long long)position, (long long)byte);
    /* Past the end there is nothing. */
    MPI_File_read(fh, got, 3, MPI_INT, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    say("at the end %d\n", count);
    MPI_File_iwrite_at(fh, mine, values, 2, MPI_INT, &requests[0]);
    MPI_Wait(&requests[0], &status);
    MPI_Get_count(&status, MPI_INT, &count);
    say("iwrite %d\n", count);
    /* A derived datatype in memory. */
    MPI_Datatype every;
    MPI_Type_vector(N / 2, 1, 2, MPI_INT, &every);
    MPI_Type_commit(&every);
    memset(got, 0, sizeof got);
    MPI_File_read_at(fh, mine, got, 1, every, MPI_STATUS_IGNORE);
    say_ints("every second", got, N);
    MPI_Type_free(&every);
    MPI_File_close(&fh);
}

static void views(void)
{
    int values[N], got[N];
    char datarep[MPI_MAX_DATAREP_STRING];
    MPI_File fh;
    MPI_Datatype filetype, etype, got_filetype;
    MPI_Offset disp;
    MPI_Aint extent;
    MPI_Request request;
    for (int i = 0; i < N; i++)
        values[i] = 100 * rank + i;
    /* Blocks of four ints, dealt out to the ranks in turn. */
    int sizes[1] = {4 * size}, subsizes[1] = {4}, starts[1] = {4 * rank};
    MPI_Type_create_subarray(1, sizes, subsizes, starts, MPI_ORDER_C, MPI_INT, &filetype);
    MPI_Type_commit(&filetype);
    MPI_File_open(MPI_COMM_WORLD, "views", MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &fh);
    MPI_File_set_view(fh, 8, MPI_INT, filetype, "native", MPI_INFO_NULL);
    MPI_File_write_all(fh, values, N, MPI_INT, MPI_STATUS_IGNORE);
    MPI_File_seek(fh, 2, MPI_SEEK_SET);
    memset(got, 0, sizeof got);
    MPI_File_read_all(fh, got, N - 2, MPI_INT, MPI_STATUS_IGNORE);
    say_ints("through the view", got, N);
    MPI_File_get_view(fh, &disp, &etype, &got_filetype, datarep);
    int bytes;
    MPI_Type_size(got_filetype, &bytes);
    say("view %lld %d %d %s\n", (long long)disp, etype == MPI_INT, bytes, datarep);
    int integers, addresses, types, combiner;
    MPI_Type_get_envelope(got_filetype, &integers, &addresses, &types, &combiner);
    if (combiner != MPI_COMBINER_NAMED)
        MPI_Type_free(&got_filetype);
    MPI_File_get_type_extent(fh, MPI_DOUBLE, &extent);
    say("extent %d\n", (int)extent);
    MPI_File_seek(fh, 0, MPI_SEEK_SET);
    MPI_File_write_all_begin(fh, values + 8, 8, MPI_INT);
    MPI_File_write_all_end(fh, values + 8, MPI_STATUS_IGNORE);
    MPI_File_read_at_all_begin(fh, 0, got, 8, MPI_INT);
    MPI_File_read_at_all_end(fh, got, MPI_STATUS_IGNORE);
    say_ints("split", got, 8);
    MPI_File_iread_at_all(fh, 4, got, 4, MPI_INT, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    say_ints("nonblocking collective", got, 4);
    MPI_File_close(&fh);
    MPI_Type_free(&filetype);

    /* All of it, as it lies in the file. */
    int all[2 + N * 4];
    MPI_File_open(MPI_COMM_SELF, "views", MPI_MODE_RDONLY, MPI_INFO_NULL, &fh);
    MPI_File_read(fh, all, 2 + N * size, MPI_INT, MPI_STATUS_IGNORE);
    say_ints("file", all + 2, N * size);
    MPI_File_close(&fh);
}

static void shared_pointers(void)
{
    char line[8], text[64];
    int value = rank, got = -1, sum = 0, count;
    MPI_Status status;
    MPI_Request request;
    MPI_Offset position;
    MPI_File fh;
    MPI_File_open(MPI_COMM_WORLD, "shared", MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &fh);
    snprintf(line, sizeof line, "rank %d\n", rank);
    MPI_File_write_ordered(fh, line, 7, MPI_CHAR, MPI_STATUS_IGNORE);
    MPI_File_get_position_shared(fh, &position);
    MPI_Barrier(MPI_COMM_WORLD);
    say("ordered %lld\n", (long long)position);
    MPI_File_seek_shared(fh, 0, MPI_SEEK_SET);
    memset(text, 0, sizeof text);
    MPI_File_read_ordered(fh, text, 7, MPI_CHAR, &status);
    MPI_Get_count(&status, MPI_CHAR, &count);
    say("mine %d %s", count, text);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_File_set_view(fh, 0, MPI_INT, MPI_INT, "native", MPI_INFO_NULL);
    MPI_File_get_position_shared(fh, &position);
    MPI_Barrier(MPI_COMM_WORLD);
    say("new view %lld\n", (long long)position);
    for (int i = 0; i < 3; i++)
        MPI_File_write_shared(fh, &value, 1, MPI_INT, MPI_STATUS_IGNORE);
    MPI_File_iwrite_shared(fh, &value, 1, MPI_INT, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_File_get_position_shared(fh, &position);
    say("written %lld\n", (long long)position);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_File_seek_shared(fh, -4 * size, MPI_SEEK_CUR);
    /* Each of the values that were written is read once by someone. */
    for (int i = 0; i < 4; i++) {
        if (i % 2) {
            MPI_File_iread_shared(fh, &got, 1, MPI_INT, &request);
            MPI_Wait(&request, MPI_STATUS_IGNORE);
        } else {
            MPI_File_read_shared(fh, &got, 1, MPI_INT, MPI_STATUS_IGNORE);
        }
        sum += got;
    }
    MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    say("sum %d\n", sum);
    MPI_File_seek_shared(fh, 0, MPI_SEEK_SET);
    MPI_File_write_ordered_begin(fh, &value, 1, MPI_INT);
    MPI_File_write_ordered_end(fh, &value, MPI_STATUS_IGNORE);
    MPI_File_seek_shared(fh, 0, MPI_SEEK_SET);
    got = -1;
    MPI_File_read_ordered_begin(fh, &got, 1, MPI_INT);
    MPI_File_read_ordered_end(fh, &got, MPI_STATUS_IGNORE);
    say("ordered %d\n", got);
    MPI_File_set_size(fh, (MPI_Offset)(4 * sizeof(int)) * size);
    /* What came in any order is made the same. */
    MPI_File_write_at(fh, 4 * rank, (int[]){rank, rank, rank, rank}, 4, MPI_INT, MPI_STATUS_IGNORE);
    MPI_File_close(&fh);
}

/* A file as from a tape: each value is read by whoever comes first, and views begin where reading stopped. */
static void sequential(void)
{
    int values[N], header = -1, got = -1;
    MPI_File fh;
    MPI_File_open(MPI_COMM_WORLD, "tape", MPI_MODE_CREATE | MPI_MODE_WRONLY, MPI_INFO_NULL, &fh);
    for (int i = 0; i < N; i++)
        values[i] = 100 + i;
    if (rank == 0)
        MPI_File_write(fh, values, N, MPI_INT, MPI_STATUS_IGNORE);
    MPI_File_close(&fh);
    MPI_File_open(MPI_COMM_WORLD, "tape", MPI_MODE_RDONLY | MPI_MODE_SEQUENTIAL, MPI_INFO_NULL, &fh);
    if (rank == size - 1)
        MPI_File_read_shared(fh, &header, 1, MPI_INT, MPI_STATUS_IGNORE);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_File_set_view(fh, MPI_DISPLACEMENT_CURRENT, MPI_INT, MPI_INT, "native", MPI_INFO_NULL);
    MPI_File_read_ordered(fh, &got, 1, MPI_INT, MPI_STATUS_IGNORE);
    say("sequential: header %d, then %d\n", header, got);
    MPI_File_close(&fh);
}

static int handled;

static void handler(MPI_File *fh, int *code, ...)
{
    (void)fh, (void)code;
    handled++;
}

static void errors(void)
{
    MPI_File fh;
    MPI_Errhandler errhandler, got;
    char byte = 0;
    MPI_File_get_errhandler(MPI_FILE_NULL, &got);
    say("files return %d\n", got == MPI_ERRORS_RETURN);
    MPI_File_create_errhandler(handler, &errhandler);
    MPI_File_open(MPI_COMM_WORLD, "plain", MPI_MODE_RDONLY, MPI_INFO_NULL, &fh);
    MPI_File_set_errhandler(fh, errhandler);
    say("read only %d, ", MPI_File_write_at(fh, 0, &byte, 1, MPI_CHAR, MPI_STATUS_IGNORE) != MPI_SUCCESS);
    say("handled %d\n", handled);
    MPI_File_call_errhandler(fh, MPI_ERR_IO);
    say("handled %d\n", handled);
    MPI_File_set_errhandler(fh, MPI_ERRORS_RETURN);
    say("negative %d\n", MPI_File_read_at(fh, -5, &byte, 1, MPI_CHAR, MPI_STATUS_IGNORE) != MPI_SUCCESS);
    MPI_File_set_errhandler(fh, errhandler);
    MPI_Errhandler_free(&errhandler); /* stays in use */
    MPI_File_call_errhandler(fh, MPI_ERR_IO);
    say("freed and handled %d\n", handled);
    MPI_File_close(&fh);
    say("amode %d\n", MPI_File_open(MPI_COMM_WORLD, "plain", MPI_MODE_RDONLY | MPI_MODE_RDWR, MPI_INFO_NULL, &fh) !=
                          MPI_SUCCESS);
}

int main(void)
{
    begin();
    open_close();
    offsets();
    views();
    shared_pointers();
    sequential();
    errors();
    return finish();
}
