target_sources(test_graph PRIVATE support/fake_device.cc)
headrace_emulate_gpu(graph)
