target_sources(test_core PRIVATE support/fake_device.cc)
target_link_libraries(test_core PRIVATE TBB::tbb)

# GCC 12 sees uninitialised members in std::regex under AddressSanitizer (its bug 105562).
if(HEADRACE_SANITIZER AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/trace_export_test.cc
    PROPERTIES COMPILE_OPTIONS -Wno-maybe-uninitialized)
endif()
