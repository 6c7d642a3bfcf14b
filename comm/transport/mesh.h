#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "comm/secret.h"
#include "comm/store.h"
#include "comm/store/socket.h"

namespace headrace::comm {

struct MeshOptions {
  int rank = 0;
  int size = 1;
  std::string job = "headrace";  // at most 64 bytes; ranks of different jobs refuse each other
  uint64_t epoch = 0;            // how often the job was started again
  /// Where this rank listens and calls from, and what it tells others: a numeric address.
  std::string address = "127.0.0.1";
  /// Ranks that say the same are on one host (comm/host.h). Empty: what this_host() says.
  std::string host;
  Secret secret;
  bool insecure = false;  // without a secret also where others than this machine can connect
  int channels = 1;       // connections between each two ranks, at most 1000
  double timeout = 60;    // seconds until all of them stand
  /// The congestion control of all connections (tcp(7), TCP_CONGESTION). "auto" is reno on
  /// loopback, because some others pace even there, and the system's elsewhere.
  std::string congestion = "auto";
  /// Hears of connections that are refused while this rank waits, and of memory that it cannot read
  /// (shm.h). Empty: nobody.
  std::function<void(const std::string&)> warn;
};

/// Connections of one rank to all others, each proved by the job's secret: channel c to rank r is
/// sockets[r][c]. Those to itself are empty.
struct Mesh {
  std::vector<std::vector<Descriptor>> sockets;
  std::string congestion;  // of the sockets
  int ranks_on_host = 1;   // of this machine, and the cores that one or another of them may use
  int cores_on_host = 1;
  int ranks_per_host = 1;  // as ranks_per_host() says, the same on all ranks
};

/// Connects all ranks that share the store, each to each: every rank calls those below it at once
/// and is called by those above. While it waits it shrugs off strangers: whoever does not say
/// hello within five seconds, or says anything else, is cut off and not waited for.
///
/// Throws kTimeout naming the ranks that are missing, and who was refused; kUnavailable if this
/// rank is refused, with the reason; kInvalidArgument for options that make no sense; and what the
/// store throws.
Mesh connect_mesh(const MeshOptions& options, Store& store);

}  // namespace headrace::comm
