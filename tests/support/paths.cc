#include "tests/support/paths.h"

namespace headrace {

std::filesystem::path source_dir() { return HEADRACE_SOURCE_DIR; }

std::filesystem::path binary_dir() { return HEADRACE_BINARY_DIR; }

}  // namespace headrace
