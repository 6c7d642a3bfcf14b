#include "graph/run_state.h"

#include <algorithm>
#include <cstring>

#include "core/text.h"
#include "graph/problems.h"

namespace headrace {

using graph::kNone;
using graph::Op;
using graph::OpId;
using graph::Storage;
using graph::ValueId;

namespace {

/// Smaller arrays are copied: a page more does not matter, an aligned tensor is better.
constexpr size_t kGivenFrom = 64 << 10;

/// An array that an operator holds among its arguments, and that nobody else will use.
class GivenBuffer final : public Buffer {
 public:
  GivenBuffer(std::shared_ptr<const OperatorDef> owner, const void* elements, size_t bytes)
      : Buffer(const_cast<void*>(elements), bytes, Device{}), owner_(std::move(owner)) {}

 private:
  std::shared_ptr<const OperatorDef> owner_;
};

}  // namespace

RunState::RunState(const Plan& plan, Workspace& workspace, bool publish) : plan_(plan) {
  const size_t count = plan.graph.values.size();
  for (const graph::Arena& arena : plan.storage.arenas) {
    arenas_.push_back(allocate_for_run(arena.placement.bytes, arena.device));
    streams_.emplace_back(arena.device);
  }
  if (plan.storage.bucket_bytes > 0) {
    void* const buckets = static_cast<char*>(arenas_.front()->data()) + plan.storage.bucket_offset;
    // What devices reach stays the memory that it is.
    if (plan.storage.arenas.size() == 1) shared_buckets_.share(plan, buckets);
    // The gaps in buckets are added up and sent like the rest.
    std::memset(buckets, 0, plan.storage.bucket_bytes);
  }
  values_.resize(count);
  dynamic_descs_.resize(count);
  tensors_.resize(count);
  for (const graph::Interface::Input& declared : plan.interface.inputs) {
    inputs_.push_back({.slot = &workspace.slot(declared.name)});
    const bool replaced = publish && plan.interface.outputs.contains(declared.name);
    if (!replaced) leases_.push_back({inputs_.back().slot, declared.state});
  }
  for (const auto& [name, value] : plan.interface.outputs) {
    const bool read = std::ranges::any_of(plan.interface.inputs,
                                          [&](const auto& input) { return input.name == name; });
    outputs_.push_back({name, publish ? &workspace.slot(name) : nullptr, value, read});
    if (publish) leases_.push_back({outputs_.back().slot, true});
  }
  place_values();
}

void RunState::SharedBuckets::share(const Plan& plan, void* data) {
  data_ = data;
  for (size_t node = 0; node < plan.nodes.size(); ++node) {
    if (plan.graph.ops[node].type() != graph::kBucketType) continue;
    const int index = plan.nodes[node].collective.group;
    if (index == kNone) continue;
    const std::shared_ptr<Communicator>& group =
        plan.communicators[static_cast<size_t>(index)].communicator;
    if (group == nullptr || std::ranges::find(groups_, group) != groups_.end()) continue;
    group->add_region(data, plan.storage.bucket_bytes);
    groups_.push_back(group);
  }
}

RunState::SharedBuckets::~SharedBuckets() {
  for (const auto& group : groups_) group->remove_region(data_);
}

std::shared_ptr<Buffer> RunState::allocate_for_run(size_t bytes, Device device) const {
  const bool devices = plan_.storage.arenas.size() > 1;
  if (!device.is_cpu() || !devices) return allocate(bytes, device);
  return allocate_pinned(bytes, plan_.storage.arenas[1].device);
}

/// An array among the arguments of the operator that makes a value, if the value is just that.
std::shared_ptr<Buffer> RunState::given_buffer(ValueId id) const {
  const OpId producer = plan_.graph.values[id].producer;
  const TensorDesc& desc = plan_.descs[id];
  const bool devices = plan_.storage.arenas.size() > 1;  // which want memory of another kind
  if (!plan_.options.once || devices || desc.bytes() < kGivenFrom) return {};
  const PlanNode& node = plan_.nodes[producer];
  const Op& op = plan_.graph.ops[producer];
  if (node.kernel == nullptr || op.outputs.front() != id || desc.layout != Layout::kPlain)
    return {};
  const void* elements = node.kernel->given();
  if (elements == nullptr) return {};
  return std::make_shared<GivenBuffer>(op.def, elements, desc.bytes());
}

void RunState::place_values() {
  for (ValueId id = 0; id < static_cast<ValueId>(values_.size()); ++id) {
    const graph::Place& place = plan_.storage.places[id];
    Operand& operand = values_[id];
    operand.desc = &plan_.descs[id];
    switch (place.storage) {
      case Storage::kNone:
        break;
      case Storage::kArena:
        operand.data = static_cast<char*>(arenas_[place.arena]->data()) + place.offset;
        break;
      case Storage::kInput:
        inputs_[place.index].values.push_back(id);
        break;
      case Storage::kOutput: {
        const TensorDesc& desc = plan_.descs[id];
        std::shared_ptr<Buffer> buffer = given_buffer(id);
        if (!buffer) buffer = allocate_for_run(desc.bytes(), plan_.graph.values[id].device);
        tensors_[id] = Tensor(std::move(buffer), 0, desc);
        operand.data = tensors_[id].raw();
        break;
      }
      case Storage::kDynamic:
        operand.desc = &dynamic_descs_[id];
        operand.blob = blobs_.emplace_back(std::make_unique<Blob>()).get();
        break;
      case Storage::kHandle:
        operand.blob = place.index != kNone ? &inputs_[place.index].slot->blob
                                            : blobs_.emplace_back(std::make_unique<Blob>()).get();
        break;
    }
  }
}

std::vector<OpContext> RunState::make_contexts(std::span<const StepState> steps) {
  size_t total = 0;
  for (const Op& op : plan_.graph.ops) {
    first_operand_.push_back(total);
    total += op.inputs.size() + op.outputs.size();
  }
  operands_.resize(total);
  std::vector<OpContext> contexts;
  for (size_t node = 0; node < plan_.graph.ops.size(); ++node) {
    const Op& op = plan_.graph.ops[node];
    refresh_operands(static_cast<int>(node));
    Operand* inputs = operands_.data() + first_operand_[node];
    Operand* outputs = inputs + op.inputs.size();
    OpContext& context =
        contexts.emplace_back(std::span(inputs, op.inputs.size()),
                              std::span(outputs, op.outputs.size()), &steps[op.step]);
    const graph::ScratchPlace& scratch = plan_.storage.scratch[node];
    context.scratch = static_cast<char*>(arenas_[scratch.arena]->data()) + scratch.offset;
    context.stream = streams_[scratch.arena].get();
    context.random_key = plan_.nodes[node].random_key;
    if (op.schema->is_collective()) context.collective = &plan_.nodes[node].collective.place;
    for (size_t i = 0; i < op.inputs.size() + op.outputs.size(); ++i) {
      const ValueId id = i < op.inputs.size() ? op.inputs[i] : op.outputs[i - op.inputs.size()];
      if (id == kNone || plan_.storage.places[id].storage != Storage::kInput) continue;
      inputs_[plan_.storage.places[id].index].operands.push_back(&inputs[i]);
    }
    const PlanNode& planned = plan_.nodes[node];
    if (planned.packed_input != kNone) {
      packed_.push_back({.node = static_cast<int>(node),
                         .input = planned.packed_input,
                         .buffer = allocate(planned.kernel->packed_bytes())});
    }
  }
  return contexts;
}

void RunState::refresh_operands(int node) {
  const Op& op = plan_.graph.ops[node];
  Operand* target = operands_.data() + first_operand_[node];
  for (ValueId id : op.inputs) *target++ = values_[id];
  static const TensorDesc kNothing;
  for (ValueId id : op.outputs) *target++ = id == kNone ? Operand{.desc = &kNothing} : values_[id];
}

RunState::Leases::Leases(RunState& state) : state_(state) {
  for (size_t i = 0; i < state.leases_.size(); ++i) {
    const Lease& lease = state.leases_[i];
    if (lease.exclusive ? lease.slot->try_lease_exclusive() : lease.slot->try_lease_shared()) {
      continue;
    }
    release(i);
    fail(ErrorCode::kState,
         "blob '{}' is {} by another run of this workspace: let that run end first",
         lease.slot->name, lease.exclusive ? "in use" : "being written");
  }
}

RunState::Leases::~Leases() { release(state_.leases_.size()); }

void RunState::Leases::release(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const Lease& lease = state_.leases_[i];
    lease.exclusive ? lease.slot->release_exclusive() : lease.slot->release_shared();
  }
}

std::exception_ptr RunState::drain() noexcept {
  std::exception_ptr first;
  for (const StreamOwner& stream : streams_) {
    try {
      synchronize(stream.get());
    } catch (...) {
      if (first == nullptr) first = std::current_exception();
    }
  }
  return first;
}

void RunState::refresh_packed(std::vector<OpContext>& contexts) {
  for (Packed& packed : packed_) {
    const Input& input = inputs_[packed.input];
    const uint64_t version = input.override.defined()
                                 ? input.override_version
                                 : input.slot->version.load(std::memory_order_relaxed);
    if (packed.version == version && packed.source == input.bound) continue;
    plan_.nodes[packed.node].kernel->pack(input.bound, packed.buffer->data());
    packed.version = version;
    packed.source = input.bound;
    contexts[packed.node].packed = packed.buffer->data();
  }
}

void RunState::finish() {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (plan_.interface.inputs[i].state) {
      inputs_[i].slot->version.fetch_add(1, std::memory_order_relaxed);
    }
  }
  for (Output& output : outputs_) {
    if (output.slot == nullptr) continue;
    Blob& blob = output.slot->blob;
    const Storage storage = plan_.storage.places[output.value].storage;
    if (storage == Storage::kHandle) {
      blob = *values_[output.value].blob;
    } else if (!tensors_[output.value].defined()) {
      blob.reset();  // of a nested net that did not run
    } else if (!blob.is_tensor() || blob.tensor().raw() != tensors_[output.value].raw() ||
               blob.tensor().desc() != tensors_[output.value].desc()) {
      const Tensor& made = tensors_[output.value];
      blob = output.read ? made.clone(made.device()) : made;
    }
    output.slot->version.fetch_add(1, std::memory_order_relaxed);
  }
}

Tensor RunState::output(std::string_view name) const {
  for (const Output& output : outputs_) {
    if (output.name == name) return view(output.value);
  }
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (plan_.interface.inputs[i].name == name) return view(plan_.interface.inputs[i].value);
  }
  std::vector<std::string> names;
  for (const Output& output : outputs_) names.push_back(output.name);
  require(plan_.graph.slots.contains(name), ErrorCode::kNotFound, "net '{}' has no blob '{}'{}",
          plan_.graph.name, name, did_you_mean(name, names));
  fail(ErrorCode::kNotFound,
       "'{}' was not kept: blobs inside a net are gone after the run. Ask for it when compiling "
       "(readable names; --output on the command line) or declare it an external output",
       name);
}

Tensor RunState::view(ValueId id) const {
  const graph::Place& place = plan_.storage.places[id];
  switch (place.storage) {
    case Storage::kArena:
      return Tensor(arenas_[place.arena], place.offset, plan_.descs[id]);
    case Storage::kInput: {
      const Input& input = inputs_[place.index];
      if (input.staged.defined()) return input.staged;
      return input.override.defined() ? input.override : input.slot->blob.tensor();
    }
    case Storage::kOutput:
    case Storage::kDynamic:
      return tensors_[id];
    case Storage::kHandle:
    case Storage::kNone:
      break;
  }
  return {};
}

void RunState::place_dynamic(ValueId id, Tensor tensor) {
  tensors_[id] = std::move(tensor);
  dynamic_descs_[id] = tensors_[id].desc();
  values_[id].data = tensors_[id].raw();
}

void RunState::forget_dynamic(ValueId id) {
  tensors_[id] = {};
  dynamic_descs_[id] = {};
  values_[id].data = nullptr;
  values_[id].blob->reset();
}

void RunState::adopt_dynamic(ValueId id) {
  require(values_[id].blob->is_tensor(), ErrorCode::kInternal,
          "a kernel left nothing in its output '{}'", plan_.graph.values[id].name);
  place_dynamic(id, values_[id].blob->tensor());
}

std::vector<std::string> RunState::describe_inputs(int node) const {
  std::vector<std::string> lines;
  for (ValueId id : plan_.graph.ops[node].inputs) {
    const graph::Value& value = plan_.graph.values[id];
    lines.push_back(fmt::format("'{}' {}", value.name,
                                value.handle ? "handle" : values_[id].desc->to_string()));
  }
  return lines;
}

}  // namespace headrace
