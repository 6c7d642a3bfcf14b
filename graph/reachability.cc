#include "graph/reachability.h"

#include "core/error.h"

namespace headrace::graph {

Reachability::Reachability(int nodes, std::span<const std::pair<int, int>> edges)
    : nodes_(nodes),
      words_((static_cast<size_t>(nodes) + 63) / 64),
      bits_(static_cast<size_t>(nodes) * words_) {
  std::vector<std::vector<int>> successors(nodes);
  for (auto [from, to] : edges) {
    require(from < to, ErrorCode::kInternal, "edge {} -> {} goes backwards", from, to);
    successors[from].push_back(to);
  }
  for (int node = nodes - 1; node >= 0; --node) {
    uint64_t* row = bits_.data() + static_cast<size_t>(node) * words_;
    for (int next : successors[node]) {
      row[next / 64] |= uint64_t{1} << (next % 64);
      const uint64_t* other = bits_.data() + static_cast<size_t>(next) * words_;
      for (size_t w = next / 64; w < words_; ++w) row[w] |= other[w];
    }
  }
}

}  // namespace headrace::graph
