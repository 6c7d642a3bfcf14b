#include "net_builders/net_writer.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "core/text.h"
#include "graph/graph.h"

namespace headrace {

NetWriter::NetWriter(const std::string& name) : net_(std::make_unique<NetDef>()) {
  // Viewers recognise a binary net by a name of fewer than 64 printable characters.
  bool printable =
      std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
  require(
      !name.empty() && name.size() < 64 && printable, ErrorCode::kInvalidArgument,
      "'{}' cannot be the name of a net: 1 to 63 printable characters without blanks are needed",
      name);
  net_->set_name(name);
}

NetWriter::~NetWriter() = default;

NetWriter::NetWriter(const NetWriter& other)
    : net_(std::make_unique<NetDef>(*other.net_)),
      types_(other.types_),
      taken_(other.taken_),
      counters_(other.counters_) {}

void NetWriter::declare(const std::string& blob, const TensorDesc& desc) {
  const TensorType type{desc.dtype, desc.shape};
  auto [known, fresh] = types_.emplace(blob, type);
  if (fresh) {
    taken_.insert(blob);
    net_->add_external_input(blob);
  } else {
    require(known->second == type, ErrorCode::kInvalidArgument,
            "blob '{}' of net '{}' is {} already and cannot be {}", blob, net_->name(),
            known->second.to_string(), type.to_string());
  }
}

void NetWriter::add(const OperatorDef& op) {
  check(op, net_->op_size());
  *net_->add_op() = op;
}

void NetWriter::add(const std::string& type, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs, const std::vector<OpArg>& args) {
  add(make_op(type, inputs, outputs, args));
}

void NetWriter::replace(int position, const OperatorDef& op) {
  check(op, position);
  *net_->mutable_op(position) = op;
}

void NetWriter::check_from(int position) {
  for (; position < net_->op_size(); ++position) check(net_->op(position), position);
}

void NetWriter::check(const OperatorDef& op, int position) {
  std::vector<TensorType> inputs;
  for (const std::string& name : op.input()) {
    auto known = types_.find(name);
    if (known == types_.end()) {
      std::vector<std::string> names;
      for (const auto& [blob, type] : types_) names.push_back(blob);
      fail(ErrorCode::kInvalidNet, "{} reads blob '{}', which net '{}' does not have{}", op.type(),
           name, net_->name(), did_you_mean(name, names));
    }
    inputs.push_back(known->second);
  }

  NetDef alone;
  alone.set_name(net_->name());
  *alone.add_op() = op;
  graph::build_graph(alone, {.strict = true});

  const OpSchema& schema = get_schema(op.type());
  const Args args(schema, op);
  std::vector<TensorType> outputs;
  try {
    outputs = schema.infer_types({args, inputs, op.output_size(), {}});
  } catch (Error& error) {
    std::vector<std::string> shapes;
    for (size_t i = 0; i < inputs.size(); ++i) {
      shapes.push_back(op.input(static_cast<int>(i)) + " " + inputs[i].to_string());
    }
    throw error
        .at({.net = net_->name(), .op_name = op.name(), .op_type = op.type(), .position = position})
        .with_shapes(std::move(shapes));
  }
  for (int i = 0; i < op.output_size(); ++i) {
    types_[op.output(i)] = outputs[i];
    taken_.insert(op.output(i));
  }
}

TensorDesc NetWriter::desc(const std::string& blob) const {
  auto known = types_.find(blob);
  require(known != types_.end(), ErrorCode::kNotFound, "net '{}' has no blob '{}'", net_->name(),
          blob);
  require(known->second.complete(), ErrorCode::kUnsupported,
          "the type of '{}' is not known before net '{}' runs", blob, net_->name());
  return {.dtype = known->second.dtype, .shape = *known->second.shape};
}

std::string NetWriter::unique(const std::string& base) {
  std::string name = base;
  for (int number = 2; !taken_.insert(name).second; ++number) {
    name = fmt::format("{}_{}", base, number);
  }
  return name;
}

std::string NetWriter::numbered(const std::string& base) {
  std::string name;
  do {
    name = fmt::format("{}{}", base, ++counters_[base]);
  } while (!taken_.insert(name).second);
  return name;
}

std::string NetWriter::claim(const std::string& name) {
  require(!name.empty(), ErrorCode::kInvalidArgument, "a blob needs a name");
  require(taken_.insert(name).second, ErrorCode::kInvalidArgument,
          "net '{}' has a blob '{}' already; give one of them another name or use a scope",
          net_->name(), name);
  return name;
}

}  // namespace headrace
