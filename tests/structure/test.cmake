# The shape of the source tree: who includes whom, formatting, and headers that stand alone.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
if(NOT HEADRACE_SANITIZER)
  add_test(NAME structure COMMAND ${Python3_EXECUTABLE} ${folder}/check.py ${PROJECT_SOURCE_DIR})
  add_test(NAME structure_check COMMAND ${Python3_EXECUTABLE} ${folder}/check_test.py)
  if(headrace_cuda_enabled)
    add_test(NAME cuda_sources
      COMMAND ${Python3_EXECUTABLE} ${folder}/cuda_sources.py ${PROJECT_SOURCE_DIR}
        ${PROJECT_BINARY_DIR})
  endif()

  # Each header in a source of its own, which says nothing else; compiled when the test runs. A header
  # whose .cc lies beside it is left out: check.py sees to it that the .cc includes it first.
  list(TRANSFORM headrace_folders APPEND "/*.h" OUTPUT_VARIABLE patterns)
  list(TRANSFORM patterns PREPEND ${PROJECT_SOURCE_DIR}/)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${patterns})
  set(header_sources "")
  foreach(header ${headers})
    string(REGEX REPLACE "\\.h$" ".cc" own_source ${PROJECT_SOURCE_DIR}/${header})
    if(EXISTS ${own_source})
      continue()
    endif()
    set(header_source ${PROJECT_BINARY_DIR}/headers_alone/${header}.cc)
    file(CONFIGURE OUTPUT ${header_source} CONTENT "#include \"${header}\"\n")
    list(APPEND header_sources ${header_source})
  endforeach()
  add_library(headers_alone OBJECT EXCLUDE_FROM_ALL ${header_sources})
  target_link_libraries(headers_alone PRIVATE headrace headrace_options)
  target_compile_options(headers_alone PRIVATE -O0)
  add_test(NAME headers_alone
    COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target headers_alone)
  set_tests_properties(headers_alone PROPERTIES TIMEOUT 600 RUN_SERIAL TRUE)
endif()

find_program(CLANG_FORMAT clang-format-14)
if(CLANG_FORMAT)
  set(format ${folder}/format.sh ${CLANG_FORMAT} ${PROJECT_SOURCE_DIR})
  add_custom_target(format COMMAND ${format} -i)
  add_custom_target(format-check COMMAND ${format} --dry-run -Werror)
  if(NOT HEADRACE_SANITIZER)
    add_test(NAME format COMMAND ${format} --dry-run -Werror)
  endif()
endif()

# clang-tidy over the library and the command: ninja -C build/release tidy. Minutes, so not a test.
find_program(RUN_CLANG_TIDY run-clang-tidy-19)
if(RUN_CLANG_TIDY)
  list(JOIN headrace_folders "|" pattern)
  add_custom_target(tidy COMMAND ${RUN_CLANG_TIDY} -quiet -p ${PROJECT_BINARY_DIR}
    -extra-arg=-Wno-unknown-warning-option -extra-arg=-Wno-unknown-pragmas
    "${PROJECT_SOURCE_DIR}/(${pattern}|tools)/.*\\.cc$$"
    USES_TERMINAL VERBATIM)
endif()
