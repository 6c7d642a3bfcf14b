#pragma once

#include <map>
#include <string>
#include <vector>

namespace headrace {
class NetDef;
}

namespace headrace::graph {

/// A blob whose gradient is given: the root of the backward pass.
struct GradientRoot {
  std::string blob;
  /// The blob that holds the gradient; empty: one is made, filled with 1 (`<blob>_autogen_grad`).
  std::string gradient;
};

struct GradientOptions {
  /// Blobs whose gradients are asked for: external inputs as they enter the net, others as they
  /// leave it. Only what lies on a path from one of them to a root is differentiated. Empty: all
  /// external inputs.
  std::vector<std::string> with_respect_to;
};

/// Appends the operators that compute the gradient of the sum of all roots, and returns the name of
/// the gradient of each blob asked for (with none named: of each external input that has one).
///
/// The operators are those the schemas' gradient functions give, in reverse order of the forward
/// ones and with Caffe2's names: the gradient of X is X_grad. Where X is read several times the
/// parts are X_grad, _X_grad_autosplit_0, ..., summed into X_grad as soon as the last one exists. A
/// name that is taken gets a number at its end. The gradient of every blob asked for is a blob of
/// its own, so it may be changed in place.
///
/// Works on values, not on names: in-place operators and reused names are fine as long as the
/// gradient does not need a value that has been overwritten.
///
/// Throws kNotFound for a blob the net does not have; kInvalidNet, with the path, for an operator
/// without gradient between a blob asked for and a root, for a blob asked for from which nothing
/// leads to a root, and for a forward value that is needed and has been overwritten.
std::map<std::string, std::string> add_gradients(NetDef& net,
                                                 const std::vector<GradientRoot>& roots,
                                                 const GradientOptions& options = {});

}  // namespace headrace::graph
