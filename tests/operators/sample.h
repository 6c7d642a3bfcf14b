#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "core/blob.h"
#include "core/error.h"
#include "core/rng.h"
#include "core/tensor.h"

namespace headrace {
class OperatorDef;
}

/// Samples: what the table-driven operator test runs every operator on. A family of operators has
/// its samples in samples/<family>.cc:
///
///   const OperatorSamples elu("Elu", {
///       {.name = "default", .inputs = {apart({2, 3, 4, 5})}, .gradients = {0}},
///       {.name = "alpha", .args = {{"alpha", 0.5f}}, .inputs = {apart({7})}, .gradients = {0}},
///   });
///   const OperatorErrors elu_errors("Elu", {
///       {.name = "integers", .inputs = {integers<int32_t>({3}, 0, 9)},
///        .code = ErrorCode::kTypeMismatch, .says = "float"},
///   });
namespace headrace::testing {

/// One argument; the type of the value chooses the field of the message.
struct SampleArg {
  using Value = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>,
                             std::vector<std::string>>;

  SampleArg(std::string name, int value) : name(std::move(name)), value(int64_t{value}) {}
  SampleArg(std::string name, int64_t value) : name(std::move(name)), value(value) {}
  SampleArg(std::string name, float value) : name(std::move(name)), value(value) {}
  SampleArg(std::string name, const char* value)
      : name(std::move(name)), value(std::string(value)) {}
  SampleArg(std::string name, std::string value) : name(std::move(name)), value(std::move(value)) {}
  SampleArg(std::string name, std::vector<int64_t> value)
      : name(std::move(name)), value(std::move(value)) {}
  SampleArg(std::string name, std::vector<float> value)
      : name(std::move(name)), value(std::move(value)) {}
  SampleArg(std::string name, std::vector<std::string> value)
      : name(std::move(name)), value(std::move(value)) {}

  std::string name;
  Value value;
};

/// Lists of arguments, which a braced list alone leaves ambiguous.
std::vector<int64_t> ints(std::initializer_list<int64_t> values);
std::vector<float> floats(std::initializer_list<float> values);
std::vector<std::string> strings(std::initializer_list<std::string> values);

/// Makes one operand. The Rng depends on operator, sample and operand alone.
using Maker = std::function<Blob(const Rng&)>;

/// Standard normal.
Maker normal(Shape shape);
/// Uniform in [low, high).
Maker uniform(Shape shape, float low = 0, float high = 1);
/// All elements differ by at least `step` from each other and by step / 2 from zero: for operators
/// with kinks or ties (Relu, MaxPool), where finite differences of a smaller step stay on one side.
Maker apart(Shape shape, float step = 0.1f);
/// Each row of `classes` elements (the last axis) is positive and sums to one.
Maker probabilities(Shape shape);

/// Uniform integers in [low, high).
template <typename T>
Maker integers(Shape shape, int64_t low, int64_t high);
/// These elements.
template <typename T>
Maker values(Shape shape, std::vector<T> elements) {
  return [=](const Rng&) {
    Tensor tensor(shape, dtype_of<T>());
    auto data = tensor.data<T>();
    require(data.size() == elements.size(), ErrorCode::kInternal, "a sample has {} values for {}",
            elements.size(), shape.to_string());
    for (size_t i = 0; i < data.size(); ++i) data[i] = elements[i];
    return Blob(std::move(tensor));
  };
}
inline Maker strings_of(Shape shape, std::vector<std::string> elements) {
  return values<std::string>(shape, std::move(elements));
}

/// Where the expected values of a sample come from. kCaffe2 and kTorch: golden/<operator>.json,
/// made by the scripts beside it. kCheck: Sample::check.
enum class Reference { kCaffe2, kTorch, kCheck };

struct Sample;
/// What a check sees: the operands as they were before and after.
struct SampleRun {
  const std::vector<Blob>& inputs;
  const std::vector<Blob>& outputs;
};

struct Sample {
  std::string name;
  std::vector<SampleArg> args = {};
  std::vector<Maker> inputs = {};
  /// How many outputs; -1: as few as the schema allows.
  int outputs = -1;
  /// Names of the outputs where Y0, Y1, ... will not do; inputs are X0, X1, ...
  std::vector<std::string> output_names = {};

  Reference reference = Reference::kCaffe2;
  /// With kCheck: asserts that the outputs are right, from a formula or statistics that the
  /// comment beside it names.
  std::function<void(const SampleRun&)> check = nullptr;
  /// Allowed difference, as a fraction of the largest magnitude of the expected tensor.
  double tolerance = 1e-6;
  /// Outputs whose values nothing is said about (scratch of the reference, a mask).
  std::vector<int> unchecked = {};

  /// Inputs whose gradient is checked, and the outputs that a gradient arrives at (all floating
  /// ones when empty).
  std::vector<int> gradients = {};
  std::vector<int> gradient_outputs = {};
  double gradient_tolerance = 1e-5;
  /// The gradient operators are other ones than the reference's on purpose: a comment beside the
  /// sample says why. Their results are compared all the same.
  bool own_gradient_operators = false;
  /// False where the gradient is not the derivative on purpose.
  bool finite_differences = true;

  /// For operators with an argument `order`: operands that are permuted to run the same sample as
  /// NHWC. The sample itself is NCHW.
  std::vector<int> nhwc_inputs = {};
  std::vector<int> nhwc_outputs = {};

  /// Other widths may sum in another order: equal within `tolerance` instead of bit for bit.
  bool width_changes_rounding = false;

  OperatorDef def(const std::string& type) const;
  /// The operands, always the same ones.
  std::vector<Blob> make_inputs(const std::string& type) const;
};

/// A use of an operator that must be refused.
struct ErrorSample {
  std::string name;
  std::vector<SampleArg> args = {};
  std::vector<Maker> inputs = {};
  int outputs = -1;
  ErrorCode code = ErrorCode::kInvalidArgument;
  /// Words of the message.
  std::string says;

  OperatorDef def(const std::string& type) const;
  std::vector<Blob> make_inputs(const std::string& type) const;
};

struct OperatorSamples {
  OperatorSamples(std::string type, std::vector<Sample> samples);
};
struct OperatorErrors {
  OperatorErrors(std::string type, std::vector<ErrorSample> samples);
};

/// All samples of an operator; empty when there are none.
const std::vector<Sample>& samples_of(const std::string& type);
const std::vector<ErrorSample>& errors_of(const std::string& type);
/// All types that have samples, sorted.
std::vector<std::string> sampled_types();

}  // namespace headrace::testing
