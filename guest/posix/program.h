/* The program's name for messages: wasi-libc leaves program_invocation_short_name unset. */
#ifndef MPIWASM_PROGRAM_H
#define MPIWASM_PROGRAM_H

/* argv[0] without directories; never NULL. */
const char *mw_program_name(void);

#endif
