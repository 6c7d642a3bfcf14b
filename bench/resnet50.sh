#!/usr/bin/env bash
# ResNet-50 against PyTorch: the two take turns on the same pinned cores, and the ratio of their medians
# over all turns is printed.
#
#   bench/resnet50.sh [--turns N] [--threads N] [arguments of bench/resnet50 ...]
#
# PyTorch comes from tools/setup.sh --bench.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${HEADRACE_DEPS:-$root/.deps}/bench/bin/python
turns=3 threads=2
arguments=()
while (($#)); do
  case $1 in
    --turns) turns=$2; shift 2 ;;
    --threads) threads=$2; shift 2 ;;
    *) arguments+=("$1"); shift ;;
  esac
done
[[ -x $python ]] || { echo "$0: no PyTorch; run tools/setup.sh --bench" >&2; exit 2; }
cpus=0-$((threads - 1))
results=$(mktemp)
trap 'rm -f "$results"' EXIT
for ((turn = 0; turn < turns; ++turn)); do
  "$root/build/release/bench/resnet50" --json --threads "$threads" "${arguments[@]}" | tee -a "$results"
  # OMP_PROC_BIND alone packs threads on one core of some virtual machines. The two malloc settings keep
  # glibc from giving activations back to the kernel after every step: eager PyTorch is up to 30 % faster
  # with them, and a rival is measured at its best.
  MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=68719476736 \
    GOMP_CPU_AFFINITY=$cpus KMP_AFFINITY=granularity=fine,compact taskset -c "$cpus" \
    "$python" "$root/bench/pytorch_resnet50.py" --threads "$threads" "${arguments[@]}" | tee -a "$results"
done
"$python" - "$results" <<'PY'
import json
import statistics
import sys

runs = [json.loads(line) for line in open(sys.argv[1])]
best, middle = {}, {}
for run in runs:
    engine = run["engine"]
    best[engine] = min(best.get(engine, 1e9), run["step_s"]["min"])
    middle.setdefault(engine, []).append(run["step_s"]["median"])
rival = next(engine for engine in best if engine != "headrace")
print(json.dumps({
    "rival": rival,
    "headrace_over_rival": {
        "of_minima": best[rival] / best["headrace"],
        "of_medians": statistics.median(middle[rival]) / statistics.median(middle["headrace"]),
    },
}))
PY
