/* The other name of <sys/vfs.h>. */
#include <sys/vfs.h>
