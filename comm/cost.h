#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "comm/collective.h"
#include "comm/program.h"

/// Which algorithm a collective takes, by what each would cost. Pure functions of what all ranks
/// know alike: no rank's measurement enters, but through a table that all have from the same place.
namespace headrace::comm {

/// What a message costs, in seconds: alpha, and for each byte beta on the wire; gamma for each byte
/// that is reduced. The model is that of the literature (Thakur, Rabenseifner and Gropp, 2005): a
/// rank sends one message at a time and receives one at a time.
struct Cost {
  double alpha = 0;
  double beta = 0;
  double gamma = 0;
  bool operator==(const Cost&) const = default;
};

/// Between ranks of one host, and between hosts.
struct CostTable {
  std::string name;  // where it is from: "shm, built in"
  Cost within;
  Cost between;
  /// Ranks of a host read messages from each other's memory. Without that, through sockets, all do
  /// not send to all at once. It stands here because ranks that choose by one table choose alike,
  /// whatever connects them.
  bool shares_memory = false;
  bool operator==(const CostTable&) const = default;
};

/// The tables that ship: "inproc", "shm", "tcp-loopback" and "tcp" (10 Gbit/s between hosts). Any
/// other name: "generic". They are good enough to rank algorithms by; `headrace tune` measures a
/// cluster.
CostTable built_in_table(std::string_view transport);

/// As a file: JSON with the keys "name", "within" and "between", each of these with "alpha_us",
/// "beta_ns_per_byte" and "gamma_ns_per_byte", and "shares_memory", true or, like none, false.
/// `what` names it in errors (kCorrupt).
std::string to_json(const CostTable& table);
CostTable table_from_json(const std::string& text, const std::string& what);
CostTable read_table(const std::string& path);
void write_table(const std::string& path, const CostTable& table);

/// Who is where: `size` ranks, numbered host by host, `ranks_per_host` on each (1: one each; size:
/// all on one).
struct Layout {
  int size = 1;
  int ranks_per_host = 1;
  /// More than 1: that many ranks take turns on each core of their host.
  double ranks_per_core = 1;
};

/// Seconds that an algorithm takes for `bytes` in messages of `segment` bytes at most; infinity if
/// it does not do such a thing for so many ranks. Ranks of one host share its way out. Those that
/// share a core wait for their turns with each message, and move their bytes one after the other.
double predict(Kind kind, Algorithm algorithm, const Layout& layout, double bytes, double segment,
               const CostTable& table);

/// A choice and why: "ring, because 13.1 ms are predicted; halving-doubling 15.2 ms, ..."
struct ReasonedChoice {
  Choice choice;
  double seconds = 0;
  std::string reason;
};

/// The cheapest algorithm and segment. `element` is the size of one in bytes; `count` counts them.
ReasonedChoice choose(Kind kind, const Layout& layout, size_t count, size_t element,
                      const CostTable& table);

/// For GroupOptions::choose.
std::function<Choice(const Collective&, int size)> chooser(CostTable table, Layout layout);

}  // namespace headrace::comm
