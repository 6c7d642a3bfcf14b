# oneDNN on the TBB runtime, into $deps/onednn; sourced by tools/setup.sh.

install_onednn() {
  local here=$root/tools/setup prefix=$deps/onednn
  is_made "$prefix" "$here"/onednn.{sh,txt} "$here/intel_fastmem.c" && return
  [[ $(uname -m) == x86_64 ]] ||
    fail "PyPI has oneDNN for x86_64 only, this is $(uname -m): install Debian's libdnnl-dev" \
      "and configure with -DHEADRACE_DNNL=system"
  say "installing oneDNN into $prefix"
  local new=$prefix.new
  rm -rf "$new"
  pip_tool install --no-deps --only-binary :all: --require-hashes --no-compile --prefix "$new" \
    -r "$here/onednn.txt"

  # The wheel carries the library three times; one file and two links do.
  local library=$new/lib/libdnnl.so.3.2
  ln -sf libdnnl.so.3.2 "$new/lib/libdnnl.so.3"
  ln -sf libdnnl.so.3 "$new/lib/libdnnl.so"

  cc -O2 -shared -fPIC -Wl,-soname,libdnnl_fastmem.so -o "$new/lib/libdnnl_fastmem.so" \
    "$here/intel_fastmem.c"
  # Two calls: with both in one, patchelf 0.14 sets the path and drops the replacements.
  patchelf --replace-needed libimf.so libm.so.6 \
    --replace-needed libintlc.so.5 libdnnl_fastmem.so "$library"
  patchelf --set-rpath "\$ORIGIN" "$library"
  # Every symbol resolves, or nothing is installed.
  local unresolved
  unresolved=$(ldd -r "$library" 2>&1 | grep -E 'not found|undefined' || true)
  [[ -z $unresolved ]] || fail "the patched $library does not resolve:" "$unresolved"
  finish "$prefix" "$here"/onednn.{sh,txt} "$here/intel_fastmem.c"
}
