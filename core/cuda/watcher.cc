#include "core/cuda/watcher.h"

#include <exception>

#include "core/cuda/check.h"

namespace headrace::cuda {

Watcher::~Watcher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  arrived_.notify_one();
  if (thread_.joinable()) thread_.join();
  for (cudaEvent_t event : idle_) cudaEventDestroy(event);
}

void Watcher::notify(Completion done) {
  const cudaEvent_t event = take_event();
  const cudaError_t recorded = cudaEventRecord(event, stream_);
  {
    const std::lock_guard lock(mutex_);
    if (recorded == cudaSuccess) {
      points_.push_back({event, done});
    } else {
      idle_.push_back(event);
    }
  }
  check(recorded, device_, "cudaEventRecord");
  arrived_.notify_one();
}

cudaEvent_t Watcher::take_event() {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) thread_ = std::thread([this] { watch(); });
  if (!idle_.empty()) {
    const cudaEvent_t event = idle_.back();
    idle_.pop_back();
    return event;
  }
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync), device_,
        "cudaEventCreateWithFlags");
  return event;
}

void Watcher::watch() {
  cudaSetDevice(device_.id);  // a failure shows below, for each point
  std::unique_lock lock(mutex_);
  for (;;) {
    arrived_.wait(lock, [this] { return stop_ || !points_.empty(); });
    if (points_.empty()) return;
    const Point point = points_.front();
    points_.pop_front();
    lock.unlock();
    std::exception_ptr error;
    try {
      check(cudaEventSynchronize(point.event), device_, "work queued on a stream");
    } catch (...) {
      error = std::current_exception();
    }
    point.done(std::move(error));
    lock.lock();
    idle_.push_back(point.event);
  }
}

}  // namespace headrace::cuda
