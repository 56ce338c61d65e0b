# DNS, volumes, metrics, and the rights of who enforces network policies; read by up.sh.
# shellcheck shell=bash disable=SC2154 # The rest is in settings.sh and in who reads this.

kubectl() { in_network 1 "$kubernetes/kubectl" --kubeconfig "$kubeconfig" "$@"; }

# wait_for WHAT SECONDS COMMAND…
wait_for() {
	local what=$1 until=$((SECONDS + $2)) said
	shift 2
	until said=$("$@" 2>&1); do
		[ "$SECONDS" -lt "$until" ] || {
			echo "waited in vain for $what: $said" >&2
			return 1
		}
		sleep 0.2
	done
}

nodes_are_there() { [ "$(kubectl get nodes --output name | wc -l)" = "$1" ]; }

version_of_kubernetes() { kubectl version --output json | jq --raw-output .serverVersion.gitVersion; }

apply_add_ons() {
	local file
	for file in "$here"/add-ons/*.yaml; do
		sed -e "s|@DNS@|$dns_address|; s|@REPLICAS@|$((NODES > 1 ? 2 : 1))|" \
			-e "s|@COREDNS@|$(version_of github.com/coredns/coredns)|" \
			-e "s|@LOCAL_PATH_PROVISIONER@|$(version_of github.com/rancher/local-path-provisioner)|" \
			-e "s|@METRICS_SERVER@|$(version_of sigs.k8s.io/metrics-server)|" "$file"
		echo ---
	done | kubectl apply --server-side --filename - >/dev/null
}

wait_for_add_ons() {
	local name
	for name in coredns local-path-provisioner metrics-server; do
		kubectl --namespace kube-system rollout status --timeout=120s "deployment/$name" >/dev/null
		echo "$name ready after $SECONDS s" >&2
	done
	wait_for "metrics of the nodes" 60 kubectl top nodes
}
