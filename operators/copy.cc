// Operators that pass their input on: Copy and its relatives, and StopGradient.

#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/views.h"

namespace headrace {
namespace {

OpSchema copy_schema(const char* type, const char* doc) {
  OpSchema schema(type);
  schema.doc(doc)
      .input("X")
      .output("Y", "as X")
      .infer(same_as_input(0))
      .layout(LayoutPolicy::kFollows);
  return schema;
}

const RegisterOperator copy(
    copy_schema("Copy", "Y = X, in storage of its own.").gradient([](GradientContext& g) {
      g.op("CopyOnDeviceLike", {g.dout(0), g.in(0)}, {g.din(0)});
    }));
const RegisterCpuKernel copy_cpu("Copy", prepare_element_copy);

const RegisterOperator copy_on_device_like(OpSchema("CopyOnDeviceLike")
                                               .doc("Y = X on the device where `like` is.")
                                               .input("X")
                                               .input("like", "only its device is used")
                                               .output("Y", "as X")
                                               .infer(same_as_input(0))
                                               .layout(LayoutPolicy::kFollows)
                                               .no_gradient());
const RegisterCpuKernel copy_on_device_like_cpu("CopyOnDeviceLike", prepare_element_copy);

const RegisterOperator ensure_cpu_output(
    copy_schema("EnsureCPUOutput", "Y = X on the CPU.").on_host().no_gradient());
const RegisterCpuKernel ensure_cpu_output_cpu("EnsureCPUOutput", prepare_element_copy);

const RegisterOperator copy_from_cpu_input(
    copy_schema("CopyFromCPUInput", "Y = X, which is on the CPU, on the device of the operator.")
        .no_gradient());
const RegisterCpuKernel copy_from_cpu_input_cpu("CopyFromCPUInput", prepare_element_copy);

const RegisterOperator stop_gradient(copy_schema("StopGradient", "Y = X; no gradient passes.")
                                         .inplace(0, 0)
                                         .view(0, 0)
                                         .no_gradient());
const RegisterCpuKernel stop_gradient_cpu("StopGradient", prepare_element_copy);

}  // namespace
}  // namespace headrace
