// Counters of iterations, and the mutex that Caffe2's nets hand to AtomicIter.

#include <memory>
#include <mutex>

#include "core/registry.h"
#include "operators/checks.h"

namespace headrace {
namespace {

std::vector<TensorType> infer_counter(const InferContext& context, int input) {
  require_type(context, input, Types<int64_t>{});
  require_single(context, input);
  return {context.inputs[input]};
}

const RegisterOperator iter(OpSchema("Iter")
                                .doc("Adds one to a counter, in place.")
                                .differs("The counter is an input of type int64, which an init "
                                         "net makes; Caffe2 makes one where there is none, or "
                                         "another type.")
                                .input("iteration", "int64, one element")
                                .output("iteration")
                                .enforce_inplace(0, 0)
                                .on_host()
                                .infer([](const InferContext& context) {
                                  return infer_counter(context, 0);
                                })
                                .no_gradient());
const RegisterCpuKernel iter_cpu("Iter", [](const PrepareContext&) {
  return make_kernel(
      [](OpContext& context) { *context.output<int64_t>(0) = *context.input<int64_t>(0) + 1; });
});

const RegisterOperator create_mutex(OpSchema("CreateMutex")
                                        .doc("Makes a mutex for AtomicIter.")
                                        .output("mutex", "a handle")
                                        .handle_output(0)
                                        .on_host()
                                        .no_gradient());
const RegisterCpuKernel create_mutex_cpu("CreateMutex", [](const PrepareContext&) {
  return make_kernel([](OpContext& context) {
    context.output_blob(0).set_handle(std::make_shared<std::mutex>(), "mutex");
  });
});

const RegisterOperator atomic_iter(
    OpSchema("AtomicIter")
        .doc("Adds one to a counter, in place, while it holds the mutex.")
        .input("mutex")
        .handle_input(0)
        .input("iteration", "int64, one element")
        .output("iteration")
        .enforce_inplace(1, 0)
        .on_host()
        .infer([](const InferContext& context) { return infer_counter(context, 1); })
        .no_gradient());
const RegisterCpuKernel atomic_iter_cpu("AtomicIter", [](const PrepareContext&) {
  return make_kernel([](OpContext& context) {
    auto mutex = context.input_blob(0).handle<std::mutex>("mutex");
    std::lock_guard lock(*mutex);
    *context.output<int64_t>(0) = *context.input<int64_t>(1) + 1;
  });
});

}  // namespace
}  // namespace headrace
