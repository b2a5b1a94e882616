#!/usr/bin/env bash
# Builds the container image ghcr.io/disroom/disroom:<version> with what is there of docker, podman and buildah.
#   hack/image/build.sh [--oci FOLDER]   adds it to that OCI image layout, too
# STAND_IN_BASE=1 does not try to pull the base, but makes a stand-in of it (hack/image/base.sh).
set -euo pipefail

say() { echo "image: $*"; }
fail() { echo "image: $*" >&2; exit 1; }

layout=
case "$#,${1:-}" in
  0,) ;;
  2,--oci) layout=$(realpath -m "$2") ;;
  *) fail "usage: hack/image/build.sh [--oci FOLDER]" ;;
esac
cd "$(dirname "$0")/../.."

node=node_modules/.bin/node
[ -x "$node" ] || fail "$node is missing; make setup installs it"
version=$("$node" -p 'require("./package.json").version')
base=$(sed -n 's/^ARG BASE=//p' Dockerfile)
image=ghcr.io/disroom/disroom:$version
# What is not committed has no revision.
revision=unknown
if [ -z "$(git status --porcelain 2>&1)" ]; then revision=$(git rev-parse HEAD); fi

# The docker client is of no use without its engine.
builder() {
  if command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; then echo docker
  elif command -v podman >/dev/null; then echo podman
  elif command -v buildah >/dev/null; then echo buildah
  else return 1
  fi
}
builder=$(builder) || fail "docker (with its engine), podman or buildah is missing; on Debian: apt-get install buildah runc"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The settings and certificates with which npm works here. The build sees them as secrets: they do not become part of
# the image or of its history.
options=()
if command -v npm >/dev/null; then
  settings=$(npm config get userconfig)
  if [ -f "$settings" ]; then cat "$settings" >"$work/npmrc"; fi
  printf '\nregistry=%s\n' "$(npm config get registry)" >>"$work/npmrc"
  options+=(--secret "id=npmrc,src=$work/npmrc")
fi
certificates=${NODE_EXTRA_CA_CERTS:-${SSL_CERT_FILE:-$(npm config get cafile 2>/dev/null || true)}}
if [ -f "$certificates" ]; then options+=(--secret "id=certificates,src=$certificates"); fi

case "$builder" in
  # Into the engine also where another builder is set up, and as one plain image.
  docker) build=(docker build --load --provenance=false) ;;
  podman) build=(podman build) ;;
  # Steps of a build in networks of their own need programs that Debian does not install with it.
  buildah) build=(buildah build --layers --network host --isolation chroot) ;;
esac

pull() {
  [ "${STAND_IN_BASE:-}" != 1 ] || return 1
  timeout 120 "$builder" pull "$base" >"$work/log" 2>&1 && return
  say "$base cannot be pulled: $(tail -n 1 "$work/log")"
  return 1
}
if ! "$builder" inspect --type image "$base" >/dev/null 2>&1 && ! pull; then
  say "making a stand-in of it from Debian's packages and the Node.js of node_modules (about a minute, once)"
  hack/image/base.sh "$base" "${build[@]}"
fi

"${build[@]}" --pull=false "${options[@]}" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
  --tag "$image" . >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "the image could not be built"; }
base_label=$("$builder" inspect --type image "$base" | grep '"disroom.io/stand-in-for": ' || true)
say "built $image with $builder${base_label:+, on a stand-in of its base}"

# The image that had the name before has none now, and would stay for ever. Steps that the next build can take again
# have no such label.
ours=label=org.opencontainers.image.title=DisRoom
case "$builder" in
  docker | podman) "$builder" image prune --force --filter "$ours" >/dev/null ;;
  # One that a container is made of cannot go.
  buildah)
    buildah images --quiet --filter dangling=true --filter "$ours" |
      xargs --no-run-if-empty buildah rmi >/dev/null 2>&1 || true
    ;;
esac

if [ -n "$layout" ]; then
  mkdir -p "$layout"
  # kube/images/build.sh adds images of its own to the same folder, perhaps now.
  exec 9>"$layout/.lock"
  flock 9
  case "$builder" in
    docker)
      mkdir "$work/saved"
      docker save "$image" | tar -x -C "$work/saved"
      [ -f "$work/saved/index.json" ] || fail "docker save writes OCI image layouts from Docker 25 on; this one is older"
      "$node" hack/image/add-to-layout.ts "$work/saved" "$layout" "$image"
      ;;
    *) "$builder" push --quiet "$image" "oci:$layout:$image" >/dev/null ;;
  esac
  say "added it to $layout"
fi
