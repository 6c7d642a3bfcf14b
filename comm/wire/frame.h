#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

/// What stands before every message of a stream: 32 bytes, little-endian.
///
///   offset  bytes  field
///   0       2      magic, 0x7248
///   2       1      version of this layout
///   3       1      type: kData
///   4       4      epoch of the group; a rank that was left behind has an older one
///   8       4      op: the collective, low bits of its ticket
///   12      4      index of the message among those from this rank to that one in the collective
///   16      8      signature: hash of all that ranks have to agree on (program.h)
///   24      8      bytes that follow
///
/// Where the bytes belong is not said: the receiver knows it from its own schedule, and a sender
/// cannot make it write anywhere else.
namespace headrace::comm {

struct Frame {
  static constexpr size_t kBytes = 32;
  static constexpr uint16_t kMagic = 0x7248;
  static constexpr uint8_t kVersion = 1;
  static constexpr uint8_t kData = 1;

  uint32_t epoch = 0;
  uint32_t op = 0;
  uint32_t index = 0;
  uint64_t signature = 0;
  uint64_t length = 0;
  bool operator==(const Frame&) const = default;
};

using FrameBytes = std::array<std::byte, Frame::kBytes>;

FrameBytes encode(const Frame& frame);

/// Nothing, and why, if these are not the bytes of a frame of this version.
std::optional<Frame> decode_frame(std::span<const std::byte, Frame::kBytes> bytes,
                                  std::string& why);

/// What ranks tell each other beside the collectives: 16 bytes, little-endian, and a text.
///
///   0   2  magic, 0x7263
///   2   1  version
///   3   1  type
///   4   4  op of kAsk and kAnswer; error code of kFailure
///   8   4  rank at fault, kFailure; 0xffffffff for none
///   12  4  bytes of text that follow, at most kMaxText
struct ControlFrame {
  static constexpr size_t kBytes = 16;
  static constexpr uint16_t kMagic = 0x7263;
  static constexpr uint8_t kVersion = 1;
  static constexpr size_t kMaxText = size_t{64} << 10;

  enum class Type : uint8_t {
    kGoodbye = 1,  // the sender leaves in peace
    kFailure = 2,  // the group has come to its end
    kAsk = 3,      // what do you do as collective `value`?
    kAnswer = 4,
    kBeat = 5,  // nothing; that it can be delivered shows that the peer's machine lives
  };

  Type type = Type::kBeat;
  uint32_t value = 0;
  int32_t rank = -1;
  std::string text;
  bool operator==(const ControlFrame&) const = default;
};

/// Header and text; a text that is too long loses its end.
std::string encode(const ControlFrame& frame);

/// Takes control frames out of a stream of bytes.
class ControlParser {
 public:
  void append(std::span<const std::byte> bytes);

  /// The next whole frame, if there is one. Throws kCorrupt if what came is none.
  std::optional<ControlFrame> next();

 private:
  std::string buffer_;
  size_t at_ = 0;
};

}  // namespace headrace::comm
