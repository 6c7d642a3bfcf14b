#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

#include "core/completion.h"

namespace headrace {

/// Waits for one asynchronous node, on a thread that has nothing else to do: no compute thread.
class CompletionWait {
 public:
  /// What the node reports its end to. This object has to live until then.
  Completion completion() { return {&CompletionWait::end, this, 0}; }

  /// Returns what was reported, null for success.
  std::exception_ptr wait() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return done_; });
    return error_;
  }

 private:
  static void end(void* self, int, std::exception_ptr error) {
    auto& mine = *static_cast<CompletionWait*>(self);
    // Notified under the lock: once that is released, the waiter may be gone.
    const std::lock_guard lock(mine.mutex_);
    mine.error_ = std::move(error);
    mine.done_ = true;
    mine.ended_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  bool done_ = false;
  std::exception_ptr error_;
};

}  // namespace headrace
