#!/usr/bin/env bash
# Installs a build, moves the tree elsewhere, and builds and tests against it: a small consumer and
# every project of examples/.
#
#   tests/install/run.sh BUILD_FOLDER
set -euo pipefail
build=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"
if grep -rlE "$build|$root|$work" "$work/moved" --include='*.cmake'; then
  echo "these installed files name folders of the build"
  exit 1
fi

for project in "$here/consumer" "$root"/examples/*/; do
  [[ -f $project/CMakeLists.txt ]] || continue
  name=$(basename "$project")
  echo "== $name"
  cmake -S "$project" -B "$work/$name" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_PREFIX_PATH="$work/moved" >/dev/null
  cmake --build "$work/$name"
  ctest --test-dir "$work/$name" --output-on-failure --no-tests=error
done

# All of it comes from the moved tree or from the system.
for program in "$work/consumer/consumer" "$work"/moved/bin/*; do
  [[ -x $program ]] || continue
  if ldd "$program" | grep -E "not found|$build|$root"; then
    echo "$program takes these from elsewhere than $work/moved"
    exit 1
  fi
done
[[ ! -x $work/moved/bin/headrace ]] || "$work/moved/bin/headrace" --help >/dev/null
