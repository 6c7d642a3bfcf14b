#include "graph/session.h"

#include <numeric>

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "core/proto/net.pb.h"
#include "tests/graph/vec_ops.h"

namespace headrace {
namespace {

NetDef net_of(std::vector<OperatorDef> ops, std::vector<std::string> inputs = {},
              std::vector<std::string> outputs = {}) {
  NetDef net;
  net.set_name("test");
  for (OperatorDef& op : ops) *net.add_op() = std::move(op);
  for (std::string& name : inputs) net.add_external_input(std::move(name));
  for (std::string& name : outputs) net.add_external_output(std::move(name));
  return net;
}

std::vector<float> floats(const Workspace& workspace, const std::string& name) {
  Tensor tensor = workspace.fetch(name);
  auto data = tensor.data<float>();
  return {data.begin(), data.end()};
}

Tensor vector_of(std::initializer_list<float> values) {
  return Tensor::from<float>(Shape{static_cast<int64_t>(values.size())}, values);
}

/// All tests run with one thread, with two, and in net order.
struct Mode {
  int threads;
  bool serial;
};

class SessionTest : public ::testing::TestWithParam<Mode> {
 protected:
  SessionOptions options() const {
    SessionOptions options;
    options.compile.threads = GetParam().threads;
    options.compile.serial = GetParam().serial;
    return options;
  }
  void run(const NetDef& net, SessionOptions options) {
    Session(net, workspace, pool, options).run();
  }
  void run(const NetDef& net) { run(net, options()); }

  ThreadPool pool{{.threads = GetParam().threads}};
  Workspace workspace;
};

INSTANTIATE_TEST_SUITE_P(Modes, SessionTest,
                         ::testing::Values(Mode{1, false}, Mode{2, false}, Mode{2, true}));

TEST_P(SessionTest, ReusedNamesAreSuccessiveValues) {
  // x is 1, then 10, then 1 + 10: the reader of the first x must see 1 in any order of execution.
  run(net_of({vec_fill("x", 3, 1), vec_scale("x", "a", 1), vec_scale("x", "x", 10),
              vec_op("VecAdd", {"a", "x"}, {"x"})},
             {}, {"x", "a"}));
  EXPECT_EQ(floats(workspace, "x"), (std::vector<float>{11, 11, 11}));
  EXPECT_EQ(floats(workspace, "a"), (std::vector<float>{1, 1, 1}));
}

TEST_P(SessionTest, StateIsWrittenInPlaceAfterItsReaders) {
  workspace.feed("w", vector_of({1, 2}));
  const void* before = workspace.find("w")->blob.tensor().raw();
  const NetDef net = net_of({vec_scale("w", "old", 1), vec_scale("w", "w", 3)}, {"w"}, {"old"});
  Session session(net, workspace, pool, options());
  session.run();
  session.run();
  EXPECT_EQ(floats(workspace, "w"), (std::vector<float>{9, 18}));
  EXPECT_EQ(floats(workspace, "old"), (std::vector<float>{3, 6}));
  EXPECT_EQ(workspace.find("w")->blob.tensor().raw(), before);
}

NetDef parse(const std::string& text) {
  NetDef net;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &net)) << text;
  return net;
}

// No state, because a version between the first and the last has another shape, here known and
// there not: what the net reads in one run is what it wrote in the run before.
TEST_P(SessionTest, NamesAreReadAgainAsTheyWereLeft) {
  const NetDef nets[] = {
      parse(R"(name: "known" external_input: "x" external_output: "x" external_output: "y"
               op { type: "ReduceMean" input: "x" output: "y" }
               op { type: "FlattenToVec" input: "x" output: "x" }
               op { type: "Scale" input: "x" output: "x" arg { name: "scale" f: 2 } }
               op { type: "Reshape" input: "x" output: "x" output: "old_shape"
                    arg { name: "shape" ints: 64 ints: 1024 } })"),
      parse(R"(name: "unknown" external_input: "x" external_input: "count"
               external_output: "x" external_output: "y"
               op { type: "ReduceMean" input: "x" output: "y" }
               op { type: "VecGrow" input: "x" output: "x" }
               op { type: "VecFirst" input: "x" input: "count" output: "x" }
               op { type: "Scale" input: "x" output: "x" arg { name: "scale" f: 2 } })")};
  workspace.feed("count", Tensor::from<int64_t>({1}, {1 << 16}));
  for (const NetDef& net : nets) {
    SCOPED_TRACE(net.name());
    const Shape shape = net.name() == "known" ? Shape{64, 1024} : Shape{1 << 16};
    workspace.feed("x", Tensor::from<float>(shape, std::vector<float>(1 << 16, 1)));
    Session session(net, workspace, pool, options());
    for (float mean : {1, 2, 4, 8, 16, 32}) {
      session.run();
      EXPECT_EQ(floats(workspace, "y").front(), mean);
    }
  }
}

TEST_P(SessionTest, RandomOperatorsOfOneNameDrawDifferentNumbers) {
  const auto net = [](const std::string& outputs) {
    return parse(R"(name: "n" op { type: "GaussianFill" output: "g" arg { name: "shape" ints: 8 } }
                    op { type: "Scale" input: "g" output: "first" }
                    op { type: "GaussianFill" output: "g" arg { name: "shape" ints: 8 } })" +
                 outputs);
  };
  run(net(R"(external_output: "first" external_output: "g")"));
  const auto first = floats(workspace, "first"), second = floats(workspace, "g");
  EXPECT_NE(first, second);
  // Whether somebody looks at the first does not matter to the second.
  run(net(R"(external_output: "g")"));
  EXPECT_EQ(floats(workspace, "g"), second);
}

TEST_P(SessionTest, OutputsNobodyReadsAreNotComputed) {
  take_pair_outputs();
  run(net_of({vec_fill("x", 2, 1), vec_op("VecPair", {"x"}, {"a", "b"})}, {}, {"b"}));
  EXPECT_EQ(floats(workspace, "b"), (std::vector<float>{3, 3}));
  EXPECT_EQ(take_pair_outputs(), 1);
}

TEST_P(SessionTest, WithoutExternalOutputsEveryUnreadValueIsKept) {
  run(net_of({vec_fill("x", 2, 1), vec_op("VecPair", {"x"}, {"a", "b"})}));
  EXPECT_EQ(floats(workspace, "a"), (std::vector<float>{2, 2}));
  EXPECT_EQ(floats(workspace, "b"), (std::vector<float>{3, 3}));
  EXPECT_EQ(workspace.find("x"), nullptr);
}

TEST_P(SessionTest, NamesAskedForAreKept) {
  SessionOptions asked = options();
  asked.compile.readable.names = {"x"};
  run(net_of({vec_fill("x", 2, 1), vec_scale("x", "y", 2)}, {}, {"y"}), asked);
  EXPECT_EQ(floats(workspace, "x"), (std::vector<float>{1, 1}));
}

TEST_P(SessionTest, ShapesMayDependOnValuesAndOnKernels) {
  workspace.feed("n", Tensor::from<int64_t>({1}, {2}));
  const NetDef net = net_of({vec_fill("x", 5, 4), vec_op("VecFirst", {"x", "n"}, {"y"}),
                             vec_op("VecGrow", {"y"}, {"z"}), vec_scale("z", "u", 2)},
                            {"n"}, {"u", "y"});
  Session session(net, workspace, pool, options());
  session.run();
  EXPECT_EQ(floats(workspace, "y").size(), 2u);
  EXPECT_EQ(floats(workspace, "u"), (std::vector<float>{8, 8, 8, 8}));
  workspace.feed("n", Tensor::from<int64_t>({1}, {3}));
  session.run();
  EXPECT_EQ(floats(workspace, "u").size(), 6u);
}

TEST_P(SessionTest, AsynchronousAndBlockingOperators) {
  run(net_of({vec_fill("x", 3, 2), vec_op("VecAsync", {"x"}, {"a"}),
              vec_op("VecBlocking", {"x"}, {"b"}), vec_op("VecAdd", {"a", "b"}, {"y"})},
             {}, {"y"}));
  EXPECT_EQ(floats(workspace, "y"), (std::vector<float>{4, 4, 4}));
}

TEST_P(SessionTest, EffectsKeepTheOrderOfTheNet) {
  std::vector<OperatorDef> ops;
  std::vector<float> expected;
  for (int i = 0; i < 20; ++i) {
    const std::string name = "x" + std::to_string(i);
    ops.push_back(vec_fill(name, 1, static_cast<float>(i)));
    ops.push_back(vec_op("VecEffect", {name}, {}));
    expected.push_back(static_cast<float>(i));
  }
  take_effects();
  run(net_of(ops));
  EXPECT_EQ(take_effects(), expected);
}

TEST_P(SessionTest, AnErrorNamesTheOperatorAndTearsWrittenState) {
  workspace.feed("w", vector_of({1, 2}));
  const NetDef net =
      net_of({vec_scale("w", "w", 2), vec_op("VecThrow", {"w"}, {"y"})}, {"w"}, {"y"});
  Session session(net, workspace, pool, options());
  try {
    session.run();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNumeric);
    EXPECT_EQ(error.location().op_type, "VecThrow");
    EXPECT_EQ(error.location().position, 1);
    EXPECT_EQ(error.location().net, "test");
  }
  EXPECT_THROW(session.run(), Error) << "a torn workspace must be refused";
  workspace.clear_torn();
}

TEST_P(SessionTest, ANewShapeGetsAPlanOfItsOwn) {
  const NetDef net = net_of({vec_scale("x", "y", 2)}, {"x"}, {"y"});
  Session session(net, workspace, pool, options());
  workspace.feed("x", vector_of({1, 2}));
  session.run();
  const Plan* first = &session.plan();
  workspace.feed("x", vector_of({1, 2, 3}));
  session.run();
  EXPECT_NE(&session.plan(), first);
  EXPECT_EQ(floats(workspace, "y"), (std::vector<float>{2, 4, 6}));
  workspace.feed("x", vector_of({5, 6}));
  session.run();
  EXPECT_EQ(&session.plan(), first);
  EXPECT_EQ(floats(workspace, "y"), (std::vector<float>{10, 12}));
}

TEST_P(SessionTest, AMissingInputIsNamed) {
  const NetDef net = net_of({vec_scale("x", "y", 2)}, {"x"}, {"y"});
  try {
    run(net);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("'x'"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace headrace
