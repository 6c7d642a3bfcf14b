#include "tests/operators/gradients.h"

#include <algorithm>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "tests/operators/compare.h"
#include "tests/operators/golden.h"

namespace headrace::testing {
namespace {

/// sum(cotangent * output) of a forward run, in double.
double weighted_sum(const std::string& type, const Sample& sample, const OperatorDef& def,
                    const std::vector<Blob>& inputs, const std::vector<int>& outputs) {
  std::vector<Blob> results = run_operator(def, inputs);
  double sum = 0;
  for (int output : outputs) {
    const Tensor& tensor = results[output].tensor();
    Tensor weights = cotangent(type, sample, output, tensor.shape());
    for (int64_t i = 0; i < tensor.numel(); ++i) sum += element(weights, i) * element(tensor, i);
  }
  return sum;
}

}  // namespace

std::vector<Blob> to_double(const std::vector<Blob>& inputs) {
  std::vector<Blob> result;
  for (const Blob& blob : inputs) {
    result.push_back(blob.is_tensor() ? Blob(to_double(blob.tensor())) : blob);
  }
  return result;
}

std::vector<int> gradient_outputs(const Sample& sample, const std::vector<TensorType>& types) {
  if (!sample.gradient_outputs.empty()) return sample.gradient_outputs;
  std::vector<int> outputs;
  for (size_t i = 0; i < types.size(); ++i) {
    if (is_floating(types[i].dtype)) outputs.push_back(static_cast<int>(i));
  }
  return outputs;
}

std::map<int, Tensor> cotangents(const std::string& type, const Sample& sample,
                                 const std::vector<TensorType>& types) {
  std::map<int, Tensor> result;
  for (int i : gradient_outputs(sample, types)) {
    Tensor weights = cotangent(type, sample, i, *types[i].shape);
    result[i] = types[i].dtype == DType::kFloat64 ? to_double(weights) : weights;
  }
  return result;
}

GradientRun run_gradient(const OperatorDef& def, const std::vector<Blob>& inputs,
                         const std::map<int, Tensor>& output_gradients,
                         const std::vector<int>& wanted) {
  const OpSchema& schema = get_schema(def.type());
  GradientRun run;
  run.outputs = run_operator(def, inputs);

  Environment environment;
  for (int i = 0; i < def.input_size(); ++i) environment[def.input(i)] = inputs[i];
  for (int i = 0; i < def.output_size(); ++i) environment[def.output(i)] = run.outputs[i];
  std::vector<std::string> names(def.output_size());
  for (const auto& [i, gradient] : output_gradients) {
    names[i] = def.output(i) + "_grad";
    environment[names[i]] = gradient;
  }
  std::vector<bool> wants(def.input_size());
  for (int i : wanted) wants[i] = true;
  GradientContext context(schema, def, names, wants);
  schema.gradient_fn()(context);

  for (const OperatorDef& gradient : context.operators()) {
    std::vector<Blob> operands;
    for (const std::string& name : gradient.input()) operands.push_back(environment.at(name));
    run.operators.push_back(gradient);
    run.operands.push_back(std::move(operands));
    run_in(environment, gradient);
  }
  for (int i : wanted) {
    const std::string& name = context.input_gradients()[i];
    require(!name.empty(), ErrorCode::kInternal, "{} gives no gradient for its input {}",
            def.type(), i);
    run.gradients.emplace(i, environment.at(name).tensor());
  }
  return run;
}

GradientRun run_gradient(const std::string& type, const Sample& sample,
                         const std::vector<Blob>& inputs) {
  OperatorDef def = sample.def(type);
  return run_gradient(def, inputs, cotangents(type, sample, infer(def, inputs)), sample.gradients);
}

Tensor numeric_gradient(const std::string& type, const Sample& sample,
                        const std::vector<Blob>& inputs, int i) {
  OperatorDef def = sample.def(type);
  std::vector<int> outputs = gradient_outputs(sample, infer(def, inputs));
  std::vector<Blob> moved = inputs;
  moved[i] = inputs[i].tensor().clone();
  Tensor& tensor = moved[i].tensor();
  Tensor gradient(tensor.shape(), tensor.dtype());
  double step = tensor.dtype() == DType::kFloat64 ? 1e-3 : 1e-2;
  for (int64_t k = 0; k < tensor.numel(); ++k) {
    double center = element(tensor, k);
    auto difference = [&](int steps) {
      set_element(tensor, k, center + steps * step);
      double above = element(tensor, k);
      double high = weighted_sum(type, sample, def, moved, outputs);
      set_element(tensor, k, center - steps * step);
      double below = element(tensor, k);
      double low = weighted_sum(type, sample, def, moved, outputs);
      set_element(tensor, k, center);
      return (high - low) / (above - below);
    };
    double d1 = difference(1);
    double d2 = difference(2);
    double d3 = difference(3);
    set_element(gradient, k, 1.5 * d1 - 0.6 * d2 + 0.1 * d3);
  }
  return gradient;
}

}  // namespace headrace::testing
