#include "comm/cost.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "comm/schedule/allreduce.h"

namespace headrace::comm {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kEqual = 1.025;      // closer together than predictions are right
constexpr size_t kCached = 1 << 20;   // bytes that are still in some cache a little later
constexpr double kTurn = 0.5e-6;      // what it takes the system to let another rank run
constexpr size_t kPacket = 60 << 10;  // bytes that go over loopback in one packet, with headers
constexpr size_t kKept = 512 << 10;   // bytes of a message that stay in the cache of a shared core

bool is_power(int p) { return std::has_single_bit(static_cast<unsigned>(p)); }
int lg(int p) { return std::bit_width(static_cast<unsigned>(p)) - 1; }
int ceil_lg(int p) { return std::bit_width(static_cast<unsigned>(p - 1)); }

/// Ranks that share cores and talk through sockets. What follows from it was measured with 3 to 16
/// ranks on two cores. Partners that send to each other at the same time take up to 1.6 times as
/// long if a message is more than a packet; in packets they take a little longer than a ring does,
/// and all packets of a step need one turn together.
bool is_crowded_with_sockets(const Layout& layout, const CostTable& table) {
  return layout.ranks_per_core > 1 && !table.shares_memory;
}

// Adds up phases. A step of `bytes` goes in messages of at most a segment. While one of them is
// reduced the next is on the wire, so a step takes the longest of: all its messages on the wire,
// all its reductions, and one message and its reduction (the next step needs that).
class Sum {
 public:
  Sum(const Layout& layout, double segment, const CostTable& table)
      : layout_(layout), segment_(segment), table_(table) {
    crowded_ = is_crowded_with_sockets(layout, table);
    if (!crowded_) return;
    following_ = 0.125;
    exchange_ = 1 + 0.05 * (layout.ranks_per_core - 1);
  }

  /// `steps` exchanges of `bytes` with a partner, while `leaving` ranks of a host, this one among
  /// them, talk to other hosts and share the way there; 0: nobody leaves the host.
  /// Messages of a step but the first cost `following` of alpha.
  void steps(double steps, double bytes, int leaving, bool reduces, double following = 1) {
    if (steps <= 0) return;
    const Cost& cost = leaving > 0 ? table_.between : table_.within;
    const double messages = std::max(1.0, std::ceil(bytes / segment_));
    const double wire = cost.alpha + cost.beta * std::max(leaving, 1) * bytes / messages;
    const double reduction = reduces ? cost.gamma * bytes / messages : 0;
    const double behind = (messages - 1) * (wire - (1 - following) * cost.alpha);
    if (crowded_) {
      seconds_ += steps * (wire + behind + messages * reduction);
      return;
    }
    seconds_ += steps * std::max({wire + behind, wire + reduction, messages * reduction});
    if (messages > 1) seconds_ += std::min(wire, reduction);
  }

  void ring(int size, double bytes, int leaving, bool reduces) {
    if (size == 2) return exchange(bytes / 2, leaving, reduces);
    steps(size - 1, bytes / size, leaving, reduces);
  }

  /// Two partners send `bytes` to each other.
  void exchange(double bytes, int leaving, bool reduces) {
    steps(1, bytes > segment_ ? bytes * exchange_ : bytes, leaving, reduces, following_);
  }

  /// Halving, or doubling (the same without reductions), of ranks that are `distance` apart: the
  /// nearest partner first.
  void halving(int size, double bytes, int distance, bool reduces) {
    for (int bit = 1; bit < size; bit *= 2) {
      bytes /= 2;
      exchange(bytes, leaving_to_mirrored(bit * distance), reduces);
    }
  }

  // How many ranks of one host have their partner on another, on the host that has the most:

  /// everybody's partner is so far away that it is on another host
  int leaving_all() const { return alone() ? 0 : layout_.ranks_per_host; }
  /// a ring of all ranks: the last of each host
  int leaving_in_ring() const { return alone() ? 0 : 1; }
  /// rank i's is i + distance
  int leaving_to_next(int distance) const { return std::min(distance, leaving_all()); }
  /// rank i's is i with one bit of its number flipped
  int leaving_to_mirrored(int distance) const {
    if (layout_.ranks_per_host % (2 * distance) == 0) return 0;
    return leaving(distance, [distance](int rank) { return rank ^ distance; });
  }
  /// `radix` ranks at distances of `stride` form a ring
  int leaving_in_rings(int stride, int radix) const {
    if (layout_.ranks_per_host % (stride * radix) == 0) return 0;
    return leaving(stride, [=](int rank) {
      const int digit = rank / stride % radix;
      return rank + ((digit + 1) % radix - digit) * stride;
    });
  }

  double seconds() const { return seconds_; }

 private:
  bool alone() const { return layout_.ranks_per_host == layout_.size; }

  /// Of partners that are `distance` away at least.
  template <typename Partner>
  int leaving(int distance, Partner partner) const {
    const int g = layout_.ranks_per_host;
    if (alone() || distance >= g) return leaving_all();
    int most = 0;
    for (int first = 0; first < layout_.size; first += g) {
      int count = 0;
      for (int rank = first; rank < first + g; ++rank) {
        const int other = partner(rank);
        count += other < layout_.size && other / g != first / g;
      }
      most = std::max(most, count);
    }
    return most;
  }

  Layout layout_;
  double segment_;
  const CostTable& table_;
  bool crowded_ = false;  // the same cores move and reduce: nothing is hidden behind the other
  // Where partners send to each other: part of alpha for a message behind another, and times as
  // many bytes if there are several.
  double following_ = 1;
  double exchange_ = 1;
  double seconds_ = 0;
};

double binary_blocks(Sum sum, int p, double bytes) {
  const int largest = 1 << lg(p);
  for (const bool reduces : {true, false}) sum.halving(largest, bytes, 1, reduces);
  // From block to block, both ways. The smaller one has less to halve, so that what it has to bring
  // is on its way meanwhile: what remains is the last part, and the start of so many messages.
  int larger = largest;
  for (int rest = p - largest; rest > 0;) {
    const int size = 1 << lg(rest);
    const int ratio = larger / size;
    for (const bool reduces : {true, false}) {
      const int leaving = sum.leaving_to_next(larger);
      sum.steps(1, bytes / larger, leaving, reduces);
      sum.steps(ratio - 1 - lg(ratio), 0, leaving, false);
    }
    larger = size;
    rest -= size;
  }
  return sum.seconds();
}

/// The costs where ranks share cores.
CostTable in_turns(CostTable table, double ranks_per_core) {
  if (ranks_per_core <= 1) return table;
  for (Cost* cost : {&table.within, &table.between}) {
    cost->alpha = (cost->alpha + kTurn) * ranks_per_core;
    cost->beta *= ranks_per_core;
    cost->gamma *= ranks_per_core;
  }
  return table;
}

/// Everything goes to rank 0 and comes from it. Where the ranks of one host share cores, it takes
/// two turns of all of them, and what rank 0 does with messages that are there already: an eighth
/// of alpha each.
double star(const Layout& layout, double bytes, const CostTable& table) {
  const int p = layout.size;
  if (layout.ranks_per_core <= 1 || p == 1 || layout.ranks_per_host < p) {
    const CostTable costs = in_turns(table, layout.ranks_per_core);
    Sum sum(layout, kNever, costs);
    sum.steps(p - 1, bytes, sum.leaving_all(), true);
    sum.steps(p - 1, bytes, sum.leaving_all(), false);
    return sum.seconds();
  }
  const Cost& cost = table.within;
  return 2 * in_turns(table, layout.ranks_per_core).within.alpha +
         (p - 1) * (cost.alpha / 4 + (2 * cost.beta + cost.gamma) * bytes);
}

/// As many messages as the ring, each a segment of a part. The first ones are reduced as they come;
/// from then on the next segment and what has been made of the last are on the wire together, while
/// what comes is reduced; the last results come alone. Where ranks share cores, it takes two turns
/// of all of them for every segment, and what each does with messages that are there already. Not
/// between hosts: no network likes it when all send to all at once.
double pairwise(const Layout& layout, double bytes, double segment, const CostTable& table) {
  const int p = layout.size;
  if (p > layout.ranks_per_host || !table.shares_memory) return kNever;
  const Cost& cost = table.within;
  const int others = p - 1;
  const double messages = std::max(1.0, std::ceil(bytes / p / segment));
  const double message = bytes / p / messages;
  const double wire = cost.alpha + cost.beta * message;
  const double reduction = cost.gamma * message;
  const double turns = layout.ranks_per_core;
  if (turns > 1) {
    const double moved = wire + std::max(cost.beta * message, reduction);
    return messages * (2 * in_turns(table, turns).within.alpha + turns * others * moved);
  }
  const double round = std::max(others * 2 * wire, wire + others * reduction);
  return others * (std::max(wire, reduction) + wire) + (messages - 1) * round +
         std::min(wire, reduction);
}

double allreduce(Algorithm algorithm, const Layout& layout, double bytes, double segment,
                 const CostTable& given) {
  if (algorithm == Algorithm::kPairwise) return pairwise(layout, bytes, segment, given);
  if (algorithm == Algorithm::kDirect) return star(layout, bytes, given);
  const CostTable table = in_turns(given, layout.ranks_per_core);
  const int p = layout.size;
  const int q = 1 << lg(p);
  const int g = layout.ranks_per_host;
  Sum sum(layout, segment, table);
  Sum whole(layout, kNever, table);
  switch (algorithm) {
    case Algorithm::kRing:
      for (const bool reduces : {true, false}) {
        sum.ring(p, bytes, sum.leaving_in_ring(), reduces);
      }
      return sum.seconds();
    case Algorithm::kHalvingDoubling:
      if (!is_power(p)) return kNever;
      for (const bool reduces : {true, false}) sum.halving(p, bytes, 1, reduces);
      return sum.seconds();
    case Algorithm::kFold:
      for (const bool reduces : {true, false}) {
        if (p > q) sum.steps(1, bytes, sum.leaving_to_next(q), reduces);
        sum.halving(q, bytes, 1, reduces);
      }
      return sum.seconds();
    case Algorithm::kBinaryBlocks:
      return binary_blocks(sum, p, bytes);
    case Algorithm::kMixedRadix:
      for (const bool reduces : {true, false}) {
        double left = bytes;
        int stride = 1;
        for (const int radix : radices(p)) {
          sum.ring(radix, left, sum.leaving_in_rings(stride, radix), reduces);
          left /= radix;
          stride *= radix;
        }
      }
      return sum.seconds();
    case Algorithm::kTwoLevel:
      if (g < 2 || g == p || p % g != 0) return kNever;
      for (const bool reduces : {true, false}) {
        sum.ring(g, bytes, 0, reduces);
        if (is_power(p / g)) {
          sum.halving(p / g, bytes / g, g, reduces);
        } else {
          sum.ring(p / g, bytes / g, sum.leaving_all(), reduces);
        }
      }
      return sum.seconds();
    case Algorithm::kRecursiveDoubling:
      if (p > q) whole.steps(1, bytes, whole.leaving_to_next(q), true);
      for (int bit = 1; bit < q; bit *= 2) {
        whole.steps(1, bytes, whole.leaving_to_mirrored(bit), true);
      }
      if (p > q) whole.steps(1, bytes, whole.leaving_to_next(q), false);
      return whole.seconds();
    default:
      return kNever;
  }
}

// Down a tree whole, or along a chain in segments.
double rooted(Algorithm algorithm, const Layout& layout, double bytes, double segment,
              const CostTable& table, bool reduces) {
  const bool leaves = layout.size > layout.ranks_per_host;
  const Cost& cost = leaves ? table.between : table.within;
  if (algorithm == Algorithm::kTree) {
    Sum sum(layout, kNever, table);
    for (int bit = 1; bit < layout.size; bit *= 2) {
      sum.steps(1, bytes, sum.leaving_to_mirrored(bit), reduces);
    }
    return sum.seconds();
  }
  if (algorithm != Algorithm::kChain) return kNever;
  const double messages = std::max(1.0, std::ceil(bytes / segment));
  const double wire = cost.alpha + cost.beta * bytes / messages;
  const double reduction = reduces ? cost.gamma * bytes / messages : 0;
  return (layout.size - 1) * (wire + reduction) + (messages - 1) * std::max(wire, reduction);
}

double half(Algorithm algorithm, const Layout& layout, double bytes, double segment,
            const CostTable& table, bool reduces) {
  Sum sum(layout, segment, table);
  if (algorithm == Algorithm::kRing) {
    sum.ring(layout.size, bytes, sum.leaving_in_ring(), reduces);
    return sum.seconds();
  }
  if (algorithm != Algorithm::kHalvingDoubling || !is_power(layout.size)) return kNever;
  // The farthest partner first, with the longest messages.
  for (int bit = layout.size / 2; bit > 0; bit /= 2) {
    bytes /= 2;
    sum.exchange(bytes, sum.leaving_to_mirrored(bit), reduces);
  }
  return sum.seconds();
}

double direct(Kind kind, const Layout& layout, double bytes, double segment,
              const CostTable& table) {
  Sum sum(layout, segment, table);
  if (kind == Kind::kBarrier) {
    for (int i = 0; i < ceil_lg(layout.size); ++i) {
      sum.steps(1, 0, sum.leaving_to_next(1 << i), false);
    }
  } else {
    sum.steps(layout.size - 1, bytes / layout.size, sum.leaving_all(), false);
  }
  return sum.seconds();
}

/// Partners send parts to each other.
bool is_by_exchanges(Algorithm algorithm) {
  using enum Algorithm;
  return algorithm == kHalvingDoubling || algorithm == kFold || algorithm == kBinaryBlocks ||
         algorithm == kMixedRadix;
}

/// Longest messages to choose from, in bytes.
std::vector<size_t> segments(Algorithm algorithm, bool crowded_with_sockets) {
  // What one rank has reduced the others are to fetch before it has gone to memory.
  if (algorithm == Algorithm::kPairwise) return {kCached};
  size_t longest = size_t{8} << 20;
  if (crowded_with_sockets) {
    if (is_by_exchanges(algorithm)) return {kPacket};
    if (algorithm == Algorithm::kRing) longest = kKept;
  }
  std::vector<size_t> sizes;
  for (size_t size = size_t{16} << 10; size <= longest; size *= 2) sizes.push_back(size);
  return sizes;
}

std::string time_text(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.1f} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.2f} ms", seconds * 1e3);
  return fmt::format("{:.2f} s", seconds);
}

const std::vector<Algorithm>& candidates(Kind kind) {
  using enum Algorithm;
  // Where two cost the same the first is taken: simple ones stand in front.
  static const std::vector<Algorithm> kForAllreduce = {
      kRecursiveDoubling, kHalvingDoubling, kRing,     kMixedRadix, kFold,
      kBinaryBlocks,      kTwoLevel,        kPairwise, kDirect};
  static const std::vector<Algorithm> kForHalves = {kHalvingDoubling, kRing};
  static const std::vector<Algorithm> kForRooted = {kTree, kChain};
  static const std::vector<Algorithm> kForOthers = {kDirect};
  switch (kind) {
    case Kind::kAllreduce:
      return kForAllreduce;
    case Kind::kReduceScatter:
    case Kind::kAllgather:
      return kForHalves;
    case Kind::kBroadcast:
    case Kind::kReduce:
      return kForRooted;
    default:
      return kForOthers;
  }
}

}  // namespace

double predict(Kind kind, Algorithm algorithm, const Layout& layout, double bytes, double segment,
               const CostTable& table) {
  switch (kind) {
    case Kind::kAllreduce:
      return allreduce(algorithm, layout, bytes, segment, table);
    case Kind::kReduceScatter:
    case Kind::kAllgather:
      return half(algorithm, layout, bytes, segment, table, kind == Kind::kReduceScatter);
    case Kind::kBroadcast:
    case Kind::kReduce:
      return rooted(algorithm, layout, bytes, segment, table, kind == Kind::kReduce);
    default:
      return algorithm == Algorithm::kDirect ? direct(kind, layout, bytes, segment, table) : kNever;
  }
}

ReasonedChoice choose(Kind kind, const Layout& layout, size_t count, size_t element,
                      const CostTable& table) {
  struct Candidate {
    Algorithm algorithm;
    size_t segment;
    double seconds;
  };
  const double bytes = static_cast<double>(count) * static_cast<double>(element);
  std::vector<Candidate> best;
  for (const Algorithm algorithm : candidates(kind)) {
    Candidate one{algorithm, 0, kNever};
    for (const size_t segment : segments(algorithm, is_crowded_with_sockets(layout, table))) {
      const double seconds =
          predict(kind, algorithm, layout, bytes, static_cast<double>(segment), table);
      // A longer one has to be worth it: it takes more scratch.
      if (seconds < one.seconds * (one.segment == 0 ? 1 : 0.999)) {
        one = {algorithm, segment, seconds};
      }
    }
    if (one.seconds < kNever) best.push_back(one);
  }
  std::ranges::stable_sort(best, {}, &Candidate::seconds);
  // Between ranks of one host a reduction is hidden behind the next message less well than this
  // says: the same cores do both. What is equal otherwise goes the way that moves the least through
  // memory.
  if (layout.ranks_per_host == layout.size) {
    for (const Algorithm algorithm : {Algorithm::kHalvingDoubling, Algorithm::kPairwise}) {
      const auto equal = std::ranges::find_if(best, [&](const Candidate& candidate) {
        return candidate.algorithm == algorithm &&
               candidate.seconds < kEqual * best.front().seconds;
      });
      if (equal != best.end()) std::rotate(best.begin(), equal, equal + 1);
    }
  }
  ReasonedChoice result;
  const Candidate& first = best.front();
  result.choice = {.algorithm = first.algorithm,
                   .segment = std::max<size_t>(1, first.segment / std::max<size_t>(element, 1)),
                   .ranks_per_host = layout.ranks_per_host};
  result.seconds = first.seconds;
  result.reason =
      fmt::format("{}: {} predicted", name_of(first.algorithm), time_text(first.seconds));
  for (size_t i = 1; i < std::min<size_t>(best.size(), 3); ++i) {
    result.reason += fmt::format(", {} {}", name_of(best[i].algorithm), time_text(best[i].seconds));
  }
  const int g = layout.ranks_per_host;
  const std::string where = g > 1 && g < layout.size
                                ? fmt::format("; {} ranks on each of {} hosts", g, layout.size / g)
                                : "";
  result.reason += fmt::format(" (costs: {}{})", table.name, where);
  return result;
}

std::function<Choice(const Collective&, int)> chooser(CostTable table, Layout layout) {
  return [table = std::move(table), layout](const Collective& collective, int size) {
    const DType on_wire = collective.wire == DType::kUndefined ? collective.dtype : collective.wire;
    Layout here = layout;
    here.size = size;
    if (size % here.ranks_per_host != 0) here.ranks_per_host = 1;
    return choose(collective.kind, here, collective.count, size_of(on_wire), table).choice;
  };
}

}  // namespace headrace::comm
