#include "graph/memory.h"

#include <algorithm>
#include <numeric>

#include "core/allocator.h"
#include "core/error.h"

namespace headrace::graph {
namespace {

size_t serial_bound(std::span<const Lifetime> lifetimes, int nodes) {
  std::vector<int64_t> change(static_cast<size_t>(nodes) + 1, 0);
  for (const Lifetime& life : lifetimes) {
    if (life.users.empty()) continue;
    change[life.users.front()] += static_cast<int64_t>(align_up(life.bytes));
    change[life.users.back() + 1] -= static_cast<int64_t>(align_up(life.bytes));
  }
  int64_t live = 0;
  int64_t most = 0;
  for (int64_t step : change) most = std::max(most, live += step);
  return static_cast<size_t>(most);
}

}  // namespace

bool is_before(const Lifetime& a, const Lifetime& b, const Reachability& order) {
  return std::ranges::all_of(a.users,
                             [&](int user) { return order.reaches(user, b.users.front()); });
}

Placement place(std::span<const Lifetime> lifetimes, const Reachability& order) {
  Placement placement;
  placement.offsets.resize(lifetimes.size(), 0);
  placement.serial_bound = serial_bound(lifetimes, order.nodes());
  std::vector<size_t> by_size(lifetimes.size());
  std::iota(by_size.begin(), by_size.end(), 0);
  std::ranges::stable_sort(
      by_size, [&](size_t a, size_t b) { return lifetimes[a].bytes > lifetimes[b].bytes; });

  std::vector<size_t> placed;
  std::vector<std::pair<size_t, size_t>> taken;  // [begin, end) of what may be alive together
  for (size_t id : by_size) {
    const size_t bytes = align_up(lifetimes[id].bytes);
    placement.total += bytes;
    if (bytes == 0) continue;
    taken.clear();
    for (size_t other : placed) {
      if (is_before(lifetimes[id], lifetimes[other], order) ||
          is_before(lifetimes[other], lifetimes[id], order)) {
        continue;
      }
      const size_t begin = placement.offsets[other];
      taken.emplace_back(begin, begin + align_up(lifetimes[other].bytes));
    }
    std::ranges::sort(taken);
    size_t offset = 0;
    for (auto [begin, end] : taken) {
      if (begin >= offset + bytes) break;
      offset = std::max(offset, end);
    }
    placement.offsets[id] = offset;
    placement.bytes = std::max(placement.bytes, offset + bytes);
    placed.push_back(id);
  }
  return placement;
}

void check_placement(std::span<const Lifetime> lifetimes, const Reachability& order,
                     const Placement& placement) {
  auto ordered = [&](const Lifetime& a, const Lifetime& b) {
    for (int x : a.users) {
      for (int y : b.users) {
        if (x == y || !order.reaches(x, y)) return false;
      }
    }
    return true;
  };
  for (size_t a = 0; a < lifetimes.size(); ++a) {
    const size_t a_end = placement.offsets[a] + lifetimes[a].bytes;
    require(a_end <= placement.bytes, ErrorCode::kInternal, "block {} leaves the arena", a);
    for (size_t b = a + 1; b < lifetimes.size(); ++b) {
      if (lifetimes[a].bytes == 0 || lifetimes[b].bytes == 0) continue;
      const size_t b_end = placement.offsets[b] + lifetimes[b].bytes;
      if (a_end <= placement.offsets[b] || b_end <= placement.offsets[a]) continue;
      require(ordered(lifetimes[a], lifetimes[b]) || ordered(lifetimes[b], lifetimes[a]),
              ErrorCode::kInternal, "blocks {} and {} overlap and may be alive together", a, b);
    }
  }
}

}  // namespace headrace::graph
