#pragma once

#include <string>
#include <string_view>

#include "comm/cost.h"
#include "core/communicator.h"

namespace headrace::comm {

/// The way to carry out an operator of that type on so many elements, and why.
CollectiveChoice plan_collective(std::string_view op_type, size_t count, size_t element_bytes,
                                 const Layout& layout, const CostTable& table);

/// A group of ranks that is not there: to look at the plan of a net for so many, without connecting
/// anything. Running the plan is an error.
class PlannedWorld final : public Communicator {
 public:
  /// With the costs of `table`. Throws kInvalidArgument unless all hosts have the same number.
  explicit PlannedWorld(int size, CostTable table = built_in_table("tcp"), int ranks_per_host = 1);

  int rank() const override { return 0; }
  int size() const override { return size_; }
  std::string describe() const override;
  CollectiveChoice choose(std::string_view op_type, size_t count,
                          size_t element_bytes) const override;
  void agree(const std::string& what, const std::string& text) override;
  void add_region(void* /*data*/, size_t /*bytes*/) override {}
  void remove_region(void* /*data*/) override {}
  void abort(const std::string& /*reason*/) noexcept override {}

 private:
  int size_;
  CostTable table_;
  int ranks_per_host_;
};

}  // namespace headrace::comm
