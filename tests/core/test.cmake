target_sources(test_core PRIVATE support/fake_device.cc)
