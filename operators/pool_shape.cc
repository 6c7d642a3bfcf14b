#include "operators/pool_shape.h"

namespace headrace {

OpSchema& declare_pool(OpSchema& schema) {
  return declare_window(schema, WindowUse::kPooling)
      .arg("count_include_pad", 0, "AveragePool divides by the size of the kernel at edges too");
}

PoolShape pool_shape(const Args& args, const Shape& x) {
  PoolShape shape;
  shape.order = order_of(args);
  shape.x = image_shape(x, shape.order, "X");
  shape.window = window_of(args, shape.x, WindowUse::kPooling);
  shape.y = {.n = shape.x.n, .c = shape.x.c, .size = shape.window.output, .axes = shape.x.axes};
  shape.count_pad = args.flag("count_include_pad");
  return shape;
}

}  // namespace headrace
