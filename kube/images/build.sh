#!/usr/bin/env bash
# kube/images/build.sh [image]... makes local stand-ins for the images that pods name, for machines that reach no
# registry: the same program at the same place, under the very name that images.json gives. All go to one OCI image
# layout, <cache>/disroom/images, which registry.ts serves. What is there already stays as it is.
#
# Whoever adds an image of their own to that folder does so under its lock:
# flock FOLDER/.lock buildah push NAME oci:FOLDER:NAME
set -euo pipefail
umask 022
cd "$(dirname "$0")"

tools="${XDG_CACHE_HOME:-$HOME/.cache}/disroom"
images="$tools/images"

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

# What is in each image: which program at which version, its files, and what buildah writes into its configuration.
# Programs stand where the official images have them, so that a pod runs the same on either. What is built from Go has
# the version that the image's name says. What comes from Debian has that of the Debian here; the label
# disroom.io/version says which.

# Of the official -alpine images, which have a shell.
image_nats() {
  built nats-server
  at_version "$version-alpine"
  file 755 "$program" /usr/local/bin/nats-server
  busybox
  file 644 nats-server.conf /etc/nats/nats-server.conf
  config=(--cmd '["nats-server", "--config", "/etc/nats/nats-server.conf"]'
    --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    --port 4222 --port 8222 --port 6222)
}

# The official image's entrypoint is a shell script. There is no shell here, so that a pod that is to run on both says
# `command: [redis-server]`, and what user it is.
image_redis() {
  # In Debian's package redis-tools, the server goes by this name.
  program=$(command -v redis-check-rdb || command -v redis-server) || missing redis-tools
  version=$(exec -a redis-server "$program" --version | sed 's/.* v=\([0-9.]*\) .*/\1/')
  file 755 "$program" /usr/local/bin/redis-server
  file 755 "$(command -v redis-cli)" /usr/local/bin/redis-cli
  libraries_of "$program" "$(command -v redis-cli)"
  text /etc/passwd 'root:x:0:0:root:/root:/sbin/nologin' 'redis:x:999:999::/data:/sbin/nologin'
  text /etc/group 'root:x:0:' 'redis:x:999:'
  folder 999 /data
  folder 0 /tmp
  config=(--cmd redis-server --user 999:999 --workingdir /data --volume /data --port 6379
    --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
}

image_nats_exporter() {
  built prometheus-nats-exporter
  at_version "$version"
  file 755 "$program" /prometheus-nats-exporter
  config=(--entrypoint '["/prometheus-nats-exporter"]' --cmd --help --port 7777)
}

image_redis_exporter() {
  program=$(../../hack/redis-exporter.sh)
  version=$("$program" --version 2>&1 | sed -n 's/.*Exporter \([0-9.]*\).*/\1/p')
  file 755 "$program" /redis_exporter
  libraries_of "$program"
  config=(--entrypoint '["/redis_exporter"]' --user 59000:59000 --port 9121)
}

# catatonit -P does what the original does: it sleeps, takes care of processes that lost their parent, and ends when it
# is told to.
image_pause() {
  program=$(command -v catatonit) || missing catatonit
  version=$("$program" --version | sed 's/.* version \([^ ]*\).*/\1/')
  file 755 "$program" /pause
  config=(--entrypoint '["/pause", "-P"]' --user 65535:65535)
}

image_coredns() {
  built coredns
  at_version "v$version"
  file 755 "$program" /coredns
  # It is nobody in particular, and yet has to listen to port 53.
  capability /coredns cap_net_bind_service=+ep
  config=(--entrypoint '["/coredns"]' --user 65532:65532 --port 53 --port 53/udp)
}

# built <program> sets program and version.
built() {
  program=$(../../hack/tools/build.sh "$1")
  version=${program%/*}
  version=${version##*/"$1"-}
  version=${version%-*}
}

# A shell and the usual small programs, as Alpine has them.
busybox() {
  local program
  program=$(type -P busybox) || missing busybox-static
  file 755 "$program" /bin/busybox
  libraries_of "$program"
  # The step runs in make_image.
  # shellcheck disable=SC2016
  steps+=('for name in $("$root/bin/busybox" --list); do [ "$name" = busybox ] || ln -s busybox "$root/bin/$name"; done')
}

missing() { fail "what the Debian package $1 has is missing; install it with: sudo apt-get install $1"; }

# A name must not promise another version than what it stands for.
at_version() {
  [ "${full_name##*:}" = "$1" ] || fail "kube/images/images.json has $full_name, but what is there is $1"
}

# file <mode> <source> <path in the image>
file() {
  # The step has no path of this machine, which may have blanks, and says nothing of the image.
  steps+=("install -D -m $1 \"\${inputs[${#inputs[@]}]}\" \"\$root$3\"")
  inputs+=("$2")
}

# text <path in the image> <line>...
text() {
  local name="$scratch/text${1//\//-}"
  printf '%s\n' "${@:2}" >"$name"
  file 644 "$name" "$1"
}

# folder <owner> <path in the image>; 0 is everybody's.
folder() {
  local mode=700
  [ "$1" != 0 ] || mode=1777
  steps+=("install -d -o $1 -g $1 -m $mode \"\$root$2\"")
}

# capability <path in the image> <capability>
capability() {
  steps+=("setcap $2 \"\$root$1\"")
}

# The shared libraries that programs are linked with, and what loads them.
libraries_of() {
  local library
  for library in $(ldd "$@" | grep -o '/[^ :]* (0x' | sed 's/ (0x//' | sort -u); do
    file 755 "$library" "$library"
  done
}

# ensure <image>
ensure() {
  local full_name program version config=() steps=() inputs=() stamp
  full_name=$(sed -n "s/^ *\"$1\": \"\(.*\)\",*$/\1/p" images.json)
  [ -n "$full_name" ] || fail "kube/images/images.json has no $1"
  "image_$1"
  config+=(
    --label "org.opencontainers.image.description=Local stand-in for $full_name, made by DisRoom's kube/images/build.sh"
    --label "disroom.io/stand-in-for=$full_name"
    --label "disroom.io/version=$version"
  )
  stamp=$(inputs_hash)
  [ "$(cat "$images/stamps/$1" 2>/dev/null)" = "$stamp" ] && has_image && return
  say "making the image $full_name"
  make_image
  mkdir -p "$images/stamps"
  echo "$stamp" >"$images/stamps/$1"
}

inputs_hash() {
  {
    printf '%s\n' "$full_name" "${config[@]}" "${steps[@]}"
    cat "${inputs[@]}"
  } | sha256sum | cut -d ' ' -f 1
}

has_image() {
  grep -qF "\"org.opencontainers.image.ref.name\":\"$full_name\"" "$images/index.json" 2>/dev/null
}

# What buildah needs to remember is thrown away with the scratch folder, so that nothing of it stays on the machine.
in_scratch() {
  buildah --root "$scratch/storage" --runroot "$scratch/run" --storage-driver vfs "$@"
}

make_image() {
  local container root step
  container=$(in_scratch from scratch)
  # The steps speak of it.
  # shellcheck disable=SC2034
  root=$(in_scratch mount "$container")
  for step in "${steps[@]}"; do
    eval "$step"
  done
  in_scratch config "${config[@]}" "$container"
  # The same files make the same image, whenever and wherever: hence no time.
  in_scratch commit --quiet --rm --timestamp 0 --format oci "$container" "oci:$images:$full_name" >/dev/null
}

[ "$(id -u)" = 0 ] || fail "images are made as root"
command -v buildah >/dev/null || missing buildah
command -v setcap >/dev/null || missing libcap2-bin
mkdir -p "$images"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' HUP INT TERM
exec 9>"$images/.lock"
flock 9
[ $# -gt 0 ] || mapfile -t all < <(sed -n 's/^ *"\([^"]*\)": .*/\1/p' images.json)
for image in "${@:-${all[@]}}"; do
  ensure "$image"
done
../../node_modules/.bin/node remove-unused.ts "$images"
