/* The types of WASI preview 1 as they lie in guest memory (wasi_snapshot_preview1.witx), and where wasi_unstable
 * (preview 0) differs. Hosts are little-endian, like the guest. */
#ifndef MW_WASI_PREVIEW1_H
#define MW_WASI_PREVIEW1_H

#include <stddef.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structures are copied as they are");

/* X(name, bit) */
#define MW_WASI_RIGHTS(X)                                                                          \
    X(FD_DATASYNC, 0)                                                                              \
    X(FD_READ, 1)                                                                                  \
    X(FD_SEEK, 2)                                                                                  \
    X(FD_FDSTAT_SET_FLAGS, 3)                                                                      \
    X(FD_SYNC, 4)                                                                                  \
    X(FD_TELL, 5)                                                                                  \
    X(FD_WRITE, 6)                                                                                 \
    X(FD_ADVISE, 7)                                                                                \
    X(FD_ALLOCATE, 8)                                                                              \
    X(PATH_CREATE_DIRECTORY, 9)                                                                    \
    X(PATH_CREATE_FILE, 10)                                                                        \
    X(PATH_LINK_SOURCE, 11)                                                                        \
    X(PATH_LINK_TARGET, 12)                                                                        \
    X(PATH_OPEN, 13)                                                                               \
    X(FD_READDIR, 14)                                                                              \
    X(PATH_READLINK, 15)                                                                           \
    X(PATH_RENAME_SOURCE, 16)                                                                      \
    X(PATH_RENAME_TARGET, 17)                                                                      \
    X(PATH_FILESTAT_GET, 18)                                                                       \
    X(PATH_FILESTAT_SET_SIZE, 19)                                                                  \
    X(PATH_FILESTAT_SET_TIMES, 20)                                                                 \
    X(FD_FILESTAT_GET, 21)                                                                         \
    X(FD_FILESTAT_SET_SIZE, 22)                                                                    \
    X(FD_FILESTAT_SET_TIMES, 23)                                                                   \
    X(PATH_SYMLINK, 24)                                                                            \
    X(PATH_REMOVE_DIRECTORY, 25)                                                                   \
    X(PATH_UNLINK_FILE, 26)                                                                        \
    X(POLL_FD_READWRITE, 27)                                                                       \
    X(SOCK_SHUTDOWN, 28)                                                                           \
    X(SOCK_ACCEPT, 29)

typedef uint64_t mw_wasi_rights;
enum {
#define MW_WASI_RIGHT(name, bit) MW_WASI_RIGHT_##name = 1 << (bit),
    MW_WASI_RIGHTS(MW_WASI_RIGHT)
#undef MW_WASI_RIGHT
};

typedef enum mw_wasi_filetype {
    MW_WASI_FILETYPE_UNKNOWN,
    MW_WASI_FILETYPE_BLOCK_DEVICE,
    MW_WASI_FILETYPE_CHARACTER_DEVICE,
    MW_WASI_FILETYPE_DIRECTORY,
    MW_WASI_FILETYPE_REGULAR_FILE,
    MW_WASI_FILETYPE_SOCKET_DGRAM,
    MW_WASI_FILETYPE_SOCKET_STREAM,
    MW_WASI_FILETYPE_SYMBOLIC_LINK,
} mw_wasi_filetype;

enum {
    MW_WASI_FDFLAG_APPEND = 1,
    MW_WASI_FDFLAG_DSYNC = 2,
    MW_WASI_FDFLAG_NONBLOCK = 4,
    MW_WASI_FDFLAG_RSYNC = 8,
    MW_WASI_FDFLAG_SYNC = 16,
    MW_WASI_FDFLAGS = 31,

    MW_WASI_OFLAG_CREAT = 1,
    MW_WASI_OFLAG_DIRECTORY = 2,
    MW_WASI_OFLAG_EXCL = 4,
    MW_WASI_OFLAG_TRUNC = 8,
    MW_WASI_OFLAGS = 15,

    MW_WASI_LOOKUP_SYMLINK_FOLLOW = 1,

    MW_WASI_FST_ATIM = 1,
    MW_WASI_FST_ATIM_NOW = 2,
    MW_WASI_FST_MTIM = 4,
    MW_WASI_FST_MTIM_NOW = 8,
    MW_WASI_FSTFLAGS = 15,

    MW_WASI_CLOCK_REALTIME = 0,
    MW_WASI_CLOCK_MONOTONIC = 1,
    MW_WASI_CLOCK_PROCESS_CPUTIME = 2,
    MW_WASI_CLOCK_THREAD_CPUTIME = 3,

    MW_WASI_EVENT_CLOCK = 0,
    MW_WASI_EVENT_FD_READ = 1,
    MW_WASI_EVENT_FD_WRITE = 2,
    MW_WASI_SUBCLOCK_ABSTIME = 1,
    MW_WASI_EVENT_HANGUP = 1,

    MW_WASI_RI_RECV_PEEK = 1,
    MW_WASI_RI_RECV_WAITALL = 2,
    MW_WASI_RO_RECV_DATA_TRUNCATED = 1,
    MW_WASI_SD_RD = 1,
    MW_WASI_SD_WR = 2,
};

/* What holds pointers and sizes has a second form, for guests whose pointers have 64 bits: wasi-libc's headers compiled for
 * wasm64, in which size_t is as wide. Single pointers and sizes: mw_wasi_word_at. */

/* iovec and ciovec. */
typedef struct mw_wasi_iovec {
    uint32_t buf, buf_len;
} mw_wasi_iovec;
_Static_assert(sizeof(mw_wasi_iovec) == 8, "iovec");

typedef struct mw_wasi_wide_iovec {
    uint64_t buf, buf_len;
} mw_wasi_wide_iovec;
_Static_assert(sizeof(mw_wasi_wide_iovec) == 16, "wide iovec");

typedef struct mw_wasi_fdstat {
    uint8_t filetype;
    uint8_t pad0;
    uint16_t flags;
    uint32_t pad1;
    uint64_t rights_base, rights_inheriting;
} mw_wasi_fdstat;
_Static_assert(sizeof(mw_wasi_fdstat) == 24 && offsetof(mw_wasi_fdstat, rights_base) == 8, "fdstat");

typedef struct mw_wasi_filestat {
    uint64_t dev, ino;
    uint8_t filetype;
    uint8_t pad[7];
    uint64_t nlink, size;
    uint64_t atim, mtim, ctim; /* ns since 1970 */
} mw_wasi_filestat;
_Static_assert(sizeof(mw_wasi_filestat) == 64 && offsetof(mw_wasi_filestat, nlink) == 24, "filestat");

typedef struct mw_wasi_unstable_filestat {
    uint64_t dev, ino;
    uint8_t filetype;
    uint8_t pad[3];
    uint32_t nlink;
    uint64_t size;
    uint64_t atim, mtim, ctim;
} mw_wasi_unstable_filestat;
_Static_assert(sizeof(mw_wasi_unstable_filestat) == 56 && offsetof(mw_wasi_unstable_filestat, size) == 24,
               "unstable filestat");

typedef struct mw_wasi_dirent {
    uint64_t next, ino;
    uint32_t namlen;
    uint8_t type;
    uint8_t pad[3];
} mw_wasi_dirent;
_Static_assert(sizeof(mw_wasi_dirent) == 24, "dirent");

typedef struct mw_wasi_prestat {
    uint8_t tag; /* 0: directory */
    uint8_t pad[3];
    uint32_t name_len;
} mw_wasi_prestat;
_Static_assert(sizeof(mw_wasi_prestat) == 8, "prestat");

typedef struct mw_wasi_wide_prestat {
    uint8_t tag;
    uint8_t pad[7];
    uint64_t name_len;
} mw_wasi_wide_prestat;
_Static_assert(sizeof(mw_wasi_wide_prestat) == 16, "wide prestat");

typedef struct mw_wasi_subscription {
    uint64_t userdata;
    uint8_t type;
    uint8_t pad[7];
    union {
        struct {
            uint32_t id, pad;
            uint64_t timeout, precision;
            uint16_t flags;
        } clock;
        uint32_t fd;
    };
} mw_wasi_subscription;
_Static_assert(sizeof(mw_wasi_subscription) == 48 && offsetof(mw_wasi_subscription, clock.flags) == 40,
               "subscription");

/* Preview 0 gave a clock's subscription an identifier of its own. */
typedef struct mw_wasi_unstable_subscription {
    uint64_t userdata;
    uint8_t type;
    uint8_t pad[7];
    union {
        struct {
            uint64_t identifier;
            uint32_t id, pad;
            uint64_t timeout, precision;
            uint16_t flags;
        } clock;
        uint32_t fd;
    };
} mw_wasi_unstable_subscription;
_Static_assert(sizeof(mw_wasi_unstable_subscription) == 56 &&
                   offsetof(mw_wasi_unstable_subscription, clock.flags) == 48,
               "unstable subscription");

typedef struct mw_wasi_event {
    uint64_t userdata;
    uint16_t error;
    uint8_t type;
    uint8_t pad0[5];
    uint64_t nbytes;
    uint16_t flags;
    uint8_t pad1[6];
} mw_wasi_event;
_Static_assert(sizeof(mw_wasi_event) == 32 && offsetof(mw_wasi_event, nbytes) == 16, "event");

#endif
