// The residual networks for small images of He et al., section 4.2: 6n + 2 layers of 16, 32 and 64
// channels (but for the narrow one), with 1x1 convolutions as shortcuts where the channels change.
#include "models/model.h"
#include "models/resnet.h"

namespace headrace {
namespace {

constexpr ModelInput kCifar10{.image = 32, .channels = 3, .classes = 10, .epoch_size = 50'000};
constexpr ModelInput kFashionMnist{.image = 28, .channels = 1, .classes = 10, .epoch_size = 60'000};

template <int n, int width = 16, int first_stride = 1>
Value small_resnet(const Value& image, int classes) {
  Value x = resnet::conv_bn(image, width, 3, first_stride).relu();
  x = resnet::stage(x, "res1", resnet::basic_block, width, n, 1);
  x = resnet::stage(x, "res2", resnet::basic_block, 2 * width, n, 2);
  x = resnet::stage(x, "res3", resnet::basic_block, 4 * width, n, 2);
  return resnet::head(x, classes);
}

const RegisterModel kModels[] = {
    {{"resnet8", "ResNet-8 for small images", kCifar10, small_resnet<1>}},
    {{"resnet8_narrow", "ResNet-8 of half the channels and size, for experiments by the hundred",
      kFashionMnist, small_resnet<1, 8, 2>}},
    {{"resnet20", "ResNet-20 for small images", kCifar10, small_resnet<3>}},
    {{"resnet32", "ResNet-32 for small images", kCifar10, small_resnet<5>}},
    {{"resnet56", "ResNet-56 for small images", kCifar10, small_resnet<9>}},
};

}  // namespace
}  // namespace headrace
