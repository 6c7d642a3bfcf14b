#include "operators/dnnl/convolution.h"

#include <algorithm>

#include "operators/dnnl/describe.h"
#include "operators/scratch.h"

namespace headrace {
namespace {

using dnnl::memory;
constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;

/// A ConvProblem in oneDNN's terms.
struct Description {
  explicit Description(const ConvProblem& problem)
      : x(image_desc(problem.shape.x, problem.channels_last)),
        y(image_desc(problem.shape.y, problem.channels_last)),
        bias(plain_desc({problem.shape.y.c})) {
    const ConvShape& shape = problem.shape;
    const Window& window = shape.window;
    for (int axis = first_axis(shape.x.axes); axis < 3; ++axis) {
      strides.push_back(window.stride[axis]);
      dilations.push_back(window.dilation[axis] - 1);
      pad_begin.push_back(window.pad_begin[axis]);
      pad_end.push_back(std::max<int64_t>(window.pad_end[axis], 0));
    }
    filter = filter_desc(shape);
    any_filter = any_desc(filter_dims(shape));
  }

  static memory::dims filter_dims(const ConvShape& shape) {
    memory::dims dims = {shape.y.c / shape.group, shape.x.c / shape.group};
    if (shape.group > 1) dims.insert(dims.begin(), shape.group);
    for (int axis = first_axis(shape.x.axes); axis < 3; ++axis) {
      dims.push_back(shape.window.kernel[axis]);
    }
    return dims;
  }

  /// The filter as the operator has it: out channels, then in channels and kernel in the order of
  /// the images.
  static memory::desc filter_desc(const ConvShape& shape) {
    const int64_t in = shape.x.c / shape.group, taps = shape.window.taps();
    const bool last = shape.order == Order::kNhwc;
    memory::dims strides = {in * taps, last ? 1 : taps};
    if (shape.group > 1) strides.insert(strides.begin(), shape.y.c / shape.group * in * taps);
    int64_t stride = taps * (last ? in : 1);
    for (int axis = first_axis(shape.x.axes); axis < 3; ++axis) {
      stride /= shape.window.kernel[axis];
      strides.push_back(stride);
    }
    return strided_desc(filter_dims(shape), strides);
  }

  dnnl::convolution_forward::primitive_desc forward(bool with_bias) const {
    return with_bias ? describe<dnnl::convolution_forward>(dnnl::prop_kind::forward_training,
                                                           kAlgorithm, x, any_filter, bias, y,
                                                           strides, dilations, pad_begin, pad_end)
                     : describe<dnnl::convolution_forward>(dnnl::prop_kind::forward_training,
                                                           kAlgorithm, x, any_filter, y, strides,
                                                           dilations, pad_begin, pad_end);
  }

  memory::desc x;
  memory::desc y;
  memory::desc bias;
  memory::desc filter;
  memory::desc any_filter;
  memory::dims strides;
  memory::dims dilations;
  memory::dims pad_begin;
  memory::dims pad_end;
};

/// Multiply-adds below which the images of a batch are shared out here: each thread then has a
/// whole convolution of its own. oneDNN shares out well only what takes longer than that.
constexpr double kSmall = 8e6;

/// What one of `parts` threads computes.
ConvProblem part_of(ConvProblem problem, int parts) {
  if (parts == 1) return problem;
  problem.shape.x.n /= parts;
  problem.shape.y.n /= parts;
  problem.width = 1;
  return problem;
}

}  // namespace

ImageParts::ImageParts(const ConvProblem& problem)
    : count_(problem.shape.x.n % problem.width == 0 && problem.shape.macs() < kSmall ? problem.width
                                                                                     : 1),
      x_(problem.shape.x.shape(problem.shape.order).numel() / count_),
      y_(problem.shape.y.shape(problem.shape.order).numel() / count_) {}

ConvProblem conv_problem(const Args& args, const TensorDesc& x, const TensorDesc& filter,
                         const TensorDesc& y, int width) {
  const ConvShape shape = conv_shape(args, x.shape, filter.shape);
  return {shape, are_channels_last(shape.order, {&x, &y}), width};
}

ConvForward::ConvForward(const ConvProblem& whole, bool with_bias) : parts_(whole) {
  const ConvProblem problem = part_of(whole, parts_.count());
  make_at_width(problem.width, "a convolution", [&] {
    const Description given(problem);
    const auto chosen = given.forward(with_bias);
    std::vector<Primitive::Impl::Operand> operands = {{DNNL_ARG_SRC, given.x},
                                                      {DNNL_ARG_WEIGHTS, chosen.weights_desc()},
                                                      {DNNL_ARG_DST, given.y}};
    if (with_bias) operands.push_back({DNNL_ARG_BIAS, given.bias});
    convolution_ = make_primitive<dnnl::convolution_forward>(chosen, problem.width, operands);
    pack_ = make_reorder(given.filter, chosen.weights_desc(), problem.width);
    if (pack_) packed_bytes_ = chosen.weights_desc().get_size();
  });
  ScratchLayout layout;
  packed_offset_ = layout.add(packed_bytes_);
  pack_offset_ = layout.add(pack_.scratch_bytes());
  for (int part = 0; part < parts_.count(); ++part) {
    work_offsets_.push_back(layout.add(convolution_.scratch_bytes()));
  }
  scratch_bytes_ = layout.bytes();
}

void ConvForward::pack(const float* filter, void* packed) const {
  const auto work = std::make_unique<std::byte[]>(pack_.scratch_bytes());
  pack_.run({{DNNL_ARG_FROM, filter}, {DNNL_ARG_TO, packed}}, work.get());
}

void ConvForward::run(const float* x, const float* filter, const void* packed, const float* bias,
                      float* y, void* scratch) const {
  if (packed == nullptr && pack_) {
    packed = ScratchLayout::at(scratch, packed_offset_);
    pack_.run({{DNNL_ARG_FROM, filter}, {DNNL_ARG_TO, packed}},
              ScratchLayout::at(scratch, pack_offset_));
  }
  parallel_for(parts_.count(), [&](int part) {
    convolution_.run({{DNNL_ARG_SRC, x + parts_.x(part)},
                      {DNNL_ARG_WEIGHTS, packed != nullptr ? packed : filter},
                      {DNNL_ARG_BIAS, bias},
                      {DNNL_ARG_DST, y + parts_.y(part)}},
                     ScratchLayout::at(scratch, work_offsets_[part]));
  });
}

ConvBackwardData::ConvBackwardData(const ConvProblem& whole) : parts_(whole) {
  const ConvProblem problem = part_of(whole, parts_.count());
  size_t packed_bytes = 0;
  make_at_width(problem.width, "the data gradient of a convolution", [&] {
    const Description given(problem);
    const auto chosen = describe_backward<dnnl::convolution_backward_data>(
        given.forward(false), kAlgorithm, given.x, given.any_filter, given.y, given.strides,
        given.dilations, given.pad_begin, given.pad_end);
    convolution_ =
        make_primitive<dnnl::convolution_backward_data>(chosen, problem.width,
                                                        {{DNNL_ARG_DIFF_SRC, given.x},
                                                         {DNNL_ARG_WEIGHTS, chosen.weights_desc()},
                                                         {DNNL_ARG_DIFF_DST, given.y}});
    pack_ = make_reorder(given.filter, chosen.weights_desc(), problem.width);
    if (pack_) packed_bytes = chosen.weights_desc().get_size();
  });
  ScratchLayout layout;
  packed_offset_ = layout.add(packed_bytes);
  pack_offset_ = layout.add(pack_.scratch_bytes());
  for (int part = 0; part < parts_.count(); ++part) {
    work_offsets_.push_back(layout.add(convolution_.scratch_bytes()));
  }
  scratch_bytes_ = layout.bytes();
}

void ConvBackwardData::run(const float* filter, const float* dy, float* dx, void* scratch) const {
  const void* packed = filter;
  if (pack_) {
    packed = ScratchLayout::at(scratch, packed_offset_);
    pack_.run({{DNNL_ARG_FROM, filter}, {DNNL_ARG_TO, packed}},
              ScratchLayout::at(scratch, pack_offset_));
  }
  parallel_for(parts_.count(), [&](int part) {
    convolution_.run({{DNNL_ARG_DIFF_SRC, dx + parts_.x(part)},
                      {DNNL_ARG_WEIGHTS, packed},
                      {DNNL_ARG_DIFF_DST, dy + parts_.y(part)}},
                     ScratchLayout::at(scratch, work_offsets_[part]));
  });
}

ConvBackwardFilter::ConvBackwardFilter(const ConvProblem& problem, bool with_bias) {
  size_t packed_bytes = 0;
  make_at_width(problem.width, "the weight gradient of a convolution", [&] {
    const Description given(problem);
    const auto hint = given.forward(with_bias);
    using Backward = dnnl::convolution_backward_weights;
    const auto chosen =
        with_bias ? describe_backward<Backward>(hint, kAlgorithm, given.x, given.any_filter,
                                                given.bias, given.y, given.strides, given.dilations,
                                                given.pad_begin, given.pad_end)
                  : describe_backward<Backward>(hint, kAlgorithm, given.x, given.any_filter,
                                                given.y, given.strides, given.dilations,
                                                given.pad_begin, given.pad_end);
    const memory::desc packed = chosen.diff_weights_desc();
    std::vector<Primitive::Impl::Operand> operands = {
        {DNNL_ARG_SRC, given.x}, {DNNL_ARG_DIFF_WEIGHTS, packed}, {DNNL_ARG_DIFF_DST, given.y}};
    if (with_bias) operands.push_back({DNNL_ARG_DIFF_BIAS, given.bias});
    convolution_ = make_primitive<Backward>(chosen, problem.width, operands);
    unpack_ = make_reorder(packed, given.filter, problem.width);
    if (unpack_) packed_bytes = packed.get_size();
  });
  ScratchLayout layout;
  packed_offset_ = layout.add(packed_bytes);
  work_offset_ = layout.add(std::max(convolution_.scratch_bytes(), unpack_.scratch_bytes()));
  scratch_bytes_ = layout.bytes();
}

void ConvBackwardFilter::run(const float* x, const float* dy, float* dfilter, float* dbias,
                             void* scratch) const {
  void* work = ScratchLayout::at(scratch, work_offset_);
  float* packed = unpack_ ? ScratchLayout::at<float>(scratch, packed_offset_) : dfilter;
  convolution_.run({{DNNL_ARG_SRC, x},
                    {DNNL_ARG_DIFF_WEIGHTS, packed},
                    {DNNL_ARG_DIFF_BIAS, dbias},
                    {DNNL_ARG_DIFF_DST, dy}},
                   work);
  if (unpack_) unpack_.run({{DNNL_ARG_FROM, packed}, {DNNL_ARG_TO, dfilter}}, work);
}

}  // namespace headrace
