#pragma once

#include <string>
#include <vector>

#include "core/blob.h"
#include "core/device.h"
#include "core/proto/net.pb.h"

namespace headrace::testing {

struct InvarianceOptions {
  /// Allowed difference between layouts, as in same_tensor.
  double tolerance = 1e-6;
  bool width_changes_rounding = false;
  /// Where it runs, always compared with what the CPU gives at first.
  Device device = {};
};

/// Asserts that an operator gives the same outputs however the engine may run it: a second time, in
/// other widths, in place, as a view, with outputs that nobody reads, with weights packed, with
/// images in channels-last order, and from two threads at once. On a device: the same within
/// `tolerance`, at a single width, which is all that a device has.
void expect_invariance(const OperatorDef& def, const std::vector<Blob>& inputs,
                       const InvarianceOptions& options);

}  // namespace headrace::testing
