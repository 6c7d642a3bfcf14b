#pragma once

#include <string>
#include <vector>

namespace headrace {

class NetDef;

/// The net without the operators and external inputs that none of `blobs`, as they leave the net,
/// is made of. External outputs are dropped. The order stays.
NetDef pruned_to(const NetDef& net, const std::vector<std::string>& blobs);

}  // namespace headrace
