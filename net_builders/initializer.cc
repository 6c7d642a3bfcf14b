#include "net_builders/initializer.h"

#include "core/error.h"

namespace headrace {

Initializer msra() { return {"MSRAFill", {}}; }

Initializer xavier() { return {"XavierFill", {}}; }

Initializer gaussian(float standard_deviation, float mean) {
  require(standard_deviation >= 0, ErrorCode::kInvalidArgument,
          "a standard deviation must not be negative, found {}", standard_deviation);
  return {"GaussianFill", {{"mean", mean}, {"std", standard_deviation}}};
}

Initializer uniform(float min, float max) {
  require(min <= max, ErrorCode::kInvalidArgument, "uniform({}, {}) is empty", min, max);
  return {"UniformFill", {{"min", min}, {"max", max}}};
}

Initializer constant(float value) { return {"ConstantFill", {{"value", value}}}; }

}  // namespace headrace
