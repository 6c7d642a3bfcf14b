#include "tests/operators/run_cases.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "tests/operators/compare.h"
#include "tests/operators/golden.h"
#include "tests/operators/gradients.h"
#include "tests/operators/run_operator.h"
#include "tests/operators/tensor_json.h"

namespace headrace::testing {
namespace {

using nlohmann::json;

OperatorDef operator_of(const json& entry) {
  OperatorDef def;
  def.set_type(entry.at("op").get<std::string>());
  for (const json& name : entry.at("input_names")) def.add_input(name.get<std::string>());
  for (const json& name : entry.at("output_names")) def.add_output(name.get<std::string>());
  for (const json& given : entry.at("args")) {
    const auto name = given.at("name").get<std::string>();
    const auto field = given.at("field").get<std::string>();
    const json& value = given.at("value");
    if (field == "i") {
      set_arg(def, name, value.get<int64_t>());
    } else if (field == "f") {
      set_arg(def, name, value.get<float>());
    } else if (field == "s") {
      set_arg(def, name, value.get<std::string>());
    } else if (field == "ints") {
      set_arg(def, name, value.get<std::vector<int64_t>>());
    } else if (field == "floats") {
      set_arg(def, name, value.get<std::vector<float>>());
    } else {
      fail(ErrorCode::kCorrupt, "argument '{}' of a case has a field '{}'", name, field);
    }
  }
  return def;
}

/// The first output that has the name of an input shares its storage.
std::optional<std::pair<int, int>> inplace_of(const OperatorDef& def) {
  for (int out = 0; out < def.output_size(); ++out) {
    for (int in = 0; in < def.input_size(); ++in) {
      if (def.input(in) == def.output(out)) return std::pair(in, out);
    }
  }
  return std::nullopt;
}

/// Throws unless the operator gives the same cut into three parts, and channels-last.
void require_same_otherwise(const OperatorDef& def, const std::vector<Blob>& inputs,
                            const std::vector<Blob>& expected) {
  std::vector<RunOptions> ways = {{.width = 3}};
  // With order NHWC an operator's images are channels-last in the plain layout already.
  const bool nhwc = std::ranges::any_of(
      def.arg(), [](const Argument& arg) { return arg.name() == "order" && arg.s() == "NHWC"; });
  if (!nhwc && get_schema(def.type()).layout_policy() != LayoutPolicy::kPlain) {
    ways.push_back({.width = 2, .channels_last = true});
  }
  for (const RunOptions& way : ways) {
    std::vector<Blob> found = run_operator(def, inputs, way);
    for (size_t i = 0; i < expected.size(); ++i) {
      auto same = same_blob(found[i], expected[i], 1e-5);
      require(static_cast<bool>(same), ErrorCode::kInternal,
              "output {} differs with width {}{}: {}", i, way.width,
              way.channels_last ? ", channels-last" : "", same.message());
    }
  }
}

json run_case(const json& entry) {
  OperatorDef def = operator_of(entry);
  std::vector<Blob> inputs;
  for (const json& value : entry.at("inputs")) inputs.emplace_back(tensor_from_json(value));
  RunOptions options;
  options.inplace = inplace_of(def);
  std::vector<Blob> outputs = run_operator(def, inputs, options);
  json result = {{"outputs", json::array()}};
  for (const Blob& output : outputs) result["outputs"].push_back(tensor_to_json(output.tensor()));
  if (options.inplace) return result;
  require_same_otherwise(def, inputs, outputs);

  const auto wanted = entry.at("gradients").get<std::vector<int>>();
  if (wanted.empty()) return result;
  std::map<int, Tensor> cotangents;
  for (const auto& [output, value] : entry.at("cotangents").items()) {
    cotangents.emplace(std::stoi(output), tensor_from_json(value));
  }
  GradientRun run = run_gradient(def, inputs, cotangents, wanted);
  result["gradients"] = json::object();
  for (const auto& [input, gradient] : run.gradients) {
    result["gradients"][std::to_string(input)] = tensor_to_json(gradient);
  }
  result["operators"] = json::array();
  for (const OperatorDef& gradient : run.operators) {
    result["operators"].push_back(describe(gradient));
  }
  return result;
}

}  // namespace

void run_cases(const std::string& cases, const std::string& results) {
  std::ifstream in(cases);
  require(in.good(), ErrorCode::kNotFound, "cannot read {}", cases);
  json all = json::array();
  for (const json& entry : json::parse(in)) {
    try {
      all.push_back(run_case(entry));
    } catch (const Error& error) {
      all.push_back({{"error", error.message()}, {"code", name_of(error.code())}});
    }
  }
  std::ofstream out(results);
  out << all.dump() << "\n";
  out.close();
  require(out.good(), ErrorCode::kIo, "cannot write {}", results);
}

}  // namespace headrace::testing
