#pragma once

#include <memory>
#include <vector>

#include "core/kernel.h"
#include "graph/run_state.h"

namespace headrace {

/// A node whose shapes are known only when its inputs are there: infers, takes memory from the
/// run's pool, prepares (again only when a shape has changed), launches. Its kernel sees no
/// difference.
class DynamicNode {
 public:
  DynamicNode(const Plan& plan, RunState& state, int node)
      : plan_(&plan), state_(&state), node_(node) {}

  void launch(OpContext& context);

 private:
  void place_outputs(const std::vector<TensorType>& types);
  void prepare(const std::vector<TensorDesc>& inputs, const std::vector<TensorDesc>& outputs);

  const Plan* plan_;
  RunState* state_;
  int node_;
  std::unique_ptr<Kernel> kernel_;
  std::vector<TensorDesc> prepared_for_;
  std::shared_ptr<Buffer> scratch_;
};

}  // namespace headrace
