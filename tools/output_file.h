#pragma once

#include <filesystem>
#include <string>

namespace headrace::tools {

/// A long run should not end with a folder that is not there: throws kNotFound, naming the flag.
void check_folder(const std::filesystem::path& file, const std::string& flag);

/// FILE for rank 0, FILE-rank1 (before the extension) for rank 1, and so on.
std::filesystem::path file_of_rank(const std::filesystem::path& file, int rank);

}  // namespace headrace::tools
