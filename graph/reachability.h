#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace headrace::graph {

/// Which node of a DAG comes before which, as one bit per pair: n²/8 bytes.
class Reachability {
 public:
  /// Edges go from lower to higher node numbers.
  Reachability(int nodes, std::span<const std::pair<int, int>> edges);

  int nodes() const { return nodes_; }
  /// True when there is a path from `from` to `to`; false for a node and itself.
  bool reaches(int from, int to) const {
    return (bits_[static_cast<size_t>(from) * words_ + static_cast<size_t>(to) / 64] >>
                (static_cast<size_t>(to) % 64) &
            1) != 0;
  }

 private:
  int nodes_;
  size_t words_;
  std::vector<uint64_t> bits_;  // row i: what node i reaches
};

}  // namespace headrace::graph
