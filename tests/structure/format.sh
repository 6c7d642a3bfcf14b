#!/usr/bin/env bash
# Runs clang-format over every source of the tree.
#
#   tests/structure/format.sh CLANG_FORMAT SOURCE_FOLDER [clang-format options...]
set -euo pipefail
clang_format=$1
cd "$2"
find . \( -name 'build' -o -name '.*' ! -name '.' \) -prune -o \
  -type f \( -name '*.cc' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' \) -print0 |
  xargs -0 -P "$(nproc)" -n 20 "$clang_format" "${@:3}"
