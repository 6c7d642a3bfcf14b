#include "comm/wire/frame.h"

#include <fmt/format.h>

#include "comm/wire/bytes.h"
#include "core/error.h"

namespace headrace::comm {

FrameBytes encode(const Frame& frame) {
  FrameBytes bytes;
  ByteWriter out(bytes);
  out.put(Frame::kMagic);
  out.put(Frame::kVersion);
  out.put(Frame::kData);
  out.put(frame.epoch);
  out.put(frame.op);
  out.put(frame.index);
  out.put(frame.signature);
  out.put(frame.length);
  return bytes;
}

std::optional<Frame> decode_frame(std::span<const std::byte, Frame::kBytes> bytes,
                                  std::string& why) {
  ByteReader in(bytes);
  if (const auto magic = in.get<uint16_t>(); magic != Frame::kMagic) {
    why = fmt::format("no header of headrace: it begins with {:#06x}", magic);
    return {};
  }
  if (const auto version = in.get<uint8_t>(); version != Frame::kVersion) {
    why = fmt::format("a header of version {}, this is version {}", version, Frame::kVersion);
    return {};
  }
  if (const auto type = in.get<uint8_t>(); type != Frame::kData) {
    why = fmt::format("a header of unknown type {}", type);
    return {};
  }
  Frame frame;
  frame.epoch = in.get<uint32_t>();
  frame.op = in.get<uint32_t>();
  frame.index = in.get<uint32_t>();
  frame.signature = in.get<uint64_t>();
  frame.length = in.get<uint64_t>();
  return frame;
}

std::string encode(const ControlFrame& frame) {
  const std::string_view text = std::string_view(frame.text).substr(0, ControlFrame::kMaxText);
  std::array<std::byte, ControlFrame::kBytes> header;
  ByteWriter out(header);
  out.put(ControlFrame::kMagic);
  out.put(ControlFrame::kVersion);
  out.put(static_cast<uint8_t>(frame.type));
  out.put(frame.value);
  out.put(static_cast<uint32_t>(frame.rank));
  out.put(static_cast<uint32_t>(text.size()));
  std::string bytes(reinterpret_cast<const char*>(header.data()), header.size());
  bytes += text;
  return bytes;
}

void ControlParser::append(std::span<const std::byte> bytes) {
  if (at_ > 0) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::optional<ControlFrame> ControlParser::next() {
  const auto rest = std::as_bytes(std::span(buffer_)).subspan(at_);
  if (rest.size() < ControlFrame::kBytes) return {};
  ByteReader in(rest);
  const auto magic = in.get<uint16_t>();
  const auto version = in.get<uint8_t>();
  const auto type = in.get<uint8_t>();
  require(magic == ControlFrame::kMagic && version == ControlFrame::kVersion, ErrorCode::kCorrupt,
          "what came is no control message of this version (magic {:#06x}, version {})", magic,
          version);
  require(type >= static_cast<uint8_t>(ControlFrame::Type::kGoodbye) &&
              type <= static_cast<uint8_t>(ControlFrame::Type::kBeat),
          ErrorCode::kCorrupt, "a control message of unknown type {}", type);
  ControlFrame frame{.type = static_cast<ControlFrame::Type>(type)};
  frame.value = in.get<uint32_t>();
  frame.rank = static_cast<int32_t>(in.get<uint32_t>());
  const size_t length = in.get<uint32_t>();
  require(length <= ControlFrame::kMaxText, ErrorCode::kCorrupt,
          "a control message claims {} bytes of text; {} is the most", length,
          ControlFrame::kMaxText);
  if (rest.size() - ControlFrame::kBytes < length) return {};
  frame.text.assign(buffer_, at_ + ControlFrame::kBytes, length);
  at_ += ControlFrame::kBytes + length;
  return frame;
}

}  // namespace headrace::comm
