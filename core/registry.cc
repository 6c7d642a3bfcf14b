#include "core/registry.h"

#include <cstdio>
#include <cstdlib>
#include <map>

#include "core/completion_wait.h"
#include "core/device_backend.h"
#include "core/error.h"
#include "core/text.h"

namespace headrace {
namespace {

struct Registry {
  std::map<std::string, OpSchema, std::less<>> schemas;
  std::map<std::pair<std::string, DeviceKind>, PrepareFn> kernels;
};

/// Filled before main() and read-only afterwards, hence without a lock.
Registry& registry() {
  static Registry instance;
  return instance;
}

[[noreturn]] void registered_twice(const std::string& what) {
  std::fprintf(stderr, "headrace: %s is registered twice\n", what.c_str());
  std::abort();
}

[[noreturn]] void refuse(const PrepareContext& context) {
  std::string advice;
  if (!context.device.is_cpu()) {
    if (has_kernel(context.schema.type(), DeviceKind::kCpu)) {
      advice = "; without its device_option it runs on the CPU (--device cpu on the command line)";
    }
    // In a build with CUDA it is the operator that lacks a kernel, whatever devices there are.
    const std::string none = HEADRACE_CUDA ? "" : device_backend(context.device.kind).why_none();
    if (!none.empty()) advice += fmt::format(" ({})", none);
  }
  fail(ErrorCode::kUnsupported, "operator {} has no kernel for device {}{}", context.schema.type(),
       context.device.to_string(), advice);
}

}  // namespace

const OpSchema* find_schema(std::string_view type) {
  auto found = registry().schemas.find(type);
  return found == registry().schemas.end() ? nullptr : &found->second;
}

const OpSchema& get_schema(std::string_view type) {
  const OpSchema* schema = find_schema(type);
  if (schema == nullptr) {
    fail(ErrorCode::kNotFound, "unknown operator '{}'{}", type,
         did_you_mean(type, operator_types()));
  }
  return *schema;
}

std::vector<std::string> operator_types(bool plan_only) {
  std::vector<std::string> types;
  for (const auto& [type, schema] : registry().schemas) {
    if (plan_only || !schema.is_plan_only()) types.push_back(type);
  }
  return types;
}

bool has_kernel(std::string_view type, DeviceKind device) {
  return registry().kernels.contains({std::string(type), device});
}

std::unique_ptr<Kernel> prepare_kernel(const PrepareContext& context) {
  auto found = registry().kernels.find({context.schema.type(), context.device.kind});
  if (found == registry().kernels.end()) refuse(context);
  return found->second(context);
}

RegisterOperator::RegisterOperator(OpSchema schema) {
  std::string type = schema.type();
  if (!registry().schemas.emplace(type, std::move(schema)).second) {
    registered_twice("operator " + type);
  }
}

RegisterKernel::RegisterKernel(std::string_view type, DeviceKind device, PrepareFn prepare) {
  if (!registry().kernels.emplace(std::pair(std::string(type), device), prepare).second) {
    registered_twice("a kernel of operator " + std::string(type));
  }
}

void AsyncKernel::launch(OpContext& context) const {
  CompletionWait end;
  start(context, end.completion());
  if (std::exception_ptr error = end.wait()) std::rethrow_exception(error);
}

}  // namespace headrace
