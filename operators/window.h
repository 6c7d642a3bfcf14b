#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/args.h"
#include "core/op_schema.h"
#include "operators/image.h"

namespace headrace {

/// How a kernel slides over an image: sizes per spatial axis (depth, height, width; see ImageShape)
/// with everything resolved that the arguments leave open.
struct Window {
  std::array<int64_t, 3> kernel = {1, 1, 1};
  std::array<int64_t, 3> stride = {1, 1, 1};
  std::array<int64_t, 3> dilation = {1, 1, 1};
  /// Pads are negative where legacy_pad leaves out elements at the edge of the image.
  std::array<int64_t, 3> pad_begin = {0, 0, 0};
  std::array<int64_t, 3> pad_end = {0, 0, 0};
  std::array<int64_t, 3> output = {1, 1, 1};

  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  /// Elements from the first to the last tap.
  int64_t extent(int axis) const { return dilation[axis] * (kernel[axis] - 1) + 1; }
};

/// Which family of operators asks: they differ in the arguments they take.
enum class WindowUse : uint8_t { kConvolution, kPooling };

/// Declares the arguments that window_of() reads, for convolutions and pools alike.
OpSchema& declare_window(OpSchema& schema, WindowUse use);

/// The sizes of `name` per spatial axis from the arguments `NAMEs`, `NAME` or `NAME_h` and
/// `NAME_w`, as they are given: false where there are none, and `sizes` stays as it is.
bool read_sizes(const Args& args, const std::string& name, int axes, std::array<int64_t, 3>& sizes);

/// Kernel, stride, dilation and pads as the arguments give them, before any image: window_of()
/// without what it resolves.
Window given_window(const Args& args, const ImageShape& image, WindowUse use);

/// Reads the arguments:
///   kernel | kernel_h and kernel_w | kernels      (a list wins over the scalar, the scalar over h,
///   w) stride, dilation                              likewise, default 1 pad | pad_t, pad_l,
///   pad_b, pad_r | pads       begin of each axis, then end of each axis; default 0 legacy_pad 0 as
///   given, 1 none, 2 so that output = ceil(input /
///                                                 stride), 3 as given with the output rounded up
///   global_pooling                                kernel = image
/// Throws kInvalidArgument where they contradict each other or are incomplete, kShapeMismatch where
/// the kernel does not fit into the padded image.
Window window_of(const Args& args, const ImageShape& image, WindowUse use);

}  // namespace headrace
