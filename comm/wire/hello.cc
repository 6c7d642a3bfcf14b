#include "comm/wire/hello.h"

#include <fmt/format.h>

#include "comm/wire/bytes.h"

namespace headrace::comm {
namespace {

constexpr uint32_t kMagic = 0x65636172;  // "race"

void put(ByteWriter& out, const Membership& membership) {
  out.put(membership.job, kMaxJob);
  out.put(membership.size);
  out.put(membership.epoch);
  out.put(membership.channels);
}

Membership get_membership(ByteReader& in) {
  Membership membership;
  membership.job = in.text(kMaxJob);
  membership.size = in.get<uint32_t>();
  membership.epoch = in.get<uint64_t>();
  membership.channels = in.get<uint16_t>();
  return membership;
}

}  // namespace

CallerHelloBytes encode(const CallerHello& hello) {
  CallerHelloBytes bytes{};
  ByteWriter out(bytes);
  out.put(kMagic);
  out.put(hello.version);
  put(out, hello.membership);
  out.put(hello.rank);
  out.put(hello.target);
  out.put(hello.channel);
  out.put(hello.nonce);
  return bytes;
}

ListenerHelloBytes encode(const ListenerHello& hello) {
  ListenerHelloBytes bytes{};
  ByteWriter out(bytes);
  out.put(kMagic);
  out.put(hello.version);
  out.put(static_cast<uint16_t>(hello.refusal));
  put(out, hello.membership);
  out.put(hello.rank);
  out.put(hello.nonce);
  out.put(hello.proof);
  return bytes;
}

std::optional<CallerHello> decode_caller(std::span<const std::byte, CallerHello::kBytes> bytes) {
  ByteReader in(bytes);
  if (in.get<uint32_t>() != kMagic) return {};
  CallerHello hello;
  hello.version = in.get<uint16_t>();
  if (hello.version != kHelloVersion) return hello;
  hello.membership = get_membership(in);
  hello.rank = in.get<uint32_t>();
  hello.target = in.get<uint32_t>();
  hello.channel = in.get<uint16_t>();
  in.get(hello.nonce);
  return hello;
}

std::optional<ListenerHello> decode_listener(
    std::span<const std::byte, ListenerHello::kBytes> bytes) {
  ByteReader in(bytes);
  if (in.get<uint32_t>() != kMagic) return {};
  ListenerHello hello;
  hello.version = in.get<uint16_t>();
  const auto refusal = in.get<uint16_t>();
  if (hello.version != kHelloVersion) return hello;
  if (refusal > static_cast<uint16_t>(Refusal::kSecret)) return {};
  hello.refusal = static_cast<Refusal>(refusal);
  hello.membership = get_membership(in);
  hello.rank = in.get<uint32_t>();
  in.get(hello.nonce);
  in.get(hello.proof);
  return hello;
}

Refusal check(const CallerHello& hello, const Membership& membership, uint32_t rank) {
  if (hello.version != kHelloVersion) return Refusal::kVersion;
  if (hello.membership.job != membership.job) return Refusal::kJob;
  if (hello.membership.size != membership.size) return Refusal::kSize;
  if (hello.membership.epoch != membership.epoch) return Refusal::kEpoch;
  if (hello.membership.channels != membership.channels) return Refusal::kChannels;
  if (hello.target != rank) return Refusal::kTarget;
  if (hello.rank <= rank || hello.rank >= membership.size) return Refusal::kRank;
  if (hello.channel >= membership.channels) return Refusal::kRank;
  return Refusal::kNone;
}

std::string explain(const ListenerHello& answer, const CallerHello& hello) {
  const Membership& theirs = answer.membership;
  const Membership& ours = hello.membership;
  if (answer.version != kHelloVersion) {
    return fmt::format("it speaks version {} of the protocol, this is version {}", answer.version,
                       kHelloVersion);
  }
  switch (answer.refusal) {
    case Refusal::kNone:
      return "it accepts";
    case Refusal::kVersion:
      return "it speaks another version of the protocol";
    case Refusal::kJob:
      return fmt::format("it belongs to job '{}', this is job '{}'", theirs.job, ours.job);
    case Refusal::kSize:
      return fmt::format("its world has {} ranks, this one {}", theirs.size, ours.size);
    case Refusal::kEpoch:
      return fmt::format("it is in epoch {} of the job, this rank in {}", theirs.epoch, ours.epoch);
    case Refusal::kChannels:
      return fmt::format("it uses {} connections per pair of ranks, this rank {}", theirs.channels,
                         ours.channels);
    case Refusal::kTarget:
      return fmt::format("it is rank {}, not {}", answer.rank, hello.target);
    case Refusal::kRank:
      return fmt::format("it expects no call of rank {} for connection {}", hello.rank,
                         hello.channel);
    case Refusal::kDuplicate:
      return fmt::format("another process is connected to it as rank {}", hello.rank);
    case Refusal::kSecret:
      return "the secrets differ";
  }
  return "it refuses";
}

Challenge challenge(const CallerHelloBytes& caller, const CallerHello& hello,
                    const Nonce& listener) {
  return {.purpose = "group",
          .caller = hello.nonce,
          .listener = listener,
          .claims = {reinterpret_cast<const char*>(caller.data()), caller.size()}};
}

}  // namespace headrace::comm
