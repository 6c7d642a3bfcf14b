// What strangers and peers send over the connections of a group: hellos, headers, control messages.
#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include "comm/wire/frame.h"
#include "comm/wire/hello.h"
#include "fuzz/round_trip.h"

namespace headrace::comm {
namespace {

template <size_t N>
std::array<std::byte, N> first(const uint8_t* data, size_t size) {
  std::array<std::byte, N> bytes{};
  if (size > 0) std::memcpy(bytes.data(), data, std::min(size, N));
  return bytes;
}

void hellos(const uint8_t* data, size_t size) {
  const auto bytes = first<CallerHello::kBytes>(data, size);
  if (const auto hello = decode_caller(bytes); hello && hello->version == kHelloVersion) {
    fuzz::check(decode_caller(encode(*hello)) == hello);
    const Membership membership{.job = "job", .size = 8, .epoch = 1, .channels = 3};
    if (check(*hello, membership, 2) == Refusal::kNone) {
      fuzz::check(hello->rank > 2 && hello->rank < 8 && hello->channel < 3);
    }
  }
  const auto answer_bytes = first<ListenerHello::kBytes>(data, size);
  if (const auto answer = decode_listener(answer_bytes)) {
    fuzz::check(!explain(*answer, CallerHello{}).empty());
    if (answer->version == kHelloVersion) fuzz::check(decode_listener(encode(*answer)) == answer);
  }
}

void frames(const uint8_t* data, size_t size) {
  std::string why;
  const auto frame = decode_frame(first<Frame::kBytes>(data, size), why);
  fuzz::check(frame.has_value() == why.empty());
  if (frame) fuzz::check(decode_frame(encode(*frame), why) == frame);
}

/// The first byte says how the rest is cut.
void control(const uint8_t* data, size_t size) {
  if (size == 0) return;
  const size_t piece = data[0] % 64 + size_t{1};
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  ControlParser parser;
  try {
    for (size_t at = 0; at < bytes.size(); at += piece) {
      parser.append(bytes.subspan(at, std::min(piece, bytes.size() - at)));
      while (const auto frame = parser.next()) {
        fuzz::check(frame->text.size() <= ControlFrame::kMaxText);
        ControlParser again;
        const std::string encoded = encode(*frame);
        again.append(std::as_bytes(std::span(encoded)));
        fuzz::check(again.next() == frame);
      }
    }
  } catch (const Error& error) {
    fuzz::check(error.code() == ErrorCode::kCorrupt);
  }
}

}  // namespace
}  // namespace headrace::comm

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headrace::comm::hellos(data, size);
  headrace::comm::frames(data, size);
  headrace::comm::control(data, size);
  return 0;
}
