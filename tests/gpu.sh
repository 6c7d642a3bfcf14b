#!/usr/bin/env bash
# Builds everything for the GPU and runs the tests and benchmarks that need one.
#
#   tests/gpu.sh
#
# What takes part: the tests with the label gpu (tests/*/*_gpu_test.cc) and bench/gpu_*.cc. Without a
# GPU it builds everything, says that it runs nothing, and succeeds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools/setup.sh --cuda
cmake --preset cuda
cmake --build --preset cuda -j "$(nproc)"

if ! nvidia-smi -L; then
  ctest --preset cuda -L gpu
  echo "gpu.sh: built, but the GPU tests and benchmarks are skipped:" \
    "this machine has no GPU that nvidia-smi can see"
  exit 0
fi
HEADRACE_NEEDS_GPU=1 ctest --preset cuda -L gpu
for benchmark in build/cuda/bench/gpu_*; do
  printf '\n== %s\n' "$benchmark"
  "$benchmark"
done
