#pragma once

#include <string>
#include <vector>

#include "core/net_roles.h"
#include "core/proto/net.pb.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "graph/graph.h"
#include "graph/passes.h"
#include "tools/nets/net_file.h"
#include "tools/nets/net_flags.h"

namespace headrace::tools {

/// A net as the command line describes it: the file, and where its inputs come from. The file may
/// also hold an exported model, and where that is accepted a PlanDef.
class LoadedNet {
 public:
  enum class Accept { kNet, kNetOrPlan };

  /// Reads and checks the net. Throws as load_net() and build_graph() do; CLI::ValidationError for
  /// an --input of another form; kNotFound for an --input that is no blob of the net.
  explicit LoadedNet(const NetFlags& flags, Accept accept = Accept::kNet);

  /// The net; of a plan, an empty one of its name.
  const NetDef& net() const { return file_.net; }
  /// Null where the file holds a net.
  const PlanDef* plan() const { return file_.plan ? &*file_.plan : nullptr; }
  /// Of a plan: what all its nets are fed, and the world through which they communicate.
  const NetRoles& roles() const { return roles_; }
  /// Whether any operator reads or writes a blob of that name.
  bool knows(const std::string& blob) const;

  /// What to do about inputs whose values nobody gives but whose types the net itself carries.
  enum class Missing { kRefuse, kMakeUp };

  /// Runs the init nets, feeds the inputs, makes up what --shapes describes and, where that is
  /// wanted, what the net's own arguments describe (with a warning). Throws one Error listing all
  /// inputs of the net that still have no value. Once: nets that came with the file hand over their
  /// arrays.
  void fill(Workspace& workspace, ThreadPool& pool, uint64_t seed, Missing missing);

  /// Types of all inputs, as far as they are known from the same sources without running anything.
  graph::InputTypes input_types() const;

 private:
  struct Input {
    std::string name;
    bool handle = false;
  };
  NetDef load_init(const std::string& path) const;
  std::vector<Input> inputs_read() const;
  Tensor make_input(const NamedValue& input, uint64_t seed) const;
  graph::InputTypes types_in_net() const;

  NetFlags flags_;
  std::vector<NamedValue> given_;
  NetFile file_;
  NetRoles roles_;
  std::vector<graph::Graph> graphs_;  // of the net, or of all networks of the plan
  graph::InputTypes shapes_;          // of --shapes
};

}  // namespace headrace::tools
