#pragma once

#include <map>
#include <string>

#include "core/proto/net.pb.h"

namespace headrace::gradient_test {

// Scalar operators that exist in these tests only. Their gradients are made of the same operators,
// so a net with its gradients can be evaluated by evaluate().
//   TestAdd(a, b)     Sum-like: hands its gradient on
//   TestMul(a, b)     needs both inputs
//   TestExp(x)        needs its output; in place allowed, its gradient too
//   TestTwice(x)      needs nothing; gradient not allowed in place
//   TestFork(x)       (x, 3x): two outputs
//   TestRound(x)      has no gradient
//   TestStop(x)       stops gradients

/// "TestMul a b -> c" per line; external inputs are what is read before it is written.
NetDef parse(const std::string& lines);
/// A number with its derivative in one direction.
struct Dual {
  double value = 0;
  double slope = 0;
};

/// Runs the net on scalars in the order of the file; also Sum, Copy and ConstantFill.
void evaluate(const NetDef& net, std::map<std::string, Dual>& blobs);

}  // namespace headrace::gradient_test
