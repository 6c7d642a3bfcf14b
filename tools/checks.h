#pragma once

#include <cstdint>
#include <limits>

namespace CLI {
class Validator;
}

namespace headrace::tools {

// What the value of a flag has to be, for Option::check(). The checks of CLI11 say it in limits of
// double with three hundred digits, and let NaN pass.

CLI::Validator whole_number(int64_t least, int64_t most = std::numeric_limits<int>::max());
/// A seed, 0 or above: what CLI11 reads as unsigned wraps around.
CLI::Validator seed_number();
CLI::Validator positive_number();
CLI::Validator number_from_zero();
/// At most ten years.
CLI::Validator positive_seconds();
CLI::Validator seconds_from_zero();
/// In [0, 1].
CLI::Validator fraction();

}  // namespace headrace::tools
