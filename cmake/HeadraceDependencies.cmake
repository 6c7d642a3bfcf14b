# What several folders use; a library that one folder uses alone is found there.
find_package(fmt 9 REQUIRED)
find_package(Protobuf 3.21 REQUIRED)
if(HEADRACE_SANITIZER STREQUAL "thread")
  # Debian's libtbb is not instrumented, so that races would be reported where there are none.
  find_package(TBB CONFIG PATHS ${HEADRACE_DEPS}/tbb-tsan NO_DEFAULT_PATH)
  if(NOT TBB_FOUND)
    message(FATAL_ERROR "ThreadSanitizer needs an instrumented oneTBB in "
      "${HEADRACE_DEPS}/tbb-tsan. tools/setup.sh --tsan makes it.")
  endif()
else()
  find_package(TBB REQUIRED)
endif()
include(HeadraceDnnl)
