#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "graph/graph.h"
#include "graph/passes.h"
#include "tests/graph/vec_ops.h"

namespace headrace::graph {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

NetDef net_of(std::vector<OperatorDef> ops, std::vector<std::string> inputs = {}) {
  NetDef net;
  net.set_name("test");
  for (OperatorDef& op : ops) *net.add_op() = std::move(op);
  for (std::string& name : inputs) net.add_external_input(std::move(name));
  return net;
}

std::string problems_of(const NetDef& net, const BuildOptions& options = {}) {
  try {
    build_graph(net, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidNet);
    return error.what();
  }
  return "";
}

TEST(BuildGraph, EveryAssignmentIsAValue) {
  const Graph graph = build_graph(
      net_of({vec_fill("x", 1, 0), vec_scale("x", "x", 2), vec_op("VecAdd", {"x", "d"}, {"y"})}));
  EXPECT_EQ(graph.values[graph.last("x")].version, 1);
  EXPECT_EQ(graph.values[graph.last("x")].producer, 1);
  EXPECT_THAT(graph.values[graph.last("x")].consumers, ElementsAre(2));
  EXPECT_EQ(graph.slots.at("d").first, graph.last("d"));
  EXPECT_EQ(graph.slots.at("x").first, kNone);
  EXPECT_EQ(graph.last("z"), kNone);
}

TEST(BuildGraph, ListsEveryProblemAtOnce) {
  OperatorDef wrong_arity = vec_op("VecAdd", {"x"}, {"a"});
  OperatorDef wrong_type = vec_op("VecScall", {"x"}, {"b"});
  OperatorDef wrong_field = vec_scale("x", "c", 1);
  wrong_field.mutable_arg(0)->clear_f();
  wrong_field.mutable_arg(0)->set_i(1);
  OperatorDef twice = vec_op("VecPair", {"x"}, {"d", "d"});
  const std::string text = problems_of(net_of(
      {wrong_arity, wrong_type, wrong_field, twice, vec_scale("datta", "e", 1)}, {"x", "data"}));
  EXPECT_THAT(text, AllOf(HasSubstr("5 problems"), HasSubstr("expected 2 inputs, found 1"),
                          HasSubstr("unknown operator 'VecScall' (did you mean 'VecScale'"),
                          HasSubstr("argument 'by' must be given as 'f', found 'i'"),
                          HasSubstr("writes 'd' twice")));
  EXPECT_THAT(text, AllOf(HasSubstr("'datta'"), HasSubstr("(did you mean 'data'?)")));
}

TEST(BuildGraph, UnknownArgumentsAreToleratedOnceOrRefused) {
  OperatorDef op = vec_scale("x", "y", 1);
  op.mutable_arg(0)->set_name("bye");
  OperatorDef again = op;
  again.set_output(0, "z");
  std::vector<std::string> warnings;
  const NetDef net = net_of({op, again}, {"x"});
  build_graph(net, {.warn = [&](const std::string& line) { warnings.push_back(line); }});
  EXPECT_THAT(warnings, ElementsAre(AllOf(HasSubstr("'bye'"), HasSubstr("did you mean 'by'"))));
  EXPECT_THAT(problems_of(net, {.strict = true}), HasSubstr("unknown argument 'bye'"));
}

TEST(BuildGraph, AnUnwrittenExternalOutputIsAProblem) {
  NetDef net = net_of({vec_fill("result", 1, 0)});
  net.add_external_output("resullt");
  EXPECT_THAT(problems_of(net), HasSubstr("'resullt' is written by no operator (did you mean "
                                          "'result'?)"));
}

TEST(BuildGraph, GivesTheNetBack) {
  NetDef net = net_of({vec_fill("x", 1, 0), vec_scale("x", "x", 2)});
  net.set_type("dag");
  net.set_num_workers(4);
  net.add_external_output("x");
  net.add_arg()->set_name("recipe");
  EXPECT_EQ(to_net(build_graph(net)).SerializeAsString(), net.SerializeAsString());
}

NetDef net_with_branch() {
  NetDef then_net = net_of({vec_op("VecAdd", {"x", "bias"}, {"x"}), vec_scale("x", "inner", 2)});
  OperatorDef branch = vec_op("If", {"condition"}, {});
  Argument* arg = branch.add_arg();
  arg->set_name("then_net");
  *arg->mutable_n() = then_net;
  return net_of({vec_fill("x", 1, 3), branch, vec_scale("x", "y", 1)}, {"condition", "bias"});
}

TEST(BuildGraph, FreeNamesOfABranchAreItsOperands) {
  const Graph graph = build_graph(net_with_branch());
  const Op& branch = graph.ops[1];
  EXPECT_EQ(branch.kind, OpKind::kIf);
  std::vector<std::string> reads;
  std::vector<std::string> writes;
  for (ValueId id : branch.inputs) reads.push_back(graph.values[id].name);
  for (ValueId id : branch.outputs) writes.push_back(graph.values[id].name);
  EXPECT_THAT(reads, ElementsAre("condition", "x", "bias"));
  EXPECT_THAT(writes, ElementsAre("x"));
  EXPECT_EQ(graph.ops[2].inputs[0], branch.outputs[0]) << "y is made from what the branch wrote";
}

Graph inferred(const NetDef& net, const InputTypes& inputs) {
  Graph graph = build_graph(net);
  infer_types(graph, inputs, true);
  return graph;
}

OperatorDef op_of(const char* type, std::vector<std::string> inputs,
                  std::vector<std::string> outputs) {
  OperatorDef op;
  op.set_type(type);
  for (std::string& name : inputs) op.add_input(std::move(name));
  for (std::string& name : outputs) op.add_output(std::move(name));
  return op;
}

TEST(InferTypes, KnowsShapesThatOperatorsHandOn) {
  // The gradients of Concat and Reshape read sizes that their forward operators put out.
  OperatorDef concat = op_of("Concat", {"a", "b"}, {"joined", "sizes"});
  set_arg(concat, "axis", int64_t{1});
  OperatorDef split = op_of("Split", {"joined", "sizes"}, {"a2", "b2"});
  set_arg(split, "axis", int64_t{1});
  OperatorDef reshape = op_of("Reshape", {"joined"}, {"flat", "old_shape"});
  set_arg(reshape, "shape", std::vector<int64_t>{-1});
  OperatorDef back = op_of("Reshape", {"flat", "old_shape"}, {"whole", "unused"});
  const Graph graph =
      inferred(net_of({concat, split, reshape, back}, {"a", "b"}),
               {{"a", {DType::kFloat32, {2, 3}}}, {"b", {DType::kFloat32, {2, 1}}}});
  auto shape = [&](const char* name) { return *graph.values[graph.last(name)].type.shape; };
  EXPECT_EQ(shape("a2"), (Shape{2, 3}));
  EXPECT_EQ(shape("b2"), (Shape{2, 1}));
  EXPECT_EQ(shape("whole"), (Shape{2, 4}));
}

TEST(InferTypes, ListsEveryMismatchAndMissingInput) {
  const NetDef net = net_of({vec_fill("a", 2, 0), vec_fill("b", 3, 0),
                             vec_op("VecAdd", {"a", "b"}, {"c"}), vec_scale("u", "v", 1)},
                            {"u"});
  try {
    inferred(net, {});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("shapes differ: 2 and 3"), HasSubstr("'u'"),
                                    HasSubstr("'a' float32 2"), Not(HasSubstr("'v'"))));
  }
}

TEST(Interface, StateIsWhatComesInAndIsWritten) {
  const TensorDesc vector{DType::kFloat32, Shape{2}};
  NetDef net = net_of({vec_scale("w", "w", 2), vec_op("VecAdd", {"w", "x"}, {"y"})}, {"w", "x"});
  const Graph graph = inferred(net, {{"w", vector}, {"x", vector}});
  const Interface interface = find_interface(graph, {});
  EXPECT_TRUE(interface.is_state("w"));
  EXPECT_FALSE(interface.is_state("x"));
  EXPECT_TRUE(interface.outputs.contains("y"));
  EXPECT_FALSE(interface.outputs.contains("w"));
  EXPECT_THROW(find_interface(graph, {.names = {"nothing"}}), Error);
}

TEST(Edges, AWriterWaitsForTheReadersOfTheVersionBefore) {
  const TensorDesc vector{DType::kFloat32, Shape{2}};
  NetDef net =
      net_of({vec_scale("w", "a", 1), vec_scale("w", "b", 1), vec_scale("w", "w", 2)}, {"w"});
  const Graph graph = inferred(net, {{"w", vector}});
  std::vector<std::pair<OpId, OpId>> anti;
  for (const Edge& edge : find_edges(graph, find_interface(graph, {}))) {
    if (edge.kind == EdgeKind::kAnti) anti.emplace_back(edge.from, edge.to);
  }
  EXPECT_THAT(anti, ::testing::UnorderedElementsAre(std::pair(0, 2), std::pair(1, 2)));
}

TEST(Edges, AControlInputOrdersAndIsNoRead) {
  // c waits for a; the next writer of a's blob does not wait for c.
  const TensorDesc vector{DType::kFloat32, Shape{2}};
  OperatorDef c = vec_scale("x", "c", 1);
  c.add_control_input("a");
  const Graph graph =
      inferred(net_of({vec_scale("x", "a", 1), c, vec_scale("a", "a", 1)}, {"x"}), {{"x", vector}});
  std::vector<std::pair<OpId, OpId>> edges;
  for (const Edge& edge : find_edges(graph, find_interface(graph, {}))) {
    edges.emplace_back(edge.from, edge.to);
  }
  EXPECT_THAT(edges, ::testing::UnorderedElementsAre(std::pair(0, 1), std::pair(0, 2)));
}

}  // namespace
}  // namespace headrace::graph
