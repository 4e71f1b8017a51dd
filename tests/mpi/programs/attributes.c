/* Attributes of communicators and datatypes with callbacks, predefined attributes, the names of MPI 1. */
#include "say.h"

static int copies, deletes;

static int copy_fn(MPI_Comm comm, int key, void *extra, void *in, void *out, int *flag)
{
    int r;
    MPI_Comm_rank(comm, &r);
    copies++;
    say("copy: rank %d extra %d value %d\n", r, *(int *)extra, *(int *)in);
    (void)key;
    *(void **)out = in;
    *flag = *(int *)in % 2 == 0;
    return MPI_SUCCESS;
}

static int delete_fn(MPI_Comm comm, int key, void *value, void *extra)
{
    deletes++;
    say("delete: extra %d value %d\n", *(int *)extra, *(int *)value);
    (void)comm, (void)key;
    return MPI_SUCCESS;
}

static int type_copy_fn(MPI_Datatype type, int key, void *extra, void *in, void *out, int *flag)
{
    int bytes;
    MPI_Type_size(type, &bytes);
    say("type copy: size %d value %d\n", bytes, *(int *)in);
    (void)key, (void)extra;
    *(void **)out = in;
    *flag = 1;
    return MPI_SUCCESS;
}

static int type_delete_fn(MPI_Datatype type, int key, void *value, void *extra)
{
    (void)type, (void)key, (void)extra;
    say("type delete: %d\n", *(int *)value);
    return MPI_SUCCESS;
}

static int at_finalize(MPI_Comm comm, int key, void *value, void *extra)
{
    (void)comm, (void)key, (void)value, (void)extra;
    if (rank == 0)
        printf("deleted in MPI_Finalize\n"), fflush(stdout);
    return MPI_SUCCESS;
}

static int refuse(MPI_Comm comm, int key, void *value, void *extra)
{
    (void)comm, (void)key, (void)value, (void)extra;
    return MPI_ERR_OTHER;
}

static void predefined(void)
{
    int flag, *value;
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &value, &flag);
    say("tag_ub %d %d\n", flag, *value >= 32767);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_WTIME_IS_GLOBAL, &value, &flag);
    say("wtime_is_global %d %d\n", flag, flag ? *value : -1);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_UNIVERSE_SIZE, &value, &flag);
    say("universe_size %d\n", flag ? *value >= size : -1);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_LASTUSEDCODE, &value, &flag);
    say("lastusedcode %d %d\n", flag, *value >= MPI_ERR_LASTCODE);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_APPNUM, &value, &flag);
    say("appnum %d\n", flag ? *value : -1);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_IO, &value, &flag);
    say("io %d\n", flag ? *value == MPI_ANY_SOURCE || *value >= 0 : -1);
}

int main(void)
{
    static int extra = 17, even = 4, odd = 5;
    int key, plain, keep, flag, *value;
    MPI_Comm dup, dup2;
    begin();
    predefined();
    MPI_Comm_create_keyval(copy_fn, delete_fn, &key, &extra);
    MPI_Comm_get_attr(MPI_COMM_WORLD, key, &value, &flag);
    say("unset: %d\n", flag);
    MPI_Comm_set_attr(MPI_COMM_WORLD, key, &even);
    MPI_Comm_get_attr(MPI_COMM_WORLD, key, &value, &flag);
    say("set: %d %d\n", flag, *value);
    MPI_Comm_dup(MPI_COMM_WORLD, &dup);
    MPI_Comm_get_attr(dup, key, &value, &flag);
    say("dup: %d %d\n", flag, *value);
    MPI_Comm_set_attr(dup, key, &odd);
    MPI_Comm_dup(dup, &dup2);
    MPI_Comm_get_attr(dup2, key, &value, &flag);
    say("dup of odd: %d\n", flag);
    MPI_Comm_create_keyval(MPI_COMM_DUP_FN, MPI_COMM_NULL_DELETE_FN, &plain, NULL);
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, &keep, NULL);
    MPI_Comm_set_attr(dup2, plain, &even);
    MPI_Comm_set_attr(dup2, keep, &even);
    MPI_Comm dup3;
    MPI_Comm_dup(dup2, &dup3);
    MPI_Comm_get_attr(dup3, plain, &value, &flag);
    say("DUP_FN: %d\n", flag);
    MPI_Comm_get_attr(dup3, keep, &value, &flag);
    say("NULL_COPY_FN: %d\n", flag);
    MPI_Comm_free(&dup3);
    MPI_Comm_free_keyval(&key);
    say("key invalid: %d\n", key == MPI_KEYVAL_INVALID);
    MPI_Comm_free(&dup2);
    MPI_Comm_free(&dup); /* still calls delete_fn */
    MPI_Comm_free_keyval(&plain);
    MPI_Comm_free_keyval(&keep);

    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, refuse, &key, NULL);
    MPI_Comm_dup(MPI_COMM_WORLD, &dup);
    MPI_Comm_set_errhandler(dup, MPI_ERRORS_RETURN);
    MPI_Comm_set_attr(dup, key, &odd);
    say("refused: %d\n", MPI_Comm_delete_attr(dup, key) != MPI_SUCCESS);
    MPI_Comm_get_attr(dup, key, &value, &flag);
    say("still there: %d\n", flag);

    /* MPI 1 */
    MPI_Keyval_create(MPI_DUP_FN, MPI_NULL_DELETE_FN, &key, NULL);
    MPI_Attr_put(MPI_COMM_WORLD, key, &extra);
    MPI_Attr_get(MPI_COMM_WORLD, key, &value, &flag);
    say("attr_get: %d %d\n", flag, *value);
    MPI_Attr_delete(MPI_COMM_WORLD, key);
    MPI_Attr_get(MPI_COMM_WORLD, key, &value, &flag);
    say("deleted: %d\n", flag);
    MPI_Keyval_free(&key);

    /* values that are integers */
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, &key, NULL);
    void *number;
    MPI_Comm_set_attr(MPI_COMM_SELF, key, (void *)(long)-3);
    MPI_Comm_get_attr(MPI_COMM_SELF, key, &number, &flag);
    say("number: %ld\n", (long)number);
    MPI_Comm_free_keyval(&key);

    MPI_Datatype type, copy;
    MPI_Type_create_keyval(type_copy_fn, type_delete_fn, &key, NULL);
    MPI_Type_contiguous(3, MPI_INT, &type);
    MPI_Type_set_attr(type, key, &odd);
    MPI_Type_dup(type, &copy);
    MPI_Type_get_attr(copy, key, &value, &flag);
    say("type attr: %d %d\n", flag, *value);
    MPI_Type_delete_attr(type, key);
    MPI_Type_get_attr(type, key, &value, &flag);
    say("type attr deleted: %d\n", flag);
    MPI_Type_free(&type);
    MPI_Type_free(&copy);
    MPI_Type_free_keyval(&key);
    for (int i = 0; i < 1000; i++) { /* keys are given back */
        MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, &key, NULL);
        MPI_Comm_free_keyval(&key);
    }
    say("copies %d deletes %d\n", copies, deletes);
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, at_finalize, &key, NULL);
    MPI_Comm_set_attr(MPI_COMM_SELF, key, &extra);
    return finish();
}
