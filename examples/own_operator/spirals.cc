// Learns to tell two interleaved spirals apart: writes a net, trains it, saves it, loads the saved
// prediction net and runs it.
//
//   spirals [FOLDER]   FOLDER is where the nets go, by default the current one
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "graph/session.h"
#include "net_builders/train_step.h"

namespace {

using namespace headrace;

constexpr int kPoints = 200;

/// Points [kPoints, 2] of two spirals, taking turns, and which spiral each one is on.
struct Spirals {
  std::vector<float> points;
  std::vector<int32_t> labels;

  /// `shift` moves the points along their spirals, for a second set.
  explicit Spirals(float shift) {
    for (int i = 0; i < kPoints; ++i) {
      const float turn = (static_cast<float>(i / 2) + shift) / (kPoints / 2.0f);
      const float angle = 6 * turn + (i % 2 == 0 ? 0.0f : 3.14159265f);
      points.insert(points.end(), {turn * std::cos(angle), turn * std::sin(angle)});
      labels.push_back(i % 2);
    }
  }
};

Value layer(Net& net, const Value& x) { return net.op("Mish", {x.fc(32)})[0]; }

float accuracy(const Tensor& probabilities, const std::vector<int32_t>& labels) {
  const auto p = probabilities.data<float>();
  int right = 0;
  for (int i = 0; i < kPoints; ++i) right += (p[2 * i + 1] > p[2 * i]) == (labels[i] == 1);
  return static_cast<float>(right) / kPoints;
}

int run(const std::string& folder) {
  Net net("spirals");
  Value x = net.input("points", {kPoints, 2});
  x = layer(net, layer(net, x));
  Value loss = x.fc(2).softmax_cross_entropy(net.labels("spiral", kPoints));
  TrainStep step(loss);
  step.optimizer(Adam{}).schedule(fixed_rate(0.01f));
  const std::string prefix = folder + "/spirals";
  step.save(prefix);

  // From here on only the files count.
  Workspace workspace;
  ThreadPool pool;
  run_once(load_net(prefix + "_init_net.pbtxt"), workspace, pool);
  const Spirals train(0);
  workspace.feed("points", Tensor::from<float>({kPoints, 2}, train.points));
  workspace.feed("spiral", Tensor::from<int32_t>({kPoints}, train.labels));
  Session training(load_net(prefix + "_train_net.pbtxt"), workspace, pool);
  for (int t = 0; t < 1000; ++t) {
    training.run(t);
    if (t % 200 == 0) {
      std::printf("step %4d  loss %.4f\n", t, workspace.fetch("loss").data<float>()[0]);
    }
  }

  const Spirals unseen(0.5f);
  workspace.feed("points", Tensor::from<float>({kPoints, 2}, unseen.points));
  Session prediction(load_net(prefix + "_predict_net.pbtxt"), workspace, pool);
  prediction.run();
  const float right = accuracy(workspace.fetch("softmax"), unseen.labels);
  std::printf("%.1f %% of points never seen are told apart; the nets are in %s_*.pbtxt\n",
              100 * right, prefix.c_str());
  return right > 0.95f ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? argv[1] : ".");
  } catch (const headrace::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
