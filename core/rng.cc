#include "core/rng.h"

#include <cmath>
#include <numbers>

namespace headrace {

std::array<uint32_t, 4> Rng::block(uint64_t index) const {
  std::array<uint32_t, 4> counter = {
      static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
      static_cast<uint32_t>(step_), static_cast<uint32_t>(step_ >> 32)};
  uint32_t key0 = static_cast<uint32_t>(key_);
  uint32_t key1 = static_cast<uint32_t>(key_ >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key0, static_cast<uint32_t>(product1),
        static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key1, static_cast<uint32_t>(product0)};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return counter;
}

std::array<float, 2> Rng::normal_pair(uint64_t index) const {
  std::array<uint32_t, 4> words = block(index);
  // 53 bits for the radius keep the tails beyond 6 sigma; 1 - u avoids log(0).
  uint64_t mantissa = (uint64_t{words[0]} << 21) ^ (words[1] >> 11);
  double radius = std::sqrt(-2.0 * std::log(1.0 - static_cast<double>(mantissa) * 0x1p-53));
  double angle = 2.0 * std::numbers::pi * static_cast<double>(words[2]) * 0x1p-32;
  return {static_cast<float>(radius * std::cos(angle)),
          static_cast<float>(radius * std::sin(angle))};
}

uint64_t Rng::below(uint64_t index, uint64_t bound) const {
  std::array<uint32_t, 4> words = block(index);
  uint64_t word = (uint64_t{words[0]} << 32) | words[1];
  return static_cast<uint64_t>((static_cast<unsigned __int128>(word) * bound) >> 64);
}

uint64_t Rng::mix(uint64_t a, uint64_t b) {
  // SplitMix64's finaliser over both words.
  uint64_t z = a * 0x9E3779B97F4A7C15 + b;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

uint64_t random_key(std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325;
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

}  // namespace headrace
