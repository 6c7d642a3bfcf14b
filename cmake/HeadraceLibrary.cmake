# Every folder is one OBJECT library, so that static registration survives linking; together they
# make libheadrace.

# headrace_folder(NAME [LINK libs...] [TOGETHER [APART sources...]]): all sources of the current
# folder as one OBJECT library; see headrace_compile_together() for the rest. A folder without sources
# is left out. Two kinds of source depend on the build:
#   *.cu, and *.cc in a folder named cuda   only with CUDA
#   NAME_nocuda.cc                          only where NAME.cu or NAME.cc beside it is left out
function(headrace_folder name)
  cmake_parse_arguments(ARG "TOGETHER" "" "LINK;APART" ${ARGN})
  file(GLOB_RECURSE candidates CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.cc *.cu)
  set(sources "")
  set(stand_ins "")
  foreach(source ${candidates})
    if(source MATCHES "_nocuda\\.cc$")
      list(APPEND stand_ins ${source})
    elseif(headrace_cuda_enabled OR NOT source MATCHES "\\.cu$|(^|/)cuda/")
      list(APPEND sources ${source})
    endif()
  endforeach()
  foreach(source ${stand_ins})
    string(REPLACE "_nocuda.cc" "" base ${source})
    if(NOT "${base}.cu" IN_LIST sources AND NOT "${base}.cc" IN_LIST sources)
      list(APPEND sources ${source})
    endif()
  endforeach()
  if(NOT sources)
    return()
  endif()
  add_library(headrace_${name} OBJECT ${sources})
  target_include_directories(headrace_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(headrace_${name} PRIVATE headrace_options headrace_sanitizer
    PUBLIC ${ARG_LINK})
  if(headrace_cuda_enabled)
    # The static runtime finds the driver when it is first used, so that the same library also runs
    # where there is none.
    target_link_libraries(headrace_${name} PUBLIC CUDA::cudart_static)
  endif()
  if(ARG_TOGETHER)
    headrace_compile_together(headrace_${name} ${ARG_APART})
  endif()
  set_property(GLOBAL APPEND PROPERTY HEADRACE_FOLDERS headrace_${name})
endfunction()

# headrace_compile_together(TARGET [APART...]): for a sanitizer, a dozen sources are compiled as one,
# which takes a third of the time. Sources APART give a name another meaning than others do. The
# release build compiles each on its own, and so finds what a source forgot to include.
function(headrace_compile_together target)
  if(HEADRACE_SANITIZER)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
    set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    # GCC takes the sources for headers, in which a class may not have members of local types.
    target_compile_options(${target} PRIVATE
      $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

# One shared library of all folders declared so far. Programs of the build see its headers, and link
# nothing that an installed headrace does not name: what a test uses beyond that, it says.
function(headrace_link_library)
  get_property(folders GLOBAL PROPERTY HEADRACE_FOLDERS)
  add_library(headrace SHARED)
  add_library(headrace::headrace ALIAS headrace)
  target_link_libraries(headrace PRIVATE headrace_options headrace_sanitizer ${folders}
    PUBLIC fmt::fmt protobuf::libprotobuf)
  target_include_directories(headrace INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  target_include_directories(headrace SYSTEM INTERFACE
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>)
  target_compile_features(headrace PUBLIC cxx_std_20)
  set_target_properties(headrace PROPERTIES VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endfunction()
