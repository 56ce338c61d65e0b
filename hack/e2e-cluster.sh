#!/usr/bin/env bash
# Tests the shop in a real cluster: images of `make images`, the operator from its chart, then every test of e2e/cluster.
#
#   ON=here   the cluster of hack/cluster, started if it is not there and ended if this started it (KEEP=1 leaves it); needs root
#   ON=kind   the kind cluster that kubectl's context names; its Services are reached over its node, so this is for Linux
#   ON=other  what KUBECONFIG names, if Services and pods can be reached from here and it has the images
#   NODES     how many nodes are started here, if no cluster runs: 2 if nothing is said; some tests need two
#   MEASURE=1 what a platform takes, instead of the tests (`make bench-cluster`; ON=here only)
#   IMAGES, VERSION   name and tag of the images, as the Makefile has them
#   FILTER    names of tests, or parts of them, each of which must be there; what becomes of a platform whose operator is uninstalled
#             is not tried then
#
# What a cluster cannot do is left out, and said: `GROWING_CLASS` names a storage class whose disks grow, `TEST_SERVERS_HOST` an
# address of this machine that pods reach (for servers outside the cluster; `hack/ensure-servers.sh` installs them), `KILL_POD` a
# program that kills the processes of a pod by its UID.
set -euo pipefail
cd "$(dirname "$0")/.."
on=${ON:-here}
if [[ ! $on =~ ^(here|kind|other)$ ]]; then
	echo "ON is here, kind or other, not $on" >&2
	exit 2
fi
if [ "$on" = here ] && [ "$(id -u)" -ne 0 ]; then
	echo "This starts real nodes and needs root: run it as root, or in a cluster of kind (ON=kind)." >&2
	exit 2
fi
hack/ensure-tools.sh curl jq
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/target}
IMAGES=${IMAGES:-ghcr.io/shop-platform} VERSION=${VERSION:-0.1.0}
# With `template`, a service that a test adds.
programs=(gateway user product order notification shopctl operator template)
servers=(mongo:7.0 postgres:17 rabbitmq:4.0-management)
release=shop-operator namespace=shopplatform-operator crd=shopplatforms.shopplatform.io
cargo=${CARGO:-cargo}

step() {
	printf '\n-- %s (%s s)\n' "$*" "$SECONDS"
}

DOCKER_HOST=$(hack/images/engine.sh)
export DOCKER_HOST
images=() next=()
for program in "${programs[@]}"; do
	image=$IMAGES/$program:$VERSION
	docker image inspect "$image" >/dev/null 2>&1 || {
		echo "The image $image is not there: make it by \`make images PREBUILT=1\`." >&2
		exit 1
	}
	# What an upgrade goes to: the same programs under another name are another release.
	next+=("$IMAGES/$program:e2e-next")
	docker tag "$image" "${next[-1]}"
	images+=("$image" "${next[-1]}")
done

step tests are built
binary=$("$cargo" test --locked --package operator --test cluster --no-run --message-format json |
	jq -r 'select(.reason == "compiler-artifact" and .target.name == "cluster") | .executable // empty' | tail -1)

tests=$("$binary" --list)
for name in ${FILTER:-}; do
	grep -qF -- "$name" <<<"$tests" || {
		printf 'FILTER names %s, and no test is called so:\n%s\n' "$name" "$tests" >&2
		exit 2
	}
done

# How a program gets into the cluster. `env` finds the program, where a name alone would find the function of that name again.
in=(env)
[ "$on" != here ] || in=("$PWD/hack/cluster/in.sh")
kubectl() { "${in[@]}" kubectl "$@"; }
helm() { "${in[@]}" "$HELM" "$@"; }

# What a cluster could leave on this machine. Links and rules of Docker come and go with containers, which are somebody else's.
of_this_machine() (
	# Each says what it can.
	set +e +o pipefail
	{
		ip -brief link | sed 's/[@ ].*//; /^\(docker\|veth\|br-\)/d; s/^/link /'
		ip netns list | sed 's/^/network namespace /'
		if command -v nft >/dev/null; then nft --stateless list ruleset; else iptables-save | sed 's/ \[.*//; /^#/d'; fi |
			sed '/docker\|veth\|br-/d'
		findmnt --raw --noheadings --output TARGET | grep -E '/run/netns|/kubelet/|/shop-platform/cluster' | sed 's/^/mount /'
		losetup --list --noheadings --output NAME,BACK-FILE | sed 's/^/loop device /'
		find /sys/fs/cgroup -type d -path '*/shop-*' -prune -print | sed 's/^/cgroup /'
		find "${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform" -maxdepth 1 -name 'cluster*'
	} 2>/dev/null | sort
)

# The kernel takes its time with what dead processes had mounted.
leaves_nothing() {
	local left until=$((SECONDS + 60))
	while left=$(of_this_machine | comm -13 "$work/before" -) && [ -n "$left" ]; do
		[ "$SECONDS" -lt "$until" ] || {
			printf 'the cluster was ended and left:\n%s\n' "$left" >&2
			return 1
		}
		sleep 0.5
	done
	echo "the cluster is ended, and nothing of it is on this machine"
}

work=$(mktemp -d)
started=
reached=
finish() {
	local code=$?
	if [ "$code" -ne 0 ] && [ -n "$reached" ]; then
		kubectl get pods --all-namespaces --output wide >&2 || true
		kubectl get shop --all-namespaces --output wide >&2 || true
		kubectl --namespace "$namespace" logs --selector app.kubernetes.io/name=operator --tail 30 >&2 || true
	fi
	if [ -n "$started" ] && [ -z "${KEEP:-}" ]; then
		hack/cluster/down.sh && leaves_nothing || code=1
	fi
	# Their names only: the images have others.
	docker rmi "${next[@]}" >/dev/null 2>&1 || true
	rm -rf "$work"
	exit "$code"
}
trap finish EXIT

skip=()
# leave_out TESTS WHY
leave_out() {
	skip+=(--skip "$1")
	printf 'LEFT OUT: %s, %s\n' "$1" "$2"
}
has_metrics() {
	[ "$(kubectl get apiservice v1beta1.metrics.k8s.io --ignore-not-found \
		--output 'jsonpath={.status.conditions[?(@.type=="Available")].status}')" = True ]
}
# A test waits four minutes, and Kubernetes five unless it is told otherwise, here to a control plane that kubeadm made.
shrinks_soon() {
	kubectl --namespace kube-system get pods --selector component=kube-controller-manager --output yaml | grep downscale-stabilization= >/dev/null
}
case $on in
here)
	(cd hack/cluster && go test ./network-policy)
	hack/cluster/in.sh true 2>/dev/null || {
		step the cluster starts
		of_this_machine >"$work/before"
		started=yes
		NODES=${NODES:-2} hack/cluster/up.sh
	}
	[ "$("${in[@]}" kubectl get nodes --output name | wc -l)" -ge 2 ] || leave_out nodes:: "for this cluster has one node only"
	hack/ensure-servers.sh
	# That of the control plane and of the first node.
	export GROWING_CLASS=${GROWING_CLASS:-growing} TEST_SERVERS_HOST=${TEST_SERVERS_HOST:-10.80.0.1}
	export KILL_POD=${KILL_POD:-$PWD/hack/cluster/kill.sh}
	step images are loaded
	hack/images/servers.sh "${servers[@]}"
	docker save --output "$work/images.tar" "${images[@]}" "${servers[@]}"
	hack/cluster/import.sh "$work/images.tar" | tail -2
	rm "$work/images.tar"
	;;
kind)
	step images are loaded
	kind load docker-image --name "${KIND_CLUSTER:-shop}" "${images[@]}"
	# The node forwards to Services and pods; only the way to them is not known here.
	node=$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "${KIND_CLUSTER:-shop}-control-plane")
	sudo ip route replace 10.96.0.0/16 via "$node"
	sudo ip route replace 10.244.0.0/16 via "$node"
	if ! has_metrics && command -v go >/dev/null; then
		step metrics-server is built
		hack/kind/metrics.sh
	fi
	;;
other) ;;
esac
reached=yes
if [ "$on" != here ]; then
	has_metrics && shrinks_soon || leave_out scale:: "for the cluster has no metrics, or shrinks not as soon as hack/kind/cluster.yaml says"
fi
[ "$on" != other ] || leave_out without_a_default_storage_class "which takes that away from everybody in the cluster"
[ "$on" = here ] || leave_out nodes:: "which switches a node of the cluster of hack/cluster off"
[ -n "${GROWING_CLASS:-}" ] || leave_out disks_grow "for no GROWING_CLASS is named"
[ -n "${KILL_POD:-}" ] || echo "LEFT OUT of faults::: processes that are killed and not pods, for no KILL_POD is named"
[ -n "${TEST_SERVERS_HOST:-}" ] || leave_out external:: "for no TEST_SERVERS_HOST is named"
HELM=$(hack/helm.sh)
export HELM

if ! kubectl get crd "$crd" >/dev/null 2>&1; then
	step "a platform before there is its definition"
	# kubectl remembers for hours what a cluster at this address knew.
	! told=$(kubectl --cache-dir "$work/cache" apply --filename examples/minimal.yaml 2>&1) || {
		echo "nothing is said of a kind that the cluster does not know" >&2
		exit 1
	}
	echo "$told"
	grep -q 'no matches for kind "ShopPlatform"' <<<"$told"
	grep -q 'ensure CRDs are installed first' <<<"$told"
fi

step the operator is installed
kubectl create namespace "$namespace" --dry-run=client --output yaml | kubectl apply --filename - >/dev/null
kubectl label --overwrite namespace "$namespace" pod-security.kubernetes.io/enforce=restricted >/dev/null
begin=$SECONDS
helm upgrade --install "$release" "$PWD/charts/shop-operator" --namespace "$namespace" --wait --timeout 3m \
	--set-string image.repository="$IMAGES/operator" --set-string image.tag="$VERSION" --set-string platformRegistry="$IMAGES" \
	--set progressDeadlineSeconds=90 >/dev/null
echo "ready after $((SECONDS - begin)) s"
helm test "$release" --namespace "$namespace" --timeout 2m

if [ -n "${MEASURE:-}" ]; then
	step figures
	hack/cluster/figures.sh
else
	step tests
	(cd operator && "${in[@]}" "$binary" --test-threads 1 --nocapture "${skip[@]}" ${FILTER:-})
fi

leaving=shop-leaving
# What there is in that namespace, and the volumes that belonged to it. Events stay for an hour, metrics for a minute.
left_of_it() {
	local kinds
	kinds=$(kubectl api-resources --namespaced --verbs list --output name | grep -vE '^events|metrics\.k8s\.io$' | paste -sd,)
	kubectl --namespace "$leaving" get "$kinds" --output name | grep -vxE 'configmap/kube-root-ca.crt|serviceaccount/default' || true
	kubectl get persistentvolumes --output json |
		jq --raw-output --arg namespace "$leaving" '.items[] | select(.spec.claimRef.namespace == $namespace) | .metadata.name'
}

if [ -z "${FILTER:-}${MEASURE:-}" ]; then
	step "a platform whose data are to go with it"
	kubectl delete namespace "$leaving" --ignore-not-found --wait >/dev/null
	kubectl create namespace "$leaving" >/dev/null
	kubectl --namespace "$leaving" apply --filename - >/dev/null <<-END
		apiVersion: shopplatform.io/v1alpha1
		kind: ShopPlatform
		metadata: {name: demo}
		spec: {deletionPolicy: Delete}
	END
	kubectl --namespace "$leaving" wait --for=condition=Ready --timeout=4m shop/demo >/dev/null
fi
step the operator is uninstalled
begin=$SECONDS
helm uninstall "$release" --namespace "$namespace" --wait >/dev/null
if [ -z "${FILTER:-}${MEASURE:-}" ]; then
	# Nobody looks after it any more: it goes all the same.
	kubectl --namespace "$leaving" delete shop demo --wait >/dev/null
	until left=$(left_of_it) && [ -z "$left" ]; do
		[ $((SECONDS - begin)) -lt 120 ] || {
			printf 'left behind of the platform:\n%s\n' "$left" >&2
			exit 1
		}
		sleep 0.5
	done
	echo "from helm uninstall and the deletion of the platform to nothing left of it: $((SECONDS - begin)) s"
	kubectl delete namespace "$leaving" --wait >/dev/null
fi
kubectl delete crd "$crd" --wait >/dev/null
kubectl delete namespace "$namespace" --wait >/dev/null
left=$(kubectl get all,pvc,secret,configmap,networkpolicy --all-namespaces --field-selector metadata.namespace!=kube-system --output name 2>/dev/null |
	grep -E 'shop|demo-' || true
	kubectl get clusterrole,clusterrolebinding,namespace --output name | grep -E 'shopplatform|shop-operator' || true)
if [ -n "$left" ]; then
	printf 'left behind:\n%s\n' "$left" >&2
	exit 1
fi
echo "nothing is left (${SECONDS} s)"
