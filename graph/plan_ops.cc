// Operators that exist in plans only: the passes of this folder insert them.
#include <cmath>

#include "core/error.h"
#include "core/registry.h"
#include "core/thread_pool.h"

namespace headrace {
namespace {

const RegisterOperator reorder_schema(
    OpSchema("Reorder")
        .doc("The same elements elsewhere, an image perhaps in another physical order.")
        .input("X")
        .output("Y")
        .plan_only()
        .infer(same_as_input(0)));

/// A description of `images` members of a batch.
TensorDesc batch_part(const TensorDesc& desc, int64_t images) {
  if (desc.shape.rank() == 0) return desc;
  std::vector<int64_t> dims(desc.shape.begin(), desc.shape.end());
  dims[0] = images;
  return {desc.dtype, Shape(dims), desc.layout};
}

std::unique_ptr<Kernel> prepare_reorder(const PrepareContext& context) {
  const TensorDesc from = context.inputs[0];
  const TensorDesc to = context.outputs[0];
  const int64_t images = from.shape.rank() == 0 ? 1 : from.shape[0];
  const int width = static_cast<int>(std::min<int64_t>(context.width, images));
  const size_t image_bytes = images == 0 ? 0 : from.bytes() / static_cast<size_t>(images);
  return make_kernel([=](OpContext& run) {
    parallel_for(width, [&](int part) {
      auto [first, last] = part_range(images, width, part);
      const size_t offset = static_cast<size_t>(first) * image_bytes;
      reorder(run.input<char>(0) + offset, batch_part(from, last - first),
              run.output<char>(0) + offset, batch_part(to, last - first));
    });
  });
}
const RegisterCpuKernel reorder_cpu("Reorder", prepare_reorder);

const RegisterOperator check_finite_schema(
    OpSchema("CheckFinite")
        .doc("Ends the run when its input holds NaN or an infinity.")
        .input("X")
        .plan_only()
        .effect("losses")
        .on_host()
        .infer([](const InferContext&) { return std::vector<TensorType>{}; }));

std::unique_ptr<Kernel> prepare_check_finite(const PrepareContext& context) {
  const TensorDesc desc = context.inputs[0];
  require(desc.dtype == DType::kFloat32, ErrorCode::kTypeMismatch,
          "a loss must be float32, found {}", desc.to_string());
  const int64_t count = desc.shape.numel();
  return make_kernel([count](OpContext& run) {
    const float* loss = run.input<float>(0);
    for (int64_t i = 0; i < count; ++i) {
      require(std::isfinite(loss[i]), ErrorCode::kNumeric, "the loss is {}", loss[i]);
    }
  });
}
const RegisterCpuKernel check_finite_cpu("CheckFinite", prepare_check_finite);

}  // namespace
}  // namespace headrace
