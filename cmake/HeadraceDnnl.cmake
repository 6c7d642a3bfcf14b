# oneDNN as the target headrace::dnnl. Sources that use it see HEADRACE_DNNL_TBB: 1 where the library
# runs on TBB, headrace's own pool; 0 where it brings threads of its own (OpenMP), which is accepted
# for correctness only.
#
# HEADRACE_DNNL says which library to take:
#   tbb     the one that tools/setup.sh puts into HEADRACE_DEPS
#   system  the one that the system's compiler finds, such as Debian's libdnnl-dev
#   auto    tbb where it is installed, else system, with a warning
set(HEADRACE_DNNL auto CACHE STRING "Which oneDNN: auto, tbb or system")
set_property(CACHE HEADRACE_DNNL PROPERTY STRINGS auto tbb system)

# headrace_find_dnnl(PREFIX FOUND [find_path options...]): defines headrace::dnnl from a oneDNN under
# PREFIX, or in the system's places where PREFIX is empty.
function(headrace_find_dnnl prefix found)
  set(where "")
  if(prefix)
    set(where PATHS ${prefix} NO_DEFAULT_PATH)
  endif()
  find_path(include oneapi/dnnl/dnnl.hpp ${where} PATH_SUFFIXES include NO_CACHE)
  find_library(library dnnl ${where} PATH_SUFFIXES lib NO_CACHE)
  if(NOT include OR NOT library)
    set(${found} FALSE PARENT_SCOPE)
    return()
  endif()

  file(READ ${include}/oneapi/dnnl/dnnl_version.h text)
  string(REGEX REPLACE ".*_VERSION_MAJOR +([0-9]+).*_VERSION_MINOR +([0-9]+).*" "\\1.\\2" version
    "${text}")
  file(READ ${include}/oneapi/dnnl/dnnl_config.h text)
  string(REGEX REPLACE ".*#define DNNL_CPU_RUNTIME DNNL_RUNTIME_([A-Z]+).*" "\\1" runtime "${text}")
  message(STATUS "oneDNN: ${version} on ${runtime}, ${library}")

  add_library(headrace::dnnl SHARED IMPORTED GLOBAL)
  set_target_properties(headrace::dnnl PROPERTIES IMPORTED_LOCATION ${library})
  target_include_directories(headrace::dnnl INTERFACE ${include})
  if(runtime STREQUAL "TBB")
    target_compile_definitions(headrace::dnnl INTERFACE HEADRACE_DNNL_TBB=1)
  else()
    target_compile_definitions(headrace::dnnl INTERFACE HEADRACE_DNNL_TBB=0)
  endif()
  set(${found} TRUE PARENT_SCOPE)

  # What an installed headrace has to bring along.
  if(prefix)
    set(headrace_dnnl_files ${prefix}/lib/libdnnl.so.3 ${prefix}/lib/libdnnl.so.3.2
      ${prefix}/lib/libdnnl_fastmem.so PARENT_SCOPE)
  endif()
endfunction()

if(NOT HEADRACE_DNNL MATCHES "^(auto|tbb|system)$")
  message(FATAL_ERROR "HEADRACE_DNNL is '${HEADRACE_DNNL}'; it can be auto, tbb or system")
endif()
set(dnnl_found FALSE)
if(NOT HEADRACE_DNNL STREQUAL "system")
  headrace_find_dnnl(${HEADRACE_DEPS}/onednn dnnl_found)
endif()
if(NOT dnnl_found AND NOT HEADRACE_DNNL STREQUAL "tbb")
  headrace_find_dnnl("" dnnl_found)
  if(dnnl_found AND HEADRACE_DNNL STREQUAL "auto")
    message(WARNING "This oneDNN is the system's, because there is none in ${HEADRACE_DEPS}/onednn. "
      "Run tools/setup.sh for the one on TBB, which is the fast one.")
  endif()
endif()
if(NOT dnnl_found)
  message(FATAL_ERROR "No oneDNN found (HEADRACE_DNNL=${HEADRACE_DNNL}, "
    "HEADRACE_DEPS=${HEADRACE_DEPS}). Run tools/setup.sh.")
endif()
