// What every operator must refuse by its declaration alone.

#include <gtest/gtest.h>

#include "core/gradient_context.h"
#include "core/op_check.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

/// A well-formed use of each operator that has samples.
std::vector<std::pair<const OpSchema*, OperatorDef>> good_uses() {
  std::vector<std::pair<const OpSchema*, OperatorDef>> uses;
  for (const std::string& type : sampled_types()) {
    uses.emplace_back(&get_schema(type), samples_of(type).front().def(type));
  }
  return uses;
}

bool mentions(const std::vector<std::string>& problems, const std::string& words) {
  for (const std::string& problem : problems) {
    if (problem.find(words) != std::string::npos) return true;
  }
  return false;
}

TEST(Declarations, SamplesAreWellFormed) {
  for (const std::string& type : sampled_types()) {
    for (const Sample& sample : samples_of(type)) {
      EXPECT_EQ(operator_problems(get_schema(type), sample.def(type)), std::vector<std::string>())
          << type << " '" << sample.name << "'";
    }
  }
}

TEST(Declarations, TooFewOperandsAreRefused) {
  for (auto [schema, def] : good_uses()) {
    if (schema->min_inputs() > 0) {
      while (def.input_size() >= schema->min_inputs()) def.mutable_input()->RemoveLast();
      EXPECT_TRUE(mentions(operator_problems(*schema, def), "inputs")) << def.type();
    }
    if (schema->min_outputs() > 0) {
      while (def.output_size() >= schema->min_outputs()) def.mutable_output()->RemoveLast();
      EXPECT_TRUE(mentions(operator_problems(*schema, def), "outputs")) << def.type();
    }
  }
}

TEST(Declarations, TooManyOperandsAreRefused) {
  for (auto [schema, def] : good_uses()) {
    if (schema->max_inputs() != OpSchema::kMany) {
      while (def.input_size() <= schema->max_inputs()) def.add_input("extra");
      EXPECT_TRUE(mentions(operator_problems(*schema, def), "inputs")) << def.type();
    }
    if (schema->max_outputs() != OpSchema::kMany) {
      while (def.output_size() <= schema->max_outputs()) def.add_output("extra");
      EXPECT_TRUE(mentions(operator_problems(*schema, def), "outputs")) << def.type();
    }
  }
}

TEST(Declarations, NumbersInTheWrongFieldAreRefused) {
  for (const auto& [schema, good] : good_uses()) {
    for (const ArgSpec& spec : schema->args()) {
      OperatorDef def = good;
      if (spec.kind == ArgKind::kInt) {
        set_arg(def, spec.name, 1.0f);
      } else if (spec.kind == ArgKind::kScalar) {
        set_arg(def, spec.name, std::vector<int64_t>{1});
      } else {
        set_arg(def, spec.name, int64_t{1});
      }
      EXPECT_TRUE(mentions(operator_problems(*schema, def), "'" + spec.name + "'"))
          << def.type() << " takes a wrong '" << spec.name << "'";
    }
  }
}

TEST(Declarations, MissingRequiredArgumentsAreRefused) {
  for (const auto& [schema, good] : good_uses()) {
    for (const ArgSpec& spec : schema->args()) {
      if (!spec.required) continue;
      OperatorDef def = good;
      remove_arg(def, spec.name);
      EXPECT_TRUE(mentions(operator_problems(*schema, def), "missing argument '" + spec.name))
          << def.type();
    }
  }
}

TEST(Declarations, InPlaceOperandsThatMustBeOneBlobAreRefusedAsTwo) {
  for (const auto& [schema, good] : good_uses()) {
    for (const OpSchema::Alias& alias : schema->inplace_pairs()) {
      if (!alias.enforced || alias.output >= good.output_size()) continue;
      OperatorDef def = good;
      def.set_output(alias.output, "elsewhere");
      EXPECT_TRUE(mentions(operator_problems(*schema, def), "in place")) << def.type();
    }
  }
}

}  // namespace
}  // namespace headrace::testing
