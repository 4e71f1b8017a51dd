/* What wasi-libc leaves out of <fcntl.h>. WASI has neither locks nor copies of descriptors: fcntl() with these commands
 * returns -1 with errno EINVAL, which is POSIX's answer for a file that cannot be locked. */
#ifndef MPIWASM_FCNTL_H
#define MPIWASM_FCNTL_H

#include_next <fcntl.h>

#define F_DUPFD (0)
#define F_GETLK (5)
#define F_SETLK (6)
#define F_SETLKW (7)
#define F_DUPFD_CLOEXEC (1030)

/* struct flock's l_type */
#define F_RDLCK (0)
#define F_WRLCK (1)
#define F_UNLCK (2)

#endif
