#pragma once

#include <string>
#include <string_view>

#include <sched.h>

namespace headrace::comm {

/// For the body of a loop that waits for somebody else: on another core, or on this one, which is
/// left to it. Measured with two ranks per core, that is more than twice as fast as sleeping.
inline void relax(bool crowded) {
  if (crowded) {
    ::sched_yield();
    return;
  }
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// The cores that this thread may run on: as a set, as text ("0,1,4"), and how many.
cpu_set_t usable_cores();
std::string to_text(const cpu_set_t& cores);
int usable_core_count();

/// Adds the cores of a text to a set. Text of others: what is no core is left out.
void add_cores(std::string_view text, cpu_set_t& cores);

}  // namespace headrace::comm
