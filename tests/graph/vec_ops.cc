#include "tests/graph/vec_ops.h"

#include <atomic>
#include <mutex>
#include <thread>

#include "core/gradient_context.h"
#include "core/registry.h"

namespace headrace {
namespace {

std::mutex effects_mutex;
std::vector<float> effects;
std::atomic<int> pair_outputs{0};

template <typename F>
PrepareFn elementwise(F) {
  return [](const PrepareContext& context) -> std::unique_ptr<Kernel> {
    const int64_t count = context.inputs[0].shape.numel();
    return make_kernel([count](OpContext& run) {
      const float* x = run.input<float>(0);
      float* y = run.output<float>(0);
      for (int64_t i = 0; i < count; ++i) y[i] = F{}(x[i]);
    });
  };
}

const RegisterOperator fill(
    OpSchema("VecFill")
        .output("Y")
        .arg("value", 0.0f)
        .arg("size", 1)
        .infer([](const InferContext& context) {
          return std::vector<TensorType>{{DType::kFloat32, Shape{context.args.integer("size")}}};
        }));
const RegisterCpuKernel fill_cpu("VecFill",
                                 [](const PrepareContext& context) -> std::unique_ptr<Kernel> {
                                   const float value = context.args.real("value");
                                   const int64_t count = context.outputs[0].shape.numel();
                                   return make_kernel([=](OpContext& run) {
                                     std::fill_n(run.output<float>(0), count, value);
                                   });
                                 });

const RegisterOperator add(OpSchema("VecAdd").input("A").input("B").output("Y").inplace(0, 0).infer(
    [](const InferContext& context) {
      require(context.shape(0) == context.shape(1), ErrorCode::kShapeMismatch,
              "shapes differ: {} and {}", context.shape(0).to_string(),
              context.shape(1).to_string());
      return std::vector<TensorType>{context.inputs[0]};
    }));
const RegisterCpuKernel add_cpu("VecAdd",
                                [](const PrepareContext& context) -> std::unique_ptr<Kernel> {
                                  const int64_t count = context.inputs[0].shape.numel();
                                  return make_kernel([count](OpContext& run) {
                                    const float* a = run.input<float>(0);
                                    const float* b = run.input<float>(1);
                                    float* y = run.output<float>(0);
                                    for (int64_t i = 0; i < count; ++i) y[i] = a[i] + b[i];
                                  });
                                });

const RegisterOperator scale(OpSchema("VecScale")
                                 .input("X")
                                 .output("Y")
                                 .arg("by", 1.0f)
                                 .inplace(0, 0)
                                 .infer(same_as_input(0)));
const RegisterCpuKernel scale_cpu("VecScale",
                                  [](const PrepareContext& context) -> std::unique_ptr<Kernel> {
                                    const int64_t count = context.inputs[0].shape.numel();
                                    const float by = context.args.real("by");
                                    return make_kernel([=](OpContext& run) {
                                      for (int64_t i = 0; i < count; ++i)
                                        run.output<float>(0)[i] = by * run.input<float>(0)[i];
                                    });
                                  });

const RegisterOperator flip(
    OpSchema("VecFlip").input("X").input("S").host_input(1).output("Y").infer(same_as_input(0)));
const RegisterCpuKernel flip_cpu("VecFlip",
                                 [](const PrepareContext& context) -> std::unique_ptr<Kernel> {
                                   const int64_t count = context.inputs[0].shape.numel();
                                   return make_kernel([count](OpContext& run) {
                                     const float by = run.input<float>(1)[0] < 0 ? -1.0f : 1.0f;
                                     for (int64_t i = 0; i < count; ++i)
                                       run.output<float>(0)[i] = run.input<float>(0)[i] * by;
                                   });
                                 });

const RegisterOperator pair(
    OpSchema("VecPair").input("X").output("A").output("B").infer(same_as_inputs({0, 0})));
const RegisterCpuKernel pair_cpu("VecPair",
                                 [](const PrepareContext& context) -> std::unique_ptr<Kernel> {
                                   const int64_t count = context.inputs[0].shape.numel();
                                   return make_kernel([count](OpContext& run) {
                                     for (int output : {0, 1}) {
                                       float* y = run.output<float>(output);
                                       if (y == nullptr) continue;
                                       ++pair_outputs;
                                       for (int64_t i = 0; i < count; ++i) {
                                         y[i] = run.input<float>(0)[i] + 1 +
                                                static_cast<float>(output);
                                       }
                                     }
                                   });
                                 });

const RegisterOperator thrower(OpSchema("VecThrow").input("X").output("Y").infer(same_as_input(0)));
const RegisterCpuKernel thrower_cpu("VecThrow",
                                    [](const PrepareContext&) -> std::unique_ptr<Kernel> {
                                      return make_kernel([](OpContext&) {
                                        fail(ErrorCode::kNumeric, "thrown on purpose");
                                      });
                                    });

const RegisterOperator async_op(
    OpSchema("VecAsync").input("X").output("Y").infer(same_as_input(0)));
struct AsyncCopy final : AsyncKernel {
  explicit AsyncCopy(int64_t count) : count(count) {}
  void start(OpContext& run, Completion done) const override {
    std::thread([&run, done, this] {
      std::copy_n(run.input<float>(0), count, run.output<float>(0));
      done();
    }).detach();
  }
  int64_t count;
};
const RegisterCpuKernel async_cpu("VecAsync",
                                  [](const PrepareContext& context) -> std::unique_ptr<Kernel> {
                                    return std::make_unique<AsyncCopy>(
                                        context.inputs[0].shape.numel());
                                  });

struct Same {
  float operator()(float x) const { return x; }
};
const RegisterOperator blocking(
    OpSchema("VecBlocking").input("X").output("Y").may_block().infer(same_as_input(0)));
const RegisterCpuKernel blocking_cpu("VecBlocking", elementwise(Same{}));

const RegisterOperator first(
    OpSchema("VecFirst").input("X").input("N").output("Y").infer([](const InferContext& context) {
      TensorType type{context.dtype(0), std::nullopt};
      if (context.value(1) != nullptr) type.shape = Shape{context.value(1)->data<int64_t>()[0]};
      return std::vector<TensorType>{type};
    }));
const RegisterCpuKernel first_cpu("VecFirst",
                                  [](const PrepareContext& context) -> std::unique_ptr<Kernel> {
                                    const int64_t count = context.outputs[0].shape.numel();
                                    return make_kernel([count](OpContext& run) {
                                      std::copy_n(run.input<float>(0), count, run.output<float>(0));
                                    });
                                  });

const RegisterOperator grow(
    OpSchema("VecGrow").input("X").output("Y").infer([](const InferContext& context) {
      return std::vector<TensorType>{{context.dtype(0), std::nullopt}};
    }));
const RegisterCpuKernel grow_cpu("VecGrow",
                                 [](const PrepareContext& context) -> std::unique_ptr<Kernel> {
                                   const int64_t count = context.inputs[0].shape.numel();
                                   return make_kernel([count](OpContext& run) {
                                     Tensor result(Shape{2 * count}, DType::kFloat32);
                                     for (int64_t i = 0; i < 2 * count; ++i) {
                                       result.data<float>()[i] = run.input<float>(0)[i % count];
                                     }
                                     run.output_blob(0) = result;
                                   });
                                 });

const RegisterOperator collective(OpSchema("VecCollective")
                                      .input("X")
                                      .output("Y")
                                      .inplace(0, 0)
                                      .collective()
                                      .infer(same_as_input(0)));
const RegisterCpuKernel collective_cpu("VecCollective", elementwise(Same{}));

const RegisterOperator effect(OpSchema("VecEffect").input("X").effect("test"));
const RegisterCpuKernel effect_cpu("VecEffect",
                                   [](const PrepareContext&) -> std::unique_ptr<Kernel> {
                                     return make_kernel([](OpContext& run) {
                                       std::lock_guard lock(effects_mutex);
                                       effects.push_back(*run.input<float>(0));
                                     });
                                   });

}  // namespace

OperatorDef vec_op(const std::string& type, const std::vector<std::string>& inputs,
                   const std::vector<std::string>& outputs) {
  OperatorDef def;
  def.set_type(type);
  for (const std::string& name : inputs) def.add_input(name);
  for (const std::string& name : outputs) def.add_output(name);
  return def;
}

OperatorDef vec_fill(const std::string& output, int64_t size, float value) {
  OperatorDef def = vec_op("VecFill", {}, {output});
  set_arg(def, "size", size);
  set_arg(def, "value", value);
  return def;
}

OperatorDef vec_scale(const std::string& input, const std::string& output, float by) {
  OperatorDef def = vec_op("VecScale", {input}, {output});
  set_arg(def, "by", by);
  return def;
}

std::vector<float> take_effects() {
  std::lock_guard lock(effects_mutex);
  return std::exchange(effects, {});
}

int take_pair_outputs() { return pair_outputs.exchange(0); }

}  // namespace headrace
