// Nets on several devices, with FakeDevices in the place of GPUs.
#include <thread>

#include <gtest/gtest.h>

#include "core/gradient_context.h"
#include "graph/session.h"
#include "tests/graph/random_nets.h"
#include "tests/graph/vec_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_device.h"

namespace headrace {
namespace {

using testing::expect_error;
using testing::FakeDevices;

constexpr Device kGpu{DeviceKind::kCuda, 0};

OperatorDef on_gpu(OperatorDef op, int id = 0) {
  op.mutable_device_option()->set_device_type(1);
  op.mutable_device_option()->set_device_id(id);
  return op;
}

NetDef net_of(const std::vector<OperatorDef>& ops, const std::vector<std::string>& inputs,
              const std::vector<std::string>& outputs) {
  NetDef net;
  net.set_name("devices");
  for (const OperatorDef& op : ops) *net.add_op() = op;
  for (const std::string& name : inputs) net.add_external_input(name);
  for (const std::string& name : outputs) net.add_external_output(name);
  return net;
}

Tensor vector_of(std::initializer_list<float> values) {
  return Tensor::from<float>(Shape{static_cast<int64_t>(values.size())}, values);
}

Vector floats(const Workspace& workspace, const std::string& name) {
  const Tensor tensor = workspace.fetch(name);
  const auto data = tensor.data<float>();
  return {data.begin(), data.end()};
}

int count_of(const Plan& plan, std::string_view type) {
  return static_cast<int>(std::ranges::count_if(
      plan.graph.ops, [&](const graph::Op& op) { return op.type() == type; }));
}

TEST(Devices, RandomNetsMeanWhatTheySay) {
  for (int gpus : {1, 3}) {
    FakeDevices devices(gpus);
    for (int threads : {1, 2, 4}) {
      ThreadPool pool({.threads = threads});
      for (uint32_t seed = 0; seed < 25; ++seed) {
        const RandomNet random = random_net(seed, gpus);
        for (bool serial : {false, true}) {
          SessionOptions options;
          options.compile.threads = threads;
          options.compile.serial = serial;
          options.compile.readable.all = seed % 5 == 0;
          expect_meaning(
              random, options, pool,
              fmt::format("seed {}, {} GPUs, {} threads, serial {}", seed, gpus, threads, serial));
          if (HasFailure()) return;
        }
      }
    }
  }
}

class DevicesTest : public ::testing::TestWithParam<int> {
 protected:
  Session session_of(const NetDef& net, const std::vector<std::string>& finite = {}) {
    SessionOptions options;
    options.compile.threads = GetParam();
    options.compile.finite = finite;
    return Session(net, workspace, pool, options);
  }

  FakeDevices gpus{2};
  ThreadPool pool{{.threads = GetParam()}};
  Workspace workspace;
};

INSTANTIATE_TEST_SUITE_P(Threads, DevicesTest, ::testing::Values(1, 2));

TEST_P(DevicesTest, NothingWaitsWithinAStream) {
  std::vector<OperatorDef> ops = {on_gpu(vec_scale("x", "v0", 2))};
  for (int i = 0; i < 20; ++i) {
    ops.push_back(
        on_gpu(vec_op("VecAdd", {"v" + std::to_string(i), "v0"}, {"v" + std::to_string(i + 1)})));
  }
  workspace.feed("x", vector_of({1, 2}));
  Session session = session_of(net_of(ops, {"x"}, {"v20"}));
  session.run();
  EXPECT_EQ(floats(workspace, "v20"), (Vector{42, 84}));
  EXPECT_EQ(count_of(session.plan(), "DeviceCopy"), 0);
  EXPECT_EQ(gpus.notifications(), 0);
}

TEST_P(DevicesTest, TheCpuIsToldOnceWhenItsInputHasArrived) {
  workspace.feed("x", vector_of({1, 2}));
  Session session =
      session_of(net_of({on_gpu(vec_scale("x", "a", 2)), on_gpu(vec_scale("a", "b", 2)),
                         vec_scale("b", "c", 10), vec_scale("b", "d", 100)},
                        {"x"}, {"c", "d"}));
  session.run();
  EXPECT_EQ(floats(workspace, "c"), (Vector{40, 80}));
  EXPECT_EQ(floats(workspace, "d"), (Vector{400, 800}));
  EXPECT_EQ(count_of(session.plan(), "DeviceCopy"), 1);
  EXPECT_EQ(gpus.notifications(), 1);
}

TEST_P(DevicesTest, AControlInputWaitsForTheDevice) {
  OperatorDef after = vec_op("VecEffect", {"shown"}, {});
  after.add_control_input("a");
  workspace.feed("x", vector_of({1}));
  workspace.feed("shown", vector_of({1}));
  session_of(net_of({on_gpu(vec_scale("x", "a", 2)), after}, {"x", "shown"}, {"a"})).run();
  EXPECT_EQ(gpus.notifications(), 1);
  take_effects();
}

TEST_P(DevicesTest, OutputsStayWhereTheyAre) {
  workspace.feed("x", vector_of({1, 2}));
  session_of(net_of({on_gpu(vec_scale("x", "y", 3))}, {"x"}, {"y"})).run();
  EXPECT_EQ(workspace.find("y")->blob.tensor().device(), kGpu);
  EXPECT_EQ(floats(workspace, "y"), (Vector{3, 6}));
  // A net for the CPU reads it from there.
  session_of(net_of({vec_scale("y", "z", 2)}, {"y"}, {"z"})).run();
  EXPECT_EQ(floats(workspace, "z"), (Vector{6, 12}));
  EXPECT_EQ(workspace.find("y")->blob.tensor().device(), kGpu);
}

TEST_P(DevicesTest, StateMovesToItsWriterOnceAndStays) {
  workspace.feed("w", vector_of({1, 2}));
  workspace.feed("x", vector_of({10, 20}));
  Session session =
      session_of(net_of({on_gpu(vec_op("VecAdd", {"w", "x"}, {"w"}))}, {"w", "x"}, {}));
  session.run();
  const Plan* plan = &session.plan();
  EXPECT_EQ(workspace.find("w")->blob.tensor().device(), kGpu);
  const int copies = gpus.copies();
  session.run();
  EXPECT_EQ(gpus.copies(), copies) << "nothing was fed, so nothing has to be copied";
  workspace.feed("x", vector_of({100, 200}));
  session.run();
  EXPECT_EQ(gpus.copies(), copies + 1);
  EXPECT_EQ(&session.plan(), plan) << "where a tensor is makes no other signature";
  EXPECT_EQ(floats(workspace, "w"), (Vector{121, 242}));
}

TEST_P(DevicesTest, AnInputGivenToTheRunMayBeFilledAnew) {
  const NetDef net = net_of({on_gpu(vec_scale("x", "y", 2))}, {"x"}, {"y"});
  headrace::Run run(compile(net, {{"x", {DType::kFloat32, Shape{2}}}}, {.threads = GetParam()}),
                    workspace, pool);
  Tensor x = vector_of({1, 2});
  run.set_input("x", x);
  run.execute();
  x.data<float>()[0] = 50;
  run.execute();
  EXPECT_EQ(floats(workspace, "y"), (Vector{100, 4}));
}

TEST_P(DevicesTest, TwoGpusHandOver) {
  workspace.feed("x", vector_of({1, 2}));
  session_of(net_of({on_gpu(vec_scale("x", "a", 2), 0), on_gpu(vec_scale("a", "b", 3), 1),
                     on_gpu(vec_op("VecAdd", {"b", "a"}, {"c"}), 0)},
                    {"x"}, {"c"}))
      .run();
  EXPECT_EQ(floats(workspace, "c"), (Vector{8, 16}));
}

TEST_P(DevicesTest, AFailureOnTheDeviceFailsTheRun) {
  workspace.feed("x", vector_of({1, 2}));
  workspace.feed("w", vector_of({1, 2}));
  for (bool cpu_reads : {true, false}) {
    std::vector<OperatorDef> ops = {on_gpu(vec_scale("w", "w", 2)),
                                    on_gpu(vec_op("VecThrow", {"x"}, {"y"})),
                                    on_gpu(vec_scale("y", "z", 2))};
    if (cpu_reads) ops.push_back(vec_scale("z", "u", 2));
    Session session = session_of(net_of(ops, {"x", "w"}, {cpu_reads ? "u" : "z"}));
    expect_error(ErrorCode::kInternal, "on the device", [&] { session.run(); });
    expect_error(ErrorCode::kState, "torn", [&] { session.run(); });
    workspace.clear_torn();
  }
}

TEST_P(DevicesTest, AFailureOnTheCpuWaitsForTheDevice) {
  workspace.feed("x", vector_of({1, 2}));
  std::vector<OperatorDef> ops = {vec_op("VecThrow", {"x"}, {"y"})};
  for (int i = 0; i < 50; ++i) ops.push_back(on_gpu(vec_scale("x", "g" + std::to_string(i), 2)));
  const NetDef net = net_of(ops, {"x"}, {});
  for (int round = 0; round < 10; ++round) {
    Session session = session_of(net);
    expect_error(ErrorCode::kNumeric, "on purpose", [&] { session.run(); });
  }  // the memory of the run goes here, and the device must be done with it
}

TEST_P(DevicesTest, CancelledRunsEnd) {
  workspace.feed("x", vector_of({1, 2}));
  std::vector<OperatorDef> ops;
  for (int i = 0; i < 100; ++i) {
    const std::string last = i == 0 ? "x" : "v" + std::to_string(i - 1);
    OperatorDef op = vec_scale(last, "v" + std::to_string(i), 1);
    ops.push_back(i % 3 == 0 ? on_gpu(op, i % 2) : op);
  }
  Session session = session_of(net_of(ops, {"x"}, {"v99"}));
  session.run();
  for (int round = 0; round < 20; ++round) {
    std::thread canceller([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(round * 50));
      session.cancel();
    });
    try {
      session.run();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCancelled) << error.what();
    }
    canceller.join();
  }
  session.run();
  EXPECT_EQ(floats(workspace, "v99"), (Vector{1, 2}));
}

TEST_P(DevicesTest, SeveralRunsAtOnceHaveStreamsOfTheirOwn) {
  workspace.feed("w", vector_of({10, 20}));
  const NetDef net = net_of({on_gpu(vec_op("VecAdd", {"x", "w"}, {"s"})), vec_scale("s", "t", 2),
                             on_gpu(vec_scale("t", "y", 2))},
                            {"x", "w"}, {"y"});
  const TensorDesc vector{DType::kFloat32, Shape{2}};
  const auto plan = compile(net, {{"x", vector}, {"w", vector}}, {.threads = GetParam()});
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      headrace::Run run(plan, workspace, pool, {.publish = false});
      for (int i = 0; i < 50; ++i) {
        const float x = static_cast<float>(t * 1000 + i);
        run.set_input("x", vector_of({x, x}));
        run.execute();
        const Tensor y = run.output("y").plain();
        if (y.data<float>()[0] != 4 * (x + 10) || y.data<float>()[1] != 4 * (x + 20)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
}

TEST_P(DevicesTest, ALossOnTheDeviceIsCheckedAndTracedBack) {
  workspace.feed("x", vector_of({1e30f}));
  Session session = session_of(net_of({on_gpu(vec_scale("x", "big", 1e30f)),
                                       on_gpu(vec_op("VecAdd", {"big", "big"}, {"loss"}))},
                                      {"x"}, {"loss"}),
                               {"loss"});
  const std::string text = expect_error(ErrorCode::kNumeric, [&] { session.run(); });
  EXPECT_NE(text.find("it began in"), text.npos) << text;
  EXPECT_NE(text.find("'big' is inf"), text.npos) << text;
}

TEST_P(DevicesTest, WhatTheDeviceCannotRunIsRefused) {
  workspace.feed("x", vector_of({1, 2}));
  workspace.feed("n", Tensor::from<int64_t>({1}, {1}));
  expect_error(
      ErrorCode::kInvalidNet,
      "operator VecAsync has no kernel for device cuda:0; without its device_option it "
      "runs on the CPU",
      [&] { session_of(net_of({on_gpu(vec_op("VecAsync", {"x"}, {"y"}))}, {"x"}, {"y"})).run(); });
  expect_error(ErrorCode::kInvalidNet, "a shape is known only during the run", [&] {
    session_of(
        net_of({vec_op("VecGrow", {"x"}, {"y"}), on_gpu(vec_scale("y", "z", 2))}, {"x"}, {"z"}))
        .run();
  });
  expect_error(ErrorCode::kUnsupported, "cuda:7", [&] {
    session_of(net_of({on_gpu(vec_scale("x", "y", 2), 7)}, {"x"}, {"y"})).run();
  });
}

}  // namespace
}  // namespace headrace
