if(NOT HEADRACE_SANITIZER)
  add_test(NAME install COMMAND ${folder}/run.sh ${PROJECT_BINARY_DIR})
  set_tests_properties(install PROPERTIES TIMEOUT 600)
endif()
