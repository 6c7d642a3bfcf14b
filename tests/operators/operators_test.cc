// Every registered operator on every one of its samples, in several modes. See README.md.

#include <algorithm>
#include <set>

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/registry.h"
#include "tests/operators/compare.h"
#include "tests/operators/golden.h"
#include "tests/operators/gradients.h"
#include "tests/operators/invariances.h"
#include "tests/operators/nhwc.h"
#include "tests/operators/run_operator.h"
#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

/// Types of all gradient operators that some sample runs.
const std::set<std::string>& types_run_as_gradients() {
  static const std::set<std::string> types = [] {
    std::set<std::string> found;
    for (const std::string& type : sampled_types()) {
      for (const Sample& sample : samples_of(type)) {
        if (sample.gradients.empty()) continue;
        for (const OperatorDef& def :
             run_gradient(type, sample, sample.make_inputs(type)).operators) {
          found.insert(def.type());
        }
      }
    }
    return found;
  }();
  return types;
}

TEST(OperatorTable, EveryOperatorHasSamples) {
  for (const std::string& type : operator_types()) {
    // Their nets are run by the graph (tests/graph/nested_node_test.cc); there is no kernel.
    if (type == "If" || type == "While") continue;
    // Needs a server: see tests/comm/net_operators_test.cc.
    if (type == "RedisStoreHandlerCreate") continue;
    EXPECT_TRUE(!samples_of(type).empty() || types_run_as_gradients().contains(type))
        << type << " has no samples: add some to tests/operators/samples/";
  }
}

TEST(OperatorTable, EverySampledOperatorExists) {
  for (const std::string& type : sampled_types()) {
    EXPECT_NE(find_schema(type), nullptr) << type;
  }
}

TEST(OperatorTable, EveryDifferentiableOperatorHasItsGradientChecked) {
  for (const std::string& type : operator_types()) {
    if (!get_schema(type).has_gradient() || samples_of(type).empty()) continue;
    EXPECT_TRUE(std::ranges::any_of(samples_of(type),
                                    [](const Sample& sample) { return !sample.gradients.empty(); }))
        << type << " has a gradient, but no sample asks for one";
  }
}

TEST(OperatorTable, EveryOperatorIsDocumented) {
  for (const std::string& type : operator_types()) {
    EXPECT_FALSE(get_schema(type).doc().empty()) << type;
  }
}

/// Whether the operator has kernels for float64 inputs that give float64 outputs.
bool computes_in_double(const OperatorDef& def, const Sample& sample,
                        const std::vector<Blob>& inputs) {
  if (!can_prepare(def, inputs)) return false;
  std::vector<TensorType> types = infer(def, inputs);
  return std::ranges::all_of(gradient_outputs(sample, types),
                             [&](int i) { return types[i].dtype == DType::kFloat64; });
}

class Operators : public ::testing::TestWithParam<std::string> {
 protected:
  /// Calls f(sample) for all samples, naming the sample in failures.
  template <typename F>
  void for_samples(F f) {
    for (const Sample& sample : samples_of(GetParam())) {
      SCOPED_TRACE("sample '" + sample.name + "'");
      try {
        f(sample);
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
      }
    }
  }
};

TEST_P(Operators, InferTheTypesTheyProduce) {
  for_samples([&](const Sample& sample) {
    OperatorDef def = sample.def(GetParam());
    std::vector<Blob> inputs = sample.make_inputs(GetParam());
    std::vector<TensorType> types = infer(def, inputs);
    std::vector<TensorType> early = infer_without_values(def, inputs);
    std::vector<Tensor> known = known_outputs(def, inputs);
    std::vector<Blob> outputs = run_operator(def, inputs);
    for (size_t i = 0; i < types.size(); ++i) {
      if (!types[i].complete()) continue;
      EXPECT_EQ(outputs[i].tensor().dtype(), types[i].dtype) << "output " << i;
      EXPECT_EQ(outputs[i].tensor().shape(), *types[i].shape) << "output " << i;
      if (known[i].defined()) {
        EXPECT_TRUE(same_tensor(outputs[i].tensor(), known[i], 0)) << "output " << i;
      }
      EXPECT_EQ(early[i].dtype, types[i].dtype) << "output " << i << " before values are known";
      if (early[i].shape) {
        EXPECT_EQ(*early[i].shape, *types[i].shape) << "output " << i;
      }
    }
  });
}

TEST_P(Operators, GiveTheExpectedValues) {
  for_samples([&](const Sample& sample) {
    std::vector<Blob> inputs = sample.make_inputs(GetParam());
    std::vector<Blob> outputs = run_operator(sample.def(GetParam()), inputs);
    if (sample.reference == Reference::kCheck) {
      ASSERT_TRUE(sample.check) << "a sample with Reference::kCheck needs a check";
      sample.check({inputs, outputs});
      return;
    }
    Golden golden = read_golden(GetParam(), sample);
    ASSERT_EQ(golden.outputs.size(), outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (std::ranges::find(sample.unchecked, static_cast<int>(i)) != sample.unchecked.end()) {
        continue;
      }
      ASSERT_TRUE(golden.outputs[i]) << "no expected output " << i << " in the golden file";
      EXPECT_TRUE(same_tensor(outputs[i].tensor(), *golden.outputs[i], sample.tolerance))
          << "output " << i << " against " << golden.reference;
    }
  });
}

TEST_P(Operators, GiveTheExpectedGradients) {
  for_samples([&](const Sample& sample) {
    if (sample.gradients.empty()) return;
    std::vector<Blob> inputs = sample.make_inputs(GetParam());
    GradientRun run = run_gradient(GetParam(), sample, inputs);

    std::map<int, Tensor> expected;
    if (sample.reference != Reference::kCheck) {
      Golden golden = read_golden(GetParam(), sample);
      expected = golden.gradients;
      if (!golden.gradient_operators.empty() && !sample.own_gradient_operators) {
        std::vector<std::string> operators;
        for (const OperatorDef& def : run.operators) operators.push_back(describe(def));
        EXPECT_EQ(operators, golden.gradient_operators);
      }
    }
    // Where the kernels exist in double, finite differences are precise; where they do not, an
    // independent reference has to say what the gradient is.
    std::vector<Blob> wide = to_double(inputs);
    bool has_double = computes_in_double(sample.def(GetParam()), sample, wide);
    GradientRun run_double = has_double ? run_gradient(GetParam(), sample, wide) : GradientRun{};
    for (const auto& [input, gradient] : run.gradients) {
      SCOPED_TRACE(fmt::format("gradient of input {}", input));
      if (expected.contains(input)) {
        EXPECT_TRUE(same_tensor(gradient, expected.at(input), sample.gradient_tolerance));
      } else {
        EXPECT_TRUE(has_double) << "without a float64 kernel the golden file needs this gradient";
      }
      if (!sample.finite_differences) continue;
      if (has_double) {
        Tensor numeric = numeric_gradient(GetParam(), sample, wide, input);
        EXPECT_TRUE(same_tensor(run_double.gradients.at(input), numeric, 1e-7))
            << "against finite differences in float64";
        EXPECT_TRUE(same_tensor(gradient, numeric, sample.gradient_tolerance))
            << "float32 against finite differences in float64";
      } else {
        EXPECT_TRUE(
            same_tensor(gradient, numeric_gradient(GetParam(), sample, inputs, input), 1e-2))
            << "against finite differences in float32";
      }
    }
  });
}

TEST_P(Operators, GiveTheSameHoweverTheyRun) {
  for_samples([&](const Sample& sample) {
    std::vector<Blob> inputs = sample.make_inputs(GetParam());
    InvarianceOptions options{.tolerance = sample.tolerance,
                              .width_changes_rounding = sample.width_changes_rounding};
    expect_invariance(sample.def(GetParam()), inputs, options);
    if (sample.gradients.empty()) return;
    options.tolerance = std::max(sample.tolerance, sample.gradient_tolerance);
    GradientRun run = run_gradient(GetParam(), sample, inputs);
    for (size_t i = 0; i < run.operators.size(); ++i) {
      expect_invariance(run.operators[i], run.operands[i], options);
    }
  });
}

TEST_P(Operators, GiveTheSameInNhwc) {
  for_samples([&](const Sample& sample) {
    if (sample.nhwc_inputs.empty() && sample.nhwc_outputs.empty()) return;
    expect_same_in_nhwc(GetParam(), sample);
  });
}

TEST_P(Operators, RefuseWrongUse) {
  for (const ErrorSample& sample : errors_of(GetParam())) {
    SCOPED_TRACE("error sample '" + sample.name + "'");
    try {
      run_operator(sample.def(GetParam()), sample.make_inputs(GetParam()));
      ADD_FAILURE() << "expected an error that says '" << sample.says << "'";
    } catch (const Error& error) {
      EXPECT_EQ(name_of(error.code()), name_of(sample.code)) << error.what();
      EXPECT_NE(error.message().find(sample.says), std::string::npos) << error.what();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Operators, ::testing::ValuesIn(sampled_types()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace headrace::testing
