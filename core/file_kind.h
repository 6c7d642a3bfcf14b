#pragma once

#include <string_view>

namespace headrace {

/// Names what `content` begins like, for messages about a file that is not what was expected ("a
/// JPEG image"); an empty string if it is none of the kinds that are often mistaken.
std::string_view file_kind(std::string_view content);

}  // namespace headrace
