target_link_libraries(test_dependencies PRIVATE headrace::dnnl)
