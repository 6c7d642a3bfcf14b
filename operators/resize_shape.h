#pragma once

#include <string>

#include "core/kernel.h"
#include "operators/index_map.h"

/// What operators share that resize images with two spatial axes by factors for height and width.
namespace headrace {

struct Scales {
  float height = 1;
  float width = 1;
};

/// The schemas of an operator with inputs (X, scales) and of its gradient, TypeGradient, with
/// inputs (dY, X, scales). Input `scales` (height, width) replaces the arguments width_scale and
/// height_scale where there is one, and then the shape is not known before its elements are.
OpSchema resize_schema(const std::string& type, const char* doc);
OpSchema resize_gradient_schema(const std::string& type, const char* doc);

/// The scales when the kernel runs; `input` is that of the scales.
Scales scales_of(const Args& args);
/// How the pixels of image Y lie on those of X.
IndexMap resize_map(const Args& args, const TensorDesc& x, const TensorDesc& y);

}  // namespace headrace
