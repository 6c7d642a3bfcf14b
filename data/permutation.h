#pragma once

#include <array>
#include <cstdint>

namespace headrace {

/// A pseudo-random permutation of 0 ... size - 1 that is computed, not stored: the image of any
/// number costs the same, in any order, on any thread. A Feistel network over the next power of two
/// (Luby and Rackoff, SIAM J. Comput. 17, 1988); what falls outside goes through it again until it
/// falls inside (cycle walking; Black and Rogaway, CT-RSA 2002), at most twice on average.
class Permutation {
 public:
  /// Of `size` >= 1 numbers; which one it is depends on both keys. Throws kInvalidArgument.
  Permutation(int64_t size, uint64_t seed, uint64_t number);

  /// The image of `index`, which lies in [0, size).
  int64_t operator()(int64_t index) const;

 private:
  // Enough for the smallest domains, where a round mixes one bit; see the tests.
  static constexpr int kRounds = 16;

  uint64_t network(uint64_t x) const;

  uint64_t size_;
  int low_bits_;
  uint64_t low_mask_;
  uint64_t high_mask_;
  std::array<uint64_t, kRounds> keys_;
};

}  // namespace headrace
