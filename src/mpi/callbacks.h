/* What the callback files give each other. */
#ifndef MW_MPI_CALLBACKS_H
#define MW_MPI_CALLBACKS_H

#include "mpi/convert.h"
#include "runtime/trap.h"

/* The operation of our own that does predefined operation `builtin` (its guest value) on a datatype with the guest's
 * long double, IEEE quadruple precision, in which the host cannot compute; MPI_OP_NULL if that is undefined (quad.c). */
MPI_Op mw_quad_op(uint32_t builtin, mw_guest_type type);
void mw_quad_finalize(void); /* frees the operations, before MPI_Finalize */

/* MPICH returns the code that the guest's error handler left, where it is not the one it was given. A shim may do so that has
 * nothing more to do after the error: it begins with the one, and passes its error through the other (errhandlers.c). */
void mw_handler_begin(void);
int32_t mw_handler_code(int32_t error);

/* Ends the job for a callback that cannot be made: the host's library waits for its result. */
_Noreturn void mw_cannot_call(const char *what, const char *why);

/* Pools of trampolines. MW_REPEAT1024(M): M(0x000) ... M(0x3ff); MW_REPEAT256(M, 0x0): M(0x000) ... M(0x0ff). */
#define MW_REPEAT16(M, p) M(p##0) M(p##1) M(p##2) M(p##3) M(p##4) M(p##5) M(p##6) M(p##7) M(p##8) M(p##9) M(p##a)  \
    M(p##b) M(p##c) M(p##d) M(p##e) M(p##f)
#define MW_REPEAT256(M, p) MW_REPEAT16(M, p##0) MW_REPEAT16(M, p##1) MW_REPEAT16(M, p##2) MW_REPEAT16(M, p##3)     \
    MW_REPEAT16(M, p##4) MW_REPEAT16(M, p##5) MW_REPEAT16(M, p##6) MW_REPEAT16(M, p##7) MW_REPEAT16(M, p##8)       \
    MW_REPEAT16(M, p##9) MW_REPEAT16(M, p##a) MW_REPEAT16(M, p##b) MW_REPEAT16(M, p##c) MW_REPEAT16(M, p##d)       \
    MW_REPEAT16(M, p##e) MW_REPEAT16(M, p##f)
#define MW_REPEAT1024(M) MW_REPEAT256(M, 0x0) MW_REPEAT256(M, 0x1) MW_REPEAT256(M, 0x2) MW_REPEAT256(M, 0x3)

#endif
