#include "core/cuda/backend.h"
#include "core/error.h"

namespace headrace::cuda {
namespace {

/// Has no devices. Nothing but device_count() is ever called without one.
class NoCuda final : public DeviceBackend {
 public:
  int device_count() override { return 0; }
  std::string why_none() override {
    return "this build of headrace has no CUDA: build it where a CUDA toolkit is installed "
           "(tools/setup.sh --cuda)";
  }

  std::shared_ptr<Buffer> allocate(size_t, Device device) override { refuse(device); }
  std::shared_ptr<Buffer> allocate_pinned(size_t, Device device) override { refuse(device); }
  void copy(Device device, void*, const void*, size_t) override { refuse(device); }
  void* create_stream(Device device) override { refuse(device); }
  void destroy_stream(Stream) noexcept override {}
  void* create_event(Device device, EventOptions) override { refuse(device); }
  void destroy_event(Event) noexcept override {}
  void make_current(Device device) override { refuse(device); }
  void record(Event, Stream stream) override { refuse(stream.device); }
  void wait(Stream stream, Event) override { refuse(stream.device); }
  float elapsed_ms(Event from, Event) override { refuse(from.device); }
  void copy_async(Stream stream, void*, const void*, size_t) override { refuse(stream.device); }
  void notify(Stream stream, Completion) override { refuse(stream.device); }
  void synchronize(Stream stream) override { refuse(stream.device); }

 private:
  [[noreturn]] void refuse(Device device) {
    fail(ErrorCode::kUnsupported, "cannot use {}: {}", device.to_string(), why_none());
  }
};

}  // namespace

DeviceBackend& backend() {
  static NoCuda instance;
  return instance;
}

}  // namespace headrace::cuda
