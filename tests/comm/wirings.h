#pragma once

#include <vector>

#include "tests/comm/ranks.h"

namespace headrace::comm {

/// Every way in which ranks of one process can be connected.
std::vector<Wiring> wirings();

}  // namespace headrace::comm
