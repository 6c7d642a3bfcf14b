// Krizhevsky et al., "ImageNet classification with deep convolutional neural networks" (2012), in
// the one-tower form with groups that Caffe made common.
#include "models/model.h"

namespace headrace {
namespace {

const LrnOptions kNormalisation{.size = 5, .alpha = 1e-4f, .beta = 0.75f, .bias = 1};

Value alexnet(const Value& image, int classes) {
  const Initializer weight = gaussian(0.01f);
  Value x = image.conv({.filters = 96, .kernel = 11, .stride = 4, .bias = true, .weight = weight});
  x = x.relu().lrn(kNormalisation).max_pool({.kernel = 3, .stride = 2});
  x = x.conv({.filters = 256,
              .kernel = 5,
              .pad = 2,
              .groups = 2,
              .bias = true,
              .weight = weight,
              .bias_value = constant(0.1f)});
  x = x.relu().lrn(kNormalisation).max_pool({.kernel = 3, .stride = 2});
  ConvOptions conv{.filters = 384, .kernel = 3, .pad = 1, .bias = true, .weight = weight};
  x = x.conv(conv).relu();
  conv.groups = 2;
  conv.bias_value = constant(0.1f);
  x = x.conv(conv).relu();
  conv.filters = 256;
  x = x.conv(conv).relu().max_pool({.kernel = 3, .stride = 2});
  for (int layer = 0; layer < 2; ++layer) {
    x = x.fc(4096, {.weight = gaussian(0.005f), .bias_value = constant(0.1f)}).relu().dropout(0.5f);
  }
  return x.fc(classes, {.weight = weight});
}

const RegisterModel kModel{{"alexnet", "AlexNet for ImageNet", {.image = 227}, alexnet}};

}  // namespace
}  // namespace headrace
