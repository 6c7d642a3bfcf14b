// Operators whose elements are picked from their input: Slice, Tile, Gather, PadImage, ...

#include <cmath>

#include <gtest/gtest.h>

#include "tests/operators/compare.h"
#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
Maker indices32(std::vector<int32_t> v) { return values<int32_t>({static_cast<int64_t>(v.size())}, v); }
Maker indices64(std::vector<int64_t> v) { return values<int64_t>({static_cast<int64_t>(v.size())}, v); }

const OperatorSamples slice("Slice", {
    {.name = "inner axis", .args = {{"starts", ints({0, 1})}, {"ends", ints({-1, 3})}}, .inputs = {normal({3, 4})}, .gradients = {0}},
    {.name = "rows", .args = {{"starts", ints({1})}, {"ends", ints({2})}}, .inputs = {normal({3, 4})}, .gradients = {0}},
    {.name = "middle axis", .args = {{"starts", ints({0, 1, 0, 0})}, {"ends", ints({-1, 3, -1, -1})}}, .inputs = {normal({2, 4, 3, 2})}, .gradients = {0}},
    {.name = "from the end", .args = {{"starts", ints({0, -3})}, {"ends", ints({-1, -2})}}, .inputs = {normal({3, 5})}, .gradients = {0}},
    {.name = "past the end", .args = {{"starts", ints({0, 1})}, {"ends", ints({-1, 9})}}, .inputs = {normal({3, 4})}, .gradients = {0}},
    {.name = "all", .args = {{"starts", ints({0, 0})}, {"ends", ints({-1, -1})}}, .inputs = {normal({3, 4})}, .gradients = {0}},
    {.name = "nothing", .args = {{"starts", ints({0, 2})}, {"ends", ints({-1, 2})}}, .inputs = {normal({3, 4})}},
    {.name = "begins past the end", .args = {{"starts", ints({0, 9})}, {"ends", ints({-1, -1})}}, .inputs = {normal({3, 4})}},
    {.name = "inputs", .inputs = {normal({3, 4}), indices32({0, 1}), indices32({-1, 3})}, .gradients = {0}},
    {.name = "int64 inputs", .inputs = {normal({3, 4, 2}), indices64({-3}), indices64({-1})}, .gradients = {0}},
    {.name = "int64", .args = {{"starts", ints({1})}, {"ends", ints({2})}}, .inputs = {integers<int64_t>({3, 2}, 0, 99)}},
    {.name = "strings", .args = {{"starts", ints({1})}, {"ends", ints({-1})}}, .inputs = {strings_of({3}, {"a", "b", "c"})}},
    {.name = "empty", .args = {{"starts", ints({0, 1})}, {"ends", ints({-1, 3})}}, .inputs = {normal({0, 4})}},
});
const OperatorErrors slice_errors("Slice", {
    {.name = "two axes", .args = {{"starts", ints({1, 1})}, {"ends", ints({2, 3})}}, .inputs = {normal({3, 4})}, .says = "cuts one axis"},
    {.name = "backwards", .args = {{"starts", ints({0, 3})}, {"ends", ints({-1, 2})}}, .inputs = {normal({3, 4})}, .says = "from 3 to 2"},
    {.name = "before the beginning", .args = {{"starts", ints({0, -9})}, {"ends", ints({-1, 2})}}, .inputs = {normal({3, 4})}, .says = "from -9"},
    {.name = "no bounds", .inputs = {normal({3, 4})}, .says = "starts"},
    {.name = "too many bounds", .args = {{"starts", ints({0, 0})}, {"ends", ints({1, 1})}}, .inputs = {normal({3})}, .says = "at most one for each axis"},
    {.name = "uneven bounds", .args = {{"starts", ints({0, 0})}, {"ends", ints({1})}}, .inputs = {normal({3, 3})}, .says = "found 2 and 1"},
    {.name = "starts alone", .inputs = {normal({3}), indices32({0})}, .code = ErrorCode::kInvalidNet, .says = "both"},
    {.name = "float bounds", .inputs = {normal({3}), normal({1}), normal({1})}, .code = ErrorCode::kTypeMismatch, .says = "int32"},
    {.name = "scalar", .args = {{"starts", ints({0})}, {"ends", ints({-1})}}, .inputs = {normal({})}, .says = "at most one for each axis"},
});

const OperatorSamples tile("Tile", {
    {.name = "rows", .args = {{"tiles", 2}, {"axis", 0}}, .inputs = {normal({3, 2})}, .gradients = {0}},
    {.name = "columns", .args = {{"tiles", 3}, {"axis", 1}}, .inputs = {normal({3, 2})}, .gradients = {0}},
    {.name = "middle axis", .args = {{"tiles", 2}, {"axis", -2}}, .inputs = {normal({2, 3, 4})}, .gradients = {0}},
    {.name = "one", .args = {{"tiles", 1}, {"axis", 1}}, .inputs = {normal({2, 3})}, .gradients = {0}},
    {.name = "none", .args = {{"tiles", 0}, {"axis", 1}}, .inputs = {normal({2, 3})}},
    {.name = "tiles as input", .args = {{"axis", 1}}, .inputs = {normal({2, 3}), indices32({2})}, .gradients = {0}},
    {.name = "both as inputs", .inputs = {normal({2, 3}), indices32({2}), indices32({1})}, .gradients = {0}},
    {.name = "both as int64 inputs", .inputs = {normal({2, 3}), indices64({2}), indices64({-1})}, .gradients = {0}},
    {.name = "int64 tiles", .args = {{"axis", 0}}, .inputs = {normal({2, 3}), indices64({2})}, .gradients = {0}},
    {.name = "int32", .args = {{"tiles", 2}, {"axis", 0}}, .inputs = {integers<int32_t>({3}, 0, 9)}},
    {.name = "strings", .args = {{"tiles", 2}, {"axis", 0}}, .inputs = {strings_of({2}, {"a", "b"})}},
    {.name = "empty", .args = {{"tiles", 2}, {"axis", 1}}, .inputs = {normal({2, 0})}},
});
const OperatorErrors tile_errors("Tile", {
    {.name = "no tiles", .args = {{"axis", 0}}, .inputs = {normal({2})}, .says = "number of tiles"},
    {.name = "no axis", .args = {{"tiles", 2}}, .inputs = {normal({2})}, .says = "the axis"},
    {.name = "axis", .args = {{"tiles", 2}, {"axis", 1}}, .inputs = {normal({2})}, .says = "no axis 1"},
    {.name = "negative", .args = {{"tiles", -1}, {"axis", 0}}, .inputs = {normal({2})}, .says = "-1 tiles"},
    {.name = "overflow", .args = {{"tiles", int64_t{1} << 62}, {"axis", 0}}, .inputs = {normal({5})}, .code = ErrorCode::kShapeMismatch, .says = "too many"},
    {.name = "scalar", .args = {{"tiles", 2}, {"axis", 0}}, .inputs = {normal({})}, .says = "no axis 0"},
    {.name = "two numbers", .args = {{"axis", 0}}, .inputs = {normal({2}), indices32({2, 2})}, .code = ErrorCode::kShapeMismatch, .says = "one number"},
    {.name = "float tiles", .args = {{"axis", 0}}, .inputs = {normal({2}), normal({1})}, .code = ErrorCode::kTypeMismatch, .says = "int32"},
    {.name = "int64 tiles and an axis that Caffe2 ignores", .args = {{"axis", 1}}, .inputs = {normal({2, 3}), indices64({2})}, .says = "whatever"},
});

// Without the argument Caffe2's gradient is a sparse one, a pair of blobs.
const OperatorSamples gather("Gather", {
    {.name = "rows", .args = {{"dense_gradient", 1}}, .inputs = {normal({3, 2}), indices32({2, 0, 2})}, .gradients = {0}},
    {.name = "int64 indices", .args = {{"dense_gradient", 1}}, .inputs = {normal({4, 2, 2}), indices64({3, 0})}, .gradients = {0}},
    {.name = "from the end", .inputs = {normal({3, 2}), indices32({2, -1})}},
    {.name = "matrix of indices", .inputs = {normal({3, 2}), values<int32_t>({2, 2}, {0, 1, 2, 2})}},
    {.name = "of a vector", .inputs = {normal({3}), indices32({2, 0})}},
    {.name = "one index", .inputs = {normal({3, 2}), values<int64_t>({}, {1})}},
    {.name = "columns", .args = {{"axis", 1}}, .inputs = {normal({2, 3}), indices32({2, 0, 2, 1})}, .gradients = {0}},
    {.name = "middle axis", .args = {{"axis", 1}}, .inputs = {normal({2, 3, 2}), values<int64_t>({2, 2}, {0, 1, 2, 2})}, .gradients = {0}},
    {.name = "columns from the end", .args = {{"axis", 1}, {"wrap_indices", 1}}, .inputs = {normal({2, 3}), indices32({2, -1})}},
    {.name = "negative axis", .args = {{"axis", -1}}, .inputs = {normal({2, 3}), indices32({2, 0})}, .gradients = {0}},
    {.name = "indices of their own", .args = {{"axis", 1}, {"match_outer", 1}}, .inputs = {normal({2, 3, 2}), values<int32_t>({2, 2}, {1, 0, 2, 2})}, .gradients = {0}},
    {.name = "strings", .inputs = {strings_of({2}, {"a", "b"}), indices32({1})}},
    {.name = "nothing of nothing", .inputs = {normal({0, 3}), indices32({})}},
    {.name = "nothing", .inputs = {normal({2, 3}), indices64({})}},
});
const OperatorErrors gather_errors("Gather", {
    {.name = "outside", .inputs = {normal({2, 3}), indices32({2})}, .code = ErrorCode::kNumeric, .says = "index 2 at position 0"},
    {.name = "far below", .inputs = {normal({2, 3}), indices32({1, -3})}, .code = ErrorCode::kNumeric, .says = "index -3 at position 1"},
    {.name = "no wrapping on other axes", .args = {{"axis", 1}}, .inputs = {normal({2, 3}), indices32({-1})}, .code = ErrorCode::kNumeric, .says = "index -1"},
    {.name = "axis", .args = {{"axis", 2}}, .inputs = {normal({2, 3}), indices32({0})}, .says = "no axis 2"},
    {.name = "scalar", .inputs = {normal({}), indices32({0})}, .says = "no axis 0"},
    {.name = "float indices", .inputs = {normal({2, 3}), normal({1})}, .code = ErrorCode::kTypeMismatch, .says = "int32"},
    {.name = "outer sizes", .args = {{"axis", 1}, {"match_outer", 1}}, .inputs = {normal({2, 3}), values<int32_t>({1, 2}, {0, 0})}, .code = ErrorCode::kShapeMismatch, .says = "match_outer"},
});

const OperatorSamples sparse_to_dense("SparseToDense", {
    {.name = "data", .inputs = {indices64({1, 0, 1}), normal({3, 2}), normal({4, 5})}, .gradients = {1}},
    {.name = "largest index", .inputs = {indices32({1, 4, 1}), normal({3, 2})}, .gradients = {1}},
    {.name = "vector", .inputs = {indices32({1, 0, 1}), normal({3}), normal({4})}, .gradients = {1}},
    {.name = "int64", .inputs = {indices32({1, 0, 1}), integers<int64_t>({3}, 0, 9), normal({4})}},
    {.name = "nothing", .inputs = {indices64({}), normal({0, 2}), normal({4})}},
    {.name = "nothing of nothing", .inputs = {indices64({}), normal({0, 2})}},
});
const OperatorErrors sparse_to_dense_errors("SparseToDense", {
    {.name = "outside", .inputs = {indices64({4}), normal({1, 2}), normal({4})}, .code = ErrorCode::kNumeric, .says = "index 4"},
    {.name = "negative", .inputs = {indices64({-1, 0}), normal({2, 2})}, .code = ErrorCode::kNumeric, .says = "index -1"},
    {.name = "counts", .inputs = {indices64({1, 2}), normal({3, 2}), normal({4})}, .code = ErrorCode::kShapeMismatch, .says = "one part for each"},
    {.name = "scalar data", .inputs = {indices64({1}), normal({1}), normal({})}, .code = ErrorCode::kShapeMismatch, .says = "first dimension"},
    {.name = "float indices", .inputs = {normal({1}), normal({1}), normal({1})}, .code = ErrorCode::kTypeMismatch, .says = "int32"},
});

const OperatorSamples channel_shuffle("ChannelShuffle", {
    {.name = "two groups", .args = {{"group", 2}}, .inputs = {normal({2, 6, 3, 2})}, .gradients = {0}, .nhwc_inputs = {0}, .nhwc_outputs = {0}},
    {.name = "three groups", .args = {{"group", 3}, {"kernel", 1}}, .inputs = {normal({1, 6, 2})}, .gradients = {0}},
    {.name = "no groups", .inputs = {normal({2, 4, 2, 2})}, .gradients = {0}},
    {.name = "matrix", .args = {{"group", 2}}, .inputs = {normal({3, 6})}, .gradients = {0}},
    {.name = "empty", .args = {{"group", 2}}, .inputs = {normal({0, 6, 3, 2})}},
});
const OperatorErrors channel_shuffle_errors("ChannelShuffle", {
    {.name = "groups", .args = {{"group", 4}}, .inputs = {normal({2, 6, 3, 2})}, .says = "6 channels"},
    {.name = "no group", .args = {{"group", 0}}, .inputs = {normal({2, 6, 3, 2})}, .says = "0 groups"},
    {.name = "vector", .args = {{"group", 2}}, .inputs = {normal({6})}, .code = ErrorCode::kShapeMismatch, .says = "channels"},
    {.name = "order", .args = {{"order", "CHW"}}, .inputs = {normal({2, 6, 3, 2})}, .says = "NHWC"},
    {.name = "integers", .inputs = {integers<int32_t>({2, 6}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});

const OperatorSamples pad_image("PadImage", {
    {.name = "zeros", .args = {{"pad", 1}}, .inputs = {normal({2, 3, 3, 2})}, .gradients = {0}, .nhwc_inputs = {0}, .nhwc_outputs = {0}},
    {.name = "value", .args = {{"pad_t", 1}, {"pad_l", 0}, {"pad_b", 2}, {"pad_r", 1}, {"value", 5.0f}}, .inputs = {normal({1, 2, 2, 3})}, .gradients = {0}, .nhwc_inputs = {0}, .nhwc_outputs = {0}},
    {.name = "reflect", .args = {{"pads", ints({2, 1, 0, 2})}, {"mode", "reflect"}}, .inputs = {normal({1, 2, 3, 4})}, .gradients = {0}, .nhwc_inputs = {0}, .nhwc_outputs = {0}},
    {.name = "edge", .args = {{"pad", 2}, {"mode", "edge"}}, .inputs = {normal({1, 2, 3, 2})}, .gradients = {0}, .nhwc_inputs = {0}, .nhwc_outputs = {0}},
    {.name = "cut", .args = {{"pads", ints({-1, 0, 0, 1})}}, .inputs = {normal({1, 2, 3, 3})}, .gradients = {0}},
    {.name = "none", .inputs = {normal({1, 2, 3, 3})}, .gradients = {0}},
    {.name = "empty", .args = {{"pad", 1}}, .inputs = {normal({0, 2, 3, 3})}},
});
const OperatorErrors pad_image_errors("PadImage", {
    {.name = "mode", .args = {{"pad", 1}, {"mode", "mirror"}}, .inputs = {normal({1, 1, 3, 3})}, .says = "'mirror'"},
    {.name = "too far", .args = {{"pad", 3}, {"mode", "reflect"}}, .inputs = {normal({1, 1, 3, 3})}, .says = "shorter"},
    {.name = "rank", .args = {{"pad", 1}}, .inputs = {normal({1, 3, 3})}, .code = ErrorCode::kShapeMismatch, .says = "4 dimensions"},
    {.name = "all cut", .args = {{"pad", -2}}, .inputs = {normal({1, 1, 3, 3})}, .code = ErrorCode::kShapeMismatch, .says = "nothing"},
    {.name = "one side", .args = {{"pad_t", 1}}, .inputs = {normal({1, 1, 3, 3})}, .says = "belong together"},
    {.name = "list", .args = {{"pads", ints({1, 1})}}, .inputs = {normal({1, 1, 3, 3})}, .says = "found 2"},
    {.name = "far", .args = {{"pad", int64_t{1} << 62}}, .inputs = {normal({1, 1, 3, 3})}, .says = "out of reach"},
    {.name = "integers", .args = {{"pad", 1}}, .inputs = {integers<int32_t>({1, 1, 3, 3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});

/// Resizing by arguments and by input, to larger and smaller images.
std::vector<Sample> resizes() {
  return {
      {.name = "twice", .args = {{"width_scale", 2.0f}, {"height_scale", 2.0f}}, .inputs = {normal({2, 3, 3, 2})}, .gradients = {0}, .nhwc_inputs = {0}, .nhwc_outputs = {0}},
      {.name = "uneven", .args = {{"width_scale", 1.5f}, {"height_scale", 2.2f}}, .inputs = {normal({1, 2, 5, 4})}, .gradients = {0}},
      {.name = "smaller", .args = {{"width_scale", 0.5f}, {"height_scale", 0.75f}}, .inputs = {normal({1, 2, 4, 5})}, .gradients = {0}},
      {.name = "as it is", .inputs = {normal({1, 2, 2, 3})}, .gradients = {0}},
      {.name = "scales as input", .inputs = {normal({1, 2, 3, 2}), values<float>({2}, {2, 1.5f})}, .gradients = {0}},
      {.name = "one pixel", .args = {{"width_scale", 3.0f}, {"height_scale", 2.0f}}, .inputs = {normal({2, 1, 1, 1})}, .gradients = {0}},
      {.name = "empty", .args = {{"width_scale", 2.0f}}, .inputs = {normal({0, 2, 2, 3})}},
  };
}
std::vector<ErrorSample> resize_errors() {
  return {
      {.name = "scale", .args = {{"width_scale", 0.0f}}, .inputs = {normal({1, 1, 2, 2})}, .says = "above 0"},
      {.name = "scale as input", .inputs = {normal({1, 1, 2, 2}), values<float>({2}, {1, -1})}, .says = "-1"},
      {.name = "not a number", .args = {{"height_scale", std::nanf("")}}, .inputs = {normal({1, 1, 2, 2})}, .says = "nan"},
      {.name = "three scales", .inputs = {normal({1, 1, 2, 2}), normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "height and width"},
      {.name = "rank", .args = {{"width_scale", 2.0f}}, .inputs = {normal({1, 2, 2})}, .code = ErrorCode::kShapeMismatch, .says = "4 dimensions"},
      {.name = "far", .args = {{"width_scale", 1e30f}}, .inputs = {normal({1, 1, 2, 2})}, .code = ErrorCode::kShapeMismatch, .says = "scaled by"},
      {.name = "integers", .inputs = {integers<int32_t>({1, 1, 2, 2}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
  };
}
const OperatorSamples resize_nearest("ResizeNearest", resizes());
const OperatorErrors resize_nearest_errors("ResizeNearest", resize_errors());
const OperatorSamples upsample_bilinear("UpsampleBilinear", resizes());
const OperatorErrors upsample_bilinear_errors("UpsampleBilinear", resize_errors());

// Detectron's operator, which the reference engine is without.
const OperatorSamples upsample_nearest("UpsampleNearest", {
    {.name = "twice", .inputs = {normal({2, 3, 3, 2})}, .reference = Reference::kTorch, .gradients = {0}},
    {.name = "three times", .args = {{"scale", 3}}, .inputs = {normal({1, 2, 2, 4})}, .reference = Reference::kTorch, .gradients = {0}},
});
const OperatorErrors upsample_nearest_errors("UpsampleNearest", {
    {.name = "scale", .args = {{"scale", 0}}, .inputs = {normal({1, 1, 2, 2})}, .says = "at least 1"},
    {.name = "vector", .inputs = {normal({3})}, .code = ErrorCode::kShapeMismatch, .says = "height and width"},
});

const OperatorSamples one_hot("OneHot", {
    {.name = "indices", .inputs = {indices64({1, 0, 2}), indices64({3})}},
    {.name = "scalar size", .inputs = {indices64({1, 0}), values<int64_t>({}, {2})}},
    {.name = "nothing", .inputs = {indices64({}), indices64({3})}, .reference = Reference::kCheck,
     .check = [](const SampleRun& run) { EXPECT_EQ(run.outputs[0].tensor().shape(), Shape({0, 3})); }},
});
const OperatorErrors one_hot_errors("OneHot", {
    {.name = "int32", .inputs = {indices32({1}), indices64({3})}, .code = ErrorCode::kTypeMismatch, .says = "int64"},
    {.name = "matrix", .inputs = {integers<int64_t>({2, 2}, 0, 2), indices64({3})}, .code = ErrorCode::kShapeMismatch, .says = "1 dimension"},
    {.name = "sizes", .inputs = {indices64({1}), indices64({3, 3})}, .code = ErrorCode::kShapeMismatch, .says = "1 element"},
    {.name = "outside", .inputs = {indices64({1, 3}), indices64({3})}, .code = ErrorCode::kNumeric, .says = "index 3 at position 1"},
    {.name = "negative", .inputs = {indices64({-1}), indices64({3})}, .code = ErrorCode::kNumeric, .says = "index -1"},
    {.name = "negative size", .inputs = {indices64({1}), indices64({-3})}, .says = "-3 classes"},
});

std::vector<Sample> choices() {
  return {
      {.name = "last axis", .inputs = {normal({3, 5})}},
      {.name = "first axis", .args = {{"axis", 0}}, .inputs = {normal({3, 5})}},
      {.name = "middle axis", .args = {{"axis", 1}, {"keepdims", 0}}, .inputs = {normal({2, 4, 3})}},
      {.name = "ties", .inputs = {values<float>({2, 4}, {1, 3, 3, 1, 2, 2, 2, 2})}},
      {.name = "not a number", .inputs = {values<float>({2, 3}, {1, NAN, 3, NAN, 1, 3})}},
      {.name = "int32", .inputs = {integers<int32_t>({7}, 0, 5)}},
      {.name = "int64", .args = {{"keepdims", 0}}, .inputs = {integers<int64_t>({7}, 0, 5)}},
      {.name = "float64", .inputs = {values<double>({3}, {1, 1 + 1e-12, 1})}},
      {.name = "empty", .inputs = {normal({0, 3})}},
  };
}
std::vector<ErrorSample> choice_errors() {
  return {{.name = "axis", .args = {{"axis", 2}}, .inputs = {normal({2, 3})}, .says = "no axis 2"},
          {.name = "scalar", .inputs = {normal({})}, .says = "no axis -1"},
          {.name = "nothing", .inputs = {normal({3, 0})}, .code = ErrorCode::kShapeMismatch, .says = "no elements"},
          {.name = "bool", .inputs = {values<bool>({2}, {true, false})}, .code = ErrorCode::kTypeMismatch, .says = "int64"}};
}
const OperatorSamples arg_max("ArgMax", choices());
const OperatorSamples arg_min("ArgMin", choices());
const OperatorErrors arg_max_errors("ArgMax", choice_errors());
const OperatorErrors arg_min_errors("ArgMin", choice_errors());

const OperatorSamples top_k("TopK", {
    {.name = "rows", .args = {{"k", 2}}, .inputs = {apart({3, 5})}, .gradients = {0}, .gradient_outputs = {0}},
    {.name = "flat indices", .args = {{"k", 2}}, .inputs = {apart({2, 4})}, .outputs = 3, .gradients = {0}, .gradient_outputs = {0}},
    {.name = "first axis", .args = {{"k", 2}, {"axis", 0}}, .inputs = {apart({4, 3})}, .outputs = 3, .gradients = {0}, .gradient_outputs = {0}},
    {.name = "middle axis", .args = {{"k", 2}, {"axis", 1}}, .inputs = {apart({2, 4, 3})}, .outputs = 3, .gradients = {0}, .gradient_outputs = {0}},
    {.name = "more than there are", .args = {{"k", 5}}, .inputs = {apart({2, 3})}, .gradients = {0}, .gradient_outputs = {0}},
    {.name = "k as input", .inputs = {apart({2, 3}), indices64({2})}, .gradients = {0}, .gradient_outputs = {0}},
    {.name = "ties", .args = {{"k", 3}}, .inputs = {values<float>({4}, {1, 1, 2, 1})}},
    {.name = "empty", .args = {{"k", 2}}, .inputs = {normal({0, 3})}},
    {.name = "not a number", .args = {{"k", 3}}, .inputs = {values<float>({4}, {1, NAN, 2, INFINITY})}, .reference = Reference::kCheck,
     .check = [](const SampleRun& run) { EXPECT_TRUE(same_tensor(run.outputs[0].tensor(), Tensor::from<float>({3}, {INFINITY, 2, 1}), 0)); }},
});
const OperatorErrors top_k_errors("TopK", {
    {.name = "none", .args = {{"k", 0}}, .inputs = {normal({2, 3})}, .says = "k >= 1"},
    {.name = "no k", .inputs = {normal({2, 3})}, .says = "needs k"},
    {.name = "int32 k", .inputs = {normal({2, 3}), indices32({2})}, .code = ErrorCode::kTypeMismatch, .says = "int64"},
    {.name = "axis", .args = {{"k", 2}, {"axis", 2}}, .inputs = {normal({2, 3})}, .says = "no axis 2"},
    {.name = "integers", .args = {{"k", 2}}, .inputs = {integers<int32_t>({2, 3}, 0, 9)}, .code = ErrorCode::kTypeMismatch, .says = "float32"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
