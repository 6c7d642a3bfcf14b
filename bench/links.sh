#!/usr/bin/env bash
# Network namespaces NAME-0, NAME-1, ... on one bridge, each behind a token bucket of RATE, with the
# addresses 10.77.0.1, 10.77.0.2, ... Needs root (ip netns, tc; Debian's iproute2).
#
#   bench/links.sh up NAME RANKS RATE     NAME: at most 9 letters
#   bench/links.sh down NAME RANKS        what is not there is no error
#   bench/links.sh may                    whether this is permitted here, with the reason
set -euo pipefail

# The bucket holds several of the 64 KB packets that the kernel hands over at once: smaller ones
# make every sender slow, whatever the rate.
burst=256kb

up() {
  local name=$1 ranks=$2 rate=$3 r
  ip link add "$name" type bridge
  ip link set "$name" up
  for ((r = 0; r < ranks; ++r)); do
    ip netns add "$name-$r"
    ip link add "$name-v$r" type veth peer name eth0 netns "$name-$r"
    ip link set "$name-v$r" master "$name" up
    ip -n "$name-$r" addr add "10.77.0.$((r + 1))/24" dev eth0
    ip -n "$name-$r" link set eth0 up
    ip -n "$name-$r" link set lo up
    ip netns exec "$name-$r" tc qdisc add dev eth0 root tbf rate "$rate" burst $burst latency 50ms
  done
}

down() {
  local name=$1 ranks=$2 r
  for ((r = 0; r < ranks; ++r)); do ip netns del "$name-$r" 2>/dev/null || true; done
  ip link del "$name" 2>/dev/null || true
}

may() {
  name=hr$$-may  # for the trap too
  trap 'down "$name" 1' EXIT
  up "$name" 1 1gbit
}

case ${1:-} in
  up) up "$2" "$3" "$4" ;;
  down) down "$2" "$3" ;;
  may) may ;;
  *) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; [[ ${1:-} == -h || ${1:-} == --help ]] ;;
esac
