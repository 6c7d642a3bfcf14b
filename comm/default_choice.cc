#include "comm/default_choice.h"

#include <algorithm>

namespace headrace::comm {
namespace {

bool on_one_host(const Transport& transport) {
  return transport.ranks_on_host() == transport.size();
}

CostTable default_table(const Transport& transport) {
  const bool loopback = transport.name() == "tcp" && on_one_host(transport);
  return built_in_table(loopback ? "tcp-loopback" : transport.name());
}

}  // namespace

Layout layout_of(const Transport& transport, int ranks_per_host) {
  Layout layout{.size = transport.size(), .ranks_per_host = ranks_per_host};
  if (on_one_host(transport)) {
    // With sockets there may be a network in between all the same: containers, namespaces.
    if (ranks_per_host == 1 && transport.name() != "tcp") layout.ranks_per_host = transport.size();
    layout.ranks_per_core =
        std::max(1.0, static_cast<double>(transport.size()) / transport.cores_on_host());
  }
  return layout;
}

GroupOptions with_choice(GroupOptions options, const Transport& transport) {
  if (!options.costs) options.costs = default_table(transport);
  const Layout layout = layout_of(transport, options.ranks_per_host);
  if (!options.choose) {
    options.choose = chooser(*options.costs, layout.ranks_per_host, layout.ranks_per_core);
  }
  return options;
}

}  // namespace headrace::comm
