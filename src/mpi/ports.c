/* Ports and published names (MPI 4.1, 11.9). Hosts read the names of ports carelessly, and MPICH connects to whatever
 * address is in one: only with --allow-spawn, and only names that have the form of the host's reach it. Connecting
 * is collective: what only the root can find wrong fails everywhere. */
#include "base/words.h"
#include "mpi/state.h"
#include "shims.h"

#include <stdlib.h>

#define MAX_PORTS 256
#define MAX_SERVICE 256 /* bytes of a service's name as text, with its NUL */

/* ---- Names of ports --------------------------------------------------------------------------------------------------- */

#if defined(OPEN_MPI)
/* A process's name and a number: "1725038593.0:1804289383". Later versions have a name of the job in place of its number. */
static bool well_formed(const char *name)
{
    static const char job[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@_-.";
    const char *colon = strrchr(name, ':'), *dot = colon ? memrchr(name, '.', (size_t)(colon - name)) : NULL;
    if (!dot || dot == name || dot > name + 200 || (size_t)(dot - name) > strspn(name, job))
        return false;
    size_t rank = strspn(dot + 1, "0123456789"), number = strspn(colon + 1, "0123456789");
    return rank && rank <= 10 && dot + 1 + rank == colon && number && number <= 10 && !colon[1 + number];
}
#else
/* Pairs key#value$, of which "tag" is a number: "tag#0$description#node1$port#45063$ifname#10.0.0.1$". */
static bool well_formed(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    static const char value[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:%+/-";
    int tags = 0;
    while (*name) {
        size_t key = strspn(name, letters);
        if (!key || name[key] != '#')
            return false;
        size_t length = strspn(name + key + 1, value);
        if (name[key + 1 + length] != '$')
            return false;
        if (key == 3 && !memcmp(name, "tag", 3)) {
            size_t digits = strspn(name + key + 1, "0123456789");
            if (digits != length || !digits || digits > 5)
                return false;
            tags++;
        }
        name += key + 1 + length + 1;
    }
    return tags == 1;
}
#endif

static int32_t in_port(const mw_call *call, mw_arena *arena, mw_guest_ptr p, char **out)
{
    MW_TRY(mw_in_string(call, arena, "port_name", p, MW_GUEST_MAX_PORT_NAME, out));
    return strlen(*out) < MPI_MAX_PORT_NAME && well_formed(*out)
               ? MW_GUEST_SUCCESS
               : mw_raise_error(call, MW_GUEST_ERR_PORT, "port_name", "not the name of a port of this host's MPI");
}

/* ---- Ports ------------------------------------------------------------------------------------------------------------ */

/* Open ports: MPICH clears a bit of a table for any name that it is told to close. Under mw_registry_lock. */
static char *ports[MAX_PORTS];

/* Puts `to` in the place of `from`, which is freed; NULL is a free place. */
static bool replace_port(const char *from, char *to)
{
    bool found = false;
    pthread_mutex_lock(&mw_registry_lock);
    for (int i = 0; i < MAX_PORTS && !found; i++)
        if (from && ports[i] ? !strcmp(ports[i], from) : ports[i] == from) {
            free(ports[i]);
            ports[i] = to;
            found = true;
        }
    pthread_mutex_unlock(&mw_registry_lock);
    return found;
}

/* Info says where the host's library should listen (ip_address, ip_port): not the guest's to choose. */
int32_t mw_MPI_Open_port(mw_instance *instance, mw_guest_info info, mw_guest_ptr port_name)
{
    mw_call call = MW_CALL("MPI_Open_port");
    char name[MPI_MAX_PORT_NAME + 1] = "";
    MPI_Info host_info;
    void *out;
    MW_TRY(mw_in_dynamic(&call, MW_GUEST_ERR_PORT));
    MW_TRY(mw_in_info_or_null(&call, "info", info, &host_info));
    MW_TRY(mw_out_span(&call, "port_name", port_name, MW_GUEST_MAX_PORT_NAME, &out));
    MW_TRY(mw_result(MPI_Open_port(MPI_INFO_NULL, name)));
    char *kept = strdup(name);
    if (!kept || !replace_port(NULL, kept)) {
        free(kept);
        MPI_Close_port(name);
        return mw_raise_error(&call, MW_GUEST_ERR_PORT, NULL, "more than %d open ports", MAX_PORTS);
    }
    mw_put_string(out, MW_GUEST_MAX_PORT_NAME, name);
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Close_port(mw_instance *instance, mw_guest_ptr port_name)
{
    mw_call call = MW_CALL("MPI_Close_port");
    mw_arena arena = mw_scratch_begin();
    char *name;
    int32_t error;
    if (!(error = mw_in_dynamic(&call, MW_GUEST_ERR_PORT)) && !(error = in_port(&call, &arena, port_name, &name)))
        error = replace_port(name, NULL) ? mw_result(MPI_Close_port(name))
                                         : mw_raise_error(&call, MW_GUEST_ERR_PORT, "port_name", "not open in this process");
    mw_arena_end(&arena);
    return error;
}

static int32_t connect_accept(mw_call *call, int (*host)(const char *, MPI_Info, int, MPI_Comm, MPI_Comm *),
                              mw_guest_ptr port_name, mw_guest_info info, int32_t root, mw_guest_comm comm,
                              mw_guest_ptr newcomm)
{
    const mw_comm_slot *host_comm;
    static char no_name[] = "";
    char *name = no_name;
    MPI_Comm made = MPI_COMM_NULL;
    MPI_Info host_info;
    mw_role role;
    int host_root;
    mw_guest_word *out = NULL;
    int32_t error;
    MW_TRY(mw_in_comm(call, "comm", comm, &host_comm));
    if (host_comm->inter)
        return mw_raise_error(call, MW_GUEST_ERR_COMM, "comm", "not an intracommunicator");
    MW_TRY(mw_in_root(call, "root", root, &host_root, &role));
    mw_arena arena = mw_scratch_begin();
    if (!(error = mw_in_dynamic(call, MW_GUEST_ERR_PORT)) && role == MW_ROLE_ROOT &&
        !(error = mw_in_info_or_null(call, "info", info, &host_info)))
        error = in_port(call, &arena, port_name, &name);
    if (!error)
        error = mw_out_word(call, "newcomm", newcomm, &out);
    if (!(error = mw_agree(call, host_comm, error, NULL))) {
        *out = MW_GUEST_COMM_NULL;
        if (!(error = mw_result(host(name, MPI_INFO_NULL, host_root, host_comm->host, &made))))
            error = mw_out_comm(call, "newcomm", made, out);
    }
    mw_arena_end(&arena);
    return error;
}

int32_t mw_MPI_Comm_accept(mw_instance *instance, mw_guest_ptr port_name, mw_guest_info info, int32_t root,
                           mw_guest_comm comm, mw_guest_ptr newcomm)
{
    mw_call call = MW_CALL("MPI_Comm_accept");
    return connect_accept(&call, MPI_Comm_accept, port_name, info, root, comm, newcomm);
}

int32_t mw_MPI_Comm_connect(mw_instance *instance, mw_guest_ptr port_name, mw_guest_info info, int32_t root,
                            mw_guest_comm comm, mw_guest_ptr newcomm)
{
    mw_call call = MW_CALL("MPI_Comm_connect");
    return connect_accept(&call, MPI_Comm_connect, port_name, info, root, comm, newcomm);
}

/* ---- Published names -------------------------------------------------------------------------------------------------- */

/* As text, in which names of letters and digits stay what they are: MPICH's travel in lines of words, and Open MPI's are
 * keys beside those by which it connects processes (which have colons) and gives directions (which begin with "pmix"). */
static int32_t in_service(const mw_call *call, mw_arena *arena, mw_guest_ptr p, char out[MAX_SERVICE])
{
    char *name;
    MW_TRY(mw_in_string(call, arena, "service_name", p, MAX_SERVICE, &name));
    size_t first = strncmp(name, "pmix", 4) ? 0 : 3;
    if (first)
        memcpy(out, "%70", first);
    size_t length = first + mw_word_put(out + first, MAX_SERVICE - 1 - first, name + !!first, strlen(name + !!first));
    if (length == 0 || length >= MAX_SERVICE)
        return mw_raise_error(call, MW_GUEST_ERR_SERVICE, "service_name", length ? "too long" : "empty");
    out[length] = 0;
    return MW_GUEST_SUCCESS;
}

/* What is published is mostly the name of a port, but may be any text, which then is published as a word; it has none of the
 * characters that every port's name has. */
static int32_t in_published(const mw_call *call, mw_arena *arena, mw_guest_ptr p, char out[MPI_MAX_PORT_NAME])
{
    char *name;
    MW_TRY(mw_in_string(call, arena, "port_name", p, MW_GUEST_MAX_PORT_NAME, &name));
    size_t length = strlen(name);
    if (length < MPI_MAX_PORT_NAME && well_formed(name))
        memcpy(out, name, length);
    else
        length = mw_word_put(out, MPI_MAX_PORT_NAME - 1, name, length);
    if (length == 0 || length >= MPI_MAX_PORT_NAME)
        return mw_raise_error(call, MW_GUEST_ERR_PORT, "port_name", length ? "too long" : "empty");
    out[length] = 0;
    return MW_GUEST_SUCCESS;
}

static int32_t put_published(const mw_call *call, char *name, void *out)
{
    char *word;
    size_t n;
    if (!well_formed(name) && !mw_words_split(name, &word, 1, &n))
        return mw_raise_error(call, MW_GUEST_ERR_NAME, NULL, "what was published is not the name of a port");
    mw_put_string(out, MW_GUEST_MAX_PORT_NAME, name);
    return MW_GUEST_SUCCESS;
}

/* MPI_Publish_name and MPI_Unpublish_name. */
static int32_t publish(mw_call *call, int32_t error_class, int (*host)(const char *, MPI_Info, const char *),
                       mw_guest_ptr service_name, mw_guest_info info, mw_guest_ptr port_name)
{
    mw_arena arena = mw_scratch_begin();
    MPI_Info host_info = MPI_INFO_NULL;
    char service[MAX_SERVICE], port[MPI_MAX_PORT_NAME];
    int32_t error;
    if (!(error = mw_in_dynamic(call, error_class)) && !(error = in_service(call, &arena, service_name, service)) &&
        !(error = in_published(call, &arena, port_name, port)) &&
        !(error = mw_in_info_rights(call, "info", info, &host_info)))
        error = mw_result(host(service, host_info, port));
    if (host_info != MPI_INFO_NULL)
        MPI_Info_free(&host_info);
    mw_arena_end(&arena);
    return error;
}

int32_t mw_MPI_Publish_name(mw_instance *instance, mw_guest_ptr service_name, mw_guest_info info, mw_guest_ptr port_name)
{
    mw_call call = MW_CALL("MPI_Publish_name");
    return publish(&call, MW_GUEST_ERR_SERVICE, MPI_Publish_name, service_name, info, port_name);
}

int32_t mw_MPI_Unpublish_name(mw_instance *instance, mw_guest_ptr service_name, mw_guest_info info, mw_guest_ptr port_name)
{
    mw_call call = MW_CALL("MPI_Unpublish_name");
    return publish(&call, MW_GUEST_ERR_SERVICE, MPI_Unpublish_name, service_name, info, port_name);
}

int32_t mw_MPI_Lookup_name(mw_instance *instance, mw_guest_ptr service_name, mw_guest_info info, mw_guest_ptr port_name)
{
    mw_call call = MW_CALL("MPI_Lookup_name");
    mw_arena arena = mw_scratch_begin();
    char service[MAX_SERVICE], port[MPI_MAX_PORT_NAME + 1] = "";
    MPI_Info host_info = MPI_INFO_NULL;
    int32_t error;
    void *out;
    if (!(error = mw_in_dynamic(&call, MW_GUEST_ERR_NAME)) && !(error = in_service(&call, &arena, service_name, service)) &&
        !(error = mw_out_span(&call, "port_name", port_name, MW_GUEST_MAX_PORT_NAME, &out)) &&
        !(error = mw_in_info_rights(&call, "info", info, &host_info)) &&
        !(error = mw_result(MPI_Lookup_name(service, host_info, port))))
        error = put_published(&call, port, out);
    if (host_info != MPI_INFO_NULL)
        MPI_Info_free(&host_info);
    mw_arena_end(&arena);
    return error;
}
