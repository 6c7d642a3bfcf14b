#include "comm/default_choice.h"

#include <string>

#include "comm/cost.h"

namespace headrace::comm {

GroupOptions with_choice(GroupOptions options, const Transport& transport) {
  if (options.choose) return options;
  const bool one_host = transport.ranks_on_host() == transport.size();
  std::string table(transport.name());
  if (table == "tcp" && one_host) table = "tcp-loopback";
  options.choose = chooser(built_in_table(table), options.ranks_per_host);
  return options;
}

}  // namespace headrace::comm
