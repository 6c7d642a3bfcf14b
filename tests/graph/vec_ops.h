#pragma once

#include <string>
#include <vector>

#include "core/proto/net.pb.h"

namespace headrace {

/// Small operators that tests of this folder build nets from; see vec_ops.cc. All work on float32
/// vectors of one shape. Fill, Add, Scale, Flip and Pair have kernels for FakeDevices too, as
/// CUDA's.
///   VecFill() -> Y            argument value, size
///   VecAdd(A, B) -> Y         in place on A
///   VecScale(X) -> Y          argument by, in place
///   VecFlip(X, S) -> Y        Y = S[0] < 0 ? -X : X, S in host memory on any device
///   VecPair(X) -> (A, B)      A = X + 1, B = X + 2; counts what it was asked for
///   VecThrow(X) -> Y
///   VecAsync(X) -> Y          Y = X, completed by another thread
///   VecBlocking(X) -> Y       Y = X, on the blocking service
///   VecFirst(X, N) -> Y       the first N[0] elements: shape known from the value of N
///   VecGrow(X) -> Y           twice as long: shape known to the kernel only
///   VecCollective(X) -> Y      Y = X, carries a ticket
///   VecEffect(X)              remembers the order of calls, resource "test"
OperatorDef vec_op(const std::string& type, const std::vector<std::string>& inputs,
                   const std::vector<std::string>& outputs);
OperatorDef vec_fill(const std::string& output, int64_t size, float value);
OperatorDef vec_scale(const std::string& input, const std::string& output, float by);

/// What VecEffect operators were called with since the last call of this function.
std::vector<float> take_effects();
/// How many outputs the VecPair kernels have computed since the last call of this function.
int take_pair_outputs();

}  // namespace headrace
