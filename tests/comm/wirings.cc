#include "tests/comm/wirings.h"

namespace headrace::comm {

std::vector<Wiring> wirings() { return {{"inproc", make_inproc_groups}}; }

}  // namespace headrace::comm
