# The frameworks that benchmarks compare with, in the virtual environment $deps/bench; sourced by
# tools/setup.sh.

install_bench() {
  local here=$root/tools/setup prefix=$deps/bench
  is_made "$prefix" "$here"/bench.{sh,txt} && return
  say "installing the frameworks to compare with into $prefix"
  # A virtual environment cannot be moved, so this one is made in place and marked when it is whole.
  rm -rf "$prefix"
  python3 -m venv "$prefix"
  "$prefix/bin/pip" --quiet --disable-pip-version-check install --only-binary :all: \
    -r "$here/bench.txt"
  recipe "$here"/bench.{sh,txt} >"$prefix/.recipe"
}
