#!/usr/bin/env bash
# Loads image archives (`docker save`, OCI) into the nodes of the running cluster, where they are found without a registry.
# Usage: hack/cluster/import.sh shop.tar gateway.tar.gz …      NODE=2: only into that node
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=settings.sh
. "$here/settings.sh"
need_root
[ $# -gt 0 ] || fail "Which archives? Usage: hack/cluster/import.sh ARCHIVE…"
is_running || fail "There is no cluster: start it by \`make cluster\`."

nodes=("$state"/node-*/)
for archive; do
	[ -r "$archive" ] || fail "$archive cannot be read: make it by \`docker save --output $archive IMAGE…\` or the like."
	for node in "${nodes[@]}"; do
		number=${node%/}
		number=${number##*-}
		[ -z "${NODE:-}" ] || [ "$NODE" = "$number" ] || continue
		# From standard input: the node has folders of its own in places where the archive may lie.
		case $(od -An -tx1 -N2 "$archive" | tr -d ' ') in
		1f8b) gzip -dc "$archive" ;;
		*) cat "$archive" ;;
		esac | in_node "$number" ctr --address /run/node/containerd.sock --namespace k8s.io images import - |
			sed "s/^/$(node_name "$number"): /"
	done
done
