#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <cuda_runtime_api.h>

#include "core/completion.h"
#include "core/device.h"

namespace headrace::cuda {

/// Tells when a stream has passed a point: a thread that sleeps in the driver, one per stream,
/// started by the first call. Unlike a host function queued on the stream it holds up nothing that
/// is queued behind the point, and it also learns of a device that has failed. Thread-safe.
class Watcher {
 public:
  Watcher(Device device, cudaStream_t stream) : device_(device), stream_(stream) {}
  /// Delivers what is outstanding first.
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  /// Calls `done`, on the watcher's thread, when what is queued on the stream now has ended.
  void notify(Completion done);

 private:
  struct Point {
    cudaEvent_t event;
    Completion done;
  };

  cudaEvent_t take_event();
  void watch();

  const Device device_;
  const cudaStream_t stream_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Point> points_;
  std::vector<cudaEvent_t> idle_;  // events to use again
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace headrace::cuda
