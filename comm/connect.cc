#include "comm/connect.h"

#include "comm/cost.h"
#include "comm/launch_environment.h"
#include "comm/transport/shm.h"
#include "comm/transport/tcp.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

/// What a collective costs is rank 0's word, so that all ranks choose alike.
GroupOptions with_costs(GroupOptions options, const MeshOptions& mesh, Store& store) {
  if (options.choose || options.costs || mesh.size == 1) return options;
  if (mesh.rank == 0) {
    const auto path = environment_variable("HEADRACE_COSTS");
    store.set("costs", path ? to_json(read_table(*path)) : "");
  }
  const std::string text = store.get("costs", deadline_in(mesh.timeout));
  if (text.empty()) return options;
  options.costs = table_from_json(text, "rank 0's table of costs");
  return options;
}

}  // namespace

std::unique_ptr<Group> connect_group(std::string_view transport, const MeshOptions& mesh,
                                     const GroupOptions& group, Store& store, int lanes) {
  if (lanes == 0) lanes = group.concurrent;
  require(lanes > 0 && lanes % group.concurrent == 0, ErrorCode::kInvalidArgument,
          "the lanes between two ranks are a multiple of the collectives under way at once ({}), "
          "not {}",
          group.concurrent, lanes);
  require(transport == "tcp" || transport == "shm", ErrorCode::kInvalidArgument,
          "ranks are connected by tcp or shm, not '{}'", transport);
  const GroupOptions options = with_costs(group, mesh, store);
  return std::make_unique<Group>(
      transport == "tcp" ? connect_tcp(mesh, lanes, store) : connect_shm(mesh, lanes, store),
      options);
}

}  // namespace headrace::comm
