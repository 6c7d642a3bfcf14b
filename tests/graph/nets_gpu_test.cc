// Nets of real operators on GPUs, and on CPU and GPUs together, give what the CPU gives.
#include <cstring>
#include <random>

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "core/rng.h"
#include "graph/session.h"
#include "tests/graph/vec_ops.h"
#include "tests/support/gpu_test.h"

namespace headrace {
namespace {

using testing::kGpu;

class GpuNets : public testing::GpuTest {};

Tensor random_tensor(Shape shape, uint64_t key) {
  Tensor tensor(shape, DType::kFloat32);
  const Rng rng(7, key, 0);
  auto data = tensor.data<float>();
  for (size_t i = 0; i < data.size(); ++i) data[i] = rng.uniform(i) - 0.5f;
  return tensor;
}

void put_on_gpu(OperatorDef& op, int id = 0) {
  op.mutable_device_option()->set_device_type(1);
  op.mutable_device_option()->set_device_id(id);
}

NetDef without_devices(NetDef net) {
  net.clear_device_option();
  for (OperatorDef& op : *net.mutable_op()) op.clear_device_option();
  return net;
}

using Blobs = std::map<std::string, Tensor>;

/// What is in the workspace after some steps.
Blobs run(const NetDef& net, const Blobs& inputs, const SessionOptions& options, int steps = 1) {
  Workspace workspace;
  for (const auto& [name, tensor] : inputs) workspace.feed(name, tensor.clone());
  ThreadPool pool({.threads = options.compile.threads});
  Session session(net, workspace, pool, options);
  for (int step = 0; step < steps; ++step) session.run(static_cast<uint64_t>(step));
  Blobs found;
  for (const std::string& name : workspace.names()) found.emplace(name, workspace.fetch(name));
  return found;
}

/// Equal but for `tolerance`, relative to the largest element; 0: bit for bit.
void expect_same(const Blobs& found, const Blobs& expected, float tolerance,
                 const std::string& what) {
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(found.contains(name)) << what << ": " << name;
    ASSERT_EQ(found.at(name).desc(), tensor.desc()) << what << ": " << name;
    if (tolerance == 0 || tensor.dtype() != DType::kFloat32) {
      EXPECT_EQ(std::memcmp(found.at(name).raw(), tensor.raw(), tensor.bytes()), 0)
          << what << ": " << name;
      continue;
    }
    const auto a = found.at(name).data<float>();
    const auto b = tensor.data<float>();
    float largest = 0;
    for (const float element : b) largest = std::max(largest, std::abs(element));
    for (size_t i = 0; i < b.size(); ++i) {
      ASSERT_NEAR(a[i], b[i], tolerance * largest) << what << ": element " << i << " of " << name;
    }
  }
}

/// Operators that round once, so that CPU and GPU agree bit for bit.
NetDef random_net(uint32_t seed, int gpus) {
  std::mt19937 random(seed);
  auto below = [&](size_t bound) { return static_cast<size_t>(random() % bound); };
  NetDef net;
  net.set_name("random");
  std::vector<std::string> names = {"in0", "in1", "in2"};
  for (const std::string& name : names) net.add_external_input(name);
  const size_t ops = 5 + below(25);
  for (size_t i = 0; i < ops; ++i) {
    auto any = [&] { return names[below(names.size())]; };
    const std::string y = below(3) == 0 ? any() : "v" + std::to_string(below(12));
    OperatorDef& op = *net.add_op();
    switch (below(7)) {
      case 0:
        op = vec_op("Add", {any(), any()}, {y});
        break;
      case 1:
        op = vec_op("Sub", {any(), any()}, {y});
        break;
      case 2:
        op = vec_op("Sum", {any(), any(), any()}, {y});
        break;
      case 3:
        op = vec_op("Relu", {any()}, {y});
        break;
      case 4:
        op = vec_op("Copy", {any()}, {y});
        break;
      case 5:
        op = vec_op("ConstantFill", {any()}, {y});
        set_arg(op, "value", static_cast<float>(below(5)));
        break;
      default:
        op = vec_op("Scale", {any()}, {y});
        set_arg(op, "scale", below(2) == 0 ? -1.0f : 0.5f);
    }
    if (below(3) > 0) put_on_gpu(op, static_cast<int>(below(static_cast<size_t>(gpus))));
    if (std::ranges::find(names, y) == names.end()) names.push_back(y);
  }
  for (const std::string& name : names) {
    if (below(3) == 0) net.add_external_output(name);
  }
  return net;
}

TEST_F(GpuNets, RandomNetsOverAllDevices) {
  const int gpus = device_count(DeviceKind::kCuda);
  Blobs inputs;
  for (uint64_t i = 0; i < 3; ++i) {
    inputs.emplace("in" + std::to_string(i), random_tensor({37}, i));
  }
  for (uint32_t seed = 0; seed < 30; ++seed) {
    const NetDef net = random_net(seed, gpus);
    SessionOptions options;
    options.compile.readable.all = seed % 4 == 0;
    const Blobs expected = run(without_devices(net), inputs, options, 3);
    for (int threads : {1, 2}) {
      options.compile.threads = threads;
      options.compile.serial = seed % 3 == 0;
      expect_same(run(net, inputs, options, 3), expected, 0,
                  fmt::format("seed {}, {} threads", seed, threads));
      if (HasFailure()) return;
    }
  }
}

/// The convolution has its result channels-last; the GPU goes on so, and puts the output in order.
TEST_F(GpuNets, ImagesGoOnInTheOrderTheyComeIn) {
  NetDef net;
  net.set_name("images");
  OperatorDef& conv = *net.add_op() = vec_op("Conv", {"x", "w", "b"}, {"a"});
  set_arg(conv, "kernel", int64_t{3});
  put_on_gpu(*net.add_op() = vec_op("Relu", {"a"}, {"r"}));
  put_on_gpu(*net.add_op() = vec_op("Mul", {"r", "scale"}, {"y"}));
  for (const char* name : {"x", "w", "b", "scale"}) net.add_external_input(name);
  net.add_external_output("y");
  const Blobs inputs = {{"x", random_tensor({2, 8, 11, 9}, 1)},
                        {"w", random_tensor({16, 8, 3, 3}, 2)},
                        {"b", random_tensor({16}, 3)},
                        {"scale", random_tensor({16, 1, 1}, 4)}};
  const SessionOptions options;
  expect_same(run(net, inputs, options), run(without_devices(net), inputs, options), 1e-6f, "net");
}

/// A whole step on the GPU by the net's own device_option; the counter and the rate stay with the
/// CPU.
TEST_F(GpuNets, ATrainingStepIsThatOfTheCpu) {
  NetDef net;
  net.set_name("fit");
  *net.add_op() = vec_op("Iter", {"iteration"}, {"iteration"});
  OperatorDef& rate = *net.add_op() = vec_op("LearningRate", {"iteration"}, {"rate", "ratio"});
  set_arg(rate, "base_lr", -0.1f);
  set_arg(rate, "policy", "step");
  set_arg(rate, "stepsize", int64_t{3});
  set_arg(rate, "gamma", 0.5f);
  *net.add_op() = vec_op("Tanh", {"w"}, {"t"});
  *net.add_op() = vec_op("Sub", {"t", "goal"}, {"dt"});
  *net.add_op() = vec_op("TanhGradient", {"t", "dt"}, {"dw"});
  *net.add_op() = vec_op("WeightedSum", {"dw", "one", "w", "decay"}, {"dw"});
  OperatorDef& update = *net.add_op() =
      vec_op("MomentumSGDUpdate", {"dw", "m", "rate", "w", "ratio"}, {"dw", "m", "w"});
  set_arg(update, "momentum", 0.9f);
  net.mutable_device_option()->set_device_type(1);
  for (const char* name : {"iteration", "w", "m", "goal", "one", "decay"}) {
    net.add_external_input(name);
  }
  const Shape shape{13, 17};
  const Blobs inputs = {{"iteration", Tensor::from<int64_t>({1}, {0})},
                        {"w", random_tensor(shape, 1)},
                        {"m", random_tensor(shape, 2)},
                        {"goal", random_tensor({17}, 3)},
                        {"one", Tensor::from<float>({1}, {1.0f})},
                        {"decay", Tensor::from<float>({1}, {1e-3f})}};
  for (const bool serial : {false, true}) {
    SessionOptions options;
    options.compile.threads = 2;
    options.compile.serial = serial;
    expect_same(run(net, inputs, options, 10), run(without_devices(net), inputs, options, 10),
                2e-6f, fmt::format("serial {}", serial));
  }
}

/// If and While are the CPU's; what is in their nets runs where it says.
TEST_F(GpuNets, ABranchRunsOnTheGpu) {
  NetDef net;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    device_option { device_type: 1 }
    op { type: 'Scale' input: 'x' output: 'x2' arg { name: 'scale' f: 2 } }
    op { type: 'If' input: 'condition' arg { name: 'then_net' n { name: 'then'
      op { type: 'Scale' input: 'x2' output: 'y' arg { name: 'scale' f: 3 }
           device_option { device_type: 1 } } } } }
    external_input: 'x' external_input: 'condition' external_output: 'y')",
                                                            &net));
  const Blobs inputs = {{"x", Tensor::from<float>({3}, {1, -2, 3})},
                        {"condition", Tensor::from<bool>({1}, {true})}};
  const Tensor y = run(net, inputs, {}).at("y");
  const auto elements = y.data<float>();
  EXPECT_EQ(std::vector<float>(elements.begin(), elements.end()), (std::vector<float>{6, -12, 18}));
}

/// The plan operator that changes the physical order of images, against the CPU's.
TEST_F(GpuNets, ReorderTurnsImages) {
  const OpSchema& schema = get_schema("Reorder");
  const OperatorDef def = vec_op("Reorder", {"x"}, {"y"});
  const Args args(schema, def);
  const StreamOwner stream(kGpu);
  make_current(kGpu);
  for (const Shape& shape :
       {Shape{1, 1, 1, 1}, Shape{2, 3, 5, 7}, Shape{2, 33, 65}, Shape{1, 40, 2, 3, 4}}) {
    for (const DType dtype : {DType::kUInt8, DType::kInt16, DType::kFloat32, DType::kFloat64}) {
      for (const Layout to : {Layout::kChannelsLast, Layout::kPlain}) {
        const Layout from = to == Layout::kPlain ? Layout::kChannelsLast : Layout::kPlain;
        const TensorDesc source{dtype, shape, from};
        const TensorDesc target{dtype, shape, to};
        Tensor x(allocate(source.bytes()), 0, source);
        for (size_t i = 0; i < x.bytes(); ++i) {
          static_cast<uint8_t*>(x.raw())[i] = static_cast<uint8_t>(i * 37 >> 2);
        }
        Tensor expected(allocate(target.bytes()), 0, target);
        reorder(x.raw(), source, expected.raw(), target);
        Tensor on_gpu = x.clone(kGpu);
        Tensor y(allocate(target.bytes(), kGpu), 0, target);
        Operand input{.data = on_gpu.raw(), .desc = &source};
        Operand output{.data = y.raw(), .desc = &target};
        const StepState step;
        OpContext context(std::span(&input, 1), std::span(&output, 1), &step);
        context.stream = stream.get();
        const auto kernel = prepare_kernel({.schema = schema,
                                            .args = args,
                                            .inputs = std::span(&source, 1),
                                            .outputs = std::span(&target, 1),
                                            .device = kGpu});
        kernel->launch(context);
        synchronize(stream.get());
        EXPECT_EQ(std::memcmp(y.clone(Device{}).raw(), expected.raw(), target.bytes()), 0)
            << source.to_string() << " to " << target.to_string();
      }
    }
  }
}

}  // namespace
}  // namespace headrace
