#include "comm/host.h"

#include <array>
#include <fstream>
#include <unordered_set>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace headrace::comm {

std::string this_machine() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  // Where the kernel does not say it, the name has to do.
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  return fmt::format("{}/{}", name.data(), boot);
}

std::string this_host() {
  struct stat status {};
  const bool known = ::stat("/proc/self/ns/net", &status) == 0;
  return fmt::format("{}/{}", this_machine(), known ? status.st_ino : 0);
}

int ranks_per_host(std::span<const std::string> hosts) {
  size_t first = 1;  // ranks of the first host
  while (first < hosts.size() && hosts[first] == hosts[0]) ++first;
  if (hosts.empty() || hosts.size() % first != 0) return 1;
  std::unordered_set<std::string> seen;
  for (size_t i = 0; i < hosts.size(); ++i) {
    const bool starts = i % first == 0;
    if (starts ? !seen.insert(hosts[i]).second : hosts[i] != hosts[i - 1]) return 1;
  }
  return static_cast<int>(first);
}

}  // namespace headrace::comm
