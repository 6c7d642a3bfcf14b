# Debian packages; sourced by tools/setup.sh.

# packages_of FILE: its package names.
packages_of() { sed 's/#.*//' "$1" | awk 'NF { print $1 }'; }

# install_packages FILE: makes the Debian packages listed in FILE ("name version" per line) present.
install_packages() {
  local missing
  missing=$(missing_packages "$1")
  if [[ -n $missing ]]; then
    # One word per package from here on.
    # shellcheck disable=SC2086
    apt_install $missing
    missing=$(missing_packages "$1")
    [[ -z $missing ]] || fail "still missing after apt-get install: ${missing//$'\n'/ }"
  fi
  report_other_versions "$1"
}

missing_packages() {
  comm -23 <(packages_of "$1" | sort) \
    <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | awk '$1 == "ii" { print $2 }' | sort -u)
}

apt_install() {
  command -v apt-get >/dev/null ||
    fail "these packages of Debian 12 are missing, and there is no apt-get to install them: $*"
  local as_root=()
  if [[ $EUID -ne 0 ]]; then
    as_root=(sudo -n)
    sudo -n true 2>/dev/null || fail "missing packages: $*" \
      "installing them needs root or sudo without a password; ask an administrator to run" \
      "  apt-get update && apt-get install -y --no-install-recommends $*"
  fi
  say "installing $*"
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "$@" </dev/null
}

# An upstream version other than the tested one is worth a line, not a failure.
report_other_versions() {
  local name tested found
  while read -r name tested; do
    found=$(dpkg-query -W -f '${Version}' "$name")
    case ${found#*:} in
      "$tested" | "$tested"[-.+~]*) ;;
      *) say "note: $name is $found here; headrace is tested with $tested" ;;
    esac
  done < <(sed 's/#.*//' "$1" | awk 'NF == 2')
}
