# Which tests run under the sanitizers, as gtest filters per folder. Each program is one ctest entry
# there, because starting a process per test costs more than the tests.
#
# AddressSanitizer runs everything: whatever parses or owns memory, and that is all of it.
# ThreadSanitizer runs what has threads; a folder that is not named here has none.
set(thread_tests_core "*")
set(thread_tests_graph "*")
set(thread_tests_comm "*Store*:*AnyGroup*:*Faults*:Processes*:-*DoesEvery*:*EndsWithTheSameBits*")
set(thread_tests_data "*Batches*")

function(headrace_sanitizer_test name)
  set(filter "*")
  if(HEADRACE_SANITIZER STREQUAL "thread")
    set(filter "${thread_tests_${name}}")
  endif()
  if(NOT filter)
    set_target_properties(test_${name} PROPERTIES EXCLUDE_FROM_ALL TRUE)
    return()
  endif()
  add_test(NAME ${name} COMMAND test_${name} --gtest_filter=${filter} --gtest_brief=1)
  # A filter that selects nothing tests nothing.
  set_tests_properties(${name} PROPERTIES TIMEOUT 900
    FAIL_REGULAR_EXPRESSION "0 tests from 0 test suites"
    ENVIRONMENT "TSAN_OPTIONS=halt_on_error=1;UBSAN_OPTIONS=print_stacktrace=1")
endfunction()
