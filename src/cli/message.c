#include "cli/message.h"

#include <stdarg.h>
#include <stdio.h>

static int message_rank = -1;

void mw_message_set_rank(int rank)
{
    message_rank = rank;
}

int mw_message_rank(void)
{
    return message_rank;
}

const char *mw_message_prefix(void)
{
    static char prefix[48];
    if (message_rank < 0)
        return "mpiwasm: ";
    snprintf(prefix, sizeof prefix, "mpiwasm: rank %d: ", message_rank);
    return prefix;
}

/* One write a line, so that the lines of several ranks do not mix. */
void mw_message(const char *format, ...)
{
    char line[4096];
    int n = snprintf(line, sizeof line, "%s", mw_message_prefix());
    va_list args;
    va_start(args, format);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
    va_end(args);
    n += m < (int)sizeof line - n - 2 ? m : (int)sizeof line - n - 2;
    line[n++] = '\n';
    fwrite(line, 1, (size_t)n, stderr);
}
