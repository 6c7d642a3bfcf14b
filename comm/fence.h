#pragma once

#include <atomic>

namespace headrace::comm {

/// What this thread has stored is seen by others before it loads anything more. For two threads of
/// which each first says something and then looks for what the other says.
inline void full_fence() {
#if defined(__SANITIZE_THREAD__)
  // It knows no fences. What this orders are atomics, so that it need not.
  static std::atomic<int> any{0};
  any.exchange(0);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace headrace::comm
