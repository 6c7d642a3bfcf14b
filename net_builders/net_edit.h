#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/net_roles.h"

namespace headrace {

class NetDef;
class OperatorDef;

// What the transforms of training nets have in common (data_parallel.h, accumulation.h): they cut
// an iteration into parts, and put operators behind those that are there.

/// True if a list of names has this one.
bool contains(const auto& names, const std::string& name) {
  return std::ranges::find(names, name) != std::end(names);
}

/// The name of a net made from a training net: its own, with another suffix than "_train".
std::string net_name(const NetDef& train_net, const char* suffix);

/// Inserts operators behind those of a net; positions are those of the net as it was.
class Insertions {
 public:
  void behind(int position, OperatorDef op);
  void apply(NetDef& net) const;

 private:
  std::map<int, std::vector<OperatorDef>> ops_;
};

/// Throws kInvalidNet for a net that does not say what its parameters, gradients and losses are.
void require_training_roles(const NetDef& net, const NetRoles& roles);

/// What a mean over all parts of an iteration is called.
std::string mean_of(const std::string& blob);

/// Position of the operator that makes the last value of a blob. Throws kInvalidNet if none does.
int last_writer(const NetDef& net, const std::string& blob);
/// Position of the last operator of the backward pass that reads or writes a gradient, likewise.
int end_of_backward(const NetDef& net, const std::string& gradient);

/// Into how many parts the iteration of a net is cut: workers times micro-batches, 1 for a net as
/// TrainStep makes it.
int64_t parts_of(const NetRoles& roles);

/// Cuts what is fed to a net, which by its roles is cut into parts_of(roles) now, into `parts`
/// times as many as before. Throws kInvalidArgument where that leaves a rest.
void divide_batch(const NetDef& net, NetRoles& roles, int64_t parts);

/// The operator that makes a part's share of a mean over so many of them.
OperatorDef scaled_to_share(const std::string& from, const std::string& to, int64_t parts);

/// Turns a loss, a mean over the samples of a part, and what comes back through it into shares of
/// the mean over the `after` parts of an iteration; `before`, it was cut into so many.
void share_loss(NetDef& net, Insertions& insertions, const std::string& loss, int64_t before,
                int64_t after);
/// The same for the mean of an accuracy, which is a blob of its own: mean_of(accuracy).
void share_accuracy(NetDef& net, Insertions& insertions, const std::string& accuracy,
                    int64_t before, int64_t after);
/// The means over all parts become outputs and roles of the net, unless they are already.
void declare_means(NetDef& net, NetRoles& roles);

}  // namespace headrace
