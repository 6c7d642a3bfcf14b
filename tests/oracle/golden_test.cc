// Whole nets against the real Caffe2, whose outputs make_golden.py has recorded: small classifiers
// with the oddities of published ones.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "graph/session.h"
#include "tests/support/paths.h"

namespace headrace {
namespace {

using nlohmann::json;

const std::filesystem::path kGolden = source_dir() / "tests/oracle/golden";

Shape shape_of(const json& spec) { return Shape(spec.at("shape").get<std::vector<int64_t>>()); }

/// The formula of make_golden.py.
Tensor make_input(const json& spec) {
  Tensor tensor(shape_of(spec), DType::kFloat32);
  const auto scale = spec.at("scale").get<float>();
  const auto offset = spec.at("offset").get<float>();
  const auto seed = spec.at("seed").get<int64_t>();
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    const float unit = static_cast<float>((i * 7919 + 13 * seed) % 2001 - 1000) / 1000.0f;
    tensor.data<float>()[i] = scale * unit + offset;
  }
  return tensor;
}

void expect_close(const Tensor& found, const json& golden) {
  ASSERT_EQ(found.shape(), shape_of(golden));
  const auto wanted = golden.at("values").get<std::vector<double>>();
  double largest = 0;
  for (const double value : wanted) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_NEAR(found.data<float>()[i], wanted[i], 1e-5 * largest) << "element " << i;
  }
}

class GoldenNet : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenNet, GivesWhatCaffe2Gives) {
  const std::string name = GetParam();
  const NetDef net = load_net(kGolden / (name + ".pbtxt"));
  const json golden = json::parse(std::ifstream(kGolden / (name + ".json")));
  for (const int threads : {1, 2}) {
    for (const bool channels_last : {true, false}) {
      ThreadPool pool({.threads = threads});
      Workspace workspace;
      for (const auto& [input, spec] : golden.at("inputs").items()) {
        workspace.feed(input, make_input(spec));
      }
      SessionOptions options;
      options.compile.threads = threads;
      options.compile.channels_last = channels_last;
      for (const auto& [output, values] : golden.at("outputs").items()) {
        options.compile.readable.names.push_back(output);
      }
      Session session(net, workspace, pool, options);
      for (int run = 0; run < 2; ++run) {
        session.run();
        for (const auto& [output, values] : golden.at("outputs").items()) {
          SCOPED_TRACE(output + ", threads " + std::to_string(threads) +
                       (channels_last ? ", channels-last" : ", plain"));
          expect_close(workspace.fetch(output), values);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Caffe2, GoldenNet,
                         ::testing::Values("lrn_and_groups", "broadcast_and_concat", "residual"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace headrace
