#pragma once

#include <string_view>

#include "core/error.h"

namespace headrace::comm {

/// Ten years, in seconds: what is longer is a mistake, and deadlines are 64 bits of nanoseconds.
inline constexpr double kLongestTimeout = 10 * 365 * 86400.0;

/// Throws kInvalidArgument for a timeout that is not above 0 and within that; `what` names it.
inline void require_timeout(double seconds, std::string_view what) {
  require(seconds > 0 && seconds <= kLongestTimeout, ErrorCode::kInvalidArgument,
          "{} has to be above 0 and at most ten years ({:.0f} s), found {:g} s", what,
          kLongestTimeout, seconds);
}

}  // namespace headrace::comm
