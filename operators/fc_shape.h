#pragma once

#include <cstdint>

#include "core/args.h"
#include "core/op_schema.h"
#include "core/shape.h"

namespace headrace {

/// A fully connected layer as a product of matrices: Y (m x n) = X (m x k) transpose(W (n x k)) +
/// b.
struct FcShape {
  int64_t m = 0;
  int64_t k = 0;
  int64_t n = 0;
  Shape y;

  double macs() const;
};

/// Declares the arguments of FC and of its gradients.
OpSchema& declare_fc(OpSchema& schema);

/// Throws Error where arguments, X and W do not fit together.
FcShape fc_shape(const Args& args, const Shape& x, const Shape& w);

}  // namespace headrace
