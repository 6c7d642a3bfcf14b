#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

/// Little-endian fields of fixed-size records, one after the other.
namespace headrace::comm {

class ByteWriter {
 public:
  explicit ByteWriter(std::span<std::byte> target) : target_(target) {}

  template <std::unsigned_integral T>
  void put(T value) {
    for (size_t i = 0; i < sizeof(T); ++i) {
      target_[at_++] = static_cast<std::byte>(value >> (8 * i) & 0xff);
    }
  }
  void put(std::span<const uint8_t> bytes) {
    std::memcpy(target_.subspan(at_, bytes.size()).data(), bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  /// `text`, which is no longer than `size`, and zeros.
  void put(std::string_view text, size_t size) {
    std::memset(target_.subspan(at_, size).data(), 0, size);
    std::memcpy(target_.data() + at_, text.data(), text.size());
    at_ += size;
  }

 private:
  std::span<std::byte> target_;
  size_t at_ = 0;
};

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> source) : source_(source) {}

  template <std::unsigned_integral T>
  T get() {
    T value = 0;
    for (size_t i = 0; i < sizeof(T); ++i) {
      value = static_cast<T>(value | static_cast<T>(static_cast<T>(source_[at_++]) << (8 * i)));
    }
    return value;
  }
  void get(std::span<uint8_t> bytes) {
    std::memcpy(bytes.data(), source_.subspan(at_, bytes.size()).data(), bytes.size());
    at_ += bytes.size();
  }
  /// Text of at most `size` bytes, up to the first zero.
  std::string_view text(size_t size) {
    const auto* begin = reinterpret_cast<const char*>(source_.subspan(at_, size).data());
    at_ += size;
    const std::string_view all(begin, size);
    return all.substr(0, all.find('\0'));
  }

 private:
  std::span<const std::byte> source_;
  size_t at_ = 0;
};

}  // namespace headrace::comm
