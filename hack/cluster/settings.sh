# Names, addresses and folders of the cluster; the other scripts here read this file.
# shellcheck shell=bash disable=SC2034 # Most of it is used by those only.

# Clusters of different names run beside each other.
export CLUSTER=${CLUSTER:-cluster}
[[ $CLUSTER =~ ^[a-z]{1,8}$ ]] || {
	echo "CLUSTER=$CLUSTER: please name the cluster with one to eight small letters." >&2
	exit 1
}
cluster=shop-$CLUSTER
# How many nodes: two or more for what needs a second one (drain, loss of a node).
NODES=${NODES:-1}
nodes_network=10.80.0.0/24
pods_network=10.81.0.0/16
services_network=10.96.0.0/16
dns_address=10.96.0.10

cache=${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform
# All that is of one run: certificates, data, logs, volumes. down.sh removes it.
state=$cache/cluster
[ "$CLUSTER" = cluster ] || state+=-$CLUSTER
kubeconfig=$state/kubeconfig

# The network namespace of node N. The control plane is in that of node 1, which also is the bridge to the others.
node_namespace() {
	if [ "$1" = 1 ]; then echo "$cluster"; else echo "$cluster-$1"; fi
}
node_name() { echo "node-$1"; }
node_address() { echo "10.80.0.$1"; }
node_pods() { echo "10.81.$1.0/24"; }

fail() {
	printf '%s\n' "$@" >&2
	exit 1
}

need_root() {
	[ "$(id -u)" = 0 ] || fail \
		"This starts real nodes and needs root: network namespaces, mounts and cgroups are made." \
		"Please run it as root, or use kind (https://kind.sigs.k8s.io) on a machine with Docker instead: the rest is the same."
}

# The network namespaces of the cluster that are there.
namespaces() {
	ip netns list | awk -v cluster="$cluster" '$1 == cluster || index($1, cluster "-") == 1 { print $1 }'
}

is_running() {
	[ -n "$(namespaces)" ] && [ -n "$(ip netns pids "$cluster" 2>/dev/null)" ]
}

# The first process of node N, in the namespaces of that node.
node_process() {
	local outer
	outer=$(cat "$state/node-$1/process" 2>/dev/null) || return 1
	# A number of an earlier run may be somebody else's now.
	ip netns pids "$(node_namespace "$1")" 2>/dev/null | grep -qx "$outer" || return 1
	pgrep -P "$outer"
}

# Runs a command as a process of node N: with its files, processes and network.
in_node() {
	local process
	process=$(node_process "$1") || fail "Node $1 is not running: see $state/node-$1/logs, or start the cluster by \`make cluster\`."
	shift
	nsenter --target "$process" --mount --pid --net --uts --ipc -- "$@"
}

# The version of a module in go.mod here, without the v.
version_of() { awk -v module="$1" '$1 == module && $2 ~ /^v/ { print substr($2, 2) }' "$(dirname "${BASH_SOURCE[0]}")/go.mod"; }
