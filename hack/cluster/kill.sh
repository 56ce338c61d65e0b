#!/usr/bin/env bash
# Kills all processes of a pod at once, as a machine does that is out of memory: nobody in it is told. The kubelet then starts its
# containers again. Example: hack/cluster/kill.sh "$(hack/cluster/in.sh kubectl get pod demo-postgres-0 --output 'jsonpath={.metadata.uid}')"
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=settings.sh
. "$here/settings.sh"
need_root
[[ ${1:-} =~ ^[0-9a-f-]{36}$ ]] || fail "usage: $0 UID-OF-POD"

killed=0
for process in /proc/[0-9]*; do
	# Containers, but for the one that holds the pod's network.
	if grep -q "/pod$1/" "$process/cgroup" 2>/dev/null && [ "$(cat "$process/comm" 2>/dev/null)" != pause ]; then
		kill -KILL "${process#/proc/}" 2>/dev/null && killed=$((killed + 1))
	fi
done
[ "$killed" -gt 0 ] || fail "No process of the pod $1 runs on this machine."
