# The parts of the command are linked in; the command itself is run as a process.
target_link_libraries(test_tools PRIVATE headrace_tools ZLIB::ZLIB util)
add_dependencies(test_tools headrace_command)
