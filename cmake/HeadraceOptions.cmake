# Language level, warnings, sanitizers and the compiler cache, the same for every target.
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

set(HEADRACE_SANITIZER "" CACHE STRING "address, thread or empty")
add_library(headrace_options INTERFACE)
target_compile_options(headrace_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Werror -Wno-missing-field-initializers>)
if(HEADRACE_SANITIZER STREQUAL "address")
  target_compile_options(headrace_options INTERFACE -fsanitize=address,undefined
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(headrace_options INTERFACE -fsanitize=address,undefined)
elseif(HEADRACE_SANITIZER STREQUAL "thread")
  target_compile_options(headrace_options INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(headrace_options INTERFACE -fsanitize=thread)
endif()
