target_sources(test_core PRIVATE support/fake_device.cc)
target_link_libraries(test_core PRIVATE TBB::tbb)
