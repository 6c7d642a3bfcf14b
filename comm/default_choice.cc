#include "comm/default_choice.h"

#include <string>

#include "comm/cost.h"

namespace headrace::comm {

GroupOptions with_choice(GroupOptions options, const Transport& transport) {
  const bool one_host = transport.ranks_on_host() == transport.size();
  std::string table(transport.name());
  if (table == "tcp" && one_host) table = "tcp-loopback";
  if (!options.costs) options.costs = built_in_table(table);
  if (!options.choose) options.choose = chooser(*options.costs, options.ranks_per_host);
  return options;
}

}  // namespace headrace::comm
