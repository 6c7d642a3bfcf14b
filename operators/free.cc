#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"

namespace headrace {
namespace {

/// Each output is the input of the same place under the same name, without its content.
void check_free(const Args& args) {
  const OperatorDef& def = args.def();
  bool same = def.input_size() == def.output_size();
  for (int i = 0; same && i < def.input_size(); ++i) same = def.input(i) == def.output(i);
  require(same, ErrorCode::kInvalidArgument, "the outputs of Free must be its inputs, in order");
}

const RegisterOperator free_operator(
    OpSchema("Free")
        .doc(
            "Gives up the content of blobs. Inside a net the plan reuses memory by itself; this is "
            "for blobs that would outlive it.")
        .repeated_input("X")
        .repeated_output("X", 1, "the inputs, empty now")
        .handle_output(0)
        .on_host()
        .infer([](const InferContext& context) {
          check_free(context.args);
          return std::vector<TensorType>(context.outputs);
        })
        .no_gradient());

const RegisterCpuKernel free_cpu("Free", [](const PrepareContext& prepare) {
  check_free(prepare.args);
  return make_kernel([](OpContext& context) {
    for (int i = 0; i < context.outputs(); ++i) context.output_blob(i).reset();
  });
});

}  // namespace
}  // namespace headrace
