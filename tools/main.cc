#include "tools/command.h"

int main(int argc, char** argv) { return headrace::tools::run_command_line(argc, argv); }
