#pragma once

#include <filesystem>

namespace headrace {

/// Root of the source tree, and of the build tree that this test program belongs to.
std::filesystem::path source_dir();
std::filesystem::path binary_dir();

}  // namespace headrace
