#include "tests/operators/golden.h"

#include <cmath>
#include <fstream>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "tests/operators/compare.h"
#include "tests/operators/gradients.h"
#include "tests/operators/run_operator.h"
#include "tests/operators/tensor_json.h"
#include "tests/support/paths.h"

namespace headrace::testing {
namespace {

using nlohmann::json;

/// A key of everything that the expected values depend on.
std::string fingerprint(const std::string& type, const Sample& sample) {
  std::string bytes = sample.def(type).SerializeAsString();
  for (const Blob& blob : sample.make_inputs(type)) {
    if (!blob.is_tensor()) continue;
    bytes += tensor_to_json(blob.tensor()).dump();
  }
  return fmt::format("{:016x}", random_key(bytes));
}

const json& golden_file(const std::string& type) {
  static std::map<std::string, json> files;
  auto found = files.find(type);
  if (found != files.end()) return found->second;
  const std::string path = source_dir() / "tests/operators/golden" / (type + ".json");
  std::ifstream file(path);
  require(file.good(), ErrorCode::kNotFound,
          "no golden file {}; see tests/operators/README.md for how to make it", path);
  return files[type] = json::parse(file);
}

json to_json(const SampleArg& arg) {
  return std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        const char* field = std::is_same_v<T, int64_t>                ? "i"
                            : std::is_same_v<T, float>                ? "f"
                            : std::is_same_v<T, std::string>          ? "s"
                            : std::is_same_v<T, std::vector<int64_t>> ? "ints"
                            : std::is_same_v<T, std::vector<float>>   ? "floats"
                                                                      : "strings";
        return json{{"name", arg.name}, {"field", field}, {"value", value}};
      },
      arg.value);
}

json to_json(const std::string& type, const Sample& sample) {
  OperatorDef def = sample.def(type);
  json entry = {
      {"op", type},
      {"sample", sample.name},
      {"reference", sample.reference == Reference::kCaffe2 ? "caffe2" : "torch"},
      {"fingerprint", fingerprint(type, sample)},
      {"input_names", std::vector<std::string>(def.input().begin(), def.input().end())},
      {"output_names", std::vector<std::string>(def.output().begin(), def.output().end())},
      {"unchecked", sample.unchecked},
      {"gradients", sample.gradients}};
  entry["args"] = json::array();
  for (const SampleArg& arg : sample.args) entry["args"].push_back(to_json(arg));
  std::vector<Blob> inputs = sample.make_inputs(type);
  entry["inputs"] = json::array();
  for (const Blob& blob : inputs) entry["inputs"].push_back(tensor_to_json(blob.tensor()));
  if (!sample.gradients.empty()) {
    entry["cotangents"] = json::object();
    std::vector<TensorType> types = infer(def, inputs);
    for (int i : gradient_outputs(sample, types)) {
      entry["cotangents"][std::to_string(i)] =
          tensor_to_json(cotangent(type, sample, i, *types[i].shape));
    }
  }
  return entry;
}

}  // namespace

Golden read_golden(const std::string& type, const Sample& sample) {
  const json& file = golden_file(type);
  const json& samples = file.at("samples");
  require(samples.contains(sample.name), ErrorCode::kNotFound,
          "golden/{}.json has no sample '{}'; see README.md for how to make it", type, sample.name);
  const json& entry = samples.at(sample.name);
  require(
      entry.at("fingerprint") == fingerprint(type, sample), ErrorCode::kCorrupt,
      "golden/{}.json was made from another sample '{}' than the one there is now; see README.md "
      "for how to make it again",
      type, sample.name);
  Golden golden;
  golden.reference = entry.at("reference");
  for (const json& output : entry.at("outputs")) {
    golden.outputs.push_back(output.is_null() ? std::nullopt
                                              : std::optional(tensor_from_json(output)));
  }
  if (entry.contains("gradients")) {
    for (const auto& [input, value] : entry.at("gradients").items()) {
      golden.gradients.emplace(std::stoi(input), tensor_from_json(value));
    }
  }
  if (entry.contains("gradient_operators")) {
    golden.gradient_operators = entry.at("gradient_operators").get<std::vector<std::string>>();
  }
  return golden;
}

Tensor cotangent(const std::string& type, const Sample& sample, int output, const Shape& shape) {
  Rng rng(2, random_key(type + "/" + sample.name), output);
  Tensor tensor(shape, DType::kFloat32);
  auto data = tensor.data<float>();
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = std::round(2000 * rng.uniform(i) - 1000) / 1000;
  return tensor;
}

std::string describe(const OperatorDef& def) {
  return fmt::format("{}({}) -> {}", def.type(), fmt::join(def.input(), ", "),
                     fmt::join(def.output(), ", "));
}

void dump_samples(const std::string& path) {
  json all = json::array();
  for (const std::string& type : sampled_types()) {
    for (const Sample& sample : samples_of(type)) {
      if (sample.reference == Reference::kCheck) continue;
      all.push_back(to_json(type, sample));
    }
  }
  std::ofstream file(path);
  file << all.dump(1) << "\n";
  file.close();
  require(file.good(), ErrorCode::kIo, "cannot write {}", path);
}

}  // namespace headrace::testing
