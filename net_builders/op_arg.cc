#include "net_builders/op_arg.h"

#include "core/gradient_context.h"
#include "core/proto/net.pb.h"

namespace headrace {

OperatorDef make_op(const std::string& type, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs, const std::vector<OpArg>& args) {
  OperatorDef op;
  op.set_type(type);
  for (const std::string& name : inputs) op.add_input(name);
  for (const std::string& name : outputs) op.add_output(name);
  for (const OpArg& arg : args) {
    std::visit([&](const auto& value) { set_arg(op, arg.name, value); }, arg.value);
  }
  return op;
}

}  // namespace headrace
