#pragma once

// The graphs that bench/executor measures dispatch on.

#include <algorithm>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "graph/schedule.h"

namespace headrace::bench {

struct Dag {
  std::string name;
  int nodes = 0;
  std::vector<ScheduleEdge> edges;

  int add(std::initializer_list<int> after = {}) {
    for (const int from : after) edge(from, nodes);
    return nodes++;
  }
  void edge(int from, int to) { edges.push_back({from, to}); }

  /// Drops the edges that others imply.
  void reduce() {
    const Schedule reduced = schedule(0);
    edges.clear();
    for (int node = 0; node < nodes; ++node) {
      for (std::uint32_t i = reduced.begin[node]; i < reduced.begin[node + 1]; ++i) {
        edge(node, reduced.target(reduced.successors[i]));
      }
    }
  }

  /// The schedule with every node estimated at `cost_ns`.
  Schedule schedule(double cost_ns) const {
    const std::vector<ScheduleNode> each(static_cast<std::size_t>(nodes), ScheduleNode{cost_ns});
    return build_schedule(each, edges);
  }

  /// A line "nodes edges", then a line "from to" per edge; from < to.
  void write(const std::string& path) const {
    std::ofstream file(path);
    file << nodes << ' ' << edges.size() << '\n';
    for (const ScheduleEdge& edge : edges) file << edge.from << ' ' << edge.to << '\n';
    file.close();
    require(file.good(), ErrorCode::kIo, "cannot write '{}'", path);
  }
};

inline Dag chain(int nodes) {
  Dag dag{.name = "chain"};
  dag.add();
  while (dag.nodes < nodes) dag.add({dag.nodes - 1});
  return dag;
}

inline Dag fan(int width) {
  Dag dag{.name = "fan"};
  dag.add();
  for (int i = 0; i < width; ++i) dag.add({0});
  dag.add();
  for (int i = 0; i < width; ++i) dag.edge(1 + i, width + 1);
  return dag;
}

/// A random graph none of whose edges is implied by the others, so that every executor has the same
/// edges to wait for: random pairs (earlier, later) without the implied ones, until `edges` remain.
inline Dag random_dag(int nodes, int edges, unsigned seed) {
  Dag dag{.name = "random", .nodes = nodes};
  std::mt19937 random(seed);
  while (static_cast<int>(dag.edges.size()) < edges) {
    for (int i = 0; i < edges / 4; ++i) {
      const int to = std::uniform_int_distribution(1, nodes - 1)(random);
      dag.edge(std::uniform_int_distribution(0, to - 1)(random), to);
    }
    dag.reduce();
  }
  // Any part of a reduced graph is reduced.
  std::ranges::shuffle(dag.edges, random);
  dag.edges.resize(static_cast<std::size_t>(edges));
  dag.reduce();
  return dag;
}

/// The structure of a ResNet-50 training step, an operator per node: forward; data and weight
/// gradient of each convolution; gradients of the other operators; gradients summed where a value
/// is used twice; one update per parameter, which waits for whoever reads the parameter.
class ResNet50 {
 public:
  static Dag make() {
    ResNet50 net;
    net.build();
    net.dag_.reduce();
    return std::move(net.dag_);
  }

 private:
  /// One operator of the forward net, and what its gradient needs to know.
  struct Op {
    enum Kind { kConv, kNorm, kRelu, kAdd, kPool, kFc, kLoss } kind;
    int node;
    int input;       // index in ops_ of the producer, -1: the image
    int other = -1;  // second operand of kAdd
  };

  int add(Op::Kind kind, int input, int other = -1) {
    const int node = dag_.add();
    for (const int from : {input, other}) {
      if (from >= 0) dag_.edge(ops_[from].node, node);
    }
    ops_.push_back({kind, node, input, other});
    return static_cast<int>(ops_.size()) - 1;
  }

  int conv_norm(int input) { return add(Op::kNorm, add(Op::kConv, input)); }

  int bottleneck(int input, bool projection) {
    int main = add(Op::kRelu, conv_norm(input));
    main = add(Op::kRelu, conv_norm(main));
    main = conv_norm(main);
    return add(Op::kRelu, add(Op::kAdd, main, projection ? conv_norm(input) : input));
  }

  void build() {
    int x = add(Op::kPool, add(Op::kRelu, conv_norm(-1)));
    for (const int blocks : {3, 4, 6, 3}) {
      for (int block = 0; block < blocks; ++block) x = bottleneck(x, block == 0);
    }
    add(Op::kLoss, add(Op::kFc, add(Op::kPool, x)));
    const int rate = dag_.add({dag_.add()});  // iteration counter, learning rate
    std::vector<std::vector<int>> gradients(ops_.size());
    for (int i = static_cast<int>(ops_.size()); i-- > 0;) backward(i, gradients, rate);
  }

  void backward(int index, std::vector<std::vector<int>>& gradients, int rate) {
    const Op op = ops_[index];
    std::vector<int>& arrived = gradients[index];
    int above = op.kind == Op::kLoss ? op.node : arrived.front();
    if (arrived.size() > 1) above = dag_.add({arrived[0], arrived[1]});  // summed
    const auto pass_on = [&](int input, int node) {
      if (input >= 0) gradients[input].push_back(node);
    };
    if (op.kind == Op::kAdd) {  // the same gradient goes to both
      pass_on(op.input, above);
      pass_on(op.other, above);
      return;
    }
    const auto gradient = [&] {
      const int node = dag_.add({above, op.node});
      if (op.input >= 0) dag_.edge(ops_[op.input].node, node);
      return node;
    };
    if (op.kind != Op::kConv && op.kind != Op::kFc) {
      const int node = gradient();
      if (op.kind == Op::kNorm) {  // gamma and beta
        dag_.add({node, rate});
        dag_.add({node, rate});
      }
      pass_on(op.input, node);
      return;
    }
    const int weights = gradient();
    const int update = dag_.add({weights, rate});
    if (op.kind == Op::kFc) dag_.add({weights, rate});  // the bias
    if (op.input < 0) return;
    const int data = gradient();
    dag_.edge(data, update);  // it reads the weights
    pass_on(op.input, data);
  }

  Dag dag_{.name = "resnet50"};
  std::vector<Op> ops_;
};

}  // namespace headrace::bench
