#include "graph/stream_kernel.h"

#include <utility>

namespace headrace {
namespace {

class Launched final : public Kernel {
 public:
  explicit Launched(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}

  void launch(OpContext& context) const override {
    make_current(context.stream.device);
    kernel_->launch(context);
  }
  size_t scratch_bytes() const override { return kernel_->scratch_bytes(); }

 private:
  std::unique_ptr<Kernel> kernel_;
};

class Awaited final : public AsyncKernel {
 public:
  explicit Awaited(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}

  void start(OpContext& context, Completion done) const override {
    make_current(context.stream.device);
    kernel_->launch(context);
    notify(context.stream, done);
  }
  size_t scratch_bytes() const override { return kernel_->scratch_bytes(); }

 private:
  std::unique_ptr<Kernel> kernel_;
};

}  // namespace

std::unique_ptr<Kernel> on_stream(std::unique_ptr<Kernel> kernel, bool notifies) {
  // What is asynchronous anyway knows its own end.
  if (dynamic_cast<const AsyncKernel*>(kernel.get()) != nullptr) return kernel;
  if (notifies) return std::make_unique<Awaited>(std::move(kernel));
  return std::make_unique<Launched>(std::move(kernel));
}

}  // namespace headrace
