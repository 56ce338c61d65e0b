#!/usr/bin/env bash
# Tests the shop in a real cluster: images of `make images`, the operator from its chart, then every test of e2e/cluster.
#
#   ON=here   the cluster of hack/cluster, started if it is not there and ended if this started it (KEEP=1 leaves it); needs root
#   ON=kind   the kind cluster that kubectl's context names; its Services are reached over its node
#   ON=other  what KUBECONFIG names, if Services and pods can be reached from here and it has the images
#   FILTER    names of tests, or parts of them
set -euo pipefail
cd "$(dirname "$0")/.."
on=${ON:-here}
if [[ ! $on =~ ^(here|kind|other)$ ]]; then
	echo "ON is here, kind or other, not $on" >&2
	exit 2
fi
# With `template`, a service that a test adds.
programs=(gateway user product order notification shopctl operator template)
servers=(mongo:7.0 postgres:17 rabbitmq:4.0-management)
release=shop-operator namespace=shopplatform-operator
cargo=${CARGO:-cargo}

step() {
	printf '\n-- %s (%s s)\n' "$*" "$SECONDS"
}

step tests are built
binary=$("$cargo" test --locked --package operator --test cluster --no-run --message-format json |
	jq -r 'select(.reason == "compiler-artifact" and .target.name == "cluster") | .executable // empty' | tail -1)

DOCKER_HOST=$(hack/images/engine.sh)
export DOCKER_HOST
images=()
for program in "${programs[@]}"; do
	image=$IMAGES/$program:$VERSION
	docker image inspect "$image" >/dev/null 2>&1 || {
		echo "The image $image is not there: make it by \`make images PREBUILT=1\`." >&2
		exit 1
	}
	# What an upgrade goes to: the same programs under another name are another release.
	docker tag "$image" "$IMAGES/$program:e2e-next"
	images+=("$image" "$IMAGES/$program:e2e-next")
done

in=()
started=
# kind has no class whose disks grow.
skip=()
[ "$on" = here ] || [ -n "${GROWING_CLASS:-}" ] || skip=(--skip disks_grow)
export GROWING_CLASS=${GROWING_CLASS:-growing}
case $on in
here)
	(cd hack/cluster && go test ./network-policy)
	hack/cluster/in.sh true 2>/dev/null || {
		step the cluster starts
		hack/cluster/up.sh
		started=yes
	}
	in=(hack/cluster/in.sh)
	docker image inspect "${servers[@]}" >/dev/null 2>&1 || {
		step stand-ins of the servers are built
		hack/images/servers.sh
	}
	step images are loaded
	archive=$(mktemp)
	docker save --output "$archive" "${images[@]}" "${servers[@]}"
	hack/cluster/import.sh "$archive" | tail -2
	rm "$archive"
	;;
kind)
	step images are loaded
	kind load docker-image --name "${KIND_CLUSTER:-shop}" "${images[@]}"
	# The node forwards to Services and pods; only the way to them is not known here.
	node=$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "${KIND_CLUSTER:-shop}-control-plane")
	sudo ip route replace 10.96.0.0/16 via "$node"
	sudo ip route replace 10.244.0.0/16 via "$node"
	;;
other) ;;
esac
helm() { "${in[@]}" "$(hack/helm.sh)" "$@"; }
kubectl() { "${in[@]}" kubectl "$@"; }

finish() {
	local code=$?
	if [ "$code" -ne 0 ]; then
		kubectl get shop,pods --all-namespaces --output wide >&2 || true
		kubectl --namespace "$namespace" logs --selector app.kubernetes.io/name=operator --tail 30 >&2 || true
	fi
	[ -z "$started" ] || [ -n "${KEEP:-}" ] || hack/cluster/down.sh
	exit "$code"
}
trap finish EXIT

step the operator is installed
kubectl create namespace "$namespace" --dry-run=client --output yaml | kubectl apply --filename - >/dev/null
kubectl label --overwrite namespace "$namespace" pod-security.kubernetes.io/enforce=restricted >/dev/null
begin=$SECONDS
helm upgrade --install "$release" "$PWD/charts/shop-operator" --namespace "$namespace" --wait --timeout 3m \
	--set-string image.repository="$IMAGES/operator" --set-string image.tag="$VERSION" --set-string platformRegistry="$IMAGES" >/dev/null
echo "ready after $((SECONDS - begin)) s"

step tests
here=$PWD
(cd operator && "${in[@]/#/$here/}" "$binary" --test-threads 1 --nocapture "${skip[@]}" ${FILTER:-})

step the operator is uninstalled
helm uninstall "$release" --namespace "$namespace" --wait >/dev/null
kubectl delete crd shopplatforms.shopplatform.io --wait >/dev/null
kubectl delete namespace "$namespace" --wait >/dev/null
left=$(kubectl get all,pvc,secret,configmap,networkpolicy --all-namespaces --field-selector metadata.namespace!=kube-system --output name 2>/dev/null |
	grep -E 'shop|demo-' || true
	kubectl get clusterrole,clusterrolebinding,namespace --output name | grep -E 'shopplatform|shop-operator' || true)
if [ -n "$left" ]; then
	printf 'left behind:\n%s\n' "$left" >&2
	exit 1
fi
echo "nothing is left (${SECONDS} s)"
