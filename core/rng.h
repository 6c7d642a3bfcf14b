#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace headrace {

/// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011). The value of element i depends on (seed, op, step, i) alone, never on
/// threads or on what was drawn before.
class Rng {
 public:
  /// `op` tells operators apart (see random_key), `step` the iterations of a training run.
  Rng(uint64_t seed, uint64_t op, uint64_t step) : key_(mix(seed, op)), step_(step) {}

  /// Four independent 32-bit words for counter `index`.
  std::array<uint32_t, 4> block(uint64_t index) const;
  /// Word number `index` of the stream.
  uint32_t bits(uint64_t index) const { return block(index / 4)[index % 4]; }
  /// Uniform in [0, 1), 24 bits.
  float uniform(uint64_t index) const { return to_unit(bits(index)); }
  /// Two independent standard normal values (Box-Muller) for counter `index`.
  std::array<float, 2> normal_pair(uint64_t index) const;
  /// Uniform integer in [0, bound), bound > 0, without modulo bias beyond 2^-32.
  uint64_t below(uint64_t index, uint64_t bound) const;

  static float to_unit(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }
  static uint64_t mix(uint64_t a, uint64_t b);

 private:
  uint64_t key_;
  uint64_t step_;
};

/// A stable 64-bit key of a name (FNV-1a): keys the random stream of an operator by its output.
uint64_t random_key(std::string_view name);

}  // namespace headrace
