#!/usr/bin/env bash
# Runs a command in the cluster's network, with KUBECONFIG, kubectl and helm of the cluster: Services and pods are reached by
# their addresses there. Example: hack/cluster/in.sh kubectl get pods -A
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=settings.sh
. "$here/settings.sh"
[ $# -gt 0 ] || set -- "${SHELL:-bash}"
need_root
is_running || fail "There is no cluster: start it by \`make cluster\`."
PATH=$(cat "$state/path"):$PATH KUBECONFIG=$kubeconfig exec nsenter --net="/run/netns/$cluster" -- "$@"
