#!/usr/bin/env bash
# run.sh [SECONDS]: runs every fuzz program of build/fuzz for that long (60), from its seeds and from
# what earlier runs have learnt. Stops at the first failure.
set -euo pipefail
seconds=${1:-60}
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
build="$root/build/fuzz"
seeds="$build/seeds"

encode() { # MESSAGE FILE.pbtxt FOLDER: puts the binary form into the folder
  mkdir -p "$3"
  sed 's/cuda_gpu_id/device_id/' "$2" |
    protoc --proto_path="$root" --encode="headrace.$1" core/proto/net.proto > "$3/$(basename "$2").pb"
}
rm -rf "$seeds"
encode NetDef "$root/fuzz/seeds/net.pbtxt" "$seeds/net_fuzz"
encode TensorProtos "$root/fuzz/seeds/tensors.pbtxt" "$seeds/tensor_fuzz"
mkdir -p "$seeds/net_text_fuzz"
cp "$root/fuzz/seeds/net.pbtxt" "$seeds/net_text_fuzz"
mkdir -p "$seeds/npy_fuzz"
cp "$root"/tests/core/golden/npy/*.npy "$seeds/npy_fuzz"
mkdir -p "$seeds/minidb_fuzz"
cp "$root/tests/operators/golden/files/caffe2.minidb" "$seeds/minidb_fuzz"
mkdir -p "$seeds/safetensors_fuzz"
"$root/fuzz/seeds/safetensors.py" > "$seeds/safetensors_fuzz/two.safetensors"
mkdir -p "$seeds/cost_table_fuzz"
cat > "$seeds/cost_table_fuzz/table.json" <<'END'
{"name": "a", "within": {"alpha_us": 1, "beta_ns_per_byte": 0.1, "gamma_ns_per_byte": 0.05},
 "between": {"alpha_us": 30.5, "beta_ns_per_byte": 1e0, "gamma_ns_per_byte": 0}}
END
mkdir -p "$seeds/store_fuzz"
printf '\4\0\0\0\3\1\0k\6\0\0\0\1\1\0k42\14\0\0\0\4\1\0k\1\0\0\0\0\0\0\0' > "$seeds/store_fuzz/three"
mkdir -p "$seeds/group_fuzz"
printf 'race\1\0job' > "$seeds/group_fuzz/hello"
printf 'Hr\1\1\0\0\0\0\7\0\0\0\0\0\0\0abcdefgh\20\0\0\0\0\0\0\0' > "$seeds/group_fuzz/frame"
printf '\77cr\1\2\14\0\0\0\3\0\0\0\4\0\0\0gone' > "$seeds/group_fuzz/control"

for program in "$build"/fuzz/*_fuzz; do
  name=$(basename "$program")
  corpus="$build/corpus/$name"
  log="$build/$name.log"
  mkdir -p "$corpus"
  if ! "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -max_len=4096 \
      -artifact_prefix="$build/crash-$name-" -print_final_stats=1 \
      "$corpus" "$seeds/$name" > "$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "$name failed; its whole output is $log" >&2
    exit 1
  fi
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  echo "$name: $runs inputs in $seconds s, $(find "$corpus" -type f | wc -l) kept"
done
