#include "comm/group.h"
#include "comm/transport/inproc.h"

namespace headrace::comm {

std::vector<std::unique_ptr<Group>> make_inproc_groups(int size, const GroupOptions& options) {
  std::vector<std::unique_ptr<Group>> groups;
  for (auto& transport : make_inproc_transports(size, options.concurrent)) {
    groups.push_back(std::make_unique<Group>(std::move(transport), options));
  }
  return groups;
}

}  // namespace headrace::comm
