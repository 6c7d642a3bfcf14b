#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "operators/conv_shape.h"
#include "operators/dnnl/primitive.h"

/// The three computations of a convolution, each prepared for one shape, one place of the channels
/// and one width. Operands are dense float32 tensors in the order of ConvShape; the filters stay in
/// it too and are repacked for the primitive on the way.
namespace headrace {

struct ConvProblem {
  ConvShape shape;
  bool channels_last = false;
  int width = 1;
};

/// The convolution of X with the filter to Y (or the gradients of one of them).
ConvProblem conv_problem(const Args& args, const TensorDesc& x, const TensorDesc& filter,
                         const TensorDesc& y, int width);

/// How the images of a batch are shared out among threads: `count()` neighbouring parts of one
/// size, or one that oneDNN divides as it likes.
class ImageParts {
 public:
  explicit ImageParts(const ConvProblem& problem);
  int count() const { return count_; }
  /// First element of a part.
  int64_t x(int part) const { return part * x_; }
  int64_t y(int part) const { return part * y_; }

 private:
  int count_;
  int64_t x_;
  int64_t y_;
};

/// y = conv(x, filter) + bias
class ConvForward {
 public:
  ConvForward(const ConvProblem& problem, bool with_bias);

  size_t scratch_bytes() const { return scratch_bytes_; }
  /// Size of the repacked filter; 0 when the filter is used as it is.
  size_t packed_bytes() const { return packed_bytes_; }
  void pack(const float* filter, void* packed) const;
  /// `packed` may be null: the filter is then repacked into scratch. `bias` is read only if the
  /// computation was made with one.
  void run(const float* x, const float* filter, const void* packed, const float* bias, float* y,
           void* scratch) const;

 private:
  ImageParts parts_;
  Primitive convolution_;
  Primitive pack_;
  size_t packed_bytes_ = 0;
  size_t packed_offset_ = 0;
  size_t pack_offset_ = 0;
  std::vector<size_t> work_offsets_;  // per part
  size_t scratch_bytes_ = 0;
};

/// dx from dy
class ConvBackwardData {
 public:
  explicit ConvBackwardData(const ConvProblem& problem);

  size_t scratch_bytes() const { return scratch_bytes_; }
  void run(const float* filter, const float* dy, float* dx, void* scratch) const;

 private:
  ImageParts parts_;
  Primitive convolution_;
  Primitive pack_;
  size_t packed_offset_ = 0;
  size_t pack_offset_ = 0;
  std::vector<size_t> work_offsets_;  // per part
  size_t scratch_bytes_ = 0;
};

/// dfilter and, where asked for, dbias from x and dy
class ConvBackwardFilter {
 public:
  ConvBackwardFilter(const ConvProblem& problem, bool with_bias);

  size_t scratch_bytes() const { return scratch_bytes_; }
  void run(const float* x, const float* dy, float* dfilter, float* dbias, void* scratch) const;

 private:
  Primitive convolution_;
  Primitive unpack_;
  size_t packed_offset_ = 0;
  size_t work_offset_ = 0;
  size_t scratch_bytes_ = 0;
};

}  // namespace headrace
