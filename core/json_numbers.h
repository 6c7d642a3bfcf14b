#pragma once

#include <cstdint>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace headrace {

/// A list of whole numbers from 0 to 2^63 - 1, such as a shape. Throws Error (kCorrupt) for
/// anything else: the JSON library converts any number to an integer, whether it fits or not.
std::vector<int64_t> whole_numbers(const nlohmann::json& list);

}  // namespace headrace
