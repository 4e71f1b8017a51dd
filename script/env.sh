# shellcheck shell=sh
# Environment for building, testing and showing: sourced by the other scripts, or by you: . script/env.sh
# Runs on one machine, as root in containers too, and with more ranks than cores.
# shellcheck disable=SC3028,SC3054 # bash says where a sourced file is; other shells are in the root then
mw_root=$(cd "$(dirname "${BASH_SOURCE:-script/env.sh}")/.." && pwd)

# The compilers and the wrapper of this build tree first.
PATH=$mw_root/build/bin:$PATH

# Open MPI refuses root and more ranks than cores unless told so.
OMPI_ALLOW_RUN_AS_ROOT=1
OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
OMPI_MCA_rmaps_base_oversubscribe=1
# Quiet about devices that containers lack, and about reading memory of other processes (ptrace is often forbidden).
OMPI_MCA_btl_base_warn_component_unused=0
OMPI_MCA_btl_vader_single_copy_mechanism=none
OMPI_MCA_pml=ob1
OMPI_MCA_btl=self,vader
# One-sided communication without reading memory of other processes: osc/rdma, the default, cannot do without.
OMPI_MCA_osc=sm,pt2pt
HWLOC_HIDE_ERRORS=2
UCX_LOG_LEVEL=error
FI_LOG_LEVEL=error

# What the wrappers of the host MPIs compile with, to compare like with like.
OMPI_CC=${OMPI_CC:-clang-22}
MPICH_CC=${MPICH_CC:-clang-22}

export PATH OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM OMPI_MCA_rmaps_base_oversubscribe \
    OMPI_MCA_btl_base_warn_component_unused OMPI_MCA_btl_vader_single_copy_mechanism OMPI_MCA_pml OMPI_MCA_btl OMPI_MCA_osc \
    HWLOC_HIDE_ERRORS UCX_LOG_LEVEL FI_LOG_LEVEL OMPI_CC MPICH_CC
unset mw_root
