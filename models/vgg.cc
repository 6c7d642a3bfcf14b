// Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition"
// (2015), configurations D and E. Initialised as in He et al. (2015), which trains from scratch.
#include "models/model.h"

namespace headrace {
namespace {

/// Convolutions per stage of 64, 128, 256, 512 and 512 channels.
template <int... counts>
Value vgg(const Value& image, int classes) {
  Value x = image;
  int filters = 64;
  for (int count : {counts...}) {
    for (int i = 0; i < count; ++i) {
      x = x.conv({.filters = filters, .kernel = 3, .pad = 1, .bias = true}).relu();
    }
    x = x.max_pool({.kernel = 2, .stride = 2});
    if (filters < 512) filters *= 2;
  }
  for (int layer = 0; layer < 2; ++layer) {
    x = x.fc(4096, {.weight = gaussian(0.01f)}).relu().dropout(0.5f);
  }
  return x.fc(classes, {.weight = gaussian(0.01f)});
}

const RegisterModel kModels[] = {
    {{"vgg16", "VGG-16 for ImageNet", {}, vgg<2, 2, 3, 3, 3>}},
    {{"vgg19", "VGG-19 for ImageNet", {}, vgg<2, 2, 4, 4, 4>}},
};

}  // namespace
}  // namespace headrace
