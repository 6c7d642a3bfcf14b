#include "tests/operators/sample.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"

namespace headrace::testing {
namespace {

struct Table {
  std::map<std::string, std::vector<Sample>> samples;
  std::map<std::string, std::vector<ErrorSample>> errors;
};

Table& table() {
  static Table instance;
  return instance;
}

template <typename T, typename F>
Maker filled(Shape shape, F element) {
  return [=](const Rng& rng) {
    Tensor tensor(shape, dtype_of<T>());
    auto data = tensor.data<T>();
    for (size_t i = 0; i < data.size(); ++i) data[i] = element(rng, i);
    return Blob(std::move(tensor));
  };
}

OperatorDef make_def(const std::string& type, const std::vector<SampleArg>& args, int inputs,
                     int outputs) {
  const OpSchema& schema = get_schema(type);
  OperatorDef def;
  def.set_type(type);
  for (int i = 0; i < inputs; ++i) def.add_input(fmt::format("X{}", i));
  if (outputs < 0) outputs = schema.min_outputs();
  for (int i = 0; i < outputs; ++i) def.add_output(fmt::format("Y{}", i));
  for (const OpSchema::Alias& alias : schema.inplace_pairs()) {
    if (alias.enforced && alias.input < inputs && alias.output < outputs) {
      def.set_output(alias.output, def.input(alias.input));
    }
  }
  for (const SampleArg& arg : args) {
    if (auto* texts = std::get_if<std::vector<std::string>>(&arg.value)) {
      Argument* list = def.add_arg();
      list->set_name(arg.name);
      for (const std::string& text : *texts) list->add_strings(text);
      continue;
    }
    std::visit(
        [&](const auto& value) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, std::vector<std::string>>) {
            set_arg(def, arg.name, value);
          }
        },
        arg.value);
  }
  return def;
}

/// Three decimals: short golden files, and no dependence on the last bit of this machine's libm.
float rounded(float value) { return std::round(value * 1000) / 1000; }

std::vector<Blob> make_blobs(const std::string& key, const std::vector<Maker>& makers) {
  std::vector<Blob> blobs;
  for (size_t i = 0; i < makers.size(); ++i) blobs.push_back(makers[i](Rng(1, random_key(key), i)));
  return blobs;
}

}  // namespace

std::vector<int64_t> ints(std::initializer_list<int64_t> values) { return values; }
std::vector<float> floats(std::initializer_list<float> values) { return values; }
std::vector<std::string> strings(std::initializer_list<std::string> values) { return values; }

Maker normal(Shape shape) {
  return filled<float>(shape,
                       [](const Rng& rng, size_t i) { return rounded(rng.normal_pair(i)[0]); });
}

Maker uniform(Shape shape, float low, float high) {
  return filled<float>(shape, [=](const Rng& rng, size_t i) {
    return rounded(low + (high - low) * rng.uniform(i));
  });
}

Maker apart(Shape shape, float step) {
  return [=](const Rng& rng) {
    Tensor tensor(shape, DType::kFloat32);
    auto data = tensor.data<float>();
    auto count = static_cast<int64_t>(data.size());
    for (int64_t i = 0; i < count; ++i) {
      data[i] = (static_cast<float>(i - count / 2) + 0.5f) * step;
    }
    for (int64_t i = count - 1; i > 0; --i) std::swap(data[i], data[rng.below(i, i + 1)]);
    return Blob(std::move(tensor));
  };
}

Maker probabilities(Shape shape) {
  return [=](const Rng& rng) {
    Tensor tensor(shape, DType::kFloat32);
    auto data = tensor.data<float>();
    size_t classes = shape.dim(-1);
    for (size_t row = 0; row < data.size(); row += classes) {
      float sum = 0;
      for (size_t i = row; i < row + classes; ++i) sum += data[i] = 0.1f + rng.uniform(i);
      for (size_t i = row; i < row + classes; ++i) data[i] /= sum;
    }
    return Blob(std::move(tensor));
  };
}

template <typename T>
Maker integers(Shape shape, int64_t low, int64_t high) {
  return filled<T>(shape, [=](const Rng& rng, size_t i) {
    return static_cast<T>(low + static_cast<int64_t>(rng.below(i, high - low)));
  });
}
template Maker integers<int32_t>(Shape, int64_t, int64_t);
template Maker integers<int64_t>(Shape, int64_t, int64_t);
template Maker integers<int8_t>(Shape, int64_t, int64_t);
template Maker integers<uint8_t>(Shape, int64_t, int64_t);
template Maker integers<bool>(Shape, int64_t, int64_t);
template Maker integers<double>(Shape, int64_t, int64_t);

OperatorDef Sample::def(const std::string& type) const {
  int count = output_names.empty() ? outputs : static_cast<int>(output_names.size());
  OperatorDef def = make_def(type, args, static_cast<int>(inputs.size()), count);
  for (size_t i = 0; i < output_names.size(); ++i) {
    def.set_output(static_cast<int>(i), output_names[i]);
  }
  return def;
}

std::vector<Blob> Sample::make_inputs(const std::string& type) const {
  return make_blobs(type + "/" + name, inputs);
}

OperatorDef ErrorSample::def(const std::string& type) const {
  return make_def(type, args, static_cast<int>(inputs.size()), outputs);
}

std::vector<Blob> ErrorSample::make_inputs(const std::string& type) const {
  return make_blobs(type + "/error/" + name, inputs);
}

OperatorSamples::OperatorSamples(std::string type, std::vector<Sample> samples) {
  auto& all = table().samples[type];
  all.insert(all.end(), samples.begin(), samples.end());
}

OperatorErrors::OperatorErrors(std::string type, std::vector<ErrorSample> samples) {
  auto& all = table().errors[type];
  all.insert(all.end(), samples.begin(), samples.end());
}

const std::vector<Sample>& samples_of(const std::string& type) {
  static const std::vector<Sample> kNone;
  auto found = table().samples.find(type);
  return found == table().samples.end() ? kNone : found->second;
}

const std::vector<ErrorSample>& errors_of(const std::string& type) {
  static const std::vector<ErrorSample> kNone;
  auto found = table().errors.find(type);
  return found == table().errors.end() ? kNone : found->second;
}

std::vector<std::string> sampled_types() {
  std::vector<std::string> types;
  for (const auto& [type, samples] : table().samples) types.push_back(type);
  return types;
}

}  // namespace headrace::testing
