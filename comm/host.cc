#include "comm/host.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <unordered_set>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "comm/store/socket.h"
#include "core/error.h"

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

bool is_loopback(std::string_view address) {
  const std::string text(address);
  in_addr four{};
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  in6_addr six{};
  if (inet_pton(AF_INET6, text.c_str(), &six) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&six)) return six.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&six);
}

std::string address_towards(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), "9", &hints, &found);
  require(error == 0, ErrorCode::kUnavailable, "no address is known for the host '{}': {}", host,
          gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> guard(found, &freeaddrinfo);
  // A datagram socket that is connected sends nothing; it only looks for the way.
  const Descriptor socket(::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage own{};
  socklen_t length = sizeof own;
  std::array<char, NI_MAXHOST> text{};
  require(socket && connect(socket.number(), found->ai_addr, found->ai_addrlen) == 0 &&
              getsockname(socket.number(), reinterpret_cast<sockaddr*>(&own), &length) == 0 &&
              getnameinfo(reinterpret_cast<sockaddr*>(&own), length, text.data(), text.size(),
                          nullptr, 0, NI_NUMERICHOST) == 0,
          ErrorCode::kUnavailable,
          "there is no way from here to '{}': {}; say how this machine is "
          "reached (--address of headrace launch, else --interface)",
          host, std::strerror(errno));
  return text.data();
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
