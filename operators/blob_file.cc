#include "operators/blob_file.h"

#include "core/error.h"

namespace headrace {

std::filesystem::path db_path(const Args& args, const std::string& given) {
  std::filesystem::path path(given);
  require(!path.empty(), ErrorCode::kInvalidArgument, "argument 'db' names no database");
  require(!args.flag("absolute_path") || path.is_absolute(), ErrorCode::kInvalidArgument,
          "with absolute_path the path must be absolute, found '{}'", given);
  return path;
}

std::string_view without_prefix(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

}  // namespace headrace
