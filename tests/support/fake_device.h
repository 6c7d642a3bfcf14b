#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "core/device_backend.h"

namespace headrace::testing {

/// A device without hardware, in the place of the GPUs for as long as this lives: each stream is a
/// thread that does what was queued, in order and after short random delays. Its rules are those of
/// CUDA, and breaking one is an error or a crash here too: the CPU cannot read the device's memory
/// (its addresses are not canonical), kernels run on the current device only, and copies to the
/// host need pinned memory.
class FakeDevices final : public DeviceBackend {
 public:
  /// kHidden: only in_kernel() makes an address one that can be used. kPlain: for kernels that are
  /// real CUDA sources, compiled for the CPU (tests/cuda_emulation).
  enum class Memory { kHidden, kPlain };

  explicit FakeDevices(int count = 1, Memory memory = Memory::kHidden);
  ~FakeDevices() override;
  FakeDevices(const FakeDevices&) = delete;
  FakeDevices& operator=(const FakeDevices&) = delete;

  /// Queues a kernel. One that throws fails the stream: from then on nothing runs, and whoever
  /// waits gets the error.
  static void launch(Stream stream, std::function<void()> kernel);
  /// What a kernel reads and writes at an address of the device.
  template <typename T>
  static T* in_kernel(T* address) {
    return reinterpret_cast<T*>(untag(reinterpret_cast<uintptr_t>(address)));
  }

  /// How many notify() calls there were, and copies to, from and between devices.
  int notifications() const { return notifications_; }
  int copies() const { return copies_; }
  /// Buffers of devices that have not been freed.
  int live_buffers() const { return live_; }

  int device_count() override { return count_; }
  std::string why_none() override { return ""; }
  std::shared_ptr<Buffer> allocate(size_t bytes, Device device) override;
  std::shared_ptr<Buffer> allocate_pinned(size_t bytes, Device device) override;
  void copy(Device device, void* target, const void* source, size_t bytes) override;
  void* create_stream(Device device) override;
  void destroy_stream(Stream stream) noexcept override;
  void* create_event(Device device, EventOptions options) override;
  void destroy_event(Event event) noexcept override;
  void make_current(Device device) override;
  void record(Event event, Stream stream) override;
  void wait(Stream stream, Event event) override;
  float elapsed_ms(Event from, Event to) override;
  void copy_async(Stream stream, void* target, const void* source, size_t bytes) override;
  void notify(Stream stream, Completion done) override;
  void synchronize(Stream stream) override;

 private:
  class DeviceMemory;
  class PinnedMemory;

  static uintptr_t untag(uintptr_t address);
  void require_device(Device device) const;
  bool is_reachable(const void* begin, size_t bytes);
  void add(const Buffer* buffer);
  void remove(const Buffer* buffer);

  const int count_;
  const Memory memory_;
  DeviceBackend& real_;
  std::atomic<int> notifications_{0};
  std::atomic<int> copies_{0};
  std::atomic<int> live_{0};
  std::mutex mutex_;
  std::vector<const Buffer*> reachable_;  // what a copy may touch: of devices, and pinned
};

}  // namespace headrace::testing
