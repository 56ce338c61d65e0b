# The networks and processes of nodes; read by up.sh.
# shellcheck shell=bash disable=SC2154 # The rest is in settings.sh and in who reads this.

# make_network N: the network namespace of a node. That of node 1 is a switch that the others are plugged into.
make_network() {
	local namespace address link=nodes
	namespace=$(node_namespace "$1") address=$(node_address "$1")
	ip netns add "$namespace"
	ip -n "$namespace" link set lo up
	if [ "$1" = 1 ]; then
		ip -n "$namespace" link add nodes type bridge
		# What goes from one node to another is no matter of node 1, also if the kernel offers to filter it there.
		in_network 1 sh -c 'for file in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e "$file" ] || echo 0 >"$file"; done'
	else
		link=node
		ip -n "$(node_namespace 1)" link add "node-$1" type veth peer name "$link" netns "$namespace"
		ip -n "$(node_namespace 1)" link set "node-$1" master nodes up
	fi
	ip -n "$namespace" address add "$address/${nodes_network#*/}" dev "$link"
	ip -n "$namespace" link set "$link" up
	# Nobody has these addresses, and none is sent there: kube-proxy only needs the node to try.
	ip -n "$namespace" route add "$services_network" dev "$link"
	in_network "$1" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
}

# make_routes N NODES: each node knows where the pods of the others are.
make_routes() {
	local other
	for ((other = 1; other <= $2; other++)); do
		[ "$other" = "$1" ] ||
			ip -n "$(node_namespace "$1")" route add "$(node_pods "$other")" via "$(node_address "$other")"
	done
}

# Only the network is another: `ip netns exec` would hide the cgroups.
in_network() {
	local namespace
	namespace=$(node_namespace "$1")
	shift
	nsenter --net="/run/netns/$namespace" -- "$@"
}

# start_node N KUBERNETES_TOOLS TOOLS
start_node() {
	local folder name file
	name=$(node_name "$1") folder=$state/$(node_name "$1")
	make_cgroups "$name"
	mkdir -p "$folder"
	for file in ca.crt kubeconfig-network-policy kubeconfig-system-kube-proxy "kubeconfig-system-node-$name"; do
		install -m 600 "$state/control-plane/$file" "$folder/"
	done
	start_apart "$(node_namespace "$1")" "$folder" "$here/node/init.sh" "$@"
}

# start_apart NAMESPACE FOLDER INIT ARGUMENT…: in that network, with own processes, mounts and host name, until it is killed.
start_apart() {
	local namespace=$1 folder=$2
	shift 2
	setsid nsenter --net="/run/netns/$namespace" -- \
		unshare --mount --uts --ipc --pid --fork --kill-child=KILL --mount-proc --propagation slave -- \
		bash "$@" </dev/null >"$folder/init.log" 2>&1 &
	echo $! >"$folder/process"
}
