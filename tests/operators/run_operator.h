#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/blob.h"
#include "core/proto/net.pb.h"
#include "core/workspace.h"

namespace headrace::testing {

struct RunOptions {
  int width = 1;
  /// Image operands in channels-last order, where the operator takes them so.
  bool channels_last = false;
  /// This output shares the storage of that input (input, output).
  std::optional<std::pair<int, int>> inplace = {};
  /// Outputs declared as views of an input share its storage.
  bool views = false;
  /// Bit i: output i is asked for.
  uint64_t wanted = ~uint64_t{0};
  uint64_t seed = 1;
  uint64_t step = 0;
  /// Types of the outputs of a plan operator, which cannot infer them.
  std::vector<TensorType> types = {};
  /// Hands the kernel its packed input, where it has one.
  bool packed = false;
  Workspace* workspace = nullptr;
  /// Where the operands lie and the kernel runs. Operands go there and come back.
  Device device = {};
};

/// What the engine does with one operator, without a graph or plan: checks it, infers the types of
/// its outputs, prepares the kernel and launches it. Outputs come back in logical order; those
/// nobody asked for are empty. Beyond that it asserts what every kernel owes: inputs stay as they
/// are unless they share storage with an output, nothing is written past the end of an output, and
/// every output has the inferred type. Throws Error as the operator does.
std::vector<Blob> run_operator(const OperatorDef& def, const std::vector<Blob>& inputs,
                               const RunOptions& options = {});

/// Runs operators in order on named blobs; an output that has the name of an input is in place.
using Environment = std::map<std::string, Blob>;
void run_in(Environment& environment, const OperatorDef& def);

/// The inferred types of the outputs; throws Error when the operator cannot be used so.
std::vector<TensorType> infer(const OperatorDef& def, const std::vector<Blob>& inputs);

/// The same as far as it is known while the elements of the inputs are not.
std::vector<TensorType> infer_without_values(const OperatorDef& def,
                                             const std::vector<Blob>& inputs);

/// The elements that the operator says its outputs have before it runs; undefined ones else.
std::vector<Tensor> known_outputs(const OperatorDef& def, const std::vector<Blob>& inputs);

/// The kernel alone, to see what prepare() refuses.
bool can_prepare(const OperatorDef& def, const std::vector<Blob>& inputs);

}  // namespace headrace::testing
