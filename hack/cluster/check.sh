#!/usr/bin/env bash
# Tries on the running cluster what it promises, with pods of its own in a namespace that is removed afterwards: restricted pods,
# names, Services, exec, logs, port-forward, volumes, network policies, metrics, scaling by load, and what needs two nodes if
# there are two. A few minutes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=settings.sh
. "$here/settings.sh"
need_root
namespace="cluster-check"
k() { "$here/in.sh" kubectl --namespace "$namespace" "$@"; }

trap 'k delete namespace "$namespace" --ignore-not-found --timeout=60s >/dev/null 2>&1' EXIT
passed=0 failed=0
# check WHAT COMMAND…
check() {
	local what=$1 said
	shift
	if said=$("$@" 2>&1); then
		passed=$((passed + 1))
		echo "ok      $what"
	else
		failed=$((failed + 1))
		printf 'FAILED  %s\n%s\n' "$what" "$said"
	fi
}
# within SECONDS COMMAND…: it succeeds by then.
within() {
	local until=$((SECONDS + $1)) said
	shift
	until said=$("$@" 2>&1); do
		[ "$SECONDS" -lt "$until" ] || {
			echo "$said"
			return 1
		}
		sleep 0.5
	done
}
# says TEXT COMMAND…: it succeeds and its output has the text.
says() {
	local text=$1 said
	shift
	if said=$("$@" 2>&1) && [[ $said == *"$text"* ]]; then
		return
	fi
	echo "$said"
	return 1
}
not() { ! "$@"; }
from() { k exec "$1" -- timeout 3 "${@:2}"; }
get_from() { from "$1" wget -q -O - "$2"; }

k apply --filename "$here/check/pods.yaml" >/dev/null
check "a restricted pod, a volume and a Service get ready" \
	k wait --for=condition=Ready pod --all --timeout=60s
check "a pod that is not restricted is refused" says 'violates PodSecurity "restricted' \
	sh -c "! '$here/in.sh' kubectl --namespace $namespace run loose --image localhost/shop-cluster/busybox:1 2>&1"
for name in server server.cluster-check server.cluster-check.svc.cluster.local writer-0.writer:8080; do
	check "$name is found and answers" get_from friend "http://$name/"
done
check "a name outside does not exist, at once" says NXDOMAIN sh -c \
	"! '$here/in.sh' kubectl --namespace $namespace exec friend -- timeout 3 nslookup -type=a example.invalid. 2>&1"
address=$(k get service server --output 'jsonpath={.spec.clusterIP}')
check "a Service is reached from the cluster's network, by address" says hello "$here/in.sh" curl --silent --max-time 3 "http://$address/"
check "a pod reaches itself through its Service" says hello k exec deploy/server -- timeout 3 wget -q -O - http://server/
check "logs are read" says serving k logs deploy/server
check "standard input reaches a process in a pod" says 7 sh -c \
	"echo 3+4 | '$here/in.sh' kubectl --namespace $namespace exec -i friend -- bc"
# shellcheck disable=SC2016 # Expanded in there.
check "a port is forwarded" says hello "$here/in.sh" bash -c '
	kubectl --namespace cluster-check port-forward service/server 18080:80 >/dev/null & forward=$!
	trap "kill $forward" EXIT
	curl --silent --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:18080/'
check "a volume belongs to the pod's group" says "1000:2000 -rw-r--r--
0:2000 drwxrws---" k exec writer-0 -- stat -c '%u:%g %A' /www/index.html /www
k delete pod writer-0 --wait >/dev/null
check "a new pod finds the volume" within 30 says "written
written" k exec writer-0 -- cat /www/index.html

# shellcheck source=check/growth.sh
. "$here/check/growth.sh"
# shellcheck source=check/policies.sh
. "$here/check/policies.sh"
# shellcheck source=check/load.sh
. "$here/check/load.sh"
[ "$(k get nodes --output name | wc -l)" -lt 2 ] || {
	# shellcheck source=check/nodes.sh
	. "$here/check/nodes.sh"
}
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
