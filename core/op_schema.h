#pragma once

#include <functional>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/args.h"
#include "core/tensor.h"

namespace headrace {

class GradientContext;

/// What a shape function sees. It is only called when the types of all tensor inputs are complete.
struct InferContext {
  const Args& args;
  std::span<const TensorType> inputs;
  int outputs;  // number of outputs of this operator
  /// The elements of input i on the CPU where they are known before the run, else null. When a
  /// shape depends on them and they are null, return a TensorType without shape: the engine asks
  /// again when the values exist.
  std::span<const Tensor* const> values;

  const Shape& shape(int i) const { return *inputs[i].shape; }
  DType dtype(int i) const { return inputs[i].dtype; }
  const Tensor* value(int i) const { return values.empty() ? nullptr : values[i]; }
};

/// Estimated work of one operator, from its shapes alone.
struct Cost {
  double flops = 0;  // floating point operations; a multiply-add counts as two
  double bytes = 0;  // read plus written, cold
};

struct CostContext {
  const Args& args;
  std::span<const TensorDesc> inputs;
  std::span<const TensorDesc> outputs;
  /// Bytes of all inputs and outputs together.
  double operand_bytes() const;
};

/// How an operator treats the physical order of its operands. kPlain: logical order only. kFollows:
/// any order, the same for all its image operands, which have one shape. kFollowsUneven: likewise,
/// but the shapes may differ along an axis (Concat, Split). kPrefers: channels-last is what it is
/// fast at. An image whose channels or pixels number one is the same in both orders; its operand is
/// marked kPlain whatever the others are.
enum class LayoutPolicy : uint8_t { kPlain, kFollows, kFollowsUneven, kPrefers };

/// A plan operator that computes some outputs of the operator it is split from.
struct SplitPart {
  std::string type;
  std::vector<int> inputs;   // positions in the original operator
  std::vector<int> outputs;  // likewise
};

using InferFn = std::function<std::vector<TensorType>(const InferContext&)>;
/// Elements of outputs that follow from the types of the inputs and the arguments alone; undefined
/// tensors for those that do not.
using FoldFn = std::function<std::vector<Tensor>(const InferContext&)>;
using CostFn = std::function<Cost(const CostContext&)>;
using GradientFn = std::function<void(GradientContext&)>;
using SplitFn = std::function<std::vector<SplitPart>(const Args& args, int inputs, int outputs)>;

/// Everything known about an operator type but its kernels. Built once at start-up by a chain of
/// calls, immutable afterwards:
///
///   const RegisterOperator elu(OpSchema("Elu")
///       .doc("y = x > 0 ? x : alpha * (exp(x) - 1)")
///       .input("X").output("Y")
///       .arg("alpha", 1.0f, "scale of the negative part")
///       .inplace(0, 0).infer(same_as_input(0)).layout(LayoutPolicy::kFollows)
///       .gradient([](GradientContext& g) {
///         g.op("EluGradient", {g.out(0), g.dout(0)}, {g.din(0)});
///       }));
class OpSchema {
 public:
  static constexpr int kMany = std::numeric_limits<int>::max();

  explicit OpSchema(std::string type) : type_(std::move(type)) {}

  OpSchema& doc(std::string text);
  /// One way in which this operator is deliberately not Caffe2's of the same name, with the reason.
  OpSchema& differs(std::string how_and_why);
  /// Operands in order. Optional ones come last; the last one may repeat.
  OpSchema& input(std::string name, std::string doc = "");
  OpSchema& optional_input(std::string name, std::string doc = "");
  OpSchema& repeated_input(std::string name, int at_least = 1, std::string doc = "");
  OpSchema& output(std::string name, std::string doc = "");
  OpSchema& optional_output(std::string name, std::string doc = "");
  OpSchema& repeated_output(std::string name, int at_least = 1, std::string doc = "");

  OpSchema& arg(std::string name, int64_t default_value, std::string doc = "");
  OpSchema& arg(std::string name, int default_value, std::string doc = "");
  OpSchema& arg(std::string name, float default_value, std::string doc = "");
  OpSchema& arg(std::string name, const char* default_value, std::string doc = "");
  /// An argument without default: ask Args::has() before reading a scalar; lists read as empty.
  OpSchema& optional_arg(std::string name, ArgKind kind, std::string doc = "");
  OpSchema& required_arg(std::string name, ArgKind kind, std::string doc = "");
  /// Arguments whose names begin so are known, and are the operator's own to read and check.
  OpSchema& arg_prefix(std::string prefix);
  /// Arguments of Caffe2's that are accepted and have no effect here (engine tuning).
  OpSchema& ignored_args(std::initializer_list<const char*> names);

  /// Output `out` may (must) share the storage of input `in`.
  OpSchema& inplace(int in, int out);
  OpSchema& enforce_inplace(int in, int out);
  /// Output `out` is input `in` under another shape, without a copy where the plan allows it.
  OpSchema& view(int in, int out);
  /// Input (output) `i` is a handle (mutex, reader), not a tensor.
  OpSchema& handle_input(int i);
  OpSchema& handle_output(int i);
  /// Input `i` is in host memory whatever device the operator runs on, and may be read when the
  /// kernel is launched.
  OpSchema& host_input(int i);
  /// Runs on the CPU whatever device the net names: its work is with files, the screen, or a few
  /// numbers. Operands that are elsewhere are copied.
  OpSchema& on_host();
  /// Touches something outside its operands ("screen", "file", ...): kept, and chained in net order
  /// with all operators of the same resource.
  OpSchema& effect(std::string resource);
  /// May wait for a disk or a peer: runs on the blocking service, never on a compute worker.
  OpSchema& may_block();
  /// Draws random numbers.
  OpSchema& random();
  /// Takes part in a communication of several ranks: gets a ticket, see Plan::tickets.
  OpSchema& collective();
  /// Exists in plans only; refused in a net.
  OpSchema& plan_only();

  OpSchema& infer(InferFn fn);
  /// Makes outputs known before the run (the sizes that Concat joins, the shape that Reshape
  /// replaces), so that shapes which depend on them are known too.
  OpSchema& fold(FoldFn fn);
  OpSchema& cost(CostFn fn);
  OpSchema& gradient(GradientFn fn);
  /// States that no gradient flows through (labels, counters).
  OpSchema& no_gradient();
  /// Which operands are images is given by position (all of rank >= 3 when empty). A kPrefers
  /// operator takes channels-last only where its `order` argument, if it has one, is NCHW.
  OpSchema& layout(LayoutPolicy policy, std::vector<int> inputs = {},
                   std::vector<int> outputs = {});
  OpSchema& split(SplitFn fn);

  struct Operand {
    std::string name;
    std::string doc;
    bool optional = false;
    bool repeated = false;
    bool handle = false;
    bool host = false;
  };
  struct Alias {
    int input;
    int output;
    bool enforced = false;
  };

  const std::string& type() const { return type_; }
  const std::string& doc() const { return doc_; }
  const std::vector<std::string>& differences() const { return differences_; }
  const std::vector<Operand>& inputs() const { return inputs_; }
  const std::vector<Operand>& outputs() const { return outputs_; }
  int min_inputs() const { return min_inputs_; }
  int max_inputs() const { return max_inputs_; }
  int min_outputs() const { return min_outputs_; }
  int max_outputs() const { return max_outputs_; }
  const std::vector<ArgSpec>& args() const { return args_; }
  const std::vector<std::string>& ignored() const { return ignored_; }
  const std::vector<std::string>& arg_prefixes() const { return arg_prefixes_; }
  const std::vector<Alias>& inplace_pairs() const { return inplace_; }
  const std::vector<Alias>& views() const { return views_; }
  bool is_handle_input(int i) const;
  bool is_handle_output(int i) const;
  bool is_host_input(int i) const;
  bool runs_on_host() const { return on_host_; }
  const std::string& effect_resource() const { return effect_; }
  bool blocks() const { return blocks_; }
  bool is_random() const { return random_; }
  bool is_collective() const { return collective_; }
  bool is_plan_only() const { return plan_only_; }
  bool allows_inplace(int in, int out) const;

  bool has_gradient() const { return gradient_ != nullptr; }
  bool stops_gradient() const { return no_gradient_; }
  const GradientFn& gradient_fn() const { return gradient_; }
  const SplitFn& split_fn() const { return split_; }

  LayoutPolicy layout_policy() const { return layout_; }
  const std::vector<int>& image_inputs() const { return image_inputs_; }
  bool is_image_input(int i, const Shape& shape) const;
  bool is_image_output(int i, const Shape& shape) const;

  /// Types of all outputs; unknown ones where inputs are. Throws when the inputs do not fit.
  /// Returns exactly context.outputs entries.
  std::vector<TensorType> infer_types(const InferContext& context) const;
  /// What fold() says, one tensor per output; all undefined while the types of inputs are not
  /// complete. Call only where infer_types() did not throw.
  std::vector<Tensor> known_outputs(const InferContext& context) const;
  Cost estimate(const CostContext& context) const;

 private:
  bool has_complete_inputs(const InferContext& context) const;

  std::string type_;
  std::string doc_;
  std::vector<std::string> differences_;
  std::vector<Operand> inputs_;
  std::vector<Operand> outputs_;
  int min_inputs_ = 0;
  int max_inputs_ = 0;
  int min_outputs_ = 0;
  int max_outputs_ = 0;
  std::vector<ArgSpec> args_;
  std::vector<std::string> ignored_;
  std::vector<std::string> arg_prefixes_;
  std::vector<Alias> inplace_;
  std::vector<Alias> views_;
  std::string effect_;
  bool on_host_ = false;
  bool blocks_ = false;
  bool random_ = false;
  bool collective_ = false;
  bool plan_only_ = false;
  bool no_gradient_ = false;
  InferFn infer_;
  FoldFn fold_;
  CostFn cost_;
  GradientFn gradient_;
  SplitFn split_;
  LayoutPolicy layout_ = LayoutPolicy::kPlain;
  std::vector<int> image_inputs_;
  std::vector<int> image_outputs_;
};

/// Shape functions that many operators share.
InferFn same_as_input(int i);
/// Outputs 0, 1, ... have the types of the inputs named, in that order.
InferFn same_as_inputs(std::vector<int> inputs);

}  // namespace headrace
