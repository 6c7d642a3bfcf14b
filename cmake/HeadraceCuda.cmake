# CUDA as a build language, where a toolkit is found. HEADRACE_CUDA is auto (take one if it is there),
# ON (fail without one) or OFF. headrace_cuda_enabled says what came of it; every source sees it as
# the macro HEADRACE_CUDA, 1 or 0.
set(HEADRACE_CUDA auto CACHE STRING "Build the CUDA backend: auto, ON or OFF")
set_property(CACHE HEADRACE_CUDA PROPERTY STRINGS auto ON OFF)

set(headrace_cuda_enabled OFF)
if(HEADRACE_CUDA)
  # CMake itself looks at CUDACXX and PATH only.
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    find_program(HEADRACE_NVCC nvcc HINTS ${HEADRACE_DEPS}/cuda/bin /usr/local/cuda/bin
      DOC "The CUDA compiler")
    if(HEADRACE_NVCC)
      set(CMAKE_CUDA_COMPILER ${HEADRACE_NVCC})
    endif()
  endif()
  # Ampere and Hopper as machine code, and PTX from which the driver compiles for what is newer.
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 90-virtual)
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    find_package(CUDAToolkit REQUIRED)
    # CMake 3.25 does not know that nvcc has C++20.
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA_STANDARD 20)
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    set(headrace_cuda_enabled ON)
    message(STATUS "CUDA: ${CUDAToolkit_VERSION}, ${CMAKE_CUDA_COMPILER}, for ${CMAKE_CUDA_ARCHITECTURES}")
  elseif(NOT HEADRACE_CUDA STREQUAL "auto")
    message(FATAL_ERROR "HEADRACE_CUDA is ${HEADRACE_CUDA} and there is no CUDA toolkit. "
      "tools/setup.sh --cuda installs one; CUDACXX names one elsewhere.")
  endif()
endif()
if(NOT headrace_cuda_enabled)
  message(STATUS "CUDA: not built (HEADRACE_CUDA=${HEADRACE_CUDA})")
endif()
target_compile_definitions(headrace_options INTERFACE
  HEADRACE_CUDA=$<BOOL:${headrace_cuda_enabled}>)
# fmt 9 believes that nvcc has no constexpr, and then does not compile as C++20.
target_compile_definitions(headrace_options INTERFACE
  $<$<COMPILE_LANGUAGE:CUDA>:FMT_USE_CONSTEXPR=1>)
target_compile_options(headrace_options INTERFACE
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Werror;-Werror=all-warnings>")
