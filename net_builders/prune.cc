#include "net_builders/prune.h"

#include <algorithm>
#include <set>

#include "core/proto/net.pb.h"

namespace headrace {

NetDef pruned_to(const NetDef& net, const std::vector<std::string>& blobs) {
  std::set<std::string> needed(blobs.begin(), blobs.end());
  std::vector<bool> keep(net.op_size());
  for (int i = net.op_size() - 1; i >= 0; --i) {
    const OperatorDef& op = net.op(i);
    keep[i] = std::ranges::any_of(op.output(), [&](auto& name) { return needed.contains(name); });
    if (!keep[i]) continue;
    // What it writes was another value before, needed only if it reads that one.
    for (const std::string& name : op.output()) needed.erase(name);
    needed.insert(op.input().begin(), op.input().end());
  }
  NetDef pruned = net;
  pruned.clear_op();
  pruned.clear_external_input();
  pruned.clear_external_output();
  for (int i = 0; i < net.op_size(); ++i) {
    if (keep[i]) *pruned.add_op() = net.op(i);
  }
  for (const std::string& name : net.external_input()) {
    if (needed.contains(name)) pruned.add_external_input(name);
  }
  return pruned;
}

}  // namespace headrace
