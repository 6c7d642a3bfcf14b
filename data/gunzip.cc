#include "data/gunzip.h"

#include <algorithm>
#include <limits>

#include <zlib.h>

#include "core/error.h"

namespace headrace {
namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;  // asks zlib for a gzip header and checksum

class Inflater {
 public:
  Inflater() {
    require(inflateInit2(&stream_, kGzipOnly) == Z_OK, ErrorCode::kInternal,
            "zlib {} cannot start to unpack", zlibVersion());
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
};

/// zlib counts in unsigned int; larger files go in pieces.
uInt piece(size_t bytes) {
  return static_cast<uInt>(std::min<size_t>(bytes, std::numeric_limits<uInt>::max() / 2));
}

}  // namespace

bool is_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

std::vector<uint8_t> gunzip(std::span<const std::byte> bytes, std::string_view name,
                            uint64_t limit) {
  Inflater inflater;
  z_stream& stream = inflater.stream();
  std::vector<uint8_t> content;
  size_t read = 0;
  size_t written = 0;
  while (read < bytes.size()) {
    if (written == content.size()) {
      require(written <= limit, ErrorCode::kCorrupt,
              "'{}' unpacks to more than the {} bytes expected of it", name, limit);
      content.resize(std::max<size_t>(size_t{1} << 16, 2 * content.size()));
    }
    const uInt available = piece(bytes.size() - read);
    const uInt space = piece(content.size() - written);
    // zlib's interface is older than const.
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data() + read));
    stream.avail_in = available;
    stream.next_out = content.data() + written;
    stream.avail_out = space;
    const int status = inflate(&stream, Z_NO_FLUSH);
    read += available - stream.avail_in;
    written += space - stream.avail_out;
    require(status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR, ErrorCode::kCorrupt,
            "'{}' is damaged as a gzip file near byte {}: {}", name, read,
            stream.msg != nullptr ? stream.msg : zError(status));
    if (status == Z_STREAM_END) {
      require(read == bytes.size() || is_gzip(bytes.subspan(read)), ErrorCode::kCorrupt,
              "'{}' has {} bytes of something else behind its gzip data", name,
              bytes.size() - read);
      if (read == bytes.size()) {
        require(written <= limit, ErrorCode::kCorrupt,
                "'{}' unpacks to {} bytes, at most {} are expected of it", name, written, limit);
        content.resize(written);
        return content;
      }
      inflateReset(&stream);
    }
  }
  fail(ErrorCode::kCorrupt, "'{}' is truncated: its gzip data ends after {} bytes", name,
       bytes.size());
}

}  // namespace headrace
