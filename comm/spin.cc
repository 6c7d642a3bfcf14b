#include "comm/spin.h"

#include <charconv>

#include <fmt/format.h>

namespace headrace::comm {

cpu_set_t usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  // Fails where there are more cores than the set has room for; then one is as good as known.
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) CPU_SET(0, &cores);
  return cores;
}

int usable_core_count() {
  const cpu_set_t cores = usable_cores();
  return CPU_COUNT(&cores);
}

std::string to_text(const cpu_set_t& cores) {
  std::string text;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &cores)) text += fmt::format("{}{}", text.empty() ? "" : ",", core);
  }
  return text;
}

void add_cores(std::string_view text, cpu_set_t& cores) {
  while (!text.empty()) {
    int core = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), core);
    if (error == std::errc() && core >= 0 && core < CPU_SETSIZE) CPU_SET(core, &cores);
    const size_t comma = text.find(',');
    if (comma == text.npos) return;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace headrace::comm
