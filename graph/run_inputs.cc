// What comes into a run: where it is now, and on which device the plan wants it.
#include "core/text.h"
#include "graph/run_state.h"

namespace headrace {

using graph::ValueId;

void RunState::set_input(std::string_view name, Tensor tensor) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const graph::Interface::Input& declared = plan_.interface.inputs[i];
    if (declared.name != name) continue;
    require(!declared.state, ErrorCode::kInvalidArgument,
            "'{}' is state that net '{}' writes: feed it to the workspace", name, plan_.graph.name);
    inputs_[i].override = std::move(tensor);
    ++inputs_[i].override_version;
    return;
  }
  std::vector<std::string> names;
  for (const graph::Interface::Input& declared : plan_.interface.inputs) {
    names.push_back(declared.name);
  }
  fail(ErrorCode::kNotFound, "net '{}' has no input '{}'{}", plan_.graph.name, name,
       did_you_mean(name, names));
}

void RunState::bind() {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    const TensorDesc& wanted = plan_.descs[plan_.interface.inputs[i].value];
    if (wanted.dtype == DType::kUndefined || input.operands.empty()) continue;
    if (!input.override.defined() && !input.slot->blob.is_tensor()) {
      fail(ErrorCode::kNotFound, "input '{}' of net '{}' holds {}, expected {}", input.slot->name,
           plan_.graph.name, input.slot->blob.to_string(), wanted.to_string());
    }
    Tensor& tensor = input.override.defined() ? input.override : input.slot->blob.tensor();
    require(tensor.desc() == wanted, ErrorCode::kShapeMismatch,
            "input '{}' of net '{}' is {}, and the plan was compiled for {}", input.slot->name,
            plan_.graph.name, tensor.desc().to_string(), wanted.to_string());
    if (tensor.raw() == input.bound) continue;
    const void* address = brought(input, tensor, plan_.interface.inputs[i]).raw();
    if (address != input.bound) point_at(input, address);
  }
}

void RunState::point_at(Input& input, const void* address) {
  input.bound = address;
  for (ValueId id : input.values) values_[id].data = const_cast<void*>(address);
  for (Operand* operand : input.operands) operand->data = const_cast<void*>(address);
}

const Tensor& RunState::brought(Input& input, Tensor& held,
                                const graph::Interface::Input& declared) {
  const Device wanted = plan_.graph.values[declared.value].device;
  if (held.device() == wanted) {
    input.staged = {};
    return held;
  }
  if (declared.state) {  // the slot is leased exclusively: the state moves there for good
    held = held.clone(wanted);
    return held;
  }
  // What set_input() gave may have been filled anew without a word; a slot has a version.
  const uint64_t version = input.slot->version.load(std::memory_order_relaxed);
  if (!input.override.defined() && input.staged.defined() && input.staged_version == version &&
      input.staged_from == held.raw()) {
    return input.staged;
  }
  if (!input.staged.defined()) {
    input.staged = Tensor(allocate_for_run(held.bytes(), wanted), 0, held.desc());
  }
  copy_bytes(input.staged.raw(), wanted, held.raw(), held.device(), held.bytes());
  input.staged_version = version;
  input.staged_from = held.raw();
  return input.staged;
}

}  // namespace headrace
