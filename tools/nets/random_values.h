#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/tensor.h"

namespace headrace::tools {

/// What stands behind "random:" on the command line: SHAPE[:TYPE[:BOUND]].
struct RandomSpec {
  TensorDesc desc{.dtype = DType::kFloat32};
  int64_t bound = 2;  // integers are below it
};

/// `fallback` is the element type where the text names none. Throws kInvalidArgument.
RandomSpec parse_random(std::string_view text, DType fallback);

/// Values as images and labels might have them: N(0, 1), or uniform integers in [0, bound). The
/// same for the same seed and name. Throws kUnsupported for types without numbers.
Tensor random_input(const RandomSpec& spec, uint64_t seed, std::string_view name);

/// Values that parameters might have, so that numbers stay in range through a deep net: N(0, 1/n)
/// with n elements per output for matrices and filters, uniform in [0.5, 1.5) for vectors; integers
/// are 0.
Tensor random_parameter(const TensorDesc& desc, uint64_t seed, std::string_view name);

}  // namespace headrace::tools
