#!/usr/bin/env bash
# bench/overlap on links of a given rate: each rank in a network namespace of its own, behind a token
# bucket. Needs root (ip netns, tc; Debian's iproute2). Prints rank 0's JSON.
#
#   bench/overlap.sh [--ranks P] [--rate RATE] [--profile FILE] [options of build/release/bench/overlap]
#
# FILE is measured first where it is not there.
set -euo pipefail
links=$(dirname "${BASH_SOURCE[0]}")/links.sh
bench=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/release/bench/overlap
ranks=2 rate=1gbit profile= options=()
while (($#)); do
  case $1 in
    --ranks) ranks=$2; shift 2 ;;
    --rate) rate=$2; shift 2 ;;
    --profile) profile=$2; shift 2 ;;
    -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) options+=("$1"); shift ;;
  esac
done

folder=$(mktemp -d)
name=hr$$
children=()
cleanup() {
  # Ranks wait for one that failed until their deadline; nobody needs that here.
  ((${#children[@]} == 0)) || kill "${children[@]}" 2>/dev/null || true
  wait
  "$links" down "$name" "$ranks"
  rm -rf "$folder"
}
trap cleanup EXIT
profile=${profile:-$folder/profile.json}
[[ -s $profile ]] || "$bench" --measure "$profile" --steps 3

"$links" up "$name" "$ranks" "$rate"

for ((r = ranks - 1; r >= 0; --r)); do
  ip netns exec "$name-$r" "$bench" --profile "$profile" --ranks "$ranks" --rank "$r" \
    --store "file:$folder/store" --addr "10.77.0.$((r + 1))" "${options[@]}" &
  children+=($!)
done
for _ in "${children[@]}"; do wait -n; done
