#pragma once

#include <memory>

#include "comm/join.h"

namespace headrace::comm {

/// Connects ranks that are threads of this process. The store, which is this world's
/// alone, says which of them belong together. Throws kTimeout when a rank does not find rank 0 in
/// time.
std::shared_ptr<Group> meet_in_process(const JoinOptions& options, const GroupOptions& group,
                                       Store& store);

}  // namespace headrace::comm
