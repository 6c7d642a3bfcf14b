#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "comm/group.h"
#include "comm/store.h"

namespace headrace::comm {

/// How the ranks of a group are to be connected.
struct JoinOptions {
  /// The same on all ranks, and not that of another group over the same store and in the same
  /// epoch.
  std::string name = "world";
  int rank = 0;
  int size = 1;
  /// Or "shm", "inproc", or "auto": "shm" where a launcher says that all ranks are on one host.
  std::string transport = "tcp";
  /// Where this rank listens and what it tells others: a numeric address, or the name of a network
  /// interface. Empty: the address that the launcher gives (HEADRACE_ADDRESS), else that of the way
  /// to the store's host if it has one and the job has a secret (or `insecure`), else loopback.
  std::string interface;
  bool insecure = false;  // without a secret also where other machines can connect
  double timeout = 30;    // seconds: to connect, and of each collective
  /// Ranks of different starts of a job refuse each other. Nothing: what HEADRACE_EPOCH says.
  std::optional<uint64_t> epoch;
  GroupOptions group;  // its timeout is the one above
  /// Hears of what is odd but goes on: connections that are refused, memory of other ranks that
  /// cannot be read. Empty: nobody.
  std::function<void(const std::string&)> warn;
};

/// Throws kUnsupported for a transport there is not, naming those there are.
void check_transport(const std::string& transport);

/// Connects with all other ranks, which call it too: over TCP or shared memory, or, with "inproc",
/// as threads of this process. A world of one needs no store. The job's secret is that of the
/// environment. Throws kTimeout naming the ranks that have not come, and what connect_mesh()
/// does.
std::shared_ptr<Group> join(const JoinOptions& options, std::shared_ptr<Store> store);

}  // namespace headrace::comm
