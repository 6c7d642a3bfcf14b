#include "graph/schedule.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <queue>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"

namespace headrace {
namespace {

/// Edges by source: those of node n are edges[begin[n]] ... edges[begin[n + 1] - 1], sorted by
/// target, the strictest wait of each pair only.
struct Adjacency {
  std::vector<std::size_t> begin;
  std::vector<ScheduleEdge> edges;

  std::span<const ScheduleEdge> of(std::int32_t node) const {
    return std::span(edges).subspan(begin[node], begin[node + 1] - begin[node]);
  }
};

Adjacency adjacency_of(std::span<const ScheduleNode> nodes, std::span<const ScheduleEdge> edges) {
  const auto count = static_cast<std::int32_t>(nodes.size());
  Adjacency adjacency;
  adjacency.edges.assign(edges.begin(), edges.end());
  for (ScheduleEdge& edge : adjacency.edges) {
    for (const std::int32_t end : {edge.from, edge.to}) {
      require(end >= 0 && end < count, ErrorCode::kInvalidArgument,
              "edge {} -> {} in a schedule of {} nodes", edge.from, edge.to, count);
    }
    // Other nodes are done when their start returns.
    if (nodes[edge.from].kind == NodeKind::kInline) edge.wait = EdgeWait::kDone;
  }
  const auto key = [](const ScheduleEdge& e) { return std::tuple(e.from, e.to, e.wait); };
  std::ranges::sort(adjacency.edges, std::less(), key);  // kDone first: unique() keeps it
  const auto same = [](const ScheduleEdge& a, const ScheduleEdge& b) {
    return a.from == b.from && a.to == b.to;
  };
  adjacency.edges.erase(std::ranges::unique(adjacency.edges, same).begin(), adjacency.edges.end());
  adjacency.begin.assign(nodes.size() + 1, 0);
  for (const ScheduleEdge& edge : adjacency.edges) ++adjacency.begin[edge.from + 1];
  std::partial_sum(adjacency.begin.begin(), adjacency.begin.end(), adjacency.begin.begin());
  return adjacency;
}

std::vector<std::int32_t> predecessor_counts(std::size_t nodes,
                                             std::span<const ScheduleEdge> edges) {
  std::vector<std::int32_t> counts(nodes, 0);
  for (const ScheduleEdge& edge : edges) ++counts[edge.to];
  return counts;
}

/// Fails with the nodes of one cycle among those whose counts are not zero.
[[noreturn]] void fail_with_cycle(const Adjacency& adjacency,
                                  const std::vector<std::int32_t>& unmet,
                                  function_ref<std::string(int)> name_of_node) {
  // Each unmet node has an unmet predecessor: walking back must come to a node seen before.
  std::vector<std::int32_t> before(unmet.size(), -1);
  for (const ScheduleEdge& edge : adjacency.edges) {
    if (unmet[edge.from] > 0 && unmet[edge.to] > 0) before[edge.to] = edge.from;
  }
  std::vector<bool> seen(unmet.size(), false);
  auto node = static_cast<std::int32_t>(
      std::ranges::find_if(unmet, [](std::int32_t count) { return count > 0; }) - unmet.begin());
  for (; !seen[node]; node = before[node]) seen[node] = true;
  std::vector<std::string> names{name_of_node(node)};
  for (std::int32_t at = before[node]; at != node; at = before[at]) {
    names.push_back(name_of_node(at));
  }
  names.push_back(names.front());
  std::ranges::reverse(names);
  fail(ErrorCode::kInvalidNet, "these nodes wait for each other, so none can run: {}",
       fmt::join(names, " -> "));
}

std::vector<std::int32_t> topological_order(const Adjacency& adjacency,
                                            std::vector<std::int32_t> unmet,
                                            function_ref<std::string(int)> name_of_node) {
  std::priority_queue<std::int32_t, std::vector<std::int32_t>, std::greater<>> ready;
  for (std::size_t n = 0; n < unmet.size(); ++n) {
    if (unmet[n] == 0) ready.push(static_cast<std::int32_t>(n));
  }
  std::vector<std::int32_t> order;
  order.reserve(unmet.size());
  while (!ready.empty()) {
    const std::int32_t node = ready.top();
    ready.pop();
    order.push_back(node);
    for (const ScheduleEdge& edge : adjacency.of(node)) {
      if (--unmet[edge.to] == 0) ready.push(edge.to);
    }
  }
  if (order.size() != unmet.size()) fail_with_cycle(adjacency, unmet, name_of_node);
  return order;
}

/// Removes each edge u -> v that a longer path implies. A path tells that v starts after u has
/// *started*; that it starts after u is *done* only if its first edge waits for that.
///
/// Reachability as bit sets, for a strip of target nodes at a time, so that memory stays small.
std::vector<ScheduleEdge> transitive_reduction(const Adjacency& adjacency,
                                               const std::vector<std::int32_t>& order) {
  constexpr std::size_t kMaxStripWords = 64;
  const std::size_t count = order.size();
  const std::size_t strip_words = std::min(kMaxStripWords, (count + 63) / 64);
  const std::size_t strip_bits = strip_words * 64;
  std::vector<std::int32_t> position(count);
  for (std::size_t i = 0; i < count; ++i) position[order[i]] = static_cast<std::int32_t>(i);

  std::vector<bool> implied(adjacency.edges.size(), false);
  std::vector<std::uint64_t> reach(count * strip_words);  // of a node: the strip's that follow it
  std::vector<std::uint64_t> after_done(strip_words);     // reached through an edge that waits
  for (std::size_t strip = 0; strip < count; strip += strip_bits) {
    const auto bit_of = [&](std::int32_t node) {
      return static_cast<std::size_t>(position[node]) - strip;  // huge when before the strip
    };
    std::ranges::fill(reach, 0);
    const std::size_t last = std::min(count, strip + strip_bits);
    for (std::size_t i = last; i-- > 0;) {  // sources behind the strip reach nothing in it
      const std::int32_t node = order[i];
      std::uint64_t* mine = &reach[static_cast<std::size_t>(node) * strip_words];
      std::ranges::fill(after_done, 0);
      for (const ScheduleEdge& edge : adjacency.of(node)) {
        const std::uint64_t* theirs = &reach[static_cast<std::size_t>(edge.to) * strip_words];
        for (std::size_t w = 0; w < strip_words; ++w) {
          mine[w] |= theirs[w];
          if (edge.wait == EdgeWait::kDone) after_done[w] |= theirs[w];
        }
      }
      for (std::size_t e = adjacency.begin[node]; e < adjacency.begin[node + 1]; ++e) {
        const std::size_t bit = bit_of(adjacency.edges[e].to);
        if (bit >= strip_bits) continue;
        const std::uint64_t* others =
            adjacency.edges[e].wait == EdgeWait::kDone ? after_done.data() : mine;
        if ((others[bit / 64] >> (bit % 64) & 1) != 0) implied[e] = true;
      }
      for (const ScheduleEdge& edge : adjacency.of(node)) {
        const std::size_t bit = bit_of(edge.to);
        if (bit < strip_bits) mine[bit / 64] |= std::uint64_t{1} << (bit % 64);
      }
    }
  }
  std::vector<ScheduleEdge> kept;
  for (std::size_t e = 0; e < adjacency.edges.size(); ++e) {
    if (!implied[e]) kept.push_back(adjacency.edges[e]);
  }
  return kept;
}

void rank_nodes(std::span<const ScheduleNode> nodes, const Adjacency& adjacency,
                Schedule& schedule) {
  schedule.upward_rank.assign(nodes.size(), 0);
  for (std::size_t i = nodes.size(); i-- > 0;) {
    const std::int32_t node = schedule.order[i];
    double below = 0;
    for (const ScheduleEdge& edge : adjacency.of(node)) {
      below = std::max(below, schedule.upward_rank[edge.to]);
    }
    schedule.upward_rank[node] = nodes[node].cost_ns + below;
    schedule.critical_path_ns = std::max(schedule.critical_path_ns, schedule.upward_rank[node]);
    schedule.total_ns += nodes[node].cost_ns;
  }
}

/// By node: the place in the order of the last collective that follows from it, or is it. Whoever
/// has an early one can do little but complete it; the chain of a backward pass leads to the very
/// last. Only those of its own step count, because the next one follows from everything. Nodes that
/// no collective waits for have the greatest number.
std::vector<std::int32_t> last_collectives(std::span<const ScheduleNode> nodes,
                                           const Adjacency& adjacency,
                                           const std::vector<std::int32_t>& order) {
  std::vector<std::int32_t> last(nodes.size(), -1);
  for (std::size_t i = nodes.size(); i-- > 0;) {
    const std::int32_t node = order[i];
    if (nodes[node].collective) last[node] = static_cast<std::int32_t>(i);
    for (const ScheduleEdge& edge : adjacency.of(node)) {
      if (nodes[edge.to].step == nodes[node].step) {
        last[node] = std::max(last[node], last[edge.to]);
      }
    }
  }
  std::ranges::replace(last, -1, std::numeric_limits<std::int32_t>::max());
  return last;
}

/// Gives each node with several predecessors its counters. Returns, per edge, the one it lowers.
std::vector<std::int32_t> assign_counters(std::span<const ScheduleEdge> edges, Schedule& schedule) {
  constexpr std::int32_t kGroup = 32;  // edges that share a counter
  constexpr std::size_t kPerLine = 16;
  const std::vector<std::int32_t> counts = predecessor_counts(schedule.kinds.size(), edges);

  // In the order of use; first_counter: that of the node, followed by those of its groups.
  std::vector<std::int32_t> initial;
  std::vector<std::int32_t> target;
  std::vector<std::int32_t> first_counter(counts.size(), -1);
  for (const std::int32_t node : schedule.order) {
    if (counts[node] < 2) continue;
    const auto own = static_cast<std::int32_t>(initial.size());
    first_counter[node] = own;
    target.push_back(node);
    if (counts[node] <= 2 * kGroup) {
      initial.push_back(counts[node]);
      continue;
    }
    initial.push_back((counts[node] + kGroup - 1) / kGroup);
    for (std::int32_t rest = counts[node]; rest > 0; rest -= kGroup) {
      initial.push_back(std::min(rest, kGroup));
      target.push_back(~own);
    }
  }

  // Dealt out like cards: neighbours come to lie on different cache lines.
  const std::size_t lines = (initial.size() + kPerLine - 1) / kPerLine;
  const auto place = [&](std::int32_t counter) {
    const auto i = static_cast<std::size_t>(counter);
    return static_cast<std::int32_t>(i % lines * kPerLine + i / lines);
  };
  schedule.counters.assign(lines * kPerLine, 0);
  schedule.counter_target.assign(lines * kPerLine, 0);
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(initial.size()); ++i) {
    schedule.counters[place(i)] = initial[i];
    schedule.counter_target[place(i)] = target[i] < 0 ? ~place(~target[i]) : target[i];
  }

  std::vector<std::int32_t> lowered;
  std::vector<std::int32_t> seen(counts.size(), 0);
  for (const ScheduleEdge& edge : edges) {
    const bool grouped = counts[edge.to] > 2 * kGroup;
    const std::int32_t group = grouped ? 1 + seen[edge.to]++ / kGroup : 0;
    lowered.push_back(counts[edge.to] < 2 ? -1 : place(first_counter[edge.to] + group));
  }
  return lowered;
}

void lay_out(std::span<const ScheduleNode> nodes, std::vector<ScheduleEdge> edges,
             const std::vector<std::int32_t>& last_collective, Schedule& schedule) {
  for (const ScheduleNode& node : nodes) {
    schedule.kinds.push_back(node.kind);
    const double weight = std::min<double>(std::ceil(node.cost_ns), Schedule::kMaxWeight);
    schedule.weight_ns.push_back(node.kind == NodeKind::kInline ? static_cast<std::uint32_t>(weight)
                                                                : 0);
    schedule.has_foreign |= node.kind != NodeKind::kInline;
  }
  // What goes on elsewhere is best begun first. Equal ranks: the lower number is the better one, as
  // in the net.
  const auto worse = [&](std::int32_t a, std::int32_t b) {
    const bool inline_a = nodes[a].kind == NodeKind::kInline;
    const bool inline_b = nodes[b].kind == NodeKind::kInline;
    if (inline_a != inline_b) return inline_a;
    if (last_collective[a] != last_collective[b]) return last_collective[a] > last_collective[b];
    const double rank_a = schedule.upward_rank[a];
    const double rank_b = schedule.upward_rank[b];
    return rank_a != rank_b ? rank_a < rank_b : a > b;
  };
  std::ranges::sort(edges, [&](const ScheduleEdge& a, const ScheduleEdge& b) {
    if (a.from != b.from) return a.from < b.from;
    if (a.wait != b.wait) return a.wait == EdgeWait::kIssued;
    return worse(a.to, b.to);
  });
  const std::vector<std::int32_t> lowered = assign_counters(edges, schedule);
  schedule.begin.assign(nodes.size() + 1, 0);
  schedule.done_begin.assign(nodes.size(), 0);
  for (std::size_t e = 0; e < edges.size(); ++e) {
    const bool only = lowered[e] < 0;
    schedule.successors.push_back(Schedule::Successor::make(only ? edges[e].to : lowered[e], only));
    ++schedule.begin[edges[e].from + 1];
    if (edges[e].wait == EdgeWait::kIssued) ++schedule.done_begin[edges[e].from];
  }
  std::partial_sum(schedule.begin.begin(), schedule.begin.end(), schedule.begin.begin());
  for (std::size_t n = 0; n < nodes.size(); ++n) schedule.done_begin[n] += schedule.begin[n];

  const std::vector<std::int32_t> counts = predecessor_counts(nodes.size(), edges);
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    if (counts[n] == 0) schedule.roots.push_back(static_cast<std::int32_t>(n));
  }
  std::ranges::sort(schedule.roots, worse);
}

void find_chains(Schedule& schedule) {
  schedule.chain.assign(schedule.kinds.size(), -1);
  for (const std::int32_t node : schedule.order) {
    if (schedule.chain[node] < 0) schedule.chain[node] = schedule.chain_count++;
    if (schedule.begin[node + 1] - schedule.begin[node] != 1) continue;
    const Schedule::Successor next = schedule.successors[schedule.begin[node]];
    if (next.only_predecessor()) schedule.chain[next.index()] = schedule.chain[node];
  }
}

}  // namespace

Schedule build_schedule(std::span<const ScheduleNode> nodes, std::span<const ScheduleEdge> edges,
                        function_ref<std::string(int node)> name_of_node) {
  require(nodes.size() < std::size_t{1} << 31, ErrorCode::kUnsupported,
          "a schedule of {} nodes; at most 2^31 - 1 are supported", nodes.size());
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    require(std::isfinite(nodes[n].cost_ns) && nodes[n].cost_ns >= 0, ErrorCode::kInvalidArgument,
            "node {} has cost {} ns; expected a finite number >= 0",
            name_of_node(static_cast<int>(n)), nodes[n].cost_ns);
  }
  const Adjacency adjacency = adjacency_of(nodes, edges);
  Schedule schedule;
  schedule.order =
      topological_order(adjacency, predecessor_counts(nodes.size(), adjacency.edges), name_of_node);
  rank_nodes(nodes, adjacency, schedule);
  lay_out(nodes, transitive_reduction(adjacency, schedule.order),
          last_collectives(nodes, adjacency, schedule.order), schedule);
  find_chains(schedule);
  return schedule;
}

Schedule build_schedule(std::span<const ScheduleNode> nodes, std::span<const ScheduleEdge> edges) {
  return build_schedule(nodes, edges, [](int node) { return std::to_string(node); });
}

}  // namespace headrace
