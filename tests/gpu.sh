#!/usr/bin/env bash
# Builds everything for the GPU and runs the tests and benchmarks that need one.
#
#   tests/gpu.sh
#
# Without a GPU it builds, says so and succeeds. What takes part: tests/*/*_gpu_test.cc and
# bench/gpu_*.cc.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools/setup.sh --cuda
cmake --preset cuda
cmake --build --preset cuda -j "$(nproc)"

if ! nvidia-smi -L; then
  echo "gpu.sh: built, but not run: this machine has no GPU that nvidia-smi can see"
  exit 0
fi
HEADRACE_NEEDS_GPU=1 ctest --preset cuda -L gpu
for benchmark in build/cuda/bench/gpu_*; do
  [[ ! -x $benchmark ]] || "$benchmark"
done
