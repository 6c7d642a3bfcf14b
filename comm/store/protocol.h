#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "comm/secret.h"
#include "comm/store.h"

/// What the TCP store and its users say to each other. Everything is a frame: its length (4 bytes)
/// and as many bytes. Numbers are little-endian.
///
///   caller    kMagic, nonce (32)
///   listener  kMagic, nonce (32), its proof (32)            comm/secret.h, purpose "store"
///   caller    its proof (32)
///   listener  a reply, kOk
///   caller    a request: operation (1), length of the key (2), key, and
///               set, set_if_absent: the value    add: the amount (8)    wait: milliseconds (4)
///   listener  a reply: status (1) and the value, the sum (8) or the message of an error
///   ...
namespace headrace::comm::store_protocol {

inline constexpr std::string_view kMagic = "hrstore1";
inline constexpr size_t kGreetingBytes = kMagic.size() + sizeof(Nonce);
inline constexpr size_t kAnswerBytes = kGreetingBytes + sizeof(Proof);
inline constexpr size_t kMaxFrame = Store::kMaxKey + Store::kMaxValue + 16;
/// Of somebody who has proved nothing yet.
inline constexpr size_t kMaxHelloFrame = 128;

enum class Operation : uint8_t { kSet = 1, kWait, kTryGet, kAdd, kSetIfAbsent, kErase };
enum class Status : uint8_t {
  kOk = 0,
  kAbsent = 1,        // no value (until the end of the wait), nothing to erase
  kTypeMismatch = 2,  // the rest is a message
  kRefused = 3,       // the rest is a message; the connection ends
};

struct Request {
  Operation operation = Operation::kTryGet;
  std::string_view key;
  std::string_view value;     // kSet, kSetIfAbsent
  int64_t amount = 0;         // kAdd
  uint32_t milliseconds = 0;  // kWait
};

/// A frame, length included.
std::string encode(const Request& request);
std::string encode_reply(Status status, std::string_view rest = {});
std::string encode_frame(std::string_view body);

/// A frame's body as a request; nothing if it is none, in which case `why` says so.
std::optional<Request> parse_request(std::string_view body, std::string& why);

/// The status of a reply; nothing if it is none.
std::optional<Status> parse_status(std::string_view body);

std::string encode_number(uint64_t number, size_t bytes);
/// `bytes` has up to 8.
uint64_t decode_number(std::string_view bytes);

/// Cuts a stream of bytes into frames.
class FrameReader {
 public:
  explicit FrameReader(size_t limit) : limit_(limit) {}

  void append(std::string_view bytes) { bytes_.append(bytes); }

  /// Longer frames make next() fail from here on.
  void set_limit(size_t limit) { limit_ = limit; }

  /// The next whole frame's body, valid until the next call of any method; nothing if it is not
  /// complete. Throws kCorrupt at the length of a frame that is longer than the limit.
  std::optional<std::string_view> next();

  /// True within a frame.
  bool partial() const { return bytes_.size() > consumed_; }

 private:
  size_t limit_;
  size_t consumed_ = 0;
  std::string bytes_;
};

}  // namespace headrace::comm::store_protocol
