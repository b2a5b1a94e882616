#!/usr/bin/env bash
# Installs what is missing to run DisRoom from its sources (hack/setup.sh), to test it (hack/setup.sh test), and to
# compare it with ngIRCd (hack/setup.sh bench).
# What is there already stays as it is. Programs that are built go to a cache folder outside the work tree.
set -euo pipefail
cd "$(dirname "$0")/.."

tools="${XDG_CACHE_HOME:-$HOME/.cache}/disroom"
mkdir -p "$tools/bin"

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }

# Runs a command and shows what it printed only if it fails.
quietly() {
  local output
  output=$(mktemp)
  if ! "$@" >"$output" 2>&1; then
    cat "$output" >&2
    rm -f "$output"
    return 1
  fi
  rm -f "$output"
}

# debian_package <package> <why>
debian_package() {
  command -v apt-get >/dev/null || fail "$2 is missing; install it (on Debian it is in the package $1)"
  [ "$(id -u)" = 0 ] || fail "$2 is missing; install it with: sudo apt-get install $1"
  say "installing the Debian package $1"
  export DEBIAN_FRONTEND=noninteractive
  quietly apt-get install --yes --no-install-recommends "$1" && return
  say "reading the list of Debian packages anew"
  quietly apt-get update || fail "apt-get update failed"
  quietly apt-get install --yes --no-install-recommends "$1" || fail "the package $1 could not be installed"
}

node_packages() {
  local installed=node_modules/.installed-package-lock.json
  cmp -s package-lock.json "$installed" && return
  command -v npm >/dev/null || fail "npm is missing; install Node.js with npm (on Debian: apt-get install npm)"
  say "installing the Node packages (npm ci)"
  quietly npm ci --no-audit --no-fund || fail "npm ci failed"
  node_modules/.bin/node --version >/dev/null 2>&1 ||
    fail "node_modules/.bin/node does not run; npm must be allowed to run the install script of the package node"
  cp package-lock.json "$installed"
}

nats_server() {
  local module=github.com/nats-io/nats-server/v2 version
  version=$(awk -v module="$module" '$1 == module { print substr($2, 2) }' hack/tools/go.mod)
  local folder="$tools/nats-server-$version"
  if [ ! -x "$folder/nats-server" ]; then
    if ! command -v go >/dev/null; then
      command -v nats-server >/dev/null && return
      fail "go is missing; install Go, with which nats-server is built"
    fi
    say "building nats-server $version (about a minute, once)"
    mkdir -p "$folder"
    quietly env CGO_ENABLED=0 go build -C hack/tools -trimpath -o "$folder/nats-server.new" "$module" ||
      fail "nats-server could not be built"
    mv "$folder/nats-server.new" "$folder/nats-server"
  fi
  ln -sfn "$folder/nats-server" "$tools/bin/nats-server"
}

redis_server() {
  command -v redis-server >/dev/null && return
  [ -x "$tools/bin/redis-server" ] && return
  # Debian's package redis-server would start a service of its own and start it again with the machine. The
  # program itself is in redis-tools: what it does depends on the name by which it is called.
  debian_package redis-tools redis-server
  ln -sfn "$(command -v redis-check-rdb)" "$tools/bin/redis-server"
  "$tools/bin/redis-server" --version >/dev/null || fail "redis-server does not run; install it by hand"
}

ngircd_server() {
  command -v ngircd >/dev/null || [ -x /usr/sbin/ngircd ] || [ -x "$tools/bin/ngircd" ] && return
  # Debian's package would start a service of its own and start it again with the machine: what it needs is
  # installed, and of itself only the program is taken.
  local why="ngircd, with which DisRoom is compared," folder needed
  command -v apt-get >/dev/null || fail "$why is missing; install it"
  say "taking ngircd out of its Debian package"
  folder=$(mktemp -d)
  (
    cd "$folder"
    quietly apt-get download ngircd || { quietly apt-get update && quietly apt-get download ngircd; }
    dpkg-deb -x ngircd_*.deb .
  ) || fail "the Debian package ngircd could not be had"
  if ! "$folder/usr/sbin/ngircd" --version >/dev/null 2>&1; then
    needed=$(dpkg-deb -f "$folder"/ngircd_*.deb Depends | sed 's/([^)]*)//g; s/|[^,]*//g; s/,/ /g')
    for package in $needed; do
      dpkg -s "$package" >/dev/null 2>&1 || debian_package "$package" "what ngircd needs"
    done
  fi
  install "$folder/usr/sbin/ngircd" "$tools/bin/ngircd"
  rm -rf "$folder"
  "$tools/bin/ngircd" --version >/dev/null || fail "ngircd does not run; install it by hand"
}

node_packages
nats_server
redis_server
if [ "${1:-}" = test ]; then
  command -v telnet >/dev/null || debian_package telnet telnet
  command -v nc >/dev/null || debian_package netcat-openbsd nc
fi
if [ "${1:-}" = bench ]; then
  ngircd_server
  command -v redis-benchmark >/dev/null || debian_package redis-tools redis-benchmark
fi
