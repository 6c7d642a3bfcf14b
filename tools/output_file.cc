#include "tools/output_file.h"

#include <fmt/format.h>

#include "core/error.h"

namespace headrace::tools {

void check_folder(const std::filesystem::path& file, const std::string& flag) {
  const auto folder = std::filesystem::absolute(file).parent_path();
  require(std::filesystem::is_directory(folder), ErrorCode::kNotFound,
          "{}: cannot write '{}', because there is no folder '{}'", flag, file.native(),
          folder.native());
}

std::filesystem::path file_of_rank(const std::filesystem::path& file, int rank) {
  if (rank == 0) return file;
  return file.parent_path() /
         fmt::format("{}-rank{}{}", file.stem().string(), rank, file.extension().string());
}

}  // namespace headrace::tools
