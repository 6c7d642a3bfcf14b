#pragma once

#include "comm/group.h"
#include "comm/transport/transport.h"

namespace headrace::comm {

/// The options, with the choice of algorithms by their table of costs where they have none, and
/// that by the table that comes with the transport. The same on all ranks of a group: whether all
/// of them are on one host, which makes a difference, they know alike.
GroupOptions with_choice(GroupOptions options, const Transport& transport);

}  // namespace headrace::comm
