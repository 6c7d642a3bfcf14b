#include "net_builders/value.h"

#include "core/error.h"
#include "net_builders/net_state.h"

namespace headrace {
namespace {

void same_net(const Value& a, const Value& b) {
  require(a.state() == b.state(), ErrorCode::kInvalidArgument,
          "'{}' and '{}' belong to two nets, '{}' and '{}'", a.name(), b.name(), a.state()->name,
          b.state()->name);
}

}  // namespace

TensorDesc Value::desc() const { return net_->training.desc(name_); }

Value Value::unary(const char* type, const char* base, const std::vector<OpArg>& args) const {
  std::string y = net_->layer_name("", base);
  net_->add(type, {name_}, {y}, args);
  return {net_, y};
}

Value Value::relu() const { return unary("Relu", "relu"); }
Value Value::sigmoid() const { return unary("Sigmoid", "sigmoid"); }
Value Value::tanh() const { return unary("Tanh", "tanh"); }
Value Value::scale(float factor) const { return unary("Scale", "scale", {{"scale", factor}}); }
Value Value::stop_gradient() const { return unary("StopGradient", "stop_gradient"); }
Value Value::flatten() const { return unary("Flatten", "flatten"); }

Value Value::transpose(const std::vector<int64_t>& axes) const {
  return unary("Transpose", "transpose", {{"axes", axes}});
}

Value Value::reshape(const std::vector<int64_t>& shape) const {
  std::string y = net_->layer_name("", "reshape");
  net_->add("Reshape", {name_}, {y, net_->training.unique(y + "_old_shape")}, {{"shape", shape}});
  return {net_, y};
}

Value Value::dropout(float ratio) const {
  require(ratio >= 0 && ratio < 1, ErrorCode::kInvalidArgument,
          "a dropout ratio lies in [0, 1), found {}", ratio);
  std::string y = net_->layer_name("", "dropout");
  net_->training.add("Dropout", {name_}, {y, net_->training.unique(y + "_mask")},
                     {{"ratio", ratio}, {"is_test", 0}});
  net_->prediction.add("Dropout", {name_}, {y}, {{"ratio", ratio}, {"is_test", 1}});
  return {net_, y};
}

Value Value::fc(int outputs, const FcOptions& options) const {
  const Shape x = shape();
  require(outputs > 0 && x.rank() >= 2, ErrorCode::kInvalidArgument,
          "fc of {} outputs on '{}' {}: at least one output and two dimensions are needed", outputs,
          name_, x.to_string());
  std::string y = net_->layer_name(options.name, "fc");
  net_->add_parameter(y + "_w", {outputs, x.product(1, x.rank())}, options.weight, true);
  net_->add_parameter(y + "_b", {outputs}, options.bias_value, true);
  net_->add("FC", {name_, y + "_w", y + "_b"}, {y});
  return {net_, y};
}

Value Value::softmax() const {
  std::string y = net_->unique_name("softmax");
  net_->add("Softmax", {name_}, {y});
  return {net_, y};
}

Value Value::softmax_cross_entropy(const Value& labels) const {
  same_net(*this, labels);
  std::string softmax = net_->unique_name("softmax");
  std::string loss = net_->unique_name("loss");
  net_->training.add("SoftmaxWithLoss", {name_, labels.name_}, {softmax, loss});
  net_->prediction.add("Softmax", {name_}, {softmax});
  if (net_->roles.prediction.empty()) net_->roles.prediction = softmax;
  return {net_, loss};
}

Value Value::cross_entropy(const Value& labels) const {
  same_net(*this, labels);
  std::string entropy = net_->unique_name("cross_entropy");
  std::string loss = net_->unique_name("loss");
  net_->add_training_only("LabelCrossEntropy", {name_, labels.name_}, {entropy});
  net_->add_training_only("AveragedLoss", {entropy}, {loss});
  if (net_->roles.prediction.empty()) net_->roles.prediction = name_;
  return {net_, loss};
}

Value Value::accuracy(const Value& labels, int top_k) const {
  same_net(*this, labels);
  std::string base = top_k == 1 ? "accuracy" : "accuracy_top" + std::to_string(top_k);
  std::string y = net_->unique_name(base);
  net_->add_training_only("Accuracy", {name_, labels.name_}, {y}, {{"top_k", top_k}});
  net_->roles.accuracies.push_back(y);
  return {net_, y};
}

Value Value::elementwise(const char* type, const Value& other) const {
  same_net(*this, other);
  require(shape() == other.shape(), ErrorCode::kShapeMismatch,
          "{} of '{}' {} and '{}' {}: the shapes have to be equal", type, name_,
          shape().to_string(), other.name_, other.shape().to_string());
  std::string base = type;
  base[0] = static_cast<char>(base[0] - 'A' + 'a');
  std::string y = net_->layer_name("", base.c_str());
  net_->add(type, {name_, other.name_}, {y});
  return {net_, y};
}

Value operator+(const Value& a, const Value& b) { return a.elementwise("Sum", b); }
Value operator-(const Value& a, const Value& b) { return a.elementwise("Sub", b); }
Value operator*(const Value& a, const Value& b) { return a.elementwise("Mul", b); }

Value sum(const std::vector<Value>& values) {
  require(!values.empty(), ErrorCode::kInvalidArgument, "a sum needs at least one value");
  std::vector<std::string> inputs;
  for (const Value& value : values) {
    same_net(values[0], value);
    inputs.push_back(value.name());
  }
  NetState& net = *values[0].state();
  std::string y = net.layer_name("", "sum");
  net.add("Sum", inputs, {y});
  return {values[0].state(), y};
}

Value concat(const std::vector<Value>& values, int axis) {
  require(!values.empty(), ErrorCode::kInvalidArgument, "concat needs at least one value");
  std::vector<std::string> inputs;
  for (const Value& value : values) {
    same_net(values[0], value);
    inputs.push_back(value.name());
  }
  NetState& net = *values[0].state();
  std::string y = net.layer_name("", "concat");
  net.add("Concat", inputs, {y, net.training.unique(y + "_split")}, {{"axis", axis}});
  return {values[0].state(), y};
}

}  // namespace headrace
