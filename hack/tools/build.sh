#!/usr/bin/env bash
# hack/tools/build.sh <program>... builds programs of the Go modules beside it, each once, and prints where each is.
# They go to a cache folder outside the work tree, one folder for every version and for every change of what it is built
# from; <cache>/disroom/<program> is a link to the one that was asked for last, by whichever checkout of this user.
# A folder that no checkout has asked for in 30 days goes when another one of its program is asked for.
set -euo pipefail
cd "$(dirname "$0")"

tools="${XDG_CACHE_HOME:-$HOME/.cache}/disroom"
go=(env CGO_ENABLED=0 GOWORK=off go)

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

# describe <program> sets what is to know of it: the folder of its module, its package in there, its version, the
# variables that the linker sets, build tags, and how long two cores take when nothing of it was built before.
describe() {
  tags='' variables=()
  case $1 in
    nats-server)
      module=. package=github.com/nats-io/nats-server/v2 minutes=1
      version=$(required github.com/nats-io/nats-server/v2)
      ;;
    kubernetes)
      module=kubernetes package=. minutes=7
      version=$(required k8s.io/kubernetes)
      local major minor at
      IFS=. read -r major minor _ <<<"$version"
      for at in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        variables+=("$at.gitVersion=v$version" "$at.gitMajor=$major" "$at.gitMinor=$minor" "$at.gitTreeState=clean")
      done
      ;;
    prometheus-nats-exporter)
      module=nats-exporter package=github.com/nats-io/prometheus-nats-exporter minutes=1
      version=$(required github.com/nats-io/prometheus-nats-exporter)
      variables=("main.version=$version")
      ;;
    helm)
      module=addons package=helm.sh/helm/v4/cmd/helm minutes=3
      version=$(required helm.sh/helm/v4)
      variables=("helm.sh/helm/v4/internal/version.version=v$version")
      ;;
    coredns)
      # Without the tag, gRPC's tracing keeps the linker from leaving out what is not used.
      module=addons package=./coredns minutes=2 tags=grpcnotrace
      version=$(required github.com/coredns/coredns)
      ;;
    *) fail "hack/tools/build.sh builds no $1" ;;
  esac
  [ -n "$version" ] || fail "the version of $1 is not in hack/tools/$module/go.mod"
}

# The version at which the module requires another.
required() {
  awk -v name="$1" '$1 == "require" { sub(/^require /, "") } $1 == name { print substr($2, 2) }' "$module/go.mod"
}

# What tells one build of a program from another. Folders with a go.mod of their own are other modules.
key() {
  {
    echo "$package $tags ${variables[*]}"
    find "$module" -mindepth 2 -name go.mod -printf '%h\n' | sed 's/$/\/*/' >"$scratch/others"
    find "$module" \( -name go.mod -o -name go.sum -o -name '*.go' \) -print | LC_ALL=C sort |
      while IFS= read -r file; do
        is_of_another_module "$file" || { echo "$file"; cat "$file"; }
      done
  } | sha256sum | cut -c 1-8
}

is_of_another_module() {
  local other
  while IFS= read -r other; do
    # The pattern is meant as one.
    # shellcheck disable=SC2053
    [[ $1 == $other ]] && return 0
  done <"$scratch/others"
  return 1
}

build() {
  local name=$1 folder
  describe "$name"
  folder="$tools/$name-$version-$(key)"
  if [ ! -x "$folder/$name" ]; then
    command -v go >/dev/null || fail "go is missing; install Go, with which $name is built"
    # One build at a time: a second one waits, and mostly finds done what it came for.
    exec 9>"$tools/.build-lock"
    flock --nonblock 9 || { say "another build is at work; waiting for it"; flock 9; }
    [ -x "$folder/$name" ] || compile "$name" "$folder" 9>&-
    exec 9>&-
  fi
  touch "$folder"
  find "$tools" -maxdepth 1 -type d -name "$name-[0-9]*" -mtime +30 -exec rm -rf {} +
  ln -sfnT "$folder" "$tools/$name"
  echo "$folder/$name"
}

# compile <program> <folder>
compile() {
  local name=$1 folder=$2 flags=(-trimpath "-tags=$tags") stamps='-s -w' total variable command
  for variable in ${variables[@]+"${variables[@]}"}; do stamps+=" -X $variable"; done
  say "building $name $version, once: about $minutes min on two cores if nothing of it was built before"
  # This also fetches the sources that are not there yet.
  "${go[@]}" list -C "$module" "${flags[@]}" -deps -f '{{if .Stale}}{{.ImportPath}}{{end}}' "$package" >"$scratch/stale" 2>"$scratch/log" ||
    { cat "$scratch/log" >&2; fail "the sources of $name could not be had"; }
  total=$(grep -c . "$scratch/stale" || true)
  : >"$scratch/log"
  # In a process group of its own, so that nothing of it outlives this script.
  GOTMPDIR="$scratch" setsid "${go[@]}" build -C "$module" -v "${flags[@]}" -ldflags="$stamps" \
    -o "$scratch/out/$name" "$package" 2>"$scratch/log" &
  compiler=$!
  show_progress "$name" "$total"
  wait "$compiler" || { compiler=; grep -v '^[^ #]*$' "$scratch/log" >&2; fail "$name could not be built"; }
  compiler=
  if [ "$name" = kubernetes ]; then
    # It runs the command by whose name it is called.
    for command in etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl; do
      ln -s kubernetes "$scratch/out/$command"
    done
  fi
  rm -rf "$folder"
  mv -T "$scratch/out" "$folder"
}

# Tells how far the compiler is: on a terminal in one line, else every half minute.
show_progress() {
  local name=$1 total=$2 seconds=0 line
  while kill -0 "$compiler" 2>/dev/null; do
    line="$name: $(grep -c '^[^ #]*$' "$scratch/log" || true) of $total packages"
    if [ -t 2 ]; then
      printf '\rsetup: %s ' "$line" >&2
    elif [ $((seconds % 30)) = 29 ]; then
      say "$line"
    fi
    seconds=$((seconds + 1))
    sleep 1
  done
  [ ! -t 2 ] || printf '\r\033[K' >&2
}

finish() {
  [ -z "$compiler" ] || { kill -- "-$compiler" && wait "$compiler"; } 2>/dev/null || true
  rm -rf "$scratch"
}

mkdir -p "$tools"
compiler=
# In the same file system as where its content goes, so that it gets there at once and whole.
scratch=$(mktemp -d "$tools/.building-XXXXXX")
trap finish EXIT
trap 'exit 130' HUP INT TERM
# Of one that was killed.
find "$tools" -maxdepth 1 -name '.building-*' -mmin +1440 -exec rm -rf {} +
for name in "$@"; do
  mkdir -p "$scratch/out"
  build "$name"
done
