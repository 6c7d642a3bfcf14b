#include "tools/nets/loaded_net.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "core/device.h"
#include "core/error.h"
#include "core/npy.h"
#include "core/proto/net_io.h"
#include "core/tensor_database.h"
#include "core/text.h"
#include "graph/session.h"
#include "tools/nets/random_values.h"
#include "tools/nets/shapes_file.h"
#include "tools/nets/world_flags.h"

namespace headrace::tools {
namespace {

constexpr std::string_view kRandom = "random:";

std::vector<std::string> names_of(const std::vector<graph::Graph>& graphs) {
  std::set<std::string> names;
  for (const graph::Graph& graph : graphs) {
    for (const auto& [name, slot] : graph.slots) names.insert(name);
  }
  return {names.begin(), names.end()};
}

/// What a net says about its blobs; of a plan, what its nets say about the blobs that they are fed.
NetRoles roles_of(const NetFile& file) {
  if (!file.plan) return read_roles(file.net);
  NetRoles all;
  for (const NetDef& net : file.plan->network()) {
    const NetRoles roles = read_roles(net);
    const auto append = [](auto& to, const auto& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    append(all.external_shapes, roles.external_shapes);
    append(all.data, roles.data);
    append(all.labels, roles.labels);
    if (!roles.world.empty()) all.world = roles.world;
  }
  return all;
}

/// At most ten names, and how many more there are.
std::string abbreviate(const std::vector<std::string>& names) {
  constexpr size_t kMost = 10;
  const auto shown = std::span(names).first(std::min(kMost, names.size()));
  std::string text = fmt::format("{}", fmt::join(shown, ", "));
  if (names.size() > kMost) text += fmt::format(" and {} more", names.size() - kMost);
  return text;
}

}  // namespace

LoadedNet::LoadedNet(const NetFlags& flags, Accept accept)
    : flags_(flags),
      given_(parse_named(flags.inputs, "--input")),
      file_(read_net_file(flags.net)),
      roles_(roles_of(file_)) {
  require_distinct(given_, &NamedValue::name, "--input");
  if (!flags.device.empty()) {
    const int moved = move_to_cpu(file_);
    if (moved > 0)
      spdlog::warn("{} operators that {} puts on a GPU run on the CPU", moved, flags.net);
  }
  require(accept == Accept::kNetOrPlan || !file_.plan, ErrorCode::kUnsupported,
          "{} holds a plan of {} nets, which 'headrace run' runs; this command takes one net",
          flags.net, file_.plan ? file_.plan->network_size() : 0);
  if (file_.plan) {
    for (const NetDef& net : file_.plan->network()) graphs_.push_back(graph::build_graph(net));
  } else {
    graphs_.push_back(graph::build_graph(file_.net));
  }
  if (!flags.shapes.empty()) shapes_ = read_shapes(flags.shapes, net().name());
  for (const NamedValue& input : given_) {
    require(knows(input.name), ErrorCode::kNotFound, "--input: {} '{}' has no blob '{}'{}",
            plan() != nullptr ? "plan" : "net", net().name(), input.name,
            did_you_mean(input.name, names_of(graphs_)));
  }
}

NetDef LoadedNet::load_init(const std::string& path) const {
  NetDef net = load_net(path);
  if (!flags_.device.empty()) move_to_cpu(net);
  return net;
}

bool LoadedNet::knows(const std::string& blob) const {
  return std::ranges::any_of(graphs_,
                             [&](const graph::Graph& graph) { return graph.slots.contains(blob); });
}

std::vector<LoadedNet::Input> LoadedNet::inputs_read() const {
  const auto made_by_another = [this](const graph::Graph& reader, const std::string& name) {
    return std::ranges::any_of(graphs_, [&](const graph::Graph& graph) {
      const auto slot = graph.slots.find(name);
      return &graph != &reader && slot != graph.slots.end() &&
             slot->second.last != slot->second.first;
    });
  };
  std::vector<Input> inputs;
  for (const graph::Graph& graph : graphs_) {
    for (const auto& [name, slot] : graph.slots) {
      if (slot.first == graph::kNone) continue;
      const graph::Value& value = graph.values[static_cast<size_t>(slot.first)];
      if (value.consumers.empty() || made_by_another(graph, name)) continue;
      if (std::ranges::find(inputs, name, &Input::name) == inputs.end()) {
        inputs.push_back({name, value.handle});
      }
    }
  }
  return inputs;
}

graph::InputTypes LoadedNet::types_in_net() const {
  return {roles_.external_shapes.begin(), roles_.external_shapes.end()};
}

Tensor LoadedNet::make_input(const NamedValue& input, uint64_t seed) const {
  if (!input.value.starts_with(kRandom)) return read_npy(input.value);
  const auto known = types_in_net();
  const auto found = known.find(input.name);
  const DType fallback = found == known.end() ? DType::kFloat32 : found->second.dtype;
  const auto spec = parse_random(std::string_view(input.value).substr(kRandom.size()), fallback);
  return random_input(spec, seed, input.name);
}

void LoadedNet::fill(Workspace& workspace, ThreadPool& pool, uint64_t seed, Missing missing) {
  require(
      !names_gpu(file_) || device_count(DeviceKind::kCuda) > 0, ErrorCode::kUnsupported,
      "{} puts operators on a GPU, and there is none that this build can use (a GPU, its driver "
      "and a build with CUDA are needed). --device cpu runs them on the CPU",
      flags_.net);
  if (file_.database) {
    workspace.slot(kDatabaseHandle)
        .blob.set_handle(std::make_shared<DatabaseName>(*file_.database), "database");
  }
  for (NetDef& init : std::exchange(file_.inits, {})) {
    run_once(std::move(init), workspace, pool, seed);
  }
  for (const std::string& init : flags_.inits) run_once(load_init(init), workspace, pool, seed);
  for (const NamedValue& input : given_) workspace.feed(input.name, make_input(input, seed));

  const graph::InputTypes in_net = types_in_net();
  std::vector<std::string> made_up;
  std::vector<std::string> without_value;
  std::vector<std::string> without_shape;
  for (const Input& input : inputs_read()) {
    const Slot* slot = workspace.find(input.name);
    if (slot != nullptr && !slot->blob.empty()) continue;
    const auto asked = shapes_.find(input.name);
    const auto known = in_net.find(input.name);
    const bool is_data = std::ranges::count(roles_.data, input.name) != 0;
    const auto make_up = [&](const TensorDesc& desc) {
      made_up.push_back(input.name);
      workspace.feed(input.name, is_data ? random_input({.desc = desc}, seed, input.name)
                                         : random_parameter(desc, seed, input.name));
    };
    if (input.handle) {
      without_shape.push_back(input.name + (input.name == kStoreHandler
                                                ? " (where ranks meet: start them with 'headrace "
                                                  "launch', or give --world, --rank and --store)"
                                                : " (not a tensor)"));
    } else if (asked != shapes_.end()) {
      make_up(asked->second);
    } else if (known == in_net.end()) {
      without_shape.push_back(input.name);
    } else if (missing == Missing::kMakeUp) {
      make_up(known->second);
    } else {
      without_value.push_back(fmt::format("{} ({})", input.name, known->second.to_string()));
    }
  }
  const size_t count = without_shape.size() + without_value.size();
  if (count > 0) {
    auto all = without_shape;
    all.insert(all.end(), without_value.begin(), without_value.end());
    throw Error(ErrorCode::kNotFound,
                fmt::format("{} '{}' reads {} blob{} that nothing has made: {}. Give the net that "
                            "makes them with --init, values with --input NAME=FILE.npy, or their "
                            "shapes with --shapes for random numbers",
                            plan() != nullptr ? "plan" : "net", net().name(), count,
                            count == 1 ? "" : "s", fmt::join(all, ", ")));
  }
  if (!made_up.empty()) {
    spdlog::warn("random numbers stand in for {} blob{} without values: {}", made_up.size(),
                 made_up.size() == 1 ? "" : "s", abbreviate(made_up));
  }
}

graph::InputTypes LoadedNet::input_types() const {
  graph::InputTypes types = types_in_net();
  for (const auto& [name, desc] : shapes_) types[name] = desc;
  if (file_.database) {
    const auto wanted = [this](std::string_view name) {
      return knows(std::string(name)) ? std::string(name) : "";
    };
    const auto database = open_database(*file_.database);
    for (const auto& [name, desc] :
         describe_tensors(*database, file_.database->path.string(), wanted)) {
      types[name] = desc;
    }
  }
  std::vector<NetDef> inits = file_.inits;
  for (const std::string& init : flags_.inits) inits.push_back(load_init(init));
  for (const NetDef& init : inits) {
    graph::Graph graph = graph::build_graph(init);
    graph::infer_types(graph, {}, /*complete=*/false);
    for (const auto& [name, slot] : graph.slots) {
      const graph::Value& value = graph.values[static_cast<size_t>(slot.last)];
      if (value.type.complete()) types[name] = {value.type.dtype, *value.type.shape};
    }
  }
  for (const NamedValue& input : given_) types[input.name] = make_input(input, 1).desc();
  return types;
}

}  // namespace headrace::tools
