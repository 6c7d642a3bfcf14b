#pragma once

#include <concepts>
#include <functional>
#include <limits>
#include <string>

namespace headrace {

class UpdateNet;

/// Turns gradients into changes of parameters: anything with `void emit(UpdateNet&) const`, which
/// appends the operators of one step (see update_net.h). The ones below, or one's own.
class Optimizer {
 public:
  template <typename T>
  requires requires(const T& optimizer, UpdateNet& net) { optimizer.emit(net); }
  Optimizer(T optimizer)
      : emit_([optimizer = std::move(optimizer)](UpdateNet& net) { optimizer.emit(net); }) {}

  void emit(UpdateNet& net) const { emit_(net); }

 private:
  std::function<void(UpdateNet&)> emit_;
};

/// Two forms of the same update where the rate is constant (Goyal et al., equations 9 and 10).
enum class MomentumForm {
  kReference,     // u = m u + g;        w -= rate u
  kRateInBuffer,  // v = m v + rate g;   w -= v
};

/// Stochastic gradient descent with momentum. Weight decay is added to the gradient of every
/// parameter that decays, after gradients have been summed over workers and before the momentum.
struct MomentumSgd {
  float momentum = 0.9f;
  bool nesterov = false;
  float weight_decay = 0;
  MomentumForm form = MomentumForm::kRateInBuffer;
  /// When the rate changes, the buffer of kRateInBuffer holds steps of the old rate: multiply it by
  /// new / old, which makes both forms equal (ibid., remark 2). kReference needs no correction.
  bool momentum_correction = true;
  /// Correct only where the rate grows or falls by more than this factor. 1 corrects every change;
  /// Detectron used 1.1, which leaves out the small steps of a gradual warm-up.
  float correction_threshold = 1;

  void emit(UpdateNet& net) const;
};

/// Layer-wise adaptive rates (You, Gitman, Ginsburg, "Large batch training of convolutional
/// networks"): each parameter's rate is multiplied by trust * |w| / (|g| + weight_decay * |w|).
/// Vectors (biases, scales) take the plain rate and do not decay.
struct Lars {
  float momentum = 0.9f;
  bool nesterov = false;
  float weight_decay = 0;
  float trust = 0.001f;
  /// Added to |g| / |w| + weight_decay. Keeps the factor finite where both are 0: in the first step
  /// the gradient of a block whose last scale starts at 0 is 0. An offset of 0 would give such a
  /// parameter max_rate, whose product with a rate above 1 is infinite and with the gradient NaN.
  float offset = 1e-8f;
  float min_rate = 0;
  float max_rate = std::numeric_limits<float>::max();
  bool momentum_correction = true;
  float correction_threshold = 1;  // both as in MomentumSgd

  void emit(UpdateNet& net) const;
};

/// Kingma & Ba, "Adam". Weight decay is added to the gradient.
struct Adam {
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float weight_decay = 0;

  void emit(UpdateNet& net) const;
};

}  // namespace headrace
