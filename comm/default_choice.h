#pragma once

#include "comm/cost.h"
#include "comm/group.h"
#include "comm/transport/transport.h"

namespace headrace::comm {

/// Who is where, the same on all ranks of a group: all know alike whether they are on one host,
/// which makes a difference, and then also how many share a core.
Layout layout_of(const Transport& transport, int ranks_per_host);

/// The options, with the choice of algorithms by their table of costs where they have none, and
/// that by the table that comes with the transport.
GroupOptions with_choice(GroupOptions options, const Transport& transport);

}  // namespace headrace::comm
