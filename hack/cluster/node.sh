#!/usr/bin/env bash
# Cuts the power of a node of the running cluster, with all its pods, or gives it back; its disk stays.
# Usage: hack/cluster/node.sh off|on N
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=settings.sh
. "$here/settings.sh"
# shellcheck source=node/cgroups.sh
. "$here/node/cgroups.sh"
# shellcheck source=node/start.sh
. "$here/node/start.sh"
need_root
action=${1:-} node=${2:-}
[[ $action =~ ^(on|off)$ && $node =~ ^[2-9]$ ]] || fail \
	"Usage: hack/cluster/node.sh off|on N" "Node 1 is where the control plane is: only the others can be switched off."
[ -d "$state/node-$node" ] || fail "There is no node $node: start the cluster with more, for instance \`make cluster NODES=$node\`."

case $action in
off)
	process=$(node_process "$node") || fail "Node $node is off."
	kill -KILL "$process"
	# Without power its network card does not answer either.
	ip -n "$(node_namespace 1)" link set "node-$node" down
	while node_process "$node" >/dev/null; do sleep 0.05; done
	;;
on)
	! node_process "$node" >/dev/null || fail "Node $node is on."
	ip -n "$(node_namespace 1)" link set "node-$node" up
	NODES=$(cat "$state/nodes")
	export NODES
	IFS=: read -r kubernetes tools <"$state/path"
	start_node "$node" "$kubernetes" "$tools"
	;;
esac
