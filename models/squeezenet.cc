// Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters" (2016), version
// 1.1 of its authors.
#include <string>

#include "models/model.h"

namespace headrace {
namespace {

/// Squeezes to few channels, then expands by 1x1 and 3x3 side by side.
Value fire(const Value& x, int squeezed, int expanded) {
  Value s = x.conv({.filters = squeezed, .bias = true, .weight = xavier()}).relu();
  Value one = s.conv({.filters = expanded, .bias = true, .weight = xavier()}).relu();
  Value three =
      s.conv({.filters = expanded, .kernel = 3, .pad = 1, .bias = true, .weight = xavier()}).relu();
  return concat({one, three});
}

Value squeezenet(const Value& image, int classes) {
  constexpr struct {
    int squeezed;
    int expanded;
    bool pool_before;
  } kFires[] = {{16, 64, true},  {16, 64, false},  {32, 128, true},  {32, 128, false},
                {48, 192, true}, {48, 192, false}, {64, 256, false}, {64, 256, false}};

  Value x = image.conv({.filters = 64, .kernel = 3, .stride = 2, .bias = true, .weight = xavier()})
                .relu();
  int number = 2;
  for (const auto& layer : kFires) {
    if (layer.pool_before) x = x.max_pool({.kernel = 3, .stride = 2, .ceil = true});
    Scope scope(x.state(), "fire" + std::to_string(number++));
    x = fire(x, layer.squeezed, layer.expanded);
  }
  x = x.dropout(0.5f);
  x = x.conv({.filters = classes, .bias = true, .weight = gaussian(0.01f)}).relu();
  return x.global_average_pool().flatten();
}

const RegisterModel kModel{{"squeezenet", "SqueezeNet 1.1 for ImageNet", {}, squeezenet}};

}  // namespace
}  // namespace headrace
