#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "tests/comm/simulator.h"

namespace headrace::comm {

using MakeSchedule = std::function<Schedule(World, size_t count, size_t segment)>;
inline constexpr size_t kWhole = std::numeric_limits<size_t>::max();

inline bool is_power_of_two(int p) { return std::has_single_bit(static_cast<unsigned>(p)); }
inline size_t floor_lg(int p) {
  return static_cast<size_t>(std::bit_width(static_cast<unsigned>(p)) - 1);
}
inline size_t ceil_lg(int p) {
  return static_cast<size_t>(std::bit_width(static_cast<unsigned>(p - 1)));
}

inline std::vector<int> worlds() {
  std::vector<int> all(33);
  std::iota(all.begin(), all.end(), 1);
  all.insert(all.end(), {63, 64, 65, 128});
  return all;
}

inline std::vector<size_t> counts(int p) {
  return {0, 1, static_cast<size_t>(p - 1), 97, static_cast<size_t>(p) * 12, 1009};
}

inline std::vector<Schedule> all_ranks(const MakeSchedule& algorithm, int p, size_t count,
                                       size_t segment) {
  std::vector<Schedule> schedules;
  for (int r = 0; r < p; ++r) schedules.push_back(algorithm({r, p}, count, segment));
  return schedules;
}

inline std::vector<std::vector<Element>> operands(int p, size_t count) {
  std::vector<std::vector<Element>> data(static_cast<size_t>(p));
  for (int r = 0; r < p; ++r) {
    for (size_t i = 0; i < count; ++i) data[static_cast<size_t>(r)].push_back(element_of(r, i));
  }
  return data;
}

/// The sums of all ranks' random numbers, by addition in a loop.
inline std::vector<uint64_t> sums(int p, size_t count) {
  std::vector<uint64_t> result(count);
  for (int r = 0; r < p; ++r) {
    for (size_t i = 0; i < count; ++i) result[i] += element_of(r, i).sum;
  }
  return result;
}

inline std::string call(const std::string& name, int p, size_t count, size_t segment) {
  return fmt::format("{}({{rank, {}}}, {}, {})", name, p, count, segment);
}

}  // namespace headrace::comm
