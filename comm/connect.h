#pragma once

#include <memory>
#include <string_view>

#include "comm/group.h"
#include "comm/store.h"
#include "comm/transport/mesh.h"

namespace headrace::comm {

/// Connects all ranks that share `store`, over "tcp" or "shm" (ranks of one host). `lanes` is a
/// multiple of group.concurrent: a collective has lanes / concurrent of them to each peer, over
/// which its messages take turns. 0: one for each that may be under way. Throws like
/// connect_mesh(), and kInvalidArgument for another transport or number of lanes.
///
/// Where `group` does not choose algorithms, the table of costs in the file that HEADRACE_COSTS
/// names on rank 0 does, on all ranks; without one that of the transport.
std::unique_ptr<Group> connect_group(std::string_view transport, const MeshOptions& mesh,
                                     const GroupOptions& group, Store& store, int lanes = 0);

/// The same over TCP.
inline std::unique_ptr<Group> connect_tcp_group(const MeshOptions& mesh, const GroupOptions& group,
                                                Store& store) {
  return connect_group("tcp", mesh, group, store);
}

}  // namespace headrace::comm
