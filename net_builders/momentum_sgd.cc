#include "core/error.h"
#include "net_builders/optimizer.h"
#include "net_builders/update_net.h"

namespace headrace {

void MomentumSgd::emit(UpdateNet& net) const {
  require(momentum >= 0 && momentum < 1, ErrorCode::kInvalidArgument,
          "momentum lies in [0, 1), found {}", momentum);
  const bool in_buffer = form == MomentumForm::kRateInBuffer;
  require(in_buffer || (momentum_correction && correction_threshold == 1),
          ErrorCode::kInvalidArgument,
          "momentum correction belongs to the form with the rate in the buffer; the reference form "
          "is right without, so leave it at its default");
  const std::vector<OpArg> args{{"momentum", momentum}, {"nesterov", nesterov}};

  for (const UpdateNet::Item& item : net.items()) net.decay(item, weight_decay);
  for (const UpdateNet::Item& item : net.items()) {
    const std::string& parameter = item.parameter.name;
    const std::string& gradient = item.gradient;
    const std::string buffer = net.state(item, "momentum");
    if (in_buffer) {
      std::vector<std::string> inputs{gradient, buffer, net.learning_rate(), parameter};
      if (momentum_correction) inputs.push_back(net.rate_ratio(correction_threshold));
      net.add("MomentumSGDUpdate", inputs, {gradient, buffer, parameter}, args);
    } else {
      net.add("MomentumSGD", {gradient, buffer, net.one()}, {gradient, buffer}, args);
      net.add("WeightedSum", {parameter, net.one(), gradient, net.negative_learning_rate()},
              {parameter});
    }
  }
}

}  // namespace headrace
