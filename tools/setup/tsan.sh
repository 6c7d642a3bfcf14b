# oneTBB with ThreadSanitizer's instrumentation, into $deps/tbb-tsan; sourced by tools/setup.sh.
#
# The race detector sees only what was compiled for it: with Debian's libtbb it reports races in
# code that has none, and suppressing those would hide real ones. So the same version is built from
# Debian's source package, which apt checks against the archive's signature.

install_tsan() {
  local here=$root/tools/setup prefix=$deps/tbb-tsan
  is_made "$prefix" "$here/tsan.sh" && return
  say "building oneTBB for ThreadSanitizer into $prefix"
  local new=$prefix.new work=$deps/tbb-tsan.work
  rm -rf "$new" "$work"
  mkdir -p "$work"/{lists/partial,cache,etc/parts}
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
    "http://deb.debian.org/debian bookworm main" >"$work/etc/sources.list"

  # An apt of our own: it needs no root and leaves the system's package lists alone.
  local apt=(apt-get -q -o "Dir::Etc::SourceList=$work/etc/sources.list"
    -o "Dir::Etc::SourceParts=$work/etc/parts" -o "Dir::State::Lists=$work/lists"
    -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=)
  "${apt[@]}" update >&2
  (cd "$work" && "${apt[@]}" source --download-only onetbb >&2)
  local archive
  archive=$(echo "$work"/onetbb_2021.8.0.orig.tar.*)
  [[ -f $archive ]] ||
    fail "Debian's source of oneTBB is not 2021.8.0 any more: $(ls "$work")" \
      "the race detector needs the version that headrace is built with; adapt $here/tsan.sh"
  mkdir "$work/source"
  tar -xf "$archive" -C "$work/source" --strip-components=1

  cmake -S "$work/source" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
    -DTBB_TEST=OFF -DTBB_SANITIZE=thread -DTBB_STRICT=OFF -DTBBMALLOC_BUILD=OFF >&2
  cmake --build "$work/build" >&2
  cmake --install "$work/build" --prefix "$new" >&2
  finish "$prefix" "$here/tsan.sh"
  rm -rf "$work"
}
