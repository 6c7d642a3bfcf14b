#include "comm/connect.h"

#include "comm/transport/shm.h"
#include "comm/transport/tcp.h"
#include "core/error.h"

namespace headrace::comm {

std::unique_ptr<Group> connect_group(std::string_view transport, const MeshOptions& mesh,
                                     const GroupOptions& group, Store& store, int lanes) {
  if (lanes == 0) lanes = group.concurrent;
  require(lanes > 0 && lanes % group.concurrent == 0, ErrorCode::kInvalidArgument,
          "the lanes between two ranks are a multiple of the collectives under way at once ({}), "
          "not {}",
          group.concurrent, lanes);
  require(transport == "tcp" || transport == "shm", ErrorCode::kInvalidArgument,
          "ranks are connected by tcp or shm, not '{}'", transport);
  return std::make_unique<Group>(
      transport == "tcp" ? connect_tcp(mesh, lanes, store) : connect_shm(mesh, lanes, store),
      group);
}

}  // namespace headrace::comm
