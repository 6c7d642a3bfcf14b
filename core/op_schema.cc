#include "core/op_schema.h"

#include <algorithm>

#include "core/error.h"
#include "core/proto/net.pb.h"

namespace headrace {
namespace {

bool contains(const std::vector<int>& values, int value) {
  return std::ranges::find(values, value) != values.end();
}

bool is_image(const std::vector<int>& operands, int i, const Shape& shape) {
  return shape.rank() >= 3 && shape.rank() <= 5 && (operands.empty() || contains(operands, i));
}

/// The declaration of operand i, where the last one may repeat; null when there is none.
const OpSchema::Operand* operand(const std::vector<OpSchema::Operand>& operands, int i) {
  if (i < static_cast<int>(operands.size())) return &operands[i];
  return !operands.empty() && operands.back().repeated ? &operands.back() : nullptr;
}

/// More bytes than any machine can address: sizes whose product overflowed, or nearly.
constexpr int64_t kMostBytes = int64_t{1} << 47;

void require_addressable(const TensorType& type, size_t output) {
  const int64_t most = kMostBytes / static_cast<int64_t>(size_of(type.dtype));
  require(type.shape->numel() <= most, ErrorCode::kShapeMismatch,
          "output {} would be {}: more than {} bytes, which no memory holds", output,
          type.to_string(), kMostBytes);
}

}  // namespace

double CostContext::operand_bytes() const {
  double bytes = 0;
  for (const TensorDesc& desc : inputs) bytes += static_cast<double>(desc.bytes());
  for (const TensorDesc& desc : outputs) bytes += static_cast<double>(desc.bytes());
  return bytes;
}

OpSchema& OpSchema::doc(std::string text) {
  doc_ = std::move(text);
  return *this;
}

OpSchema& OpSchema::differs(std::string how_and_why) {
  differences_.push_back(std::move(how_and_why));
  return *this;
}

OpSchema& OpSchema::input(std::string name, std::string doc) {
  inputs_.push_back({std::move(name), std::move(doc)});
  min_inputs_ = ++max_inputs_;
  return *this;
}

OpSchema& OpSchema::optional_input(std::string name, std::string doc) {
  inputs_.push_back({std::move(name), std::move(doc), true});
  ++max_inputs_;
  return *this;
}

OpSchema& OpSchema::repeated_input(std::string name, int at_least, std::string doc) {
  inputs_.push_back({std::move(name), std::move(doc), at_least == 0, true});
  min_inputs_ += at_least;
  max_inputs_ = kMany;
  return *this;
}

OpSchema& OpSchema::output(std::string name, std::string doc) {
  outputs_.push_back({std::move(name), std::move(doc)});
  min_outputs_ = ++max_outputs_;
  return *this;
}

OpSchema& OpSchema::optional_output(std::string name, std::string doc) {
  outputs_.push_back({std::move(name), std::move(doc), true});
  ++max_outputs_;
  return *this;
}

OpSchema& OpSchema::repeated_output(std::string name, int at_least, std::string doc) {
  outputs_.push_back({std::move(name), std::move(doc), at_least == 0, true});
  min_outputs_ += at_least;
  max_outputs_ = kMany;
  return *this;
}

OpSchema& OpSchema::arg(std::string name, int64_t default_value, std::string doc) {
  args_.push_back({std::move(name), ArgKind::kInt, default_value, false, std::move(doc)});
  return *this;
}

OpSchema& OpSchema::arg(std::string name, int default_value, std::string doc) {
  return arg(std::move(name), int64_t{default_value}, std::move(doc));
}

OpSchema& OpSchema::arg(std::string name, float default_value, std::string doc) {
  args_.push_back({std::move(name), ArgKind::kFloat, default_value, false, std::move(doc)});
  return *this;
}

OpSchema& OpSchema::arg(std::string name, const char* default_value, std::string doc) {
  args_.push_back(
      {std::move(name), ArgKind::kString, std::string(default_value), false, std::move(doc)});
  return *this;
}

OpSchema& OpSchema::optional_arg(std::string name, ArgKind kind, std::string doc) {
  args_.push_back({std::move(name), kind, {}, false, std::move(doc)});
  return *this;
}

OpSchema& OpSchema::required_arg(std::string name, ArgKind kind, std::string doc) {
  args_.push_back({std::move(name), kind, {}, true, std::move(doc)});
  return *this;
}

OpSchema& OpSchema::arg_prefix(std::string prefix) {
  arg_prefixes_.push_back(std::move(prefix));
  return *this;
}

OpSchema& OpSchema::ignored_args(std::initializer_list<const char*> names) {
  ignored_.insert(ignored_.end(), names.begin(), names.end());
  return *this;
}

OpSchema& OpSchema::inplace(int in, int out) {
  inplace_.push_back({in, out});
  return *this;
}

OpSchema& OpSchema::enforce_inplace(int in, int out) {
  inplace_.push_back({in, out, true});
  return *this;
}

OpSchema& OpSchema::view(int in, int out) {
  views_.push_back({in, out});
  return *this;
}

OpSchema& OpSchema::handle_input(int i) {
  inputs_.at(i).handle = true;
  return *this;
}

OpSchema& OpSchema::handle_output(int i) {
  outputs_.at(i).handle = true;
  return *this;
}

OpSchema& OpSchema::host_input(int i) {
  inputs_.at(i).host = true;
  return *this;
}

OpSchema& OpSchema::on_host() {
  on_host_ = true;
  return *this;
}

OpSchema& OpSchema::effect(std::string resource) {
  effect_ = std::move(resource);
  return *this;
}

OpSchema& OpSchema::may_block() {
  blocks_ = true;
  return *this;
}

OpSchema& OpSchema::random() {
  random_ = true;
  return *this;
}

OpSchema& OpSchema::collective() {
  collective_ = true;
  return *this;
}

OpSchema& OpSchema::plan_only() {
  plan_only_ = true;
  return *this;
}

OpSchema& OpSchema::infer(InferFn fn) {
  infer_ = std::move(fn);
  return *this;
}

OpSchema& OpSchema::fold(FoldFn fn) {
  fold_ = std::move(fn);
  return *this;
}

OpSchema& OpSchema::cost(CostFn fn) {
  cost_ = std::move(fn);
  return *this;
}

OpSchema& OpSchema::gradient(GradientFn fn) {
  gradient_ = std::move(fn);
  return *this;
}

OpSchema& OpSchema::no_gradient() {
  no_gradient_ = true;
  return *this;
}

OpSchema& OpSchema::layout(LayoutPolicy policy, std::vector<int> inputs, std::vector<int> outputs) {
  layout_ = policy;
  image_inputs_ = std::move(inputs);
  image_outputs_ = std::move(outputs);
  return *this;
}

OpSchema& OpSchema::split(SplitFn fn) {
  split_ = std::move(fn);
  return *this;
}

bool OpSchema::is_handle_input(int i) const {
  const Operand* found = operand(inputs_, i);
  return found != nullptr && found->handle;
}

bool OpSchema::is_handle_output(int i) const {
  const Operand* found = operand(outputs_, i);
  return found != nullptr && found->handle;
}

bool OpSchema::is_host_input(int i) const {
  const Operand* found = operand(inputs_, i);
  return found != nullptr && found->host;
}

bool OpSchema::allows_inplace(int in, int out) const {
  return std::ranges::any_of(
      inplace_, [&](const Alias& pair) { return pair.input == in && pair.output == out; });
}

bool OpSchema::is_image_input(int i, const Shape& shape) const {
  return is_image(image_inputs_, i, shape);
}

bool OpSchema::is_image_output(int i, const Shape& shape) const {
  return is_image(image_outputs_, i, shape);
}

std::vector<TensorType> OpSchema::infer_types(const InferContext& context) const {
  if (!infer_ || !has_complete_inputs(context)) return std::vector<TensorType>(context.outputs);
  std::vector<TensorType> types = infer_(context);
  require(types.size() >= static_cast<size_t>(context.outputs), ErrorCode::kInternal,
          "the shape function of {} gave {} types for {} outputs", type_, types.size(),
          context.outputs);
  types.resize(context.outputs);
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i].complete()) require_addressable(types[i], i);
  }
  return types;
}

bool OpSchema::has_complete_inputs(const InferContext& context) const {
  for (size_t i = 0; i < context.inputs.size(); ++i) {
    if (!is_handle_input(static_cast<int>(i)) && !context.inputs[i].complete()) return false;
  }
  return true;
}

std::vector<Tensor> OpSchema::known_outputs(const InferContext& context) const {
  std::vector<Tensor> tensors;
  if (fold_ && has_complete_inputs(context)) tensors = fold_(context);
  tensors.resize(context.outputs);
  return tensors;
}

Cost OpSchema::estimate(const CostContext& context) const {
  if (cost_) return cost_(context);
  return {.flops = 0, .bytes = context.operand_bytes()};
}

InferFn same_as_input(int i) { return same_as_inputs({i}); }

InferFn same_as_inputs(std::vector<int> inputs) {
  return [inputs = std::move(inputs)](const InferContext& context) {
    std::vector<TensorType> types;
    for (int i : inputs) types.push_back(context.inputs[i]);
    return types;
  };
}

}  // namespace headrace
