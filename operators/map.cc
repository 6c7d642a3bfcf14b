#include "operators/map.h"

#include "core/gradient_context.h"

namespace headrace {

std::vector<TensorType> infer_map(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  for (int i = 1; i < static_cast<int>(context.inputs.size()); ++i) {
    require_same_type(context, i, 0);
    require_same_shape(context, i, 0);
  }
  return {context.inputs[0]};
}

CostFn cost_per_element(double flops) {
  return [flops](const CostContext& context) {
    return Cost{flops * static_cast<double>(context.outputs[0].shape.numel()),
                context.operand_bytes()};
  };
}

OpSchema map_schema(std::string type, std::string doc, double flops) {
  OpSchema schema(std::move(type));
  schema.doc(std::move(doc))
      .input("X")
      .output("Y")
      .inplace(0, 0)
      .infer(infer_map)
      .cost(cost_per_element(flops))
      .layout(LayoutPolicy::kFollows);
  return schema;
}

OpSchema map_gradient_schema(std::string type, std::string doc, double flops,
                             std::initializer_list<const char*> inputs) {
  OpSchema schema(std::move(type));
  int position = 0;
  for (std::string_view input : inputs) {
    schema.input(std::string(input));
    if (input == "dY") schema.inplace(position, 0);
    ++position;
  }
  schema.doc(std::move(doc))
      .output("dX")
      .infer(infer_map)
      .cost(cost_per_element(flops))
      .layout(LayoutPolicy::kFollows)
      .no_gradient();
  return schema;
}

GradientFn gradient_from_output(std::string type) {
  return [type = std::move(type)](GradientContext& g) {
    g.op(type, {g.out(0), g.dout(0)}, {g.din(0)});
  };
}

GradientFn gradient_from_input(std::string type) {
  return [type = std::move(type)](GradientContext& g) {
    g.op(type, {g.in(0), g.dout(0)}, {g.din(0)});
  };
}

}  // namespace headrace
