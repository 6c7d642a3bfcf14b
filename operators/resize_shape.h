#pragma once

#include <optional>

#include "core/kernel.h"
#include "operators/image.h"

/// What operators share that resize images with two spatial axes by factors for height and width.
namespace headrace {

struct Scales {
  float height = 1;
  float width = 1;
};

/// Declares the arguments width_scale, height_scale and order, and layout rules.
OpSchema& declare_resize(OpSchema& schema);

/// Type of the resized image; input `scales` (height, width) replaces the arguments where there is
/// one, and then the shape is not known before its elements are.
std::vector<TensorType> infer_resize(const InferContext& context);
/// Inputs (dY, X) or (dY, X, scales): the type of X, once dY has been found to fit.
std::vector<TensorType> infer_resize_gradient(const InferContext& context);

/// The scales when the kernel runs; `input` is that of the scales.
Scales scales_of(const Args& args);
/// Size of an axis after scaling: rounded towards zero.
int64_t scaled_size(int64_t size, float scale);

}  // namespace headrace
