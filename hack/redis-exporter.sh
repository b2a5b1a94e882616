#!/usr/bin/env bash
# Prints where redis_exporter is, which it first takes out of its Debian package if it is not there yet: the package
# would start a service of its own. It goes to a cache folder outside the work tree.
set -euo pipefail

tools="${XDG_CACHE_HOME:-$HOME/.cache}/disroom"
name=prometheus-redis-exporter
program="$tools/redis_exporter/redis_exporter"

say() { echo "setup: $*" >&2; }

# taken <folder>
taken() {
  cd "$1"
  # As root, apt fetches as a user of its own, which has to get at the folder.
  chmod 755 .
  apt-get download "$name" || { apt-get update && apt-get download "$name"; }
  dpkg-deb -x "$name"_*.deb .
}

if [ ! -x "$program" ]; then
  command -v apt-get >/dev/null || { say "redis_exporter is missing; put one at $program"; exit 1; }
  say "taking redis_exporter out of its Debian package"
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  (set -e; taken "$scratch") >"$scratch.log" 2>&1 || {
    cat "$scratch.log" >&2
    rm -f "$scratch.log"
    say "the Debian package $name could not be had"
    exit 1
  }
  rm -f "$scratch.log"
  mkdir -p "$tools/redis_exporter"
  install "$scratch/usr/bin/$name" "$program"
fi
echo "$program"
