#!/usr/bin/env bash
# Installs what is missing to run DisRoom from its sources (hack/setup.sh), and besides to test it (test), to compare it
# with ngIRCd (bench), to build its container image (image), to work on its Helm charts (charts), and to run a Kubernetes on
# this machine (kube).
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
  if ! command -v go >/dev/null; then
    command -v nats-server >/dev/null && return
    fail "go is missing; install Go, with which nats-server is built"
  fi
  built nats-server nats-server
}

# built <program> <command>...: builds a Go program if it is not there yet, and makes its commands known.
built() {
  local program=$1 file folder command
  file=$(hack/tools/build.sh "$program")
  folder=${file%/*}
  for command in "${@:2}"; do ln -sfn "$folder/$command" "$tools/bin/$command"; done
}

# A control plane without nodes is all that tests of the API need, and the machine may have one.
control_plane() {
  local program missing=
  for program in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    [ -x "${KUBEBUILDER_ASSETS:-}/$program" ] || missing=1
  done
  [ -z "$missing" ] || built kubernetes kubectl
}

# What stands beside NATS and Redis where Prometheus is to read them.
exporters() {
  # Not everybody can get its module.
  (built prometheus-nats-exporter prometheus-nats-exporter) ||
    say "the NATS exporter could not be built: what Prometheus gets from it is not tested"
  local program
  program=$(hack/redis-exporter.sh)
  ln -sfn "$program" "$tools/bin/redis_exporter"
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

# taken <package> <program>...: takes programs out of a Debian package that would start a service of its own and start it
# again with the machine. What they need besides is installed.
taken() {
  local package=$1 programs=("${@:2}") program folder needed missing=
  for program in "${programs[@]}"; do
    PATH="$PATH:/usr/sbin:$tools/bin" command -v "${program##*/}" >/dev/null || missing=1
  done
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || fail "$package is missing; install it"
  [ "$(id -u)" = 0 ] || fail "$package is missing; install it with: sudo apt-get install $package"
  say "taking ${package} out of its Debian package"
  folder=$(mktemp -d)
  (
    cd "$folder"
    quietly apt-get download "$package" || { quietly apt-get update && quietly apt-get download "$package"; }
    dpkg-deb -x "$package"_*.deb .
  ) || fail "the Debian package $package could not be had"
  needed=$(dpkg-deb -f "$folder/$package"_*.deb Depends | sed 's/([^)]*)//g; s/|[^,]*//g; s/,/ /g')
  for need in $needed; do
    # What pages in a browser are made of; the programs run without.
    case $need in libjs-* | fonts-*) continue ;; esac
    dpkg -s "$need" >/dev/null 2>&1 || debian_package "$need" "what $package needs"
  done
  for program in "${programs[@]}"; do install "$folder$program" "$tools/bin/${program##*/}"; done
  rm -rf "$folder"
}

# needs <command> <package>
needs() {
  PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null || debian_package "$2" "$1"
}

image_builder() {
  if timeout 10 docker info >/dev/null 2>&1 || command -v podman >/dev/null; then return; fi
  needs buildah buildah
  # Where the image's base cannot be pulled.
  needs debootstrap debootstrap
}

nodes() {
  built kubernetes kubectl
  built helm helm
  built coredns
  taken containerd /usr/bin/containerd /usr/bin/containerd-shim-runc-v2 /usr/bin/ctr
  needs runc runc
  [ -x /usr/lib/cni/bridge ] || debian_package containernetworking-plugins "what connects pods (the CNI plugins)"
  needs catatonit catatonit
  needs iptables iptables
  needs ip iproute2
  needs sysctl procps
  needs openssl openssl
  # With which images of these programs are made.
  needs buildah buildah
  needs setcap libcap2-bin
  needs redis-check-rdb redis-tools
  taken busybox-static /bin/busybox
  kube/images/build.sh
}

case "${1:-}" in
  '' | test | bench | image | charts | kube) ;;
  *) fail "there is no \"$1\" to set up, only: test, bench, image, charts, kube" ;;
esac
node_packages
nats_server
redis_server
case "${1:-}" in
  test)
    needs telnet telnet
    needs nc netcat-openbsd
    needs openssl openssl
    taken prometheus /usr/bin/prometheus /usr/bin/promtool
    exporters
    control_plane
    ;;
  bench)
    taken ngircd /usr/sbin/ngircd
    needs redis-benchmark redis-tools
    ;;
  image) image_builder ;;
  charts) built helm helm ;;
  kube)
    image_builder
    nodes
    ;;
esac
