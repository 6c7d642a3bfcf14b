// Elementwise kernels on a GPU: the bandwidth of each, against a copy within the device's memory in
// the same run. They are bound by memory, so that the copy is what can be reached.
#include <algorithm>
#include <vector>

#include "bench/gpu.h"
#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "core/stream.h"

namespace headrace::bench {
namespace {

/// Operands are a multiple of this: images of some channels for the broadcast.
constexpr int64_t kGrain = 65536;

struct Settings {
  int64_t elements = int64_t{1} << 25;
  int rounds = 30;
};

struct Case {
  std::string name;
  OperatorDef def;
  std::vector<Shape> inputs;
};

OperatorDef op(const char* type, int outputs = 1) {
  OperatorDef def;
  def.set_type(type);
  for (int i = 0; i < outputs; ++i) def.add_output("y" + std::to_string(i));
  return def;
}

std::vector<Case> cases(int64_t n) {
  const Shape whole{n};
  const Shape one{1};
  std::vector<Case> list = {
      {"Copy", op("Copy"), {whole}},
      {"Relu", op("Relu"), {whole}},
      {"ReluGradient", op("ReluGradient"), {whole, whole}},
      {"Sigmoid", op("Sigmoid"), {whole}},
      {"Tanh", op("Tanh"), {whole}},
      {"Scale", op("Scale"), {whole}},
      {"Add", op("Add"), {whole, whole}},
      {"Mul by a scalar", op("Mul"), {whole, one}},
      {"Mul by channel", op("Mul"), {Shape{n / kGrain, 64, 1024}, Shape{64, 1}}},
      {"Sum of 2", op("Sum"), {whole, whole}},
      {"Sum of 8", op("Sum"), std::vector<Shape>(8, whole)},
      {"WeightedSum of 2", op("WeightedSum"), {whole, one, whole, one}},
      {"MomentumSGDUpdate", op("MomentumSGDUpdate", 3), {whole, whole, one, whole}},
      {"ConstantFill", op("ConstantFill"), {}},
  };
  set_arg(list.back().def, "shape", std::vector<int64_t>{n});
  return list;
}

/// An operator with operands of its own, all zero, ready to launch.
class Prepared {
 public:
  explicit Prepared(const Case& one) : inputs_(one.inputs.size()) {
    const OpSchema& schema = get_schema(one.def.type());
    const Args args(schema, one.def);
    std::vector<TensorType> types;
    for (const Shape& shape : one.inputs) types.push_back({DType::kFloat32, shape});
    for (const TensorType& type : types) descs_.push_back({type.dtype, *type.shape});
    for (const TensorType& type :
         schema.infer_types({.args = args, .inputs = types, .outputs = one.def.output_size()})) {
      descs_.push_back({type.dtype, *type.shape});
    }
    const std::span<const TensorDesc> all = descs_;
    kernel_ = prepare_kernel({.schema = schema,
                              .args = args,
                              .inputs = all.first(inputs_),
                              .outputs = all.subspan(inputs_),
                              .device = kGpu});
    for (const TensorDesc& desc : descs_) {
      Tensor zeros(desc.shape, desc.dtype);
      std::ranges::fill(zeros.data<float>(), 0.0f);
      tensors_.push_back(zeros.clone(kGpu));
      operands_.push_back({.data = tensors_.back().raw(), .desc = &desc});
    }
  }

  void launch(Stream stream) {
    const std::span<Operand> operands = operands_;
    OpContext context(operands.first(inputs_), operands.subspan(inputs_), &step_);
    context.stream = stream;
    kernel_->launch(context);
  }

  /// Read and written.
  size_t bytes() const {
    size_t sum = 0;
    for (const TensorDesc& desc : descs_) sum += desc.bytes();
    return sum;
  }

 private:
  size_t inputs_;
  std::vector<TensorDesc> descs_;  // inputs, then outputs
  std::vector<Tensor> tensors_;
  std::vector<Operand> operands_;
  std::unique_ptr<Kernel> kernel_;
  StepState step_;
};

/// The shortest of many runs, in seconds of the device.
template <typename Work>
double shortest(Stream stream, int rounds, Work&& work) {
  constexpr int kWarmup = 3;
  const EventOwner begin(kGpu, {.timed = true});
  const EventOwner end(kGpu, {.timed = true});
  float best = 1e30f;
  for (int round = 0; round < rounds + kWarmup; ++round) {
    record(begin.get(), stream);
    work();
    record(end.get(), stream);
    synchronize(stream);
    if (round >= kWarmup) best = std::min(best, elapsed_ms(begin.get(), end.get()));
  }
  return best * 1e-3;
}

/// Bytes read and written per second.
double copy_rate(Stream stream, const Settings& settings) {
  const size_t bytes = static_cast<size_t>(settings.elements) * sizeof(float);
  auto from = allocate(bytes, kGpu);
  auto to = allocate(bytes, kGpu);
  const double seconds = shortest(stream, settings.rounds,
                                  [&] { copy_async(stream, to->data(), from->data(), bytes); });
  return 2 * static_cast<double>(bytes) / seconds;
}

nlohmann::ordered_json measure(const Settings& settings, bool json) {
  require(settings.elements % kGrain == 0, ErrorCode::kInvalidArgument,
          "--elements must be a multiple of {}, found {}", kGrain, settings.elements);
  make_current(kGpu);
  const StreamOwner stream(kGpu);
  const double copy = copy_rate(stream.get(), settings);
  nlohmann::ordered_json kernels = nlohmann::ordered_json::array();
  if (!json) fmt::print("{:<20} {:>9.1f} GB/s\n", "copy", copy * 1e-9);
  for (const Case& one : cases(settings.elements)) {
    Prepared prepared(one);
    const double seconds =
        shortest(stream.get(), settings.rounds, [&] { prepared.launch(stream.get()); });
    const double rate = static_cast<double>(prepared.bytes()) / seconds;
    kernels.push_back({{"name", one.name},
                       {"bytes", prepared.bytes()},
                       {"seconds", seconds},
                       {"bytes_per_second", rate},
                       {"of_copy", rate / copy}});
    if (!json) {
      fmt::print("{:<20} {:>9.1f} GB/s  {:>5.2f} of the copy  {:>8.1f} us\n", one.name, rate * 1e-9,
                 rate / copy, seconds * 1e6);
    }
  }
  return {{"elements", settings.elements},
          {"copy_bytes_per_second", copy},
          {"kernels", std::move(kernels)}};
}

}  // namespace
}  // namespace headrace::bench

int main(int argc, char** argv) {
  headrace::bench::Settings settings;
  CLI::App app("Bandwidth of the elementwise kernels on cuda:0, against a copy in its memory");
  app.add_option("--elements", settings.elements, "Elements of an operand, a multiple of 65536")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{65536}, int64_t{1} << 31));
  app.add_option("--rounds", settings.rounds, "Runs of each; the shortest counts")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  return headrace::bench::run_on_gpu(
      app, argc, argv, [&](bool json) { return headrace::bench::measure(settings, json); });
}
