#include "core/cuda/check.h"

namespace headrace::cuda {
namespace {

struct Advice {
  ErrorCode code;
  const char* text;
};

Advice advice_for(cudaError_t status) {
  switch (status) {
    case cudaErrorMemoryAllocation:
      return {ErrorCode::kState,
              "use a smaller batch, end other programs on the device, or take a larger one"};
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
      return {ErrorCode::kUnsupported,
              "`nvidia-smi -L` and CUDA_VISIBLE_DEVICES say which devices there are"};
    case cudaErrorInsufficientDriver:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
      return {ErrorCode::kUnsupported,
              "install an NVIDIA driver, or a newer one; `nvidia-smi` shows what is there"};
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorUnsupportedPtxVersion:
      return {ErrorCode::kUnsupported,
              "headrace was built for other GPUs: build it with -DCMAKE_CUDA_ARCHITECTURES=native "
              "on this machine"};
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorIllegalInstruction:
    case cudaErrorHardwareStackError:
    case cudaErrorAssert:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
      return {ErrorCode::kInternal,
              "a kernel that was queued earlier failed, and this process cannot use the device any "
              "more; run it under compute-sanitizer to see which kernel it was"};
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
      return {ErrorCode::kInternal, "the hardware has a fault: `nvidia-smi -q` tells more"};
    default:
      return {ErrorCode::kInternal, nullptr};
  }
}

/// ": 3.2 GiB of 139.8 GiB are free", where the device can still be asked.
std::string memory_left() {
  size_t free = 0;
  size_t total = 0;
  if (cudaMemGetInfo(&free, &total) != cudaSuccess) return "";
  constexpr double kGiB = 1 << 30;
  return fmt::format(", {:.1f} GiB of {:.1f} GiB are free", static_cast<double>(free) / kGiB,
                     static_cast<double>(total) / kGiB);
}

}  // namespace

Error error_of(cudaError_t status, Device device, std::string_view call,
               std::source_location where) {
  const Advice advice = advice_for(status);
  std::string text = fmt::format("{} on {} failed with {} ({}", call, device.to_string(),
                                 cudaGetErrorName(status), cudaGetErrorString(status));
  if (status == cudaErrorMemoryAllocation) text += memory_left();
  text += ")";
  if (advice.text != nullptr) text += fmt::format("; {}", advice.text);
  return Error(advice.code, std::move(text), where);
}

void check(cudaError_t status, Device device, std::string_view call, std::source_location where) {
  if (status == cudaSuccess) [[likely]]
    return;
  Error error = error_of(status, device, call, where);
  cudaGetLastError();
  throw error;
}

}  // namespace headrace::cuda
