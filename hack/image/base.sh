#!/usr/bin/env bash
# Makes a stand-in of the image's base where no registry can be reached: a small Debian with npm and the Node.js of
# node_modules, under the base's own name. It is for this machine's tests; what is published has the real base.
#   hack/image/base.sh NAME BUILD-COMMAND...
set -euo pipefail
cd "$(dirname "$0")/../.."

name=$1
shift
suite=bookworm
npm=npm@11.19.1

fail() { echo "image: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "only root can make a stand-in of the base"
command -v debootstrap >/dev/null || fail "debootstrap is missing; on Debian: apt-get install debootstrap"
command -v npm >/dev/null || fail "npm is missing; on Debian: apt-get install npm"
node=node_modules/.bin/node
version=$("$node" -p process.versions.node)
[ "$name" = "docker.io/library/node:$version-$suite-slim" ] ||
  fail "$name is not Debian $suite with the Node.js of node_modules, which is $version"
# Where this machine has its own packages of Debian from: of a release itself, not of its updates (bookworm-updates). awk
# reads to the end, or apt-get would fail. What is in the format is apt's.
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(RELEASE) $(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' |
  awk '$1 !~ /-/ && !found++ { print $2 }')
[ -n "$mirror" ] || fail "apt knows no mirror of Debian; perhaps it does after apt-get update"

# Not /tmp, which may be in memory or have no devices.
work=$(mktemp -d -p /var/tmp disroom-base.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "$1 failed"; }; }

quietly debootstrap --variant=minbase "$suite" "$root" "$mirror"
# What the real one leaves out, too.
rm -rf "$root"/usr/share/{doc,info,locale,man}/* "$root"/var/{cache/apt,lib/apt/lists,log}/*
quietly npm install --global --prefix "$root/usr/local" --ignore-scripts --no-audit --no-fund "$npm"
install "$(realpath "$node")" "$root/usr/local/bin/node"

mkdir "$work/context"
# What belongs to this machine: its devices, its name and where it asks for names, its package mirror.
tar -c -C "$root" --exclude './dev/*' --exclude './proc/*' --exclude './sys/*' --exclude ./etc/hostname \
  --exclude ./etc/resolv.conf --exclude ./etc/apt/sources.list -f "$work/context/root.tar" .
cat >"$work/context/Dockerfile" <<END
FROM scratch
ADD root.tar /
ENV NODE_VERSION=$version
LABEL disroom.io/stand-in-for="$name"
CMD ["node"]
END
quietly "$@" --tag "$name" "$work/context"
