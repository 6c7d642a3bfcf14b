#include "data/permutation.h"

#include <bit>

#include "core/error.h"
#include "core/rng.h"

namespace headrace {

Permutation::Permutation(int64_t size, uint64_t seed, uint64_t number)
    : size_(static_cast<uint64_t>(size)) {
  require(size >= 1, ErrorCode::kInvalidArgument, "nothing to permute: {} numbers", size);
  const auto bits = static_cast<int>(std::bit_width(size_ - 1));
  low_bits_ = bits / 2;
  low_mask_ = (uint64_t{1} << low_bits_) - 1;
  high_mask_ = (uint64_t{1} << (bits - low_bits_)) - 1;
  const auto words = Rng(seed, random_key("permutation"), number).block(0);
  const uint64_t key = uint64_t{words[0]} << 32 | words[1];
  for (int round = 0; round < kRounds; ++round) {
    keys_[round] = Rng::mix(key, static_cast<uint64_t>(round));
  }
}

// Each round changes one part by a function of the other, which the inverse could undo: whatever
// the function, the whole is a bijection.
uint64_t Permutation::network(uint64_t x) const {
  for (int round = 0; round < kRounds; round += 2) {
    x ^= Rng::mix(keys_[round], x >> low_bits_) & low_mask_;
    x ^= (Rng::mix(keys_[round + 1], x & low_mask_) & high_mask_) << low_bits_;
  }
  return x;
}

int64_t Permutation::operator()(int64_t index) const {
  uint64_t x = static_cast<uint64_t>(index);
  do {
    x = network(x);
  } while (x >= size_);
  return static_cast<int64_t>(x);
}

}  // namespace headrace
