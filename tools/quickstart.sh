#!/usr/bin/env bash
# From a clone to a trained model: installs what is missing, builds the command, trains a ResNet-8 on
# Fashion-MNIST (under two minutes on two cores), runs the saved net on the test images and checks that
# it is as accurate as training said, and writes a timeline.
#
#   tools/quickstart.sh [DIR]     everything goes to DIR (default out/quickstart), which is begun anew
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-out/quickstart}

say() { printf '\n== %s\n' "$*"; }

say "set-up and build"
tools/setup.sh
cmake --preset release
cmake --build --preset release --target headrace_command -j "$(nproc)"
headrace=build/release/headrace

say "training resnet8 on Fashion-MNIST"
mkdir -p "$out"
"$headrace" train resnet8 --data fashion-mnist --epochs 4 --batch 128 --pin --overwrite \
  --learning-rate 0.4 --nesterov --warmup-epochs 0.5 --decay poly --power 1 \
  --trace "$out/timeline.json" -o "$out" --json >"$out/result.json"

say "running the saved net on the 10,000 test images"
"$headrace" data fashion-mnist --part test --images "$out/images.npy" --labels "$out/labels.npy"
"$headrace" run "$out/resnet8_trained_predict_net.pbtxt" \
  --init "$out/resnet8_trained_init_net.pb" \
  --input "data=$out/images.npy" --output "softmax=$out/softmax.npy"

# An accuracy is an operator too.
cat >"$out/accuracy.pbtxt" <<'NET'
name: "accuracy"
op { type: "Accuracy" input: "softmax" input: "label" output: "accuracy" }
external_input: "softmax"
external_input: "label"
external_output: "accuracy"
NET
"$headrace" run "$out/accuracy.pbtxt" --input "softmax=$out/softmax.npy" \
  --input "label=$out/labels.npy" --output "accuracy=$out/accuracy.npy"

python3 - "$out" <<'PY'
import json
import struct
import sys

out = sys.argv[1]
trained = json.load(open(f"{out}/result.json"))["test_accuracy"]
# A .npy file of one float32 ends with it.
ran = struct.unpack("<f", open(f"{out}/accuracy.npy", "rb").read()[-4:])[0]
print(f"training reported {trained:.2%}, the saved net reaches {ran:.2%}")
if abs(trained - ran) > 1e-6:
    sys.exit("quickstart: the saved net is not the one that was trained")
if trained < 0.91:
    sys.exit("quickstart: expected at least 91 % test accuracy")
PY
rm "$out"/{images,labels,softmax,accuracy}.npy "$out/accuracy.pbtxt"

say "done; everything lies in $out"
cat <<END
  resnet8_trained_predict_net.pbtxt   the net to run, with
  resnet8_trained_init_net.pb         its parameters (both open in Netron)
  resnet8_{init,train,predict}_net.pbtxt   the nets that were trained
  checkpoint.safetensors              everything a resumed training needs; best.safetensors is the best
  log.jsonl                           a line every 10 iterations and every epoch
  timeline.json                       the last iterations: open it in https://ui.perfetto.dev

  $headrace train resnet8 --data fashion-mnist --resume ...   goes on where a training stopped
  $headrace show $out/resnet8_train_net.pbtxt --stage plan    what the training step became
END
