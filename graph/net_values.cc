#include "graph/net_values.h"

#include "core/proto/net.pb.h"
#include "graph/control.h"

namespace headrace::graph {

NetValues::NetValues(const NetDef& net) {
  for (const std::string& name : net.external_input()) {
    if (!by_name_.contains(name)) add(name, kNone);
  }
  for (int position = 0; position < net.op_size(); ++position) {
    const OperandNames names =
        operand_names(net.op(position), net, position,
                      [this](const std::string& name) { return by_name_.contains(name); });
    std::vector<int>& inputs = inputs_.emplace_back();
    for (const std::string& name : names.inputs) {
      int id = last(name);
      if (id == kNone) id = add(name, kNone);
      inputs.push_back(id);
      std::vector<int>& readers = values_[id].readers;
      if (readers.empty() || readers.back() != position) readers.push_back(position);
    }
    std::vector<int>& outputs = outputs_.emplace_back();
    for (const std::string& name : names.outputs) outputs.push_back(add(name, position));
  }
}

const std::vector<int>& NetValues::of(std::string_view name) const {
  static const std::vector<int> kNothing;
  auto found = by_name_.find(name);
  return found == by_name_.end() ? kNothing : found->second;
}

int NetValues::last(std::string_view name) const {
  const std::vector<int>& ids = of(name);
  return ids.empty() ? kNone : ids.back();
}

std::vector<std::string> NetValues::names() const {
  std::vector<std::string> names;
  for (const auto& [name, ids] : by_name_) names.push_back(name);
  return names;
}

int NetValues::add(const std::string& name, int writer) {
  int id = size();
  values_.push_back({.name = name, .writer = writer});
  by_name_[name].push_back(id);
  return id;
}

}  // namespace headrace::graph
