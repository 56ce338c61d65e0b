#!/usr/bin/env bash
# Installs, upgrades and uninstalls charts/shop-operator in the control plane that KUBECONFIG names, in every way that its README
# tells, and holds what is there then to it. The control plane must be empty; nodes and pods may be played, so the operator itself
# is run here where its rights are tried. `OPERATOR=PROGRAM control-plane -- hack/check-chart/install.sh` starts it (testkit).
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${KUBECONFIG:?of a control plane that is there for this only}" "${OPERATOR:?the program of the operator}"
chart=charts/shop-operator
home=shopplatform-operator
crd=shopplatforms.shopplatform.io
program=$(hack/helm.sh)
work=$(mktemp -d)
background=()
clean_up() {
	local status=$?
	[ "${#background[@]}" = 0 ] || kill "${background[@]}" 2>/dev/null || true
	[ "$status" = 0 ] || { echo "what was said last:" && tail -n 20 "$work"/said "$work"/operator.log; } >&2 2>/dev/null
	rm -rf "$work"
}
trap clean_up EXIT
export HELM_CACHE_HOME=$work/helm/cache HELM_CONFIG_HOME=$work/helm/config HELM_DATA_HOME=$work/helm/data

says() { printf '%4s s  %s\n' "$SECONDS" "$*"; }
fail() {
	echo "FAILED: $*" >&2
	exit 1
}
helm() { "$program" "$@" >"$work/said" 2>&1; }
# Installs or upgrades a release, with these values and no others: RELEASE NAMESPACE ARGUMENTS…
installs() {
	local release=$1 namespace=$2
	shift 2
	helm upgrade --install "$release" "$chart" --reset-values --namespace "$namespace" --create-namespace "$@" ||
		fail "helm upgrade --install $release $*"
}
# The same is refused with these words: WORDS RELEASE NAMESPACE ARGUMENTS…
refuses() {
	local words=$1 release=$2 namespace=$3
	shift 3
	! helm upgrade --install "$release" "$chart" --reset-values --namespace "$namespace" "$@" || fail "not refused: $release $*"
	grep -qF -- "$words" "$work/said" || fail "not refused by \"$words\": $release $*"
}
is() {
	local right=$1 found
	shift
	found=$("$@" 2>&1) || true
	[ "$found" = "$right" ] || fail "$* is \"$found\", not \"$right\""
}
# The same, and it may take a while: eventually equals RIGHT COMMAND…
equals() {
	local right=$1
	shift
	found=$("$@" 2>&1)
	[ "$found" = "$right" ]
}
field() { kubectl get "$1" "$2" --namespace "$3" --ignore-not-found --output "jsonpath=$4"; }
eventually() {
	local end=$((SECONDS + 240))
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || fail "not within four minutes: $* (found: ${found-})"
		sleep 0.3
	done
}
# The definition comes or goes, and so does what the API server tells of it, a moment later: Helm takes the half of that for an error.
known() { [[ $(kubectl get --raw /apis) == *shopplatform.io* ]]; }
forgotten() {
	local apis
	apis=$(kubectl get --raw /apis) && [[ $apis != *shopplatform.io* ]]
}
forgets() {
	kubectl delete crd $crd --wait >/dev/null
	eventually forgotten
}
# What is left of a release, in any namespace, besides the definition and platforms.
left() {
	kubectl get deployments,services,serviceaccounts,networkpolicies,poddisruptionbudgets,roles,rolebindings,secrets --all-namespaces \
		--selector app.kubernetes.io/managed-by=Helm --output name
	kubectl get clusterroles,clusterrolebindings --output name | grep shopplatform || true
}

kubectl create namespace $home >/dev/null
kubectl label namespace $home pod-security.kubernetes.io/enforce=restricted >/dev/null

refuses 'the cluster does not know ShopPlatform, and crds.install is false' shop-operator $home --set crds.install=false
refuses 'the cluster does not know ServiceMonitor' shop-operator $home --set monitoring.serviceMonitor=Enabled
refuses 'platform.namespace is nowhere, which is no namespace of this cluster' shop-operator $home --set platform.create=true,platform.namespace=nowhere
refuses 'watchNamespace is nowhere, which is no namespace of this cluster' shop-operator $home --set watchNamespace=nowhere
says "what the cluster lacks is told before anything is made"

installs shop-operator $home --wait --timeout 60s
eventually equals 2 field deployment shopplatform-operator $home '{.status.readyReplicas}'
is True field crd $crd '' '{.status.conditions[?(@.type=="Established")].status}'
next=$(sed -n '/^Make a shop/,/^and watch/s/^  //p' "$work/said")
eval "$next" >/dev/null
is shopplatform.shopplatform.io/demo kubectl get shop demo --namespace shop --output name
says "installed: two pods under the standard restricted; the commands that the notes tell make a platform"

refuses 'an operator for all namespaces already, of the release shop-operator in the namespace shopplatform-operator' second elsewhere --create-namespace
refuses 'an operator for all namespaces already, of the release shop-operator' second elsewhere --create-namespace --set watchNamespace=shop
is '' kubectl get namespace elsewhere --ignore-not-found --output name
says "a second operator is refused"

# A newer chart has another definition.
cp -r "$chart" "$work/newer"
sed -i 's/description: The first administrator of the shop\./description: Somebody./' "$work/newer/files/shopplatforms.yaml"
administrator='{.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.administrator.description}'
is 'The first administrator of the shop.' field crd $crd '' "$administrator"
chart=$work/newer installs shop-operator $home --set replicas=3 --wait --timeout 60s
is Somebody. field crd $crd '' "$administrator"
eventually equals 3 field deployment shopplatform-operator $home '{.status.readyReplicas}'
helm rollback shop-operator --namespace $home || fail "helm rollback"
is 'The first administrator of the shop.' field crd $crd '' "$administrator"
chart=$work/newer installs shop-operator $home
is Somebody. field crd $crd '' "$administrator"
says "an upgrade upgrades the definition, a rollback takes it back"

! helm upgrade shop-operator "$chart" --namespace $home --set image.tag=missing --wait --timeout 5s || fail "an image that is not there is not missed"
grep -qF 'context deadline exceeded' "$work/said" || fail "README.md tells something else of an image that is not there"

(
	# What the kubelet would tell of the pod.
	eventually kubectl get pod shopplatform-operator-test --namespace $home >/dev/null 2>&1
	kubectl patch pod shopplatform-operator-test --namespace $home --subresource status --type merge --patch '{"status": {"phase": "Succeeded"}}'
) >/dev/null 2>&1 &
background+=($!)
helm test shop-operator --namespace $home --timeout 60s || fail "helm test"
says "helm test has its pod admitted (its success is played)"

helm uninstall shop-operator --namespace $home --wait || fail "helm uninstall"
is '' left
is shopplatform.shopplatform.io/demo kubectl get shop demo --namespace shop --output name
is True field crd $crd '' '{.status.conditions[?(@.type=="Established")].status}'
says "uninstalled: the definition and platforms stay, nothing else"

installs shop-operator $home
is 'The first administrator of the shop.' field crd $crd '' "$administrator"
helm uninstall shop-operator --namespace $home --wait
says "installed again: what is older than the chart is upgraded"

refuses 'the definition of ShopPlatform is in this cluster and belongs to the release shop-operator in the namespace shopplatform-operator' other other --create-namespace
eval "$(sed -n 's/.*from now on: `\([^`]*\)`.*/\1/p' "$work/said")" >/dev/null
installs other other
is other field crd $crd '' '{.metadata.annotations.meta\.helm\.sh/release-name}'
helm uninstall other --namespace other --wait
forgets
kubectl delete namespace other --wait >/dev/null
kubectl create --filename crds >/dev/null 2>&1
eventually known
refuses 'belongs to no release of Helm' shop-operator $home
installs shop-operator $home --set crds.install=false
helm uninstall shop-operator --namespace $home --wait
kubectl create --filename config/rbac.yaml >/dev/null
refuses 'an operator for all namespaces already, of no release of Helm' shop-operator $home --set crds.install=false
refuses 'remove it by `kubectl delete -f config/operator.yaml -f config/rbac.yaml`' shop-operator $home --set crds.install=false
kubectl delete --filename config/rbac.yaml >/dev/null
forgets
says "a definition and an operator of others are told, and the commands that are told help"

shop=(--set "platform.create=true,platform.namespace=shop,platform.name=shop")
installs shop-operator $home "${shop[@]}"
is Development field shop shop shop '{.spec.profile}'
refuses 'give platform.spec as it was when Helm made the platform' shop-operator $home "${shop[@]}" --set platform.spec.profile=Production
installs shop-operator $home "${shop[@]}"
installs shop-operator $home "${shop[@]}" --set platform.spec.profile=Production
is Production field shop shop shop '{.spec.profile}'
uid=$(field shop shop shop '{.metadata.uid}')
says "a platform comes with the first release, and is changed by later ones"

installs shop-operator $home
is Production field shop shop shop '{.spec.profile}'
refuses 'the platform shop/shop is there already, and this release does not have it yet' shop-operator $home "${shop[@]}"
installs shop-operator $home "${shop[@]}" --set platform.spec.profile=Production
helm uninstall shop-operator --namespace $home --wait
is "$uid" field shop shop shop '{.metadata.uid}'
refuses 'the platform shop/shop is there already, and this release does not have it yet' shop-operator $home "${shop[@]}"
installs shop-operator $home "${shop[@]}" --set platform.spec.profile=Production
is "$uid" field shop shop shop '{.metadata.uid}'
helm uninstall shop-operator --namespace $home --wait
kubectl delete shop shop --namespace shop --wait >/dev/null
says "a platform stays when its release goes, and is not taken over unseen"

for count in 1 2 3; do
	forgets
	installs shop-operator $home "${shop[@]}"
	is shopplatform.shopplatform.io/shop kubectl get shop shop --namespace shop --output name
	helm uninstall shop-operator --namespace $home --wait
done
says "the first release's platform does not depend on luck: $count times without --wait"

# An operator for one namespace. Its process is run here, as its account.
forgets
installs one watcher --set watchNamespace=shop,platform.create=true
is '' field clusterrole shopplatform-operator '' '{.metadata.name}'
refuses 'the namespace shop has an operator already, of the release one in the namespace watcher' two another --create-namespace --set watchNamespace=shop,crds.install=false
refuses 'the namespace watcher has an operator already, of the release one in the namespace watcher' two watcher --set watchNamespace=default,crds.install=false
refuses 'this cluster has an operator for one namespace, of the release one in the namespace watcher' shop-operator $home --set crds.install=false
says "an operator for one namespace: others of the same place are refused"

# Runs the operator of a namespace with the rights and the settings of its Deployment: NAMESPACE PORT
operate() {
	local namespace=$1 variables
	kubectl config view --raw --flatten >"$work/kubeconfig"
	kubectl --kubeconfig "$work/kubeconfig" config set-credentials account --token "$(kubectl create token shopplatform-operator --namespace "$namespace")" >/dev/null
	kubectl --kubeconfig "$work/kubeconfig" config set-context --current --user account >/dev/null
	mapfile -t variables < <(kubectl get deployment shopplatform-operator --namespace "$namespace" --output json |
		jq -r '.spec.template.spec.containers[0].env[] | select(.value) | "\(.name)=\(.value)"')
	env KUBECONFIG="$work/kubeconfig" POD_NAME=here POD_NAMESPACE="$namespace" "${variables[@]}" \
		"$OPERATOR" run --admin-host 127.0.0.1 --admin-port 0 >"$work/operator.log" 2>&1 &
	operator=$!
	background+=("$operator")
}
ready() { [ "$(field shop "$1" "$2" '{.status.phase}')" = Ready ]; }
operate watcher
eventually ready shop shop
is shopplatform-operator.watcher field shop shop shop '{.status.operator}'
kill "$operator"
wait "$operator" || fail "the operator did not end in order"
says "its rights are enough for a platform"

kubectl delete shop shop --namespace shop --wait >/dev/null
helm uninstall one --namespace watcher --wait
is '' left
installs bare shop --set watchNamespace=shop,rbac.clusterScoped=false,crds.install=false
is '' kubectl get clusterroles,clusterrolebindings --selector app.kubernetes.io/part-of=shop-platform --output name
kubectl create --namespace shop --filename examples/minimal.yaml >/dev/null
operate shop
eventually ready demo shop
kill "$operator"
wait "$operator" || fail "the operator did not end in order"
says "so are those of one that has none in the cluster"

# Somebody who may do nothing but in this namespace installs it too.
kubectl delete shop demo --namespace shop --wait >/dev/null
helm uninstall bare --namespace shop --wait
kubectl create serviceaccount tenant --namespace shop >/dev/null
kubectl create rolebinding tenant --namespace shop --clusterrole cluster-admin --serviceaccount shop:tenant >/dev/null
helm install bare "$chart" --namespace shop --kube-as-user system:serviceaccount:shop:tenant \
	--set watchNamespace=shop,rbac.clusterScoped=false,crds.install=false || fail "a tenant cannot install"
helm uninstall bare --namespace shop --wait
is '' left
says "who has rights in one namespace only can install one there"
