#include "tests/support/fake_device.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <future>
#include <thread>

#include "core/completion_wait.h"
#include "core/error.h"

namespace headrace::testing {
namespace {

/// Set in every address of a device, which makes it one that no instruction can use.
constexpr uintptr_t kTag = uintptr_t{1} << 62;

bool is_device_address(const void* address) {
  return (reinterpret_cast<uintptr_t>(address) & kTag) != 0;
}

thread_local int current_device = 0;

/// A thread that does what is queued, in order.
class Queue {
 public:
  explicit Queue(Device device) : device(device) {}
  ~Queue() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    arrived_.notify_one();
    thread_.join();
  }

  void push(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      work_.push_back(std::move(work));
    }
    arrived_.notify_one();
  }

  const Device device;
  std::exception_ptr failure;  // touched by the thread alone

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      arrived_.wait(lock, [this] { return stop_ || !work_.empty(); });
      if (work_.empty()) return;
      std::function<void()> work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      dawdle();
      work();
      lock.lock();
    }
  }

  /// Often not at all, sometimes long enough that everything else overtakes.
  void dawdle() {
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    const auto choice = random_ >> 60;
    if (choice < 4) std::this_thread::sleep_for(std::chrono::microseconds(choice * 20));
  }

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> work_;
  bool stop_ = false;
  uint64_t random_ = reinterpret_cast<uintptr_t>(this);
  std::thread thread_{[this] { run(); }};
};

Queue& queue_of(Stream stream) { return *static_cast<Queue*>(stream.handle); }

/// When a point that was recorded is passed.
struct Point {
  std::promise<std::chrono::steady_clock::time_point> promise;
  std::shared_future<std::chrono::steady_clock::time_point> passed = promise.get_future().share();
};

struct FakeEvent {
  std::shared_ptr<Point> point;
  bool timed = false;
};

FakeEvent& event_of(Event event) { return *static_cast<FakeEvent*>(event.handle); }

}  // namespace

class FakeDevices::DeviceMemory final : public Buffer {
 public:
  DeviceMemory(size_t bytes, Device device, FakeDevices& owner)
      : Buffer(std::aligned_alloc(kAlignment, align_up(bytes + 1)), bytes, device),
        owner_(owner),
        memory_(data_) {
    std::memset(data_, 0xFF, bytes);  // NaN
    if (owner.memory_ == Memory::kHidden) {
      data_ = reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(data_) | kTag);
    }
    owner_.add(this);
    ++owner_.live_;
  }
  ~DeviceMemory() override {
    owner_.remove(this);
    std::free(memory_);
    --owner_.live_;
  }

 private:
  FakeDevices& owner_;
  void* const memory_;
};

class FakeDevices::PinnedMemory final : public Buffer {
 public:
  PinnedMemory(size_t bytes, FakeDevices& owner)
      : Buffer(std::aligned_alloc(kAlignment, align_up(bytes + 1)), bytes, Device{}),
        owner_(owner) {
    owner_.add(this);
  }
  ~PinnedMemory() override {
    owner_.remove(this);
    std::free(data_);
  }

 private:
  FakeDevices& owner_;
};

FakeDevices::FakeDevices(int count, Memory memory)
    : count_(count), memory_(memory), real_(replace_device_backend(DeviceKind::kCuda, *this)) {}

FakeDevices::~FakeDevices() {
  replace_device_backend(DeviceKind::kCuda, real_);
  if (!reachable_.empty()) {
    std::fprintf(stderr, "%zu buffers have outlived the device they are on\n", reachable_.size());
    std::abort();
  }
}

uintptr_t FakeDevices::untag(uintptr_t address) {
  require(address == 0 || (address & kTag) != 0, ErrorCode::kInternal,
          "a kernel was given an address of the host");
  return address & ~kTag;
}

void FakeDevices::require_device(Device device) const {
  require(device.id >= 0 && device.id < count_, ErrorCode::kUnsupported,
          "cannot use {}: there are {} devices", device.to_string(), count_);
}

void FakeDevices::add(const Buffer* buffer) {
  const std::lock_guard lock(mutex_);
  reachable_.push_back(buffer);
}

void FakeDevices::remove(const Buffer* buffer) {
  const std::lock_guard lock(mutex_);
  std::erase(reachable_, buffer);
}

bool FakeDevices::is_reachable(const void* begin, size_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto* first = static_cast<const char*>(begin);
  return std::ranges::any_of(reachable_, [&](const Buffer* buffer) {
    const auto* start = static_cast<const char*>(buffer->data());
    return first >= start && first + bytes <= start + buffer->bytes();
  });
}

void FakeDevices::launch(Stream stream, std::function<void()> kernel) {
  require(current_device == stream.device.id, ErrorCode::kInternal,
          "a kernel was launched on {} while cuda:{} was current", stream.device.to_string(),
          current_device);
  Queue& queue = queue_of(stream);
  queue.push([&queue, kernel = std::move(kernel)] {
    if (queue.failure != nullptr) return;
    try {
      kernel();
    } catch (...) {
      queue.failure = std::current_exception();
    }
  });
}

std::shared_ptr<Buffer> FakeDevices::allocate(size_t bytes, Device device) {
  require_device(device);
  return std::make_shared<DeviceMemory>(bytes, device, *this);
}

std::shared_ptr<Buffer> FakeDevices::allocate_pinned(size_t bytes, Device device) {
  require_device(device);
  return std::make_shared<PinnedMemory>(bytes, *this);
}

namespace {

void move_bytes(void* target, const void* source, size_t bytes) {
  auto host = [](auto* address) {
    return is_device_address(address) ? FakeDevices::in_kernel(address) : address;
  };
  std::memcpy(host(static_cast<char*>(target)), host(static_cast<const char*>(source)), bytes);
}

}  // namespace

void FakeDevices::copy(Device device, void* target, const void* source, size_t bytes) {
  require_device(device);
  ++copies_;
  move_bytes(target, source, bytes);
}

void* FakeDevices::create_stream(Device device) {
  require_device(device);
  return new Queue(device);
}

void FakeDevices::destroy_stream(Stream stream) noexcept { delete &queue_of(stream); }

void* FakeDevices::create_event(Device device, EventOptions options) {
  require_device(device);
  return new FakeEvent{nullptr, options.timed};
}

void FakeDevices::destroy_event(Event event) noexcept { delete &event_of(event); }

void FakeDevices::make_current(Device device) {
  require_device(device);
  current_device = device.id;
}

void FakeDevices::record(Event event, Stream stream) {
  auto point = std::make_shared<Point>();
  event_of(event).point = point;
  queue_of(stream).push([point] { point->promise.set_value(std::chrono::steady_clock::now()); });
}

void FakeDevices::wait(Stream stream, Event event) {
  if (event_of(event).point == nullptr) return;  // never recorded
  queue_of(stream).push([passed = event_of(event).point->passed] { passed.wait(); });
}

float FakeDevices::elapsed_ms(Event from, Event to) {
  require(event_of(from).timed && event_of(to).timed, ErrorCode::kInternal,
          "the events are not timed");
  const std::chrono::duration<float, std::milli> elapsed =
      event_of(to).point->passed.get() - event_of(from).point->passed.get();
  return elapsed.count();
}

void FakeDevices::copy_async(Stream stream, void* target, const void* source, size_t bytes) {
  for (const void* address : {static_cast<const void*>(target), source}) {
    require(is_reachable(address, bytes), ErrorCode::kInternal,
            "a copy from or to host memory that is not pinned waits for the device");
  }
  ++copies_;
  Queue& queue = queue_of(stream);
  queue.push([=, &queue] {
    if (queue.failure == nullptr) move_bytes(target, source, bytes);
  });
}

void FakeDevices::notify(Stream stream, Completion done) {
  ++notifications_;
  Queue& queue = queue_of(stream);
  queue.push([&queue, done] { done(queue.failure); });
}

void FakeDevices::synchronize(Stream stream) {
  CompletionWait end;
  Queue& queue = queue_of(stream);
  queue.push([&queue, done = end.completion()] { done(queue.failure); });
  if (std::exception_ptr error = end.wait()) std::rethrow_exception(error);
}

}  // namespace headrace::testing
