#include "tests/graph/gradient_test_ops.h"

#include <cmath>
#include <set>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "core/gradient_context.h"
#include "core/registry.h"

namespace headrace::gradient_test {
namespace {

const RegisterOperator add(
    OpSchema("TestAdd").input("a").input("b").output("y").gradient([](GradientContext& g) {
      if (g.wants(0)) g.pass(0, g.dout(0));
      if (g.wants(1)) g.pass(1, g.dout(0));
    }));

const RegisterOperator mul(
    OpSchema("TestMul").input("a").input("b").output("y").inplace(0, 0).gradient(
        [](GradientContext& g) {
          if (g.wants(0)) g.op("TestMul", {g.dout(0), g.in(1)}, {g.din(0)});
          if (g.wants(1)) g.op("TestMul", {g.dout(0), g.in(0)}, {g.din(1)});
        }));

const RegisterOperator exp(
    OpSchema("TestExp").input("x").output("y").inplace(0, 0).gradient([](GradientContext& g) {
      g.op("TestMul", {g.dout(0), g.out(0)}, {g.din(0)});
    }));

// Through a blob of its own, with the same name each time.
const RegisterOperator twice(
    OpSchema("TestTwice").input("x").output("y").inplace(0, 0).gradient([](GradientContext& g) {
      g.op("Copy", {g.dout(0)}, {"twice_scratch"});
      g.op("TestAdd", {g.dout(0), "twice_scratch"}, {g.din(0)});
    }));

const RegisterOperator fork(
    OpSchema("TestFork").input("x").output("y").output("z").gradient([](GradientContext& g) {
      if (!g.has_dout(1)) {
        g.pass(0, g.dout(0));
      } else if (!g.has_dout(0)) {
        g.op("TestTriple", {g.dout(1)}, {g.din(0)});
      } else {
        g.op("TestTriple", {g.dout(1)}, {"fork_scratch"});
        g.op("TestAdd", {g.dout(0), "fork_scratch"}, {g.din(0)});
      }
    }));

const RegisterOperator triple(OpSchema("TestTriple").input("x").output("y").inplace(0, 0));
const RegisterOperator round(OpSchema("TestRound").input("x").output("y"));
const RegisterOperator stop(OpSchema("TestStop").input("x").output("y").no_gradient());

}  // namespace

NetDef parse(const std::string& lines) {
  NetDef net;
  net.set_name("test");
  std::set<std::string> known;
  std::istringstream text(lines);
  for (std::string line; std::getline(text, line);) {
    std::istringstream words(line);
    std::string word;
    if (!(words >> word)) continue;
    OperatorDef& op = *net.add_op();
    op.set_type(word);
    bool outputs = false;
    while (words >> word) {
      if (word == "->") {
        outputs = true;
      } else if (outputs) {
        op.add_output(word);
        known.insert(word);
      } else {
        op.add_input(word);
        if (known.insert(word).second) net.add_external_input(word);
      }
    }
  }
  return net;
}

void evaluate(const NetDef& net, std::map<std::string, Dual>& blobs) {
  for (const OperatorDef& op : net.op()) {
    std::vector<Dual> in;
    for (const std::string& name : op.input()) in.push_back(blobs.at(name));
    Dual y;
    const std::string& type = op.type();
    if (type == "TestAdd" || type == "Sum") {
      for (const Dual& x : in) y = {y.value + x.value, y.slope + x.slope};
    } else if (type == "TestMul") {
      y = {in[0].value * in[1].value, in[0].slope * in[1].value + in[0].value * in[1].slope};
    } else if (type == "TestExp") {
      y = {std::exp(in[0].value), std::exp(in[0].value) * in[0].slope};
    } else if (type == "TestTwice") {
      y = {2 * in[0].value, 2 * in[0].slope};
    } else if (type == "TestTriple") {
      y = {3 * in[0].value, 3 * in[0].slope};
    } else if (type == "Copy" || type == "TestFork") {
      y = in[0];
    } else if (type == "TestStop") {
      y = {in[0].value, 0};
    } else if (type == "ConstantFill") {
      y = {op.arg(0).f(), 0};
    } else {
      throw std::logic_error("evaluate: " + type);
    }
    blobs[op.output(0)] = y;
    if (type == "TestFork") blobs[op.output(1)] = {3 * y.value, 3 * y.slope};
  }
}

}  // namespace headrace::gradient_test
