#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "comm/secret.h"

/// How two ranks meet. The caller says who it is and sends a nonce; the listener answers with its
/// own and with its proof, or with a refusal; the caller checks, sends its proof, and gets one byte
/// when it was accepted. Records have fixed sizes, so nobody makes the other side wait for more, or
/// keep more, than that.
namespace headrace::comm {

/// What both sides have to have in common.
struct Membership {
  std::string job;  // at most kMaxJob bytes
  uint32_t size = 0;
  uint64_t epoch = 0;
  uint16_t channels = 0;  // connections between two ranks
  bool operator==(const Membership&) const = default;
};

inline constexpr size_t kMaxJob = 64;
inline constexpr uint16_t kHelloVersion = 1;

struct CallerHello {
  static constexpr size_t kBytes = 132;
  uint16_t version = kHelloVersion;
  Membership membership;
  uint32_t rank = 0;    // the caller's
  uint32_t target = 0;  // whom it means to call
  uint16_t channel = 0;
  Nonce nonce{};
  bool operator==(const CallerHello&) const = default;
};

enum class Refusal : uint16_t {
  kNone,
  kVersion,
  kJob,
  kSize,
  kEpoch,
  kChannels,
  kTarget,     // called the wrong rank
  kRank,       // no rank that calls this one, or no such channel
  kDuplicate,  // that rank and channel is connected already
  kSecret,
};

struct ListenerHello {
  static constexpr size_t kBytes = 162;
  uint16_t version = kHelloVersion;
  Refusal refusal = Refusal::kNone;
  Membership membership;
  uint32_t rank = 0;
  Nonce nonce{};
  Proof proof{};  // zeros in a refusal
  bool operator==(const ListenerHello&) const = default;
};

using CallerHelloBytes = std::array<std::byte, CallerHello::kBytes>;
using ListenerHelloBytes = std::array<std::byte, ListenerHello::kBytes>;

CallerHelloBytes encode(const CallerHello& hello);
ListenerHelloBytes encode(const ListenerHello& hello);

/// Nothing if these are not the bytes of a hello. One of another version is one, of which only the
/// version is known.
std::optional<CallerHello> decode_caller(std::span<const std::byte, CallerHello::kBytes> bytes);
std::optional<ListenerHello> decode_listener(
    std::span<const std::byte, ListenerHello::kBytes> bytes);

/// What a caller is told when it is not welcome to `rank` with this membership; kNone if it is, as
/// far as the hello says.
Refusal check(const CallerHello& hello, const Membership& membership, uint32_t rank);

/// In words, with what both sides have, for the caller's error.
std::string explain(const ListenerHello& answer, const CallerHello& hello);

/// What is proved: both nonces and all that the caller claims.
Challenge challenge(const CallerHelloBytes& caller, const CallerHello& hello,
                    const Nonce& listener);

}  // namespace headrace::comm
