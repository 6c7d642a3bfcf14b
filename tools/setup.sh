#!/usr/bin/env bash
# Installs what headrace is built from. Run it as often as you like: what is there stays.
#
#   tools/setup.sh           all that building, testing and the quickstart need
#   tools/setup.sh --tsan    also oneTBB for the preset "tsan"
#   tools/setup.sh --cuda    also a CUDA toolkit, where there is none
#   tools/setup.sh --bench   also the frameworks and collectives that benchmarks compare with
#
# Debian packages go into the system (root, or sudo without a password); everything else goes into
# .deps/ of this checkout, or into $HEADRACE_DEPS where that is set.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=${HEADRACE_DEPS:-$root/.deps}

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# A folder of $deps is made from a recipe, the files that say how. It is built beside its place as
# FOLDER.new and moved there whole, with the checksum of its recipe inside.
recipe() { cat "$@" | sha256sum | cut -d' ' -f1; }
is_made() { [[ -f $1/.recipe && $(<"$1/.recipe") == "$(recipe "${@:2}")" ]]; }
finish() {
  recipe "${@:2}" >"$1.new/.recipe"
  rm -rf "$1"
  mv "$1.new" "$1"
}

# pip of a virtual environment of our own, so that nothing lands in the system's Python.
pip_tool() {
  [[ -x $deps/pip/bin/pip ]] || python3 -m venv --clear "$deps/pip"
  "$deps/pip/bin/pip" --quiet --disable-pip-version-check "$@"
}

for part in apt onednn tsan cuda bench; do
  # shellcheck source=/dev/null
  source "$root/tools/setup/$part.sh"
done

extras=()
for option in "$@"; do
  case $option in
    --tsan | --cuda | --bench) extras+=("${option#--}") ;;
    -h | --help) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) fail "unknown option $option; see tools/setup.sh --help" ;;
  esac
done

mkdir -p "$deps"
exec 9>"$deps/.lock"
flock 9
install_packages "$root/tools/setup/packages.txt"
install_onednn
for extra in "${extras[@]}"; do
  packages=$root/tools/setup/${extra}_packages.txt
  [[ ! -f $packages ]] || install_packages "$packages"
  "install_$extra"
done
say "everything is in place"
