// Gradient operators compared with those that the real Caffe2 appends to the same nets; see
// make_golden_gradients.py.
#include <algorithm>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/proto/net_io.h"
#include "graph/gradient.h"
#include "tests/support/net_text.h"
#include "tests/support/paths.h"

namespace headrace::graph {
namespace {

std::filesystem::path golden_folder() { return source_dir() / "tests/graph/golden"; }

class GradientGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(GradientGolden, TypesInputsAndOutputsAreThoseOfCaffe2) {
  const NetDef golden = load_net(golden_folder() / (GetParam() + ".pbtxt"));
  auto is_seed = [](const OperatorDef& op) { return op.type() == "ConstantFill"; };
  auto first = std::ranges::find_if(golden.op(), is_seed);
  ASSERT_NE(first, golden.op().end());
  const int forward_ops = static_cast<int>(first - golden.op().begin());

  NetDef net = golden;
  net.mutable_op()->DeleteSubrange(forward_ops, golden.op_size() - forward_ops);
  std::vector<GradientRoot> roots;
  for (const OperatorDef& op : golden.op()) {
    if (is_seed(op)) roots.push_back({op.input(0)});
  }
  add_gradients(net, roots);
  EXPECT_THAT(operators_of(net, forward_ops),
              ::testing::ElementsAreArray(operators_of(golden, forward_ops)));
}

std::vector<std::string> golden_nets() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(golden_folder())) {
    names.push_back(file.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Nets, GradientGolden, ::testing::ValuesIn(golden_nets()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace headrace::graph
