#include "comm/default_choice.h"

#include <algorithm>

namespace headrace::comm {
namespace {

CostTable default_table(const Transport& transport) {
  const bool loopback = transport.name() == "tcp" && transport.ranks_per_host() == transport.size();
  return built_in_table(loopback ? "tcp-loopback" : transport.name());
}

}  // namespace

Layout layout_of(const Transport& transport, int ranks_per_host) {
  Layout layout{.size = transport.size(),
                .ranks_per_host = ranks_per_host > 0 ? ranks_per_host : transport.ranks_per_host()};
  if (transport.ranks_on_host() == transport.size()) {
    layout.ranks_per_core =
        std::max(1.0, static_cast<double>(transport.size()) / transport.cores_on_host());
  }
  return layout;
}

GroupOptions with_choice(GroupOptions options, const Transport& transport) {
  if (!options.costs) options.costs = default_table(transport);
  const Layout layout = layout_of(transport, options.ranks_per_host);
  options.ranks_per_host = layout.ranks_per_host;
  if (!options.choose) {
    options.choose = chooser(*options.costs, layout);
  }
  return options;
}

}  // namespace headrace::comm
