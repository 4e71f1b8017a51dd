/* The ABI of the paper's artifact: what its constants are in the standard's, and back. Handles that MPI hands out are
 * the same in both; only predefined values differ. Generated wrappers (gen/legacy.py) use this. */
#ifndef MW_MPI_LEGACY_H
#define MW_MPI_LEGACY_H

#include "mpi/convert.h"
#include "mpi/state.h"

/* Whether the guest has this ABI: none with 64-bit pointers does, and what serves them is built without it. */
#define MW_LEGACY (MW_GUEST_BITS == 32 && mw_mpi_legacy)

/* Its host module "env" (generated). */
extern const mw_host_func mw_legacy_funcs[];
extern const uint32_t mw_legacy_nfuncs;

/* ---- Values passed --------------------------------------------------------------------------------------------- */

mw_guest_comm mw_legacy_in_comm(mw_guest_comm comm);
mw_guest_type mw_legacy_in_type(mw_guest_type type);
mw_guest_op mw_legacy_in_op(mw_guest_op op);
mw_guest_info mw_legacy_in_info(mw_guest_info info);
int32_t mw_legacy_in_recv_tag(int32_t tag);
int32_t mw_legacy_in_thread_level(int32_t level);
int32_t mw_legacy_in_split_type(int32_t split_type);
int32_t mw_legacy_in_win_keyval(int32_t keyval);
/* MPI_SUCCESS and MPI_ERR_OTHER, the one class that it names; other classes keep their numbers. */
int32_t mw_legacy_error(int32_t error_class);

/* Numbers of elements in arrays: what the shim expects; 0 where it will refuse the communicator. */
int32_t mw_legacy_size(mw_guest_comm comm);
int32_t mw_legacy_indegree(mw_guest_comm comm);
int32_t mw_legacy_outdegree(mw_guest_comm comm);
int32_t mw_legacy_peers(mw_guest_comm comm);

/* ---- Values in the guest's memory -------------------------------------------------------------------------------- */

/* What lies at `p`, if it lies in memory; the shim says what is wrong otherwise. */
void mw_legacy_place_in_comm(mw_instance *instance, mw_guest_ptr p);
void mw_legacy_place_in_type(mw_instance *instance, mw_guest_ptr p);
void mw_legacy_place_in_op(mw_instance *instance, mw_guest_ptr p);
void mw_legacy_place_in_info(mw_instance *instance, mw_guest_ptr p);
void mw_legacy_place_out_comm(mw_instance *instance, mw_guest_ptr p);
void mw_legacy_place_out_type(mw_instance *instance, mw_guest_ptr p);
void mw_legacy_place_out_op(mw_instance *instance, mw_guest_ptr p);
void mw_legacy_place_out_info(mw_instance *instance, mw_guest_ptr p);
void mw_legacy_place_out_comparison(mw_instance *instance, mw_guest_ptr p);
void mw_legacy_place_out_thread_level(mw_instance *instance, mw_guest_ptr p);
void mw_legacy_types_out(mw_instance *instance, mw_guest_ptr p, int64_t n);
uint32_t mw_legacy_out_type(uint32_t type);
uint32_t mw_legacy_out_comm(uint32_t comm);

/* Guest memory for translated arrays, during a call. */
typedef struct mw_legacy_blocks {
    mw_instance *instance;
    int used;
    mw_guest_block blocks[4];
} mw_legacy_blocks;

/* A copy of `n` handles in the standard's values; the address itself where the array lies not in memory, which the
 * shim then says. */
mw_guest_ptr mw_legacy_types(mw_legacy_blocks *blocks, mw_guest_ptr types, int64_t n);
/* Room for `n` statuses of the standard's, filled from those at `statuses` if the call reads them. */
mw_guest_ptr mw_legacy_statuses(mw_legacy_blocks *blocks, mw_guest_ptr statuses, int64_t n, bool read);
void mw_legacy_statuses_out(mw_instance *instance, mw_guest_ptr from, mw_guest_ptr statuses, int64_t n);
void mw_legacy_blocks_end(mw_legacy_blocks *blocks);

/* ---- Not of MPI --------------------------------------------------------------------------------------------------- */

int32_t mw_legacy_allocate_exception(mw_instance *instance, int32_t size);
void mw_legacy_throw(mw_instance *instance, mw_guest_ptr object, mw_guest_ptr type, mw_guest_ptr destructor);
int32_t mw_legacy_gethostname(mw_instance *instance, mw_guest_ptr name, int32_t size);

#endif
