// What legacy_pad 2 ("SAME") promises, whatever the window: ceil(input / stride) positions, as with
// the pads written out.

#include <gtest/gtest.h>

#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "tests/operators/compare.h"
#include "tests/operators/run_operator.h"
#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

OperatorDef conv(int64_t kernel, int64_t dilation, int64_t stride) {
  OperatorDef def;
  def.set_type("Conv");
  def.add_input("X");
  def.add_input("filter");
  def.add_output("Y");
  set_arg(def, "kernel", kernel);
  set_arg(def, "dilation", dilation);
  set_arg(def, "stride", stride);
  return def;
}

TEST(LegacyPad, SameGivesOnePositionPerStride) {
  for (int64_t size : {4, 7, 8}) {
    for (int64_t kernel : {1, 2, 3}) {
      for (int64_t dilation : {1, 2, 3}) {
        for (int64_t stride : {1, 2}) {
          const int64_t positions = (size + stride - 1) / stride;
          const int64_t extent = dilation * (kernel - 1) + 1;
          const int64_t pads = (positions - 1) * stride + extent - size;
          if (pads < 0) continue;  // refused: a window would leave elements out
          const std::vector<Blob> inputs{normal({1, 2, size, size})(Rng(1, 0, 0)),
                                         normal({3, 2, kernel, kernel})(Rng(2, 0, 0))};
          OperatorDef same = conv(kernel, dilation, stride);
          set_arg(same, "legacy_pad", int64_t{2});
          OperatorDef padded = conv(kernel, dilation, stride);
          const int64_t begin = pads / 2, end = pads - begin;
          set_arg(padded, "pads", std::vector<int64_t>{begin, begin, end, end});
          const std::vector<Blob> found = run_operator(same, inputs);
          const Shape expected{1, 3, positions, positions};
          EXPECT_EQ(found[0].tensor().shape().to_string(), expected.to_string())
              << size << ", kernel " << kernel << ", dilation " << dilation << ", stride "
              << stride;
          EXPECT_TRUE(same_blob(found[0], run_operator(padded, inputs)[0], 0));
        }
      }
    }
  }
}

}  // namespace
}  // namespace headrace::testing
