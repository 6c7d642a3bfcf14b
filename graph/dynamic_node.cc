#include "graph/dynamic_node.h"

#include "core/error.h"
#include "core/registry.h"

namespace headrace {

using graph::kNone;
using graph::Op;
using graph::Storage;
using graph::ValueId;

void DynamicNode::launch(OpContext& context) {
  const Op& op = plan_->graph.ops[node_];
  std::vector<TensorType> types;
  std::vector<Tensor> tensors;
  std::vector<const Tensor*> values;
  for (ValueId id : op.inputs) {
    tensors.push_back(state_->view(id));
    const Tensor& tensor = tensors.back();
    const graph::Value& value = plan_->graph.values[id];
    require(tensor.defined() || value.handle, ErrorCode::kNotFound,
            "'{}' holds nothing: the nested net that makes it has not run", value.name);
    types.push_back(tensor.defined() ? TensorType{tensor.dtype(), tensor.shape()} : TensorType{});
  }
  for (const Tensor& tensor : tensors) values.push_back(tensor.defined() ? &tensor : nullptr);
  const Args args = op.args();
  place_outputs(op.schema->infer_types({.args = args,
                                        .inputs = types,
                                        .outputs = static_cast<int>(op.outputs.size()),
                                        .values = values}));
  state_->refresh_operands(node_);
  std::vector<TensorDesc> inputs;
  std::vector<TensorDesc> outputs;
  for (int i = 0; i < context.inputs(); ++i) inputs.push_back(context.input_desc(i));
  for (int i = 0; i < context.outputs(); ++i) outputs.push_back(context.output_desc(i));
  prepare(inputs, outputs);
  context.scratch = scratch_->data();
  kernel_->launch(context);
  for (size_t i = 0; i < op.outputs.size(); ++i) {
    const ValueId id = op.outputs[i];
    if (id == kNone || plan_->storage.places[id].storage != Storage::kDynamic) continue;
    if (outputs[i].dtype == DType::kUndefined) state_->adopt_dynamic(id);
  }
}

void DynamicNode::place_outputs(const std::vector<TensorType>& types) {
  const Op& op = plan_->graph.ops[node_];
  for (size_t i = 0; i < op.outputs.size(); ++i) {
    const ValueId id = op.outputs[i];
    if (id == kNone || plan_->graph.values[id].handle) continue;
    if (plan_->storage.places[id].storage != Storage::kDynamic) {
      const TensorDesc& planned = plan_->descs[id];
      require(!types[i].complete() ||
                  (types[i].dtype == planned.dtype && *types[i].shape == planned.shape),
              ErrorCode::kShapeMismatch, "output '{}' would be {}, and the plan has {}",
              plan_->graph.values[id].name, types[i].to_string(), planned.to_string());
      continue;
    }
    if (!types[i].complete()) {
      state_->forget_dynamic(id);  // only the kernel will know
      continue;
    }
    const Tensor held = state_->view(id);
    if (!held.defined() || held.dtype() != types[i].dtype || held.shape() != *types[i].shape) {
      state_->place_dynamic(id, Tensor(*types[i].shape, types[i].dtype));
    }
  }
}

void DynamicNode::prepare(const std::vector<TensorDesc>& inputs,
                          const std::vector<TensorDesc>& outputs) {
  std::vector<TensorDesc> wanted = inputs;
  wanted.insert(wanted.end(), outputs.begin(), outputs.end());
  if (kernel_ != nullptr && wanted == prepared_for_) return;
  const Op& op = plan_->graph.ops[node_];
  const Args args = op.args();
  kernel_ = prepare_kernel({.schema = *op.schema,
                            .args = args,
                            .inputs = inputs,
                            .outputs = outputs,
                            .wanted = plan_->nodes[node_].wanted,
                            .width = plan_->nodes[node_].width,
                            .device = op.device});
  scratch_ = allocate(kernel_->scratch_bytes());
  prepared_for_ = std::move(wanted);
}

}  // namespace headrace
