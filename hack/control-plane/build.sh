#!/usr/bin/env bash
# Builds a Kubernetes control plane for tests from its Go modules, at the versions of go.mod, once into the shared cache, and
# prints the folder: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl and kwok, which plays the nodes.
# About eight minutes on two cores, instant when all is there. What the folder named by KUBEBUILDER_ASSETS has (setup-envtest
# makes one) is used instead and not built. `testkit::kubernetes` starts them; so does `make control-plane`.
# Usage: build.sh [PROGRAM…]; ../cluster also wants kubelet and kube-proxy.
set -euo pipefail
cd "$(dirname "$0")"
programs=("$@")
[ $# -gt 0 ] || programs=(etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kwok)

version=$(sed -n 's|^\tk8s.io/kubernetes v\([^ ]*\).*|\1|p' go.mod)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/shop-platform/tools/kubernetes-$version
pins=$(cat go.mod go.sum build.sh | sha256sum)

# What was built from other pins is built again.
missing() {
	local program
	for program in "${programs[@]}"; do
		[ -x "${KUBEBUILDER_ASSETS:-/nowhere}/$program" ] && continue
		[ -x "$folder/$program" ] && [ "$(cat "$folder/.$program.pins" 2>/dev/null)" = "$pins" ] && continue
		echo "$program"
	done
}

mkdir -p "$folder"
if [ -n "$(missing)" ]; then
	exec 9>"$folder/.lock"
	flock 9
fi
# Who waited for the lock finds it done.
mapfile -t missing < <(missing)
if [ "${#missing[@]}" -gt 0 ]; then
	command -v go >/dev/null || {
		echo "The control plane of the tests is built with Go 1.26 or newer: please install it, or name a folder with ${missing[*]} in KUBEBUILDER_ASSETS, and run this again." >&2
		exit 1
	}
	echo "building ${missing[*]} for Kubernetes $version (some minutes, once)" >&2
	new=$folder/.new
	rm -rf "$new"
	mkdir "$new"
	trap 'rm -rf "$new"' EXIT

	packages=()
	for program in "${missing[@]}"; do
		packages+=("$(grep -oE "^	[^ ]+/($program|$program/server/v3)$" go.mod | tr -d '\t')")
	done
	# As its own build does it; without these it calls itself v0.0.0, which clients and its own compatibility rules read.
	IFS=. read -r major minor _ <<<"$version"
	flags='-s -w'
	for package in k8s.io/client-go/pkg/version k8s.io/component-base/version; do
		flags+=" -X $package.gitVersion=v$version -X $package.gitMajor=$major -X $package.gitMinor=$minor -X $package.gitTreeState=archive"
	done
	CGO_ENABLED=0 GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false' \
		go build -trimpath -ldflags "$flags" -o "$new/" "${packages[@]}" >&2
	[ ! -e "$new/server" ] || mv "$new/server" "$new/etcd"
	for program in "${missing[@]}"; do
		# Whole or not there, also for somebody who starts one just now.
		mv "$new/$program" "$folder/$program"
		echo "$pins" >"$folder/.$program.pins"
	done
fi
echo "$folder"
