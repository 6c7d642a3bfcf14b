// Kernels of some of the operators of vec_ops.h for FakeDevices, in the place of CUDA's.
#include <algorithm>

#include "core/registry.h"
#include "tests/graph/vec_ops.h"
#include "tests/support/fake_device.h"

namespace headrace {
namespace {

using testing::FakeDevices;

template <typename T>
T* in_kernel(T* address) {
  return FakeDevices::in_kernel(address);
}

const RegisterCudaKernel fill("VecFill", [](const PrepareContext& context) {
  const float value = context.args.real("value");
  const int64_t count = context.outputs[0].shape.numel();
  return make_kernel([=](OpContext& run) {
    float* y = run.output<float>(0);
    FakeDevices::launch(run.stream, [=] { std::fill_n(in_kernel(y), count, value); });
  });
});

const RegisterCudaKernel scale("VecScale", [](const PrepareContext& context) {
  const float by = context.args.real("by");
  const int64_t count = context.inputs[0].shape.numel();
  return make_kernel([=](OpContext& run) {
    const float* x = run.input<float>(0);
    float* y = run.output<float>(0);
    FakeDevices::launch(run.stream, [=] {
      std::transform(in_kernel(x), in_kernel(x) + count, in_kernel(y),
                     [by](float element) { return by * element; });
    });
  });
});

/// The sign is in host memory, so the launch may read it.
const RegisterCudaKernel flip("VecFlip", [](const PrepareContext& context) {
  const int64_t count = context.inputs[0].shape.numel();
  return make_kernel([=](OpContext& run) {
    const float by = run.input<float>(1)[0] < 0 ? -1.0f : 1.0f;
    const float* x = run.input<float>(0);
    float* y = run.output<float>(0);
    FakeDevices::launch(run.stream, [=] {
      std::transform(in_kernel(x), in_kernel(x) + count, in_kernel(y),
                     [by](float element) { return element * by; });
    });
  });
});

const RegisterCudaKernel pair("VecPair", [](const PrepareContext& context) {
  const int64_t count = context.inputs[0].shape.numel();
  return make_kernel([=](OpContext& run) {
    const float* x = run.input<float>(0);
    for (int output : {0, 1}) {
      float* y = run.output<float>(output);
      if (y == nullptr) continue;
      FakeDevices::launch(run.stream, [=] {
        std::transform(in_kernel(x), in_kernel(x) + count, in_kernel(y),
                       [=](float element) { return element + 1 + static_cast<float>(output); });
      });
    }
  });
});

/// Goes through scratch memory, so that scratch of a device is tested too.
class Add final : public Kernel {
 public:
  explicit Add(int64_t count) : count_(count) {}
  size_t scratch_bytes() const override { return static_cast<size_t>(count_) * sizeof(float); }
  void launch(OpContext& run) const override {
    const float* a = run.input<float>(0);
    const float* b = run.input<float>(1);
    float* y = run.output<float>(0);
    auto* scratch = static_cast<float*>(run.scratch);
    FakeDevices::launch(
        run.stream, [=, count = count_] { std::copy_n(in_kernel(a), count, in_kernel(scratch)); });
    FakeDevices::launch(run.stream, [=, count = count_] {
      for (int64_t i = 0; i < count; ++i) {
        in_kernel(y)[i] = in_kernel(scratch)[i] + in_kernel(b)[i];
      }
    });
  }

 private:
  int64_t count_;
};
const RegisterCudaKernel add("VecAdd",
                             [](const PrepareContext& context) -> std::unique_ptr<Kernel> {
                               return std::make_unique<Add>(context.inputs[0].shape.numel());
                             });

/// Fails while it runs, when it has been launched long ago.
const RegisterCudaKernel thrower("VecThrow", [](const PrepareContext&) {
  return make_kernel([](OpContext& run) {
    FakeDevices::launch(run.stream,
                        [] { fail(ErrorCode::kInternal, "a kernel failed on the device"); });
  });
});

}  // namespace
}  // namespace headrace
