/* Users, groups and the host's name. A guest acts as nobody: WASI tells no identity, and 0 would claim rights. */
#include "unsupported.h"
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOBODY 65534

uid_t getuid(void)
{
    return NOBODY;
}

uid_t geteuid(void)
{
    return NOBODY;
}

gid_t getgid(void)
{
    return NOBODY;
}

gid_t getegid(void)
{
    return NOBODY;
}

static int become(unsigned id)
{
    if (id == NOBODY)
        return 0;
    errno = EPERM;
    return -1;
}

int setuid(uid_t id)
{
    return become(id);
}

int seteuid(uid_t id)
{
    return become(id);
}

int setgid(gid_t id)
{
    return become(id);
}

int setegid(gid_t id)
{
    return become(id);
}

int setreuid(uid_t real, uid_t effective)
{
    return become(real) ? -1 : become(effective);
}

int setregid(gid_t real, gid_t effective)
{
    return become(real) ? -1 : become(effective);
}

int getgroups(int count, gid_t groups[])
{
    (void)count;
    (void)groups;
    return 0;
}

struct passwd *getpwuid(uid_t id)
{
    (void)id;
    return NULL;
}

struct passwd *getpwnam(const char *name)
{
    (void)name;
    return NULL;
}

/* "Not found" is success with no result (POSIX). */
int getpwuid_r(uid_t id, struct passwd *entry, char *buffer, size_t size, struct passwd **result)
{
    (void)id, (void)entry, (void)buffer, (void)size;
    *result = NULL;
    return 0;
}

int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **result)
{
    (void)name, (void)entry, (void)buffer, (void)size;
    *result = NULL;
    return 0;
}

struct passwd *getpwent(void)
{
    return NULL;
}

void setpwent(void)
{
}

void endpwent(void)
{
}

struct group *getgrgid(gid_t id)
{
    (void)id;
    return NULL;
}

struct group *getgrnam(const char *name)
{
    (void)name;
    return NULL;
}

struct group *getgrent(void)
{
    return NULL;
}

void setgrent(void)
{
}

void endgrent(void)
{
}

char *getlogin(void)
{
    errno = ENXIO;
    return NULL;
}

int getlogin_r(char *name, size_t size)
{
    (void)name, (void)size;
    return ENXIO;
}

/* The name that the environment gives (--env HOSTNAME); MPI_Get_processor_name tells the real one. */
int gethostname(char *name, size_t size)
{
    const char *host = getenv("HOSTNAME");
    if (!host || !*host)
        host = "localhost";
    if (strlen(host) >= size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(name, host);
    return 0;
}

int sethostname(const char *name, size_t size)
{
    (void)name, (void)size;
    errno = EPERM;
    return -1;
}
