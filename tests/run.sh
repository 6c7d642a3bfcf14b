#!/usr/bin/env bash
# Installs what is missing, builds, and runs all tests: the release build first, then what stands in
# tests/sanitizers.cmake under AddressSanitizer and ThreadSanitizer.
#
#   tests/run.sh [--quick] [--cuda]
#
#   --quick   the release build only
#   --cuda    fail where the CUDA sources cannot be compiled (they are, wherever a toolkit is found)
#
# Ends with ctest's summary of each build; the exit status is 0 only if every test passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

presets=(release asan tsan)
setup=(--tsan)
configure=()
for option in "$@"; do
  case $option in
    --quick) presets=(release) setup=() ;;
    --cuda) setup+=(--cuda) configure=(-DHEADRACE_CUDA=ON) ;;
    *) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
  esac
done

tools/setup.sh "${setup[@]}"

# check PRESET [cmake options...]: builds and tests one preset; what ctest says is kept for the end.
check() {
  local preset=$1
  shift
  printf '\n== %s\n' "$preset"
  rm -f "build/$preset/ctest.txt"
  cmake --preset "$preset" "$@" &&
    cmake --build --preset "$preset" -j "$(nproc)" &&
    ctest --preset "$preset" -j "$(nproc)" 2>&1 | tee "build/$preset/ctest.txt"
}

# A build that does not pass does not keep the others from running.
failed=()
for preset in "${presets[@]}"; do
  options=()
  [[ $preset != release ]] || options=("${configure[@]}")
  check "$preset" "${options[@]}" || failed+=("$preset")
done

# The release build, which has all tests, comes last.
for ((i = ${#presets[@]} - 1; i >= 0; --i)); do
  preset=${presets[i]}
  printf '\n== %s\n' "$preset"
  sed -n '/tests passed/,$p' "build/$preset/ctest.txt" || echo "did not build"
done
if ((${#failed[@]})); then
  echo "FAILED: ${failed[*]}"
  exit 1
fi
