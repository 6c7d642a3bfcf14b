// Every operator on every use that is one change away from a good one: it works, or there is an
// error that says which operator and why.

#include "tests/operators/damage.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "graph/session.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace headrace::testing {
namespace {

/// What the engine makes of one operator in a net of its own.
void run_as_net(const OperatorDef& def, const std::vector<Blob>& inputs, ThreadPool& pool) {
  NetDef net;
  net.set_name("damaged");
  *net.add_op() = def;
  Workspace workspace;
  for (int i = 0; i < def.input_size(); ++i) {
    net.add_external_input(def.input(i));
    workspace.feed(def.input(i), inputs[i]);
  }
  Session(net, workspace, pool).run();
}

class Damaged : public ::testing::TestWithParam<std::string> {
 protected:
  // Operators that write files do it where a name of nonsense does no harm.
  void SetUp() override {
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(folder_.path());
  }
  void TearDown() override { std::filesystem::current_path(before_); }

  static ThreadPool& pool() {
    static ThreadPool one({.threads = 1});
    return one;
  }

 private:
  TempFolder folder_;
  std::filesystem::path before_;
};

TEST_P(Damaged, WorksOrSaysWhatIsWrong) {
  for (const GoodUse& use : good_uses_of(GetParam())) {
    for (const Damage& damage : damages_of(use)) {
      SCOPED_TRACE("use '" + use.name + "', " + damage.name);
      bool worked = false;
      try {
        run_as_net(damage.def, damage.inputs, pool());
        worked = true;
      } catch (const Error& error) {
        const std::string text = error.what();
        EXPECT_NE(error.code(), ErrorCode::kInternal) << text;
        // A blob that one input more reads is missed in the net, not by the operator.
        EXPECT_TRUE(text.find(GetParam()) != text.npos || text.find("'extra'") != text.npos)
            << "names no operator: " << text;
      } catch (const std::exception& error) {
        ADD_FAILURE() << "not an Error: " << error.what();
      }
      const bool wrong =
          damage.kind == DamageKind::kArgField || damage.kind == DamageKind::kArgMissing;
      EXPECT_FALSE(worked && wrong) << "was taken";
    }
  }
}

const nlohmann::json& caffe2_answers() {
  static const nlohmann::json answers = [] {
    const auto path = source_dir() / "tests/operators/golden/damages.json";
    std::ifstream file(path);
    require(file.good(), ErrorCode::kNotFound, "cannot read {}", path.native());
    return nlohmann::json::parse(file);
  }();
  return answers;
}

/// Where headrace and Caffe2 differ about what can be computed. `damage` is the beginning of the
/// damage's name, `op` an operator or "" for any.
struct Difference {
  std::string op;
  std::string damage;
  const char* why;
};

bool is_among(const std::vector<Difference>& differences, const Damage& damage) {
  return std::ranges::any_of(differences, [&](const Difference& difference) {
    return (difference.op.empty() || difference.op == damage.def.type()) &&
           damage.name.find(difference.damage) != std::string::npos;
  });
}

/// Taken here although Caffe2 refuses it, or dies of it.
const std::vector<Difference> kTakenHere = {
    {"", "as float64", "kernels exist for float32 and float64 alike"},
    {"", "empty", "nothing to do is done; Caffe2 divides by zero, or refuses some empty tensors"},
    {"AveragePool", "with an axis more", "pools have one to three spatial axes"},
    {"MaxPool", "with an axis more", "pools have one to three spatial axes"},
    {"LpPool", "with an axis", "pools have one to three spatial axes"},
    {"LRN", "with an axis less", "images have one to three spatial axes"},
    {"UpsampleNearest", "input 0", "Caffe2's CPU has no such operator"},
    {"LearningRate", "one output more", "the ratio to the last rate is an optional output"},
    {"MomentumSGD", "one input more", "the ratio of rates is an optional input"},
    {"MaxGradient", "one", "the gradients that are asked for, not those of all inputs"},
    {"MinGradient", "one", "the gradients that are asked for, not those of all inputs"},
    {"NCHW2NHWC", "as ", "elements of any type are moved"},
    {"NHWC2NCHW", "as ", "elements of any type are moved"},
    {"Tile", "as bool", "elements of any type are moved"},
    {"Transpose", "as ", "elements of any type are moved"},
    {"PRelu", "input 0 without axes", "one slope needs no channels"},
    {"SoftmaxWithLoss", "input 1", "labels may be int64, and have an axis of one"},
    {"SoftmaxWithLossGradient", "input 1", "labels may be int64, and have an axis of one"},
    {"LabelCrossEntropyGradient", "input 2 with an axis more", "a gradient of any rank fits"},
    {"SparseToDense", "input 0 without axes", "one index is an index"},
};

/// Refused here although Caffe2 takes it and its operands do not contradict each other.
const std::vector<Difference> kRefusedHere = {
    {"ArgMax", "empty", "there is no greatest element of none"},
    {"ArgMin", "empty", "there is no smallest element of none"},
    {"ReduceMax", "empty", "there is no greatest element of none"},
    {"ReduceMin", "empty", "there is no smallest element of none"},
    {"Reshape", "empty", "no elements do not become some"},
    {"Iter", "one input less", "the counter is an input, so that it can be saved"},
    {"Iter", "input 0 as", "a counter is int64; Caffe2 replaces any other blob by a new counter"},
    {"LearningRate", "input 0 axis 0 longer", "there is one iteration"},
    {"NegateGradient", "input 0 as", "what cannot be negated has no gradient"},
    {"PadImageGradient", "with an axis more", "an image has two spatial axes; others are dropped"},
    {"ResizeNearest", "with an axis more", "an image has two spatial axes; others are dropped"},
    {"UpsampleBilinear", "with an axis more", "an image has two spatial axes; others are dropped"},
    {"TopK", "one input more", "k is an int64"},
    {"AveragePoolGradient", "of all empty", "the window does not fit into no pixels"},
    {"LpPoolGradient", "of all empty", "the window does not fit into no pixels"},
    {"MaxPoolGradient", "of all empty", "the window does not fit into no pixels"},
    {"ConvGradient", "of all empty", "no channels, and no pixels, make no filter"},
    {"ConvTransposeGradient", "of all empty", "no pixels make no filter"},
    // Emptied where the first operand is, these no longer fit each other.
    {"BatchGatherGradient", "of all empty", "indices outside, or another shape"},
    {"ChannelBackpropStats", "of all empty", "statistics of other channels"},
    {"Gather", "of all empty", "indices outside"},
    {"PReluGradient", "of all empty", "slopes of other channels"},
    {"ResizeNearestGradient", "of all empty", "not the resized image"},
    {"SliceGradient", "of all empty", "not the slice"},
    {"UpsampleBilinearGradient", "of all empty", "not the resized image"},
};

/// Damage that leaves nothing for operands to contradict each other about. With several operands
/// Caffe2 often looks at one of them only, and reads the others beside their ends.
bool is_consistent(const Damage& damage) {
  return damage.inputs.size() <= 1 || damage.name.ends_with("of all empty");
}

TEST_P(Damaged, IsTakenWhereCaffe2TakesIt) {
  const OpSchema& schema = get_schema(GetParam());
  // Caffe2 was asked about operators on tensors alone.
  if (!schema.effect_resource().empty() || schema.is_handle_input(0) ||
      schema.is_handle_output(0)) {
    return;
  }
  for (const AskedUse& use : asked_uses_of(GetParam())) {
    const auto answers = caffe2_answers().at(GetParam()).at(use.name).get<std::string>();
    ASSERT_EQ(answers.size(), use.damages.size())
        << "golden/damages.json is stale; see damage_caffe2.py";
    for (size_t i = 0; i < answers.size(); ++i) {
      const Damage& damage = use.damages[i];
      SCOPED_TRACE("use '" + use.name + "', " + damage.name);
      std::string refused;
      try {
        run_as_net(damage.def, damage.inputs, pool());
      } catch (const Error& error) {
        refused = error.what();
      }
      if (answers[i] == 'a' && is_consistent(damage) && !is_among(kRefusedHere, damage)) {
        EXPECT_EQ(refused, "");
      }
      if (answers[i] != 'a' && !is_among(kTakenHere, damage)) {
        EXPECT_NE(refused, "") << "was taken";
      }
    }
  }
}

/// Whether the use works with another axis.
bool works_along(const GoodUse& use, int64_t axis, ThreadPool& pool) {
  OperatorDef def = use.def;
  remove_arg(def, "axis");
  set_arg(def, "axis", axis);
  try {
    run_as_net(def, use.inputs, pool);
    return true;
  } catch (const Error&) {
    return false;
  }
}

TEST_P(Damaged, WorksWhileItIsWhole) {
  for (const GoodUse& use : good_uses_of(GetParam())) {
    SCOPED_TRACE("use '" + use.name + "'");
    try {
      run_as_net(use.def, use.inputs, pool());
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

std::vector<std::string> types_with_uses() {
  std::vector<std::string> types = operator_types();
  // A collective that fails ends its common world, so that no other one works after it.
  std::erase_if(types, [](const std::string& type) {
    return good_uses_of(type).empty() || get_schema(type).is_collective();
  });
  return types;
}

TEST(Axis, IsNotTakenForItsLowHalf) {
  ThreadPool pool({.threads = 1});
  for (const std::string& type : types_with_uses()) {
    const auto is_axis = [](const ArgSpec& spec) {
      return spec.name == "axis" && spec.kind == ArgKind::kInt;
    };
    if (std::ranges::none_of(get_schema(type).args(), is_axis)) continue;
    for (const GoodUse& use : good_uses_of(type)) {
      SCOPED_TRACE(type + ", use '" + use.name + "'");
      // Some uses do not look at it, and take any.
      const bool any = works_along(use, Shape::kMaxRank, pool);
      for (int64_t low : {-1, 0, 1}) {
        EXPECT_EQ(works_along(use, (int64_t{1} << 32) + low, pool), any) << "low half " << low;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Damaged, ::testing::ValuesIn(types_with_uses()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace headrace::testing
