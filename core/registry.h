#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/device.h"
#include "core/kernel.h"
#include "core/op_schema.h"

namespace headrace {

/// Schema of an operator type; null when there is none.
const OpSchema* find_schema(std::string_view type);
/// Throws kNotFound with the nearest names.
const OpSchema& get_schema(std::string_view type);
/// All operator types, sorted; plan operators only when asked for.
std::vector<std::string> operator_types(bool plan_only = false);

/// True when a kernel for that device is registered.
bool has_kernel(std::string_view type, DeviceKind device);
/// Makes the kernel. Throws kUnsupported when the device has none, or what its prepare throws.
std::unique_ptr<Kernel> prepare_kernel(const PrepareContext& context);

/// Static objects of these types register an operator before main(). A second registration of the
/// same name is a programming error and ends the program with a message.
struct RegisterOperator {
  RegisterOperator(OpSchema schema);
};

struct RegisterKernel {
  RegisterKernel(std::string_view type, DeviceKind device, PrepareFn prepare);
};

struct RegisterCpuKernel : RegisterKernel {
  RegisterCpuKernel(std::string_view type, PrepareFn prepare)
      : RegisterKernel(type, DeviceKind::kCpu, prepare) {}
};

struct RegisterCudaKernel : RegisterKernel {
  RegisterCudaKernel(std::string_view type, PrepareFn prepare)
      : RegisterKernel(type, DeviceKind::kCuda, prepare) {}
};

}  // namespace headrace
