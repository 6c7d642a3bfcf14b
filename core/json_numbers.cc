#include "core/json_numbers.h"

#include <cstdint>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace headrace {

std::vector<int64_t> whole_numbers(const nlohmann::json& list) {
  require(list.is_array(), ErrorCode::kCorrupt, "expected a list of whole numbers, found {}",
          list.dump());
  std::vector<int64_t> numbers;
  for (const nlohmann::json& number : list) {
    require(number.is_number_unsigned() && number.get<uint64_t>() <= INT64_MAX, ErrorCode::kCorrupt,
            "expected a whole number from 0 to 2^63 - 1, found {}", number.dump());
    numbers.push_back(number.get<int64_t>());
  }
  return numbers;
}

}  // namespace headrace
