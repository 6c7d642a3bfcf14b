#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "net_builders/initializer.h"

namespace headrace {

struct NetState;

/// Height and width; one number stands for both.
struct Size2 {
  int height;
  int width;
  constexpr Size2(int both) : height(both), width(both) {}
  constexpr Size2(int height, int width) : height(height), width(width) {}
};

/// Rows and columns added around an image; one number stands for all sides.
struct Padding {
  int top;
  int left;
  int bottom;
  int right;
  constexpr Padding(int all) : Padding(all, all) {}
  constexpr Padding(int vertical, int horizontal)
      : Padding(vertical, horizontal, vertical, horizontal) {}
  constexpr Padding(int top, int left, int bottom, int right)
      : top(top), left(left), bottom(bottom), right(right) {}
};

// Options of the layers below. `name` is the name of the layer's output inside the current scope;
// its parameters are called after it. Without one a layer is conv1, conv2, ...

struct ConvOptions {
  int filters = 0;  // output channels; has to be given
  Size2 kernel = 1;
  Size2 stride = 1;
  Padding pad = 0;
  Size2 dilation = 1;
  int groups = 1;
  bool bias = false;  // mostly a normalisation with a bias of its own follows
  Initializer weight = msra();
  Initializer bias_value = constant(0);
  std::string name;
};

struct PoolOptions {
  Size2 kernel = 2;
  Size2 stride = 1;
  Padding pad = 0;
  bool ceil = false;  // also count windows that the image fills in part, as Caffe did
  std::string name;
};

struct BatchNormOptions {
  float gamma = 1;  // initial scale
  float beta = 0;   // initial bias
  float epsilon = 1e-5f;
  float momentum = 0.9f;  // running = momentum * running + (1 - momentum) * batch
  std::string name;
};

struct LrnOptions {
  int size = 5;  // channels
  float alpha = 1e-4f;
  float beta = 0.75f;
  float bias = 1;
  std::string name;
};

struct FcOptions {
  Initializer weight = xavier();
  Initializer bias_value = constant(0);
  std::string name;
};

/// A blob of a net under construction. Its methods append one layer each and return the output, so
/// that a net reads in the order in which data flows:
///
///   auto y = x.conv({.filters = 64, .kernel = 3, .pad = 1}).batch_norm().relu();
///
/// Images are NCHW. Every method throws where the layer does not fit the shapes (core/error.h), so
/// an error appears at the line that made it. A small value, cheap to copy; keeps its net alive.
class Value {
 public:
  Value(std::shared_ptr<NetState> net, std::string name)
      : net_(std::move(net)), name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  TensorDesc desc() const;
  Shape shape() const { return desc().shape; }

  // Images, [N, C, H, W].
  Value conv(const ConvOptions& options) const;
  Value max_pool(const PoolOptions& options) const;
  Value average_pool(const PoolOptions& options) const;
  /// [N, C, 1, 1]
  Value global_average_pool() const;
  /// By the statistics of the batch in training, by the running ones in prediction.
  Value batch_norm(const BatchNormOptions& options = {}) const;
  /// Local response normalisation across channels.
  Value lrn(const LrnOptions& options) const;

  // Any shape.
  Value relu() const;
  Value sigmoid() const;
  Value tanh() const;
  /// Sets a fraction to zero in training and scales the rest up; nothing in prediction.
  Value dropout(float ratio) const;
  Value scale(float factor) const;
  /// Lets no gradient through.
  Value stop_gradient() const;

  /// All dimensions but the first are one: [N, K] to [N, outputs].
  Value fc(int outputs, const FcOptions& options = {}) const;
  Value flatten() const;
  /// 0 keeps a dimension, one -1 is what is left.
  Value reshape(const std::vector<int64_t>& shape) const;
  Value transpose(const std::vector<int64_t>& axes) const;
  /// Over the dimensions from 1 on.
  Value softmax() const;

  // Losses, of [N, classes] and labels of int32 [N]; means over the batch.

  /// Of scores. In prediction their softmax takes its place, and is what the net predicts.
  Value softmax_cross_entropy(const Value& labels) const;
  /// Of probabilities, such as softmax() gives, which are then what the net predicts.
  Value cross_entropy(const Value& labels) const;
  /// Fraction of samples whose label is among the top_k scores; in training only.
  Value accuracy(const Value& labels, int top_k = 1) const;

  // Elementwise, of equal shapes.
  friend Value operator+(const Value& a, const Value& b);
  friend Value operator-(const Value& a, const Value& b);
  friend Value operator*(const Value& a, const Value& b);

  const std::shared_ptr<NetState>& state() const { return net_; }

 private:
  Value pool(const char* type, const PoolOptions& options) const;
  Value elementwise(const char* type, const Value& other) const;
  Value unary(const char* type, const char* base, const std::vector<OpArg>& args = {}) const;

  std::shared_ptr<NetState> net_;
  std::string name_;
};

Value sum(const std::vector<Value>& values);
/// Along one dimension, by default the channels.
Value concat(const std::vector<Value>& values, int axis = 1);

}  // namespace headrace
