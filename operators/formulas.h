#pragma once

#include <cmath>

#include "core/host_device.h"

/// What operators compute per element, in one place for the CPU and the GPU.
namespace headrace::formula {

/// A NaN stays a NaN.
struct Relu {
  template <typename T>
  HEADRACE_HD T operator()(T x) const {
    return x < 0 ? T{0} : x;
  }
};
struct ReluGradient {
  template <typename T>
  HEADRACE_HD T operator()(T y, T dy) const {
    return y > 0 ? dy : T{0};
  }
};

struct Sigmoid {
  template <typename T>
  HEADRACE_HD T operator()(T x) const {
    return T{1} / (T{1} + std::exp(-x));
  }
};
struct SigmoidGradient {
  template <typename T>
  HEADRACE_HD T operator()(T y, T dy) const {
    return dy * y * (T{1} - y);
  }
};

struct Tanh {
  template <typename T>
  HEADRACE_HD T operator()(T x) const {
    return std::tanh(x);
  }
};
struct TanhGradient {
  template <typename T>
  HEADRACE_HD T operator()(T y, T dy) const {
    return dy * (T{1} - y * y);
  }
};

template <typename T>
struct ScaleBy {
  T factor;
  HEADRACE_HD T operator()(T x) const { return factor * x; }
};

/// Arithmetic: c = apply(a, b), and the gradients of a and b from that of c. Those of Div use c.
struct Add {
  template <typename T>
  HEADRACE_HD static T apply(T a, T b) {
    return a + b;
  }
  template <typename T>
  HEADRACE_HD static T to_a(T dc, T, T, T) {
    return dc;
  }
  template <typename T>
  HEADRACE_HD static T to_b(T dc, T, T, T) {
    return dc;
  }
};

struct Sub {
  template <typename T>
  HEADRACE_HD static T apply(T a, T b) {
    return a - b;
  }
  template <typename T>
  HEADRACE_HD static T to_a(T dc, T, T, T) {
    return dc;
  }
  template <typename T>
  HEADRACE_HD static T to_b(T dc, T, T, T) {
    return -dc;
  }
};

struct Mul {
  template <typename T>
  HEADRACE_HD static T apply(T a, T b) {
    return a * b;
  }
  template <typename T>
  HEADRACE_HD static T to_a(T dc, T, T b, T) {
    return dc * b;
  }
  template <typename T>
  HEADRACE_HD static T to_b(T dc, T a, T, T) {
    return dc * a;
  }
};

/// Of floating numbers; whoever divides integers looks at zero first.
struct Div {
  template <typename T>
  HEADRACE_HD static T apply(T a, T b) {
    return a / b;
  }
  template <typename T>
  HEADRACE_HD static T to_a(T dc, T, T b, T) {
    return dc / b;
  }
  template <typename T>
  HEADRACE_HD static T to_b(T dc, T, T b, T c) {
    return -dc * c / b;
  }
};

/// Momentum with the learning rate inside the buffer (Goyal et al. 2017, equation 10).
template <typename T>
struct MomentumCoefficients {
  T rate;
  T kept;      // share of the buffer that stays: momentum times the ratio of the rates
  T momentum;  // for Nesterov's step
};
template <typename T>
struct MomentumStep {
  T buffer;
  T step;  // to subtract from the parameter
};

/// The new buffer is b = kept * m + rate * g; the step is b or, with Nesterov's rule,
/// (1 + momentum) * b - kept * m.
template <bool kNesterov, typename T>
HEADRACE_HD MomentumStep<T> momentum_step(const MomentumCoefficients<T>& c, T gradient, T buffer) {
  const T old = c.kept * buffer;
  const T fresh = old + c.rate * gradient;
  return {fresh, kNesterov ? (T{1} + c.momentum) * fresh - old : fresh};
}

}  // namespace headrace::formula
