#include <cmath>

#include "core/error.h"
#include "core/registry.h"
#include "operators/checks.h"

namespace headrace {
namespace {

template <typename T>
struct Bounds {
  T start = 0;
  T stop = 0;
  T step = 1;
};

/// Inputs are (stop), (start, stop) or (start, stop, step).
template <typename T, typename Value>
Bounds<T> bounds_of(int inputs, Value value) {
  if (inputs == 1) return {.stop = value(0)};
  return {.start = value(0), .stop = value(1), .step = inputs == 3 ? value(2) : T{1}};
}

template <typename T>
int64_t length_of(const Bounds<T>& bounds) {
  require(bounds.step != 0, ErrorCode::kInvalidArgument, "the step of a Range must not be 0");
  if constexpr (std::is_integral_v<T>) {
    // Caffe2 drops a remainder downwards: (5, 0, -2) is 5, 3. Nets rely on the length.
    __int128 span = __int128{bounds.stop} - bounds.start;
    if (bounds.step > 0) return span <= 0 ? 0 : static_cast<int64_t>((span - 1) / bounds.step + 1);
    return span >= 0 ? 0 : static_cast<int64_t>(span / bounds.step);
  } else {
    T length = std::ceil((bounds.stop - bounds.start) / bounds.step);
    require(std::abs(length) < T{1} * (int64_t{1} << 62), ErrorCode::kInvalidArgument,
            "a Range from {} to {} in steps of {} has no length", bounds.start, bounds.stop,
            bounds.step);
    return std::max<int64_t>(0, static_cast<int64_t>(length));
  }
}

std::vector<TensorType> infer_range(const InferContext& context) {
  require_type(context, 0, NumberTypes{});
  bool known = true;
  for (int i = 0; i < static_cast<int>(context.inputs.size()); ++i) {
    require_same_type(context, i, 0);
    require_single(context, i);
    known &= context.value(i) != nullptr;
  }
  if (!known) return {{context.dtype(0), std::nullopt}};
  int64_t length = dispatch(NumberTypes{}, context.dtype(0), [&]<typename T>() {
    return length_of(bounds_of<T>(static_cast<int>(context.inputs.size()),
                                  [&](int i) { return context.value(i)->data<T>()[0]; }));
  });
  return {{context.dtype(0), Shape{length}}};
}

const RegisterOperator range(
    OpSchema("Range")
        .doc("The numbers start, start + step, ... before stop. One input is stop, two are start "
             "and stop, three start, stop and step.")
        .input("start_or_stop", "one element")
        .optional_input("stop", "one element")
        .optional_input("step", "one element, not 0; 1 by default")
        .output("Y", "one dimension, element type of the inputs")
        .infer(infer_range)
        .no_gradient());

const RegisterCpuKernel range_cpu("Range", [](const PrepareContext& prepare) {
  return dispatch(NumberTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([count = prepare.outputs[0].shape.numel()](OpContext& context) {
      auto bounds = bounds_of<T>(context.inputs(), [&](int i) { return context.input<T>(i)[0]; });
      T* y = context.output<T>(0);
      for (int64_t i = 0; i < count; ++i) y[i] = bounds.start + static_cast<T>(i) * bounds.step;
    });
  });
});

}  // namespace
}  // namespace headrace
