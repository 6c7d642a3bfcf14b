#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "graph/graph.h"

namespace headrace::graph {

/// Types of what comes from outside, by name.
using InputTypes = std::map<std::string, TensorDesc, std::less<>>;

/// What a net shares with the world around it, decided before the passes run.
struct Interface {
  /// A name whose value comes from outside.
  struct Input {
    std::string name;
    ValueId value;
    /// The net writes the name too and every version has the same type: all versions live in the
    /// slot's own buffer, ordered by edges.
    bool state = false;
  };
  std::vector<Input> inputs;
  /// Values that stay readable and are not state, by name: they leave the run at its end.
  std::map<std::string, ValueId> outputs;

  bool is_state(std::string_view name) const;
};

struct ReadableNames {
  std::vector<std::string> names;
  bool all = false;  // init nets keep everything
};

/// Which values must survive: external outputs, the names asked for, and, in a net without external
/// outputs, every value nobody reads. Throws kNotFound (with the nearest names) for a name that the
/// net does not know. Call after infer_types: state is told by type.
Interface find_interface(const Graph& graph, const ReadableNames& readable);

/// Types of all values from those of the inputs. Throws one Error listing every mismatch and every
/// missing input type when `complete` is asked for; otherwise leaves unknown what it cannot know.
void infer_types(Graph& graph, const InputTypes& inputs, bool complete);

/// Settles on which device each operator runs and each value is, and inserts a DeviceCopy wherever
/// an operator reads what another device has. What comes from outside is where its first reader
/// needs it, and a state where its last writer is. Nothing changes in a graph for the CPU alone.
void place_devices(Graph& graph, const Interface& interface);

/// The devices that operators of a graph run on, the CPU first in any case.
std::vector<Device> find_devices(const Graph& graph);

/// Replaces operators by the parts their schema splits them into (convolution gradients).
void split_operators(Graph& graph);

/// Drops what contributes to no output, no state and no effect, and marks outputs that nobody
/// reads.
void prune(Graph& graph, const Interface& interface);

/// An operator that overwrites a state it reads, without being able to work in place, writes to a
/// value of its own that is copied afterwards.
void protect_state(Graph& graph, const Interface& interface);

/// Chooses the physical order of images and inserts as few Reorder operators as it can.
void assign_layouts(Graph& graph, const Interface& interface);

/// Puts a check before everything that follows from the loss: backward and updates only start when
/// it is finite.
void guard_losses(Graph& graph, const std::vector<std::string>& losses, const Interface& interface);

enum class EdgeKind : uint8_t { kData, kAnti, kOrder };

struct Edge {
  OpId from;
  OpId to;
  EdgeKind kind;
};

/// All dependencies: data (read after write), anti (a state is overwritten after its readers), and
/// order-only (control inputs, effects on one resource, operators that share a handle).
std::vector<Edge> find_edges(const Graph& graph, const Interface& interface);

}  // namespace headrace::graph
