#pragma once

#include "comm/cost.h"
#include "comm/group.h"
#include "comm/transport/transport.h"

namespace headrace::comm {

/// Who is where, the same on all ranks of a group: all know alike how many are on each host, and
/// where all are on one machine, how many share a core. `ranks_per_host` as in GroupOptions.
Layout layout_of(const Transport& transport, int ranks_per_host);

/// The options, with what is left open filled in: ranks per host as the transport knows them, the
/// choice of algorithms by the table of costs, and that by the one that comes with the transport.
GroupOptions with_choice(GroupOptions options, const Transport& transport);

}  // namespace headrace::comm
