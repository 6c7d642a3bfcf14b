#include "comm/operators/collective_kernel.h"

#include <cstring>
#include <new>

#include "comm/reduce.h"
#include "core/error.h"
#include "core/proto/net.pb.h"

namespace headrace::comm {
namespace {

std::string name_of_operator(const OperatorDef& def) {
  if (!def.name().empty()) return def.name();
  return def.output_size() > 0 ? def.output(0) : def.type();
}

void finish(void* state, int, std::exception_ptr error) {
  // A copy, because the next run may use the scratch as soon as `done` was called.
  const AfterCollective after = *static_cast<AfterCollective*>(state);
  if (error == nullptr) {
    char* result = after.context->output<char>(after.result);
    if (after.from > 0) std::memmove(result, result + after.from, after.bytes);
    for (int i = 0; i < after.outputs; ++i) {
      char* target = after.context->output<char>(i);
      if (target != nullptr && target != result) std::memcpy(target, result, after.bytes);
    }
  }
  after.done(std::move(error));
}

}  // namespace

CollectiveKernel::CollectiveKernel(const PrepareContext& context)
    : name_(name_of_operator(context.args.def())) {}

void CollectiveKernel::abort(OpContext& context, const std::string& reason) const noexcept {
  try {
    if (!context.input_blob(0).empty()) world_in(context.input_blob(0))->abort(reason);
  } catch (...) {
    // Another handle than a common world: nobody waits for this node.
    return;
  }
}

void CollectiveKernel::start_collective(OpContext& context, Collective collective,
                                        Completion done) const {
  collective.name = name_.c_str();
  collective.step = context.step();
  world_in(context.input_blob(0))->start(collective, context.collective, done);
}

Completion AfterCollective::in_scratch(OpContext& context, const AfterCollective& after) {
  auto* self = new (context.scratch) AfterCollective(after);
  self->context = &context;
  return {finish, self, 0};
}

void copy_operand(OpContext& context, int i, size_t bytes) {
  const void* from = context.input<void>(i + 1);
  void* to = context.output<void>(i);
  if (from != to) std::memcpy(to, from, bytes);
}

void add_operands(OpContext& context, int target, int tensors, DType dtype, size_t count) {
  copy_operand(context, target, count * size_of(dtype));
  for (int i = 0; i < tensors; ++i) {
    if (i == target) continue;
    reduce(dtype, Reduction::kSum, context.output<void>(target), context.input<void>(i + 1), count,
           /*source_first=*/false);
  }
}

}  // namespace headrace::comm
