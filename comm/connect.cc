#include "comm/connect.h"

#include "comm/transport/tcp.h"
#include "core/error.h"

namespace headrace::comm {

std::unique_ptr<Group> connect_tcp_group(const MeshOptions& mesh, const GroupOptions& group,
                                         Store& store, int lanes) {
  if (lanes == 0) lanes = group.concurrent;
  require(lanes > 0 && lanes % group.concurrent == 0, ErrorCode::kInvalidArgument,
          "the connections between two ranks are a multiple of the collectives under way at once "
          "({}), not {}",
          group.concurrent, lanes);
  return std::make_unique<Group>(connect_tcp(mesh, lanes, store), group);
}

}  // namespace headrace::comm
