#!/usr/bin/env bash
# Starts a real Kubernetes on this machine: a control plane and one or more nodes that run pods, in network namespaces of their
# own, so that the machine's network stays as it is. Needs root; `NODES=2 hack/cluster/up.sh` starts two nodes. See README.md.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=settings.sh
. "$here/settings.sh"
# shellcheck source=node/cgroups.sh
. "$here/node/cgroups.sh"
# shellcheck source=node/start.sh
. "$here/node/start.sh"
# shellcheck source=control-plane/credentials.sh
. "$here/control-plane/credentials.sh"
# shellcheck source=add-ons/apply.sh
. "$here/add-ons/apply.sh"
need_root
export NODES
[[ $NODES =~ ^[1-9]$ ]] || fail "NODES=$NODES: please name 1 to 9 nodes."

built=$("$here/build.sh")
{ read -r kubernetes && read -r tools; } <<<"$built"
if is_running; then
	fail "A cluster is running already: use it (hack/cluster/in.sh kubectl get nodes), or end it first by \`make cluster-down\`."
fi
# What an earlier one left that was not ended, for instance when the machine was.
"$here/down.sh"

SECONDS=0
failed() {
	echo "The cluster did not start. Its logs are in $state/*/logs; \`make cluster-down\` removes what there is." >&2
	cat "$state"/*/init.log >&2 || true
}
trap failed EXIT
mkdir -p "$state"
echo "$kubernetes:$tools" >"$state/path"
echo "$NODES" >"$state/nodes"
for ((node = 1; node <= NODES; node++)); do make_network "$node"; done
for ((node = 1; node <= NODES; node++)); do make_routes "$node" "$NODES"; done
make_credentials "$state/control-plane" "$NODES"
install -m 600 "$state/control-plane/kubeconfig-administrator" "$kubeconfig"

start_apart "$(node_namespace 1)" "$state/control-plane" \
	"$here/control-plane/init.sh" "$kubernetes" "$tools" "$state/control-plane" "$(node_address 1)" "$services_network"
for ((node = 1; node <= NODES; node++)); do start_node "$node" "$kubernetes" "$tools"; done

wait_for "the API server" 180 kubectl get --raw /readyz
echo "the API server answers after $SECONDS s" >&2
apply_add_ons
wait_for "the nodes to be there" 180 nodes_are_there "$NODES"
kubectl wait --for=condition=Ready --timeout=180s node --all >/dev/null
echo "$NODES node(s) ready after $SECONDS s" >&2
wait_for_add_ons
trap - EXIT
cat >&2 <<-END
	ready after $SECONDS s: Kubernetes $(version_of_kubernetes), $NODES node(s)

	It is reached from inside its own network only; run commands there:
	    hack/cluster/in.sh kubectl get pods -A
	or  nsenter --net=/run/netns/$cluster env KUBECONFIG=$kubeconfig kubectl get pods -A
	Images are loaded by hack/cluster/import.sh ARCHIVE…; logs are in $state/*/logs. \`make cluster-down\` ends it.
END
echo "$kubeconfig"
