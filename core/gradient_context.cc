#include "core/gradient_context.h"

#include <algorithm>

#include "core/error.h"
#include "core/op_schema.h"
#include "core/proto/net.pb.h"

namespace headrace {
namespace {

Argument& fresh_arg(OperatorDef& def, std::string_view name) {
  remove_arg(def, name);
  Argument* arg = def.add_arg();
  arg->set_name(std::string(name));
  return *arg;
}

}  // namespace

GradientContext::GradientContext(const OpSchema& schema, const OperatorDef& forward,
                                 std::vector<std::string> output_gradients,
                                 std::vector<bool> wanted, NameFn name_gradient)
    : schema_(schema),
      forward_(forward),
      output_gradients_(std::move(output_gradients)),
      wanted_(std::move(wanted)),
      name_gradient_(std::move(name_gradient)),
      input_gradients_(forward.input_size()),
      owned_(forward.input_size()),
      reads_in_(forward.input_size()),
      reads_out_(forward.output_size()),
      operators_(std::make_unique<std::vector<OperatorDef>>()) {}

GradientContext::~GradientContext() = default;

Args GradientContext::args() const { return Args(schema_, forward_); }

int GradientContext::inputs() const { return forward_.input_size(); }

int GradientContext::outputs() const { return forward_.output_size(); }

const std::string& GradientContext::in(int i) const {
  reads_in_[i] = true;
  return forward_.input(i);
}

const std::string& GradientContext::out(int i) const {
  reads_out_[i] = true;
  return forward_.output(i);
}

const std::string& GradientContext::dout(int i) const {
  require(has_dout(i), ErrorCode::kInvalidNet,
          "the gradient of {} needs the gradient of its output {} '{}', and none arrives there",
          forward_.type(), i, forward_.output(i));
  return output_gradients_[i];
}

std::string GradientContext::din(int i) {
  if (owned_[i]) return input_gradients_[i];
  std::string name;
  if (name_gradient_) {
    name = name_gradient_(i);
  } else {
    name = forward_.input(i) + "_grad";
    if (std::ranges::find(input_gradients_, name) != input_gradients_.end()) {
      name += "_of_input_" + std::to_string(i);
    }
  }
  input_gradients_[i] = name;
  owned_[i] = true;
  return name;
}

void GradientContext::pass(int i, std::string name) {
  input_gradients_[i] = std::move(name);
  owned_[i] = false;
}

OperatorDef& GradientContext::op(std::string_view type, std::vector<std::string> inputs,
                                 std::vector<std::string> outputs) {
  OperatorDef& def = operators_->emplace_back();
  def.set_type(std::string(type));
  for (std::string& name : inputs) def.add_input(std::move(name));
  for (std::string& name : outputs) def.add_output(std::move(name));
  *def.mutable_arg() = forward_.arg();
  if (forward_.has_device_option()) *def.mutable_device_option() = forward_.device_option();
  if (forward_.has_engine()) def.set_engine(forward_.engine());
  def.set_is_gradient_op(true);
  return def;
}

const std::vector<OperatorDef>& GradientContext::operators() const { return *operators_; }

void set_arg(OperatorDef& def, std::string_view name, int64_t value) {
  fresh_arg(def, name).set_i(value);
}

void set_arg(OperatorDef& def, std::string_view name, float value) {
  fresh_arg(def, name).set_f(value);
}

void set_arg(OperatorDef& def, std::string_view name, std::string_view value) {
  fresh_arg(def, name).set_s(std::string(value));
}

void set_arg(OperatorDef& def, std::string_view name, const std::vector<int64_t>& values) {
  Argument& arg = fresh_arg(def, name);
  arg.mutable_ints()->Add(values.begin(), values.end());
}

void set_arg(OperatorDef& def, std::string_view name, const std::vector<float>& values) {
  Argument& arg = fresh_arg(def, name);
  arg.mutable_floats()->Add(values.begin(), values.end());
}

void remove_arg(OperatorDef& def, std::string_view name) {
  auto* args = def.mutable_arg();
  args->erase(std::remove_if(args->begin(), args->end(),
                             [&](const Argument& arg) { return arg.name() == name; }),
              args->end());
}

}  // namespace headrace
