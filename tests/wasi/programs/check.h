/* Names of errnos, since numbers and texts differ between C libraries. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *errno_name(int e)
{
    switch (e) {
#define NAME(e)                                                                                    \
    case e:                                                                                        \
        return #e;
        NAME(EACCES) NAME(EBADF) NAME(EBUSY) NAME(EEXIST) NAME(EFBIG) NAME(EINVAL) NAME(EISDIR) NAME(ELOOP)
        NAME(EMFILE) NAME(ENAMETOOLONG) NAME(ENOENT) NAME(ENOTDIR) NAME(ENOTEMPTY) NAME(ENOTTY) NAME(EPERM)
        NAME(EPIPE) NAME(EROFS) NAME(ESPIPE) NAME(EXDEV) NAME(EOVERFLOW) NAME(ENOSYS) NAME(ENOTSUP)
#ifdef ENOTCAPABLE
        NAME(ENOTCAPABLE)
#endif
#undef NAME
    case 0:
        return "0";
    default:
        return "another";
    }
}

/* Prints a call and what it returned: an errno's name if that is -1 or NULL. */
#define SHOW(call)                                                                                 \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long long result_ = (long long)(call);                                                     \
        if (result_ == -1)                                                                         \
            printf("%s: %s\n", #call, errno_name(errno));                                          \
        else                                                                                       \
            printf("%s = %lld\n", #call, result_);                                                 \
    } while (0)

/* For calls that give a descriptor or a pointer: only whether they worked. */
#define SHOW_OK(ok, call) printf("%s: %s\n", #call, (errno = 0, (call), (ok)) ? "ok" : errno_name(errno))

#endif
