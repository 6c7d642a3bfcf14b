#include "core/minidb.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/error.h"

namespace headrace {
namespace {

static_assert(std::endian::native == std::endian::little, "lengths are written as they are");

constexpr size_t kHeader = 2 * sizeof(int32_t);
constexpr size_t kMost = std::numeric_limits<int32_t>::max();

}  // namespace

void MiniDbWriter::put(std::string_view key, std::string_view value) {
  require(key.size() <= kMost && value.size() <= kMost, ErrorCode::kUnsupported,
          "the record '{}' with {} bytes is too large for a minidb, which takes up to 2 GiB; write "
          "it in chunks",
          key, value.size());
  std::array<int32_t, 2> lengths = {static_cast<int32_t>(key.size()),
                                    static_cast<int32_t>(value.size())};
  file_.write(std::as_bytes(std::span(lengths)));
  file_.write(key);
  file_.write(value);
}

bool MiniDbReader::next() {
  std::string_view rest = content_.substr(at_);
  if (rest.empty()) return false;
  std::array<int32_t, 2> lengths{};
  bool whole = rest.size() >= kHeader;
  if (whole) {
    std::memcpy(lengths.data(), rest.data(), kHeader);
    whole =
        lengths[0] >= 0 && lengths[1] >= 0 &&
        kHeader + static_cast<size_t>(lengths[0]) + static_cast<size_t>(lengths[1]) <= rest.size();
  }
  require(whole, ErrorCode::kCorrupt,
          "{} is truncated or no minidb: no whole record at byte {} of {}", name_, at_,
          content_.size());
  key_ = rest.substr(kHeader, static_cast<size_t>(lengths[0]));
  value_ = rest.substr(kHeader + key_.size(), static_cast<size_t>(lengths[1]));
  at_ += kHeader + key_.size() + value_.size();
  return true;
}

}  // namespace headrace
