// The plan operators that an operator is split into compute what the whole one does.

#include <gtest/gtest.h>

#include "core/registry.h"
#include "tests/operators/compare.h"
#include "tests/operators/gradients.h"
#include "tests/operators/run_operator.h"
#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

OperatorDef part_of(const OperatorDef& whole, const SplitPart& part) {
  OperatorDef def = whole;
  def.set_type(part.type);
  def.clear_input();
  def.clear_output();
  for (int i : part.inputs) def.add_input(whole.input(i));
  for (int i : part.outputs) def.add_output(whole.output(i));
  return def;
}

/// Checks the parts of one operator; returns how many there are.
size_t expect_parts_equal_whole(const OperatorDef& whole, const std::vector<Blob>& inputs,
                                double tolerance) {
  const OpSchema& schema = get_schema(whole.type());
  if (!schema.split_fn()) return 0;
  SCOPED_TRACE(whole.type());
  const std::vector<Blob> expected = run_operator(whole, inputs);
  const std::vector<SplitPart> parts =
      schema.split_fn()(Args(schema, whole), whole.input_size(), whole.output_size());
  std::vector<int> times_computed(expected.size(), 0);
  for (const SplitPart& part : parts) {
    SCOPED_TRACE(part.type);
    RunOptions options;
    std::vector<Blob> operands;
    for (int i : part.inputs) operands.push_back(inputs[i]);
    for (int i : part.outputs) {
      options.types.push_back({expected[i].tensor().dtype(), expected[i].tensor().shape()});
      ++times_computed[i];
    }
    for (bool channels_last : {false, true}) {
      options.channels_last = channels_last;
      const std::vector<Blob> found = run_operator(part_of(whole, part), operands, options);
      for (size_t i = 0; i < found.size(); ++i) {
        EXPECT_TRUE(same_blob(found[i], expected[part.outputs[i]], tolerance)) << "output " << i;
      }
    }
  }
  EXPECT_EQ(times_computed, std::vector<int>(expected.size(), 1));
  return parts.size();
}

TEST(SplitOperators, ComputeWhatTheWholeDoes) {
  size_t parts = 0;
  for (const std::string& type : sampled_types()) {
    for (const Sample& sample : samples_of(type)) {
      SCOPED_TRACE(type + " '" + sample.name + "'");
      const std::vector<Blob> inputs = sample.make_inputs(type);
      parts += expect_parts_equal_whole(sample.def(type), inputs, sample.tolerance);
      if (sample.gradients.empty()) continue;
      const GradientRun run = run_gradient(type, sample, inputs);
      for (size_t i = 0; i < run.operators.size(); ++i) {
        parts +=
            expect_parts_equal_whole(run.operators[i], run.operands[i], sample.gradient_tolerance);
      }
    }
  }
  EXPECT_GT(parts, 0U);
}

}  // namespace
}  // namespace headrace::testing
