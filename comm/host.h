#pragma once

#include <span>
#include <string>
#include <string_view>

namespace headrace::comm {

/// The machine that this process runs on: processes that say the same share its cores. Of a name
/// and what its kernel calls this boot, so that two machines with one name differ.
std::string this_machine();

/// What counts as one host: processes that say the same reach each other without a network, and
/// share the way out. A machine has one, or one for each of its network namespaces: containers.
std::string this_host();

/// Whether a numeric address is reached from this machine alone: 127.0.0.0/8 or ::1, also as
/// ::ffff:127.x.
bool is_loopback(std::string_view address);

/// The numeric address that `host` sees of this machine: that of the interface on the way there.
/// Throws kUnavailable where the name is not known or no way leads there.
std::string address_towards(const std::string& host);

/// Ranks per host, given the host of each rank in order, if all hosts have the same number of ranks
/// and these are numbered host by host; else 1, because then there is nothing to build on.
int ranks_per_host(std::span<const std::string> hosts);

}  // namespace headrace::comm
