#pragma once

#include <map>
#include <string>
#include <vector>

namespace headrace::tools {

inline constexpr int kMostRanks = 1 << 20;  // of a launch

/// A host and how many ranks it takes.
struct Place {
  std::string host;  // empty: this machine
  int slots = 1;
};

/// "a,b:2,[fe80::1]:4": hosts with their slots, 1 where none are named. Throws
/// CLI::ValidationError.
std::vector<Place> parse_hosts(const std::string& text);

/// `ranks` filled into the places in order (0: all slots); places without a rank are left out.
/// Throws CLI::ValidationError if there are not enough.
std::vector<Place> fill(std::vector<Place> places, int ranks);

/// True for "localhost", loopback addresses and this machine's own name.
bool is_this_machine(const std::string& host);

using Environment = std::map<std::string, std::string>;

/// Ranks that one host runs, and how: what an agent on another host gets over its standard input,
/// secret included, as one line of JSON.
struct Share {
  int first_rank = 0;
  int count = 1;
  Environment environment;  // of all ranks: HEADRACE_WORLD_SIZE, HEADRACE_SECRET, ...
  std::string folder;       // working directory
  std::vector<std::string> command;
  double grace = 5;  // seconds between SIGTERM and SIGKILL
  bool prefix = true;

  /// Variables of one of its ranks.
  Environment of_rank(int local_rank) const;
};

std::string to_json(const Share& share);
/// Throws Error (kCorrupt).
Share share_from_json(const std::string& text);

}  // namespace headrace::tools
