#include "net_builders/net.h"

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "net_builders/net_state.h"
#include "net_builders/prune.h"

namespace headrace {
namespace {

void keep_known(const NetDef& net, std::vector<std::string>& blobs) {
  std::erase_if(blobs, [&](const std::string& blob) {
    return std::ranges::find(net.external_input(), blob) == net.external_input().end();
  });
}

}  // namespace

Scope::Scope(std::shared_ptr<NetState> net, const std::string& name)
    : net_(std::move(net)), outer_(net_->scope) {
  net_->scope += name + "/";
}

Scope::~Scope() { net_->scope = outer_; }

Net::Net(const std::string& name) : state_(std::make_shared<NetState>(name)) {}

const std::string& Net::name() const { return state_->name; }

Value Net::input(const std::string& name, const Shape& shape, DType dtype) {
  require(shape.rank() > 0 && shape[0] > 0, ErrorCode::kInvalidArgument,
          "input '{}' of shape {}: the first dimension is the batch and has to be positive", name,
          shape.to_string());
  state_->declare(state_->training.claim(name), {dtype, shape});
  state_->roles.data.push_back(name);
  if (state_->roles.batch_size == 0) state_->roles.batch_size = shape[0];
  return {state_, name};
}

Value Net::labels(const std::string& name, int64_t batch) {
  state_->training.declare(state_->training.claim(name), {DType::kInt32, {batch}});
  state_->roles.labels.push_back(name);
  return {state_, name};
}

Value Net::parameter(const std::string& name, const Shape& shape, const Initializer& initializer,
                     const ParameterOptions& options) {
  std::string blob = state_->scope + name;
  state_->add_parameter(blob, shape, initializer, options.decays);
  return {state_, blob};
}

std::vector<Value> Net::op(const std::string& type, const std::vector<Value>& inputs,
                           const OpOptions& options) {
  std::vector<std::string> in;
  for (const Value& value : inputs) in.push_back(value.name());
  std::string base = type;
  std::ranges::transform(base, base.begin(), [](unsigned char c) { return std::tolower(c); });
  std::vector<std::string> out{state_->layer_name(options.name, base.c_str())};
  for (int i = 1; i < options.outputs; ++i) {
    out.push_back(state_->training.unique(out[0] + "_output"));
  }
  if (options.training_only) {
    state_->add_training_only(type, in, out, options.args);
  } else {
    state_->add(type, in, out, options.args);
  }
  std::vector<Value> values;
  for (const std::string& name : out) values.emplace_back(state_, name);
  return values;
}

void Net::predicts(const Value& value) { state_->roles.prediction = value.name(); }

std::span<const Parameter> Net::parameters() const { return state_->parameters; }

NetDef Net::forward_net() const {
  NetRoles roles = state_->roles;
  roles.phase = "train";
  NetDef net = finished_net(state_->training, roles);
  for (const std::string& blob : roles.losses) net.add_external_output(blob);
  for (const std::string& blob : roles.accuracies) net.add_external_output(blob);
  return net;
}

NetDef Net::predict_net() const {
  const std::string& prediction = state_->roles.prediction;
  require(!prediction.empty(), ErrorCode::kState,
          "net '{}' predicts nothing yet: give it a loss, or say with predicts() which value it is",
          name());
  NetDef net = pruned_to(state_->prediction.net(), {prediction});
  net.add_external_output(prediction);

  NetRoles roles{.phase = "predict",
                 .data = state_->roles.data,
                 .prediction = prediction,
                 .parameters = state_->roles.parameters,
                 .statistics = state_->roles.statistics,
                 .batch_size = state_->roles.batch_size};
  keep_known(net, roles.data);
  keep_known(net, roles.parameters);
  keep_known(net, roles.statistics);
  for (const std::string& blob : net.external_input()) {
    roles.external_shapes.emplace_back(blob, state_->prediction.desc(blob));
  }
  write_roles(roles, net);
  return net;
}

NetDef Net::init_net() const {
  return finished_net(state_->init, {.phase = "init",
                                     .parameters = state_->roles.parameters,
                                     .statistics = state_->roles.statistics});
}

void Net::save(const std::string& prefix) const {
  save_net(init_net(), prefix + "_init_net.pbtxt");
  save_net(predict_net(), prefix + "_predict_net.pbtxt");
}

}  // namespace headrace
