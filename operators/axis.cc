#include "operators/axis.h"

namespace headrace {

int axis_of(const Args& args, const Shape& shape, const char* name) {
  return shape.axis(args.integer(name));
}

}  // namespace headrace
