#!/usr/bin/env bash
# hack/e2e.sh <command>... runs the tests that need a whole Kubernetes, and stops the one that they have started, however
# they end. One that ran before goes on.
set -euo pipefail
cd "$(dirname "$0")/.."

kube() { node_modules/.bin/node kube/main.ts "$@"; }

if ! kube running 2>/dev/null; then
  trap 'kube down' EXIT
  # The command gets them too; what is to be done waits until it has ended.
  trap 'exit 130' INT TERM
fi
"$@"
