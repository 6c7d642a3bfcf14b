#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "core/args.h"

namespace headrace {

/// What a gradient function sees of one forward operator, and where it puts the gradient operators.
/// Names of gradients follow Caffe2: `<blob>_grad`.
class GradientContext {
 public:
  /// `output_gradients[i]` is the blob with the gradient of output i, "" when none arrives.
  /// `wanted[i]` says whether the gradient of input i is asked for.
  GradientContext(const OpSchema& schema, const OperatorDef& forward,
                  std::vector<std::string> output_gradients, std::vector<bool> wanted);
  ~GradientContext();

  const OperatorDef& def() const { return forward_; }
  Args args() const;
  int inputs() const;
  int outputs() const;

  const std::string& in(int i) const;
  const std::string& out(int i) const;
  /// Gradient of output i. Throws kInvalidNet when no gradient arrives there; ask has_dout() first
  /// where that is legal.
  const std::string& dout(int i) const;
  bool has_dout(int i) const { return !output_gradients_[i].empty(); }
  /// Name for the gradient of input i; the operator that is given it computes that gradient.
  std::string din(int i);
  bool wants(int i) const { return wanted_[i]; }

  /// The gradient of input i is the existing blob `name` (Sum hands its output's gradient on).
  void pass(int i, std::string name);

  /// Appends a gradient operator: arguments, device and engine of the forward one,
  /// is_gradient_op set. The reference, for changes to its arguments, is valid until the next op().
  OperatorDef& op(std::string_view type, std::vector<std::string> inputs,
                  std::vector<std::string> outputs);

  /// Results for the gradient pass.
  const std::vector<OperatorDef>& operators() const;
  /// Gradient of each input; "" where none was made.
  const std::vector<std::string>& input_gradients() const { return input_gradients_; }

 private:
  const OpSchema& schema_;
  const OperatorDef& forward_;
  std::vector<std::string> output_gradients_;
  std::vector<bool> wanted_;
  std::vector<std::string> input_gradients_;
  std::unique_ptr<std::vector<OperatorDef>> operators_;
};

/// Sets an argument of an operator under construction.
void set_arg(OperatorDef& def, std::string_view name, int64_t value);
void set_arg(OperatorDef& def, std::string_view name, float value);
void set_arg(OperatorDef& def, std::string_view name, std::string_view value);
void set_arg(OperatorDef& def, std::string_view name, const std::vector<int64_t>& values);
void set_arg(OperatorDef& def, std::string_view name, const std::vector<float>& values);
void remove_arg(OperatorDef& def, std::string_view name);

}  // namespace headrace
