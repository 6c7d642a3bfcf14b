#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/communicator.h"
#include "graph/graph.h"

namespace headrace {
struct Plan;
}

namespace headrace::graph {

/// The common worlds that come into a net from outside, by name. Handles of one Communicator are
/// one group of ranks.
using Worlds = std::map<std::string, std::shared_ptr<Communicator>, std::less<>>;

/// Which collectives of a graph are between the same ranks: those whose handles are one common
/// world, by what `worlds` says, or clones of each other.
class CollectiveGroups {
 public:
  struct Group {
    std::string name;                            // of its first handle in the net
    std::shared_ptr<Communicator> communicator;  // null: not known before the run
  };

  CollectiveGroups(const Graph& graph, const Worlds& worlds);

  /// The group of an operator, kNone if it is no collective.
  int of(const Op& op) const;
  const std::vector<Group>& groups() const { return groups_; }

 private:
  int group_of_value(const Graph& graph, const Worlds& worlds, ValueId handle);
  int add(std::string name, std::shared_ptr<Communicator> communicator);

  std::vector<int> of_value_;  // kNone: no handle that anybody communicates through
  std::vector<Group> groups_;
};

/// A collective that only starts when every collective before it has ended: its shape is known
/// during the run only, so it waits on a thread of the blocking service, and must not wait for
/// others there.
bool is_dynamic_collective(const Graph& graph, const Op& op);

/// Gives every collective of a plan its ticket, in the order of the schedule, and its algorithm.
void place_collectives(Plan& plan);

/// What the collectives of a plan in one group are, a line each in the order of tickets: the same
/// text on all ranks, or they cannot run together.
std::string describe_collectives(const Plan& plan, int group);

}  // namespace headrace::graph
