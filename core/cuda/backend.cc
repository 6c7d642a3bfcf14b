#include "core/cuda/backend.h"

#include <deque>
#include <mutex>

#include <cuda_runtime_api.h>

#include "core/cuda/check.h"
#include "core/cuda/stream.h"
#include "core/error.h"

namespace headrace::cuda {
namespace {

constexpr Device kAnyGpu{DeviceKind::kCuda, 0};

/// Memory of a device, from the pool that the driver keeps for it: no call waits for the device.
class DeviceBuffer final : public Buffer {
 public:
  DeviceBuffer(void* data, size_t bytes, Device device, cudaStream_t queue)
      : Buffer(data, bytes, device), queue_(queue) {}
  // Freeing fails only on a device that is lost, or when the process is ending; whoever uses the
  // device next is told.
  ~DeviceBuffer() override { cudaFreeAsync(data_, queue_); }

 private:
  cudaStream_t queue_;
};

class PinnedBuffer final : public Buffer {
 public:
  PinnedBuffer(void* data, size_t bytes) : Buffer(data, bytes, Device{}) {}
  ~PinnedBuffer() override { cudaFreeHost(data_); }
};

class CudaBackend final : public DeviceBackend {
 public:
  int device_count() override {
    find_devices();
    return count_;
  }

  std::string why_none() override {
    find_devices();
    return why_none_;
  }

  std::shared_ptr<Buffer> allocate(size_t bytes, Device device) override {
    const cudaStream_t queue = own_queue(device);
    void* data = nullptr;
    const cudaError_t status = cudaMallocAsync(&data, align_up(bytes == 0 ? 1 : bytes), queue);
    if (status != cudaSuccess) check(status, device, fmt::format("allocating {} bytes", bytes));
    auto buffer = std::make_shared<DeviceBuffer>(data, bytes, device, queue);
    // From now on every stream may use it.
    check(cudaStreamSynchronize(queue), device, "cudaStreamSynchronize");
    return buffer;
  }

  std::shared_ptr<Buffer> allocate_pinned(size_t bytes, Device device) override {
    make_current(device);
    void* data = nullptr;
    const cudaError_t status =
        cudaHostAlloc(&data, align_up(bytes == 0 ? 1 : bytes), cudaHostAllocPortable);
    if (status != cudaSuccess) {
      check(status, device, fmt::format("pinning {} bytes of host memory", bytes));
    }
    return std::make_shared<PinnedBuffer>(data, bytes);
  }

  void copy(Device device, void* target, const void* source, size_t bytes) override {
    const cudaStream_t queue = own_queue(device);
    check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDefault, queue), device,
          "cudaMemcpyAsync");
    check(cudaStreamSynchronize(queue), device, "cudaStreamSynchronize");
  }

  void* create_stream(Device device) override {
    make_current(device);
    cudaStream_t queue = nullptr;
    check(cudaStreamCreateWithFlags(&queue, cudaStreamNonBlocking), device,
          "cudaStreamCreateWithFlags");
    return new StreamState(device, queue);
  }

  void destroy_stream(Stream stream) noexcept override {
    auto* state = static_cast<StreamState*>(stream.handle);
    const cudaStream_t queue = state->queue;
    cudaStreamSynchronize(queue);  // the errors of a lost device have gone to who waited for it
    delete state;
    cudaStreamDestroy(queue);
  }

  void* create_event(Device device, EventOptions options) override {
    make_current(device);
    cudaEvent_t event = nullptr;
    check(
        cudaEventCreateWithFlags(&event, options.timed ? cudaEventDefault : cudaEventDisableTiming),
        device, "cudaEventCreateWithFlags");
    return event;
  }

  void destroy_event(Event event) noexcept override { cudaEventDestroy(native(event)); }

  void make_current(Device device) override {
    require_device(device);
    check(cudaSetDevice(device.id), device, "cudaSetDevice");
  }

  void record(Event event, Stream stream) override {
    check(cudaEventRecord(native(event), queue_of(stream)), stream.device, "cudaEventRecord");
  }

  void wait(Stream stream, Event event) override {
    check(cudaStreamWaitEvent(queue_of(stream), native(event), 0), stream.device,
          "cudaStreamWaitEvent");
  }

  float elapsed_ms(Event from, Event to) override {
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, native(from), native(to)), from.device,
          "cudaEventElapsedTime");
    return milliseconds;
  }

  void copy_async(Stream stream, void* target, const void* source, size_t bytes) override {
    check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDefault, queue_of(stream)),
          stream.device, "cudaMemcpyAsync");
  }

  void notify(Stream stream, Completion done) override {
    static_cast<StreamState*>(stream.handle)->watcher.notify(done);
  }

  void synchronize(Stream stream) override {
    check(cudaStreamSynchronize(queue_of(stream)), stream.device, "work queued on a stream");
  }

 private:
  struct DeviceState {
    std::once_flag ready;
    cudaStream_t queue = nullptr;  // for memory and for copies that are waited for
  };

  static cudaEvent_t native(Event event) { return static_cast<cudaEvent_t>(event.handle); }

  /// Asks the driver once. A machine without a driver or a GPU is no error until somebody wants
  /// one.
  void find_devices() {
    std::call_once(counted_, [this] {
      const cudaError_t status = cudaGetDeviceCount(&count_);
      if (status != cudaSuccess) {
        count_ = 0;
        why_none_ = error_of(status, kAnyGpu, "looking for devices").message();
        cudaGetLastError();
      } else if (count_ == 0) {
        why_none_ = error_of(cudaErrorNoDevice, kAnyGpu, "looking for devices").message();
      }
      for (int id = 0; id < count_; ++id) devices_.emplace_back();
    });
  }

  void require_device(Device device) {
    find_devices();
    require(count_ > 0, ErrorCode::kUnsupported, "cannot use {}: {}", device.to_string(),
            why_none_);
    require(device.id >= 0 && device.id < count_, ErrorCode::kUnsupported,
            "cannot use {}: the devices of this machine are cuda:0 to cuda:{}", device.to_string(),
            count_ - 1);
  }

  /// Makes the device current, prepares it at first use.
  cudaStream_t own_queue(Device device) {
    make_current(device);
    DeviceState& state = devices_[device.id];
    std::call_once(state.ready, [&] {
      int has_pools = 0;
      check(cudaDeviceGetAttribute(&has_pools, cudaDevAttrMemoryPoolsSupported, device.id), device,
            "cudaDeviceGetAttribute");
      require(has_pools != 0, ErrorCode::kUnsupported,
              "{} has no memory pools: headrace needs a GPU and a driver that have them",
              device.to_string());
      cudaMemPool_t pool = nullptr;
      check(cudaDeviceGetDefaultMemPool(&pool, device.id), device, "cudaDeviceGetDefaultMemPool");
      // Freed memory stays with the pool: the next Run wants as much.
      uint64_t keep = UINT64_MAX;
      check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep), device,
            "cudaMemPoolSetAttribute");
      check(cudaStreamCreateWithFlags(&state.queue, cudaStreamNonBlocking), device,
            "cudaStreamCreateWithFlags");
    });
    return state.queue;
  }

  std::once_flag counted_;
  int count_ = 0;
  std::string why_none_;
  std::deque<DeviceState> devices_;  // a deque: its elements cannot move
};

}  // namespace

DeviceBackend& backend() {
  // Never destroyed: buffers may outlive it, in static objects.
  static auto& instance = *new CudaBackend;
  return instance;
}

}  // namespace headrace::cuda
