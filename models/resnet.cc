#include "models/resnet.h"

#include <fmt/format.h>

#include "models/model.h"

namespace headrace {
namespace resnet {
namespace {

Value shortcut(const Value& x, int channels, int stride) {
  if (x.shape()[1] == channels && stride == 1) return x;
  return x.conv({.filters = channels, .stride = stride, .name = "shortcut"})
      .batch_norm({.name = "shortcut_bn"});
}

}  // namespace

Value conv_bn(const Value& x, int filters, int kernel, int stride, float gamma) {
  return x.conv({.filters = filters, .kernel = kernel, .stride = stride, .pad = kernel / 2})
      .batch_norm({.gamma = gamma});
}

Value basic_block(const Value& x, int width, int stride) {
  Value y = conv_bn(x, width, 3, stride).relu();
  y = conv_bn(y, width, 3, 1, /*gamma=*/0);
  return (shortcut(x, width, stride) + y).relu();
}

Value bottleneck_block(const Value& x, int width, int stride) {
  Value y = conv_bn(x, width, 1, 1).relu();
  y = conv_bn(y, width, 3, stride).relu();
  y = conv_bn(y, 4 * width, 1, 1, /*gamma=*/0);
  return (shortcut(x, 4 * width, stride) + y).relu();
}

Value stage(const Value& x, const char* name, Block block, int width, int count, int stride) {
  Value y = x;
  for (int i = 1; i <= count; ++i) {
    Scope scope(x.state(), fmt::format("{}_{}", name, i));
    y = block(y, width, i == 1 ? stride : 1);
  }
  return y;
}

Value head(const Value& x, int classes) {
  return x.global_average_pool().fc(classes, {.weight = gaussian(0.01f), .name = "fc"});
}

}  // namespace resnet

namespace {

using resnet::Block;

/// The nets for ImageNet: blocks per stage, from 56x56 down to 7x7.
template <Block block, int... counts>
Value imagenet_resnet(const Value& image, int classes) {
  constexpr int kBlocks[] = {counts...};
  Value x = resnet::conv_bn(image, 64, 7, 2).relu();
  x = x.max_pool({.kernel = 3, .stride = 2, .pad = 1});
  x = resnet::stage(x, "res2", block, 64, kBlocks[0], 1);
  x = resnet::stage(x, "res3", block, 128, kBlocks[1], 2);
  x = resnet::stage(x, "res4", block, 256, kBlocks[2], 2);
  x = resnet::stage(x, "res5", block, 512, kBlocks[3], 2);
  return resnet::head(x, classes);
}

constexpr Block kBasic = resnet::basic_block;
constexpr Block kBottleneck = resnet::bottleneck_block;

const RegisterModel kModels[] = {
    {{"resnet18", "ResNet-18 for ImageNet", {}, imagenet_resnet<kBasic, 2, 2, 2, 2>}},
    {{"resnet34", "ResNet-34 for ImageNet", {}, imagenet_resnet<kBasic, 3, 4, 6, 3>}},
    {{"resnet50", "ResNet-50 for ImageNet", {}, imagenet_resnet<kBottleneck, 3, 4, 6, 3>}},
    {{"resnet101", "ResNet-101 for ImageNet", {}, imagenet_resnet<kBottleneck, 3, 4, 23, 3>}},
    {{"resnet152", "ResNet-152 for ImageNet", {}, imagenet_resnet<kBottleneck, 3, 8, 36, 3>}},
};

}  // namespace
}  // namespace headrace
