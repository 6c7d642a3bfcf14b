#pragma once

#include <functional>
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
  /// Gives the name of the blob for the gradient of input i; called once for each.
  using NameFn = std::function<std::string(int input)>;

  /// `output_gradients[i]` is the blob with the gradient of output i, "" when none arrives.
  /// `wanted[i]` says whether the gradient of input i is asked for. Without a NameFn gradients are
  /// called `<blob>_grad`, and `<blob>_grad_of_input_<i>` where a blob is read twice.
  GradientContext(const OpSchema& schema, const OperatorDef& forward,
                  std::vector<std::string> output_gradients, std::vector<bool> wanted,
                  NameFn name_gradient = nullptr);
  ~GradientContext();

  const OperatorDef& def() const { return forward_; }
  Args args() const;
  int inputs() const;
  int outputs() const;

  /// The forward operand as gradient operators read it. Asking counts as a need of that value: the
  /// gradient pass refuses a net that has overwritten it by then (for an in-place operator in(0) is
  /// overwritten by out(0), although their names are the same).
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
  /// Whether that gradient is a blob of its own, named by din(), and not one handed to pass().
  bool owns_gradient(int i) const { return owned_[i]; }
  bool reads_in(int i) const { return reads_in_[i]; }
  bool reads_out(int i) const { return reads_out_[i]; }

 private:
  const OpSchema& schema_;
  const OperatorDef& forward_;
  std::vector<std::string> output_gradients_;
  std::vector<bool> wanted_;
  NameFn name_gradient_;
  std::vector<std::string> input_gradients_;
  std::vector<bool> owned_;
  mutable std::vector<bool> reads_in_;
  mutable std::vector<bool> reads_out_;
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
