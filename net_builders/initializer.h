#pragma once

#include <string>
#include <vector>

#include "net_builders/op_arg.h"

namespace headrace {

/// How a parameter starts: the filler operator of the init net. What a random filler draws depends
/// on the seed of the run and the name of the parameter alone, hence is the same everywhere.
struct Initializer {
  std::string type;  // "MSRAFill", ...
  std::vector<OpArg> args;
};

/// N(0, 2 / fan-out), fan-out = kernel area times output channels: He et al., "Delving deep into
/// rectifiers", for the backward pass.
Initializer msra();
/// U(-a, a) with a = sqrt(3 / fan-in): Glorot & Bengio, as Caffe has it.
Initializer xavier();
Initializer gaussian(float standard_deviation, float mean = 0);
Initializer uniform(float min, float max);
Initializer constant(float value);

}  // namespace headrace
