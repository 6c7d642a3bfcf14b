# Language level, warnings, sanitizers, instruction set and the compiler cache, the same for every
# target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug or Release" FORCE)
endif()

# Where tools/setup.sh puts what is no Debian package.
set(deps ${PROJECT_SOURCE_DIR}/.deps)
if(DEFINED ENV{HEADRACE_DEPS})
  set(deps $ENV{HEADRACE_DEPS})
endif()
set(HEADRACE_DEPS ${deps} CACHE PATH "Folder that tools/setup.sh installs into")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE})
endif()

# The instruction set of our own code; oneDNN chooses its own at run time. The default is what every
# x86 server since 2017 has (AVX2, FMA), so that one binary serves a whole cluster and rounds the
# same on every rank. "native" is for one machine, and empty for the compiler's default.
set(default_march "")
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  set(default_march x86-64-v3)
endif()
set(HEADRACE_MARCH ${default_march} CACHE STRING "Value of the compiler's -march")

set(HEADRACE_SANITIZER "" CACHE STRING "address, thread or empty")
set_property(CACHE HEADRACE_SANITIZER PROPERTY STRINGS "" address thread)

set(cxx_options -Wall -Wextra -Werror -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees overlapping copies in any "text" + std::string (its bug 105651).
  list(APPEND cxx_options -Wno-restrict)
endif()
if(HEADRACE_MARCH)
  list(APPEND cxx_options -march=${HEADRACE_MARCH})
endif()
# A function of ours is ours: the compiler may inline it although it is exported.
list(APPEND cxx_options -fno-semantic-interposition)

option(HEADRACE_FUZZ "Build the libFuzzer programs of fuzz/ (needs Clang)" OFF)
if(HEADRACE_FUZZ)
  list(APPEND cxx_options -fsanitize=fuzzer-no-link)
endif()

add_library(headrace_options INTERFACE)
target_compile_definitions(headrace_options INTERFACE
  $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)

# What is compiled for a sanitizer links headrace_sanitizer as well. Under AddressSanitizer that is the
# library and the command but not the tests: their objects are then those of the release build, which
# the compiler cache has already. ThreadSanitizer has to see every access, so there the tests are
# compiled for it too.
add_library(headrace_sanitizer INTERFACE)
if(HEADRACE_SANITIZER STREQUAL "address")
  set(sanitize -fsanitize=address,undefined)
  # Left out is what AddressSanitizer sees as well, because it takes a sixth of the compile time.
  set(sanitizer_options ${sanitize} -fno-sanitize-recover=all
    -fno-sanitize=null,object-size,vptr)
  # What a library calls of its own is its own, not the copy in a test that is not instrumented.
  target_link_options(headrace_sanitizer INTERFACE -Wl,-Bsymbolic-functions)
elseif(HEADRACE_SANITIZER STREQUAL "thread")
  set(sanitize -fsanitize=thread)
  set(sanitizer_options ${sanitize})
elseif(HEADRACE_SANITIZER)
  message(FATAL_ERROR "HEADRACE_SANITIZER is '${HEADRACE_SANITIZER}'; it can be address or thread")
endif()
if(HEADRACE_SANITIZER)
  # Line numbers, and code fast enough for the stress tests; where a target says that it has nothing
  # to be fast at (property HEADRACE_UNOPTIMIZED), half the compile time.
  list(APPEND sanitizer_options -g1 -fno-omit-frame-pointer
    -O$<IF:$<BOOL:$<TARGET_PROPERTY:HEADRACE_UNOPTIMIZED>>,0,1>)
  target_compile_options(headrace_sanitizer INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:${sanitizer_options}>")
  target_compile_definitions(headrace_sanitizer INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(headrace_options INTERFACE ${sanitize})
endif()
# A program names the libraries that it calls, not those that libheadrace calls.
target_link_options(headrace_options INTERFACE -Wl,--as-needed)
target_compile_options(headrace_options INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${cxx_options}>")
