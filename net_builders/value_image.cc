// Layers on images, [N, C, H, W].
#include "core/error.h"
#include "net_builders/net_state.h"
#include "net_builders/value.h"

namespace headrace {
namespace {

/// One argument where height and width agree, else two: the forms that the operators know.
void add_size(std::vector<OpArg>& args, const std::string& name, Size2 size, int default_value) {
  if (size.height != size.width) {
    args.push_back({name + "_h", size.height});
    args.push_back({name + "_w", size.width});
  } else if (size.height != default_value) {
    args.push_back({name, size.height});
  }
}

void add_padding(std::vector<OpArg>& args, Padding pad) {
  if (pad.top == pad.left && pad.top == pad.bottom && pad.top == pad.right) {
    if (pad.top != 0) args.push_back({"pad", pad.top});
  } else {
    args.insert(
        args.end(),
        {{"pad_t", pad.top}, {"pad_l", pad.left}, {"pad_b", pad.bottom}, {"pad_r", pad.right}});
  }
}

void require_image(const Value& x, const char* layer) {
  require(x.shape().rank() == 4, ErrorCode::kShapeMismatch,
          "{} needs an image [N, C, H, W]; '{}' is {}", layer, x.name(), x.shape().to_string());
}

}  // namespace

Value Value::conv(const ConvOptions& options) const {
  require_image(*this, "conv");
  const int64_t channels = shape()[1];
  require(options.filters > 0 && options.groups > 0, ErrorCode::kInvalidArgument,
          "conv on '{}' needs a positive number of filters and groups, found {} and {}", name_,
          options.filters, options.groups);
  require(channels % options.groups == 0 && options.filters % options.groups == 0,
          ErrorCode::kShapeMismatch,
          "conv on '{}': {} input channels and {} filters do not divide into {} groups", name_,
          channels, options.filters, options.groups);
  std::string y = net_->layer_name(options.name, "conv");
  const Shape weight{options.filters, channels / options.groups, options.kernel.height,
                     options.kernel.width};
  net_->add_parameter(y + "_w", weight, options.weight, true);
  std::vector<std::string> inputs{name_, y + "_w"};
  if (options.bias) {
    net_->add_parameter(y + "_b", {options.filters}, options.bias_value, true);
    inputs.push_back(y + "_b");
  }

  std::vector<OpArg> args;
  add_size(args, "kernel", options.kernel, 0);
  add_size(args, "stride", options.stride, 1);
  add_padding(args, options.pad);
  add_size(args, "dilation", options.dilation, 1);
  if (options.groups != 1) args.push_back({"group", options.groups});
  net_->add("Conv", inputs, {y}, args);
  return {net_, y};
}

Value Value::pool(const char* type, const PoolOptions& options) const {
  require_image(*this, type);
  std::vector<OpArg> args;
  add_size(args, "kernel", options.kernel, 0);
  add_size(args, "stride", options.stride, 1);
  add_padding(args, options.pad);
  constexpr int kCaffePooling = 3;  // LegacyPadding in core/proto/legacy.proto
  if (options.ceil) args.push_back({"legacy_pad", kCaffePooling});
  std::string y = net_->layer_name(options.name, "pool");
  net_->add(type, {name_}, {y}, args);
  return {net_, y};
}

Value Value::max_pool(const PoolOptions& options) const { return pool("MaxPool", options); }

Value Value::average_pool(const PoolOptions& options) const { return pool("AveragePool", options); }

Value Value::global_average_pool() const {
  require_image(*this, "global_average_pool");
  return unary("AveragePool", "pool", {{"global_pooling", 1}});
}

Value Value::batch_norm(const BatchNormOptions& options) const {
  require_image(*this, "batch_norm");
  const int64_t channels = shape()[1];
  std::string y = net_->layer_name(options.name, "bn");
  const std::vector<std::string> inputs{name_, y + "_s", y + "_b", y + "_rm", y + "_riv"};
  // Scale and bias do not decay: Goyal et al., section 5.1.
  net_->add_parameter(inputs[1], {channels}, constant(options.gamma), false);
  net_->add_parameter(inputs[2], {channels}, constant(options.beta), false);
  net_->add_statistic(inputs[3], {channels}, 0);
  net_->add_statistic(inputs[4], {channels}, 1);
  std::vector<OpArg> args{{"epsilon", options.epsilon}, {"momentum", options.momentum}};
  args.push_back({"is_test", 0});
  net_->training.add("SpatialBN", inputs, {y, inputs[3], inputs[4], y + "_sm", y + "_siv"}, args);
  args.back() = {"is_test", 1};
  net_->prediction.add("SpatialBN", inputs, {y}, args);
  return {net_, y};
}

Value Value::lrn(const LrnOptions& options) const {
  require_image(*this, "lrn");
  std::string y = net_->layer_name(options.name, "lrn");
  net_->add("LRN", {name_}, {y},
            {{"size", options.size},
             {"alpha", options.alpha},
             {"beta", options.beta},
             {"bias", options.bias}});
  return {net_, y};
}

}  // namespace headrace
