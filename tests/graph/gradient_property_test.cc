// Random nets of scalar operators, with fan-in, reused names and in-place operators: the gradient
// that the appended operators compute equals the derivative by dual numbers (forward-mode
// differentiation, which shares nothing with the pass).
#include <cmath>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "graph/gradient.h"
#include "tests/graph/gradient_test_ops.h"

namespace headrace::graph {
namespace {

using gradient_test::Dual;

std::string input_name(int i) { return fmt::format("x{}", i); }

class RandomNet {
 public:
  explicit RandomNet(uint32_t seed) : random_(seed) {
    for (int i = 0; i < kInputs; ++i) names_.push_back(input_name(i));
    for (int i = 0; i < 25; ++i) add_operator();
    // Everything that is left over enters the loss.
    std::string loss = "s0";
    lines_ += "TestAdd " + names_[0] + " " + names_[1] + " -> s0\n";
    for (size_t i = 2; i < names_.size(); ++i) {
      std::string next = fmt::format("s{}", i - 1);
      lines_ += "TestAdd " + loss + " " + names_[i] + " -> " + next + "\n";
      loss = next;
    }
    lines_ += "TestTwice " + loss + " -> loss\n";
  }

  static constexpr int kInputs = 3;
  NetDef net() const { return gradient_test::parse(lines_); }
  const std::string& text() const { return lines_; }

 private:
  int pick(int n) { return static_cast<int>(random_() % n); }
  const std::string& any() { return names_[pick(static_cast<int>(names_.size()))]; }

  /// A name to write: an existing one whose value no gradient needs, or a new one. Inputs keep
  /// their names, so that the test can read them off.
  std::string target() {
    if (pick(2) == 0) {
      const std::string& name = any();
      if (!needed_.contains(name) && name[0] != 'x') return name;
    }
    names_.push_back(fmt::format("b{}", names_.size()));
    return names_.back();
  }

  void add_operator() {
    std::string a = any(), b = any();
    switch (pick(6)) {
      case 0: {
        needed_.insert({a, b});
        lines_ += "TestMul " + a + " " + b + " -> " + target() + "\n";
        break;
      }
      case 1: {
        std::string y = target();
        lines_ += "TestExp " + a + " -> " + y + "\n";
        needed_.insert(y);
        break;
      }
      case 2:
        lines_ += "TestTwice " + a + " -> " + target() + "\n";
        break;
      case 3: {
        std::string y = target();
        std::string z = target();
        while (y == z) z = target();
        lines_ += "TestFork " + a + " -> " + y + " " + z + "\n";
        break;
      }
      case 4:
        lines_ += "TestStop " + a + " -> " + target() + "\n";
        break;
      default:
        lines_ += "TestAdd " + a + " " + b + " -> " + target() + "\n";
    }
  }

  std::mt19937 random_;
  std::string lines_;
  std::vector<std::string> names_;
  std::set<std::string> needed_;
};

TEST(GradientProperty, EqualsForwardModeDifferentiation) {
  int compared = 0;
  for (uint32_t seed = 0; seed < 1000; ++seed) {
    RandomNet random(seed);
    NetDef forward = random.net();
    NetDef net = forward;
    auto gradients = add_gradients(net, {{"loss"}});
    for (int input = 0; input < RandomNet::kInputs; ++input) {
      std::string name = input_name(input);
      std::map<std::string, Dual> dual, run;
      for (int i = 0; i < RandomNet::kInputs; ++i) {
        dual[input_name(i)] = {0.1 * (i + 1), i == input ? 1.0 : 0.0};
        run[input_name(i)] = {0.1 * (i + 1), 0.0};
      }
      gradient_test::evaluate(forward, dual);
      gradient_test::evaluate(net, run);
      double expected = dual.at("loss").slope;
      double found = gradients.contains(name) ? run.at(gradients.at(name)).value : 0.0;
      if (!std::isfinite(expected) || std::abs(expected) > 1e100) continue;
      ASSERT_NEAR(found, expected, 1e-12 * std::max(1.0, std::abs(expected)))
          << "seed " << seed << ", gradient of " << name << "\n"
          << random.text();
      ++compared;
    }
  }
  EXPECT_GT(compared, 2000);
}

}  // namespace
}  // namespace headrace::graph
