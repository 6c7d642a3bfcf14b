#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/image.h"
#include "operators/parts.h"

namespace headrace {
namespace {

Order other(Order order) { return order == Order::kNchw ? Order::kNhwc : Order::kNchw; }

OpSchema switch_schema(const char* type, const char* reverse, Order from, const char* doc) {
  OpSchema schema(type);
  schema.doc(doc)
      .input("X", "image")
      .output("Y", "image")
      .ignored_args({"order", "use_cudnn", "cudnn_exhaustive_search"})
      .infer([from](const InferContext& context) -> std::vector<TensorType> {
        require_dtype(context, 0, context.dtype(0) != DType::kString, "numbers");
        return {{context.dtype(0), image_shape(context.shape(0), from, "X").shape(other(from))}};
      })
      .gradient([reverse = std::string(reverse)](GradientContext& g) {
        g.op(reverse, {g.dout(0)}, {g.din(0)});
      });
  return schema;
}

const RegisterOperator to_nhwc(
    switch_schema("NCHW2NHWC", "NHWC2NCHW", Order::kNchw,
                  "Moves the channels of an image behind the spatial axes."));
const RegisterOperator to_nchw(
    switch_schema("NHWC2NCHW", "NCHW2NHWC", Order::kNhwc,
                  "Moves the channels of an image before the spatial axes."));

/// The NHWC operand is the NCHW one in channels-last layout.
template <Order kFrom>
std::unique_ptr<Kernel> prepare_switch(const PrepareContext& context) {
  const ImageShape image = image_shape(context.inputs[0].shape, kFrom, "X");
  ImageShape single = image;
  single.n = 1;
  const TensorDesc plain{context.inputs[0].dtype, single.shape(Order::kNchw), Layout::kPlain};
  TensorDesc last = plain;
  last.layout = Layout::kChannelsLast;
  const bool from_plain = kFrom == Order::kNchw;
  return make_kernel([from = from_plain ? plain : last, to = from_plain ? last : plain,
                      images = image.n, width = context.width](OpContext& op) {
    for_parts(
        width, images,
        [&](int64_t begin, int64_t end) {
          for (int64_t n = begin; n < end; ++n) {
            const auto offset = static_cast<size_t>(n) * from.bytes();
            reorder(op.input<std::byte>(0) + offset, from, op.output<std::byte>(0) + offset, to);
          }
        },
        1);
  });
}

const RegisterCpuKernel to_nhwc_cpu("NCHW2NHWC", prepare_switch<Order::kNchw>);
const RegisterCpuKernel to_nchw_cpu("NHWC2NCHW", prepare_switch<Order::kNhwc>);

}  // namespace
}  // namespace headrace
