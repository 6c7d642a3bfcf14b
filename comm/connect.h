#pragma once

#include <memory>
#include <string>

#include "comm/group.h"
#include "comm/store.h"
#include "comm/transport/mesh.h"

namespace headrace::comm {

/// Connects all ranks that share `store` over TCP. `lanes` is a multiple of group.concurrent: a
/// collective has lanes / concurrent connections to each peer, over which its messages take turns.
/// 0: one for each that may be under way.
std::unique_ptr<Group> connect_tcp_group(const MeshOptions& mesh, const GroupOptions& group,
                                         Store& store, int lanes = 0);

}  // namespace headrace::comm
