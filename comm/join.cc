#include "comm/join.h"

#include <array>
#include <memory>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include "comm/connect.h"
#include "comm/host.h"
#include "comm/inproc_meeting.h"
#include "comm/launch_environment.h"
#include "comm/secret.h"
#include "comm/store/host_of.h"
#include "comm/timeout.h"
#include "comm/wire/hello.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

bool is_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes;
  return inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

/// The IPv4 address of a network interface, else its IPv6 address.
std::string address_of(const std::string& interface) {
  ifaddrs* list = nullptr;
  require(getifaddrs(&list) == 0, ErrorCode::kIo, "cannot list the network interfaces");
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  for (const int family : {AF_INET, AF_INET6}) {
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
      if (entry->ifa_addr == nullptr || entry->ifa_name != interface) continue;
      if (entry->ifa_addr->sa_family != family) continue;
      const void* address =
          family == AF_INET
              ? static_cast<const void*>(&reinterpret_cast<sockaddr_in*>(entry->ifa_addr)->sin_addr)
              : &reinterpret_cast<sockaddr_in6*>(entry->ifa_addr)->sin6_addr;
      std::array<char, INET6_ADDRSTRLEN> text{};
      inet_ntop(family, address, text.data(), text.size());
      return text.data();
    }
  }
  fail(ErrorCode::kNotFound,
       "there is no network interface '{}' with an address ('ip address' lists them)", interface);
}

/// Where this rank listens if nobody says it: on the way to the store's host, by which others come
/// too. Without a secret only this machine is spoken to.
std::string default_address(const MeshOptions& mesh, const Store& store) {
  const std::string host = host_of(store);
  if (host.empty() || (mesh.secret.empty() && !mesh.insecure)) return mesh.address;
  const std::string address = address_towards(host);
  return is_loopback(address) ? mesh.address : address;
}

MeshOptions mesh_options(const JoinOptions& options, uint64_t epoch, const Store& store) {
  MeshOptions mesh{.rank = options.rank,
                   .size = options.size,
                   // Of a longer name, which may be that of a blob, all ranks make the same.
                   .job = options.name.size() <= kMaxJob ? options.name : sha256(options.name),
                   .epoch = epoch,
                   .secret = Secret::from_environment(),
                   .insecure = options.insecure,
                   .timeout = options.timeout,
                   .warn = options.warn};
  mesh.host = environment_variable("HEADRACE_HOST").value_or("");
  if (!options.interface.empty()) {
    mesh.address =
        is_address(options.interface) ? options.interface : address_of(options.interface);
  } else if (const auto address = environment_variable("HEADRACE_ADDRESS")) {
    mesh.address = *address;
  } else {
    mesh.address = default_address(mesh, store);
  }
  return mesh;
}

uint64_t epoch_of(const JoinOptions& options) {
  if (options.epoch) return *options.epoch;
  const auto text = environment_variable("HEADRACE_EPOCH");
  return text ? std::stoul(*text) : 0;
}

}  // namespace

void check_transport(const std::string& transport) {
  require(
      transport == "auto" || transport == "tcp" || transport == "shm" || transport == "inproc",
      ErrorCode::kUnsupported,
      "there is no transport '{}'; expected tcp, shm (ranks of one host), inproc (ranks that are "
      "threads of one process) or auto (shm where the launcher says that all are on one host, "
      "else tcp)",
      transport);
}

std::shared_ptr<Group> join(const JoinOptions& options, std::shared_ptr<Store> store) {
  check_transport(options.transport);
  require(options.rank >= 0 && options.rank < options.size, ErrorCode::kInvalidArgument,
          "rank {} is not one of the {} ranks from 0", options.rank, options.size);
  require_timeout(options.timeout, "the timeout of a world");
  GroupOptions group = options.group;
  group.timeout = options.timeout;
  if (options.size == 1) return std::move(make_inproc_groups(1, group).front());
  require(store != nullptr, ErrorCode::kInvalidArgument, "{} ranks need a store to find each other",
          options.size);
  // A store that outlives the job still holds what its earlier starts have written.
  const uint64_t epoch = epoch_of(options);
  const std::shared_ptr<Store> apart =
      make_prefix_store(std::move(store), fmt::format("{}/{}/", options.name, epoch));
  if (options.transport == "inproc") return meet_in_process(options, group, *apart);
  const bool open = options.transport == "auto";
  return connect_group(open ? transport_for(launched_on_one_host()) : options.transport,
                       mesh_options(options, epoch, *apart), group, *apart);
}

}  // namespace headrace::comm
