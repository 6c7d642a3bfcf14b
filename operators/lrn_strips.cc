#include "operators/lrn_strips.h"

#include "core/error.h"

namespace headrace {

OpSchema& declare_lrn(OpSchema& schema) {
  return schema.arg("size", 0, "channels that are looked at, at least 1")
      .arg("alpha", 0.0f)
      .arg("beta", 0.0f)
      .arg("bias", 1.0f)
      .arg("order", "NCHW", "\"NCHW\" or \"NHWC\"")
      .ignored_args({"use_cudnn", "cudnn_exhaustive_search"});
}

LrnWindow lrn_window(const Args& args) {
  const int64_t size = args.integer("size");
  require(size >= 1, ErrorCode::kInvalidArgument, "argument 'size' must be at least 1, found {}",
          size);
  return {.below = (size - 1) / 2,
          .above = size / 2,
          .factor = static_cast<double>(args.real("alpha")) / static_cast<double>(size),
          .beta = args.real("beta"),
          .bias = args.real("bias")};
}

}  // namespace headrace
