#include "net_builders/net_state.h"

#include <algorithm>

#include "core/proto/net.pb.h"

namespace headrace {

NetState::NetState(const std::string& name)
    : name(name), training(name + "_train"), prediction(name + "_predict"), init(name + "_init") {}

std::string NetState::layer_name(const std::string& given, const char* base) {
  return given.empty() ? training.numbered(scope + base) : training.claim(scope + given);
}

void NetState::add(const std::string& type, const std::vector<std::string>& inputs,
                   const std::vector<std::string>& outputs, const std::vector<OpArg>& args) {
  training.add(type, inputs, outputs, args);
  bool in_both =
      std::ranges::all_of(inputs, [&](const std::string& blob) { return prediction.knows(blob); });
  if (in_both) prediction.add(type, inputs, outputs, args);
}

void NetState::add_training_only(const std::string& type, const std::vector<std::string>& inputs,
                                 const std::vector<std::string>& outputs,
                                 const std::vector<OpArg>& args) {
  training.add(type, inputs, outputs, args);
}

void NetState::declare(const std::string& blob, const TensorDesc& desc) {
  training.declare(blob, desc);
  prediction.declare(blob, desc);
}

void NetState::add_parameter(const std::string& blob, const Shape& shape,
                             const Initializer& initializer, bool decays) {
  training.claim(blob);
  fill(blob, shape, initializer);
  parameters.push_back({blob, shape, decays});
  roles.parameters.push_back(blob);
}

void NetState::add_statistic(const std::string& blob, const Shape& shape, float value) {
  training.claim(blob);
  fill(blob, shape, constant(value));
  roles.statistics.push_back(blob);
}

void NetState::fill(const std::string& blob, const Shape& shape, const Initializer& initializer) {
  add_fill(init, blob, shape, initializer);
  declare(blob, {DType::kFloat32, shape});
}

void add_fill(NetWriter& init, const std::string& blob, const Shape& shape,
              const Initializer& initializer) {
  std::vector<OpArg> args;
  if (shape.rank() > 0) args.push_back({"shape", shape});
  args.insert(args.end(), initializer.args.begin(), initializer.args.end());
  init.add(initializer.type, {}, {blob}, args);
}

NetDef finished_net(const NetWriter& writer, NetRoles roles) {
  NetDef net = writer.net();
  for (const std::string& blob : net.external_input()) {
    roles.external_shapes.emplace_back(blob, writer.desc(blob));
  }
  write_roles(roles, net);
  return net;
}

}  // namespace headrace
