# Which tests run under the sanitizers, as gtest filters per folder. Each program is one ctest entry
# there, because starting a process per test costs more than the tests.
#
# AddressSanitizer runs everything: whatever parses or owns memory, and that is all of it. But for jobs
# that are killed and started again until they have ended: minutes of what single jobs do, too.
set(address_tests_tools "-TrainFaults*")
# ThreadSanitizer runs what has threads; a folder that is not named here has none.
set(thread_tests_core "*")
set(thread_tests_graph "*")
set(thread_tests_comm "*Store*:*AnyGroup*:*Faults*:NetOperators*:TicketOrder*:-*DoesEvery*:*EndsWithTheSameBits*")
set(thread_tests_data "*Batches*")
# Suites that fork are entries of their own: ThreadSanitizer wants no fork after threads have run.
set(forking_tests_comm "Processes*")

# The programs that run here, which are all that a sanitizer's build preset builds.
if(HEADRACE_SANITIZER)
  add_custom_target(sanitizer_tests)
endif()

function(headrace_sanitizer_entry entry program filter)
  add_test(NAME ${entry} COMMAND ${program} --gtest_filter=${filter} --gtest_brief=1)
  # A filter that selects nothing tests nothing.
  set_tests_properties(${entry} PROPERTIES TIMEOUT 900
    FAIL_REGULAR_EXPRESSION "0 tests from 0 test suites"
    ENVIRONMENT "TSAN_OPTIONS=halt_on_error=1;UBSAN_OPTIONS=print_stacktrace=1")
endfunction()

function(headrace_sanitizer_test name)
  set(filter "${${HEADRACE_SANITIZER}_tests_${name}}")
  if(NOT filter AND HEADRACE_SANITIZER STREQUAL "address")
    set(filter "*")
  endif()
  if(NOT filter)
    return()
  endif()
  add_dependencies(sanitizer_tests test_${name})
  headrace_sanitizer_entry(${name} test_${name} ${filter})
  if(HEADRACE_SANITIZER STREQUAL "thread" AND forking_tests_${name})
    headrace_sanitizer_entry(${name}_processes test_${name} ${forking_tests_${name}})
  endif()
endfunction()
