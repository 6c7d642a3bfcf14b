# Every folder is one OBJECT library, so that static registration survives linking; together they
# make libheadrace.

# headrace_folder(NAME [LINK libs...]): all sources of the current folder as one OBJECT library. A
# folder without sources is left out.
function(headrace_folder name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cc)
  if(NOT sources)
    return()
  endif()
  add_library(headrace_${name} OBJECT ${sources})
  target_include_directories(headrace_${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_link_libraries(headrace_${name} PRIVATE headrace_options PUBLIC ${ARG_LINK})
  set_property(GLOBAL APPEND PROPERTY HEADRACE_FOLDERS headrace_${name})
endfunction()

# One shared library of all folders declared so far.
function(headrace_link_library)
  get_property(folders GLOBAL PROPERTY HEADRACE_FOLDERS)
  add_library(headrace SHARED)
  target_link_libraries(headrace PRIVATE headrace_options PUBLIC ${folders})
endfunction()
