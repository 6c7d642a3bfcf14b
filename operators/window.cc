#include "operators/window.h"

#include <algorithm>
#include <limits>
#include <string>

#include "core/error.h"

namespace headrace {
namespace {

using Sizes = std::array<int64_t, 3>;

enum LegacyPad : int64_t { kAsGiven = 0, kNone = 1, kSame = 2, kRoundUp = 3 };

bool read_pads(const Args& args, int axes, Sizes& begin, Sizes& end) {
  const int first = first_axis(axes);
  const std::array<const char*, 4> sides = {"pad_t", "pad_l", "pad_b", "pad_r"};
  const int given_sides =
      static_cast<int>(std::ranges::count_if(sides, [&](auto name) { return args.has(name); }));
  if (args.has("pads")) {
    require(given_sides == 0, ErrorCode::kInvalidArgument,
            "give either 'pads' or 'pad_t', 'pad_l', 'pad_b', 'pad_r', not both");
    const auto given = args.integers("pads");
    require(static_cast<int>(given.size()) == 2 * axes, ErrorCode::kInvalidArgument,
            "argument 'pads' must have {} entries (begin of each spatial axis of X, then end of "
            "each), found {}",
            2 * axes, given.size());
    std::copy_n(given.begin(), axes, begin.begin() + first);
    std::copy_n(given.begin() + axes, axes, end.begin() + first);
    return true;
  }
  if (args.has("pad")) {
    std::fill(begin.begin() + first, begin.end(), args.integer("pad"));
    std::fill(end.begin() + first, end.end(), args.integer("pad"));
    return true;
  }
  if (given_sides == 0) return false;
  require(given_sides == 4, ErrorCode::kInvalidArgument,
          "arguments 'pad_t', 'pad_l', 'pad_b' and 'pad_r' must be given together");
  require(axes == 2, ErrorCode::kInvalidArgument,
          "arguments 'pad_t', 'pad_l', 'pad_b' and 'pad_r' are for images with two spatial axes, X "
          "has {}; use 'pads'",
          axes);
  begin = {0, args.integer("pad_t"), args.integer("pad_l")};
  end = {0, args.integer("pad_b"), args.integer("pad_r")};
  return true;
}

/// Caffe2's sizes have 32 bits; sums and products of two such fit into 64.
void check_at_least(const Sizes& sizes, int64_t least, const char* name) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  for (int64_t size : sizes) {
    require(size >= least && size <= kMost, ErrorCode::kInvalidArgument,
            "{} must be at least {} and at most {}, found {}", name, least, kMost, size);
  }
}

/// Sets output, and with a legacy_pad also the pads, of one axis.
void resolve_axis(Window& window, int axis, int64_t input, int64_t legacy_pad) {
  const int64_t extent = window.extent(axis), stride = window.stride[axis];
  int64_t& begin = window.pad_begin[axis];
  int64_t& end = window.pad_end[axis];
  if (legacy_pad == kSame) {
    // An odd pad goes to the end.
    const int64_t target = (input + stride - 1) / stride;
    const int64_t needed = (target - 1) * stride + extent - input;
    begin = needed / 2;
    end = needed - begin;
  }
  const int64_t room = input + begin + end - extent;
  require(room >= 0, ErrorCode::kShapeMismatch,
          "a kernel that reaches over {} elements does not fit into an image of {} with pads {} "
          "and {}",
          extent, input, begin, end);
  int64_t& output = window.output[axis];
  output = room / stride + 1;
  if (legacy_pad != kRoundUp) return;
  // Caffe's rule: the output is rounded up, but the last window starts inside the image or its
  // first pad.
  int64_t rounded = (room + stride - 1) / stride + 1;
  if (begin > 0 && (rounded - 1) * stride >= input + begin) --rounded;
  require((rounded - 1) * stride < input + begin, ErrorCode::kInvalidArgument,
          "with legacy_pad 3 the last kernel of {} windows with stride {} would lie outside of an "
          "image of {}",
          rounded, stride, input);
  end += stride * (rounded - output);
  output = rounded;
}

}  // namespace

bool read_sizes(const Args& args, const std::string& name, int axes,
                std::array<int64_t, 3>& sizes) {
  const std::string list = name + "s", h = name + "_h", w = name + "_w";
  const bool pair = args.has(h) || args.has(w);
  if (args.has(list)) {
    require(!pair, ErrorCode::kInvalidArgument, "give either '{}' or '{}' and '{}', not both", list,
            h, w);
    const auto given = args.integers(list);
    require(static_cast<int>(given.size()) == axes, ErrorCode::kInvalidArgument,
            "argument '{}' must have {} entries, one per spatial axis of X, found {}", list, axes,
            given.size());
    std::copy(given.begin(), given.end(), sizes.begin() + first_axis(axes));
    return true;
  }
  if (args.has(name)) {
    std::fill(sizes.begin() + first_axis(axes), sizes.end(), args.integer(name));
    return true;
  }
  if (!pair) return false;
  require(args.has(h) && args.has(w), ErrorCode::kInvalidArgument,
          "arguments '{}' and '{}' must be given together", h, w);
  require(axes == 2, ErrorCode::kInvalidArgument,
          "arguments '{}' and '{}' are for images with two spatial axes, X has {}; use '{}'", h, w,
          axes, list);
  sizes = {1, args.integer(h), args.integer(w)};
  return true;
}

OpSchema& declare_window(OpSchema& schema, WindowUse use) {
  schema
      .differs(
          "`stride_h` without `stride_w`, fewer than all four of `pad_t`, `pad_l`, `pad_b`, "
          "`pad_r`, and a size given in two ways are errors; Caffe2 silently takes one of "
          "them.")
      .optional_arg("kernel", ArgKind::kInt, "size of the kernel along every spatial axis")
      .optional_arg("kernel_h", ArgKind::kInt)
      .optional_arg("kernel_w", ArgKind::kInt)
      .optional_arg("kernels", ArgKind::kInts, "one size per spatial axis")
      .optional_arg("stride", ArgKind::kInt, "default 1")
      .optional_arg("stride_h", ArgKind::kInt)
      .optional_arg("stride_w", ArgKind::kInt)
      .optional_arg("strides", ArgKind::kInts)
      .optional_arg("dilation", ArgKind::kInt, "default 1")
      .optional_arg("dilation_h", ArgKind::kInt)
      .optional_arg("dilation_w", ArgKind::kInt)
      .optional_arg("dilations", ArgKind::kInts)
      .optional_arg("pad", ArgKind::kInt, "default 0")
      .optional_arg("pad_t", ArgKind::kInt)
      .optional_arg("pad_l", ArgKind::kInt)
      .optional_arg("pad_b", ArgKind::kInt)
      .optional_arg("pad_r", ArgKind::kInt)
      .optional_arg("pads", ArgKind::kInts, "begin of each axis, then end of each axis")
      .arg("legacy_pad", 0,
           "1: no padding; 2: output = ceil(input / stride); 3: output rounded up as in Caffe")
      .arg("order", "NCHW", "\"NCHW\" or \"NHWC\"")
      .ignored_args({"cudnn_exhaustive_search", "exhaustive_search", "use_cudnn", "shared_buffer",
                     "ws_nbytes_limit", "deterministic", "enable_tensor_core", "float16_compute",
                     "force_algo", "force_algo_fwd", "force_algo_dgrad", "force_algo_wgrad",
                     "init_params"});
  if (use == WindowUse::kPooling) {
    schema.arg("global_pooling", 0, "the kernel covers the whole image");
  }
  return schema;
}

Window given_window(const Args& args, const ImageShape& image, WindowUse use) {
  Window window;
  const bool global = use == WindowUse::kPooling && args.flag("global_pooling");
  const bool has_kernel = read_sizes(args, "kernel", image.axes, window.kernel);
  require(has_kernel || global, ErrorCode::kInvalidArgument,
          "missing argument 'kernel' (or 'kernel_h' and 'kernel_w', or 'kernels')");
  if (global) window.kernel = image.size;
  read_sizes(args, "stride", image.axes, window.stride);
  read_sizes(args, "dilation", image.axes, window.dilation);
  const bool has_pads = read_pads(args, image.axes, window.pad_begin, window.pad_end);

  check_at_least(window.kernel, 1, "the kernel");
  check_at_least(window.stride, 1, "the stride");
  check_at_least(window.dilation, 1, "the dilation");
  check_at_least(window.pad_begin, 0, "a pad");
  check_at_least(window.pad_end, 0, "a pad");

  const int64_t legacy_pad = args.integer("legacy_pad");
  require(legacy_pad >= kAsGiven && legacy_pad <= kRoundUp, ErrorCode::kInvalidArgument,
          "argument 'legacy_pad' must be 0, 1, 2 or 3, found {}", legacy_pad);
  require(!has_pads || (legacy_pad != kNone && legacy_pad != kSame), ErrorCode::kInvalidArgument,
          "legacy_pad {} sets the pads, so none may be given", legacy_pad);
  const Sizes ones = {1, 1, 1}, zeros = {0, 0, 0};
  if (use == WindowUse::kPooling) {
    require(window.dilation == ones, ErrorCode::kInvalidArgument,
            "pooling with a dilation other than 1 is not defined");
    require(
        !global || (window.stride == ones && window.pad_begin == zeros && window.pad_end == zeros),
        ErrorCode::kInvalidArgument,
        "global_pooling covers the whole image: stride must be 1 and pads 0");
    for (int axis = 0; axis < 3; ++axis) {
      require(std::max(window.pad_begin[axis], window.pad_end[axis]) < window.kernel[axis],
              ErrorCode::kInvalidArgument, "pads ({}, {}) must be smaller than the kernel ({})",
              window.pad_begin[axis], window.pad_end[axis], window.kernel[axis]);
    }
  }
  return window;
}

Window window_of(const Args& args, const ImageShape& image, WindowUse use) {
  Window window = given_window(args, image, use);
  const int64_t legacy_pad = args.integer("legacy_pad");
  for (int axis = first_axis(image.axes); axis < 3; ++axis) {
    resolve_axis(window, axis, image.size[axis], legacy_pad);
  }
  return window;
}

}  // namespace headrace
