#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/args.h"

/// What Save, Load and CreateDB share.
namespace headrace {

/// A file that an argument names. With absolute_path it must be absolute.
std::filesystem::path db_path(const Args& args, const std::string& given);

/// `name` without the prefix, if it has it.
std::string_view without_prefix(std::string_view name, std::string_view prefix);

}  // namespace headrace
