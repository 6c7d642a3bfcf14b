#include "core/error.h"
#include "net_builders/optimizer.h"
#include "net_builders/update_net.h"

namespace headrace {

void Adam::emit(UpdateNet& net) const {
  require(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, ErrorCode::kInvalidArgument,
          "the decay rates of Adam lie in [0, 1), found {} and {}", beta1, beta2);
  for (const UpdateNet::Item& item : net.items()) {
    net.decay(item, weight_decay);
    const std::string& parameter = item.parameter.name;
    const std::string mean = net.state(item, "mean");
    const std::string square = net.state(item, "mean_square");
    net.add("Adam",
            {parameter, mean, square, item.gradient, net.negative_learning_rate(), net.iteration()},
            {parameter, mean, square}, {{"beta1", beta1}, {"beta2", beta2}, {"epsilon", epsilon}});
  }
}

}  // namespace headrace
