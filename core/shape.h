#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace headrace {

/// Dimensions of a tensor, outermost first; a value of fixed size. Rank 0 is a scalar. Every
/// dimension is >= 0 and the number of elements fits into int64: the constructor throws otherwise.
class Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims);
  explicit Shape(std::span<const int64_t> dims);

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return dims_[axis]; }
  /// The axis counted from 0; a negative one counts from the end. Throws kInvalidArgument where
  /// there is none such.
  int axis(int64_t axis) const;
  /// The size of that axis.
  int64_t dim(int64_t axis) const;

  int64_t numel() const { return numel_; }
  /// Product of the dimensions in [begin, end).
  int64_t product(int begin, int end) const;

  std::span<const int64_t> dims() const { return {dims_.data(), static_cast<size_t>(rank_)}; }
  const int64_t* begin() const { return dims_.data(); }
  const int64_t* end() const { return dims_.data() + rank_; }

  bool operator==(const Shape& other) const;

  /// "2x3x224x224"; "()" for a scalar.
  std::string to_string() const;
  /// The inverse. Throws kInvalidArgument for anything else.
  static Shape parse(std::string_view text);

 private:
  void assign(std::span<const int64_t> dims);

  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
  int64_t numel_ = 1;
};

}  // namespace headrace
