# A CUDA toolkit (compiler, headers, static runtime), into $deps/cuda; sourced by tools/setup.sh.
#
# NVIDIA publishes the parts on PyPI, so no foreign apt archive is needed. Nothing here needs a GPU
# or a driver: those are needed to run what it compiles.

install_cuda() {
  local here=$root/tools/setup prefix=$deps/cuda
  local nvcc
  nvcc=$(command -v "${CUDACXX:-nvcc}" || command -v /usr/local/cuda/bin/nvcc || true)
  if [[ -n $nvcc ]]; then
    say "CUDA toolkit: $nvcc"
    return
  fi
  is_made "$prefix" "$here"/cuda.{sh,txt} && return
  [[ $(uname -m) == x86_64 ]] ||
    fail "the CUDA toolkit pinned here is for x86_64, this is $(uname -m):" \
      "install NVIDIA's toolkit by hand and set CUDACXX to its nvcc"
  say "installing a CUDA toolkit into $prefix"
  local new=$prefix.new
  rm -rf "$new" "$new.wheels"
  pip_tool install --no-deps --only-binary :all: --require-hashes --no-compile \
    --target "$new.wheels" -r "$here/cuda.txt"
  mv "$new.wheels/nvidia/cu13" "$new"
  mkdir "$new/licences"
  cp -r "$new.wheels"/*.dist-info "$new/licences/"
  rm -rf "$new.wheels"
  chmod +x "$new"/bin/* "$new"/nvvm/bin/*

  # It has to compile something before it counts.
  echo '__global__ void twice(float* x) { x[threadIdx.x] *= 2; }' >"$new/probe.cu"
  "$new/bin/nvcc" -std=c++20 -arch=sm_90 -c "$new/probe.cu" -o "$new/probe.o" ||
    fail "the CUDA toolkit in $new does not compile"
  rm "$new"/probe.*
  finish "$prefix" "$here"/cuda.{sh,txt}
}
