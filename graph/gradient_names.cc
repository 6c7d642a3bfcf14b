#include "graph/gradient_names.h"

#include <algorithm>

#include "core/proto/net.pb.h"
#include "core/registry.h"

namespace headrace::graph {
namespace {

int count(const auto& names, const std::string& name) {
  return static_cast<int>(std::ranges::count(names, name));
}

int index_of(const auto& names, const std::string& name) {
  return static_cast<int>(std::ranges::find(names, name) - names.begin());
}

/// Renames from operator `first` on.
void rename_inputs(std::vector<OperatorDef>& ops, size_t first, const std::string& from,
                   const std::string& to) {
  for (size_t i = first; i < ops.size(); ++i) {
    std::ranges::replace(*ops[i].mutable_input(), from, to);
  }
}

}  // namespace

bool GradientNames::is_held(const std::string& blob) const {
  auto found = holders_.find(blob);
  return found != holders_.end() && found->second > 0;
}

std::string GradientNames::fresh(const std::string& base) {
  std::string name = base;
  for (int number = 1; taken_.contains(name); ++number) name = base + "_" + std::to_string(number);
  taken_.insert(name);
  own_.insert(name);
  return name;
}

std::string GradientNames::claim(const std::string& base,
                                 const std::vector<std::string>& operands) {
  std::string name = base;
  bool dead = own_.contains(base) && !is_held(base);
  if (!dead) {
    name = fresh(base);
  } else if (count(operands, base) > 0) {
    name = fresh(base);
    asked_for_[name] = base;
  }
  hold(name);
  return name;
}

void GradientNames::release(const std::string& blob) {
  auto found = holders_.find(blob);
  if (found != holders_.end() && found->second > 0) --found->second;
}

void GradientNames::fit(std::vector<OperatorDef>& ops, std::vector<std::string>& claimed,
                        std::vector<std::string>& passed,
                        const std::vector<std::string>& operands) {
  rename_scratch(ops, claimed, passed);
  for (std::string& name : claimed) reuse_in_place(ops, name, passed, operands);
}

void GradientNames::rename_scratch(std::vector<OperatorDef>& ops,
                                   const std::vector<std::string>& claimed,
                                   std::vector<std::string>& passed) {
  for (size_t i = 0; i < ops.size(); ++i) {
    for (std::string& output : *ops[i].mutable_output()) {
      if (count(claimed, output) > 0) continue;
      const std::string name = fresh(output);
      if (name == output) continue;
      rename_inputs(ops, i + 1, output, name);
      std::ranges::replace(passed, output, name);
      output = name;
    }
  }
}

void GradientNames::reuse_in_place(std::vector<OperatorDef>& ops, std::string& name,
                                   const std::vector<std::string>& passed,
                                   const std::vector<std::string>& operands) {
  auto wish = asked_for_.find(name);
  if (wish == asked_for_.end()) return;
  const std::string target = wish->second;
  asked_for_.erase(wish);
  if (is_held(target) || count(passed, target) > 0 || count(operands, target) != 1) return;

  auto writer = std::ranges::find_if(
      ops, [&](const OperatorDef& op) { return count(op.output(), name) > 0; });
  if (writer == ops.end() || count(writer->input(), target) != 1) return;
  bool read_elsewhere = std::ranges::any_of(
      ops, [&](const OperatorDef& op) { return &op != &*writer && count(op.input(), target) > 0; });
  const OpSchema* schema = find_schema(writer->type());
  if (read_elsewhere || schema == nullptr ||
      !schema->allows_inplace(index_of(writer->input(), target),
                              index_of(writer->output(), name))) {
    return;
  }
  std::ranges::replace(*writer->mutable_output(), name, target);
  rename_inputs(ops, writer - ops.begin() + 1, name, target);
  release(name);
  taken_.erase(name);
  own_.erase(name);
  hold(target);
  name = target;
}

}  // namespace headrace::graph
