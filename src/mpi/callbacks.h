/* What the callback files give each other. */
#ifndef MW_MPI_CALLBACKS_H
#define MW_MPI_CALLBACKS_H

#include "mpi/convert.h"
#include "runtime/trap.h"

/* The operation of our own that does predefined operation `builtin` (its guest value) on a datatype with the guest's
 * long double, IEEE quadruple precision, in which the host cannot compute; MPI_OP_NULL if that is undefined (quad.c). */
MPI_Op mw_quad_op(uint32_t builtin, mw_guest_type type);
void mw_quad_finalize(void); /* frees the operations, before MPI_Finalize */

#endif
