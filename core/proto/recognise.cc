#include "core/proto/recognise.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/proto/metanet.pb.h"
#include "core/proto/net.pb.h"

namespace headrace {
namespace {

// A message that was taken for a string shows as control characters: its tags and lengths.
bool is_name(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string find_in_args(const google::protobuf::RepeatedPtrField<Argument>& args);

std::string find_in_op(const OperatorDef& op) {
  if (op.type().empty()) return " has no type";
  if (!is_name(op.type())) return " has a type that is no text";
  const std::string found = find_in_args(op.arg());
  return found.empty() ? found : "." + found;
}

std::string find_in_args(const google::protobuf::RepeatedPtrField<Argument>& args) {
  for (int i = 0; i < args.size(); ++i) {
    const Argument& arg = args[i];
    if (arg.has_n()) {
      if (auto found = find_implausible(arg.n()); !found.empty()) {
        return fmt::format("arg[{}].n.{}", i, found);
      }
    }
    for (int k = 0; k < arg.nets_size(); ++k) {
      if (auto found = find_implausible(arg.nets(k)); !found.empty()) {
        return fmt::format("arg[{}].nets[{}].{}", i, k, found);
      }
    }
  }
  return {};
}

}  // namespace

std::string find_implausible(const NetDef& net) {
  if (!is_name(net.name())) return "name is no text";
  for (int i = 0; i < net.op_size(); ++i) {
    if (auto found = find_in_op(net.op(i)); !found.empty()) {
      return fmt::format("op[{}]{}", i, found);
    }
  }
  return find_in_args(net.arg());
}

std::string find_implausible(const PlanDef& plan) {
  if (!is_name(plan.name())) return "name is no text";
  for (int i = 0; i < plan.network_size(); ++i) {
    if (auto found = find_implausible(plan.network(i)); !found.empty()) {
      return fmt::format("network[{}].{}", i, found);
    }
  }
  return {};
}

std::string find_implausible(const MetaNetDef& model) {
  for (int i = 0; i < model.nets_size(); ++i) {
    if (auto found = find_implausible(model.nets(i).value()); !found.empty()) {
      return fmt::format("nets[{}].value.{}", i, found);
    }
  }
  for (int i = 0; i < model.plans_size(); ++i) {
    if (auto found = find_implausible(model.plans(i).value()); !found.empty()) {
      return fmt::format("plans[{}].value.{}", i, found);
    }
  }
  return {};
}

std::string find_implausible(const TensorProtos& tensors) {
  for (int i = 0; i < tensors.protos_size(); ++i) {
    if (!is_name(tensors.protos(i).name())) return fmt::format("protos[{}].name is no text", i);
  }
  return {};
}

std::string find_implausible(const BlobProto& blob) {
  if (!is_name(blob.name())) return "name is no text";
  if (!is_name(blob.type())) return "type is no text";
  return {};
}

}  // namespace headrace
