#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headrace {

/// The candidates most like `name` by edit distance, best first; none when nothing is close.
std::vector<std::string> nearest(std::string_view name, std::span<const std::string> candidates,
                                 size_t most = 3);

/// " (did you mean 'a' or 'b'?)", or "" when nothing is close: to append to an error message.
std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

}  // namespace headrace
