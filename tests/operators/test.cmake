file(GLOB samples CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/operators/samples/*.cc)
target_sources(test_operators PRIVATE ${samples} support/fake_device.cc)
headrace_emulate_gpu(operators)
