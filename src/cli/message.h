/* Messages to the user on standard error, each a line with the program's name and, in a parallel run, the rank. */
#ifndef MW_CLI_MESSAGE_H
#define MW_CLI_MESSAGE_H

/* The rank that messages name from now on; -1: none. */
void mw_message_set_rank(int rank);
int mw_message_rank(void);

/* "mpiwasm: rank 3: ", or "mpiwasm: ". Static. */
const char *mw_message_prefix(void);

void mw_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
