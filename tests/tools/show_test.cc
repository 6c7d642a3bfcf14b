// headrace show, bench and data: what they print about a net whose numbers can be counted by hand,
// and ResNet-50's, which its paper and other implementations give.
#include <algorithm>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/npy.h"
#include "tests/support/temp_folder.h"
#include "tests/tools/process.h"
#include "tests/tools/small_data.h"

namespace headrace {
namespace {

using nlohmann::json;
using testing::headrace;
using testing::ProcessResult;
using testing::read_file;
using testing::TempFolder;
using testing::write_file;

// Two multiplications by matrices of 4x3 and 2x4: 12 + 8 products per sample, so 40 for two.
constexpr const char* kNet = R"(
name: "small"
op { input: "x" input: "w1" input: "b1" output: "h" type: "FC" }
op { input: "h" output: "h" type: "Relu" }
op { input: "h" input: "w2" input: "b2" output: "y" type: "FC" arg { name: "axis" i: 1 } }
external_input: "x" external_input: "w1" external_input: "b1" external_input: "w2"
external_input: "b2" external_output: "y"
)";
constexpr const char* kShapes =
    R"({"x": [2, 3], "w1": [4, 3], "b1": [4], "w2": [2, 4], "b2": [2]})";

class Show : public ::testing::Test {
 protected:
  void SetUp() override {
    write_file(folder_ / "net.pbtxt", kNet);
    write_file(folder_ / "shapes.json", kShapes);
  }
  ProcessResult call(std::vector<std::string> words) { return headrace(words, folder_.path()); }
  /// What the command prints, which must succeed.
  std::string show(std::vector<std::string> words) {
    words.insert(words.begin(), {"show", "net.pbtxt"});
    const ProcessResult result = call(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  }
  static void expect_parts(const std::string& text, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) {
      EXPECT_NE(text.find(part), std::string::npos) << part << " not in\n" << text;
    }
  }

  TempFolder folder_;
};

TEST_F(Show, NamesTheOperatorsThatAreMissing) {
  write_file(folder_ / "net.pbtxt", R"(
    name: "detection"
    op { input: "a" output: "b" type: "Int8Conv" }
    op { input: "b" output: "c" type: "RoIAlign" }
    op { input: "c" output: "d" type: "Int8Conv" }
    op { input: "d" output: "e" type: "Relu" }
    op { input: "e" type: "If" arg { name: "then_net" n { op { type: "BBoxTransform" input: "e" output: "f" } } } }
  )");
  EXPECT_THAT(show({}), ::testing::HasSubstr(
                            "not in this headrace, so that the net cannot run: BBoxTransform, "
                            "Int8Conv, RoIAlign\n"));
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"show", "net.pbtxt", "--stage", "graph"}, {"run", "net.pbtxt"}}) {
    const ProcessResult result = call(words);
    EXPECT_NE(result.exit_code, 0);
    expect_parts(result.err, {"Int8Conv 'b' (#0): unknown operator 'Int8Conv', here and in 1 more",
                              "RoIAlign 'c' (#1): unknown operator 'RoIAlign'", "BBoxTransform"});
  }
}

size_t count(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  return static_cast<size_t>(
      std::distance(std::sregex_iterator(text.begin(), text.end(), regex), std::sregex_iterator()));
}

TEST_F(Show, TheNetAsInTheFile) {
  expect_parts(show({}), {"net 'small': 3 operators\n  2 FC, 1 Relu\n",
                          "external inputs (5): x w1 b1 w2 b2\n", "external outputs (1): y\n",
                          "2  FC    h w2 b2  y        axis=1\n"});
}

TEST_F(Show, SaysWhichFilesItDoesNotRead) {
  const ProcessResult result =
      call({"show", "net.pbtxt", "--init", "nowhere.pb", "--input", "x=nowhere.npy"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  expect_parts(result.err, {"--init, --input not read", "--stage graph"});
}

TEST_F(Show, TheGraphWithShapesCostAndDependencies) {
  const std::string text = show({"--shapes", "shapes.json", "--stage", "graph"});
  expect_parts(text, {"graph of 'small': 3 operators", "5 inputs (0 of them state), 1 output\n",
                      "0.000 GMAC", "float32 2x4", "float32 2x2"});
  // Each operator names the ones that it waits for, in the last column.
  EXPECT_EQ(count(text, "\n1  Relu .* 0\n"), 1u) << text;
  EXPECT_EQ(count(text, "\n2  FC .* 1\n"), 1u) << text;
}

TEST_F(Show, ThePlanWithItsMemory) {
  const std::string text = show({"--shapes", "shapes.json", "--stage", "plan", "--threads", "1"});
  expect_parts(text, {"plan of 'small' for 1 thread: ", "fingerprint ", "y float32 2x2 @output",
                      "memory: arena ", "outputs 16 B\n"});
  EXPECT_EQ(text, show({"--shapes", "shapes.json", "--stage", "plan", "--threads", "1"}));
}

TEST_F(Show, GraphsForGraphViz) {
  for (const char* stage : {"net", "graph", "plan"}) {
    const std::vector<std::string> flags = {"--shapes", "shapes.json", "--stage", stage, "--dot"};
    std::vector<std::string> alone = flags, beside = flags;
    alone.emplace_back("-");
    beside.emplace_back("graph.dot");
    const std::string dot = show(alone);
    EXPECT_TRUE(dot.starts_with("digraph \"small\" {\n")) << dot;
    EXPECT_TRUE(dot.ends_with("}\n")) << dot;
    EXPECT_EQ(count(dot, "\n  op[0-9]+ \\["), 3u) << dot;
    EXPECT_EQ(count(dot, "op0 -> op1"), 1u) << dot;
    EXPECT_EQ(count(dot, "op1 -> op2"), 1u) << dot;
    EXPECT_NE(show(beside), dot);
    EXPECT_EQ(read_file(folder_ / "graph.dot"), dot);
  }
}

TEST_F(Show, ListsEveryShapeThatIsMissing) {
  const ProcessResult result = call({"show", "net.pbtxt", "--stage", "graph"});
  EXPECT_EQ(result.exit_code, 1);
  expect_parts(result.err, {"'x'", "'w1'", "'b1'", "'w2'", "'b2'", "5 problems"});
}

TEST_F(Show, ResNet50) {
  ASSERT_EQ(call({"emit", "resnet50", "--batch", "1", "-o", "."}).exit_code, 0);
  const ProcessResult result = call({"show", "resnet50_predict_net.pbtxt", "--stage", "graph"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  expect_parts(result.out, {"161 tensors, 25,557,032 elements", "4.089 GMAC"});
}

TEST_F(Show, BenchMeasuresEveryIterationAndOperator) {
  const ProcessResult result =
      call({"bench", "net.pbtxt", "--shapes", "shapes.json", "--input", "x=random:2x3",
            "--iterations", "30", "--warmup", "2", "--profiled", "4", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  std::vector<double> seconds = report["iteration_seconds"];
  ASSERT_EQ(seconds.size(), 30u);
  std::ranges::sort(seconds);
  const json& latency = report["latency_seconds"];
  EXPECT_EQ(latency["min"], seconds.front());
  EXPECT_EQ(latency["max"], seconds.back());
  EXPECT_DOUBLE_EQ(latency["median"], (seconds[14] + seconds[15]) / 2);
  EXPECT_EQ(report["samples_per_iteration"], 2);
  EXPECT_EQ(report["profile"]["runs"], 4);
  EXPECT_EQ(report["profile"]["operators"].size(), 3u);
  double types = 0;
  for (const json& type : report["profile"]["types"]) types += type["seconds"].get<double>();
  EXPECT_NEAR(types, report["profile"]["operator_seconds"].get<double>(), 1e-9);

  const ProcessResult text = call({"bench", "net.pbtxt", "--shapes", "shapes.json", "--iterations",
                                   "3", "--profiled", "1", "--threads", "1"});
  ASSERT_EQ(text.exit_code, 0) << text.err;
  expect_parts(text.out, {"net 'small', 1 thread, 3 iterations\n", "\nlatency ", "\nthroughput ",
                          "\noperators, mean of 1 iteration", "\ntypes\n"});
}

TEST_F(Show, DataDescribesAndWritesImages) {
  testing::write_small_data(folder_ / "data");
  const std::string data = "fashion-mnist:" + (folder_ / "data").string();
  const ProcessResult about = call({"data", data});
  ASSERT_EQ(about.exit_code, 0) << about.err;
  expect_parts(about.out, {"200 training and 70 test images, 1 channel of 28x28 pixels\n",
                           "class 9: Ankle boot\n"});
  const ProcessResult part = call({"data", data, "--images", "images.npy", "--labels", "labels.npy",
                                   "--first", "13", "--count", "4"});
  ASSERT_EQ(part.exit_code, 0) << part.err;
  EXPECT_EQ(read_npy(folder_ / "images.npy").shape(), (Shape{4, 1, 28, 28}));
  const Tensor labels = read_npy(folder_ / "labels.npy");
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(labels.data<int32_t>()[i], (13 + i) % 10);
  const ProcessResult beyond =
      call({"data", data, "--labels", "none.npy", "--first", "60", "--count", "11"});
  EXPECT_EQ(beyond.exit_code, 1);
  expect_parts(beyond.err, {"images 60 to 70 were asked for; there are 70"});
}

}  // namespace
}  // namespace headrace
