#include "tests/operators/invariances.h"

#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/registry.h"
#include "tests/operators/compare.h"
#include "tests/operators/run_operator.h"

namespace headrace::testing {
namespace {

class Invariances {
 public:
  Invariances(const OperatorDef& def, const std::vector<Blob>& inputs,
              const InvarianceOptions& options)
      : def_(def),
        inputs_(inputs),
        options_(options),
        schema_(get_schema(def.type())),
        expected_(run_operator(def, inputs)) {}

  void check() {
    expect_same("a second time", {}, 0);
    widths();
    inplace();
    views();
    unread_outputs();
    expect_same("packed weights", {.packed = true}, options_.tolerance);
    if (schema_.layout_policy() != LayoutPolicy::kPlain) {
      expect_same("channels-last", {.channels_last = true}, options_.tolerance);
      expect_same("channels-last, width 2", {.width = 2, .channels_last = true},
                  options_.tolerance);
    }
    two_threads();
  }

 private:
  void expect_same(const std::string& how, RunOptions run, double tolerance) {
    SCOPED_TRACE(how);
    run.device = options_.device;
    if (!run.device.is_cpu()) tolerance = options_.tolerance;
    compare(run_operator(def_, inputs_, run), run.wanted, tolerance);
  }

  void compare(const std::vector<Blob>& found, uint64_t wanted, double tolerance) {
    for (size_t i = 0; i < expected_.size(); ++i) {
      if ((wanted >> i & 1) == 0) continue;
      EXPECT_TRUE(same_blob(found[i], expected_[i], tolerance)) << "output " << i;
    }
  }

  void widths() {
    if (!options_.device.is_cpu()) return;
    for (int width : {2, 3, 7}) {
      expect_same(fmt::format("width {}", width), {.width = width},
                  options_.width_changes_rounding ? options_.tolerance : 0);
    }
  }

  void inplace() {
    for (const OpSchema::Alias& pair : schema_.inplace_pairs()) {
      if (pair.enforced || pair.input >= def_.input_size() || pair.output >= def_.output_size() ||
          !inputs_[pair.input].is_tensor() || !expected_[pair.output].is_tensor()) {
        continue;
      }
      const TensorDesc& in = inputs_[pair.input].tensor().desc();
      const TensorDesc& out = expected_[pair.output].tensor().desc();
      if (in.shape != out.shape || in.dtype != out.dtype) continue;
      for (int width : {1, 2}) {
        expect_same(fmt::format("in place {} -> {}, width {}", pair.input, pair.output, width),
                    {.width = width, .inplace = std::pair(pair.input, pair.output)},
                    options_.width_changes_rounding ? options_.tolerance : 0);
      }
    }
  }

  void views() {
    if (!schema_.views().empty()) expect_same("view", {.views = true}, 0);
  }

  void unread_outputs() {
    for (int i = 0; def_.output_size() > 1 && i < def_.output_size(); ++i) {
      expect_same(fmt::format("output {} alone", i), {.wanted = uint64_t{1} << i},
                  options_.tolerance);
      expect_same(fmt::format("without output {}", i), {.wanted = ~(uint64_t{1} << i)},
                  options_.tolerance);
    }
  }

  void two_threads() {
    SCOPED_TRACE("two threads at once");
    std::vector<Blob> other;
    const RunOptions run{.device = options_.device};
    const double tolerance = run.device.is_cpu() ? 0 : options_.tolerance;
    std::thread thread([&] { other = run_operator(def_, inputs_, run); });
    compare(run_operator(def_, inputs_, run), run.wanted, tolerance);
    thread.join();
    compare(other, run.wanted, tolerance);
  }

  const OperatorDef& def_;
  const std::vector<Blob>& inputs_;
  const InvarianceOptions& options_;
  const OpSchema& schema_;
  std::vector<Blob> expected_;
};

}  // namespace

void expect_invariance(const OperatorDef& def, const std::vector<Blob>& inputs,
                       const InvarianceOptions& options) {
  SCOPED_TRACE(def.type());
  Invariances(def, inputs, options).check();
}

}  // namespace headrace::testing
