// DeviceCopy, which place_devices inserts between operators on different devices.
#include "core/registry.h"

namespace headrace {
namespace {

const RegisterOperator device_copy(OpSchema("DeviceCopy")
                                       .doc("The same elements on another device.")
                                       .input("X")
                                       .output("Y")
                                       .plan_only()
                                       .layout(LayoutPolicy::kFollows)
                                       .infer(same_as_input(0)));

const RegisterCudaKernel device_copy_cuda("DeviceCopy", [](const PrepareContext& context) {
  return make_kernel([bytes = context.inputs[0].bytes()](OpContext& run) {
    copy_async(run.stream, run.output<void>(0), run.input<void>(0), bytes);
  });
});

}  // namespace
}  // namespace headrace
