#!/usr/bin/env bash
# Builds what runs in the cluster and is not Kubernetes itself, at the versions of go.mod, once into the shared cache, and prints
# the folder: coredns, growing-volumes, local-path-provisioner, metrics-server, network-policy, pause; and helm for whoever uses
# the cluster. Needs no root. Some minutes on two cores, instant when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=settings.sh
. ./settings.sh
programs=(coredns growing-volumes helm local-path-provisioner metrics-server network-policy pause)
mapfile -t sources < <(find . -name '*.go' ! -name '*_test.go' | sort)
pins=$(cat go.mod go.sum tools.sh "${sources[@]}" | sha256sum)
folder=$cache/tools/cluster

all_there() {
	[ "$(cat "$folder/.pins" 2>/dev/null)" = "$pins" ] && (cd "$folder" && ls "${programs[@]}") >/dev/null 2>&1
}

mkdir -p "$folder"
exec 9>"$folder/.lock"
all_there || flock 9
# Who waited for the lock finds it done.
if ! all_there; then
	command -v go >/dev/null || fail \
		"The cluster's programs are built with Go 1.26 or newer: please install it and run this again."
	echo "building ${programs[*]} (some minutes, once)" >&2
	new=$folder/.new
	rm -rf "$new"
	mkdir "$new"
	trap 'rm -rf "$new"' EXIT
	# As their own builds do it: helm tells charts, too, which Kubernetes it knows.
	flags="-s -w -X sigs.k8s.io/metrics-server/pkg/version.gitVersion=v$(version_of sigs.k8s.io/metrics-server)"
	flags+=" -X helm.sh/helm/v3/internal/version.version=v$(version_of helm.sh/helm/v3)"
	IFS=. read -r major minor _ < <(sed -n 's|^\tk8s.io/kubernetes v\([^ ]*\).*|\1|p' ../control-plane/go.mod)
	for package in helm.sh/helm/v3/pkg/lint/rules helm.sh/helm/v3/pkg/chartutil; do
		flags+=" -X $package.k8sVersionMajor=$major -X $package.k8sVersionMinor=$minor"
	done
	CGO_ENABLED=0 GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false' \
		go build -trimpath -ldflags "$flags" -o "$new/" tool ./coredns ./growing-volumes ./network-policy ./pause >&2
	for program in "${programs[@]}"; do
		# Whole or not there, also for somebody who starts one just now.
		mv "$new/$program" "$folder/$program"
	done
	echo "$pins" >"$folder/.pins"
fi
echo "$folder"
