#!/usr/bin/env bash
# Measures a platform in the cluster of `make cluster`, whose operator is installed: how long an empty spec takes to be ready, what
# its pods use at rest, and how long a service takes from the start of its process until it is ready. `make bench-cluster` runs it.
#
# A start is that of a service whose pod was deleted, with all that it needs at work: from what Linux says of when its process
# began (in hundredths of a second, with what containerd does in it before the program) until `/readyz`, asked within the pod, is 200.
#
# The budgets are those of docs/performance.md; what is over one is said at the end, and the exit code is 1.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=settings.sh
. "$here/settings.sh"
need_root
"$here/../ensure-tools.sh" curl jq
is_running || fail "There is no cluster: start it by \`make cluster\`."
kubectl() { "$here/in.sh" kubectl "$@"; }

namespace=shop-figures rounds=${ROUNDS:-7} rest=${REST:-60}
services=(gateway user product order notification)
over=()
# within WHAT FIGURE BUDGET UNIT
within() {
	awk -v figure="$2" -v budget="$3" 'BEGIN { exit !(figure > budget) }' && over+=("$1: $2 $4, budget $3 $4")
	return 0
}

# Seconds since the machine began, with hundredths: the clock that starts of processes are counted by.
now() { cut -d ' ' -f 1 /proc/uptime; }

# The processes of a program in pods.
processes_of() {
	local process
	for process in $(pgrep -x "$1"); do
		if grep -q kubepods "/proc/$process/cgroup" 2>/dev/null; then echo "$process"; fi
	done
}

# A process began so many seconds after the machine.
began() { sed 's/.*) //' "/proc/$1/stat" | awk -v ticks="$(getconf CLK_TCK)" '{ print $20 / ticks }'; }

# in_time SECONDS WHAT: not after so many seconds of this script.
in_time() {
	[ "$SECONDS" -ge "$1" ] || return 0
	kubectl --namespace "$namespace" get pods >&2
	fail "Waited in vain for $2."
}

# start_of SERVICE PORT: milliseconds until a new pod of it is ready.
start_of() {
	local before process begun end=$((SECONDS + 120))
	before=$(processes_of "$1")
	kubectl --namespace "$namespace" delete pod --selector "app.kubernetes.io/name=$1,pod-template-hash" --grace-period=1 --wait=false >/dev/null
	until process=$(processes_of "$1" | grep -vxF "$before") && [ -n "$process" ]; do
		in_time "$end" "a new process of $1"
		sleep 0.005
	done
	until [ "$(nsenter --target "$process" --net curl --silent --max-time 2 --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$2/readyz")" = 200 ]; do
		in_time "$end" "$1 to be ready"
	done
	begun=$(began "$process")
	awk -v begun="$begun" -v now="$(now)" 'BEGIN { printf "%.0f\n", (now - begun) * 1000 }'
}

kubectl delete namespace "$namespace" --ignore-not-found --wait >/dev/null
kubectl create namespace "$namespace" >/dev/null
trap 'kubectl delete namespace "$namespace" --wait=false >/dev/null' EXIT
begun=$(now)
kubectl --namespace "$namespace" apply --filename "$here/../../examples/minimal.yaml" >/dev/null
kubectl --namespace "$namespace" wait --for=condition=Ready --timeout=4m shop/demo >/dev/null
seconds=$(awk -v begun="$begun" -v now="$(now)" 'BEGIN { printf "%.1f", now - begun }')
echo "from apply to ready: $seconds s"
within "from apply to ready" "$seconds" 90 s

echo "at rest for $rest s"
sleep "$rest"
# What the kubelet tells the scheduler and `kubectl top`: memory in use but for files that can be read again.
memory=$(for node in $(kubectl get nodes --output name); do
	kubectl get --raw "/api/v1/nodes/${node#node/}/proxy/stats/summary"
done | jq --raw-output --slurp --arg namespace "$namespace" '
	[.[].pods[] | select(.podRef.namespace == $namespace) | {
		name: (.podRef.name | sub("^demo-"; "") | sub("(-[0-9a-f]+-[a-z0-9]{5}|-0)$"; "")),
		working: ([.containers[]?.memory.workingSetBytes // 0] | add), rss: ([.containers[]?.memory.rssBytes // 0] | add)
	} | select(.working > 0)] | sort_by(.name) as $pods
	| ["memory at rest, MB", "working set", "anonymous"],
	  ($pods[] | [.name, (.working / 1e6 * 10 | round / 10), (.rss / 1e6 * 10 | round / 10)]),
	  ([$pods[] | select(.name | IN("gateway", "user", "product", "order", "notification"))]
		| ["the five services", (map(.working) | add / 1e6 * 10 | round / 10), (map(.rss) | add / 1e6 * 10 | round / 10)])
	| @tsv' | awk -F '\t' '{ printf "%-20s %12s %12s\n", $1, $2, $3 }')
echo "$memory"
within "the five services at rest" "$(awk '/^the five services/ { print $4 }' <<<"$memory")" 60 MB

printf '\nfrom the start of the process to ready, ms (%s starts)\n' "$rounds"
for service in "${services[@]}"; do
	port=$(kubectl --namespace "$namespace" get "deployment/demo-$service" --output json |
		jq '.spec.template.spec.containers[0].ports[] | select(.name == "admin").containerPort')
	took=()
	for _ in $(seq "$rounds"); do
		took+=("$(start_of "$service" "$port")")
		kubectl --namespace "$namespace" rollout status "deployment/demo-$service" --timeout=2m >/dev/null
		end=$((SECONDS + 60))
		until [ "$(processes_of "$service" | wc -l)" = 1 ]; do
			in_time "$end" "the process before of $service to be gone"
			sleep 0.1
		done
	done
	mapfile -t took < <(printf '%s\n' "${took[@]}" | sort -n)
	printf '%-13s median %s, %s–%s\n' "$service" "${took[$((rounds / 2))]}" "${took[0]}" "${took[$((rounds - 1))]}"
	within "$service from start to ready" "${took[$((rounds / 2))]}" 300 ms
done
if [ "${#over[@]}" -gt 0 ]; then
	printf 'OVER THE BUDGET: %s\n' "${over[@]}" >&2
	exit 1
fi
