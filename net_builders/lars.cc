#include "core/error.h"
#include "net_builders/optimizer.h"
#include "net_builders/update_net.h"

namespace headrace {

void Lars::emit(UpdateNet& net) const {
  require(trust > 0 && min_rate <= max_rate, ErrorCode::kInvalidArgument,
          "LARS needs a positive trust coefficient and min_rate <= max_rate; found {}, {} and {}",
          trust, min_rate, max_rate);
  const std::string ratio = momentum_correction ? net.rate_ratio(correction_threshold) : "";
  for (const UpdateNet::Item& item : net.items()) {
    const std::string& parameter = item.parameter.name;
    const std::string& gradient = item.gradient;
    std::string rate = net.learning_rate();
    if (item.parameter.shape.rank() > 1) {
      // The rate is made from the gradient as it is before the decay.
      const std::string factor = net.temporary(parameter + "_lars");
      const float decay = item.parameter.decays ? weight_decay : 0;
      const std::string& decay_rate =
          decay == 0 ? net.constant("zero", 0) : net.constant("weight_decay", decay);
      net.add("Lars",
              {parameter, gradient, decay_rate, net.constant("lars_trust", trust),
               net.constant("lars_max_rate", max_rate)},
              {factor}, {{"offset", offset}, {"lr_min", min_rate}});
      const std::string local = net.temporary(parameter + "_learning_rate");
      net.add("Mul", {factor, rate}, {local});
      rate = local;
      net.decay(item, weight_decay);
    }
    const std::string buffer = net.state(item, "momentum");
    std::vector<std::string> inputs{gradient, buffer, rate, parameter};
    if (momentum_correction) inputs.push_back(ratio);
    net.add("MomentumSGDUpdate", inputs, {gradient, buffer, parameter},
            {{"momentum", momentum}, {"nesterov", nesterov}});
  }
}

}  // namespace headrace
