#pragma once

#include <memory>
#include <vector>

#include "comm/transport/transport.h"

namespace headrace::comm {

/// Transports between threads of one process. A message is a view of its sender's memory, which the
/// receiver reads: nothing is copied twice. kMessagesInFlight messages per direction and lane are
/// the credit.
std::vector<std::unique_ptr<Transport>> make_inproc_transports(int size, int lanes);

}  // namespace headrace::comm
