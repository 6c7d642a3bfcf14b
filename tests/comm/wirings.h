#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "comm/transport/transport.h"
#include "tests/comm/ranks.h"

namespace headrace::comm {

/// Every way in which ranks of one process can be connected.
std::vector<Wiring> wirings();

/// Groups over transports that have to be made by all ranks at once: connect(rank) runs on a thread
/// per rank. Throws what the first of them throws.
Groups connect_threads(int size, const GroupOptions& options,
                       const std::function<std::unique_ptr<Transport>(int rank)>& connect);

/// Through shared memory.
Groups connect_shm_threads(int size, const GroupOptions& options);

/// Over TCP on loopback.
Groups connect_tcp_threads(int size, const GroupOptions& options);

}  // namespace headrace::comm
