# CMake toolchain file: cmake -B build-wasm -DCMAKE_TOOLCHAIN_FILE=<prefix>/share/mpiwasm/cmake/mpiwasm.cmake
# find_package(MPI) finds guests' MPI in C and C++; tests that name a target run it through mpiwasm.
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR}) # Platform/WASI.cmake, which older CMakes lack
set(CMAKE_SYSTEM_NAME WASI)
set(CMAKE_SYSTEM_VERSION 1)
set(CMAKE_SYSTEM_PROCESSOR wasm32)

get_filename_component(MPIWASM_PREFIX ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)
set(CMAKE_C_COMPILER ${MPIWASM_PREFIX}/bin/mpiwasm-cc)
set(CMAKE_CXX_COMPILER ${MPIWASM_PREFIX}/bin/mpiwasm-c++)
find_program(MPIWASM_AR NAMES llvm-ar-22 llvm-ar REQUIRED)
find_program(MPIWASM_RANLIB NAMES llvm-ranlib-22 llvm-ranlib REQUIRED)
find_program(MPIWASM_NM NAMES llvm-nm-22 llvm-nm)
set(CMAKE_AR ${MPIWASM_AR})
set(CMAKE_RANLIB ${MPIWASM_RANLIB})
set(CMAKE_NM ${MPIWASM_NM})

set(CMAKE_SYSROOT ${MPIWASM_PREFIX}/share/mpiwasm/sysroot)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# What a build runs, in tests of the configuration too, may write where it runs and into the build tree, and read the sources.
set(CMAKE_CROSSCOMPILING_EMULATOR ${MPIWASM_PREFIX}/bin/mpiwasm -d . -d ${CMAKE_BINARY_DIR}::${CMAKE_BINARY_DIR}
    --dir-ro ${CMAKE_SOURCE_DIR}::${CMAKE_SOURCE_DIR})
# ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} n ${MPIEXEC_PREFLAGS} program: a guest is started by mpiwasm.
set(MPIEXEC_PREFLAGS ${CMAKE_CROSSCOMPILING_EMULATOR} CACHE STRING "Flags before the program, after mpiexec's own")
# find_package(Threads) gives -pthread, for compiling too: without it nothing of threads is found.
set(THREADS_PREFER_PTHREAD_FLAG ON)
set(CMAKE_HAVE_PTHREAD_H 1 CACHE INTERNAL "")
set(THREADS_HAVE_PTHREAD_ARG ON CACHE INTERNAL "")
