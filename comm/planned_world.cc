#include "comm/planned_world.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "core/error.h"

namespace headrace::comm {
namespace {

Kind kind_of(std::string_view op_type) {
  constexpr std::array<std::pair<std::string_view, Kind>, 7> kKinds = {{
      {"Allreduce", Kind::kAllreduce},
      {"AllreduceBucket", Kind::kAllreduce},
      {"Reduce", Kind::kReduce},
      {"ReduceScatter", Kind::kReduceScatter},
      {"Broadcast", Kind::kBroadcast},
      {"Allgather", Kind::kAllgather},
      {"Barrier", Kind::kBarrier},
  }};
  const auto* found =
      std::ranges::find(kKinds, op_type, [](const auto& pair) { return pair.first; });
  require(found != kKinds.end(), ErrorCode::kInternal, "{} is no collective", op_type);
  return found->second;
}

}  // namespace

CollectiveChoice plan_collective(std::string_view op_type, size_t count, size_t element_bytes,
                                 const Layout& layout, const CostTable& table) {
  const ReasonedChoice found = choose(kind_of(op_type), layout, count, element_bytes, table);
  return {.algorithm = std::string(name_of(found.choice.algorithm)),
          .segment = found.choice.segment,
          .seconds = found.seconds,
          .reason = found.reason};
}

PlannedWorld::PlannedWorld(int size, CostTable table, int ranks_per_host)
    : size_(size), table_(std::move(table)), ranks_per_host_(ranks_per_host) {
  require(size >= 1, ErrorCode::kInvalidArgument, "a world has at least one rank, found {}", size);
  require(ranks_per_host >= 1 && size % ranks_per_host == 0, ErrorCode::kInvalidArgument,
          "{} ranks cannot be on hosts with {} each", size, ranks_per_host);
}

std::string PlannedWorld::describe() const {
  return fmt::format("{} rank{}, not connected", size_, size_ == 1 ? "" : "s");
}

CollectiveChoice PlannedWorld::choose(std::string_view op_type, size_t count,
                                      size_t element_bytes) const {
  return plan_collective(op_type, count, element_bytes,
                         {.size = size_, .ranks_per_host = ranks_per_host_}, table_);
}

void PlannedWorld::agree(const std::string& /*what*/, const std::string& /*text*/) {
  fail(ErrorCode::kState, "this plan is only to be looked at: its ranks are not connected");
}

}  // namespace headrace::comm
