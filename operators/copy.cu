#include "core/registry.h"
#include "operators/elementwise.cuh"

namespace headrace {
namespace {

const RegisterCudaKernel copy("Copy", prepare_device_copy);
const RegisterCudaKernel copy_on_device_like("CopyOnDeviceLike", prepare_device_copy);
const RegisterCudaKernel copy_from_cpu_input("CopyFromCPUInput", prepare_device_copy);
const RegisterCudaKernel stop_gradient("StopGradient", prepare_device_copy);

}  // namespace
}  // namespace headrace
