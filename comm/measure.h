#pragma once

#include <cstddef>

#include "comm/cost.h"
#include "comm/group.h"

namespace headrace::comm {

struct MeasureOptions {
  size_t longest = size_t{16} << 20;  // bytes of the message that gives beta
  int repeats = 50;
};

/// What messages between the two ranks of `pair` cost; both call it, and both get figures, of which
/// the caller takes one rank's. The lowest tenth of `repeats` (of ten times as many for alpha):
/// alpha from round trips of 4 bytes, beta from what the bytes of the longest message add, gamma
/// from reducing as many on this rank. Threads should have a core each.
Cost measure(Group& pair, const MeasureOptions& options = {});

}  // namespace headrace::comm
